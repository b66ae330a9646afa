"""Making sparse tensors: of indices and values, and of strided tensors; and what those answer to."""

import cygrad
from cygrad import _core
from cygrad.sparse._tensors import (
    SparseCsrTensor,
    SparseTensor,
    is_sparse,
    multiply_matrices,
    refusal,
)


def sparse_coo_tensor(
    indices,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
    _later=None,
):
    """A COO tensor of `indices` (sparse_dim x nnz) and `values` (nnz, and dense sizes); or of a size alone, all zeros.

    Indices out of range raise RuntimeError (PyTorch: undefined unless invariants are checked). `_later`: a list for the
    function that checks them, where their memory is not filled yet.
    """
    if values is None:
        size = tuple(indices if size is None else size)
        indices = cygrad.zeros(len(size), 0, dtype=cygrad.int64)
        values = cygrad.zeros(0, dtype=dtype)
    indices = cygrad.as_tensor(indices).to(cygrad.int64)
    values = cygrad.as_tensor(values, dtype=dtype, device=device)
    if indices.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if values.dim() == 0:
        values = values.expand(indices.shape[1])
    sparse, nnz = indices.shape
    if nnz != values.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{nnz}, nnz from values: {values.shape[0]}"
        )
    dense = values.dim() - 1
    if size is None:
        largest = (indices.amax(1) + 1).tolist() if nnz else [0] * sparse
        size = (*largest, *values.shape[1:])
    size = tuple(size)
    if any(n < 0 for n in size):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(size)}: {list(size)}"
        )
    if len(size) != sparse + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{sparse}, dense_dim = {dense}"
        )
    if tuple(values.shape[1:]) != size[sparse:]:
        raise RuntimeError(
            f"values has incorrect size, expected {[nnz, *size[sparse:]]}, got {list(values.shape)}"
        )
    _now_or_later(_later, lambda: _check_places(indices, size))
    if values.requires_grad:
        values = _core.record(
            values.detach(),
            "SparseCooTensorWithDimsAndTensorsBackward0",
            (values,),
            lambda node, g: g,
        )
    elif requires_grad:
        values = values.detach().requires_grad_()
    return SparseTensor._make(indices, values, size, bool(is_coalesced))


def _now_or_later(later, check):
    if later is None:
        check()
    else:
        later.append(check)


def _check_places(indices, size):
    if not indices.shape[1]:
        return
    for d, (low, high) in enumerate(zip(indices.amin(1).tolist(), indices.amax(1).tolist())):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")
        if high >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {high}"
            )


def _check_rows(crow, col, size):
    starts = crow.tolist()
    if (
        len(starts) != size[0] + 1
        or starts[0] != 0
        or starts[-1] != len(col)
        or sorted(starts) != starts
    ):
        raise RuntimeError(
            "`crow_indices` must begin with 0, not fall, and end with nnz, and be one longer than there are rows"
        )
    if len(col) and not 0 <= int(col.min()) <= int(col.max()) < size[1]:
        raise RuntimeError("`0 <= col_indices < ncols` is not satisfied.")


def sparse_csr_tensor(
    crow_indices,
    col_indices,
    values,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    _later=None,
):
    """A matrix with compressed rows: row i has the elements crow[i] ... crow[i + 1] of `col_indices` and `values`."""
    crow, col = cygrad.as_tensor(crow_indices), cygrad.as_tensor(col_indices)
    values = cygrad.as_tensor(values, dtype=dtype, device=device)
    if crow.dim() != 1 or col.dim() != 1 or values.dim() != 1:
        raise RuntimeError("cygrad has CSR tensors of matrices of numbers alone")
    if col.shape != values.shape:
        raise RuntimeError(
            "number of specified elements in col_indices and values must match, but got "
            f"{col.numel()} and {values.numel()}"
        )
    if size is None:
        size = (len(crow) - 1, int(col.max()) + 1 if len(col) else 0)
    _now_or_later(_later, lambda: _check_rows(crow, col, size))
    return SparseCsrTensor._of(
        crow, col, values.requires_grad_(requires_grad) if requires_grad else values, size, _later
    )


# ------------------------------------------------------------------ methods of strided tensors


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not zero (with `sparse_dim`: the slices with such elements) in COO or another layout."""
    if layout not in (None, cygrad.sparse_coo, cygrad.sparse_csr):
        raise NotImplementedError(f"cygrad has no tensors of layout {layout}")
    if layout is cygrad.sparse_csr:
        return to_sparse_csr(self)
    sparse = self.dim() if sparse_dim is None else sparse_dim
    if not 0 <= sparse <= self.dim():
        raise RuntimeError(
            f"sparse_dim argument must be in range [0,{self.dim()}], but {sparse} is given"
        )
    data = self.detach() != 0
    if sparse < self.dim():
        data = data.flatten(sparse).any(-1)
    places = data.nonzero(as_tuple=True)
    indices = cygrad.stack(places) if places else cygrad.zeros(0, 1, dtype=cygrad.int64)

    def backward(node, g):
        return g.new_zeros(node.args[0]).index_put(places, g)

    with cygrad.no_grad():
        values = self[places]
    values = _core.record(values, "ToSparseBackward1", (self,), backward, None, (self.shape,))
    return SparseTensor._make(indices, values, self.shape, True)


def to_sparse_coo(self):
    return to_sparse(self)


def to_sparse_csr(self, dense_dim=None):
    """The matrix with compressed rows."""
    return to_sparse(self).to_sparse_csr()


def to_dense(self, dtype=None, *, masked_grad=None):
    """`self`: a strided tensor is dense."""
    return self if dtype is None else self.to(dtype)


def sparse_mask(self, mask):
    """The elements of this strided tensor at the places of a sparse one."""
    if is_sparse(self):
        raise refusal("sparse_mask")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has "
            f"size {list(mask.shape)}"
        )
    return mask._like(self[tuple(mask._i)])


SparseTensor.sparse_mask = sparse_mask


def _asks_for(layout, name):
    def method(self):
        raise RuntimeError(f"{name} expected {layout} tensor layout but got Strided")

    method.__name__ = method.__qualname__ = name
    return method


is_coalesced = _asks_for("sparse coordinate", "is_coalesced")
coalesce = _asks_for("sparse coordinate", "coalesce")
indices = _asks_for("sparse coordinate", "indices")
values = _asks_for("sparse", "values")
crow_indices = _asks_for("sparse row compressed", "crow_indices")
col_indices = _asks_for("sparse row compressed", "col_indices")


def sparse_dim(self):
    return 0


def dense_dim(self):
    return self.dim()


def smm(input, mat2):
    """input @ mat2 of a sparse and a strided matrix, as a sparse one."""
    return multiply_matrices(input, mat2).to_sparse()


def spmm(input, mat2):
    """input @ mat2 of a sparse and a strided matrix."""
    return multiply_matrices(input, mat2)
