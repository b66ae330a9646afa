"""The categorical distribution over one-hot vectors."""

import cygrad

from ..autograd.grad_mode import no_grad
from ..nn.functional import one_hot
from . import constraints
from ._probs_logits import OfCategorical, read_from
from .categorical import Categorical
from .distribution import EMPTY, Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategorical, Distribution):
    """A `Categorical` whose values are one-hot vectors of its parameters' dtype."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        super().__init__(
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    def expand(self, batch_shape, _instance=None):
        categorical = self._categorical.expand(batch_shape)
        cls = self._expanding_class()
        return self._expanded(cls, batch_shape, _instance, _categorical=categorical)

    (mean,) = read_from("_categorical", "probs")

    @property
    def mode(self):
        return one_hot(self._categorical.mode, self.event_shape[-1]).to(self.probs.dtype)

    @property
    def variance(self):
        return self._categorical.probs * (1 - self._categorical.probs)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            indices = self._categorical.sample(sample_shape)
            return one_hot(indices, self.event_shape[-1]).to(self.probs.dtype)

    def log_prob(self, value):
        self._check_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self.event_shape[0]
        values = cygrad.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n,) + (1,) * len(self.batch_shape) + (n,))
        return values.expand((n,) + self.batch_shape + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """With a reparametrised sample by the straight-through estimator: its gradient is that of `probs` (Bengio,
    Leonard and Courville 2013).
    """

    has_rsample = True

    def rsample(self, sample_shape=EMPTY):
        probs = self._categorical.probs  # computed with its graph
        return self.sample(sample_shape) + (probs - probs.detach())
