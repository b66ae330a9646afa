"""Orthogonal and spectral factorisations: QR, SVD, eigenvalues; and the exponential."""

import cygrad

from ._common import (
    by_composite,
    check_info,
    deliver,
    diagonal,
    eye_like,
    is_inexact,
    kind,
    lapack,
    need_floating,
    need_kernel,
    need_matrices,
    need_square,
    need_tensor,
    real_part,
    record,
    result,
    scaled_columns,
)
from ._solve import _solve, solve, solve_triangular

# ---------------------------------------------------------------- QR

_QR_MODES = ("reduced", "r", "complete")


def _mirrored(M):
    """The Hermitian matrix with the upper triangle of M."""
    upper = M.triu(1)
    return upper + upper.mH + cygrad.diag_embed(real_part(diagonal(M)).to(M.dtype))


def _qr_gradient(gQ, gR, Q, R):
    """Of a square R: Walter and Lehmann, Algorithmic differentiation of linear algebra functions with application in
    optimum experimental design (2018).
    """
    M = None if gR is None else gR @ R.mH
    if gQ is not None:
        M = -(Q.mH @ gQ) if M is None else M - Q.mH @ gQ
    gA = Q @ _mirrored(M)
    if gQ is not None:
        gA = gQ + gA
    return solve_triangular(R.mH, gA, upper=False, left=False)


def _qr_backward(node, gQ, gR):
    mode = node.args[0]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    Q, R = node.saved()
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    if m >= n:
        return _qr_gradient(gQ, gR, Q, R)
    # Wide, A = [X Y]: X = Q U and Y = Q V, where R = [U V], so V adds Y V^H to the gradient of Q = X U^-1.
    gU = gV = None
    if gR is not None:
        gU, gV = gR[..., :m], gR[..., m:]
        through = Q @ R[..., m:] @ gV.mH
        gQ = through if gQ is None else gQ + through
    gX = _qr_gradient(gQ, gU, Q, R[..., :m])
    gY = Q @ gV if gV is not None else gX.new_zeros(*gX.shape[:-1], n - m)
    return cygrad.cat((gX, gY), -1)


def qr(A, mode="reduced", *, out=None):
    """A = Q R with orthonormal columns of Q and upper triangular R, for (..., m, n).

    Modes: "reduced" ((..., m, k) and (..., k, n), k the smaller size), "complete" ((..., m, m) and (..., m, n)), and
    "r", which leaves Q empty.
    """
    need_tensor("linalg_qr", A)
    need_matrices("linalg.qr", A)
    need_floating("linalg.qr", A)
    if mode not in _QR_MODES:
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    need_kernel("geqrf_cpu", A)
    return result("linalg_qr", factor_qr(A, mode), out)


def factor_qr(A, mode):
    """(Q, R), recorded."""
    m, n = A.shape[-2:]
    columns = m if mode == "complete" else min(m, n)
    reflectors, tau = lapack("geqrf", A)
    R = reflectors[..., :columns, :].triu()
    Q = A.detach().new_empty(0) if mode == "r" else lapack("orgqr", reflectors, tau, columns)
    Q, R = record((Q, R), "LinalgQrBackward0", (A,), _qr_backward, (Q, R), (mode,))
    return Q, R


def _no_derivative(node, *_):
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


def geqrf(input, *, out=None):
    """LAPACK's compact QR factors: R with the reflectors below it, and their factors tau."""
    need_tensor("geqrf", input, "input")
    if input.dim() < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    need_kernel("geqrf_cpu", input)
    values = lapack("geqrf", input)
    record(values, "NotImplemented", (input,), _no_derivative)
    return result("geqrf", values, out)


def _reflected(A, tau, C, order):
    """The reflectors I - tau v v^H, of the columns of A below its diagonal, applied to C in some order."""
    m = A.shape[-2]
    for i in order:
        v = cygrad.cat(
            (
                A.new_zeros(*A.shape[:-2], i, 1),
                A.new_ones(*A.shape[:-2], 1, 1),
                A[..., i + 1 : m, i : i + 1],
            ),
            -2,
        )
        C = C - (tau[..., i : i + 1, None] * v) @ (v.mH @ C)
    return C


