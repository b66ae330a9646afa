"""Reductions: the executor over the table's reduction rows, and the functions that training runs often.

Design
------
* A `Fold` is the plan: the kept and the reduced dimensions apart, each ordered by the input's strides and merged.
* Two schedules.  "Cells": one accumulator and runs of the reduced range through the `inner` kernel, where the reduced
  range is what lies together in memory.  "Columns": up to COLUMNS accumulators and one step of the reduced range at a
  time through the `outer` kernel, where the kept range lies together, or where runs would be too short to pay.
* Where there are few results the reduced range is cut into parts that are joined in order.  How many depends on the
  shape and strides alone, never on the number of threads, so the bits of a result do not either.
* Accumulators are double or int64 (extremes: the input's type) and become the result's type once.  A mean, a square
  root or a root is taken of the accumulator, before that.

Longer than 800 lines: the functions at the end are thin and share the plan's helpers.
"""
from cython.parallel cimport prange
from libc.math cimport pow, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from cygrad._core cimport (
    BOOL, UINT8, INT8, INT16, INT32, INT64, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE, MAX_DIMS, Tensor,
    attach, as_dtype_code, data_of, grad_enabled, grad_required, itemsize_of, make_size, new_tensor, raw_view,
    refuse_complex, shallow, wrap_dim)
from cygrad._ops cimport (
    BLOCK, CHECKED, CG_ROWS, GRAIN, cast_kernel, cg_kernel, cg_param, cg_reduction, contiguous, copy_into,
    reduction_kernels, store as store_out, sum_to, to_dtype)
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region
from cygrad import _core, _ops

cdef enum:
    COLUMNS = 512           # accumulators at a time: 4 kB, an eighth of an L1 cache
    SHORT_RUN = 32          # a run below this costs more in setting up lanes than in adding
    PART = 65536            # elements of one part of a reduced range
    MAX_PARTS = 64
    NOTHING = 0             # what is done to an accumulator at the end
    DIVIDE = 1
    ROOT = 2                # (acc / value) ** 0.5
    POWER = 3               # acc ** value


ctypedef fused number:
    unsigned char
    signed char
    short
    int
    int64_t
    float
    double


