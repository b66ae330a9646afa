"""Layer, group and batch normalisation on the CPU.

Each is one fused kernel forward and one backward.  Where the backward pass is itself recorded (create_graph) the
gradient is composed of differentiable operators instead: those formulas are in `_operators/composite.py`, with the plain forms
that the tests hold the kernels against.  Half works in float.  Sums are cut at fixed places, never by the number of
threads, so that results are the same bits for any.
"""
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from cygrad._core cimport FLOAT, Tensor, attach, data_of, grad_enabled, itemsize_of
from cygrad._operators import composite as _composite
from cygrad._kernels.copies cimport as_float, back_to, like, vector, working_dtype
from cygrad._operators.family cimport need_real_cpu, need_floating
from cygrad._ops cimport copy_into, num_threads

cdef extern from "_kernels/norm.h" nogil:
    void cg_normalize_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*,
                          const float*, double, float*, float*, float*)
    void cg_normalize_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*,
                          const double*, double, double*, double*, double*)
    void cg_normalize_back_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*,
                               const float*, const float*, const float*, const float*, float*)
    void cg_normalize_back_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*,
                               const double*, const double*, const double*, const double*, double*)
    void cg_affine_back_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*, const float*,
                            const float*, float*, float*)
    void cg_affine_back_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*, const double*,
                            const double*, double*, double*)
    void cg_affine_channels_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*,
                                const float*, const float*, float*, float*)
    void cg_affine_channels_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*,
                                const double*, const double*, double*, double*)
    void cg_channel_stats_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, float*,
                              float*)
    void cg_channel_stats_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, double*,
                              double*)
    void cg_scale_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*, const float*,
                      float*)
    void cg_scale_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*, const double*,
                      double*)
    void cg_channel_dots_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*,
                             const float*, float*, float*)
    void cg_channel_dots_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*,
                             const double*, const double*, double*, double*)
    void cg_batch_back_f32(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, const float*, const float*,
                           const float*, const float*, const float*, float*)
    void cg_batch_back_f64(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, const double*,
                           const double*, const double*, const double*, const double*, double*)

cdef enum:
    GRAIN = 16384           # elements below which one thread is enough
    ROW_BLOCKS = 16         # partial sums of the gradients of weight and bias


cdef int team(Py_ssize_t work) noexcept nogil:
    return 1 if work < GRAIN else num_threads()


# ------------------------------------------------------------------ layer norm, group norm

cdef void normalize_part(int dt, bint back, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, Py_ssize_t span,
                         Py_ssize_t groups, char* x, char* g, char* w, char* b, double eps, char* y, char* mean,
                         char* rstd) noexcept nogil:
    if dt == FLOAT:
        if back:
            cg_normalize_back_f32(lo, hi, n, span, groups, <float*> x, <float*> g, <float*> w, <float*> mean,
                                  <float*> rstd, <float*> y)
        else:
            cg_normalize_f32(lo, hi, n, span, groups, <float*> x, <float*> w, <float*> b, eps, <float*> y,
                             <float*> mean, <float*> rstd)
    elif back:
        cg_normalize_back_f64(lo, hi, n, span, groups, <double*> x, <double*> g, <double*> w, <double*> mean,
                              <double*> rstd, <double*> y)
    else:
        cg_normalize_f64(lo, hi, n, span, groups, <double*> x, <double*> w, <double*> b, eps, <double*> y,
                         <double*> mean, <double*> rstd)


cdef void run_normalize(bint back, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t span, Py_ssize_t groups, Tensor x,
                        Tensor g, Tensor w, Tensor b, double eps, Tensor y, Tensor mean, Tensor rstd):
    cdef int nt = team(x.count), t, dt = x.dt
    cdef char* px = data_of(x)
    cdef char* pg = NULL if g is None else data_of(g)
    cdef char* pw = NULL if w is None else data_of(w)
    cdef char* pb = NULL if b is None else data_of(b)
    cdef char* py = data_of(y)
    cdef char* pm = data_of(mean)
    cdef char* pr = data_of(rstd)
    if nt == 1:
        normalize_part(dt, back, 0, rows, n, span, groups, px, pg, pw, pb, eps, py, pm, pr)
        return
    with nogil:
        for t in prange(nt, num_threads=nt, schedule="static"):
            normalize_part(dt, back, rows * t // nt, rows * (t + 1) // nt, n, span, groups, px, pg, pw, pb, eps, py,
                           pm, pr)