def _need_reflectors(name, A, tau):
    if A.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if tau.dim() != A.dim() - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.dim()} and "
            f"input.ndim is equal to {A.dim()}"
        )
    if tau.shape[:-1] != A.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if tau.dtype != A.dtype:
        raise RuntimeError(f"{name}: tau dtype {kind(tau)} does not match input dtype {kind(A)}")


def householder_product(A, tau, *, out=None):
    """The first n columns of the product of Householder reflectors: A (..., m, n) and tau (..., k) as geqrf gives."""
    name = "torch.linalg.householder_product"
    need_tensor("linalg_householder_product", A, "input")
    need_tensor("linalg_householder_product", tau, "tau", 2)
    if A.dim() >= 2:
        m, n = A.shape[-2:]
        if m < n:
            raise RuntimeError(
                f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
            )
        if tau.dim() and n < tau.shape[-1]:
            raise RuntimeError(
                f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
            )
    _need_reflectors(name, A, tau)
    need_kernel("orgqr_cpu", A)
    Q = lapack("orgqr", A, tau, n)

    def composite(A, tau):
        return _reflected(A, tau, eye_like(A, m, n), reversed(range(tau.shape[-1])))

    return deliver(
        out,
        record(
            Q, "LinalgHouseholderProductBackward0", (A, tau), by_composite, (A, tau), (composite,)
        ),
    )


def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """Q C for the square Q of the reflectors in `input` (..., m, k); C Q, and Q's adjoint, where asked."""
    name = "torch.ormqr"
    for position, (x, argument) in enumerate(((input, "input"), (tau, "tau"), (other, "other")), 1):
        need_tensor("ormqr", x, argument, position)
    if input.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if other.dim() < 2:
        raise RuntimeError(f"{name}: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if tau.dim() and other.shape[side] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if tau.dim() and tau.shape[-1] != min(other.shape[side], input.shape[-1]):
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    _need_reflectors(name, input, tau)
    if other.dim() != input.dim():
        raise RuntimeError(
            f"{name}: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other.dim()} and input.ndim is equal to {input.dim()}"
        )
    if other.shape[:-2] != input.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(other.shape[:-2])}"
        )
    if other.dtype != input.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but input has dtype{kind(input)} and other has "
            f"dtype {kind(other)}"
        )
    need_kernel("ormqr_cpu", input)
    result = lapack("ormqr", input, tau, other, left, transpose)

    def composite(A, tau, C):
        if not left:
            return side_by_side(A, tau, C.mH, not transpose).mH
        return side_by_side(A, tau, C, transpose)

    def side_by_side(A, tau, C, transpose):
        order = range(tau.shape[-1])
        return _reflected(
            A, tau.conj() if transpose else tau, C, order if transpose else reversed(order)
        )

    return deliver(
        out,
        record(
            result,
            "OrmqrBackward0",
            (input, tau, other),
            by_composite,
            (input, tau, other),
            (composite,),
        ),
    )


# ---------------------------------------------------------------- SVD


def _skew(M):
    return M - M.mH


def _gaps(s):
    """s_j - s_i, and 1 on the diagonal, where nothing is to be divided."""
    return (
        s.unsqueeze(-2) - s.unsqueeze(-1) + cygrad.eye(s.shape[-1], dtype=s.dtype, device=s.device)
    )


def _need_phase_free(name, what, M):
    """Complex vectors are known up to a phase, and so the loss must not depend on it."""
    if not cygrad.is_grad_enabled():
        turning = diagonal(M).imag
        scale = max(float(M.abs().max()) if M.numel() and not M.is_meta else 0.0, 1.0)
        if turning.numel() and not turning.is_meta and float(turning.abs().max()) > 1e-2 * scale:
            raise RuntimeError(
                f"{name}: The {what} in the complex case are specified up to multiplication by e^{{i phi}}. The "
                "specified loss function depends on this quantity, so it is ill-defined."
            )


