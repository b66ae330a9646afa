"""All steps of an LSTM on the CPU, forward and backward.

Step t takes the first sizes[t] rows of the state: a batch that shrinks leaves the states of what has ended where they
are, one that grows (backwards) finds the first states of what joins.  A step is one matrix product, the rows of the
table for sigmoid and tanh, and a loop over the cells.
"""
from libc.string cimport memcpy, memset

from cygrad._core cimport FLOAT, Tensor, data_of, itemsize_of, raw_view
from cygrad._kernels.copies cimport plain, vector
from cygrad._kernels.matmul cimport Matrix, parallel_gemm
from cygrad._ops cimport Op, cg_kernel
from cygrad._ops import OPS

cdef extern from "_kernels/lstm.h" nogil:
    void cg_lstm_gates_f32(Py_ssize_t, Py_ssize_t, const float*, const float*, float*)
    void cg_lstm_gates_f64(Py_ssize_t, Py_ssize_t, const double*, const double*, double*)
    void cg_lstm_cell_f32(Py_ssize_t, Py_ssize_t, const float*, float*)
    void cg_lstm_cell_f64(Py_ssize_t, Py_ssize_t, const double*, double*)
    void cg_lstm_output_f32(Py_ssize_t, Py_ssize_t, const float*, const float*, float*, float*)
    void cg_lstm_output_f64(Py_ssize_t, Py_ssize_t, const double*, const double*, double*, double*)
    void cg_lstm_back_f32(Py_ssize_t, Py_ssize_t, const float*, const float*, const float*, const float*, const float*,
                          float*, float*)
    void cg_lstm_back_f64(Py_ssize_t, Py_ssize_t, const double*, const double*, const double*, const double*,
                          const double*, double*, double*)


cdef Tensor transposed_copy(Tensor w):
    """BLAS takes twice as long for few rows where it has to turn the weights in each step."""
    cdef Py_ssize_t sizes[2]
    cdef Py_ssize_t strides[2]
    sizes[0], sizes[1], strides[0], strides[1] = w.sizes[1], w.sizes[0], w.strides[1], w.strides[0]
    return plain(raw_view(w, 2, sizes, strides, w.offset))


cdef void map_row(cg_kernel kernel, int dt, Py_ssize_t n, char* of, char* to) noexcept nogil:
    cdef char* ptr[2]
    cdef Py_ssize_t stride[2]
    ptr[0], ptr[1] = to, of
    stride[0] = stride[1] = itemsize_of(dt)
    kernel(n, ptr, stride, NULL)


cdef void step(int dt, Py_ssize_t n, Py_ssize_t h, const Matrix* w, char* x, char* bias, char* state, char* cell,
               char* gates, char* tanh_c, char* out, cg_kernel sigmoid, cg_kernel tanh) noexcept nogil:
    cdef Py_ssize_t size = itemsize_of(dt), i
    cdef Matrix a
    cdef char* row
    if dt == FLOAT:
        cg_lstm_gates_f32(n, 4 * h, <float*> x, <float*> bias, <float*> gates)
    else:
        cg_lstm_gates_f64(n, 4 * h, <double*> x, <double*> bias, <double*> gates)
    a.at, a.ld, a.transposed = state, h, False
    parallel_gemm(dt, &a, w, n, 4 * h, h, 1, 1, gates, 4 * h)
    for i in range(n):
        row = gates + i * 4 * h * size
        map_row(sigmoid, dt, 2 * h, row, row)
        map_row(tanh, dt, h, row + 2 * h * size, row + 2 * h * size)
        map_row(sigmoid, dt, h, row + 3 * h * size, row + 3 * h * size)
    if dt == FLOAT:
        cg_lstm_cell_f32(n, h, <float*> gates, <float*> cell)
    else:
        cg_lstm_cell_f64(n, h, <double*> gates, <double*> cell)
    map_row(tanh, dt, n * h, cell, tanh_c)
    if dt == FLOAT:
        cg_lstm_output_f32(n, h, <float*> gates, <float*> tanh_c, <float*> state, <float*> out)
    else:
        cg_lstm_output_f64(n, h, <double*> gates, <double*> tanh_c, <double*> state, <double*> out)


