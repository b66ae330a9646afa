"""Running operators along a dimension on the CPU: the primitive `scan`.

An array is seen as (outer, n, inner).  A task is one outer position and up to 64 inner columns, which are taken
together step by step, so that memory is read in order whatever the dimension.  Sums and products run in double
(integers: int64), as PyTorch's do; half types in float.
"""
from cython.parallel cimport prange
from libc.math cimport exp, log1p, INFINITY
from libc.stdint cimport int64_t

from cygrad._core cimport (
    BFLOAT16, BOOL, CFLOAT, CDOUBLE, DOUBLE, FLOAT, HALF, INT16, INT64, INT8, UINT8, Tensor, data_of, new_tensor)
from cygrad._kernels.copies cimport as_float, plain
from cygrad._ops cimport GRAIN, copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef enum:
    SUM = 0
    PRODUCT = 1
    LOG_SUM = 2
    MAXIMUM = 3
    MINIMUM = 4
    COLUMNS = 64

ctypedef fused number:
    unsigned char
    signed char
    short
    int
    int64_t
    float
    double


cdef double log_add(double a, double b) noexcept nogil:
    cdef double m = a if a > b else b
    if a != a or b != b:
        return a + b
    if m == -INFINITY or m == INFINITY:
        return m
    return m + log1p(exp((a if a < b else b) - m))


cdef void scan_columns(int op, const number* x, number* y, Py_ssize_t n, Py_ssize_t inner, int columns) noexcept nogil:
    """Running sums, products or logarithms of sums of `columns` neighbouring columns."""
    if number is int64_t:
        whole_columns(op, x, y, n, inner, columns)
    else:
        float_columns(op, x, y, n, inner, columns)


cdef void whole_columns(int op, const number* x, number* y, Py_ssize_t n, Py_ssize_t inner, int columns) noexcept nogil:
    cdef Py_ssize_t i
    cdef int j
    cdef unsigned long long acc[COLUMNS]
    for j in range(columns):
        acc[j] = 0 if op == SUM else 1
    for i in range(n):
        for j in range(columns):
            if op == SUM:
                acc[j] += <unsigned long long> x[i * inner + j]
            else:
                acc[j] *= <unsigned long long> x[i * inner + j]
            y[i * inner + j] = <number> acc[j]


cdef void float_columns(int op, const number* x, number* y, Py_ssize_t n, Py_ssize_t inner, int columns) noexcept nogil:
    cdef Py_ssize_t i
    cdef int j
    cdef double acc[COLUMNS]
    cdef double total = 0
    if columns == 1 and op == SUM:      # the usual case, along the last dimension
        for i in range(n):
            total += x[i * inner]
            y[i * inner] = <number> total
        return
    for j in range(columns):
        acc[j] = 0 if op == SUM else 1 if op == PRODUCT else -INFINITY
    for i in range(n):
        for j in range(columns):
            if op == SUM:
                acc[j] += x[i * inner + j]
            elif op == PRODUCT:
                acc[j] *= x[i * inner + j]
            else:
                acc[j] = log_add(acc[j], x[i * inner + j])
            y[i * inner + j] = <number> acc[j]


cdef void extreme_columns(int op, const number* x, number* y, int64_t* at, Py_ssize_t n, Py_ssize_t inner,
                          int columns) noexcept nogil:
    """Running maxima or minima and where they are: the last place of equal ones; the first NaN stays."""
    cdef Py_ssize_t i, p
    cdef int j
    cdef number best[COLUMNS]
    cdef int64_t place[COLUMNS]
    cdef number v
    for j in range(columns):
        best[j], place[j] = x[j], 0
    for i in range(n):
        for j in range(columns):
            p = i * inner + j
            v = x[p]
            if v != v or (best[j] == best[j] and (v >= best[j] if op == MAXIMUM else v <= best[j])):
                best[j], place[j] = v, i
            y[p], at[p] = best[j], place[j]


