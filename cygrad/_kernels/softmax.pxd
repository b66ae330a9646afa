"""The primitives of softmax and the losses of classes on the CPU."""
from cygrad._core cimport Tensor

cpdef int softmax(Tensor out, Tensor x, int dim, bint log) except -1
cpdef int softmax_gradient(Tensor out, Tensor y, Tensor g, int dim, bint log) except -1
cpdef int cross_entropy(Tensor out, Tensor p, Tensor divisor, Tensor x, Tensor target, Tensor weight,
                        Py_ssize_t ignore_index, int reduction) except -1
cpdef int cross_entropy_gradient(Tensor out, Tensor p, Tensor target, Tensor weight, Tensor g, Tensor divisor,
                                 Py_ssize_t ignore_index) except -1
cpdef int nll(Tensor out, Tensor divisor, Tensor x, Tensor target, Tensor weight, Py_ssize_t ignore_index,
              int reduction) except -1
cpdef int nll_gradient(Tensor out, Tensor target, Tensor weight, Tensor g, Tensor divisor,
                       Py_ssize_t ignore_index) except -1
