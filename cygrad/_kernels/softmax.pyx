"""Softmax and the losses of classes on the CPU (see _devices/primitives.py): loops over rows, shared out over threads.

Half works in float."""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset

from cygrad._core cimport FLOAT, Tensor, data_of, itemsize_of
from cygrad._kernels.copies cimport as_float, like, settle, work_on, working_dtype
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

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

cdef enum:
    GRAIN = 16384           # elements below which one thread is enough

cdef enum:
    MEAN = 1


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
    cdef Region region
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
        open_region(&region, nt)
        for t in prange(nt, num_threads=region.n, schedule="static"):
            softmax_part(dt, px, pg, py, outer, n, inner, log, back, t, nt)
            end_part(&region)
        close_region(&region)


cpdef int softmax(Tensor out, Tensor x, int dim, bint log) except -1:
    cdef Tensor y = work_on(out), wide = as_float(x, y.dt)
    run_softmax(wide, wide, y, dim, log, False)
    return settle(out, y)


cpdef int softmax_gradient(Tensor out, Tensor y, Tensor g, int dim, bint log) except -1:
    cdef Tensor dx = work_on(out)
    run_softmax(as_float(y, dx.dt), as_float(g, dx.dt), dx, dim, log, True)
    return settle(out, dx)


# ------------------------------------------------------------------ losses of class indices

cdef int check_targets(Tensor target, Py_ssize_t classes, Py_ssize_t ignore) except -1:
    cdef int64_t* p = <int64_t*> data_of(target)
    cdef Py_ssize_t i
    for i in range(target.count):
        if (p[i] < 0 or p[i] >= classes) and p[i] != ignore:
            raise IndexError(f"Target {p[i]} is out of bounds.")
    return 0


cdef inline double at(Tensor t, Py_ssize_t i) noexcept:
    return (<float*> data_of(t))[i] if t.dt == FLOAT else (<double*> data_of(t))[i]


cdef inline void put(Tensor t, double x) noexcept:
    if t.dt == FLOAT:
        (<float*> data_of(t))[0] = <float> x
    else:
        (<double*> data_of(t))[0] = x


cdef double weight_of_targets(Tensor target, Tensor w, Py_ssize_t ignore) noexcept:
    """What the mean divides by: the sum of the weights of the targets that count."""
    cdef int64_t* p = <int64_t*> data_of(target)
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(target.count):
        if p[i] != ignore:
            total += 1 if w is None else at(w, p[i])
    return total


cdef int finish(Tensor out, Tensor divisor, Tensor rows, Tensor target, Tensor w, Py_ssize_t ignore,
                int reduction) except -1:
    """Writes the losses of rows, their sum or their mean to `out`."""
    cdef double total = 0, weights
    cdef Py_ssize_t i
    cdef Tensor r
    if reduction == 0:
        return settle(out, rows)
    r = work_on(out)
    if rows.dt == FLOAT:
        for i in range(rows.count):
            total += (<float*> data_of(rows))[i]
    else:
        for i in range(rows.count):
            total += (<double*> data_of(rows))[i]
    if reduction == MEAN:
        weights = weight_of_targets(target, w, ignore)
        put(divisor, weights)
        total = total / weights
    put(r, total)
    return settle(out, r)


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


