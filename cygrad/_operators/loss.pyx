# cython: allow_none_for_extension_args=False
"""Softmax, the losses of classes and squared error.

Each is one primitive forward and one backward.  Where the backward pass is itself recorded (create_graph) the
gradient is composed of differentiable operators instead: those formulas are in `_operators/composite.py`.
"""
from cygrad import _core
from cygrad._operators import composite as _composite
from cygrad._core cimport (
    UINT8, INT64, HALF, FLOAT, Tensor, attach, data_of, grad_enabled, new_tensor, refuse_complex, shallow,
    wrap_dim)
from cygrad._kernels.copies cimport as_float, like, shaped, working_dtype
from cygrad._kernels.softmax cimport (
    cross_entropy as cpu_cross_entropy, cross_entropy_gradient, nll, nll_gradient, softmax as cpu_softmax,
    softmax_gradient)
from cygrad._operators.family cimport need_floating, one_device, wants

cdef extern from "_kernels/norm.h" nogil:
    double cg_square_error_f32(Py_ssize_t, const float*, const float*)
    double cg_square_error_f64(Py_ssize_t, const double*, const double*)
    void cg_difference_f32(Py_ssize_t, const float*, const float*, float, float*)
    void cg_difference_f64(Py_ssize_t, const double*, const double*, double, double*)

cdef enum:
    NONE = 0
    MEAN = 1


# ------------------------------------------------------------------ softmax

def _softmax_backward(node, Tensor g):
    cdef Tensor y = <Tensor> node.saved()[0], dx
    cdef int dim = node.args[0]
    cdef bint log = node.args[1]
    if grad_enabled():
        return g - y.exp() * g.sum(dim, keepdim=True) if log else y * (g - (g * y).sum(dim, keepdim=True))
    dx = like(y, y.dt)
    if dx.dev:
        if dx.count:
            _core.backend_of(dx.dev).softmax_gradient(dx, y, g, dim, log)
    else:
        softmax_gradient(dx, y, g, dim, log)
    return dx


cdef Tensor softmax_of(Tensor x, dim, bint log):
    cdef int d = wrap_dim(dim, x.nd)
    cdef Tensor y
    need_floating(x, "log_softmax_lastdim_kernel_impl" if log else "softmax_lastdim_kernel_impl")
    y = like(x, x.dt)
    if y.dev:
        if y.count:
            _core.backend_of(y.dev).softmax(y, x, d, log)
    else:
        cpu_softmax(y, x, d, log)
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

cdef Tensor class_indices(Tensor target):
    """The target as contiguous int64; the primitives find what is out of range."""
    if target.dt != INT64 and target.dt != UINT8:
        raise RuntimeError("expected target dtype to be Long or Byte, but got "
                           f"{_core.SCALAR_TYPE_NAMES[target.dt]}")
    return as_float(target, INT64)


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


cdef int check_losses(str name, Tensor x, Tensor target, Tensor weight) except -1:
    refuse_complex(name, x)
    refuse_complex(name, target)
    if weight is not None:
        refuse_complex(name, weight)
    return one_device(name, x, target, weight)


cdef Tensor loss_like(Tensor x, Tensor target, int reduction):
    """Where the losses, their sum or their mean go."""
    return like(target, x.dt) if reduction == NONE else new_tensor(0, NULL, x.dt, x.dev)


def _cross_entropy_backward(node, Tensor g):
    cdef Tensor x, p, t, w, divisor, dx
    cdef Py_ssize_t ignore
    cdef int reduction
    ignore, reduction = node.args
    x, p, t, w, divisor = node.saved()
    if grad_enabled():
        return _composite.cross_entropy_gradient(x, log_softmax, t, w, g, ignore, reduction, divisor)
    dx = like(p, x.dt)
    if dx.dev:
        if dx.count:
            _core.backend_of(dx.dev).cross_entropy_gradient(dx, p, t, w, g, divisor, ignore)
    else:
        cross_entropy_gradient(dx, p, t, w, g, divisor, ignore)
    return dx