cdef inline Py_ssize_t lesser(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b            # `min` is this module's own


# ------------------------------------------------------------------ the plan

cdef struct Fold:
    int nk                          # kept dimensions
    int nr                          # reduced dimensions
    Py_ssize_t outs
    Py_ssize_t total
    Py_ssize_t ks[64]               # kept: sizes, strides in bytes of the input and of the result
    Py_ssize_t kx[64]
    Py_ssize_t ko[64]
    Py_ssize_t rs[64]               # reduced: sizes, strides in bytes of the input
    Py_ssize_t rx[64]
    char* x
    char* out
    int dt                          # of the input
    int real                        # what the kernels read: dt, float for half types
    int acc
    int out_dt
    Py_ssize_t acc_size
    cg_kernel inner
    cg_kernel outer
    cg_kernel rows                      # NULL unless it is for what the fold reads
    cg_kernel join
    cg_kernel init
    const cg_param* q
    const double* means             # of the results, for sums of squared deviations; else NULL
    int finish
    double value
    bint columns
    Py_ssize_t blocks               # of COLUMNS in a row of kept elements
    Py_ssize_t tasks
    Py_ssize_t splits               # parts of the reduced range


cdef void order_dims(int nd, Py_ssize_t* sizes, Py_ssize_t* a, Py_ssize_t* b) noexcept nogil:
    """Largest stride `a` first; `b` (or NULL) goes with it."""
    cdef int i, j
    cdef Py_ssize_t s
    for i in range(1, nd):
        j = i
        while j > 0 and a[j - 1] < a[j]:
            s = sizes[j]
            sizes[j] = sizes[j - 1]
            sizes[j - 1] = s
            s = a[j]
            a[j] = a[j - 1]
            a[j - 1] = s
            if b != NULL:
                s = b[j]
                b[j] = b[j - 1]
                b[j - 1] = s
            j -= 1


cdef int merge_dims(int nd, Py_ssize_t* sizes, Py_ssize_t* a, Py_ssize_t* b) noexcept nogil:
    """Merges neighbours that are one run; returns how many dimensions are left, at least one."""
    cdef int i, kept = 0
    if nd == 0:
        sizes[0] = 1
        a[0] = 0
        if b != NULL:
            b[0] = 0
        return 1
    for i in range(1, nd):
        if a[kept] == a[i] * sizes[i] and (b == NULL or b[kept] == b[i] * sizes[i]):
            sizes[kept] *= sizes[i]
        else:
            kept += 1
            sizes[kept] = sizes[i]
        a[kept] = a[i]
        if b != NULL:
            b[kept] = b[i]
    return kept + 1


cdef void plan(Fold* f, Tensor x, Tensor out, unsigned long long mask) noexcept:
    """Lays out the reduction of the dimensions in `mask`; `out` is contiguous, of the kept sizes in order."""
    cdef int i
    cdef Py_ssize_t step = itemsize_of(out.dt), item = itemsize_of(x.dt), work
    f.nk = f.nr = 0
    f.outs = f.total = 1
    for i in range(x.nd - 1, -1, -1):
        if mask >> i & 1:
            f.total *= x.sizes[i]
            if x.sizes[i] != 1:
                f.rs[f.nr] = x.sizes[i]
                f.rx[f.nr] = x.strides[i] * item
                f.nr += 1
        else:
            f.outs *= x.sizes[i]
            if x.sizes[i] != 1:
                f.ks[f.nk] = x.sizes[i]
                f.kx[f.nk] = x.strides[i] * item
                f.ko[f.nk] = step
                f.nk += 1
            step *= x.sizes[i]
    f.x, f.out = data_of(x), data_of(out)
    f.dt, f.out_dt = x.dt, out.dt
    f.real = FLOAT if x.dt == HALF or x.dt == BFLOAT16 else x.dt
    order_dims(f.nk, f.ks, f.kx, f.ko)
    order_dims(f.nr, f.rs, f.rx, NULL)
    f.nk = merge_dims(f.nk, f.ks, f.kx, f.ko)
    f.nr = merge_dims(f.nr, f.rs, f.rx, NULL)
    cdef Py_ssize_t row = f.ks[f.nk - 1], run = f.rs[f.nr - 1]
    f.columns = row >= 8 and (f.kx[f.nk - 1] < f.rx[f.nr - 1] or (run < SHORT_RUN and row > run))
    f.blocks = (row + COLUMNS - 1) // COLUMNS if f.columns else 1
    f.tasks = f.outs if not f.columns else f.outs // row * f.blocks if row else 0
    f.splits = 1
    work = f.outs * f.total // PART
    if 0 < f.tasks < 16 and work > 1:
        f.splits = lesser(lesser(work, MAX_PARTS), f.total)


# ------------------------------------------------------------------ loops

cdef void fold_run(const Fold* f, char* acc, char* x, Py_ssize_t n, const cg_param* q) noexcept nogil:
    """n elements of the innermost reduced dimension into one accumulator."""
    cdef float[BLOCK] buffer
    cdef char* p[2]
    cdef Py_ssize_t stride[2]
    cdef Py_ssize_t m, step = f.rx[f.nr - 1]
    p[0] = acc
    stride[0] = f.acc_size
    if f.dt == f.real:
        p[1] = x
        stride[1] = step
        f.inner(n, p, stride, q)
        return
    p[1] = <char*> buffer
    stride[1] = sizeof(float)
    while n > 0:
        m = n if n < BLOCK else BLOCK
        cast_kernel(FLOAT, f.dt)(m, <char*> buffer, sizeof(float), x, step)
        f.inner(m, p, stride, q)
        x += m * step
        n -= m


cdef void fold_row(const Fold* f, char* acc, char* x, Py_ssize_t n, const double* means) noexcept nogil:
    """n neighbouring kept elements into their accumulators."""
    cdef float[COLUMNS] buffer
    cdef double[COLUMNS] wide
    cdef char* p[2]
    cdef Py_ssize_t stride[2]
    cdef Py_ssize_t step = f.kx[f.nk - 1], j
    cdef double d
    if means != NULL:
        cast_kernel(DOUBLE, f.dt)(n, <char*> wide, sizeof(double), x, step)
        for j in range(n):
            d = wide[j] - means[j]
            (<double*> acc)[j] += d * d
        return
    p[0] = acc
    p[1] = x
    stride[0] = f.acc_size
    stride[1] = step
    if f.dt != f.real:
        cast_kernel(FLOAT, f.dt)(n, <char*> buffer, sizeof(float), x, step)
        p[1] = <char*> buffer
        stride[1] = sizeof(float)
    f.outer(n, p, stride, f.q)


cdef void fold_range(const Fold* f, char* acc, char* x, Py_ssize_t n, const cg_param* q, const double* means,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Positions lo..hi of the reduced range, in the order of memory, into n accumulators."""
    cdef Py_ssize_t[MAX_DIMS] index
    cdef Py_ssize_t rest = lo, m, k
    cdef Py_ssize_t[2] stride
    cdef char* p[2]
    cdef int i, last = f.nr - 1
    if lo >= hi:                        # sizes may be 0
        return
    for i in range(last, 0, -1):
        index[i] = rest % f.rs[i]
        rest //= f.rs[i]
        x += index[i] * f.rx[i]
    index[0] = rest
    x += rest * f.rx[0]
    while lo < hi:
        m = f.rs[last] - index[last]
        if m > hi - lo:
            m = hi - lo
        if f.columns:
            k = 0
            if f.rows != NULL:
                p[0], stride[0], stride[1] = acc, f.acc_size, f.rx[last]
                while k + CG_ROWS <= m:
                    p[1] = x + k * f.rx[last]
                    f.rows(n, p, stride, q)
                    k += CG_ROWS
            while k < m:
                fold_row(f, acc, x + k * f.rx[last], n, means)
                k += 1
        else:
            fold_run(f, acc, x, m, q)
        lo += m
        if lo >= hi:
            return
        x -= index[last] * f.rx[last]
        index[last] = 0
        for i in range(last - 1, -1, -1):
            index[i] += 1
            x += f.rx[i]
            if index[i] < f.rs[i]:
                break
            index[i] = 0
            x -= f.rs[i] * f.rx[i]


cdef Py_ssize_t locate(const Fold* f, Py_ssize_t task, Py_ssize_t* x, Py_ssize_t* out) noexcept nogil:
    """Where a task begins in the input and in the result; returns how many results it has."""
    cdef Py_ssize_t rest = task, i, n = 1
    cdef int k, last = f.nk - 1
    x[0] = out[0] = 0
    if f.columns:
        i = rest % f.blocks * COLUMNS
        rest //= f.blocks
        n = f.ks[last] - i
        if n > COLUMNS:
            n = COLUMNS
        x[0] = i * f.kx[last]
        out[0] = i * f.ko[last]
        last -= 1
    for k in range(last, -1, -1):
        i = rest
        if k:
            i = rest % f.ks[k]
            rest //= f.ks[k]
        x[0] += i * f.kx[k]
        out[0] += i * f.ko[k]
    return n


cdef void store(const Fold* f, char* acc, Py_ssize_t n, Py_ssize_t out) noexcept nogil:
    """Finishes n accumulators and writes them as results."""
    cdef double* a = <double*> acc
    cdef Py_ssize_t j
    if f.finish == DIVIDE:
        for j in range(2 * n if f.acc >= CFLOAT else n):        # both parts of complex accumulators
            a[j] /= f.value
    elif f.finish == ROOT:
        for j in range(n):
            a[j] = sqrt(a[j] / f.value)
    elif f.finish == POWER:
        for j in range(n):
            a[j] = pow(a[j], f.value)
    cast_kernel(f.out_dt, f.acc)(n, f.out + out, f.ko[f.nk - 1], acc, f.acc_size)


cdef void run_tasks(const Fold* f, Py_ssize_t lo, Py_ssize_t hi, char* partial) noexcept nogil:
    """Tasks lo..hi.  With `partial`, a task is one part of the reduced range and leaves its accumulators there."""
    cdef char[COLUMNS * 16] local
    cdef double[COLUMNS] means
    cdef char* acc = local
    cdef char* p[1]
    cdef Py_ssize_t task, n, x, out, first = 0, last = f.total, j, k
    cdef const double* at = NULL
    cdef const cg_param* q = f.q
    cdef cg_param mean
    for task in range(lo, hi):
        n = locate(f, task // f.splits, &x, &out)
        if partial != NULL:
            first = f.total * (task % f.splits) // f.splits
            last = f.total * (task % f.splits + 1) // f.splits
            acc = partial + task * (COLUMNS if f.columns else 1) * f.acc_size
        if f.means != NULL:
            j = itemsize_of(f.out_dt)
            mean.f = f.means[out // j]
            q = &mean
            if f.columns:
                for k in range(n):
                    means[k] = f.means[(out + k * f.ko[f.nk - 1]) // j]
                at = means
        p[0] = acc
        f.init(n, p, &f.acc_size, NULL)
        fold_range(f, acc, f.x + x, n, q, at, first, last)
        if partial == NULL:
            store(f, acc, n, out)


cdef void join_parts(const Fold* f, char* partial) noexcept nogil:
    cdef Py_ssize_t width = (COLUMNS if f.columns else 1) * f.acc_size, task, n, x, out, s
    cdef char* p[2]
    cdef Py_ssize_t stride[2]
    stride[0] = stride[1] = f.acc_size
    for task in range(f.tasks):
        n = locate(f, task, &x, &out)
        p[0] = partial + task * f.splits * width
        for s in range(1, f.splits):
            p[1] = p[0] + s * width
            f.join(n, p, stride, f.q)
        store(f, p[0], n, out)


cdef int run_fold(Fold* f) except -1 nogil:
    cdef Region region
    cdef char* partial = NULL
    cdef Py_ssize_t tasks = f.tasks * f.splits, share
    cdef int parts = 1, t
    if f.outs == 0:
        return 0
    if f.splits > 1:
        partial = <char*> malloc(tasks * (COLUMNS if f.columns else 1) * f.acc_size)
        if partial == NULL:
            with gil:
                raise MemoryError
    if num_threads() > 1 and f.outs * f.total >= GRAIN:
        parts = <int> lesser(num_threads(), tasks)
    if parts == 1:
        run_tasks(f, 0, tasks, partial)
    else:
        share = (tasks + parts - 1) // parts
        open_region(&region, parts)
        for t in prange(parts, schedule="static", num_threads=region.n):
            run_tasks(f, t * share, lesser(tasks, (t + 1) * share), partial)
            end_part(&region)
        close_region(&region)
    if partial != NULL:
        join_parts(f, partial)
        free(partial)
    return 0


cdef int reduce_into(const cg_reduction* r, Tensor out, Tensor x, unsigned long long mask, const cg_param* q,
                     int finish, double value, Tensor means) except -1:
    """Reduces host tensor `x` over the dimensions in `mask` into contiguous `out`."""
    cdef Fold f
    plan(&f, x, out, mask)
    if r.inner[f.real] == NULL:
        raise NotImplementedError(f"\"{r.name.decode()}\" not implemented for '{_core.SCALAR_TYPE_NAMES[x.dt]}'")
    f.acc = r.acc[f.real]
    f.acc_size = itemsize_of(f.acc)
    f.inner, f.outer, f.join, f.init = r.inner[f.real], r.outer[f.real], r.join[f.real], r.init[f.real]
    f.rows = NULL
    if x.dt == FLOAT and f.columns and f.kx[f.nk - 1] == sizeof(float) and means is None:
        f.rows = r.rows[FLOAT]
    f.q, f.finish, f.value = q, finish, value
    f.means = NULL if means is None else <const double*> data_of(means)
    if f.outs * f.total < GRAIN:
        run_fold(&f)
    else:
        with nogil:
            run_fold(&f)
    return 0


cdef tuple dims_of(unsigned long long mask, int nd):
    return tuple([i for i in range(nd) if mask >> i & 1])


cdef Tensor result_for(Tensor x, unsigned long long mask, bint keepdim, int dt):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i, nd = 0
    for i in range(x.nd):
        if not mask >> i & 1:
            sizes[nd] = x.sizes[i]
            nd += 1
        elif keepdim:
            sizes[nd] = 1
            nd += 1
    return new_tensor(nd, sizes, dt, x.dev)


cdef dict _rows = {}


cdef const cg_reduction* kernels_of(str name) except NULL:
    cdef const cg_reduction* r
    address = _rows.get(name)
    if address is None:
        r = reduction_kernels(name)
        _rows[name] = <size_t> r
        return r
    return <const cg_reduction*> <size_t> address


cdef Tensor reduced(str name, Tensor x, unsigned long long mask, bint keepdim, int dt, int finish=NOTHING,
                    double value=1, object param=None, Tensor means=None):
    """A new tensor of dtype `dt`: row `name` of x over the dimensions in `mask`, without history."""
    cdef Tensor out = result_for(x, mask, keepdim, dt)
    cdef cg_param q
    if x.dev:
        return on_device(name, x, mask, out, finish, value, param, means)
    if param is not None:
        q.f = param
    reduce_into(kernels_of(name), out, x, mask, &q, finish, value, means)
    return out


cdef Tensor on_device(str name, Tensor x, unsigned long long mask, Tensor out, int finish, double value, object param,
                      Tensor means):
    cdef int dt = out.dt
    if finish != NOTHING and (dt == HALF or dt == BFLOAT16):    # what comes before the finish needs more room
        out = new_tensor(out.nd, out.sizes, FLOAT, out.dev)
        if means is not None:
            x, means = to_dtype(shallow(x), FLOAT), to_dtype(shallow(means), FLOAT)
        out = on_device(name, x, mask, out, finish, value, param, means)
        return to_dtype(out, dt)
    if means is not None:
        x = <Tensor> _call("sub", shallow(x), spread(shallow(means), x, mask, means.nd == x.nd))
        name = "_sumsq"
    _core.backend_of(x.dev).reduce(name, out, x, dims_of(mask, x.nd), [] if param is None else [param])
    if finish == DIVIDE:
        return <Tensor> _call("div", out, value)
    if finish == ROOT:
        return <Tensor> _call("sqrt", out if value == 1 else _call("div", out, value))
    return <Tensor> _call("pow", out, value) if finish == POWER else out


# ------------------------------------------------------------------ arguments

cdef object _call(str op, a, b=None):
    return _ops.call(_ops.OPS[op], (a,) if b is None else (a, b))


cdef Tensor checked(str name, object input):
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return <Tensor> input


cdef unsigned long long all_dims(Tensor x) noexcept:
    return (<unsigned long long> 1 << x.nd) - 1 if x.nd < 64 else ~<unsigned long long> 0


cdef unsigned long long dim_mask(str name, object dim, Tensor x, bint empty_is_all=True) except? 0xdeadbeef:
    """The dimensions that an int, a sequence of ints or None (all) names, as bits."""
    cdef unsigned long long mask = 0, bit
    if dim is None:
        return all_dims(x)
    if isinstance(dim, (tuple, list)):
        if not dim:
            return all_dims(x) if empty_is_all else 0
    else:
        dim = (dim,)
    for d in dim:
        if isinstance(d, (bool, float, str)) or not hasattr(d, "__index__"):
            raise bad_dim(name, dim, d)
        bit = <unsigned long long> 1 << wrap_dim(d.__index__(), x.nd)
        if mask & bit:
            raise RuntimeError(f"dim {wrap_dim(d, x.nd)} appears multiple times in the list of dims")
        mask |= bit
    return mask & all_dims(x)


cdef object bad_dim(str name, dim, d):
    if name == "sum":
        return TypeError(no_match(name, d))
    return TypeError(f"{name}(): argument 'dim' must be tuple of ints, not {type(d).__name__}")


def mask_of(str name, dim, Tensor x not None, bint empty_is_all=True):
    """dim_mask for composites."""
    return dim_mask(name, dim, x, empty_is_all)


cdef object pick(object value, object alias):
    return value if alias is None else alias


cdef bint flag(str name, object keepdim) except -1:
    if keepdim is False:
        return False
    if keepdim is True:
        return True
    raise TypeError(f"{name}(): argument 'keepdim' (position 2) must be bool, not {type(keepdim).__name__}")


cdef object stored(str name, object out, Tensor r):
    """`r`, or `out` holding it; its dtype has been checked."""
    return store_out(name, out, r, CHECKED)


def store_result(str name, out, Tensor r not None):
    return stored(name, out, r)


# ------------------------------------------------------------------ sums and means

def _spread_backward(node, Tensor g):
    mask, keepdim = node.args
    return reduce_sum(g, mask, keepdim)


cdef Tensor spread(Tensor g, Tensor x, unsigned long long mask, bint keepdim):
    """A reduced tensor seen in the shape of `x`; differentiable."""
    return spread_to(g, x.nd, x.sizes, mask, keepdim)


cdef Tensor spread_to(Tensor g, int nd, const Py_ssize_t* sizes, unsigned long long mask, bint keepdim):
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i, j = 0
    cdef Tensor r
    for i in range(nd):
        if mask >> i & 1:
            strides[i] = 0
            j += keepdim
        else:
            strides[i] = g.strides[j]
            j += 1
    r = raw_view(g, nd, sizes, strides, g.offset)
    if grad_enabled() and grad_required(g):
        return attach(r, "ExpandBackward0", (g,), _spread_backward, None, (mask, keepdim))
    return r


def spread_like(Tensor g not None, Tensor x not None, unsigned long long mask, bint keepdim):
    """`g`, reduced over `mask`, expanded to the shape of `x`."""
    return spread(g, x, mask, keepdim)


cdef Tensor spread_shape(Tensor g, object shape, unsigned long long mask, bint keepdim):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = 0
    for n in shape:
        sizes[nd] = n
        nd += 1
    return spread_to(g, nd, sizes, mask, keepdim)


def _sum_backward(node, Tensor g):
    mask, keepdim, shape, dt = node.args
    return to_dtype(spread_shape(g, shape, mask, keepdim), dt)


def _mean_backward(node, Tensor g):
    mask, keepdim, shape, dt, count = node.args
    return to_dtype(spread_shape(<Tensor> _call("div", g, count), shape, mask, keepdim), dt)


cdef int sum_dtype(Tensor x, object dtype) except -1:
    return as_dtype_code(dtype, x.dt if x.dt >= HALF else INT64)


cdef Tensor in_kind(Tensor x, int dt):
    """`x` cast to `dt` where accumulating it as it is would not be the same."""
    if x.dt == dt or (x.dt >= HALF and dt >= HALF) or (x.dt < HALF and BOOL < dt < HALF):
        return x
    return to_dtype(shallow(x), dt)


cdef const cg_reduction* SUM = reduction_kernels("sum")


cdef Tensor total_of(Tensor x):
    """The sum of all elements of a small contiguous host tensor of its own type."""
    cdef Tensor out
    cdef double[2] acc              # double, complex128 or int64: all zero bits are zero of each
    cdef char* p[2]
    cdef Py_ssize_t stride[2]
    cdef int dt = x.dt if x.dt >= HALF else INT64
    out = new_tensor(0, NULL, dt, 0)
    acc[0] = acc[1] = 0
    p[0] = <char*> acc
    p[1] = data_of(x)
    stride[0] = 16 if dt >= CFLOAT else 8
    stride[1] = itemsize_of(x.dt)
    SUM.inner[x.dt](x.count, p, stride, NULL)
    if dt == FLOAT:
        (<float*> out.storage.ptr)[0] = <float> acc[0]
    elif dt == CFLOAT:
        (<float*> out.storage.ptr)[0], (<float*> out.storage.ptr)[1] = <float> acc[0], <float> acc[1]
    else:
        memcpy(out.storage.ptr, acc, 16 if dt == CDOUBLE else 8)
    return out


cdef bint is_small(Tensor x) noexcept:
    return x.contiguous and x.dev == 0 and x.count < GRAIN and x.dt != HALF and x.dt != BFLOAT16


cdef Tensor reduce_sum(Tensor x, unsigned long long mask, bint keepdim):
    """The recorded sum over dimensions."""
    cdef Tensor r = reduced("sum", x, mask, keepdim, x.dt if x.dt >= HALF else INT64)
    if grad_enabled() and grad_required(x):
        attach(r, "SumBackward1", (x,), _sum_backward, None, (mask, keepdim, make_size(x.nd, x.sizes), x.dt))
    return r


cdef str no_match(str name, object dim):
    kind = type(dim).__name__
    return (f"{name}() received an invalid combination of arguments - got ({kind}), but expected one of:\n"
            " * (*, torch.dtype dtype = None)\n"
            " * (tuple of ints dim, bool keepdim = False, *, torch.dtype dtype = None)\n")


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """The sum of all elements, or over the dimensions `dim`; integers give int64, accumulated in double or int64."""
    cdef Tensor x = checked("sum", input), r
    cdef unsigned long long mask
    cdef bint keep
    cdef int dt
    cdef bint full = dim is None and axis is None
    if full and keepdim is False and dtype is None and out is None and is_small(x):
        r = total_of(x)
        if grad_enabled() and grad_required(x):
            attach(r, "SumBackward0", (x,), _sum_backward, None, (all_dims(x), False, make_size(x.nd, x.sizes), x.dt))
        return r
    keep = flag("sum", pick(keepdim, keepdims))
    mask = dim_mask("sum", pick(dim, axis), x)
    dt = sum_dtype(x, dtype)
    r = reduced("sum", in_kind(x, dt), mask, keep, dt)
    if grad_enabled() and grad_required(x):
        attach(r, "SumBackward0" if full and not keep else "SumBackward1", (x,), _sum_backward, None,
               (mask, keep, make_size(x.nd, x.sizes), x.dt))
    return stored("sum", out, r)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """The mean of all elements, or over the dimensions `dim`; floating dtypes only."""
    cdef Tensor x = checked("mean", input), r
    cdef bint full = dim is None and axis is None, keep
    cdef unsigned long long mask
    cdef Py_ssize_t count = 1
    cdef int dt = as_dtype_code(dtype, x.dt), i
    if dt < HALF:
        which = "Input" if dtype is None else "Optional"
        raise RuntimeError(f"mean(): could not infer output dtype. {which} dtype must be either a floating point or "
                           f"complex dtype. Got: {_core.SCALAR_TYPE_NAMES[dt]}")
    keep = flag("mean", pick(keepdim, keepdims))
    mask = dim_mask("mean", pick(dim, axis), x)
    for i in range(x.nd):
        if mask >> i & 1:
            count *= x.sizes[i]
    r = reduced("sum", in_kind(x, dt), mask, keep, dt, DIVIDE, count)
    if grad_enabled() and grad_required(x):
        attach(r, "MeanBackward0" if full and not keep else "MeanBackward1", (x,), _mean_backward, None,
               (mask, keep, make_size(x.nd, x.sizes), x.dt, count))
    return stored("mean", out, r)


def reduce_raw(str name, Tensor x not None, unsigned long long mask, bint keepdim, int dt, str finish="",
               double value=1, param=None, Tensor means=None):
    """A row of the table without history, for composites.

    finish: "" the accumulator, "divide" by value, "root" of acc / value, "power" acc ** value; means: float64, of the
    result's shape, for "_sumdev".
    """
    cdef int code = {"": NOTHING, "divide": DIVIDE, "root": ROOT, "power": POWER}[finish]
    return reduced(name, shallow(x), mask, keepdim, dt, code, value, param, means)


# ------------------------------------------------------------------ tests

cdef Tensor test(str name, object input, object dim, object keepdim, object out):
    cdef Tensor x = checked(name, input)
    return stored(name, out, reduced(name, x, dim_mask(name, dim, x, False), flag(name, keepdim),
                                     UINT8 if x.dt == UINT8 else BOOL))


def any(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Whether any element (along `dim`) is nonzero: bool, of uint8 uint8."""
    return test("any", input, pick(dim, axis), pick(keepdim, keepdims), out)


def all(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Whether all elements (along `dim`) are nonzero: bool, of uint8 uint8."""
    return test("all", input, pick(dim, axis), pick(keepdim, keepdims), out)


def count_nonzero(input, dim=None):
    """How many elements are not zero, int64."""
    cdef Tensor x = checked("count_nonzero", input)
    return reduced("count_nonzero", x, dim_mask("count_nonzero", dim, x), False, INT64)


# ------------------------------------------------------------------ extremes

cdef int check_extent(str name, Tensor x, unsigned long long mask, bint full) except -1:
    """An extreme of nothing does not exist."""
    cdef int i
    if x.count:
        return 0
    if full:
        raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                           "reduction dim with the 'dim' argument.")
    for i in range(x.nd):
        if mask >> i & 1 and x.sizes[i] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {i} to have non-zero size.")
    return 0


def _extreme_backward(node, Tensor g):
    x, y = node.saved()
    mask, keepdim, full = node.args
    return share_evenly(g, x, y, mask, keepdim, full)


def share_evenly(Tensor g not None, Tensor x not None, Tensor y not None, unsigned long long mask, bint keepdim,
                 bint nan_matches):
    """The gradient of extremes `y` of `x` over `mask`: g / (how many are equal), where x is the extreme.

    As PyTorch has it, NaN equals NaN for max() and min() of all elements (`nan_matches`), and for no other extreme."""
    cdef Tensor hits
    if keepdim or mask == all_dims(x):
        hits = <Tensor> _call("eq", shallow(x), shallow(y))
    else:
        hits = <Tensor> _call("eq", shallow(x), spread(shallow(y), x, mask, keepdim))
    if nan_matches and x.dt >= HALF and x.dev:          # where to look at the number is to wait for it
        both = _call("logical_and", _call("ne", shallow(x), shallow(x)), _call("ne", shallow(y), shallow(y)))
        hits = <Tensor> _call("logical_or", hits, both)
    elif nan_matches and x.dt >= HALF and shallow(y).item() != y.item():
        hits = <Tensor> _call("ne", shallow(x), shallow(x))
    count = reduced("sum", hits, mask, keepdim, INT64)
    return _call("mul", spread(<Tensor> _call("div", g, count), x, mask, keepdim), hits)


cdef Tensor extreme(str row, str name, str node, Tensor x, unsigned long long mask, bint keepdim, bint full):
    cdef Tensor r
    check_extent(name, x, mask, full)
    r = reduced(row, x, mask, keepdim, x.dt)
    if grad_enabled() and grad_required(x):
        attach(r, node, (x,), _extreme_backward, (x, r), (mask, keepdim, row != name))
    return r


def amax(input, dim=(), keepdim=False, *, out=None, axis=None, keepdims=None):
    """The greatest element, of all or over the dimensions `dim`; NaN where there is one."""
    cdef Tensor x = checked("amax", input)
    cdef unsigned long long mask = dim_mask("amax", pick(dim, axis), x)
    return stored("amax", out, extreme("amax", "amax", "AmaxBackward0", x, mask, flag("amax", pick(keepdim, keepdims)),
                                       dim == ()))


def amin(input, dim=(), keepdim=False, *, out=None, axis=None, keepdims=None):
    """The least element, of all or over the dimensions `dim`; NaN where there is one."""
    cdef Tensor x = checked("amin", input)
    cdef unsigned long long mask = dim_mask("amin", pick(dim, axis), x)
    return stored("amin", out, extreme("amin", "amin", "AminBackward0", x, mask, flag("amin", pick(keepdim, keepdims)),
                                       dim == ()))


cdef void best_of_line(const cg_reduction* r, int dt, const number* x, Py_ssize_t n, bint least, number* value,
                       int64_t* at) noexcept nogil:
    """The first extreme of contiguous elements; the first NaN is one.

    The vectorised kernel finds the best block of BLOCK elements; only that one is searched for the place."""
    cdef Py_ssize_t i, m, start = 0, chosen = 0
    cdef number best, found
    cdef char* p[2]
    cdef Py_ssize_t stride[2]
    if n < 32:
        best = x[0]
        chosen = 0
        for i in range(1, n):
            if best != best:
                break
            if x[i] != x[i] or (x[i] < best if least else x[i] > best):
                best = x[i]
                chosen = i
        value[0] = best
        at[0] = chosen
        return
    stride[0] = stride[1] = sizeof(number)
    best = x[0]
    while start < n:
        m = n - start if n - start < BLOCK else BLOCK
        found = x[start]
        p[0] = <char*> &found
        p[1] = <char*> (x + start)
        r.inner[dt](m, p, stride, NULL)
        if found != found or (found < best if least else found > best):
            best = found
            chosen = start
            if found != found:
                break
        start += m
    for i in range(chosen, n):
        if x[i] == best or (best != best and x[i] != x[i]):
            chosen = i
            break
    value[0] = best
    at[0] = chosen


cdef void best_of_columns(const number* x, Py_ssize_t n, Py_ssize_t inner, int columns, bint least, number* value,
                          int64_t* at) noexcept nogil:
    """The first extremes of neighbouring columns, row by row."""
    cdef Py_ssize_t i
    cdef int j
    cdef number v
    for j in range(columns):
        value[j] = x[j]
        at[j] = 0
    for i in range(1, n):
        x += inner
        if least:
            for j in range(columns):
                v = x[j]
                if v < value[j] or (v != v and value[j] == value[j]):
                    value[j] = v
                    at[j] = i
        else:
            for j in range(columns):
                v = x[j]
                if v > value[j] or (v != v and value[j] == value[j]):
                    value[j] = v
                    at[j] = i


cdef void best_tasks(const cg_reduction* r, int dt, const number* x, number* values, int64_t* at, Py_ssize_t n,
                     Py_ssize_t inner, bint least, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t task, blocks = (inner + 63) // 64, start, o
    cdef number[64] best
    cdef int columns
    for task in range(lo, hi):
        start = task % blocks * 64
        o = task // blocks * inner + start
        start += task // blocks * n * inner
        columns = <int> lesser(64, inner - task % blocks * 64)
        if inner == 1:
            best_of_line(r, dt, x + start, n, least, best, at + o)
        else:
            best_of_columns(x + start, n, inner, columns, least, best, at + o)
        if values != NULL:
            memcpy(values + o, best, columns * sizeof(number))


cdef int run_best(const cg_reduction* r, int dt, number* x, number* values, int64_t* at, Py_ssize_t count, Py_ssize_t n,
                  Py_ssize_t inner, bint least) except -1:
    cdef Region region
    cdef Py_ssize_t tasks = count // (n * inner) * ((inner + 63) // 64), share
    cdef int t, parts = 1
    if num_threads() > 1 and count >= GRAIN:
        parts = <int> lesser(num_threads(), tasks)
    if parts == 1:
        best_tasks(r, dt, x, values, at, n, inner, least, 0, tasks)
        return 0
    share = (tasks + parts - 1) // parts
    open_region(&region, parts)
    for t in prange(parts, schedule="static", num_threads=region.n, nogil=True):
        best_tasks(r, dt, x, values, at, n, inner, least, t * share, lesser(tasks, (t + 1) * share))
        end_part(&region)
    close_region(&region)
    return 0


cdef int best_into(str row, Tensor x, Tensor values, Tensor at, int dim) except -1:
    """Places (and values) of extremes along `dim`, or of all of x in its logical order where dim is -1."""
    cdef Tensor a = x, wide = values
    cdef int i, dt
    cdef Py_ssize_t n = x.count, inner = 1
    cdef bint least = row == "amin"
    cdef const cg_reduction* r = kernels_of(row)
    cdef char* v
    refuse_complex("max" if row == "amax" else "min", x)
    if x.count == 0 or at.count == 0:
        return 0
    if x.dev:
        _core.backend_of(x.dev).arg_reduce("argmin" if least else "argmax", values, at, x, None if dim < 0 else dim)
        return 0
    a = contiguous(shallow(x))
    if a.dt == HALF or a.dt == BFLOAT16:
        a = to_dtype(shallow(a), FLOAT)
        wide = None if values is None else new_tensor(values.nd, values.sizes, FLOAT, 0)
    dt = a.dt
    if dim >= 0 and x.nd:
        n = x.sizes[dim]
        for i in range(dim + 1, x.nd):
            inner *= x.sizes[i]
    v = NULL if wide is None else data_of(wide)
    if dt == FLOAT:
        run_best(r, dt, <float*> data_of(a), <float*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    elif dt == DOUBLE:
        run_best(r, dt, <double*> data_of(a), <double*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    elif dt == INT64:
        run_best(r, dt, <int64_t*> data_of(a), <int64_t*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    elif dt == INT32:
        run_best(r, dt, <int*> data_of(a), <int*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    elif dt == INT16:
        run_best(r, dt, <short*> data_of(a), <short*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    elif dt == INT8:
        run_best(r, dt, <signed char*> data_of(a), <signed char*> v, <int64_t*> data_of(at), a.count, n, inner, least)
    else:
        run_best(r, dt, <unsigned char*> data_of(a), <unsigned char*> v, <int64_t*> data_of(at), a.count, n, inner,
                 least)
    if wide is not values:
        copy_into(values, wide)
    return 0


def _place_backward(node, Tensor g):
    """Each gradient goes to the place its value came from."""
    at, = node.saved()
    dim, keepdim, shape = node.args
    if not shape:
        return g
    if not keepdim:
        g, at = g.unsqueeze(dim), at.unsqueeze(dim)
    return g.new_zeros(shape).scatter(dim, at, g)


def _place_backward_2(node, g, _):
    return _place_backward(node, g)


cdef object along(str row, str name, str node, Tensor x, int dim, bint keepdim, object out):
    cdef Tensor values, at
    cdef unsigned long long mask = <unsigned long long> 1 << dim if x.nd else 0
    check_extent(name, x, mask, False)
    values = result_for(x, mask, keepdim, x.dt)
    at = result_for(x, mask, keepdim, INT64)
    best_into(row, x, values, at, dim)
    if grad_enabled() and grad_required(x):
        _core.record((values, at), node, (x,), _place_backward_2, (at,), (dim, keepdim, make_size(x.nd, x.sizes)))
    from cygrad import return_types as _return_types
    if out is None:
        return _return_types.make(name, ("values", "indices"))((values, at))
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    return _return_types.make(name + "_out", ("values", "indices"))((stored(name, out[0], values),
                                                                     stored(name, out[1], at)))


cdef object wrong_extreme(str name, object got):
    kind = type(got).__name__
    if isinstance(got, (tuple, list)):
        inner = ", ".join([type(i).__name__ for i in got])
        shown = f"!{kind} of ({inner})!"
    else:
        shown = f"!{kind}!"
    why = f"      didn't match because some of the arguments have invalid types: ({shown})\n"
    return TypeError(f"{name}() received an invalid combination of arguments - got ({kind}), but expected one of:\n"
                     f" * ()\n{why} * (Tensor other)\n{why} * (int dim, bool keepdim = False)\n")


cdef object max_or_min(str row, str name, str both, object input, object dim, object keepdim, object other, object out):
    cdef Tensor x = checked(name, input)
    if isinstance(dim, Tensor) and other is None:
        other = dim
    if other is not None:
        return _ops.call(_ops.OPS[both], (x, other), None, out)
    if dim is None:
        if keepdim is not False:
            raise TypeError(f"{name}() received an invalid combination of arguments - got (keepdim=bool, ), but "
                            "expected one of:\n * ()\n      didn't match because some of the keywords were incorrect: "
                            "keepdim\n * (Tensor other)\n      didn't match because some of the keywords were "
                            "incorrect: keepdim\n * (int dim, bool keepdim = False)\n")
        node = "MaxBackward1" if row == "amax" else "MinBackward1"
        return stored(name + " of all", out, extreme(row, name, node, x, all_dims(x), False, True))
    if isinstance(dim, (bool, float, str)) or not hasattr(dim, "__index__"):
        raise wrong_extreme(name, dim)
    return along(row, name, "MaxBackward0" if row == "amax" else "MinBackward0", x, wrap_dim(dim.__index__(), x.nd),
                 flag(name, keepdim), out)


def max(input, dim=None, keepdim=False, *, other=None, out=None, axis=None, keepdims=None):
    """The greatest element; along an int `dim` (values, indices); with a second tensor the greater of each pair."""
    return max_or_min("amax", "max", "maximum", input, pick(dim, axis), pick(keepdim, keepdims), other, out)


def min(input, dim=None, keepdim=False, *, other=None, out=None, axis=None, keepdims=None):
    """The least element; along an int `dim` (values, indices); with a second tensor the lesser of each pair."""
    return max_or_min("amin", "min", "minimum", input, pick(dim, axis), pick(keepdim, keepdims), other, out)


cdef object place_of(str row, str name, object input, object dim, object keepdim, object out):
    cdef Tensor x = checked(name, input), at
    cdef bint keep = flag(name, keepdim)
    cdef unsigned long long mask = all_dims(x)
    cdef int d = -1
    if x.dt == BOOL:
        raise RuntimeError(f"{name}(): does not support bool input")
    if dim is not None:
        if isinstance(dim, (bool, float, str)) or not hasattr(dim, "__index__"):
            raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}")
        d = wrap_dim(dim.__index__(), x.nd)
        mask &= <unsigned long long> 1 << d
        check_extent(name, x, mask, False)
    elif x.count == 0:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    at = result_for(x, mask, keep, INT64)
    best_into(row, x, None, at, d)
    return stored(name, out, at)


def argmax(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """The place of the first greatest element along `dim`, or in the flattened tensor; int64."""
    return place_of("amax", "argmax", input, pick(dim, axis), pick(keepdim, keepdims), out)


def argmin(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """The place of the first least element along `dim`, or in the flattened tensor; int64."""
    return place_of("amin", "argmin", input, pick(dim, axis), pick(keepdim, keepdims), out)


# ------------------------------------------------------------------ what gradients of other operators call

def _sum_dims(Tensor g not None, dims):
    """Sum over dimensions that stay, with size 1."""
    return reduce_sum(g, dim_mask("sum", dims, g), True)


def _sum_to(Tensor g not None, shape):
    return sum_to(g, tuple(shape))


_ops.GRADIENT_NAMESPACE["_sum"] = _sum_dims
_ops.GRADIENT_NAMESPACE["_sum_to"] = _sum_to

FUNCTIONS = {
    "sum": sum, "mean": mean, "any": any, "all": all, "count_nonzero": count_nonzero, "amax": amax, "amin": amin,
    "max": max, "min": min, "argmax": argmax, "argmin": argmin,
}
METHODS = dict(FUNCTIONS)
