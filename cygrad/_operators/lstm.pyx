"""A layer of an LSTM in one direction as one operator, on the CPU, in float and double.

The products of all inputs are made before, by one matrix product.  The backward pass goes through the steps once, then
makes the gradient of the weights by one product over all of them.  Where that is recorded itself (create_graph) the
gradient is composed of operators, by a function that the caller hands over.
"""
from cygrad._core cimport DOUBLE, FLOAT, Tensor, data_of, grad_enabled
from cygrad._kernels.copies cimport like, plain, shaped
from cygrad._kernels.lstm cimport Trace, run_back, run_steps, weight_gradient
from cygrad._kernels.matmul cimport column_sum
from cygrad._operators.family cimport wants
from cygrad._ops cimport clone
from cygrad._walk cimport zeros_of
from cygrad._core import record


cdef Tensor contiguous_copy(Tensor t):
    return clone(plain(t))


cdef Tensor gradient_or_zeros(Tensor g, Tensor of):
    """A gradient that may be overwritten."""
    return contiguous_copy(g) if g is not None else zeros_of(of.shape, of.dt, of.dev)


def _lstm_backward(node, g, gh, gc):
    cdef Trace trace
    cdef Tensor gates, tanh_c, prev_h, prev_c, w, to, dh, dc, dw = None, db = None
    cdef Py_ssize_t h
    cdef int dt
    sizes, reverse, composed = node.args
    *inputs, gates, tanh_c, prev_h, prev_c = node.saved()
    if grad_enabled():
        return composed(inputs, (g, gh, gc), [node.needs(i) for i in range(5)], sizes, reverse)
    w, dt, h = plain(inputs[3]), gates.dt, prev_h.sizes[1]
    trace.gates, trace.tanh_c = data_of(gates), data_of(tanh_c)
    trace.prev_h, trace.prev_c = data_of(prev_h), data_of(prev_c)
    to, dh, dc = like(gates, dt), gradient_or_zeros(gh, inputs[1]), gradient_or_zeros(gc, inputs[2])
    g = plain(g) if g is not None else gradient_or_zeros(None, prev_h)
    run_back(dt, h, sizes, reverse, w, g, dh, dc, to, &trace)
    if node.needs(3):
        dw = like(w, dt)
        weight_gradient(dw, h, to, &trace)
    if inputs[4] is not None and node.needs(4):
        db = shaped((4 * h,), dt)
        column_sum(db, to)
    return to, dh, dc, dw, db


def suits(Tensor gates not None, Tensor h not None, Tensor c not None, Tensor w not None, Tensor bias):
    """Whether the operator takes these; else it is for the caller to compose the steps."""
    if gates.dt != FLOAT and gates.dt != DOUBLE or gates.count == 0 or h.count == 0:
        return False
    for t in (gates, h, c, w, bias):
        if t is not None and ((<Tensor> t).dev or (<Tensor> t).dt != gates.dt):
            return False
    return True


def lstm_layer(Tensor gates not None, Tensor h not None, Tensor c not None, Tensor w not None, Tensor bias,
               list sizes not None, bint reverse, composed not None):
    """(outputs, last h, last c) of the products `gates` (rows of all steps, 4 * H), first sizes[0] of them.

    `composed(inputs, gradients, needs, sizes, reverse)` gives the gradients of the five tensors as tensors of a graph.
    """
    cdef Trace trace
    cdef Tensor out, state = contiguous_copy(h), cell = contiguous_copy(c)
    cdef Py_ssize_t cells = h.sizes[1], rows = gates.sizes[0]
    cdef int dt = gates.dt
    kept = (None,) * 4
    trace.gates = NULL
    if wants(gates) or wants(h) or wants(c) or wants(w) or wants(bias):
        kept = (shaped((rows, 4 * cells), dt), *[shaped((rows, cells), dt) for _ in range(3)])
        trace.gates, trace.tanh_c = data_of(<Tensor> kept[0]), data_of(<Tensor> kept[1])
        trace.prev_h, trace.prev_c = data_of(<Tensor> kept[2]), data_of(<Tensor> kept[3])
    out = shaped((rows, cells), dt)
    run_steps(dt, cells, sizes, reverse, plain(gates), w, None if bias is None else plain(bias), state, cell,
              out, &trace)
    return record((out, state, cell), "LstmLayerBackward0", (gates, h, c, w, bias), _lstm_backward,
                  (gates, h, c, w, bias, *kept), (sizes, reverse, composed))
