"""What the compiled families share."""
from cygrad._core cimport Tensor

cdef int need_cpu(str name, Tensor a, Tensor b=*, Tensor c=*) except -1
cdef int need_real_cpu(str name, Tensor a, Tensor b=*, Tensor c=*) except -1
cdef int need_floating(Tensor x, str kernel) except -1
cdef Tensor plain(Tensor t)
cdef Tensor as_float(Tensor t, int dt)
cdef bint wants(Tensor a)
cdef int working_dtype(Tensor t) noexcept
cdef Tensor back_to(Tensor r, int dt)
cdef Tensor like(Tensor t, int dt)
cdef Tensor vector(Py_ssize_t n, int dt)
cdef Tensor shaped(tuple shape, int dt)