cdef void affine_part(int dt, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, char* x, char* g, char* mean, char* rstd,
                      char* dw, char* db) noexcept nogil:
    cdef Py_ssize_t size = itemsize_of(dt)
    memset(dw, 0, n * size)
    memset(db, 0, n * size)
    if dt == FLOAT:
        cg_affine_back_f32(lo, hi, n, <float*> x, <float*> g, <float*> mean, <float*> rstd, <float*> dw, <float*> db)
    else:
        cg_affine_back_f64(lo, hi, n, <double*> x, <double*> g, <double*> mean, <double*> rstd, <double*> dw,
                           <double*> db)


cdef tuple affine_gradients(Py_ssize_t rows, Py_ssize_t n, Tensor x, Tensor g, Tensor mean, Tensor rstd):
    """The sums over rows of g * xhat and of g, in blocks of rows that do not depend on the number of threads."""
    cdef Py_ssize_t blocks = ROW_BLOCKS if rows >= 4 * ROW_BLOCKS else 1
    cdef Py_ssize_t size = itemsize_of(x.dt), i, j
    cdef Tensor parts = vector(2 * blocks * n, x.dt), dw, db
    cdef int nt = team(x.count), dt = x.dt
    cdef char* p = data_of(parts)
    cdef char* px = data_of(x)
    cdef char* pg = data_of(g)
    cdef char* pm = data_of(mean)
    cdef char* pr = data_of(rstd)
    if nt == 1 or blocks == 1:
        for i in range(blocks):
            affine_part(dt, rows * i // blocks, rows * (i + 1) // blocks, n, px, pg, pm, pr, p + 2 * i * n * size,
                        p + (2 * i + 1) * n * size)
    else:
        with nogil:
            for i in prange(blocks, num_threads=nt, schedule="static"):
                affine_part(dt, rows * i // blocks, rows * (i + 1) // blocks, n, px, pg, pm, pr,
                            p + 2 * i * n * size, p + (2 * i + 1) * n * size)
    dw, db = vector(n, dt), vector(n, dt)
    memcpy(data_of(dw), p, n * size)
    memcpy(data_of(db), p + n * size, n * size)
    for i in range(1, blocks):
        if dt == FLOAT:
            for j in range(n):
                (<float*> data_of(dw))[j] += (<float*> p)[2 * i * n + j]
                (<float*> data_of(db))[j] += (<float*> p)[(2 * i + 1) * n + j]
        else:
            for j in range(n):
                (<double*> data_of(dw))[j] += (<double*> p)[2 * i * n + j]
                (<double*> data_of(db))[j] += (<double*> p)[(2 * i + 1) * n + j]
    return dw, db


def _layer_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd, wide, gw, ww, dx = None, dw = None, db = None
    cdef Py_ssize_t rows, n
    cdef int dt
    n, eps, shape = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.layer_norm_gradient(x, shape, w, eps, g, [node.needs(i) for i in range(3)])
    dt = mean.dt
    rows = mean.count
    wide, gw = as_float(x, dt), as_float(g, dt)
    if node.needs(0):
        ww = None if w is None else as_float(w, dt)
        dx = like(x, dt)
        run_normalize(True, rows, n, 1, 1, wide, gw, ww, None, 0, dx, mean, rstd)
        dx = back_to(dx, x.dt)
    if node.needs(1) or node.needs(2):
        dw, db = affine_gradients(rows, n, wide, gw, mean, rstd)
        dw = back_to(dw, x.dt) if node.needs(1) else None
        db = back_to(db, x.dt) if node.needs(2) else None
        if len(shape) > 1:
            dw = None if dw is None else <Tensor> dw.view(shape)
            db = None if db is None else <Tensor> db.view(shape)
    return dx, dw, db


