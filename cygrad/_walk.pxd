"""What the modules of data movement share."""
from cygrad._core cimport Tensor

cdef enum:                                  # see out_of_range
    _INDEX = 1
    _RANGE = 2
    _SELF = 3
    _INDEX_COPY = 4
    _TAKE = 5
    _REPEATS = 6


cdef struct View:
    int nd
    Py_ssize_t offset
    Py_ssize_t sizes[64]
    Py_ssize_t strides[64]


cdef str shape_text(Tensor t)
cdef Tensor zeros_of(object shape, int dt, int dev)
cdef tuple broadcast_of(tuple tensors)
cdef Tensor expand_shape(Tensor t, object shape)
cdef object finish_out(str name, object out, Tensor r)
cdef Tensor start_write(Tensor self, bint inplace, tuple others, bint* recorded)
cdef Tensor start_indexed_write(Tensor self, bint inplace, tuple others, bint* recorded)
cdef Tensor end_write(Tensor out, bint inplace, bint recorded, str name, tuple inputs, object function, tuple saved,
                      tuple args)
cpdef Tensor rewrite(Tensor self, object function, tuple args, dict kwargs)

cdef void load_view(View* v, Tensor t) noexcept
cdef void drop_dim(View* v, int dim) noexcept
cdef int insert_dim(View* v, int dim) except -1
cdef Tensor unsqueeze_one(Tensor t, int dim)
cdef Tensor alias_of(Tensor t)
cdef Tensor narrow_raw(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length)
cpdef Tensor slice_of(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length, Py_ssize_t step)
cpdef Tensor select_of(Tensor t, int dim, Py_ssize_t i)
cpdef Tensor strided_region(Tensor t, shape, stride, Py_ssize_t offset)
