"""The primitive of running operators on the CPU (see _devices/primitives.py)."""
from cygrad._core cimport Tensor

cpdef int scan(str name, Tensor out, Tensor indices, Tensor x, int dim) except -1
