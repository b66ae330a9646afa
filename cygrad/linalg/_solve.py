"""Linear systems: LU, Cholesky, LDL, and triangular solvers, and inverses."""

import cygrad

from ._common import (
    broadcast_batches,
    by_composite,
    check_info,
    deliver,
    diagonal,
    eye_like,
    first_failure,
    is_inexact,
    kind,
    lapack,
    need_fit,
    need_floating,
    need_kernel,
    need_matrices,
    need_square,
    need_tensor,
    record,
    result,
)

# ---------------------------------------------------------------- LU


def _need_lu(name, A, pivot):
    need_tensor(f"linalg_{name}", A)
    if A.dim() < 2:
        where = "linalg.lu" if name == "lu" else "torch.lu_factor"
        raise RuntimeError(
            f"{where}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead"
        )
    need_kernel("lu_cpu", A)
    if not pivot and A.is_cpu:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def permutation(pivots, m, like):
    """The matrix P of LAPACK's row exchanges `pivots` (..., k): P L U = A, (..., m, m)."""
    rows = cygrad.arange(m, device=pivots.device).repeat(*pivots.shape[:-1], 1)
    for i in range(pivots.shape[-1]):
        j = pivots[..., i : i + 1].long() - 1
        here, there = rows[..., i : i + 1].clone(), rows.gather(-1, j)
        rows[..., i : i + 1] = there
        rows.scatter_(-1, j, here)
    return (rows.unsqueeze(-2) == cygrad.arange(m, device=pivots.device).unsqueeze(-1)).to(
        like.dtype
    )


def unpack_lu(LU):
    """L (..., m, k) with ones on its diagonal and U (..., k, n) of the packed LU (..., m, n)."""
    m, n = LU.shape[-2:]
    k = min(m, n)
    L = LU[..., :k].tril(-1) + eye_like(LU, m, k)
    return L, LU[..., :k, :].triu()


def _lu_gradient(gL, gU, P, L, U):
    """The gradient of A = P L U; either of gL and gU may be None.

    Square: de Hoog, Anderssen and Lukas, Differentiation of matrix functionals using triangular factorization (2011).
    The part of a wide U beside its square block, and of a tall L below it, follow from U2 = L^-1 A2 and L2 = A2 U^-1.
    """
    m, n, k = L.shape[-2], U.shape[-1], U.shape[-2]
    L1, U1 = L[..., :k, :], U[..., :k]
    zero = cygrad.zeros((), dtype=L.dtype, device=L.device)
    below = zero if gL is None else L1.mH @ gL[..., :k, :]
    above = zero if gU is None else gU[..., :k] @ U1.mH
    rest = None
    if n > k:
        gA2 = (
            zero
            if gU is None
            else solve_triangular(L1.mH, gU[..., k:], upper=True, unitriangular=True)
        )
        below = below if gU is None else below - gU[..., k:] @ U[..., k:].mH
        rest = gA2 if gU is not None else L.new_zeros(*L.shape[:-2], k, n - k)
    elif m > k and gL is not None:
        above = above - L[..., k:, :].mH @ gL[..., k:, :]
        rest = solve_triangular(U1.mH, gL[..., k:, :], upper=False, left=False)
    elif m > k:
        rest = L.new_zeros(*L.shape[:-2], m - k, k)
    inner = (below.tril(-1) if below.dim() else below) + (above.triu() if above.dim() else above)
    inner = solve_triangular(L1.mH, inner, upper=True, unitriangular=True)
    gA = solve_triangular(U1.mH, inner, upper=False, left=False)
    if rest is not None:
        gA = cygrad.cat((gA, rest), -1 if n > k else -2)
    return P @ gA


def _lu_factor_backward(node, g, *_):
    LU, pivots = node.saved()
    L, U = unpack_lu(LU)
    k = U.shape[-2]
    return _lu_gradient(
        g[..., :k].tril(-1), g[..., :k, :].triu(), permutation(pivots, LU.shape[-2], LU), L, U
    )


