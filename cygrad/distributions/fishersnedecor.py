"""The F distribution."""

import cygrad

from . import constraints
from .distribution import EMPTY, Distribution
from .gamma import Gamma
from .utils import broadcast_all

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The ratio of two chi-squared numbers, each over its degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1, df2, validate_args=None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self):
        df2 = self.df2.masked_fill(self.df2 <= 2, cygrad.nan)
        return df2 / (df2 - 2)

    @property
    def mode(self):
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, cygrad.nan)

    @property
    def variance(self):
        df2 = self.df2.masked_fill(self.df2 <= 4, cygrad.nan)
        return 2 * df2.pow(2) * (self.df1 + df2 - 2) / (self.df1 * (df2 - 2).pow(2) * (df2 - 4))

    def rsample(self, sample_shape=EMPTY):
        tiny = cygrad.finfo(self.df1.dtype).tiny
        above, below = [
            Gamma(df / 2, df, validate_args=False).rsample(sample_shape)
            for df in (self.df1, self.df2)
        ]
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value):
        self._check_sample(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        beta = cygrad.lgamma(a) + cygrad.lgamma(b) - cygrad.lgamma(a + b)
        return (
            a * ratio.log() + (a - 1) * value.log() - (a + b) * cygrad.log1p(ratio * value) - beta
        )