def svd_gradient(gU, gS, gVh, U, S, Vh):
    """Townsend, Differentiating the singular value decomposition (2016); Wan and Zhang, Automatic differentiation for
    complex valued SVD (2019).
    """
    m, n, k = U.shape[-2], Vh.shape[-1], S.shape[-1]
    if gU is None and gVh is None:
        return scaled_columns(U, gS) @ Vh if m >= n else U @ (gS.unsqueeze(-1) * Vh)
    inner = None
    turn_u = None if gU is None else _skew(U.mH @ gU)
    turn_v = None if gVh is None else _skew(Vh @ gVh.mH)
    if U.is_complex():
        total = (turn_u if turn_u is not None else 0) + (turn_v if turn_v is not None else 0)
        _need_phase_free("svd_backward", "singular vectors", total)
    squares = S * S
    E = _gaps(squares)
    if turn_u is not None:
        inner = (turn_u / E) * S.unsqueeze(-2)
    if turn_v is not None:
        part = S.unsqueeze(-1) * (turn_v / E)
        inner = part if inner is None else inner + part
    if U.is_complex() and turn_u is not None:
        inner = inner + cygrad.diag_embed(diagonal(turn_u) / (2 * S))
    if gS is not None:
        inner = inner + cygrad.diag_embed(gS).to(inner.dtype)
    gA = U @ inner @ Vh
    if gU is not None and m > k:
        rest = gU / S.unsqueeze(-2)
        gA = gA + (rest - U @ (U.mH @ rest)) @ Vh
    if gVh is not None and n > k:
        rest = gVh / S.unsqueeze(-1)
        gA = gA + U @ (rest - (rest @ Vh.mH) @ Vh)
    return gA


def _svd_backward(node, gU, gS, gVh):
    U, S, Vh = node.saved()
    k = S.shape[-1]
    if node.args[0]:  # the vectors beyond the k-th may be any basis: they have no gradient
        gU, gVh = None if gU is None else gU[..., :k], None if gVh is None else gVh[..., :k, :]
        U, Vh = U[..., :k], Vh[..., :k, :]
    if gU is None and gS is None and gVh is None:
        return None
    return svd_gradient(gU, gS, gVh, U, S, Vh)


def _need_svd(function, A, driver, argument="A"):
    need_tensor(function, A, argument)
    need_matrices("linalg.svd", A)
    need_floating("linalg.svd", A)
    if driver is not None and A.is_cpu:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    need_kernel("linalg_svd_cpu", A)


def _svd_by_qr(A, full):
    """(U, S, Vh, info) of a tall matrix by way of its QR factors."""
    m, n = A.shape[-2:]
    reflectors, tau = lapack("geqrf", A)
    U, S, Vh, info = lapack("gesdd", reflectors[..., :n, :].triu(), "S")
    wide = eye_like(U, m, m if full else n).clone()
    wide[..., :n, :n] = U
    return lapack("ormqr", reflectors, tau, wide, True, False), S, Vh, info


def factor_svd(A, full):
    """(U, S, Vh), recorded.

    Which vectors get which sign depends on the way to the bidiagonal form.  PyTorch's library goes by QR from 1.6 times
    as many rows as columns on, and never by LQ.
    """
    m, n = A.shape[-2:]
    if min(m, n):
        if n < m >= int(1.6 * n) and not A.is_complex() and (A.is_meta or bool(A.detach().isfinite().all())):
            U, S, Vh, info = _svd_by_qr(A.detach(), full)
        else:
            U, S, Vh, info = lapack("gesdd", A, "A" if full else "S", True)
        check_info("linalg.svd", "svd", info)
    else:
        U, Vh = (
            eye_like(A.detach(), m, m if full else 0).clone(),
            eye_like(A.detach(), n if full else 0, n).clone(),
        )
        S = real_part(A.detach()).new_empty(*A.shape[:-2], 0)
    return record((U, S, Vh), "LinalgSvdBackward0", (A,), _svd_backward, (U, S, Vh), (full,))


