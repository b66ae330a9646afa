"""What torch and Tensor have of linear algebra beside torch.linalg: other names, and older functions."""

import cygrad
from cygrad._warnings import warn_once

from . import _determinants, _least_squares, _norms, _solve, _spectral
from ._common import (
    broadcast_batches,
    check_info,
    deliver,
    kind,
    lapack,
    need_floating,
    need_kernel,
    need_matrices,
    need_square,
    need_tensor,
    record,
    result,
)

det, slogdet_of = _determinants.det, _determinants.sign_and_log
matrix_power, matrix_exp = _norms.matrix_power, _spectral.matrix_exp
lu_unpack, geqrf, ormqr = _solve.lu_unpack, _spectral.geqrf, _spectral.ormqr
orgqr = _spectral.householder_product


def _deprecated(old, new, advice):
    warn_once(
        f"torch.{old} is deprecated in favor of {new} and will be removed in a future PyTorch release.\n{advice}",
        stacklevel=3,
    )


# ---------------------------------------------------------------- determinants, inverses


def slogdet(input, *, out=None):
    """As linalg.slogdet."""
    need_tensor("slogdet", input, "input")
    need_square("linalg.slogdet", input)
    need_floating("linalg.slogdet", input, False)
    return result("slogdet", slogdet_of(input), out)


def logdet(input):
    """The logarithms of the determinants of (..., n, n): -inf of 0, NaN of negative ones."""
    need_tensor("logdet", input, "input")
    need_square("logdet", input)
    need_floating("logdet", input, False)
    sign, log = slogdet_of(input)
    if input.is_complex():
        return sign.log() + log
    return cygrad.where(sign == -1, cygrad.nan, log)


def inverse(input, *, out=None):
    """As linalg.inv."""
    return _solve.inv(input, out=out)


def pinverse(input, rcond=1e-15):
    """As linalg.pinv with a relative tolerance."""
    return _least_squares.pinv(input, rcond)


# ---------------------------------------------------------------- Cholesky


def cholesky(input, upper=False, *, out=None):
    """As linalg.cholesky; deprecated."""
    _deprecated(
        "cholesky", "torch.linalg.cholesky",
        "L = torch.cholesky(A)\nshould be replaced with\nL = torch.linalg.cholesky(A)\nand\n"
        "U = torch.cholesky(A, upper=True)\nshould be replaced with\nU = torch.linalg.cholesky(A).mH\n"
        "This transform will produce equivalent results for all valid (symmetric positive definite) inputs.",
    )  # fmt: skip
    need_tensor("cholesky", input, "input")
    need_square("cholesky", input)
    need_kernel("cholesky_cpu", input)
    L, info = _solve.factor_cholesky(input, upper, "CholeskyBackward0")
    check_info("cholesky", "cholesky", info)
    return deliver(out, L, "cholesky")


def _factor_gradient(L, gM, upper):
    """The gradient of L (or U) in L L^H (U^H U) = M."""
    gM = gM + gM.mH
    return L @ gM if upper else gM @ L


def _cholesky_inverse_backward(node, g, *_):
    L, Y = node.saved()
    return _factor_gradient(L, -(Y @ g @ Y), node.args[0])


def cholesky_inverse(L, upper=False, *, out=None):
    """The inverse of L L^H (U^H U where upper)."""
    need_tensor("cholesky_inverse", L, "input")
    need_square("cholesky_inverse", L)
    need_kernel("cholesky_inverse_out_cpu", L)
    Y, info = lapack("potri", L, upper)
    check_info("cholesky_inverse", "inv", info)
    half = Y.triu() if upper else Y.tril()
    other = Y.triu(1) if upper else Y.tril(-1)
    Y = half + other.mH
    (Y,) = record(
        (Y,), "CholeskyInverseBackward0", (L,), _cholesky_inverse_backward, (L, Y), (upper,)
    )
    return deliver(out, Y, "cholesky_inverse")


def _cholesky_solve_backward(node, g, *_):
    L, X = node.saved()
    upper = node.args[0]
    gB = cholesky_solve(g, L, upper)
    gL = _factor_gradient(L, -(gB @ X.mH), upper) if node.needs(1) else None
    return gB if node.needs(0) else None, gL


def _need_same(b, A):
    if b.dtype != A.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {kind(b)} and A of type {kind(A)} instead."
        )


