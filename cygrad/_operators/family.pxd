"""What the compiled operators share."""
from cygrad._core cimport Tensor

cdef int one_device(str name, Tensor a, Tensor b=*, Tensor c=*) except -1
cdef int need_floating(Tensor x, str kernel) except -1
cdef bint wants(Tensor a)
cdef int format_of(Tensor t) noexcept
cdef Tensor in_format(Tensor y, int format)
cdef Tensor as_matrix(Tensor t)
cdef Tensor as_rows(Tensor t)
cdef Tensor new_in_format(int nd, const Py_ssize_t* sizes, int dt, int dev, int format)
cdef Tensor laid_as(Tensor y, Tensor x)
