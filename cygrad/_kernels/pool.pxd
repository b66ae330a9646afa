"""The primitives of pooling on the CPU, and the windows that all devices read."""
from cygrad._core cimport Tensor

cdef extern from "_kernels/pool.h" nogil:
    ctypedef struct cg_pool:
        Py_ssize_t size[3]
        Py_ssize_t out[3]
        Py_ssize_t kernel[3]
        Py_ssize_t stride[3]
        Py_ssize_t pad[3]
        Py_ssize_t dilation[3]
        int count_padding
        Py_ssize_t divisor
        int adaptive


cdef class Windows:
    cdef cg_pool c
    cdef readonly Py_ssize_t planes, inside, outside

cpdef int pool_max(Tensor out, Tensor indices, Tensor x, Windows windows) except -1
cpdef int pool_max_gradient(Tensor out, Tensor g, Tensor indices, Windows windows) except -1
cpdef int pool_average(Tensor out, Tensor x, Windows windows) except -1
cpdef int pool_average_gradient(Tensor out, Tensor g, Windows windows) except -1

cdef int pool_max_last(Tensor out, Tensor indices, Tensor x, Windows windows) except -1
cdef int pool_average_last(Tensor out, Tensor x, Windows windows) except -1
cdef int pool_average_gradient_last(Tensor out, Tensor g, Windows windows) except -1
