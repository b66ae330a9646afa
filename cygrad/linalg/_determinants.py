"""Determinants, by LU; the gradient at singular matrices, by the singular values."""

import cygrad

from ._common import (
    deliver,
    diagonal,
    eye_like,
    lapack,
    need_floating,
    need_kernel,
    need_square,
    need_tensor,
    record,
    result,
    scaled_columns,
    swap_count,
)
from ._solve import inverse
from ._spectral import svd


def _cofactors(A):
    """The cofactors of square matrices, which are the gradient of det, singular or not.

    Of A = U S V^H they are det(U V^H) U diag(products of the other singular values) V^H (Stewart, On the adjugate
    matrix, 1998).
    """
    U, S, Vh = svd(A, full_matrices=False)
    n = S.shape[-1]
    apart = eye_like(S.unsqueeze(-1), n).bool()
    others = (
        cygrad.where(apart, cygrad.ones_like(S).unsqueeze(-2), S.unsqueeze(-2)).prod(-1).to(A.dtype)
    )
    return det(U @ Vh)[..., None, None] * (scaled_columns(U, others) @ Vh)


def _by_columns(A):
    """`A` or its transpose, which has the same determinant: the one that lies in memory as LAPACK reads it."""
    return A.mT if A.is_contiguous() and not A.is_complex() else A


def _det_backward(node, g):
    A, y = node.saved()
    g = g[..., None, None]
    if y.is_meta or not bool((y.detach() == 0).any()):
        return g * y.conj()[..., None, None] * inverse(A)[0].mH
    return g * _cofactors(A).conj() if A.is_complex() else g * _cofactors(A)


def det(A, *, out=None):
    """The determinants of (..., n, n), by LU."""
    need_tensor("linalg_det", A)
    need_square("linalg.det", A)
    need_floating("linalg.det", A)
    need_kernel("lu_cpu", A)
    LU, pivots, _ = lapack("getrf", _by_columns(A))
    sign = 1 - 2 * (swap_count(pivots) % 2).to(A.dtype)
    y = diagonal(LU).prod(-1) * sign
    (y,) = record((y,), "LinalgDetBackward0", (A,), _det_backward, (A, y))
    return deliver(out, y)


def _slogdet_backward(node, gsign, glog):
    A, sign = node.saved()
    g = glog
    if A.is_complex() and gsign is not None:
        # sign = exp(i arg): only its turning counts
        turn = (gsign.conj() * sign).imag
        g = cygrad.complex(cygrad.zeros_like(turn) if g is None else g, -turn)
    if g is None:
        return cygrad.zeros_like(A)
    return g[..., None, None] * inverse(A)[0].mH


def sign_and_log(A):
    """(sign, log |det|), recorded."""
    LU, pivots, _ = lapack("getrf", _by_columns(A))
    d = diagonal(LU)
    swaps = (1 - 2 * (swap_count(pivots) % 2)).to(A.dtype)
    sign = d.sgn().prod(-1) * swaps
    logabs = d.abs().log().sum(-1)
    return record((sign, logabs), "LinalgSlogdetBackward0", (A,), _slogdet_backward, (A, sign))


def slogdet(A, *, out=None):
    """The sign and the logarithm of the absolute value of the determinants of (..., n, n)."""
    need_tensor("linalg_slogdet", A)
    need_square("linalg.slogdet", A)
    need_floating("linalg.slogdet", A, False)
    return result("linalg_slogdet", sign_and_log(A), out)
