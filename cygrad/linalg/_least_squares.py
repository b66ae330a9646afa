"""Rank and pseudo-inverse, which singular values tell; and least squares, whose gradient needs the latter."""

import cygrad

from ._common import (
    Tensor,
    broadcast_batches,
    check_info,
    deliver,
    finfo_eps,
    integers,
    is_inexact,
    kind,
    lapack,
    need_matrices,
    need_square,
    need_tensor,
    real_part,
    record,
    result,
    scaled_columns,
)
from ._spectral import eigvalsh, factor_eigh, factor_svd, singular_values

# ---------------------------------------------------------------- rank, pseudo-inverse


def pinv_gradient(A, Y, g):
    """Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate (1973); the rank is taken as constant.
    """
    YH = Y.mH
    left = g.mH @ Y @ YH  # (I - A Y) g^H Y Y^H
    right = YH @ Y @ g.mH  # Y^H Y g^H (I - Y A)
    return -(YH @ g @ YH) + left - A @ (Y @ left) + right - (right @ Y) @ A


def _tolerance(name, x, value):
    """A tolerance as a tensor that broadcasts over the values of each matrix, or a number."""
    if isinstance(value, Tensor):
        if value.is_complex():
            raise RuntimeError(
                f"torch.linalg.{name} tensor of complex type is not supported. Got {kind(value)}"
            )
        return value.to(x.dtype).unsqueeze(-1)
    return value


def _threshold(name, A, values, atol, rtol, largest):
    """What a singular value must exceed to count: max(atol, rtol * largest); rtol is eps * max(m, n) by default, and 0
    where only atol is given.
    """
    if rtol is None:
        default = finfo_eps(A) * max(A.shape[-2:])
        rtol = default if atol is None else 0.0
        if isinstance(atol, Tensor):
            rtol = cygrad.where(atol > 0, 0.0, default).to(values.dtype)
        elif atol is not None and not atol > 0:
            rtol = default
    atol = _tolerance(f"{name}: atol", values, 0.0 if atol is None else atol)
    rtol = _tolerance(f"{name}: rtol", values, rtol)
    bound = rtol * largest
    if isinstance(atol, Tensor):
        return cygrad.maximum(atol, bound)
    return bound.clamp(min=atol)


def _magnitudes(A, hermitian):
    if hermitian:
        return eigvalsh(A.detach()).abs()
    return singular_values(A.detach())


def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values exceed max(atol, rtol * the largest)."""
    need_tensor("linalg_matrix_rank", A, "input")
    need_matrices("torch.linalg.matrix_rank", A, "input")
    if isinstance(tol, bool):
        tol, hermitian = None, tol
    if tol is not None:  # NumPy's argument is absolute
        atol, rtol = tol, 0.0
    if not is_inexact(A) or kind(A) in ("Half", "BFloat16"):
        raise RuntimeError("This function doesn't handle types other than float and double")
    if hermitian:
        need_square("linalg.eigh", A)
    if not A.numel():
        shape = A.shape[:-2]
        return _integral(out, cygrad.zeros(shape, dtype=cygrad.int64, device=A.device))
    s = _magnitudes(A, hermitian)
    bound = _threshold("matrix_rank", A, s, atol, rtol, s.amax(-1, keepdim=True))
    return _integral(out, (s > bound).sum(-1))


def _integral(out, count):
    """A count may be written to any dtype that holds numbers."""
    if out is None or out.dtype == cygrad.bool:
        return deliver(out, count)
    return deliver(out, count.to(out.dtype))


def _pinv_backward(node, g):
    A, Y = node.saved()
    return pinv_gradient(A, Y, g)


def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverses of (..., m, n); singular values up to max(atol, rtol * the largest) count as zero."""
    need_tensor("linalg_pinv", A, "input")
    if isinstance(rcond, bool):
        rcond, hermitian = None, rcond
    if A.dim() < 2 or not is_inexact(A) or kind(A) in ("Half", "BFloat16"):
        raise RuntimeError(
            f"linalg.pinv({kind(A)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of float, double, "
            "cfloat or cdouble types"
        )
    if rcond is not None:
        atol, rtol = 0.0, rcond
    m, n = A.shape[-2:]
    if hermitian:
        need_square("linalg.eigh", A)
    if not A.numel():
        return deliver(out, A.detach().new_empty(*A.shape[:-2], n, m) + 0 * A.mT, "linalg_pinv")
    with cygrad.no_grad():
        if hermitian:
            s, V = factor_eigh(A.detach(), "L")
            size = s.abs()
            bound = _threshold("pinv", A, size, atol, rtol, size.amax(-1, keepdim=True))
            Y = scaled_columns(V, cygrad.where(size > bound, s.reciprocal(), 0.0)) @ V.mH
        else:
            U, s, Vh = factor_svd(A.detach(), False)
            bound = _threshold("pinv", A, s, atol, rtol, s.narrow(-1, 0, 1))
            Y = scaled_columns(Vh.mH, cygrad.where(s > bound, s.reciprocal(), 0.0)) @ U.mH
    (Y,) = record((Y,), "LinalgPinvBackward0", (A,), _pinv_backward, (A, Y))
    return deliver(out, Y, "linalg_pinv")


