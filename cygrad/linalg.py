"""torch.linalg: what needs no LAPACK, and QR.  The other factorisations are not there yet, and say so."""

from . import _core, _dispatch, _products, _reductions, _return_types

globals().update(_reductions.LINALG)
multi_dot = _products.multi_dot


def matmul(input, other, *, out=None):
    """The matrix product, as torch.matmul."""
    return _products.matmul(input, other, out=out)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)


def vecdot(x, y, *, dim=-1, out=None):
    """The dot product along `dim`."""
    product = (x * y).sum(dim)
    return product if out is None else out.resize_(product.shape).copy_(product)


def matrix_power(A, n, *, out=None):
    """A multiplied by itself n times; n is not negative."""
    if A.dim() < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} "
            "matrices"
        )
    if n < 0:
        raise NotImplementedError("linalg.matrix_power with a negative exponent needs linalg.inv")
    import cygrad

    result = cygrad.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A)
    square = A
    while n:  # by squaring
        if n & 1:
            result = result @ square
        n >>= 1
        square = square @ square if n else square
    return result if out is None else out.resize_(result.shape).copy_(result)


_QR_MODES = ("reduced", "r", "complete")


def qr(A, mode="reduced", *, out=None):
    """A = Q R with orthonormal columns of Q and upper triangular R: (..., m, n) to (Q, R).

    By Householder reflections with LAPACK's signs (Golub and Van Loan, Matrix Computations, 5.2).
    There is no gradient yet: NotImplementedError where one would be recorded.
    """
    import cygrad

    if A.dim() < 2:
        raise RuntimeError("linalg.qr: The input tensor A must have at least 2 dimensions.")
    if not A.is_floating_point():
        kind = _core.SCALAR_TYPE_NAMES[_core.DTYPES.index(A.dtype)]
        raise RuntimeError(f"linalg.qr: Expected a floating point or complex tensor as input. Got {kind}")
    if mode not in _QR_MODES:
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if A.dtype in (cygrad.float16, cygrad.bfloat16):
        kind = "Half" if A.dtype is cygrad.float16 else "BFloat16"
        raise NotImplementedError(f"\"geqrf_cpu\" not implemented for '{kind}'")
    if A.requires_grad and cygrad.is_grad_enabled():
        raise NotImplementedError("cygrad: linalg.qr has no gradient yet; call it under no_grad() or on A.detach()")
    m, n = A.shape[-2:]
    rank = min(m, n)
    columns = m if mode == "complete" else rank
    with cygrad.no_grad():
        R = A.clone(memory_format=cygrad.contiguous_format)
        reflections = [_reflect(R[..., i:, i:]) for i in range(rank)]
        Q = A.new_empty(0)
        if mode != "r":
            Q = cygrad.eye(m, columns, dtype=A.dtype, device=A.device)
            Q = Q.expand(*A.shape[:-2], m, columns).clone(memory_format=cygrad.contiguous_format)
            for i in reversed(range(rank)):  # the first i rows and columns are still the identity's
                v, tau = reflections[i]
                block = Q[..., i:, i:]
                block -= (tau * v) @ (v.mT @ block)
        R = R[..., :columns, :].triu()
    if out is not None:
        Q, R = (o.resize_(x.shape).copy_(x) for o, x in zip(out, (Q, R), strict=True))
    return _return_types.named("linalg_qr", ("Q", "R"), (Q, R))


def _reflect(block):
    """Clears the first column of `block` below its diagonal, in place, by I - tau v v^T; returns (v, tau)."""
    import cygrad

    x = block[..., :, :1]
    alpha = x[..., :1, :]
    rest = x[..., 1:, :].square().sum(-2, keepdim=True)
    norm = (alpha.square() + rest).sqrt()
    beta = cygrad.where(alpha >= 0, -norm, norm)
    still = rest == 0  # nothing to clear: LAPACK keeps the column, and so its sign
    beta = cygrad.where(still, alpha, beta)
    tau = cygrad.where(still, 0, (beta - alpha) / cygrad.where(still, 1, beta))
    v = x / cygrad.where(still, 1, alpha - beta)
    v[..., :1, :] = 1
    block -= (tau * v) @ (v.mT @ block)
    return v, tau


_dispatch.publish(globals())


def __getattr__(name):
    raise AttributeError(f"module 'torch.linalg' has no attribute '{name}': cygrad does not have it yet")