def layer_norm(Tensor x not None, normalized_shape, Tensor weight=None, Tensor bias=None, double eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions (https://arxiv.org/abs/1607.06450)."""
    cdef list shape = list(normalized_shape)
    cdef int nd = <int> len(shape), i, dt
    cdef Py_ssize_t n = 1, rows = 1
    cdef Tensor wide, y, mean, rstd
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
    need_real_cpu("layer_norm", x, weight, bias)
    dt = working_dtype(x)
    for t in (weight, bias):
        if t is not None and (<Tensor> t).dt != x.dt and not (x.dt < FLOAT and (<Tensor> t).dt == FLOAT):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    for i in range(x.nd):
        if i < x.nd - nd:
            rows *= x.sizes[i]
        else:
            n *= x.sizes[i]
    wide = as_float(x, dt)
    y, mean, rstd = like(x, dt), vector(rows, dt), vector(rows, dt)
    if x.count:
        run_normalize(False, rows, n, 1, 1, wide, None, None if weight is None else as_float(weight, dt),
                      None if bias is None else as_float(bias, dt), eps, y, mean, rstd)
    return attach(back_to(y, x.dt), "NativeLayerNormBackward0", (x, weight, bias), _layer_norm_backward,
                  (x, weight, mean, rstd), (n, eps, tuple(shape)))


def _group_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd, wide, gw, dx = None, dw = None, db = None
    cdef Py_ssize_t groups, channels, span
    cdef int dt
    groups, eps, span = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.group_norm_gradient(x, groups, w, eps, g, [node.needs(i) for i in range(3)])
    dt = mean.dt
    channels = x.sizes[1]
    wide, gw = as_float(x, dt), as_float(g, dt)
    if node.needs(0):
        dx = like(x, dt)
        run_normalize(True, mean.count, channels // groups * span, span, groups, wide, gw,
                      None if w is None else as_float(w, dt), None, 0, dx, mean, rstd)
        dx = back_to(dx, x.dt)
    if node.needs(1) or node.needs(2):
        dw, db = vector(channels, dt), vector(channels, dt)
        if dt == FLOAT:
            cg_affine_channels_f32(x.sizes[0], channels, span, groups, <float*> data_of(wide), <float*> data_of(gw),
                                   <float*> data_of(mean), <float*> data_of(rstd), <float*> data_of(dw),
                                   <float*> data_of(db))
        else:
            cg_affine_channels_f64(x.sizes[0], channels, span, groups, <double*> data_of(wide), <double*> data_of(gw),
                                   <double*> data_of(mean), <double*> data_of(rstd), <double*> data_of(dw),
                                   <double*> data_of(db))
        dw, db = back_to(dw, x.dt), back_to(db, x.dt)
    return dx, dw if node.needs(1) else None, db if node.needs(2) else None


def group_norm(Tensor x not None, Py_ssize_t num_groups, Tensor weight=None, Tensor bias=None, double eps=1e-5):
    """Normalises each group of channels of each sample (https://arxiv.org/abs/1803.08494)."""
    cdef int dt, i
    cdef Py_ssize_t channels, span = 1, rows
    cdef Tensor wide, y, mean, rstd
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
    need_real_cpu("group_norm", x, weight, bias)
    for i in range(2, x.nd):
        span *= x.sizes[i]
    dt = working_dtype(x)
    rows = x.sizes[0] * num_groups
    wide = as_float(x, dt)
    y, mean, rstd = like(x, dt), vector(rows, dt), vector(rows, dt)
    if x.count:
        run_normalize(False, rows, channels // num_groups * span, span, num_groups, wide, None,
                      None if weight is None else as_float(weight, dt), None if bias is None else as_float(bias, dt),
                      eps, y, mean, rstd)
    return attach(back_to(y, x.dt), "NativeGroupNormBackward0", (x, weight, bias), _group_norm_backward,
                  (x, weight, mean, rstd), (num_groups, eps, span))


# ------------------------------------------------------------------ batch norm

cdef enum:
    STATISTICS, SCALING, DOTS, GRADIENT


cdef void batch_part(int what, int dt, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t pixels, char* x, char* g,
                     char* a, char* b, char* c, char* d, char* y, Py_ssize_t t, Py_ssize_t nt) noexcept nogil:
    """Part t of nt: channels of the sums, images of the maps."""
    cdef Py_ssize_t total = channels if what == STATISTICS or what == DOTS else images
    cdef Py_ssize_t lo = total * t // nt, hi = total * (t + 1) // nt
    if what == STATISTICS:
        if dt == FLOAT:
            cg_channel_stats_f32(lo, hi, images, channels, pixels, <float*> x, <float*> a, <float*> b)
        else:
            cg_channel_stats_f64(lo, hi, images, channels, pixels, <double*> x, <double*> a, <double*> b)
    elif what == SCALING:
        if dt == FLOAT:
            cg_scale_f32(lo, hi, channels, pixels, <float*> x, <float*> a, <float*> b, <float*> y)
        else:
            cg_scale_f64(lo, hi, channels, pixels, <double*> x, <double*> a, <double*> b, <double*> y)
    elif what == DOTS:
        if dt == FLOAT:
            cg_channel_dots_f32(lo, hi, images, channels, pixels, <float*> x, <float*> g, <float*> a, <float*> b,
                                <float*> c)
        else:
            cg_channel_dots_f64(lo, hi, images, channels, pixels, <double*> x, <double*> g, <double*> a, <double*> b,
                                <double*> c)
    elif dt == FLOAT:
        cg_batch_back_f32(lo, hi, channels, pixels, <float*> x, <float*> g, <float*> a, <float*> b, <float*> c,
                          <float*> d, <float*> y)
    else:
        cg_batch_back_f64(lo, hi, channels, pixels, <double*> x, <double*> g, <double*> a, <double*> b, <double*> c,
                          <double*> d, <double*> y)


cdef void run_batch(int what, Tensor x, Tensor g, Tensor a, Tensor b, Tensor c, Tensor d, Tensor y):
    cdef Py_ssize_t images = x.sizes[0], channels = x.sizes[1], pixels = 1
    cdef int i, nt = team(x.count), dt = x.dt
    cdef char* px = data_of(x)
    cdef char* pg = NULL if g is None else data_of(g)
    cdef char* pa = data_of(a)
    cdef char* pb = data_of(b)
    cdef char* pc = NULL if c is None else data_of(c)
    cdef char* pd = NULL if d is None else data_of(d)
    cdef char* py = NULL if y is None else data_of(y)
    for i in range(2, x.nd):
        pixels *= x.sizes[i]
    if nt == 1:
        batch_part(what, dt, images, channels, pixels, px, pg, pa, pb, pc, pd, py, 0, 1)
        return
    with nogil:
        for i in prange(nt, num_threads=nt, schedule="static"):
            batch_part(what, dt, images, channels, pixels, px, pg, pa, pb, pc, pd, py, i, nt)


cdef inline double at(Tensor t, Py_ssize_t i) noexcept:
    return (<float*> data_of(t))[i] if t.dt == FLOAT else (<double*> data_of(t))[i]


cdef inline void put(Tensor t, Py_ssize_t i, double v) noexcept:
    if t.dt == FLOAT:
        (<float*> data_of(t))[i] = <float> v
    else:
        (<double*> data_of(t))[i] = v


def _batch_norm_backward(node, Tensor g):
    cdef Tensor x, w, mean, rstd, wide, gw, total, dot, scale, slope, shift, dx = None, dw = None, db = None
    cdef Py_ssize_t channels, c
    cdef double n, q, k
    cdef bint training
    cdef int dt
    training, eps = node.args
    x, w, mean, rstd = node.saved()
    if grad_enabled():
        return _composite.batch_norm_gradient(x, w, mean, rstd, training, eps, g,
                                               [node.needs(i) for i in range(3)])
    dt = mean.dt
    channels = x.sizes[1]
    n = x.count / channels if channels else 1
    wide, gw = as_float(x, dt), as_float(g, dt)
    total, dot = vector(channels, dt), vector(channels, dt)
    if node.needs(1) or node.needs(2) or training:
        run_batch(DOTS, wide, gw, mean, total, dot, None, None)
    if node.needs(0):
        scale, slope, shift = vector(channels, dt), vector(channels, dt), vector(channels, dt)
        ww = None if w is None else as_float(w, dt)
        for c in range(channels):
            q = at(rstd, c)
            k = q * (1 if ww is None else at(<Tensor> ww, c))
            put(scale, c, k)
            put(slope, c, -k * q * q * at(dot, c) / n if training else 0)
            put(shift, c, -k * at(total, c) / n if training else 0)
        dx = like(x, dt)
        run_batch(GRADIENT, wide, gw, mean, scale, slope, shift, dx)
        dx = back_to(dx, x.dt)
    if node.needs(1):
        for c in range(channels):
            put(dot, c, at(dot, c) * at(rstd, c))
        dw = back_to(dot, w.dt)
    if node.needs(2):
        db = back_to(total, x.dt if w is None else w.dt)
    return dx, dw, db


cdef int update_running(Tensor running, Tensor batch, double momentum, double factor) except -1:
    """running = (1 - momentum) * running + momentum * batch * factor, in place."""
    cdef Tensor wide = as_float(running, batch.dt if running.dt < FLOAT else running.dt)
    cdef Py_ssize_t c
    if wide is running and running.contiguous:
        for c in range(batch.count):
            put(running, c, (1 - momentum) * at(running, c) + momentum * factor * at(batch, c))
    else:
        if wide.storage is running.storage:
            wide = as_float(<Tensor> running.clone(), wide.dt)
        for c in range(batch.count):
            put(wide, c, (1 - momentum) * at(wide, c) + momentum * factor * at(batch, c))
        copy_into(running, wide)
    running.storage.version += 1
    return 0


def batch_norm(Tensor x not None, Tensor weight=None, Tensor bias=None, Tensor running_mean=None,
               Tensor running_var=None, bint training=False, double momentum=0.1, double eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias per channel, dimension 1 (https://arxiv.org/abs/1502.03167).

    In training mean and var (biased) are the batch's, and the running ones move towards them (var unbiased) in place;
    else they are the running ones.
    """
    cdef Py_ssize_t channels = x.sizes[1] if x.nd > 1 else 0, c
    cdef Tensor wide, y, mean, rstd, var, scale, shift, w, b
    cdef double n, q
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
    need_real_cpu("batch_norm", x, weight, bias)
    for t in (weight, bias, running_mean, running_var):
        if t is not None and (<Tensor> t).dt != x.dt and not (x.dt < FLOAT and (<Tensor> t).dt == FLOAT):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    dt = working_dtype(x)
    wide = as_float(x, dt)
    w = None if weight is None else as_float(weight, dt)
    b = None if bias is None else as_float(bias, dt)
    y, rstd, scale, shift = like(x, dt), vector(channels, dt), vector(channels, dt), vector(channels, dt)
    n = x.count / channels if channels else 0
    if training:
        mean, var = vector(channels, dt), vector(channels, dt)
        if x.count:
            run_batch(STATISTICS, wide, None, mean, var, None, None, None)
            if running_mean is not None:
                update_running(running_mean, mean, momentum, 1)
            if running_var is not None:
                update_running(running_var, var, momentum, n / (n - 1) if n > 1 else float("nan"))
    else:
        # Copies: the running statistics may move on before the backward pass.
        mean, var = vector(channels, dt), as_float(running_var, dt)
        copy_into(mean, running_mean)
    for c in range(channels):
        q = 1.0 / sqrt(at(var, c) + eps)
        put(rstd, c, q)
        q *= 1 if w is None else at(w, c)
        put(scale, c, q)
        put(shift, c, (0 if b is None else at(b, c)) - at(mean, c) * q)
    if x.count:
        run_batch(SCALING, wide, None, scale, shift, None, None, y)
    return attach(back_to(y, x.dt), "NativeBatchNormBackward0", (x, weight, bias), _batch_norm_backward,
                  (x, weight, mean, rstd), (training, eps))