def _factor(A):
    """(LU, pivots, info), recorded."""
    LU, pivots, info = lapack("getrf", A)
    record((LU, pivots, info), "LinalgLuFactorExBackward0", (A,), _lu_factor_backward, (LU, pivots))
    return LU, pivots, info


def _check_factor(name, info):
    failure = first_failure(info)
    if failure:
        where, i = failure
        raise RuntimeError(
            f"{name}: {where}U[{i},{i}] is zero and using it on lu_solve would result in a division by zero. If you "
            "still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )


def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """The packed LU factors of (..., m, n) with partial pivoting, the pivots (int32, from 1), and LAPACK's infos."""
    _need_lu("lu_factor_ex", A, pivot)
    LU, pivots, info = _factor(A)
    if check_errors:
        _check_factor("torch.linalg.lu_factor_ex", info)
    return result("linalg_lu_factor_ex", (LU, pivots, info), out)


def lu_factor(A, *, pivot=True, out=None):
    """As lu_factor_ex; a zero on U's diagonal is an error."""
    _need_lu("lu_factor", A, pivot)
    LU, pivots, info = _factor(A)
    _check_factor("torch.linalg.lu_factor", info)
    return result("linalg_lu_factor", (LU, pivots), out)


def _lu_backward(node, _, gL, gU):
    return _lu_gradient(gL, gU, *node.saved())


def lu(A, *, pivot=True, out=None):
    """P, L and U of A = P L U for (..., m, n): (..., m, m), (..., m, k) and (..., k, n), k the smaller size."""
    _need_lu("lu", A, pivot)
    LU, pivots, _ = lapack("getrf", A)
    P, (L, U) = permutation(pivots, A.shape[-2], A), unpack_lu(LU)
    _, L, U = record((None, L, U), "LinalgLuBackward0", (A,), _lu_backward, (P, L, U))
    return result("linalg_lu", (P, L, U), out)


def _lu_solved(LU, pivots, B, left, adjoint):
    """X by differentiable operators."""
    P = permutation(pivots, LU.shape[-1], LU)
    L, U = unpack_lu(LU)
    if not left:  # X A = B is A^H X^H = B^H
        return _lu_solved(LU, pivots, B.mH, True, not adjoint).mH
    if adjoint:
        return P @ solve_triangular(
            L.mH, solve_triangular(U.mH, B, upper=False), upper=True, unitriangular=True
        )
    return solve_triangular(
        U, solve_triangular(L, P.mT @ B, upper=False, unitriangular=True), upper=True
    )


def _solved_by_factors(LU, pivots, B, left=True, adjoint=False):
    """X outside the graph."""
    if not left:
        return _solved_by_factors(LU, pivots, B.mH, True, not adjoint).mH
    return lapack("getrs", LU, pivots, B.resolve_conj(), "C" if adjoint else "N")


def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X of A X = B (or X A = B, or with A's adjoint) by the factors that lu_factor gives; batches broadcast."""
    name = "linalg.lu_solve"
    need_tensor("linalg_lu_solve", LU, "LU")
    need_floating(name, LU)
    need_kernel("lu_solve_cpu", LU)
    if pivots.dtype != cygrad.int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    if LU.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected LU and B to have the same dtype, but found LU of type {kind(LU)} and B of type "
            f"{kind(B)} instead"
        )
    need_square(name, LU)
    need_matrices(name, B, "B")
    need_fit(name, LU, B, left)
    if not pivots.dim() or pivots.shape[-1] != LU.shape[-1]:
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if pivots.shape[:-1] != LU.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.numel() and not pivots.is_meta:
        if int(pivots.min()) < 1:
            raise RuntimeError(
                "Pivots given to lu_solve must all be greater or equal to 1. Did you properly pass the result of "
                "lu_factor?"
            )
        if int(pivots.max()) > LU.shape[-2]:
            raise RuntimeError(
                "Pivots given to lu_solve must all be smaller or equal to LU.size(-2). Did you properly pass the "
                "result of lu_factor?"
            )
    F, Y = broadcast_batches(LU, B)
    p = pivots.expand(*F.shape[:-2], pivots.shape[-1])
    X = _solved_by_factors(F, p, Y, left, adjoint)
    X = record(
        X, "LinalgLuSolveBackward0", (F, Y), by_composite, (F, Y),
        (lambda f, y: _lu_solved(f, p, y, left, adjoint),),
    )  # fmt: skip
    return deliver(out, X)


def _unpack_backward(node, gL, gU):
    (m, n), k = node.args[0][-2:], min(node.args[0][-2:])
    g = None
    if gL is not None:
        g = cygrad.nn.functional.pad(gL.tril(-1), (0, n - k))
    if gU is not None:
        upper = cygrad.nn.functional.pad(gU.triu(), (0, 0, 0, m - k))
        g = upper if g is None else g + upper
    return g


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U of packed factors; empty tensors for what is not asked for."""
    need_tensor("lu_unpack", LU_data, "LU_data")
    if unpack_pivots and LU_pivots.dtype != cygrad.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    m, n = LU_data.shape[-2:]
    P = L = U = LU_data.detach().new_empty(0)
    if unpack_pivots:
        bad = LU_pivots.shape[-1] != min(m, n)
        if bad or (
            LU_pivots.numel() and not LU_pivots.is_meta and not 1 <= int(LU_pivots.min()) <= int(LU_pivots.max()) <= m
        ):
            raise RuntimeError(
                "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive."
                "Did you properly pass the result of lu_factor?"
            )
        P = permutation(LU_pivots, m, LU_data)
    if unpack_data:
        L, U = unpack_lu(LU_data.detach())
        L, U = record(
            (L, U), "LuUnpackBackward0", (LU_data,), _unpack_backward, None, (LU_data.shape,)
        )
    return result("lu_unpack", (P, L, U), out)


# ---------------------------------------------------------------- solve, inv


def _as_matrices(A, B, left):
    """Whether B is a vector, or a batch of them, in solve's reading: then it is a column."""
    return left and (B.dim() == 1 or (A.dim() - 1 == B.dim() and B.shape == A.shape[:-1]))


def _solve_backward(node, gX, *_):
    A, LU, pivots, X = node.saved()
    left, vector = node.args
    if vector:
        gX, X = gX.unsqueeze(-1), X.unsqueeze(-1)
    if cygrad.is_grad_enabled():
        gB = solve(A.mH, gX, left=left)
    else:
        gB = _solved_by_factors(LU, pivots, gX, left, True)
    gA = None
    if node.needs(0):
        gA = -(gB @ X.mH if left else X.mH @ gB)
    return gA, gB if node.needs(1) else None


def _solve(A, B, left, vector=False):
    """(X, info) of A X = B, recorded; where `vector`, B is one column, and X is without that dimension."""
    A, B = broadcast_batches(A, B)
    LU, pivots, info = lapack("getrf", A)
    X = _solved_by_factors(LU, pivots, B.detach(), left)
    X = X.squeeze(-1).clone() if vector else X
    saved = (A, LU, pivots, X)
    (X,) = record((X,), "LinalgSolveExBackward0", (A, B), _solve_backward, saved, (left, vector))
    return X, info


def _need_solve(A, B, left):
    need_tensor("linalg_solve", A)
    need_tensor("linalg_solve", B, "B", 2)
    name = "linalg.solve"
    need_floating(name, A, False)
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {kind(A)} and B of type {kind(B)} "
            "instead"
        )
    need_square(name, A)
    vector = _as_matrices(A, B, left)
    if vector:
        B = B.unsqueeze(-1)
    need_matrices(name, B, "B")
    need_fit(name, A, B, left)
    return B, vector


