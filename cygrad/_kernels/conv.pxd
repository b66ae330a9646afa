"""The primitives of convolutions on the CPU (see _devices/primitives.py)."""
from cygrad._core cimport Tensor

cpdef int convolve(Tensor out, Tensor x, Tensor weight, Tensor bias, tuple stride, tuple padding, tuple dilation,
                   Py_ssize_t groups) except -1
cpdef int convolve_input(Tensor out, Tensor y, Tensor weight, Tensor bias, tuple stride, tuple padding, tuple dilation,
                         Py_ssize_t groups) except -1
cpdef int convolve_weight(Tensor out, Tensor x, Tensor y, tuple stride, tuple padding, tuple dilation,
                          Py_ssize_t groups) except -1
cpdef int channel_sum(Tensor out, Tensor t) except -1
