"""Layer, group and batch normalisation.

Each is one primitive forward and one backward.  Where the backward pass is itself recorded (create_graph) the
gradient is composed of differentiable operators instead: those formulas are in `_operators/composite.py`, with the
plain forms that the tests hold the kernels against.
"""
from cygrad import _core
from cygrad._operators import composite as _composite
from cygrad._core cimport FLOAT, Tensor, attach, grad_enabled
from cygrad._kernels.copies cimport like, vector, working_dtype
from cygrad._kernels.norm cimport batch_norm as cpu_batch_norm, batch_norm_gradient, normalize, normalize_gradient
from cygrad._operators.family cimport (
    as_matrix, as_rows, format_of, in_format, laid_as, need_floating, new_in_format, one_device)
from cygrad._ops cimport copy_into


# ------------------------------------------------------------------ layer norm, group norm

cdef tuple run_gradient(node, Tensor x, Tensor g, Tensor w, Tensor mean, Tensor rstd, Py_ssize_t groups,
                        Py_ssize_t span, Py_ssize_t n):
    """The gradients that are wanted of x, and of weight and bias as vectors of n."""
    cdef Tensor dx = None, dw = None, db = None
    if node.needs(0):
        dx = like(x, x.dt)
    if node.needs(1):
        dw = vector(n, x.dt if w is None else w.dt, x.dev)
    if node.needs(2):
        db = vector(n, x.dt if w is None else w.dt, x.dev)
    if x.count == 0:
        for t in (dw, db):
            if t is not None:
                t.zero_()
    elif x.dev:
        _core.backend_of(x.dev).normalize_gradient(dx, dw, db, x, g, w, mean, rstd, groups, span)
    else:
        normalize_gradient(dx, dw, db, x, g, w, mean, rstd, groups, span)
    return dx, dw, db


def _layer_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd
    cdef Py_ssize_t n = 1
    eps, shape = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.layer_norm_gradient(x, shape, w, eps, g, [node.needs(i) for i in range(3)])
    for size in shape:
        n *= size
    dx, dw, db = run_gradient(node, x, g, w, mean, rstd, 1, 1, n)
    if len(shape) > 1:
        dw = None if dw is None else dw.view(shape)
        db = None if db is None else db.view(shape)
    return dx, dw, db