def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """X of A X = B (X A = B where not left) for (..., n, n), and LAPACK's infos; B may be (..., n) vectors."""
    Y, vector = _need_solve(A, B, left)
    X, info = _solve(A, Y, left, vector)
    if check_errors:
        check_info("torch.linalg.solve_ex", "solve", info)
    return result("linalg_solve_ex", (X, info), out)


def solve(A, B, *, left=True, out=None):
    """X of A X = B (X A = B where not left) for (..., n, n); LinAlgError where A is singular."""
    Y, vector = _need_solve(A, B, left)
    X, info = _solve(A, Y, left, vector)
    check_info("torch.linalg.solve", "solve", info)
    return deliver(out, X)


def _inv_backward(node, g, *_):
    (Y,) = node.saved()
    return -(Y.mH @ g @ Y.mH)


def inverse(A):
    """(A^-1, info), recorded."""
    LU, pivots, info = lapack("getrf", A)
    Y = lapack("getrs", LU, pivots, eye_like(A, A.shape[-1]))
    (Y,) = record((Y,), "LinalgInvExBackward0", (A,), _inv_backward, (Y,))
    return Y, info


def _need_inv(function, A):
    need_tensor(function, A)
    need_floating("linalg.inv", A, False)
    need_square("linalg.inv", A)