cpdef int cross_entropy(Tensor out, Tensor p, Tensor divisor, Tensor x, Tensor target, Tensor weight,
                        Py_ssize_t ignore_index, int reduction) except -1:
    cdef Region region
    cdef Py_ssize_t n = x.sizes[x.nd - 1], rows = target.count
    cdef int i, nt = team(x.count), dt = working_dtype(x)
    cdef Tensor wide, w, loss
    check_targets(target, n, ignore_index)
    wide = as_float(x, dt)
    w = None if weight is None else as_float(weight, dt)
    loss = work_on(out) if reduction == 0 else like(target, dt)
    cdef char* px = data_of(wide)
    cdef char* pw = NULL if w is None else data_of(w)
    cdef char* pp = NULL if p is None else data_of(p)
    cdef char* pl = data_of(loss)
    cdef int64_t* pt = <int64_t*> data_of(target)
    if nt == 1:
        entropy_part(dt, n, px, pt, pw, ignore_index, pp, pl, 0, rows)
    else:
        with nogil:
            open_region(&region, nt)
            for i in prange(nt, num_threads=region.n, schedule="static"):
                entropy_part(dt, n, px, pt, pw, ignore_index, pp, pl, rows * i // nt, rows * (i + 1) // nt)
                end_part(&region)
            close_region(&region)
    return finish(out, divisor, loss, target, w, ignore_index, reduction)


cpdef int cross_entropy_gradient(Tensor out, Tensor p, Tensor target, Tensor weight, Tensor g, Tensor divisor,
                                 Py_ssize_t ignore_index) except -1:
    cdef Region region
    cdef Tensor dx = work_on(out), wide = as_float(g, dx.dt), w = None if weight is None else as_float(weight, dx.dt)
    cdef Py_ssize_t n = p.sizes[p.nd - 1], rows = target.count
    cdef int i, nt = team(p.count), dt = p.dt
    cdef double over = 1 if divisor is None else at(divisor, 0)
    cdef char* pp = data_of(p)
    cdef char* pw = NULL if w is None else data_of(w)
    cdef char* pg = data_of(wide)
    cdef char* pd = data_of(dx)
    cdef int64_t* pt = <int64_t*> data_of(target)
    cdef bint per_row = g.nd > 0
    if nt == 1:
        entropy_back_part(dt, n, pp, pt, pw, ignore_index, pg, per_row, over, pd, 0, rows)
    else:
        with nogil:
            open_region(&region, nt)
            for i in prange(nt, num_threads=region.n, schedule="static"):
                entropy_back_part(dt, n, pp, pt, pw, ignore_index, pg, per_row, over, pd, rows * i // nt,
                                  rows * (i + 1) // nt)
                end_part(&region)
            close_region(&region)
    return settle(out, dx)


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


cdef Py_ssize_t pixels_of(Tensor x) noexcept:
    """Elements behind the dimension of the classes, which is the first of a vector, else the second."""
    cdef Py_ssize_t inner = 1
    cdef int i
    for i in range(2, x.nd):
        inner *= x.sizes[i]
    return inner


cpdef int nll(Tensor out, Tensor divisor, Tensor x, Tensor target, Tensor weight, Py_ssize_t ignore_index,
              int reduction) except -1:
    cdef Py_ssize_t n = x.sizes[0 if x.nd == 1 else 1]
    cdef int dt = working_dtype(x)
    cdef Tensor wide, w, loss
    check_targets(target, n, ignore_index)
    wide = as_float(x, dt)
    w = None if weight is None else as_float(weight, dt)
    loss = work_on(out) if reduction == 0 else like(target, dt)
    nll_forward(dt, data_of(wide), <int64_t*> data_of(target), NULL if w is None else data_of(w), ignore_index, n,
                pixels_of(x), target.count, data_of(loss))
    return finish(out, divisor, loss, target, w, ignore_index, reduction)


cpdef int nll_gradient(Tensor out, Tensor target, Tensor weight, Tensor g, Tensor divisor,
                       Py_ssize_t ignore_index) except -1:
    cdef Tensor dx = work_on(out), wide = as_float(g, dx.dt), w = None if weight is None else as_float(weight, dx.dt)
    cdef Py_ssize_t n = dx.sizes[0 if dx.nd == 1 else 1], inner = pixels_of(dx), i, to
    cdef int64_t* pt = <int64_t*> data_of(target)
    cdef double c, over = 1 if divisor is None else at(divisor, 0)
    memset(data_of(dx), 0, dx.count * itemsize_of(dx.dt))
    for i in range(target.count):
        if pt[i] == ignore_index:
            continue
        to = i // inner * n * inner + i % inner + pt[i] * inner
        c = at(wide, i if g.nd else 0) * (1 if w is None else at(w, pt[i]))
        if dx.dt == FLOAT:
            (<float*> data_of(dx))[to] = <float> (-c / over)
        else:
            (<double*> data_of(dx))[to] = -c / over
    return settle(out, dx)
