"""Dropout modules; they do nothing in evaluation."""

from .. import functional as F
from ..module import Module


class _DropoutNd(Module):
    __constants__ = ["p", "inplace"]

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input):
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Zeroes elements with probability p and scales the rest by 1 / (1 - p).

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input

    >>> nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    _function = staticmethod(F.dropout)


class Dropout1d(_DropoutNd):
    """Zeroes whole channels of (N, C, L) or (C, L).

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input
    """

    _function = staticmethod(F.dropout1d)


class Dropout2d(_DropoutNd):
    """Zeroes whole channels of (N, C, H, W).

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input
    """

    _function = staticmethod(F.dropout2d)


class Dropout3d(_DropoutNd):
    """Zeroes whole channels of (N, C, D, H, W) or (C, D, H, W).

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input
    """

    _function = staticmethod(F.dropout3d)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance after SELU.

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input
    """

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels.

    p: the exponent of a norm, or the probability of dropping an element
    inplace: whether the result is written into the input
    """

    _function = staticmethod(F.feature_alpha_dropout)