def cholesky_solve(B, L, upper=False, *, out=None):
    """X of L L^H X = B (U^H U X = B where upper); batches broadcast."""
    need_tensor("cholesky_solve", B, "input")
    need_tensor("cholesky_solve", L, "input2", 2)
    for x, name in ((B, "b"), (L, "u")):
        if x.dim() < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {x.dim()} dimensions instead"
            )
    _need_same(B, L)
    need_square("cholesky_solve", L)
    if L.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by {L.shape[-1]} but each b "
            f"matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    need_kernel("cholesky_solve_cpu", B)
    F, Y = broadcast_batches(L, B)
    X = lapack("potrs", F, Y, upper)
    (X,) = record(
        (X,), "CholeskySolveBackward0", (Y, F), _cholesky_solve_backward, (F, X), (upper,)
    )
    return deliver(out, X, "cholesky_solve")


# ---------------------------------------------------------------- older factorisations


def svd(input, some=True, compute_uv=True, *, out=None):
    """U, S and V of U diag(S) V^H; zeros for U and V where they are not wanted."""
    need_tensor("svd", input, "input")
    if input.dim() < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.dim()} dimensions instead"
        )
    need_floating("linalg.svd", input)
    need_kernel("linalg_svd_cpu", input)
    if compute_uv:
        U, S, Vh = _spectral.factor_svd(input, not some)
        return result("svd", (U, S, Vh.mH), out)
    m, n = input.shape[-2:]
    zeros = input.detach().new_zeros
    batch = input.shape[:-2]
    values = zeros(*batch, m, m), _spectral.singular_values(input), zeros(*batch, n, n)
    return result("svd", values, out)


def qr(input, some=True, *, out=None):
    """As linalg.qr; deprecated."""
    _deprecated(
        "qr", "torch.linalg.qr",
        "The boolean parameter 'some' has been replaced with a string parameter 'mode'.\nQ, R = torch.qr(A, some)\n"
        "should be replaced with\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')",
    )  # fmt: skip
    need_tensor("qr", input, "input")
    need_matrices("linalg.qr", input)
    need_kernel("geqrf_cpu", input)
    return result("qr", _spectral.factor_qr(input, "reduced" if some else "complete"), out)


def lu(A, pivot=True, get_infos=False, out=None):
    """The packed LU factors and pivots, and infos where asked for; deprecated."""
    _deprecated(
        "lu", "torch.linalg.lu_factor / torch.linalg.lu_factor_ex",
        "LU, pivots = torch.lu(A, compute_pivots)\nshould be replaced with\n"
        "LU, pivots = torch.linalg.lu_factor(A, compute_pivots)\nand\n"
        "LU, pivots, info = torch.lu(A, compute_pivots, get_infos=True)\nshould be replaced with\n"
        "LU, pivots, info = torch.linalg.lu_factor_ex(A, compute_pivots)",
    )  # fmt: skip
    values = tuple(_solve.lu_factor_ex(A, pivot=pivot))
    if out is not None:
        values = tuple(deliver(o, v) for o, v in zip(out, values, strict=False))
    if get_infos:
        return result("_lu_with_info", values)
    return values[:2]


def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """As linalg.lu_solve, with the arguments in another order; deprecated."""
    warn_once(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a future PyTorch "
        "release.\n"
        "Note that torch.linalg.lu_solve has its arguments reversed.\nX = torch.lu_solve(B, LU, pivots)\n"
        "should be replaced with\nX = torch.linalg.lu_solve(LU, pivots, B)",
        stacklevel=2,
    )
    return _solve.lu_solve(LU_data, LU_pivots, b, out=out)


def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """X of A X = b (A^T X = b) for triangular A, and a copy of A; deprecated."""
    warn_once(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangularand will be removed in a future "
        "PyTorch release.\ntorch.linalg.solve_triangular has its arguments reversed and does not return a copy of one "
        "of "
        "the inputs.\nX = torch.triangular_solve(B, A).solution\nshould be replaced with\n"
        "X = torch.linalg.solve_triangular(A, B).",
        stacklevel=2,
    )
    for x, name in ((b, "b"), (A, "A")):
        if x.dim() < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {x.dim()} "
                f"dimensions "
                "instead"
            )
    _need_same(b, A)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )
    if A.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for triangular_solve: each A matrix is {A.shape[-1]} by {A.shape[-1]} but "
            f"each b "
            f"matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    need_kernel("triangular_solve_cpu", A)
    F, Y = broadcast_batches(A, b)
    G = F.mT if transpose else F
    X = _solve.triangular(G, Y, upper != transpose, True, unitriangular, "TriangularSolveBackward0")
    return result("triangular_solve", (X, F.clone()), out)


# ---------------------------------------------------------------- products and norms


def cross(input, other, dim=None, *, out=None):
    """As linalg.cross; without `dim`, along the first dimension of size 3."""
    need_tensor("cross", input, "input")
    need_tensor("cross", other, "other", 2)
    if dim is None:
        warn_once(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
            "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross "
            "in a future release.",
            stacklevel=2,
        )
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return _norms.cross(input, other, dim=dim, out=out)


