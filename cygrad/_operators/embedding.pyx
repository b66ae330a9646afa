# cython: allow_none_for_extension_args=False
"""Rows of a table looked up by number, and their gradient."""
from cygrad import _core
from cygrad._operators import composite as _composite
from cygrad._core cimport INT32, INT64, MAX_DIMS, Tensor, attach, grad_enabled, new_tensor, raw_view
from cygrad._kernels.copies cimport as_float, back_to, plain, working_dtype
from cygrad._kernels.index cimport ADD
from cygrad._operators.family cimport one_device
from cygrad._operators.index cimport gather_into, scatter_into
from cygrad._ops cimport fill
from cygrad._walk cimport _SELF, narrow_raw, zeros_of


cdef Tensor as_rows(Tensor t, Py_ssize_t rows, Py_ssize_t n):
    """A contiguous tensor as a matrix."""
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    sizes[0], sizes[1], strides[0], strides[1] = rows, n, n, 1
    return raw_view(t, 2, sizes, strides, t.offset)


cdef Tensor of_rows(Tensor index, Py_ssize_t n):
    """An index of any shape as one of (elements, n) that stands still along the second dimension."""
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    index = plain(index)
    sizes[0], sizes[1], strides[0], strides[1] = index.count, n, 1, 0
    return raw_view(index, 2, sizes, strides, index.offset)


def _embedding_backward(node, Tensor g):
    cdef Tensor index = <Tensor> node.saved()[0], table
    cdef Py_ssize_t rows, n, padding
    cdef int dt
    rows, n, padding, by_frequency, sparse = node.args
    if sparse or by_frequency or grad_enabled():
        if sparse:
            return _composite.sparse_embedding_gradient(g, index, rows, n, padding)
        return _composite.embedding_gradient(g, index, rows, n, padding, by_frequency)
    dt = g.dt
    g = as_rows(as_float(g, working_dtype(g)), index.count, n)
    table = zeros_of((rows, n), g.dt, g.dev)
    scatter_into(table, 0, of_rows(index, n), g, ADD, False, _SELF, 0)
    if 0 <= padding < rows:
        fill(narrow_raw(table, 0, padding, 1), 0)
    return back_to(table, dt)


def embedding(Tensor weight not None, Tensor index not None, Py_ssize_t padding_idx=-1,
              bint scale_grad_by_freq=False, bint sparse=False):
    """Row index[...] of weight (rows, n) for each index; row `padding_idx` gets no gradient."""
    cdef Tensor rows, y
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    if weight.nd != 2:
        raise RuntimeError("'weight' must be 2-D")
    if index.dt != INT64 and index.dt != INT32:
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
                           f"Int; but got {_core.type_name(index)} instead (while checking arguments for "
                           "embedding)")
    one_device("embedding", weight, index)
    for i in range(index.nd):
        sizes[i] = index.sizes[i]
    sizes[index.nd] = weight.sizes[1]
    y = new_tensor(index.nd + 1, sizes, weight.dt, weight.dev)
    rows = y if index.nd == 1 else as_rows(y, index.count, weight.sizes[1])
    gather_into(rows, weight, 0, of_rows(index, weight.sizes[1]), False, _SELF, 0)
    return attach(y, "EmbeddingBackward0", (weight,), _embedding_backward, (index,),
                  (weight.sizes[0], weight.sizes[1], padding_idx, scale_grad_by_freq, sparse))
