"""torch.linalg: what needs no LAPACK.  The factorisations are not there yet, and say so."""

from . import _products, _reductions

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


def __getattr__(name):
    raise AttributeError(f"module 'torch.linalg' has no attribute '{name}': cygrad does not have it yet")