def svd(A, full_matrices=True, *, driver=None, out=None):
    """A = U diag(S) Vh for (..., m, n): S descending; U (..., m, m) and Vh (..., n, n), or min(m, n) columns and rows.

    The gradient is defined where the singular values differ and are not zero, and the loss does not depend on the signs
    of the vectors.
    """
    _need_svd("linalg_svd", A, driver)
    return result("linalg_svd", factor_svd(A, full_matrices), out)


def singular_values(A):
    if A.requires_grad and cygrad.is_grad_enabled():
        return factor_svd(A, False)[1]
    if not min(A.shape[-2:]):
        return real_part(A.detach()).new_empty(*A.shape[:-2], 0)
    _, S, _, info = lapack("gesdd", A, "N")
    check_info("linalg.svd", "svd", info)
    return S


def svdvals(A, *, driver=None, out=None):
    """The singular values of (..., m, n), descending."""
    _need_svd("linalg_svdvals", A, driver)
    return deliver(out, singular_values(A))


# ---------------------------------------------------------------- eigenvalues


def _eigh_backward(node, gL, gV):
    L, V = node.saved()
    if gV is None:
        if gL is None:
            return None
        return scaled_columns(V, gL) @ V.mH
    M = V.mH @ gV
    if V.is_complex():
        _need_phase_free("linalg_eigh_backward", "eigenvectors", _skew(M))
    inner = 0.5 * _skew(M) / _gaps(L)  # half: A and its adjoint move together
    if V.is_complex():
        inner = inner - cygrad.diag_embed(diagonal(inner))
    if gL is not None:
        inner = inner + cygrad.diag_embed(gL).to(inner.dtype)
    return V @ inner @ V.mH


def _need_eigh(function, A, UPLO):
    need_tensor(function, A, "input")
    need_square("linalg.eigh", A)
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    need_kernel("linalg_eigh_cpu", A)


def factor_eigh(A, UPLO):
    """(eigenvalues, eigenvectors), recorded."""
    L, V, info = lapack("syevd", A, UPLO in "Uu", True)
    check_info("linalg.eigh", "eigh", info)
    return record((L, V), "LinalgEighBackward0", (A,), _eigh_backward, (L, V))


def eigh(A, UPLO="L", *, out=None):
    """Eigenvalues, ascending, and orthonormal eigenvectors of symmetric (or Hermitian) (..., n, n).

    One triangle is read.  The gradient is defined where the eigenvalues differ.
    """
    _need_eigh("linalg_eigh", A, UPLO)
    return result("linalg_eigh", factor_eigh(A, UPLO), out)


