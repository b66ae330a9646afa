"""The primitive of optimizers on the CPU."""
from cygrad._core cimport Tensor

cdef enum:
    MOMENTS = 3
    CONSTANTS = 10

cdef int place_of(str kind) except -1
cdef void step(int place, Tensor param, Tensor grad, char** moments, const double* k) noexcept
cpdef int optimizer_step(str kind, Tensor param, Tensor grad, list moments, list constants) except -1
