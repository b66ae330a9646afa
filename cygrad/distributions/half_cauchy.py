"""The half-Cauchy distribution."""

import math

import cygrad

from ._half import Half
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """|x| for x of Cauchy(0, scale)."""

    symmetric = Cauchy

    @property
    def mean(self):
        return cygrad.full_like(self.scale, math.inf)

    @property
    def variance(self):
        return self.base_dist.variance

    def _folded(self, value):
        value = cygrad.as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        return super()._folded(value)
