"""What the other compiled families use of the matrix products."""
from cygrad._core cimport Tensor

cdef struct Matrix:         # a matrix as BLAS reads it
    char* at
    Py_ssize_t ld
    bint transposed

cdef enum:
    PARALLEL = 1 << 20      # multiply-adds below which a second thread costs more than it saves

cdef Tensor transposed(Tensor t)
cdef void gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha,
               double beta, char* c, Py_ssize_t ldc) noexcept nogil
cdef void parallel_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        double alpha, double beta, char* c, Py_ssize_t ldc) noexcept nogil
cdef Tensor product(Tensor a, Tensor b, Tensor c, double alpha, double beta)
cpdef Tensor column_sum(Tensor t)
