"""torch.sparse: products, sums and softmax of sparse tensors (`torch.sparse_coo_tensor`, `Tensor.to_sparse`)."""

from ._tensors import SparseTensor, multiply_matrices, softmax, sum_sparse

__all__ = [
    "addmm",
    "as_sparse_gradcheck",
    "check_sparse_tensor_invariants",
    "log_softmax",
    "mm",
    "softmax",
    "sum",
]


def mm(mat1, mat2):
    """mat1 @ mat2 of two matrices, one sparse at least; differentiates with respect to both."""
    return multiply_matrices(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta mat + alpha mat1 @ mat2, mat1 sparse."""
    return SparseTensor.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input, dim=None, dtype=None):
    """The sum of a sparse tensor: of all, or over `dim`, sparse as long as a sparse dimension is left."""
    return sum_sparse(input, dim, dtype)


def log_softmax(input, dim, *, dtype=None):
    """Log of the softmax over the stored elements along `dim`."""
    return softmax(input, dim, dtype=dtype, log=True)


class check_sparse_tensor_invariants:
    """Whether indices are checked when a sparse tensor is made: cygrad always does."""

    def __init__(self, enable=True):
        pass

    @staticmethod
    def is_enabled():
        return True

    @staticmethod
    def enable():
        pass

    @staticmethod
    def disable():
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def as_sparse_gradcheck(gradcheck):
    """A gradcheck that would take sparse inputs: not there yet."""
    raise NotImplementedError(
        "cygrad has no gradcheck of sparse inputs: check the values and to_dense()"
    )


def to_sparse_semi_structured(original_tensor, transposed=False, alg_id=None):
    """2:4 sparsity is a feature of Nvidia's tensor cores, which cygrad does not use."""
    raise NotImplementedError("cygrad has no semi-structured sparsity")


class SparseSemiStructuredTensor:
    """For isinstance checks alone: no tensor is one."""

    _FORCE_CUTLASS = False

    def __init__(self, *args, **kwargs):
        to_sparse_semi_structured(None)


class SparseSemiStructuredTensorCUTLASS(SparseSemiStructuredTensor):
    """For isinstance checks alone."""


class SparseSemiStructuredTensorCUSPARSELT(SparseSemiStructuredTensor):
    """For isinstance checks alone."""


def spdiags(diagonals, offsets, shape, layout=None):
    """The sparse matrix whose diagonals, at these offsets, are the rows of a matrix."""
    import cygrad

    diagonals = diagonals.unsqueeze(0) if diagonals.dim() == 1 else diagonals
    offsets = offsets.unsqueeze(0) if offsets.dim() == 0 else offsets
    if diagonals.dim() != 2:
        raise RuntimeError("Diagonals must be vector or matrix")
    if offsets.dim() != 1:
        raise RuntimeError("Offsets must be scalar or vector")
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if diagonals.size(0) != offsets.numel():
        raise RuntimeError(
            f"Number of diagonals ({diagonals.size(0)}) does not match the number of offsets ({offsets.numel()})"
        )
    if offsets.unique().numel() != offsets.numel():
        raise RuntimeError("Offset tensor contains duplicate values")
    rows, columns = shape
    places, values = [], []
    for row, offset in zip(diagonals, offsets.tolist(), strict=True):
        first, last = max(0, offset), min(columns, rows + offset, row.numel())
        column = cygrad.arange(first, max(first, last), device=diagonals.device)
        places.append(cygrad.stack([column - offset, column]))
        values.append(row[first : max(first, last)])
    made = cygrad.sparse_coo_tensor(cygrad.cat(places, 1), cygrad.cat(values), tuple(shape))
    if layout is None or layout == cygrad.sparse_coo:
        return made
    if layout == cygrad.sparse_csr:
        return made.to_sparse_csr()
    raise RuntimeError(f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {layout}")


class _SparseType(type):
    """`torch.sparse.FloatTensor` and its like: constructors of sparse tensors of a dtype, and kinds to ask for."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, SparseTensor) and instance.dtype == cls.dtype and instance.device.type == "cpu"

    def __call__(cls, *args, **kwargs):
        import cygrad

        if not args:
            return cygrad.sparse_coo_tensor(cygrad.empty((1, 0), dtype=cygrad.int64),
                                            cygrad.empty(0, dtype=cls.dtype), (0,))
        if all(isinstance(n, int) for n in args):
            args = (args,)
        if not isinstance(args[0], cygrad.Tensor):
            size = tuple(args[0])
            return cygrad.sparse_coo_tensor(cygrad.empty((len(size), 0), dtype=cygrad.int64),
                                            cygrad.empty(0, dtype=cls.dtype), size)
        if args[1].dtype != cls.dtype:
            raise TypeError(f"expected {cls.__name__} values (got {args[1].type()})")
        return cygrad.sparse_coo_tensor(*args, dtype=cls.dtype, **kwargs)


def _sparse_types():
    from .._fronts.legacy import TYPES

    for name, dense in TYPES.items():
        if name != "BoolTensor":
            globals()[name] = _SparseType(
                name, (), {"__module__": "torch.sparse", "dtype": dense.dtype, "is_sparse": True, "is_cuda": False}
            )


_sparse_types()