cpdef Tensor cross_entropy(Tensor x, Tensor target, Tensor weight=None, Py_ssize_t ignore_index=-100, int reduction=1,
                           double label_smoothing=0):
    """-log softmax(x)[target] of x (n, classes, ...) or (classes), weighted by class.

    reduction 0 keeps a loss per target, 1 is the mean weighted by class, 2 the sum.  Target: class indices (int64), or
    probabilities of the shape of x.  Label smoothing as in https://arxiv.org/abs/1512.00567.
    """
    cdef Tensor t, p = None, divisor = None, r
    if target.dt >= HALF and x.nd == target.nd and x.shape == target.shape:
        return _composite.soft_cross_entropy(x, log_softmax, target, weight, reduction, label_smoothing)
    need_floating(x, "log_softmax_lastdim_kernel_impl")
    check_losses("cross_entropy", x, target, weight)
    if x.nd > 2 or label_smoothing != 0:
        return _composite.cross_entropy(x, log_softmax, nll_loss, target, weight, ignore_index, reduction,
                                        label_smoothing)
    check_target(x, target, weight)
    t = class_indices(target)
    cdef bint recorded = wants(x)
    if recorded:
        p = like(x, working_dtype(x))
    if reduction == MEAN:
        divisor = new_tensor(0, NULL, working_dtype(x), x.dev)
    r = loss_like(x, t, reduction)
    if r.dev:
        if r.count:
            _core.backend_of(r.dev).cross_entropy(r, p, divisor, x, t, weight, ignore_index, reduction)
    else:
        cpu_cross_entropy(r, p, divisor, x, t, weight, ignore_index, reduction)
    if recorded:
        attach(r, "NllLossBackward0", (x,), _cross_entropy_backward, (x, p, t, weight, divisor),
               (ignore_index, reduction))
    return r


def _nll_backward(node, Tensor g):
    cdef Tensor t, w, divisor, dx
    cdef Py_ssize_t ignore
    cdef int reduction, dt
    cdef tuple shape
    ignore, reduction, shape, dt = node.args
    t, w, divisor = node.saved()
    if grad_enabled():
        return _composite.nll_gradient(shape, t, w, g, ignore, reduction, divisor)
    dx = shaped(shape, dt, t.dev)
    if dx.dev:
        if dx.count:
            _core.backend_of(dx.dev).nll_gradient(dx, t, w, g, divisor, ignore)
    else:
        nll_gradient(dx, t, w, g, divisor, ignore)
    return dx


cpdef Tensor nll_loss(Tensor x, Tensor target, Tensor weight=None, Py_ssize_t ignore_index=-100, int reduction=1):
    """-x[target] for log-probabilities x (n, classes, ...) or (classes), weighted by class."""
    cdef Tensor t, divisor = None, r
    check_losses("nll_loss", x, target, weight)
    check_target(x, target, weight)
    need_floating(x, "nll_loss_out_frame" if x.nd <= 2 else "nll_loss2d_forward_out_frame")
    t = class_indices(target)
    if reduction == MEAN:
        divisor = new_tensor(0, NULL, working_dtype(x), x.dev)
    r = loss_like(x, t, reduction)
    if r.dev:
        if r.count:
            _core.backend_of(r.dev).nll(r, divisor, x, t, weight, ignore_index, reduction)
    else:
        nll(r, divisor, x, t, weight, ignore_index, reduction)
    if wants(x):
        attach(r, "NllLossBackward0" if x.nd <= 2 else "NllLoss2DBackward0", (x,), _nll_backward,
               (t, weight, divisor), (ignore_index, reduction, tuple(x.shape), x.dt))
    return r


# ------------------------------------------------------------------ squared error

def _mse_backward(node, Tensor g):
    cdef Tensor x, y, a, b, out
    cdef int reduction = node.args[0]
    cdef double k
    x, y = node.saved()
    if grad_enabled() or reduction == NONE or x.dt < FLOAT or x.dev or not same_dense(x, y):
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
    if x.dev and x.dt >= HALF and same_dense(x, y) and one_device("mse_loss", x, y):
        r = _composite.mse_loss(shallow(x), shallow(y), reduction)
        return attach(r, "MseLossBackward0", (x, y), _mse_backward, (x, y), (reduction,))
    return _composite.mse_loss(x, y, reduction)
