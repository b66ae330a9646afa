"""The multivariate normal distribution whose covariance is a diagonal and a matrix of low rank."""

import math

import cygrad

from . import constraints
from ._matrices import half_log_det, mahalanobis, times
from .distribution import EMPTY, Distribution
from .utils import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Covariance W W^T + D, W = `cov_factor` (n, k) and D the diagonal matrix of `cov_diag` (n,).

    Solves and determinants are of the k x k capacitance matrix I + W^T D^-1 W, by the Woodbury formula and the matrix
    determinant lemma.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            batch_shape = cygrad.broadcast_shapes(
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as e:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag "
                f"{cov_diag.shape}"
            ) from e
        self.loc = loc.expand(batch_shape + event_shape)
        self.cov_factor = cov_factor.expand(batch_shape + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(batch_shape + event_shape)
        self._set_capacitance(cov_factor, cov_diag)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def _set_capacitance(self, factor, diag):
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = factor, diag  # not expanded
        capacitance = (factor.mT / diag.unsqueeze(-2)) @ factor
        eye = cygrad.eye(capacitance.shape[-1], dtype=capacitance.dtype, device=capacitance.device)
        self._capacitance_tril = cygrad.linalg.cholesky(capacitance + eye)

    def _expand_rest(self, new, batch_shape):
        new._unbroadcasted_cov_factor, new._unbroadcasted_cov_diag, new._capacitance_tril = (
            self._unbroadcasted_cov_factor,
            self._unbroadcasted_cov_diag,
            self._capacitance_tril,
        )

    def _full(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of D^1/2 (I + D^-1/2 W W^T D^-1/2) D^1/2"""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        eye = cygrad.eye(self._event_shape[0], dtype=root.dtype, device=root.device)
        return self._full(root * cygrad.linalg.cholesky(scaled @ scaled.mT + eye))

    @lazy_property
    def covariance_matrix(self):
        factor = self._unbroadcasted_cov_factor
        return self._full(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self):
        weighted = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        solved = cygrad.linalg.solve_triangular(self._capacitance_tril, weighted, upper=False)
        return self._full(self._unbroadcasted_cov_diag.reciprocal().diag_embed() - solved.mT @ solved)

    def rsample(self, sample_shape=EMPTY):
        shape = self._extended_shape(sample_shape)
        like = self.loc.dtype, self.loc.device
        low = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], *like)
        own = standard_normal(shape, *like)
        return self.loc + times(self._unbroadcasted_cov_factor, low) + self._unbroadcasted_cov_diag.sqrt() * own

    def _mahalanobis(self, diff):
        inner = times(self._unbroadcasted_cov_factor.mT, diff / self._unbroadcasted_cov_diag)
        return (diff.pow(2) / self._unbroadcasted_cov_diag).sum(-1) - mahalanobis(self._capacitance_tril, inner)

    def _log_det(self):
        return 2 * half_log_det(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def log_prob(self, value):
        self._check_sample(value)
        n = self._event_shape[0]
        square = self._mahalanobis(value - self.loc)
        return -0.5 * (n * math.log(2 * math.pi) + self._log_det() + square)

    def entropy(self):
        found = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return found.expand(self._batch_shape)
