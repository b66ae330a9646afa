"""The primitives of matrix products on the CPU (see _devices/primitives.py), and what other kernels use of them."""
from cygrad._core cimport Tensor

cdef struct Matrix:         # a matrix as BLAS reads it
    char* at
    Py_ssize_t ld
    bint transposed

cdef enum:
    PARALLEL = 1 << 20      # multiply-adds below which a second thread costs more than it saves

cpdef int gemm(Tensor out, Tensor a, Tensor b, Tensor c, double alpha, double beta) except -1
cpdef int gemv(Tensor out, Tensor a, Tensor v) except -1
cpdef int dot(Tensor out, Tensor a, Tensor b) except -1
cpdef int linear(Tensor out, Tensor x, Tensor weight, Tensor bias) except -1
cpdef int column_sum(Tensor out, Tensor x) except -1
cdef void parallel_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        double alpha, double beta, char* c, Py_ssize_t ldc) noexcept nogil
