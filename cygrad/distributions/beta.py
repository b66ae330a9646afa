"""The beta distribution."""

import cygrad

from . import constraints
from .dirichlet import Dirichlet
from .distribution import EMPTY
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Beta"]


class Beta(ExponentialFamily):
    """Density x^(a - 1) (1 - x)^(b - 1) / B(a, b), a = `concentration1`, b = `concentration0`: a Dirichlet of two."""

    arg_constraints = dict.fromkeys(("concentration1", "concentration0"), constraints.positive)
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        a, b = broadcast_all(concentration1, concentration0)
        # Checked here, as parameters of this distribution.
        self._dirichlet = Dirichlet(cygrad.stack([a, b], -1), validate_args=False)
        super().__init__(a.shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        dirichlet = self._dirichlet.expand(batch_shape)
        return self._expanded(Beta, batch_shape, _instance, _dirichlet=dirichlet)

    @property
    def concentration1(self):
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self):
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self):
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self):
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self):
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape=EMPTY):
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value):
        self._check_sample(value)
        return self._dirichlet.log_prob(cygrad.stack([value, 1.0 - value], -1))

    def entropy(self):
        return self._dirichlet.entropy()

    @property
    def _natural_params(self):
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x, y):
        return cygrad.lgamma(x) + cygrad.lgamma(y) - cygrad.lgamma(x + y)
