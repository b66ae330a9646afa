"""Layer, group and batch normalisation on the CPU (see _devices/primitives.py).

Half works in float.  Sums are cut at fixed places, never by the number of threads, so that results are the same bits
for any.
"""
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from cygrad._core cimport FLOAT, Tensor, data_of, itemsize_of
from cygrad._kernels.copies cimport as_float, settle, vector, work_on
from cygrad._ops cimport copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

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
    ROW_BLOCKS = 16         # partial sums of the gradients of weight and bias, at least
    BLOCK = 256             # rows of one of them, at most: float32 sums of more lose digits


cdef int team(Py_ssize_t work) noexcept nogil:
    return 1 if work < GRAIN else num_threads()


cdef inline double at(Tensor t, Py_ssize_t i) noexcept:
    return (<float*> data_of(t))[i] if t.dt == FLOAT else (<double*> data_of(t))[i]


cdef inline void put(Tensor t, Py_ssize_t i, double v) noexcept:
    if t.dt == FLOAT:
        (<float*> data_of(t))[i] = <float> v
    else:
        (<double*> data_of(t))[i] = v


cdef Tensor widened(Tensor t, int dt):
    return None if t is None else as_float(t, dt)


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
    cdef Region region
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
        open_region(&region, nt)
        for t in prange(nt, num_threads=region.n, schedule="static"):
            normalize_part(dt, back, rows * t // nt, rows * (t + 1) // nt, n, span, groups, px, pg, pw, pb, eps, py,
                           pm, pr)
            end_part(&region)
        close_region(&region)


cpdef int normalize(Tensor out, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, Py_ssize_t groups,
                    Py_ssize_t span, double eps) except -1:
    cdef Tensor y = work_on(out)
    cdef int dt = y.dt
    run_normalize(False, mean.count, x.count // mean.count, span, groups, as_float(x, dt), None, widened(weight, dt),
                  widened(bias, dt), eps, y, mean, rstd)
    return settle(out, y)


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


cdef void add_vectors(int dt, Py_ssize_t n, char* to, char* of) noexcept nogil:
    cdef Py_ssize_t j
    if dt == FLOAT:
        for j in range(n):
            (<float*> to)[j] += (<float*> of)[j]
    else:
        for j in range(n):
            (<double*> to)[j] += (<double*> of)[j]


cdef int affine_gradients(Tensor dw, Tensor db, Py_ssize_t rows, Py_ssize_t n, Tensor x, Tensor g, Tensor mean,
                          Tensor rstd) except -1:
    """The sums over rows of g * xhat and of g, in blocks of rows that do not depend on the number of threads."""
    cdef Region region
    cdef Py_ssize_t blocks = ROW_BLOCKS if rows >= 4 * ROW_BLOCKS else 1, size = itemsize_of(x.dt), i, step = 1
    cdef Tensor parts, r
    cdef int nt = team(x.count), dt = x.dt
    if blocks < rows // BLOCK:
        blocks = rows // BLOCK
    parts = vector(2 * blocks * n, x.dt)
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
            open_region(&region, nt)
            for i in prange(blocks, num_threads=region.n, schedule="static"):
                affine_part(dt, rows * i // blocks, rows * (i + 1) // blocks, n, px, pg, pm, pr,
                            p + 2 * i * n * size, p + (2 * i + 1) * n * size)
                end_part(&region)
            close_region(&region)
    while step < blocks:            # a tree: the sum of thousands of blocks keeps its digits
        for i in range(0, blocks - step, 2 * step):
            add_vectors(dt, 2 * n, p + 2 * i * n * size, p + 2 * (i + step) * n * size)
        step *= 2
    for i in range(2):
        if (db if i else dw) is not None:
            r = work_on(db if i else dw)
            memcpy(data_of(r), p + i * n * size, n * size)
            settle(db if i else dw, r)
    return 0


