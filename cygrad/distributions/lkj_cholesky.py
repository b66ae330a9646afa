"""The LKJ distribution of Cholesky factors of correlation matrices."""

import math

import cygrad

from ..autograd.grad_mode import no_grad
from . import constraints
from .beta import Beta
from .distribution import EMPTY, Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors of `dim` x `dim` correlation matrices with density det^(concentration - 1).

    Sampled by the onion method (Lewandowski, Kurowicka and Joe, Generating random correlation matrices based on vines
    and extended onion method, 2009).

    dim: the dimension, counted from the last where it is negative
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def _expand_rest(self, new, batch_shape):
        new.dim = self.dim

    def _radii(self):
        """The distribution of each row's squared length beside the diagonal; the first row's counts for nothing."""
        rows = cygrad.arange(
            self.dim - 1, dtype=self.concentration.dtype, device=self.concentration.device
        )
        rows = cygrad.cat([rows.new_zeros(1), rows])
        marginal = self.concentration + 0.5 * (self.dim - 2)
        return Beta(rows + 0.5, marginal.unsqueeze(-1) - 0.5 * rows)

    def sample(self, sample_shape=EMPTY):
        with no_grad():
            shape = self._extended_shape(sample_shape)
            y = self._radii().sample(sample_shape).unsqueeze(-1)
            like = {"dtype": self.concentration.dtype, "device": self.concentration.device}
            u = cygrad.randn(shape, **like).tril(-1)
            u = u / u.norm(dim=-1, keepdim=True)
            u[..., 0, :].fill_(0.0)  # the first row is all diagonal
            w = cygrad.sqrt(y) * u
            eps = cygrad.finfo(w.dtype).tiny
            diagonal = cygrad.clamp(1 - (w**2).sum(dim=-1), min=eps).sqrt()
            return w + diagonal.diag_embed()

    def log_prob(self, value):
        self._check_sample(value)
        # The densities of Theorem 5 of the paper, and the Jacobian of the Cholesky factorisation.
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = cygrad.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        kernel = (order * diagonal.log()).sum(-1)
        m = self.dim - 1
        alpha = self.concentration + 0.5 * m
        normalizer = (
            0.5 * m * math.log(math.pi) + cygrad.mvlgamma(alpha - 0.5, m) - cygrad.lgamma(alpha) * m
        )
        return kernel - normalizer
