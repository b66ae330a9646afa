"""Student's t distribution."""

import math

import cygrad

from . import constraints
from .chi2 import Chi2
from .distribution import EMPTY, Distribution
from .utils import broadcast_all, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """loc + scale * X / sqrt(Z / df), X standard normal and Z chi-squared with `df` degrees of freedom."""

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        finite = self.scale.pow(2) * self.df / (self.df - 2)
        return finite.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape=EMPTY):
        x = standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        z = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * (x * cygrad.rsqrt(z / self.df))

    def log_prob(self, value):
        self._check_sample(value)
        y, df = (value - self.loc) / self.scale, self.df
        normalizer = (
            self.scale.log()
            + 0.5 * df.log()
            + 0.5 * math.log(math.pi)
            + cygrad.lgamma(0.5 * df)
            - cygrad.lgamma(0.5 * (df + 1.0))
        )
        return -0.5 * (df + 1.0) * cygrad.log1p(y**2.0 / df) - normalizer

    def entropy(self):
        df = self.df
        beta = cygrad.lgamma(0.5 * df) + math.lgamma(0.5) - cygrad.lgamma(0.5 * (df + 1))
        digammas = cygrad.digamma(0.5 * (df + 1)) - cygrad.digamma(0.5 * df)
        return self.scale.log() + 0.5 * (df + 1) * digammas + 0.5 * df.log() + beta
