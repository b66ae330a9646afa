"""The continuous Bernoulli distribution."""

import math

import cygrad

from ..autograd.grad_mode import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._probs_logits import ProbsOrLogits
from .distribution import EMPTY
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ProbsOrLogits, ExponentialFamily):
    """Density C(probs) probs^x (1 - probs)^(1 - x) on [0, 1] (Loaiza-Ganem and Cunningham, NeurIPS 2019).

    Where `probs` lies within `lims`, around 1/2, Taylor series replace formulas that divide 0 by 0 there.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    _mean_carrier_measure = 0
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        _, shape = self._set(probs, logits)
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)
        if probs is not None:  # after the check of what was given
            self.probs = clamp_probs(self.probs)

    def _expand_rest(self, new, batch_shape):
        new._lims = self._lims

    def _stable(self):
        """Whether the closed formulas hold, and probabilities moved to where they do."""
        stable = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return stable, cygrad.where(stable, self.probs, self._lims[0])

    def _log_norm(self):
        """log C = log(2 atanh(1 - 2p) / (1 - 2p))"""
        stable, p = self._stable()
        odds = (cygrad.log1p(-p) - cygrad.log(p)).abs()
        away = (1 - 2 * p).abs()
        x = (self.probs - 0.5).square()
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return cygrad.where(stable, odds.log() - away.log(), taylor)

    @property
    def mean(self):
        stable, p = self._stable()
        closed = p / (2.0 * p - 1.0) + 1.0 / (cygrad.log1p(-p) - cygrad.log(p))
        x = self.probs - 0.5
        return cygrad.where(stable, closed, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.square()) * x)

    @property
    def variance(self):
        stable, p = self._stable()
        closed = (
            p * (p - 1.0) / (1.0 - 2.0 * p).square()
            + 1.0 / (cygrad.log1p(-p) - cygrad.log(p)).square()
        )
        x = (self.probs - 0.5).square()
        return cygrad.where(stable, closed, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def _uniform(self, sample_shape):
        shape = self._extended_shape(sample_shape)
        return cygrad.rand(shape, dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            return self.icdf(self._uniform(sample_shape))

    def rsample(self, sample_shape=EMPTY):
        return self.icdf(self._uniform(sample_shape))

    def log_prob(self, value):
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return self._log_norm() - binary_cross_entropy_with_logits(logits, value, reduction="none")

    def cdf(self, value):
        self._check_sample(value)
        stable, p = self._stable()
        closed = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        found = cygrad.where(stable, closed, value)
        return cygrad.where(
            value <= 0.0,
            cygrad.zeros_like(value),
            cygrad.where(value >= 1.0, cygrad.ones_like(value), found),
        )

    def icdf(self, value):
        stable, p = self._stable()
        closed = (cygrad.log1p(-p + value * (2.0 * p - 1.0)) - cygrad.log1p(-p)) / (
            cygrad.log(p) - cygrad.log1p(-p)
        )
        return cygrad.where(stable, closed, value)

    def entropy(self):
        fail = cygrad.log1p(-self.probs)
        return self.mean * (fail - cygrad.log(self.probs)) - self._log_norm() - fail

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        """log((exp(x) - 1) / x), for x off 0 as by `lims`"""
        stable = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        off = cygrad.where(stable, x, self._lims[0] - 0.5)
        closed = cygrad.log(cygrad.expm1(off).abs()) - cygrad.log(off.abs())
        taylor = 0.5 * x + x.square() / 24.0 - x.pow(4) / 2880.0
        return cygrad.where(stable, closed, taylor)