def vander(x, N=None, increasing=False):
    """The matrix of the powers of a vector's elements, N - 1 to 0 or, where increasing, 0 to N - 1."""
    need_tensor("vander", x, "x")
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    dtype = cygrad.promote_types(x.dtype, cygrad.int64) if x.dtype == cygrad.bool else x.dtype
    dtype = dtype if x.is_floating_point() or x.is_complex() else cygrad.int64
    x = x.to(dtype).unsqueeze(-1)
    if n == 0:
        return x.new_empty(x.shape[0], 0)
    powers = cygrad.cat((cygrad.ones_like(x), x.expand(x.shape[0], n - 1).cumprod(-1)), -1)
    return powers if increasing else powers.flip(-1)


def nuclear_norm(self, dim=None, keepdim=False, *, out=None):
    """As linalg.matrix_norm(A, "nuc"); deprecated."""
    warn_once(
        "at::nuclear_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future "
        "PyTorch "
        "release. Please use `linalg.matrix_norm(A, 'nuc', dim, keepdim)` instead",
        stacklevel=2,
    )
    return _norms.matrix_norm(self, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out)


def frobenius_norm(self, dim, keepdim=False, *, out=None):
    """As linalg.vector_norm(A, 2, dim); deprecated."""
    warn_once(
        "at::frobenius_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future "
        "PyTorch release. Please use `linalg.vector_norm(A, 2., dim, keepdim)` instead",
        stacklevel=2,
    )
    return _norms.vector_norm(self, 2.0, dim, keepdim, out=out)


# ---------------------------------------------------------------- low rank


def _range_finder(A, q, niter):
    """An orthonormal basis of nearly the range of A: Halko, Martinsson and Tropp, Finding structure with randomness
    (2009), algorithm 4.4.
    """
    G = cygrad.randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    Q = _spectral.qr(A @ G).Q
    for _ in range(niter):
        Q = _spectral.qr(A.mH @ Q).Q
        Q = _spectral.qr(A @ Q).Q
    return Q


def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S and V of about the q largest singular values of A (..., m, n), less its mean M; random (Halko, Martinsson
    and Tropp, 2009, algorithm 5.1).
    """
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if M is not None:
        A = A - M.expand_as(A)
    wide = m < n
    A = A.mH if wide else A
    Q = _range_finder(A, q, niter)
    U, S, Vh = _spectral.svd(Q.mH @ A, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A, q=None, center=True, niter=2):
    """The q principal components of the rows of A (..., m, n): U, S and V, as svd_lowrank finds them."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)


# ---------------------------------------------------------------- functions that are gone

_GONE = {
    "symeig": " The default behavior has changed from using the upper triangular portion of the matrix by default to "
    "using "
    "the lower triangular portion.\n\nL, _ = torch.symeig(A, upper=upper) should be replaced with:\n"
    "L = torch.linalg.eigvalsh(A, UPLO='U' if upper else 'L')\n\nand\n\n"
    "L, V = torch.symeig(A, eigenvectors=True) should be replaced with:\n"
    "L, V = torch.linalg.eigh(A, UPLO='U' if upper else 'L')",
    "eig": " `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors "
    "mimicking "
    "complex tensors.\n\nL, _ = torch.eig(A) should be replaced with:\nL_complex = torch.linalg.eigvals(A)\n\nand\n\n"
    "L, V = torch.eig(A, eigenvectors=True) should be replaced with:\nL_complex, V_complex = torch.linalg.eig(A)",
    "lstsq": " `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.\n`torch.linalg.lstsq` has reversed "
    "arguments "
    "and does not return the QR decomposition in the returned tuple (although it returns other information about the "
    "problem).\n\nTo get the QR decomposition consider using `torch.linalg.qr`.",
    "solve": " `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments "
    "reversed and does not return the LU factorization.\n\nTo get the LU factorization see `torch.lu`, which can be "
    "used "
    "with `torch.lu_solve` or `torch.lu_unpack`.\nX = torch.solve(B, A).solution should be replaced with:\n"
    "X = torch.linalg.solve(A, B)",
    "matrix_rank": "\nPlease use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' was "
    "renamed in "
    "`torch.linalg.matrix_rank()` to 'hermitian'.",
}


def _gone(name, advice):
    def function(*args, **kwargs):
        raise RuntimeError(
            "This function was deprecated since version 1.9 and is now removed." + advice
        )

    function.__name__ = function.__qualname__ = name
    return function


for _name, _advice in _GONE.items():
    globals()[_name] = _gone(_name, _advice)
del _name, _advice
