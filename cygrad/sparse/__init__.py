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