# ---------------------------------------------------------------- least squares

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _lstsq_backward(node, gX, gR):
    A, B, X = node.saved()
    P = pinv(A)
    gA = gB = None
    if gX is not None:
        gA = pinv_gradient(A, P, gX @ B.mH) if node.needs(0) else None
        gB = P.mH @ gX if node.needs(1) else None
    if gR is not None and gR.numel():  # |A X - B|^2: what X contributes vanishes at the minimum
        d = 2 * gR.unsqueeze(-2) * (A @ X - B)
        gA = (d @ X.mH if gA is None else gA + d @ X.mH) if node.needs(0) else None
        gB = (-d if gB is None else gB - d) if node.needs(1) else None
    return gA, gB


def _need_lstsq(A, B, driver):
    name = "torch.linalg.lstsq"
    need_tensor("linalg_lstsq", A)
    need_tensor("linalg_lstsq", B, "B", 2)
    if A.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if not B.dim():
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {kind(A)} and other's "
            f"dtype {kind(B)}"
        )
    if not is_inexact(A) or A.dtype in (cygrad.float16, cygrad.bfloat16):
        raise RuntimeError("This function doesn't handle types other than float and double")
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of ({', '.join(_DRIVERS)})")
    if not 0 <= A.dim() - B.dim() <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    vector = A.dim() == B.dim() + 1
    if A.shape[-2] != B.shape[-1 if vector else -2]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    return vector


def of_batch(values, A, n):
    """What `values` of n batch dimensions say of each matrix of A, which was broadcast to them."""
    for i in range(n):
        own = i - (n - (A.dim() - 2))
        if own < 0 or A.shape[own] == 1:
            values = values.narrow(i, 0, min(1, values.shape[i]))
    return values.reshape(A.shape[:-2] + values.shape[n:])


def lstsq(A, B, rcond=None, *, driver=None):
    """The X of least |A X - B| for A (..., m, n) and B (..., m, k) or (..., m); batches broadcast.

    driver: "gelsy" (the default), "gels" (full rank), "gelsd" or "gelss".  Residuals are there for m > n and full rank,
    not for gelsy; ranks not for gels; singular values for gelsd and gelss.
    """
    vector = _need_lstsq(A, B, driver)
    driver = driver or "gelsy"
    X, Y = broadcast_batches(A, B.unsqueeze(-1) if vector else B)
    m, n, k = *X.shape[-2:], Y.shape[-1]
    batch = X.shape[:-2]
    if rcond is None:
        rcond = finfo_eps(A) * max(m, n)
    empty = real_part(A.detach()).new_empty(0)
    if m and n and k:
        whole, rank, s, info = lapack("gels", X, Y, driver, float(rcond))
        check_info("torch.linalg.lstsq", "lstsq", info)
        solution = whole[..., :n, :].clone()
    else:
        solution, rank = A.detach().new_zeros(*batch, n, k), integers(batch, A)
        s = empty.new_zeros(*batch, min(m, n))
    residuals = empty
    full = driver == "gels" or rank.is_meta or bool((rank == n).all())
    if m > n and driver != "gelsy" and full:
        residuals = (X.detach() @ solution - Y.detach()).abs().square().sum(-2)
    solution, residuals = record(
        (solution, residuals), "LinalgLstsqBackward0", (X, Y), _lstsq_backward, (X, Y, solution)
    )
    rank, s = of_batch(rank, A, len(batch)), of_batch(s, A, len(batch))
    rank = rank.long() if driver != "gels" else cygrad.empty(0, dtype=cygrad.int64, device=A.device)
    return result(
        "linalg_lstsq",
        (
            solution.squeeze(-1) if vector else solution,
            residuals,
            rank,
            s if driver in ("gelsd", "gelss") else empty,
        ),
    )