def layer_norm(Tensor x not None, normalized_shape, Tensor weight=None, Tensor bias=None, double eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions (https://arxiv.org/abs/1607.06450)."""
    cdef list shape = list(normalized_shape)
    cdef int nd = <int> len(shape), i, dt
    cdef Py_ssize_t rows = 1
    cdef Tensor y, mean, rstd
    if nd == 0:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                           "element, but got normalized_shape = []")
    for t, what in ((weight, "weight"), (bias, "bias")):
        if t is not None and list(t.shape) != shape:
            raise RuntimeError(f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                               f"{list(t.shape)} and normalized_shape = {shape}")
    if x.nd < nd or [x.sizes[x.nd - nd + i] for i in range(nd)] != shape:
        raise RuntimeError(f"Given normalized_shape={shape}, expected input with shape [*, "
                           f"{', '.join([str(s) for s in shape])}], but got input of size{list(x.shape)}")
    need_floating(x, "LayerNormKernelImpl")
    one_device("layer_norm", x, weight, bias)
    dt = working_dtype(x)
    for t in (weight, bias):
        if t is not None and (<Tensor> t).dt != x.dt and not (x.dt < FLOAT and (<Tensor> t).dt == FLOAT):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    for i in range(x.nd - nd):
        rows *= x.sizes[i]
    y, mean, rstd = like(x, x.dt), vector(rows, dt, x.dev), vector(rows, dt, x.dev)
    if x.count:
        if x.dev:
            _core.backend_of(x.dev).normalize(y, mean, rstd, x, weight, bias, 1, 1, eps)
        else:
            normalize(y, mean, rstd, x, weight, bias, 1, 1, eps)
    return attach(y, "NativeLayerNormBackward0", (x, weight, bias), _layer_norm_backward, (x, weight, mean, rstd),
                  (eps, tuple(shape)))


def _group_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd
    groups, eps, span = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.group_norm_gradient(x, groups, w, eps, g, [node.needs(i) for i in range(3)])
    return run_gradient(node, x, g, w, mean, rstd, groups, span, x.sizes[1])


def group_norm(Tensor x not None, Py_ssize_t num_groups, Tensor weight=None, Tensor bias=None, double eps=1e-5):
    """Normalises each group of channels of each sample (https://arxiv.org/abs/1803.08494)."""
    cdef int dt, i
    cdef Py_ssize_t channels, span = 1, rows
    cdef Tensor y, mean, rstd
    if x.nd < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.nd}")
    channels = x.sizes[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError("Expected number of channels in input to be divisible by num_groups, but got input of shape "
                           f"{list(x.shape)} and num_groups={num_groups}")
    for t, what in ((weight, "weight"), (bias, "bias")):
        if t is not None and ((<Tensor> t).nd != 1 or (<Tensor> t).count != channels):
            raise RuntimeError(f"Expected {what} to be a vector of size equal to the number of channels in input, but "
                               f"got {what} of shape {list(t.shape)} and input of shape {list(x.shape)}")
    need_floating(x, "GroupNormKernelImpl")
    one_device("group_norm", x, weight, bias)
    for i in range(2, x.nd):
        span *= x.sizes[i]
    dt = working_dtype(x)
    rows = x.sizes[0] * num_groups
    y, mean, rstd = like(x, x.dt), vector(rows, dt, x.dev), vector(rows, dt, x.dev)
    if x.count:
        if x.dev:
            _core.backend_of(x.dev).normalize(y, mean, rstd, x, weight, bias, num_groups, span, eps)
        else:
            normalize(y, mean, rstd, x, weight, bias, num_groups, span, eps)
    y = laid_as(y, x)
    return attach(y, "NativeGroupNormBackward0", (x, weight, bias), _group_norm_backward, (x, weight, mean, rstd),
                  (num_groups, eps, span))


# ------------------------------------------------------------------ batch norm

def _batch_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd, rows, dx = None, dw = None, db = None, given = None
    cdef bint training
    training, eps = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.batch_norm_gradient(x, w, mean, rstd, training, eps, g,
                                              [node.needs(i) for i in range(3)])
    rows = as_rows(x)       # channels last: each channel is a column
    if node.needs(0):
        dx = given = like(x, x.dt) if rows is None else new_in_format(x.nd, x.sizes, x.dt, x.dev, format_of(x))
    if node.needs(1):
        dw = like(mean, w.dt)
    if node.needs(2):
        db = like(mean, x.dt if w is None else w.dt)
    if rows is not None:
        if as_rows(g) is None:
            g = in_format(g, format_of(x))
        x, g = rows, as_matrix(g)
        given = None if dx is None else as_matrix(dx)
    if x.count == 0:
        for t in (dw, db):
            if t is not None:
                t.zero_()
    elif x.dev:
        _core.backend_of(x.dev).batch_norm_gradient(given, dw, db, x, g, w, mean, rstd, training)
    else:
        batch_norm_gradient(given, dw, db, x, g, w, mean, rstd, training)
    return dx, dw, db


def batch_norm(Tensor x not None, Tensor weight=None, Tensor bias=None, Tensor running_mean=None,
               Tensor running_var=None, bint training=False, double momentum=0.1, double eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias per channel, dimension 1 (https://arxiv.org/abs/1502.03167).

    In training mean and var (biased) are the batch's, and the running ones move towards them (var unbiased) in place;
    else they are the running ones.
    """
    cdef Py_ssize_t channels = x.sizes[1] if x.nd > 1 else 0
    cdef Tensor y, to, rows, mean, rstd
    cdef int dt
    if not training:
        if running_mean is None:
            raise RuntimeError("running_mean must be defined in evaluation mode")
        if running_var is None:
            raise RuntimeError("running_var must be defined in evaluation mode")
    for t, what in ((running_mean, "running_mean"), (running_var, "running_var"), (weight, "weight"), (bias, "bias")):
        if t is not None and (<Tensor> t).count != channels:
            raise RuntimeError(f"{what} should contain {channels} elements not {(<Tensor> t).count}")
    need_floating(x, "batch_norm")
    one_device("batch_norm", x, weight, bias)
    one_device("batch_norm", x, running_mean, running_var)
    for t in (weight, bias, running_mean, running_var):
        if t is not None and (<Tensor> t).dt != x.dt and not (x.dt < FLOAT and (<Tensor> t).dt == FLOAT):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    dt = working_dtype(x)
    mean, rstd = vector(channels, dt, x.dev), vector(channels, dt, x.dev)
    rows = as_rows(x)       # channels last: each channel is a column
    if rows is None:
        y, rows = like(x, x.dt), x
        to = y
    else:
        y = new_in_format(x.nd, x.sizes, x.dt, x.dev, format_of(x))
        to = as_matrix(y)
    if x.count == 0:
        if not training:
            copy_into(mean, running_mean)
            copy_into(rstd, running_var.add(eps).rsqrt())
    elif x.dev:
        _core.backend_of(x.dev).batch_norm(to, mean, rstd, rows, weight, bias, running_mean, running_var, training,
                                           momentum, eps)
    else:
        cpu_batch_norm(to, mean, rstd, rows, weight, bias, running_mean, running_var, training, momentum, eps)
    if training and x.count:
        for t in (running_mean, running_var):
            if t is not None:
                (<Tensor> t).storage.version += 1
    y = laid_as(y, x) if to is y else y
    return attach(y, "NativeBatchNormBackward0", (x, weight, bias), _batch_norm_backward, (x, weight, mean, rstd),
                  (training, eps))