def inv_ex(A, *, check_errors=False, out=None):
    """The inverses of (..., n, n), and LAPACK's infos."""
    _need_inv("linalg_inv_ex", A)
    Y, info = inverse(A)
    if check_errors:
        check_info("linalg.inv_ex", "inv", info)
    return result("linalg_inv_ex", (Y, info), out)


def inv(A, *, out=None):
    """The inverses of (..., n, n); LinAlgError where a matrix is singular."""
    _need_inv("linalg_inv", A)
    Y, info = inverse(A)
    check_info("linalg.inv", "inv", info)
    return deliver(out, Y)


# ---------------------------------------------------------------- Cholesky


def _cholesky_gradient(L, g):
    """Murray, Differentiation of the Cholesky decomposition (2016)."""
    phi = (L.mH @ g).tril()
    phi = phi - 0.5 * cygrad.diag_embed(diagonal(phi))
    half = solve_triangular(L.mH, phi, upper=True)
    s = solve_triangular(L, half, upper=False, left=False)
    return 0.5 * (s + s.mH)


def _cholesky_backward(node, g, *_):
    (L,) = node.saved()
    return _cholesky_gradient(L.mH, g.mH) if node.args[0] else _cholesky_gradient(L, g)


def factor_cholesky(A, upper, name):
    """(L or U, info), recorded as `name`."""
    L, info = lapack("potrf", A, upper)
    L = L.triu() if upper else L.tril()
    (L,) = record((L,), name, (A,), _cholesky_backward, (L,), (upper,))
    return L, info


def _need_cholesky(function, A):
    need_tensor(function, A, "input")
    need_square("linalg.cholesky", A)
    need_floating("linalg.cholesky", A)
    need_kernel("cholesky_cpu", A)


def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """L of A = L L^H (U of U^H U where upper) for positive definite (..., n, n), and LAPACK's infos."""
    _need_cholesky("linalg_cholesky_ex", A)
    L, info = factor_cholesky(A, upper, "LinalgCholeskyExBackward0")
    if check_errors:
        check_info("linalg.cholesky_ex", "cholesky", info)
    return result("linalg_cholesky_ex", (L, info), out)


def cholesky(A, *, upper=False, out=None):
    """L of A = L L^H (U of U^H U where upper) for positive definite (..., n, n); LinAlgError where one is not."""
    _need_cholesky("linalg_cholesky", A)
    L, info = factor_cholesky(A, upper, "LinalgCholeskyExBackward0")
    check_info("linalg.cholesky", "cholesky", info)
    return deliver(out, L)


# ---------------------------------------------------------------- LDL


def _no_derivative(node, *_):
    raise RuntimeError(f"derivative for aten::{node.args[0]} is not implemented")


