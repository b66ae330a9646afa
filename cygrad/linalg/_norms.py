"""Norms and condition numbers, products and powers, and inverses by other indices."""

import math

import cygrad

from .. import _core
from .._fronts import products as _products, reductions as _reductions
from ._common import (
    check_info,
    deliver,
    kind,
    need_floating,
    need_matrices,
    need_square,
    need_tensor,
)
from ._solve import inverse, solve
from ._spectral import singular_values

vector_norm = _reductions.vector_norm
_INF = math.inf

# ---------------------------------------------------------------- norms


def _as_dtype(name, A, dtype):
    """A in the dtype asked for, which must not narrow it."""
    if dtype is None:
        return A
    if not (dtype.is_floating_point or dtype.is_complex):
        wanted = _core.SCALAR_TYPE_NAMES[dtype.code]
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {wanted}")
    if cygrad.promote_types(dtype, A.dtype) != dtype:
        raise RuntimeError(
            f"{name}: the dtype of the input ({kind(A)}) should be convertible without narrowing to the specified "
            f"dtype "
            f"({_core.SCALAR_TYPE_NAMES[dtype.code]})"
        )
    return A.to(dtype)


def _number(x):
    return f"{x:g}" if isinstance(x, (int, float)) else str(x)


def _wrapped(d, n):
    return _core.wrapped_dim(d, n)


def _extreme(values, least, dim, keepdim):
    return values.amin(dim, keepdim) if least else values.amax(dim, keepdim)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Norms of the matrices in two dimensions: "fro", "nuc", 2 and -2 (singular values), 1 and -1 (column sums), inf
    and -inf (row sums).
    """
    name = "linalg.matrix_norm"
    need_tensor("linalg_matrix_norm", A, "input")
    need_matrices(name, A)
    need_floating(name, A)
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError(
            f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, (dim,) if isinstance(dim, int) else dim))}"
        )
    known = ("fro", "nuc") if isinstance(ord, str) else (1, -1, 2, -2, _INF, -_INF)
    if ord not in known:
        raise RuntimeError(f"{name}: Order {_number(ord)} not supported.")
    rows, columns = (_wrapped(d, A.dim()) for d in dim)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return vector_norm(_as_dtype(name, A, dtype), 2, tuple(dim), keepdim, out=out)
    A = _as_dtype(name, A, dtype)
    if ord in (2, -2, "nuc"):
        need_floating(name, A, False)
        s = singular_values(A.movedim((rows, columns), (-2, -1)))
        if ord == "nuc":
            r = s.sum(-1)
        elif ord == 2 and not s.shape[-1]:
            r = s.sum(-1)
        else:
            r = _extreme(s, ord < 0, -1, False)
        if keepdim:
            for d in sorted((rows, columns)):
                r = r.unsqueeze(d)
        return deliver(out, r, "linalg_matrix_norm")
    summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(A, 1, summed, keepdim)
    if not keepdim and summed < kept:
        kept -= 1
    if ord > 0 and not sums.shape[kept]:
        return deliver(out, sums.sum(kept, keepdim), "linalg_matrix_norm")
    return deliver(out, _extreme(sums, ord < 0, kept, keepdim), "linalg_matrix_norm")


def norm(input, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A vector norm (dim an int, or no ord: of all elements) or a matrix norm (dim a pair, or a matrix and an ord)."""
    need_tensor("linalg_norm", input, "input")
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and ord is not None and not isinstance(ord, str) and input.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.dim()}D."
        )
    if isinstance(ord, str):
        if dims is None and input.dim() > 2:
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {input.dim()}D."
            )
        return matrix_norm(
            input, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype, out=out
        )
    if ord is not None and (len(dims) == 2 if dims is not None else input.dim() == 2):
        return matrix_norm(
            input, ord, (0, 1) if dims is None else dims, keepdim, dtype=dtype, out=out
        )
    return vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


def cond(A, p=None, *, out=None):
    """Condition numbers: by singular values (p None, 2, -2), else norm(A) * norm(A^-1), inf of singular matrices."""
    need_tensor("linalg_cond", A, "input")
    if A.dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p in (None, 2, -2):
        from ._spectral import svdvals

        s = svdvals(A)
        if not s.shape[-1]:
            return deliver(out, s.sum(-1), "linalg_cond")
        largest, least = s.narrow(-1, 0, 1), s.narrow(-1, s.shape[-1] - 1, 1)
        return deliver(out, (least / largest if p == -2 else largest / least).squeeze(-1), "linalg_cond")
    if p not in ("fro", "nuc", 1, -1, _INF, -_INF):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {_number(p)}")
    need_square(f"linalg.cond(ord={_number(p)})", A)
    if not A.shape[-1]:
        return deliver(out, A.real.sum((-2, -1)) if A.is_complex() else A.sum((-2, -1)), "linalg_cond")
    if p == "nuc":
        s = singular_values(A)
        return deliver(out, s.sum(-1) * s.reciprocal().sum(-1), "linalg_cond")
    inv, info = inverse(A)
    inv = cygrad.where((info == 0)[..., None, None], inv, _INF)
    return deliver(out, (matrix_norm(A, p) * matrix_norm(inv, p)).nan_to_num(_INF, _INF, -_INF), "linalg_cond")


