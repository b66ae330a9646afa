"""Distances of pairs of vectors."""

from .. import functional as F
from ..module import Module


class PairwiseDistance(Module):
    """||x1 - x2 + eps||_p along the last dimension.

    p: the exponent of a norm, or the probability of dropping an element
    eps: a small number that keeps a divisor from zero
    keepdim: whether a dimension that was reduced stays, with size 1
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between x1 and x2 along ``dim``.

    dim: the dimension, counted from the last where it is negative
    eps: a small number that keeps a divisor from zero
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
