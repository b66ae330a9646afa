"""The primitives of distances on the CPU."""
from cygrad._core cimport Tensor

cpdef int distances(Tensor out, Tensor a, Tensor b, double p) except -1
cpdef int distances_gradient(Tensor out, Tensor a, Tensor b, Tensor dist, Tensor g, double p) except -1
