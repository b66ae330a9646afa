"""The von Mises distribution."""

import math

import cygrad

from ..autograd.grad_mode import no_grad
from . import constraints
from .distribution import EMPTY, Distribution
from .utils import broadcast_all

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Density proportional to exp(concentration cos(x - loc)) on the circle, [-pi, pi)."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value):
        self._check_sample(value)
        k = self.concentration
        bessel = cygrad.log(cygrad.special.i0e(k)) + k
        return k * cygrad.cos(value - self.loc) - math.log(2 * math.pi) - bessel

    def sample(self, sample_shape=EMPTY):
        """By rejection from a wrapped Cauchy distribution, in double (Best and Fisher 1979)."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, k = self.loc.double(), self.concentration.double()
            tau = 1 + (1 + 4 * k**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = cygrad.where(
                k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho)
            )  # Taylor's where that cancels
            x = cygrad.empty(shape, dtype=loc.dtype, device=loc.device)
            done = cygrad.zeros(shape, dtype=cygrad.bool, device=loc.device)
            while not done.all():
                u1, u2, u3 = cygrad.rand((3,) + shape, dtype=loc.dtype, device=loc.device).unbind()
                z = cygrad.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                if accepted.any():
                    x = cygrad.where(accepted, (u3 - 0.5).sign() * f.acos(), x)
                    done = done | accepted
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self):
        """The circular mean."""
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        """The circular variance."""
        k = self.concentration
        return 1 - cygrad.special.i1e(k) / cygrad.special.i0e(k)
