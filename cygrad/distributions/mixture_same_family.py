"""Mixtures of distributions of one family."""

import cygrad

from ..autograd.grad_mode import no_grad
from . import constraints
from .categorical import Categorical
from .distribution import EMPTY, Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """`mixture_distribution`, a Categorical, picks along the last batch dimension of `component_distribution`."""

    arg_constraints = {}
    has_rsample = False

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of torch.distributions.Distribution"
            )
        mixture_batch = mixture_distribution.batch_shape
        component_batch = component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(mixture_batch), reversed(component_batch)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixture_batch}) is not compatible with "
                    f"`component_distribution.batch_shape`({component_batch})"
                )
        picked, offered = (
            mixture_distribution.logits.shape[-1],
            component_distribution.batch_shape[-1],
        )
        if picked != offered:
            raise ValueError(
                f"`mixture_distribution component` ({picked}) does not equal `component_distribution.batch_shape[-1]` "
                f"({offered})"
            )
        self._num_component = offered
        event_shape = component_distribution.event_shape
        super().__init__(component_batch, event_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        n = self._num_component
        return self._expanded(
            MixtureSameFamily,
            batch_shape,
            _instance,
            _component_distribution=self._component_distribution.expand((*batch_shape, n)),
            _mixture_distribution=self._mixture_distribution.expand(batch_shape),
            _num_component=n,
        )

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        return self._mixture_distribution

    @property
    def component_distribution(self):
        return self._component_distribution

    def _axis(self):
        """The components' dimension in a sample."""
        return -1 - len(self.event_shape)

    def _padded(self, x):
        """(batch..., k) with dimensions of size 1 for the event."""
        return x.reshape(x.shape[:-1] + x.shape[-1:] + (1,) * len(self.event_shape))

    @property
    def mean(self):
        probs = self._padded(self.mixture_distribution.probs)
        return (probs * self.component_distribution.mean).sum(self._axis())

    @property
    def variance(self):
        """By the law of total variance."""
        probs = self._padded(self.mixture_distribution.probs)
        within = (probs * self.component_distribution.variance).sum(self._axis())
        off = self.component_distribution.mean - self.mean.unsqueeze(self._axis())
        return within + (probs * off.pow(2.0)).sum(self._axis())

    def cdf(self, x):
        found = self.component_distribution.cdf(x.unsqueeze(self._axis()))
        return (found * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, x):
        self._check_sample(x)
        found = self.component_distribution.log_prob(x.unsqueeze(self._axis()))
        weights = cygrad.log_softmax(self.mixture_distribution.logits, dim=-1)
        return cygrad.logsumexp(found + weights, dim=-1)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            picked = self.mixture_distribution.sample(sample_shape)
            values = self.component_distribution.sample(sample_shape)
            shape = values.shape[: values.dim() - len(self.event_shape) - 1]
            picked = self._padded(picked.expand(shape).unsqueeze(-1))
            picked = picked.expand(shape + (1,) + self.event_shape)
            return values.gather(self._axis(), picked).squeeze(self._axis())

    def __repr__(self):
        return (
            f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
        )
