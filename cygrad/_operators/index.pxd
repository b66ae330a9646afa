"""Selection by index tensors, for the modules that gather and scatter."""
from cygrad._core cimport Tensor

cdef Tensor compress(Tensor self, Tensor mask)
cdef Tensor mask_positions(Tensor mask)
cdef Tensor unravel_one(Tensor flat, Tensor mask, int dim)
cdef int where_into(Tensor out, Tensor condition, Tensor a, Tensor b) except -1
cdef int move_by_table(Tensor dense, Tensor indexed, int dim, Tensor table, Py_ssize_t scale, int op) except -1
cdef Tensor offset_table(Tensor index, Py_ssize_t size, Py_ssize_t step)
cdef int move_rows(Tensor dense, Tensor indexed, int dim, Tensor table, int op) except -1
cpdef Tensor index_select(Tensor input, dim, Tensor index, out=*)