cpdef int normalize_gradient(Tensor dx, Tensor dw, Tensor db, Tensor x, Tensor g, Tensor weight, Tensor mean,
                             Tensor rstd, Py_ssize_t groups, Py_ssize_t span) except -1:
    cdef Py_ssize_t rows = mean.count, n = x.count // rows, channels
    cdef int dt = mean.dt
    cdef Tensor r, rw, rb
    x, g = as_float(x, dt), as_float(g, dt)
    if dx is not None:
        r = work_on(dx)
        run_normalize(True, rows, n, span, groups, x, g, widened(weight, dt), None, 0, r, mean, rstd)
        settle(dx, r)
    if dw is None and db is None:
        return 0
    if span == 1 and groups == 1:
        return affine_gradients(dw, db, rows, n, x, g, mean, rstd)
    channels = n // span * groups
    rw, rb = vector(channels, dt), vector(channels, dt)
    if dt == FLOAT:
        cg_affine_channels_f32(rows // groups, channels, span, groups, <float*> data_of(x), <float*> data_of(g),
                               <float*> data_of(mean), <float*> data_of(rstd), <float*> data_of(rw),
                               <float*> data_of(rb))
    else:
        cg_affine_channels_f64(rows // groups, channels, span, groups, <double*> data_of(x), <double*> data_of(g),
                               <double*> data_of(mean), <double*> data_of(rstd), <double*> data_of(rw),
                               <double*> data_of(rb))
    if dw is not None:
        copy_into(dw, rw)
    if db is not None:
        copy_into(db, rb)
    return 0


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
    cdef Region region
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
        open_region(&region, nt)
        for i in prange(nt, num_threads=region.n, schedule="static"):
            batch_part(what, dt, images, channels, pixels, px, pg, pa, pb, pc, pd, py, i, nt)
            end_part(&region)
        close_region(&region)


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
    return 0


cpdef int batch_norm(Tensor out, Tensor mean, Tensor rstd, Tensor x, Tensor weight, Tensor bias, Tensor running_mean,
                     Tensor running_var, bint training, double momentum, double eps) except -1:
    cdef Py_ssize_t channels = mean.count, c
    cdef int dt = mean.dt
    cdef Tensor y = work_on(out), wide = as_float(x, dt), w = widened(weight, dt), b = widened(bias, dt), var
    cdef Tensor scale = vector(channels, dt), shift = vector(channels, dt)
    cdef double n = x.count / channels, q
    if training:
        var = vector(channels, dt)
        run_batch(STATISTICS, wide, None, mean, var, None, None, None)
        if running_mean is not None:
            update_running(running_mean, mean, momentum, 1)
        if running_var is not None:
            update_running(running_var, var, momentum, n / (n - 1) if n > 1 else float("nan"))
    else:
        # A copy: the running statistics may move on before the backward pass.
        copy_into(mean, running_mean)
        var = as_float(running_var, dt)
    for c in range(channels):
        q = 1.0 / sqrt(at(var, c) + eps)
        put(rstd, c, q)
        q *= 1 if w is None else at(w, c)
        put(scale, c, q)
        put(shift, c, (0 if b is None else at(b, c)) - at(mean, c) * q)
    run_batch(SCALING, wide, None, scale, shift, None, None, y)
    return settle(out, y)


cpdef int batch_norm_gradient(Tensor dx, Tensor dw, Tensor db, Tensor x, Tensor g, Tensor weight, Tensor mean,
                              Tensor rstd, bint training) except -1:
    cdef Py_ssize_t channels = mean.count, c
    cdef int dt = mean.dt
    cdef Tensor wide = as_float(x, dt), gw = as_float(g, dt), w = widened(weight, dt), r
    cdef Tensor total = vector(channels, dt), dot = vector(channels, dt), scale, slope, shift
    cdef double n = x.count / channels, q, k
    if training or dw is not None or db is not None:
        run_batch(DOTS, wide, gw, mean, total, dot, None, None)
    if dx is not None:
        scale, slope, shift = vector(channels, dt), vector(channels, dt), vector(channels, dt)
        for c in range(channels):
            q = at(rstd, c)
            k = q * (1 if w is None else at(w, c))
            put(scale, c, k)
            put(slope, c, -k * q * q * at(dot, c) / n if training else 0)
            put(shift, c, -k * at(total, c) / n if training else 0)
        r = work_on(dx)
        run_batch(GRADIENT, wide, gw, mean, scale, slope, shift, r)
        settle(dx, r)
    if dw is not None:
        for c in range(channels):
            put(dot, c, at(dot, c) * at(rstd, c))
        copy_into(dw, dot)
    if db is not None:
        copy_into(db, total)
    return 0
