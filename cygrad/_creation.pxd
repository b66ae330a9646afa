"""Arguments that functions which make tensors share."""
from cygrad._core cimport Tensor

cdef int parse_sizes(str function, str argument, tuple args, object size, Py_ssize_t* sizes) except -1
cdef int dtype_option(str function, object d, int default) except -2
cdef int device_option(str function, object d) except -1
cdef Tensor finish(Tensor t, object requires_grad)
cdef int check_layout(str function, object layout) except -1
