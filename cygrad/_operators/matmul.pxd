"""What the other operators use of the matrix products."""
from cygrad._core cimport Tensor

cdef Tensor transposed(Tensor t)
cdef Tensor product(Tensor a, Tensor b, Tensor c, double alpha, double beta)
cpdef Tensor column_sum(Tensor t)