cdef int run_steps(int dt, Py_ssize_t h, list sizes, bint reverse, Tensor x_gates, Tensor w, Tensor bias, Tensor state,
                   Tensor cell, Tensor out, Trace* trace) except -1:
    """`out` has the outputs of all steps, `state` and `cell` go from the first to the last."""
    cdef Py_ssize_t size = itemsize_of(dt), n, at, rows = x_gates.count // (4 * h), most = state.count // h
    cdef cg_kernel sigmoid = (<Op> OPS["sigmoid"]).c.k[dt], tanh = (<Op> OPS["tanh"]).c.k[dt]
    cdef Tensor some_gates, some_tanh
    cdef Matrix b
    cdef char* x = data_of(x_gates)
    cdef char* pb
    cdef char* ps = data_of(state)
    cdef char* pc = data_of(cell)
    cdef char* po = data_of(out)
    cdef char* gates
    cdef char* tanh_c
    w = transposed_copy(w)
    b.at, b.ld, b.transposed = data_of(w), 4 * h, False
    if bias is None:
        bias = vector(4 * h, dt)
        memset(data_of(bias), 0, 4 * h * size)
    pb = data_of(bias)
    if trace.gates == NULL:
        some_gates, some_tanh = vector(most * 4 * h, dt), vector(most * h, dt)
        gates, tanh_c = data_of(some_gates), data_of(some_tanh)
    at = rows if reverse else 0
    for i in reversed(sizes) if reverse else sizes:
        n = i
        if reverse:
            at -= n
        if trace.gates != NULL:
            gates, tanh_c = trace.gates + at * 4 * h * size, trace.tanh_c + at * h * size
            memcpy(trace.prev_h + at * h * size, ps, n * h * size)
            memcpy(trace.prev_c + at * h * size, pc, n * h * size)
        with nogil:
            step(dt, n, h, &b, x + at * 4 * h * size, pb, ps, pc, gates, tanh_c, po + at * h * size, sigmoid, tanh)
        if not reverse:
            at += n
    return 0


cdef int run_back(int dt, Py_ssize_t h, list sizes, bint reverse, Tensor w, Tensor g, Tensor dh, Tensor dc, Tensor to,
                  Trace* trace) except -1:
    """`to` has the gradients of the gates of all steps, `dh` and `dc` go from those of the last state to the first."""
    cdef Py_ssize_t size = itemsize_of(dt), n, at = 0, cells
    cdef Matrix a, b
    cdef char* pg = data_of(g)
    cdef char* ph = data_of(dh)
    cdef char* pc = data_of(dc)
    cdef char* pt = data_of(to)
    b.at, b.ld, b.transposed = data_of(w), h, False
    if not reverse:
        at = to.count // (4 * h)
    for i in sizes if reverse else reversed(sizes):
        n = i
        if not reverse:
            at -= n
        cells = at * h * size
        a.at, a.ld, a.transposed = pt + 4 * cells, 4 * h, False
        with nogil:
            if dt == FLOAT:
                cg_lstm_back_f32(n, h, <float*> (trace.gates + 4 * cells), <float*> (trace.prev_c + cells),
                                 <float*> (trace.tanh_c + cells), <float*> (pg + cells), <float*> ph, <float*> pc,
                                 <float*> a.at)
            else:
                cg_lstm_back_f64(n, h, <double*> (trace.gates + 4 * cells), <double*> (trace.prev_c + cells),
                                 <double*> (trace.tanh_c + cells), <double*> (pg + cells), <double*> ph, <double*> pc,
                                 <double*> a.at)
            parallel_gemm(dt, &a, &b, n, h, 4 * h, 1, 0, ph, h)
        if reverse:
            at += n
    return 0


cdef int weight_gradient(Tensor out, Py_ssize_t h, Tensor to, Trace* trace) except -1:
    """The sum over all steps of the gates' gradients times the state before."""
    cdef Py_ssize_t rows = to.count // (4 * h)
    cdef int dt = out.dt
    cdef Matrix a, b
    cdef char* at = data_of(out)
    a.at, a.ld, a.transposed = data_of(to), 4 * h, True
    b.at, b.ld, b.transposed = trace.prev_h, h, False
    with nogil:
        parallel_gemm(dt, &a, &b, 4 * h, h, rows, 1, 0, at, h)
    return 0
