"""All steps of an LSTM on the CPU, forward and backward."""
from cygrad._core cimport Tensor

cdef struct Trace:          # what the backward pass reads of a step, as rows of all steps; NULL where it is not kept
    char* gates
    char* tanh_c
    char* prev_h
    char* prev_c

cdef int run_steps(int dt, Py_ssize_t h, list sizes, bint reverse, Tensor x_gates, Tensor w, Tensor bias, Tensor state,
                   Tensor cell, Tensor out, Trace* trace) except -1
cdef int run_back(int dt, Py_ssize_t h, list sizes, bint reverse, Tensor w, Tensor g, Tensor dh, Tensor dc, Tensor to,
                  Trace* trace) except -1
cdef int weight_gradient(Tensor out, Py_ssize_t h, Tensor to, Trace* trace) except -1