def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues, ascending, of symmetric (or Hermitian) (..., n, n)."""
    _need_eigh("linalg_eigvalsh", A, UPLO)
    if A.requires_grad and cygrad.is_grad_enabled():
        return deliver(out, factor_eigh(A, UPLO)[0])
    L, _, info = lapack("syevd", A, UPLO in "Uu", False)
    check_info("linalg.eigh", "eigh", info)
    return deliver(out, L)


def _eig_backward(node, gL, gV):
    """Boeddeker et al., On the computation of complex-valued gradients with application to statistically optimum
    beamforming (2017), with eigenvectors of length 1.
    """
    L, V = node.saved()
    if gL is None and gV is None:
        return None
    inner = None
    if gV is not None:
        M = V.mH @ gV
        _need_phase_free("linalg_eig_backward", "eigenvectors", M)
        inner = (M - (V.mH @ V) * diagonal(M).real.unsqueeze(-2)) / _gaps(L).conj()
        inner = inner - cygrad.diag_embed(diagonal(inner))
    if gL is not None:
        inner = cygrad.diag_embed(gL) if inner is None else inner + cygrad.diag_embed(gL)
    gA = solve(V.mH, inner @ V.mH)
    return gA.real if node.args[0] else gA


def _need_eig(name, A):
    need_tensor("linalg_" + name, A, "input")
    need_square("linalg." + name, A)
    if not is_inexact(A):
        raise RuntimeError(f"Unknown Complex ScalarType for {kind(A)}")
    need_kernel("linalg_eig_out_cpu", A)
    if not A.is_meta and not bool(A.detach().isfinite().all()):
        raise RuntimeError(f"torch.linalg.{name}: input tensor should not contain infs or NaNs.")


def _factor_eig(A, vectors):
    L, V, info = lapack("geev", A, vectors)
    check_info("linalg.eig", "eig", info)
    if not A.is_complex():
        L = cygrad.view_as_complex(L).clone()
        V = None if V is None else cygrad.view_as_complex(V).clone()
    if V is None:
        return L, None
    V = V.mT
    return record((L, V), "LinalgEigBackward0", (A,), _eig_backward, (L, V), (not A.is_complex(),))


def eig(A, *, out=None):
    """Complex eigenvalues and eigenvectors of length 1 of (..., n, n)."""
    _need_eig("eig", A)
    return result("linalg_eig", _factor_eig(A, True), out)


def eigvals(A, *, out=None):
    """The complex eigenvalues of (..., n, n)."""
    _need_eig("eigvals", A)
    return deliver(out, _factor_eig(A, bool(A.requires_grad and cygrad.is_grad_enabled()))[0], "linalg_eigvals")


# ---------------------------------------------------------------- the exponential

# Higham, The scaling and squaring method for the matrix exponential revisited (2005): the numerator of the Pade
# approximant of degree 13 to exp, and the 1-norm up to which it is exact to rounding.
_PADE_BOUND = 5.371920351148152
_PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip


def exponential(A):
    """exp(A) in differentiable operators; smaller dtypes are computed in double, since the solution costs digits."""
    dtype = A.dtype
    A = A.to(cygrad.complex128 if A.is_complex() else cygrad.float64)
    size = A.detach().abs().sum(-2).amax(-1)
    squarings = (size / _PADE_BOUND).log2().ceil().clamp(min=0)
    squarings = cygrad.where(size.isfinite() & (size > 0), squarings, 0.0)
    n = A.shape[-1]
    A = A / (2.0**squarings)[..., None, None]
    one = eye_like(A, n)
    powers = [one, A @ A]
    while 2 * len(powers) < len(_PADE):
        powers.append(powers[-1] @ powers[1])
    odd = A @ sum(c * p for c, p in zip(_PADE[1::2], powers, strict=True))
    even = sum(c * p for c, p in zip(_PADE[0::2], powers, strict=True))
    X = _solve(even - odd, even + odd, True)[0]
    for i in range(int(squarings.max()) if squarings.numel() and not squarings.is_meta else 0):
        X = cygrad.where((squarings > i)[..., None, None], X @ X, X)
    return X.to(dtype)


def _matrix_exp_backward(node, g):
    """exp([[A^H, G], [0, A^H]]) has the gradient beside its diagonal (Mathias, A chain rule for matrix functions and
    applications, 1996).
    """
    (A,) = node.saved()
    n = A.shape[-1]
    top = cygrad.cat((A.mH, g), -1)
    bottom = cygrad.cat((cygrad.zeros_like(g), A.mH), -1)
    return exponential(cygrad.cat((top, bottom), -2))[..., :n, n:]


def matrix_exp(A):
    """The exponentials of (..., n, n)."""
    need_tensor("linalg_matrix_exp", A, "input")
    need_square("linalg.matrix_exp", A)
    need_floating("linalg.matrix_exp", A)
    if not A.numel():
        return A.clone()
    with cygrad.no_grad():
        X = exponential(A.detach())
    return record(X, "LinalgMatrixExpBackward0", (A,), _matrix_exp_backward, (A,))