def _factor_ldl(function, A, hermitian):
    name = "torch.linalg.ldl_factor_ex"
    need_tensor(function, A, "input")
    need_square(name, A)
    need_floating(name, A)
    need_kernel("ldl_factor_kernel_cpu", A)
    LD, pivots, info = lapack("sytrf", A, hermitian)
    LD = LD.tril()
    (LD,) = record((LD,), "NotImplemented", (A,), _no_derivative, None, ("linalg_ldl_factor_ex",))
    return LD, pivots, info


def ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """LAPACK's compact LD, pivots and infos of symmetric (or Hermitian) (..., n, n); the lower triangle is read."""
    LD, pivots, info = _factor_ldl("linalg_ldl_factor_ex", A, hermitian)
    if check_errors:
        check_info("torch.linalg.ldl_factor_ex", "ldl", info)
    return result("linalg_ldl_factor_ex", (LD, pivots, info), out)


def ldl_factor(A, *, hermitian=False, out=None):
    """As ldl_factor_ex; a zero in D is an error."""
    LD, pivots, info = _factor_ldl("linalg_ldl_factor", A, hermitian)
    check_info("torch.linalg.ldl_factor", "ldl", info)
    return result("linalg_ldl_factor", (LD, pivots), out)


def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """X of A X = B by the factors of ldl_factor; batches broadcast."""
    name = "torch.linalg.ldl_solve"
    need_tensor("linalg_ldl_solve", LD, "LD")
    need_square(name, LD, "LD")
    need_floating(name, LD)
    need_matrices(name, B, "B")
    need_fit(name, LD, B, True)
    if is_inexact(pivots) or pivots.dtype == cygrad.bool:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {kind(pivots)}")
    if pivots.device != LD.device and not pivots.is_cpu:
        raise RuntimeError(f"{name}: Expected pivots on the CPU, but got them on {pivots.device}")
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if LD.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected LD and B to have the same dtype, but found LD of type {kind(LD)} and B of type "
            f"{kind(B)} instead"
        )
    need_kernel("ldl_solve_cpu", LD)
    F, Y = broadcast_batches(LD, B)
    p = pivots.clamp(-(2**31), 2**31 - 1).to(cygrad.int32).expand(*F.shape[:-2], pivots.shape[-1])
    X = lapack("sytrs", F, p, Y, hermitian)
    X = record(X, "NotImplemented", (LD, B), _no_derivative, None, ("linalg_ldl_solve",))
    return deliver(out, X)


# ---------------------------------------------------------------- triangular systems


def _triangle(g, upper, strict):
    return g.triu(int(strict)) if upper else g.tril(-int(strict))


def _triangular_backward(node, g, *_):
    A, X = node.saved()
    upper, left, unit = node.args
    gB = solve_triangular(A.mH, g, upper=not upper, left=left, unitriangular=unit)
    gA = None
    if node.needs(0):
        gA = _triangle(-(gB @ X.mH if left else X.mH @ gB), upper, unit)
    return gA, gB if node.needs(1) else None


def triangular(A, B, upper, left=True, unit=False, name="LinalgSolveTriangularBackward0"):
    """X, recorded; batches broadcast."""
    A, B = broadcast_batches(A, B)
    X = lapack("trsm", A.resolve_conj(), B.resolve_conj(), upper, left, unit)
    return record(X, name, (A, B), _triangular_backward, (A, X), (upper, left, unit))


def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """X of A X = B (X A = B where not left) for triangular A (..., n, n); the other triangle is not read."""
    name = "linalg.solve_triangular"
    need_tensor("linalg_solve_triangular", A)
    need_tensor("linalg_solve_triangular", B, "B", 2)
    need_square(name, A)
    need_matrices(name, B, "B")
    need_fit(name, A, B, left)
    if A.dtype != B.dtype:
        dtype = cygrad.promote_types(A.dtype, B.dtype)
        A, B = A.to(dtype), B.to(dtype)
    need_kernel("triangular_solve_cpu", A)
    return deliver(out, triangular(A, B, upper, left, unitriangular), "linalg_solve_triangular")