cdef void scan_tasks(int op, const number* x, number* y, int64_t* at, Py_ssize_t n, Py_ssize_t inner, Py_ssize_t lo,
                     Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t task, blocks = (inner + COLUMNS - 1) // COLUMNS, start
    cdef int columns
    for task in range(lo, hi):
        start = task // blocks * n * inner + task % blocks * COLUMNS
        columns = <int> min(<Py_ssize_t> COLUMNS, inner - task % blocks * COLUMNS)
        if op >= MAXIMUM:
            extreme_columns(op, x + start, y + start, at + start, n, inner, columns)
        else:
            scan_columns(op, x + start, y + start, n, inner, columns)


cdef int run_scan(int op, number* x, number* y, int64_t* at, Py_ssize_t count, Py_ssize_t n,
                  Py_ssize_t inner) except -1:
    cdef Region region
    cdef Py_ssize_t tasks = count // (n * inner) * ((inner + COLUMNS - 1) // COLUMNS), share
    cdef int t, parts = 1
    if num_threads() > 1 and count >= GRAIN:
        parts = <int> min(<Py_ssize_t> num_threads(), tasks)
    if parts == 1:
        scan_tasks(op, x, y, at, n, inner, 0, tasks)
        return 0
    share = (tasks + parts - 1) // parts
    open_region(&region, parts)
    for t in prange(parts, schedule="static", num_threads=region.n, nogil=True):
        scan_tasks(op, x, y, at, n, inner, t * share, min(tasks, (t + 1) * share))
        end_part(&region)
    close_region(&region)
    return 0


cdef void complex_products(int dt, const char* x, char* y, Py_ssize_t count, Py_ssize_t n,
                           Py_ssize_t inner) noexcept nogil:
    cdef Py_ssize_t line, _i, at
    cdef double re, im, a, b
    for line in range(count // n):
        at = line // inner * n * inner + line % inner
        re, im = 1, 0
        for _i in range(n):
            if dt == CFLOAT:
                a, b = (<const float*> x)[2 * at], (<const float*> x)[2 * at + 1]
            else:
                a, b = (<const double*> x)[2 * at], (<const double*> x)[2 * at + 1]
            re, im = re * a - im * b, re * b + im * a
            if dt == CFLOAT:
                (<float*> y)[2 * at], (<float*> y)[2 * at + 1] = <float> re, <float> im
            else:
                (<double*> y)[2 * at], (<double*> y)[2 * at + 1] = re, im
            at += inner


cdef dict OPS = {"cumsum": SUM, "cumprod": PRODUCT, "logcumsumexp": LOG_SUM, "cummax": MAXIMUM, "cummin": MINIMUM}


cpdef int scan(str name, Tensor out, Tensor indices, Tensor x, int dim) except -1:
    cdef Tensor wide
    if x.dt == HALF or x.dt == BFLOAT16:
        wide = new_tensor(x.nd, x.sizes, FLOAT, 0)
        run_dtype(OPS[name], as_float(x, FLOAT), dim, wide, indices)
        copy_into(out, wide)
        return 0
    return run_dtype(OPS[name], plain(x), dim, out, indices)


cdef int run_dtype(int op, Tensor x, int dim, Tensor y, Tensor index) except -1:
    cdef Py_ssize_t n = x.sizes[dim] if x.nd else 1, inner = 1
    cdef int i, dt = x.dt
    cdef int64_t* at = NULL if index is None else <int64_t*> data_of(index)
    cdef char* a = data_of(x)
    cdef char* b = data_of(y)
    for i in range(dim + 1, x.nd):
        inner *= x.sizes[i]
    if dt >= CFLOAT and op == PRODUCT:
        complex_products(dt, a, b, x.count, n, inner)
    elif dt == CFLOAT:                  # of sums, the parts go side by side
        run_scan(op, <float*> a, <float*> b, at, 2 * x.count, n, 2 * inner)
    elif dt == CDOUBLE:
        run_scan(op, <double*> a, <double*> b, at, 2 * x.count, n, 2 * inner)
    elif dt == INT64:
        run_scan(op, <int64_t*> a, <int64_t*> b, at, x.count, n, inner)
    elif dt == FLOAT:
        run_scan(op, <float*> a, <float*> b, at, x.count, n, inner)
    elif dt == DOUBLE:
        run_scan(op, <double*> a, <double*> b, at, x.count, n, inner)
    elif dt == BOOL or dt == UINT8:
        run_scan(op, <unsigned char*> a, <unsigned char*> b, at, x.count, n, inner)
    elif dt == INT8:
        run_scan(op, <signed char*> a, <signed char*> b, at, x.count, n, inner)
    elif dt == INT16:
        run_scan(op, <short*> a, <short*> b, at, x.count, n, inner)
    else:
        run_scan(op, <int*> a, <int*> b, at, x.count, n, inner)
    return 0
