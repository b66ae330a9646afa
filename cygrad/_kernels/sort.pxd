"""The primitives of order on the CPU (see _devices/primitives.py)."""
from libc.stdint cimport int64_t

from cygrad._core cimport Tensor

cpdef int sort(Tensor values, Tensor indices, Tensor x, int dim, bint descending, bint stable=*) except -1
cpdef int choose(str name, Tensor values, Tensor indices, Tensor x, int dim, Py_ssize_t k, bint largest,
                 bint ordered=*) except -1
cpdef int order_rows(Tensor order, Tensor x) except -1
cpdef Py_ssize_t runs(Tensor group, Tensor x, Tensor order, bint nan_equal) except -1
cpdef int run_places(Tensor first, Tensor inverse, Tensor counts, Tensor group, Tensor order) except -1
cpdef int search(Tensor out, Tensor bounds, Tensor values, Tensor sorter, bint right) except -1
cdef int64_t greatest(Tensor x)
cpdef int bincount(Tensor out, Tensor x) except -1
cpdef int histc(Tensor out, Tensor x, double low, double high) except -1
