"""What the distributions with a covariance matrix share."""

import cygrad
from cygrad import linalg

from . import constraints
from .utils import lazy_property


class ByFactor:
    """The matrices of a distribution that computes with the lower Cholesky factor of its covariance.

    That is `_unbroadcasted_scale_tril`: the name is PyTorch's, subclasses in libraries set it themselves.

    They are made at their first use, but for the one that is given; `_full` gives a matrix the batch shape.
    """

    matrix_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def _given(self, error, *matrices):
        """The name and value of the one of the matrices that is given."""
        given = [
            (k, x) for k, x in zip(self.matrix_constraints, matrices, strict=True) if x is not None
        ]
        if len(given) != 1:
            raise error(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        return given[0]

    def _expand_rest(self, new, batch_shape):
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril

    @lazy_property
    def scale_tril(self):
        """L with L L^T the covariance."""
        return self._full(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        return self._full(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self):
        return self._full(inverse_by_factor(self._unbroadcasted_scale_tril))


def factor_of_inverse(matrix):
    """The lower Cholesky factor of the inverse of a positive definite matrix.

    Reversing rows and columns turns the lower factor of P into an upper one, P = U U^T, so that P^-1 = U^-T U^-1.
    """
    upper = linalg.cholesky(matrix.flip(-2, -1)).flip(-2, -1)
    eye = cygrad.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return linalg.solve_triangular(upper.mT, eye.expand(matrix.shape), upper=False)


FACTORS = {  # the lower factor of the covariance by what is given
    "covariance_matrix": linalg.cholesky,
    "precision_matrix": factor_of_inverse,
    "scale_tril": lambda factor: factor,
}


def inverse_by_factor(factor):
    """(L L^T)^-1"""
    eye = cygrad.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    inverse = linalg.solve_triangular(factor, eye.expand(factor.shape), upper=False)
    return inverse.mT @ inverse


def solve_lower(factor, vectors):
    """L^-1 x for vectors (..., n) that broadcast with factors (..., n, n)."""
    if factor.dim() == 2:  # one factor for all, one solve
        columns = vectors.reshape(-1, vectors.shape[-1]).T
        return linalg.solve_triangular(factor, columns, upper=False).T.reshape(vectors.shape)
    shape = cygrad.broadcast_shapes(factor.shape[:-2], vectors.shape[:-1])
    columns = vectors.expand(shape + vectors.shape[-1:]).unsqueeze(-1)
    return linalg.solve_triangular(
        factor.expand(shape + factor.shape[-2:]), columns, upper=False
    ).squeeze(-1)


def mahalanobis(factor, vectors):
    """x^T (L L^T)^-1 x"""
    return solve_lower(factor, vectors).pow(2).sum(-1)


def half_log_det(factor):
    """log det(L) = log det(L L^T) / 2"""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def times(matrix, vector):
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
