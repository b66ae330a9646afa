"""What the functions of torch.linalg share: checks, errors, results, and the way to LAPACK and into the graph.

Gradients are composed of tensor operators, so they can be differentiated again, and hold for complex numbers.
Sources: Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008), and
those named at each formula.
"""

import cygrad

from .. import _core, return_types as _return_types
from .._core import Tensor
from .._devices import host
from .._operators.family import deliver

_NAMES = _core.SCALAR_TYPE_NAMES
_LOW = ("Half", "BFloat16")


class LinAlgError(RuntimeError):
    """Raised where the data, not the call, make the result impossible: a singular matrix, no convergence."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"


def kind(x):
    """The name of a dtype in messages: Float, Long, ..."""
    return _NAMES[x.dtype.code]


# ---------------------------------------------------------------- checks


def need_tensor(function, x, argument="A", position=1):
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}"
        )


def need_matrices(name, A, argument="A"):
    if A.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def need_square(name, A, argument="A"):
    need_matrices(name, A, argument)
    m, n = A.shape[-2:]
    if m != n:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {m} by {n} matrices"
        )


def is_inexact(A):
    return A.is_floating_point() or A.is_complex()


def need_floating(name, A, low=True):
    """Refuses integers, and the small floating dtypes where not `low`."""
    if not is_inexact(A):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {kind(A)}"
        )
    if not low and kind(A) in _LOW:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {kind(A)}")


def need_kernel(kernel, A):
    """Refuses what LAPACK does not have."""
    if not is_inexact(A) or kind(A) in _LOW:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{kind(A)}'")


def need_fit(name, A, B, left):
    """Refuses a B that AX = B (or XA = B) cannot have."""
    if A.shape[-1] != B.shape[-2 if left else -1]:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


def first_failure(info):
    """(the place for messages, the code) of the first matrix of a batch that failed, or None."""
    codes = info.reshape(-1)
    if codes.is_meta or not codes.numel() or not codes.any():
        return None
    i = int(codes.ne(0).nonzero()[0])
    return (f"(Batch element {i}): " if info.dim() else ""), int(codes[i])


_SINGULAR = (
    "The diagonal element {code} is zero, the inversion could not be completed because the input "
    "matrix is singular."
)
_MESSAGES = {
    "inv": _SINGULAR,
    "solve": "The solver failed because the input matrix is singular.",
    "cholesky": "The factorization could not be completed because the input is not positive-definite (the leading "
    "minor of order {code} is not positive-definite).",
    "eigh": "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
    "eigenvalues (error code: {code}).",
    "eig": "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
    "eigenvalues (error code: {code}).",
    "svd": "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
    "singular values (error code: {code}).",
    "lstsq": "The least squares solution could not be computed because the input matrix does not have full rank "
    "(error code: {code}).",
    "ldl": "The factor D has a zero on its diagonal, element {code}.",
}


def check_info(name, reason, info):
    """Raises LinAlgError as LAPACK's info says."""
    failure = first_failure(info)
    if failure is None:
        return
    where, code = failure
    if code < 0:
        raise LinAlgError(
            f"{name}: {where}The algorithm failed to converge because the input matrix contained non-finite values."
        )
    raise LinAlgError(f"{name}: {where}" + _MESSAGES[reason].format(code=code))


# ---------------------------------------------------------------- calls


def lapack(routine, *args):
    """A routine of `_operators.lapack` on the values of its tensors, in the host's memory."""
    from .._operators import lapack as _lapack

    devices = [x.device for x in args if isinstance(x, Tensor)]
    for other in devices:
        if other != devices[0]:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {devices[0]} and "
                f"{other}!"
            )
    values = [host.fetched(x.detach()) if isinstance(x, Tensor) else x for x in args]
    return host.returned(getattr(_lapack, routine)(*values), devices[0])


def broadcast_batches(A, B):
    """Two batches of matrices with their batch dimensions expanded to a common shape."""
    a, b = A.shape[:-2], B.shape[:-2]
    if a == b:
        return A, B
    batch = cygrad.broadcast_shapes(a, b)
    return A.expand(*batch, *A.shape[-2:]), B.expand(*batch, *B.shape[-2:])


record = _core.record


def by_composite(node, *grads):
    """The gradient of an operation of which node.args[0] is the same function in differentiable operators."""
    composite = node.args[0]
    inputs = node.saved()
    again = cygrad.is_grad_enabled()
    wanted = [x for i, x in enumerate(inputs) if node.needs(i)]
    with cygrad.enable_grad():
        if not again:
            inputs = [x.detach().requires_grad_(node.needs(i)) for i, x in enumerate(inputs)]
            wanted = [x for x in inputs if x.requires_grad]
        out = composite(*inputs)
        if not out.requires_grad:  # it has no part of the inputs in it: no reflectors, say
            return (None,) * len(inputs)
        found = iter(
            cygrad.autograd.grad(out, wanted, grads, create_graph=again, allow_unused=True)
        )
    return tuple([next(found) if node.needs(i) else None for i in range(len(inputs))])


def result(op, values, out=None):
    """The named tuple of an operator, written to the tensors of `out` where there are."""
    fields = _return_types.FIELDS[op]
    if out is None:
        return _return_types.named(op, fields, values)
    if not isinstance(out, (tuple, list)):
        raise TypeError(
            f"{op}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}"
        )
    if len(out) != len(fields):
        raise TypeError(f"expected tuple of {len(fields)} elements but got {len(out)}")
    return _return_types.named(
        op + "_out", fields, [deliver(o, v) for o, v in zip(out, values, strict=True)]
    )


def integers(shape, like):
    """New int32 zeros: infos of matrices without elements."""
    return cygrad.zeros(shape, dtype=cygrad.int32, device=like.device)


def eye_like(A, m, n=None):
    """Identities m by n for the batch of A."""
    n = m if n is None else n
    return cygrad.eye(m, n, dtype=A.dtype, device=A.device).expand(*A.shape[:-2], m, n)


def real_part(A):
    return A.real if A.is_complex() else A


def diagonal(A):
    return A.diagonal(0, -2, -1)


def scaled_columns(A, s):
    """A diag(s)."""
    return A * s.unsqueeze(-2)


def finfo_eps(A):
    return cygrad.finfo(A.dtype.to_real()).eps


def swap_count(pivots):
    """How many of LAPACK's row exchanges (..., k) move anything."""
    return (
        pivots != cygrad.arange(1, pivots.shape[-1] + 1, dtype=pivots.dtype, device=pivots.device)
    ).sum(-1)
