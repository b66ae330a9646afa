"""What creation and draws use of the conversions."""
from cygrad._core cimport Tensor

cdef int format_code(object memory_format) except -1
cdef Tensor empty_in_format(Tensor t, int dt, int dev, int format)
cdef int channels_last_strides(int nd, const Py_ssize_t* sizes, int format, Py_ssize_t* strides) except -1
cdef bint fits(Tensor t, int format) except -1
cdef Tensor copy_as(Tensor t, int dt, int dev, int format, str name)
cdef bint is_array(object x)
cpdef Tensor from_array(object array)
cdef int array_dtype(object array) except -1

cdef enum:
    PRESERVE = 0
    CONTIGUOUS = 1
    CHANNELS_LAST = 2
    CHANNELS_LAST_3D = 3
