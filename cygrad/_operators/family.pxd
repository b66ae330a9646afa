"""What the compiled operators share."""
from cygrad._core cimport Tensor

cdef int one_device(str name, Tensor a, Tensor b=*, Tensor c=*) except -1
cdef int need_floating(Tensor x, str kernel) except -1
cdef bint wants(Tensor a)
