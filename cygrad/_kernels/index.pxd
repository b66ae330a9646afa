"""The primitives that move elements on the CPU (see _devices/primitives.py)."""
from cygrad._core cimport Tensor

cdef enum:
    # what `scatter` does to an element
    PUT = -1
    ADD = 0
    MUL = 1
    MAX = 2
    MIN = 3

cpdef int gather(Tensor out, Tensor x, int dim, Tensor index, bint wraps, int error, int place) except -1
cpdef int scatter(Tensor x, int dim, Tensor index, Tensor src, int op, bint wraps, int error, int place) except -1
cpdef int linear_index(Tensor out, Tensor x, tuple dims, tuple indices) except -1
cpdef int where(Tensor out, Tensor cond, object a, object b) except -1
cpdef Tensor positions(Tensor mask)
cpdef Tensor compress(Tensor x, Tensor mask)
cpdef int masked_put(Tensor out, Tensor mask, Tensor src) except -1
cpdef int coordinates(Tensor out, Tensor flat, Py_ssize_t below, Py_ssize_t size) except -1
cpdef int triangle(Tensor out, Tensor x, Py_ssize_t diagonal, bint lower) except -1
cpdef Tensor interleave(Tensor counts)
cpdef int triangle_indices(Tensor out, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t diagonal, bint lower) except -1
