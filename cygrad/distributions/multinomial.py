"""The multinomial distribution."""

import cygrad

from ..autograd.grad_mode import no_grad
from . import constraints
from ._probs_logits import OfCategorical
from .binomial import Binomial
from .categorical import Categorical
from .distribution import EMPTY, Distribution

__all__ = ["Multinomial"]


class Multinomial(OfCategorical, Distribution):
    """How often each of K categories comes up in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    def expand(self, batch_shape, _instance=None):
        return self._expanded(
            Multinomial,
            batch_shape,
            _instance,
            total_count=self.total_count,
            _categorical=self._categorical.expand(batch_shape),
            _binomial=self._binomial.expand((*batch_shape, *self.event_shape)),
        )

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            drawn = self._categorical.sample((self.total_count,) + tuple(sample_shape))
            drawn = drawn.permute(*range(1, drawn.dim()), 0)  # the draws last
            counts = drawn.new_zeros(self._extended_shape(sample_shape))
            counts.scatter_add_(-1, drawn, cygrad.ones_like(drawn))
            return counts.type_as(self.probs)

    def entropy(self):
        """log(n!) is taken off the categories' entropies; the mean of log(x_i!) comes from binomial marginals (Cover
        and Thomas, Elements of Information Theory).
        """
        n = cygrad.tensor(float(self.total_count), dtype=self.probs.dtype, device=self.probs.device)
        support = self._binomial.enumerate_support(expand=False)[1:]
        weights = cygrad.exp(self._binomial.log_prob(support)) * cygrad.lgamma(support + 1)
        return n * self._categorical.entropy() - cygrad.lgamma(n + 1) + weights.sum(0).sum(-1)

    def log_prob(self, value):
        self._check_sample(value)
        logits, value = cygrad.broadcast_tensors(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -cygrad.inf), 0)  # 0 log 0 = 0
        factorials = cygrad.lgamma(value.sum(-1) + 1) - cygrad.lgamma(value + 1).sum(-1)
        return factorials + (logits * value).sum(-1)
