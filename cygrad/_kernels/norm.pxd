"""The primitives of normalisation on the CPU."""
from cygrad._core cimport Tensor

cpdef int normalize(Tensor out, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, Py_ssize_t groups,
                    Py_ssize_t span, double eps) except -1
cpdef int normalize_gradient(Tensor dx, Tensor dw, Tensor db, Tensor x, Tensor g, Tensor weight, Tensor mean,
                             Tensor rstd, Py_ssize_t groups, Py_ssize_t span) except -1
cpdef int batch_norm(Tensor out, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, Tensor running_mean,
                     Tensor running_var, bint training, double momentum, double eps) except -1
cpdef int batch_norm_gradient(Tensor dx, Tensor dw, Tensor db, Tensor x, Tensor g, Tensor weight, Tensor mean,
                              Tensor rstd, bint training) except -1