# ---------------------------------------------------------------- products


multi_dot = _products.multi_dot


def matmul(input, other, *, out=None):
    """The matrix product, as torch.matmul."""
    return _products.matmul(input, other, out=out)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of the last two dimensions, as a view."""
    return A.diagonal(offset, dim1, dim2)


def vecdot(x, y, *, dim=-1, out=None):
    """The dot products of conj(x) and y along `dim`."""
    name = "linalg.vecdot"
    need_tensor("linalg_vecdot", x, "x")
    need_tensor("linalg_vecdot", y, "y", 2)
    need_floating(name, x)
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{name}: Expected x and y to have the same dtype, but found x of type {kind(x)} and y of type {kind(y)} "
            "instead"
        )
    if x.dim() == 1 and y.dim() == 1:
        return _products.vdot(x, y, out=out)
    return deliver(out, (x.conj() * y).sum(dim), "linalg_vecdot")


def matrix_power(A, n, *, out=None):
    """A multiplied by itself n times; of a negative n the inverse's power."""
    need_tensor("linalg_matrix_power", A, "input")
    need_square("linalg.matrix_power", A)
    if n == 0:
        one = cygrad.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A).clone()
        return deliver(out, A.clone().copy_(one) if A.requires_grad else one)
    if n < 0:
        need_floating("linalg.inv", A, False)
        A, info = inverse(A)
        check_info("linalg.inv", "inv", info)
        n = -n
    power, square = None, A
    while n:  # by squaring
        if n & 1:
            power = square if power is None else power @ square
        n >>= 1
        square = square @ square if n else square
    return deliver(out, power.clone() if power is A and not A.requires_grad else power)


def _vector_product(a, b, dim):
    ax, ay, az = a.unbind(dim)
    bx, by, bz = b.unbind(dim)
    return cygrad.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), dim)


def _cross_backward(node, g):
    a, b = node.saved()
    dim = node.args[0]
    return (
        cross(b.conj(), g, dim=dim) if node.needs(0) else None,
        cross(g, a.conj(), dim=dim) if node.needs(1) else None,
    )


def cross(input, other, *, dim=-1, out=None):
    """The vector products along `dim`, which has size 3; the others broadcast."""
    need_tensor("linalg_cross", input, "input")
    need_tensor("linalg_cross", other, "other", 2)
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.size(dim)} and {other.size(dim)}"
        )
    a, b = cygrad.broadcast_tensors(input, other)
    if a.dtype != b.dtype:
        dtype = cygrad.promote_types(a.dtype, b.dtype)
        a, b = a.to(dtype), b.to(dtype)
    r = _vector_product(a.detach(), b.detach(), dim)
    return deliver(
        out, _core.record(r, "LinalgCrossBackward0", (a, b), _cross_backward, (a, b), (dim,))
    )


def vander(x, N=None):
    """The powers 0, 1, ..., N - 1 of the elements, in a new last dimension; N is the last size by default."""
    need_tensor("linalg_vander", x, "x")
    if x.dtype == cygrad.bool:
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool"
        )
    n = (x.shape[-1] if x.dim() else 1) if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    x = (x if x.dim() else x.unsqueeze(0)).unsqueeze(-1)
    powers = x.expand(*x.shape[:-1], n - 1).cumprod(-1)
    return cygrad.cat((cygrad.ones_like(x), powers), -1)


# ---------------------------------------------------------------- by other indices


def tensorinv(A, ind=2, *, out=None):
    """The inverse of A as a map of its last dimensions to its first `ind`."""
    need_tensor("linalg_tensorinv", A, "input")
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = A.shape[:ind], A.shape[ind:]
    n, m = math.prod(first), math.prod(last)
    if n != m:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{m} != {n}"
        )
    A = A.reshape(n, m)
    need_floating("linalg.inv", A, False)
    Y, info = inverse(A)
    check_info("inv", "inv", info)
    return deliver(out, Y.reshape(*last, *first), "linalg_tensorinv")


def tensorsolve(A, B, dims=None, *, out=None):
    """X of tensordot(A, X, X.dim()) = B; `dims` of A are moved to its end first."""
    need_tensor("linalg_tensorsolve", A)
    need_tensor("linalg_tensorsolve", B, "B", 2)
    if dims is not None:
        moved = [d % A.dim() for d in ((dims,) if isinstance(dims, int) else dims)]
        A = A.movedim(moved, list(range(A.dim() - len(moved), A.dim())))
    shape = A.shape[B.dim() :]
    n = B.numel()
    return deliver(out, solve(A.reshape(n, n), B.reshape(-1)).reshape(shape), "linalg_tensorsolve")
