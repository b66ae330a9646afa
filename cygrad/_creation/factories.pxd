"""Arguments that functions which make tensors share."""
from cygrad._core cimport Tensor

cdef int parse_sizes(str function, str argument, tuple args, object size, Py_ssize_t* sizes) except -1
cdef int dtype_option(str function, object d, int default) except -2
cdef int device_option(str function, object d) except -1
cdef Tensor finish(Tensor t, object requires_grad)
cdef int check_layout(str function, object layout) except -1
cdef Tensor to_device(Tensor t, int dev)
cdef object number_of(str function, str argument, int position, object x)
cdef object as_number(object x)
cdef Tensor filled(int nd, const Py_ssize_t* sizes, object value, int dt, int dev)
cdef Tensor zeros_raw(int nd, const Py_ssize_t* sizes, int dt, int dev)
cdef int out_dtype(object out, object dtype, int given, int default) except -1
cdef object deliver(str function, object out, Tensor t, object requires_grad)
