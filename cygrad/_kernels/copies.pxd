"""Working memory of operators and kernels."""
from cygrad._core cimport Tensor

cdef Tensor plain(Tensor t)
cdef Tensor as_float(Tensor t, int dt)
cdef Tensor dense_copy(Tensor t)
cdef int working_dtype(Tensor t) noexcept
cdef Tensor back_to(Tensor r, int dt)
cdef Tensor work_on(Tensor out)
cdef int settle(Tensor out, Tensor r) except -1
cdef Tensor like(Tensor t, int dt)
cdef Tensor vector(Py_ssize_t n, int dt, int dev=*)
cdef Tensor shaped(tuple shape, int dt, int dev=*)
