"""Selection by index tensors, for the modules that gather and scatter."""
from cygrad._core cimport Tensor

cdef Tensor compress(Tensor self, Tensor mask)
cdef Tensor mask_positions(Tensor mask)
cdef Tensor unravel_one(Tensor flat, Tensor mask, int dim)
cdef int where_into(Tensor out, Tensor condition, Tensor a, Tensor b) except -1
cdef int gather_into(Tensor out, Tensor x, int dim, Tensor index, bint wraps, int error, int place) except -1
cdef int scatter_into(Tensor x, int dim, Tensor index, Tensor src, int op, bint wraps, int error, int place) except -1
cdef Tensor as_one_dim(Tensor t)
cdef Tensor along(Tensor index, Tensor t, int dim)
cpdef Tensor index_select(Tensor input, dim, Tensor index, out=*)
