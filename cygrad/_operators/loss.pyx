# cython: allow_none_for_extension_args=False
"""Softmax, the losses of classes and squared error on the CPU.

Each is one fused kernel forward and one backward.  Where the backward pass is itself recorded (create_graph) the
gradient is composed of differentiable operators instead: those formulas are in `_operators/composite.py`.  Half works in float.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from cygrad import _core
from cygrad._core cimport (
    UINT8, INT32, INT64, HALF, BFLOAT16, FLOAT, MAX_DIMS, Tensor, attach, data_of, grad_enabled, itemsize_of,
    new_tensor, wrap_dim)
from cygrad._kernels.copies cimport as_float, back_to, like, plain, vector, working_dtype
from cygrad._operators.family cimport need_floating, need_real_cpu, wants
from cygrad._ops cimport num_threads

cdef extern from "_kernels/norm.h" nogil:
    void cg_softmax_f32(Py_ssize_t, Py_ssize_t, const float*, float*, int)
    void cg_softmax_f64(Py_ssize_t, Py_ssize_t, const double*, double*, int)
    void cg_softmax_columns_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, float*, int)
    void cg_softmax_columns_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, double*, int)
    void cg_softmax_back_f32(Py_ssize_t, Py_ssize_t, const float*, const float*, float*, int)
    void cg_softmax_back_f64(Py_ssize_t, Py_ssize_t, const double*, const double*, double*, int)
    void cg_softmax_columns_back_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*,
                                     float*, int)
    void cg_softmax_columns_back_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*,
                                     double*, int)
    void cg_cross_entropy_f32(Py_ssize_t, Py_ssize_t, const float*, const int64_t*, const float*, int64_t, float*,
                              float*)
    void cg_cross_entropy_f64(Py_ssize_t, Py_ssize_t, const double*, const int64_t*, const double*, int64_t, double*,
                              double*)
    void cg_cross_entropy_back_f32(Py_ssize_t, Py_ssize_t, const float*, const int64_t*, const float*, int64_t,
                                   const float*, int, float, float*)
    void cg_cross_entropy_back_f64(Py_ssize_t, Py_ssize_t, const double*, const int64_t*, const double*, int64_t,
                                   const double*, int, double, double*)
    double cg_square_error_f32(Py_ssize_t, const float*, const float*)
    double cg_square_error_f64(Py_ssize_t, const double*, const double*)
    void cg_difference_f32(Py_ssize_t, const float*, const float*, float, float*)
    void cg_difference_f64(Py_ssize_t, const double*, const double*, double, double*)

cdef enum:
    GRAIN = 16384           # elements below which one thread is enough

cdef enum:
    NONE = 0
    MEAN = 1
    SUM = 2


cdef object composite():
    from cygrad._operators import composite as _composite
    return _composite


cdef int team(Py_ssize_t work) noexcept nogil:
    return 1 if work < GRAIN else num_threads()


# ------------------------------------------------------------------ softmax

cdef void softmax_part(int dt, char* x, char* g, char* y, Py_ssize_t outer, Py_ssize_t n, Py_ssize_t inner,
                       bint log, bint back, Py_ssize_t t, Py_ssize_t nt) noexcept nogil:
    """Part t of nt: of the rows where the dimension is the last, else of the outer planes or of one plane's columns.

    Backward reads x as the result y of the forward pass, g as its gradient, and writes dx to y.
    """
    cdef Py_ssize_t lo = outer * t // nt, hi = outer * (t + 1) // nt, size = itemsize_of(dt), i, first = 0
    cdef Py_ssize_t last = inner
    if inner == 1:
        x += lo * n * size
        g += lo * n * size
        y += lo * n * size
        if dt == FLOAT:
            if back:
                cg_softmax_back_f32(hi - lo, n, <float*> x, <float*> g, <float*> y, log)
            else:
                cg_softmax_f32(hi - lo, n, <float*> x, <float*> y, log)
        elif back:
            cg_softmax_back_f64(hi - lo, n, <double*> x, <double*> g, <double*> y, log)
        else:
            cg_softmax_f64(hi - lo, n, <double*> x, <double*> y, log)
        return
    if outer < nt:
        lo, hi = 0, outer
        first, last = inner * t // nt, inner * (t + 1) // nt
    for i in range(lo, hi):
        if dt == FLOAT:
            if back:
                cg_softmax_columns_back_f32(n, inner, first, last, <float*> x + i * n * inner,
                                            <float*> g + i * n * inner, <float*> y + i * n * inner, log)
            else:
                cg_softmax_columns_f32(n, inner, first, last, <float*> x + i * n * inner, <float*> y + i * n * inner,
                                       log)
        elif back:
            cg_softmax_columns_back_f64(n, inner, first, last, <double*> x + i * n * inner,
                                        <double*> g + i * n * inner, <double*> y + i * n * inner, log)
        else:
            cg_softmax_columns_f64(n, inner, first, last, <double*> x + i * n * inner, <double*> y + i * n * inner,
                                   log)


cdef void run_softmax(Tensor x, Tensor g, Tensor y, int dim, bint log, bint back):
    cdef Py_ssize_t outer = 1, inner = 1, n = 1
    cdef int i, nt = team(x.count), t, dt = x.dt
    cdef char* px = data_of(x)
    cdef char* pg = data_of(g)
    cdef char* py = data_of(y)
    if x.count == 0:
        return
    for i in range(x.nd):
        if i < dim:
            outer *= x.sizes[i]
        elif i > dim:
            inner *= x.sizes[i]
        else:
            n = x.sizes[i]
    if nt == 1:
        softmax_part(dt, px, pg, py, outer, n, inner, log, back, 0, 1)
        return
    with nogil:
        for t in prange(nt, num_threads=nt, schedule="static"):
            softmax_part(dt, px, pg, py, outer, n, inner, log, back, t, nt)


cdef Tensor raw_softmax(Tensor x, int dim, bint log):
    cdef Tensor wide = as_float(x, working_dtype(x)), y = like(x, wide.dt)
    run_softmax(wide, wide, y, dim, log, False)
    return back_to(y, x.dt)


def _softmax_backward(node, Tensor g):
    cdef Tensor y = <Tensor> node.saved()[0], wide, dx
    cdef int dim = node.args[0]
    cdef bint log = node.args[1]
    if grad_enabled():
        return g - y.exp() * g.sum(dim, keepdim=True) if log else y * (g - (g * y).sum(dim, keepdim=True))
    wide = as_float(y, working_dtype(y))
    dx = like(y, wide.dt)
    run_softmax(wide, as_float(g, wide.dt), dx, dim, log, True)
    return back_to(dx, y.dt)


cdef Tensor softmax_of(Tensor x, dim, bint log):
    cdef int d = wrap_dim(dim, x.nd)
    cdef Tensor y
    need_floating(x, "log_softmax_lastdim_kernel_impl" if log else "softmax_lastdim_kernel_impl")
    need_real_cpu("log_softmax" if log else "softmax", x)
    y = raw_softmax(x, d, log)
    if wants(x):
        attach(y, "LogSoftmaxBackward0" if log else "SoftmaxBackward0", (x,), _softmax_backward, (y,), (d, log))
    return y


cpdef Tensor softmax(Tensor x, Py_ssize_t dim):
    """exp(x) / sum(exp(x)) over one dimension."""
    return softmax_of(x, dim, False)


cpdef Tensor log_softmax(Tensor x, Py_ssize_t dim):
    """x - log(sum(exp(x))) over one dimension."""
    return softmax_of(x, dim, True)


# ------------------------------------------------------------------ losses of class indices

cdef Tensor class_indices(Tensor target, Py_ssize_t classes, Py_ssize_t ignore):
    """The target as contiguous int64, every index in range."""
    cdef Tensor t
    cdef int64_t* p
    cdef Py_ssize_t i
    if target.dt != INT64 and target.dt != UINT8:
        raise RuntimeError("expected target dtype to be Long or Byte, but got "
                           f"{_core.SCALAR_TYPE_NAMES[target.dt]}")
    t = as_float(target, INT64)
    p = <int64_t*> data_of(t)
    for i in range(t.count):
        if (p[i] < 0 or p[i] >= classes) and p[i] != ignore:
            raise IndexError(f"Target {p[i]} is out of bounds.")
    return t


cdef int check_target(Tensor x, Tensor target, Tensor weight) except -1:
    cdef int i
    cdef Py_ssize_t classes
    if x.nd == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    classes = x.sizes[0 if x.nd == 1 else 1]
    if x.nd != 1 and (target.nd == 0 or x.sizes[0] != target.sizes[0]):
        raise ValueError(f"Expected input batch_size ({x.sizes[0]}) to match target batch_size "
                         f"({target.sizes[0] if target.nd else 1}).")
    if x.nd <= 2:
        if target.nd > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if x.nd == 1 and target.count != 1:
            raise ValueError("For 1D input, 1D target must have size 1, but got target size: "
                             f"{list(target.shape)}")
    else:
        if target.nd != x.nd - 1:
            if x.nd == 4 or target.nd == 3:
                raise RuntimeError("only batches of spatial targets supported (3D tensors) but got targets of "
                                   f"dimension: {target.nd}")
            raise ValueError(f"Expected target size {[x.sizes[0], *list(x.shape)[2:]]}, got {list(target.shape)}")
        for i in range(1, target.nd):
            if target.sizes[i] != x.sizes[i + 1]:
                if x.nd == 4:
                    raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(target.shape)}")
                raise ValueError(f"Expected target size {[x.sizes[0], *list(x.shape)[2:]]}, got "
                                 f"{list(target.shape)}")
    if weight is not None and (weight.nd != 1 or weight.sizes[0] != classes):
        raise RuntimeError(f"weight tensor should be defined either for all {classes} classes or no classes but got "
                           f"weight tensor of shape: {list(weight.shape)}")
    if weight is not None and weight.dt != x.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"expected scalar type {kinds[x.dt]} but found {kinds[weight.dt]}")
    return 0


cdef double weight_of_targets(Tensor t, Tensor w, Py_ssize_t ignore) noexcept:
    """What the mean divides by: the sum of the weights of the targets that count."""
    cdef int64_t* p = <int64_t*> data_of(t)
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(t.count):
        if p[i] == ignore:
            continue
        if w is None:
            total += 1
        elif w.dt == FLOAT:
            total += (<float*> data_of(w))[p[i]]
        else:
            total += (<double*> data_of(w))[p[i]]
    return total


cdef Tensor reduced(Tensor rows, int reduction, double divisor):
    """The sum of the losses over `divisor`, in the dtype of the losses."""
    cdef Tensor r
    cdef double total = 0
    cdef Py_ssize_t i
    if reduction == NONE:
        return rows
    r = new_tensor(0, NULL, rows.dt, 0)
    if rows.dt == FLOAT:
        for i in range(rows.count):
            total += (<float*> data_of(rows))[i]
        (<float*> data_of(r))[0] = <float> (total / divisor if reduction == MEAN else total)
    else:
        for i in range(rows.count):
            total += (<double*> data_of(rows))[i]
        (<double*> data_of(r))[0] = total / divisor if reduction == MEAN else total
    return r


cdef void entropy_part(int dt, Py_ssize_t n, char* x, const int64_t* t, char* w, Py_ssize_t ignore, char* p, char* loss,
                       Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    if dt == FLOAT:
        cg_cross_entropy_f32(hi - lo, n, <float*> x + lo * n, t + lo, <float*> w, ignore,
                             NULL if p == NULL else <float*> p + lo * n, <float*> loss + lo)
    else:
        cg_cross_entropy_f64(hi - lo, n, <double*> x + lo * n, t + lo, <double*> w, ignore,
                             NULL if p == NULL else <double*> p + lo * n, <double*> loss + lo)


cdef void entropy_back_part(int dt, Py_ssize_t n, char* p, const int64_t* t, char* w, Py_ssize_t ignore, char* g,
                            bint per_row, double divisor, char* dx, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    if dt == FLOAT:
        cg_cross_entropy_back_f32(hi - lo, n, <float*> p + lo * n, t + lo, <float*> w, ignore,
                                  <float*> g + (lo if per_row else 0), per_row, <float> divisor, <float*> dx + lo * n)
    else:
        cg_cross_entropy_back_f64(hi - lo, n, <double*> p + lo * n, t + lo, <double*> w, ignore,
                                  <double*> g + (lo if per_row else 0), per_row, divisor, <double*> dx + lo * n)


def _cross_entropy_backward(node, Tensor g):
    cdef Tensor x, p, t, w, wide, dx
    cdef Py_ssize_t ignore, n, rows
    cdef int reduction, i, nt, dt
    cdef double divisor
    ignore, reduction, divisor = node.args
    x, p, t, w = node.saved()
    if grad_enabled():
        return composite().cross_entropy_gradient(x, t, w, g, ignore, reduction, divisor)
    dt = p.dt
    wide = as_float(g, dt)
    dx = like(p, dt)
    n = p.sizes[p.nd - 1]
    rows = p.count // n if n else 0
    cdef char* pp = data_of(p)
    cdef char* pw = NULL if w is None else data_of(w)
    cdef char* pg = data_of(wide)
    cdef char* pd = data_of(dx)
    cdef int64_t* pt = <int64_t*> data_of(t)
    cdef bint per_row = reduction == NONE
    if reduction != MEAN:
        divisor = 1
    nt = team(p.count)
    if nt == 1:
        entropy_back_part(dt, n, pp, pt, pw, ignore, pg, per_row, divisor, pd, 0, rows)
    else:
        with nogil:
            for i in prange(nt, num_threads=nt, schedule="static"):
                entropy_back_part(dt, n, pp, pt, pw, ignore, pg, per_row, divisor, pd, rows * i // nt,
                                  rows * (i + 1) // nt)
    return back_to(dx, x.dt)


cpdef Tensor cross_entropy(Tensor x, Tensor target, Tensor weight=None, Py_ssize_t ignore_index=-100, int reduction=1,
                           double label_smoothing=0):
    """-log softmax(x)[target] of x (n, classes, ...) or (classes), weighted by class.

    reduction 0 keeps a loss per target, 1 is the mean weighted by class, 2 the sum.  Target: class indices (int64), or
    probabilities of the shape of x.  Label smoothing as in https://arxiv.org/abs/1512.00567.
    """
    cdef Tensor t, wide, w, p = None, loss, r
    cdef Py_ssize_t n, rows
    cdef int i, nt, dt
    cdef double divisor = 1
    if target.dt >= HALF and x.nd == target.nd and x.shape == target.shape:
        return composite().soft_cross_entropy(x, target, weight, reduction, label_smoothing)
    need_floating(x, "log_softmax_lastdim_kernel_impl")
    need_real_cpu("cross_entropy", x, target, weight)
    if x.nd > 2 or label_smoothing != 0:
        return composite().cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)
    check_target(x, target, weight)
    n = x.sizes[x.nd - 1]
    t = class_indices(target, n, ignore_index)
    rows = t.count
    dt = working_dtype(x)
    wide = as_float(x, dt)
    w = None if weight is None else as_float(weight, dt)
    cdef bint recorded = wants(x)
    if recorded:
        p = like(x, dt)
    loss = like(target, dt)
    cdef char* px = data_of(wide)
    cdef char* pw = NULL if w is None else data_of(w)
    cdef char* pp = NULL if p is None else data_of(p)
    cdef char* pl = data_of(loss)
    cdef int64_t* pt = <int64_t*> data_of(t)
    nt = team(x.count)
    if nt == 1:
        entropy_part(dt, n, px, pt, pw, ignore_index, pp, pl, 0, rows)
    else:
        with nogil:
            for i in prange(nt, num_threads=nt, schedule="static"):
                entropy_part(dt, n, px, pt, pw, ignore_index, pp, pl, rows * i // nt, rows * (i + 1) // nt)
    if reduction == MEAN:
        divisor = weight_of_targets(t, w, ignore_index)
    r = back_to(reduced(loss, reduction, divisor), x.dt)
    if recorded:
        attach(r, "NllLossBackward0", (x,), _cross_entropy_backward, (x, p, t, w), (ignore_index, reduction, divisor))
    return r


cdef void nll_forward(int dt, char* x, int64_t* t, char* w, Py_ssize_t ignore, Py_ssize_t n, Py_ssize_t inner,
                      Py_ssize_t count, char* loss) noexcept nogil:
    cdef Py_ssize_t i, at
    for i in range(count):
        at = i // inner * n * inner + i % inner + t[i] * inner
        if t[i] == ignore:
            at = 0
        if dt == FLOAT:
            (<float*> loss)[i] = 0 if t[i] == ignore else \
                -(<float*> x)[at] * (1 if w == NULL else (<float*> w)[t[i]])
        else:
            (<double*> loss)[i] = 0 if t[i] == ignore else \
                -(<double*> x)[at] * (1 if w == NULL else (<double*> w)[t[i]])


def _nll_backward(node, Tensor g):
    cdef Tensor t, w, dx, wide
    cdef Py_ssize_t ignore, n, inner, i, at
    cdef int reduction, dt
    cdef double divisor, c
    cdef int64_t* pt
    cdef tuple shape
    ignore, reduction, divisor, shape, xdt = node.args
    t, w = node.saved()
    if grad_enabled():
        return composite().nll_gradient(shape, t, w, g, ignore, reduction, divisor)
    dt = xdt
    if dt == HALF or dt == BFLOAT16:
        dt = FLOAT
    cdef Py_ssize_t[MAX_DIMS] sizes
    for i in range(len(shape)):
        sizes[i] = shape[i]
    dx = new_tensor(<int> len(shape), sizes, dt, 0)
    memset(data_of(dx), 0, dx.count * itemsize_of(dt))
    wide = as_float(g, dt)
    n = sizes[0 if dx.nd == 1 else 1]
    inner = 1
    for i in range(2, dx.nd):
        inner *= sizes[i]
    pt = <int64_t*> data_of(t)
    if reduction != MEAN:
        divisor = 1
    for i in range(t.count):
        if pt[i] == ignore:
            continue
        at = i // inner * n * inner + i % inner + pt[i] * inner
        if dt == FLOAT:
            c = 1 if w is None else (<float*> data_of(w))[pt[i]]
            c *= (<float*> data_of(wide))[i if reduction == NONE else 0]
            (<float*> data_of(dx))[at] = <float> (-c / divisor)
        else:
            c = 1 if w is None else (<double*> data_of(w))[pt[i]]
            c *= (<double*> data_of(wide))[i if reduction == NONE else 0]
            (<double*> data_of(dx))[at] = -c / divisor
    return back_to(dx, xdt)


cpdef Tensor nll_loss(Tensor x, Tensor target, Tensor weight=None, Py_ssize_t ignore_index=-100, int reduction=1):
    """-x[target] for log-probabilities x (n, classes, ...) or (classes), weighted by class."""
    cdef Tensor t, w, wide, loss, r
    cdef Py_ssize_t n, inner = 1
    cdef int i, dt
    cdef double divisor = 1
    need_real_cpu("nll_loss", x, target, weight)
    check_target(x, target, weight)
    need_floating(x, "nll_loss_out_frame" if x.nd <= 2 else "nll_loss2d_forward_out_frame")
    n = x.sizes[0 if x.nd == 1 else 1]
    t = class_indices(target, n, ignore_index)
    dt = working_dtype(x)
    wide = as_float(x, dt)
    w = None if weight is None else as_float(weight, dt)
    for i in range(2, x.nd):
        inner *= x.sizes[i]
    loss = like(target, dt)
    nll_forward(dt, data_of(wide), <int64_t*> data_of(t), NULL if w is None else data_of(w), ignore_index, n, inner,
                t.count, data_of(loss))
    if reduction == MEAN:
        divisor = weight_of_targets(t, w, ignore_index)
    r = back_to(reduced(loss, reduction, divisor), x.dt)
    if wants(x):
        attach(r, "NllLossBackward0" if x.nd <= 2 else "NllLoss2DBackward0", (x,), _nll_backward, (t, w),
               (ignore_index, reduction, divisor, tuple(x.shape), x.dt))
    return r


# ------------------------------------------------------------------ squared error

def _mse_backward(node, Tensor g):
    cdef Tensor x, y, a, b, out
    cdef int reduction = node.args[0]
    cdef double k
    x, y = node.saved()
    if grad_enabled() or reduction == NONE or x.dt < FLOAT or not same_dense(x, y):
        d = (x - y) * (2.0 / x.count if reduction == MEAN else 2.0) * g
        return d if node.needs(0) else None, -d if node.needs(1) else None
    out = like(x, x.dt)
    k = 2.0 / x.count if reduction == MEAN else 2.0
    a, b = x, y
    if not node.needs(0):
        a, b = y, x
    if x.dt == FLOAT:
        cg_difference_f32(x.count, <float*> data_of(a), <float*> data_of(b),
                          <float> k * (<float*> data_of(g))[0], <float*> data_of(out))
    else:
        cg_difference_f64(x.count, <double*> data_of(a), <double*> data_of(b), k * (<double*> data_of(g))[0],
                          <double*> data_of(out))
    if not node.needs(0):
        return None, out
    return out, -out if node.needs(1) else None


cdef bint same_dense(Tensor x, Tensor y):
    return x.contiguous and y.contiguous and x.dt == y.dt and x.shape == y.shape


cpdef Tensor mse_loss(Tensor x, Tensor y, int reduction=1):
    """(x - y)**2: 0 element by element, 1 the mean, 2 the sum.  x and y broadcast."""
    cdef Tensor r
    cdef double total
    if x.dt >= FLOAT and x.dev == 0 and y.dev == 0 and reduction != NONE and same_dense(x, y):
        r = new_tensor(0, NULL, x.dt, 0)
        if x.dt == FLOAT:
            total = cg_square_error_f32(x.count, <float*> data_of(x), <float*> data_of(y))
        else:
            total = cg_square_error_f64(x.count, <double*> data_of(x), <double*> data_of(y))
        if reduction == MEAN:
            total = total / x.count if x.count else float("nan")
        if x.dt == FLOAT:
            (<float*> data_of(r))[0] = <float> total
        else:
            (<double*> data_of(r))[0] = total
        return attach(r, "MseLossBackward0", (x, y), _mse_backward, (x, y), (reduction,))
    return composite().mse_loss(x, y, reduction)
