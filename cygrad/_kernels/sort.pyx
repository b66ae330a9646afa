"""Order on the CPU: the primitives of `_devices/primitives.py` on the lines of contiguous arrays.

Every line is turned into unsigned keys in the dtype's own order (`sort.h`), sorted by radix or searched by selection,
and the values are taken from the input by position.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from cygrad._core cimport FLOAT, INT64, Tensor, data_of, itemsize_of, new_tensor
from cygrad._kernels.copies cimport plain
from cygrad._ops cimport GRAIN
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/sort.h" nogil:
    int cg_lines(int op, int dt, int itemsize, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, Py_ssize_t k, Py_ssize_t nth,
                 Py_ssize_t inner, const char* inp, char* values, int64_t* index, int descending, int loose)
    enum:
        CG_STABLE, CG_LOOSE, CG_UNSORTED
    void cg_keys_u64(int dt, Py_ssize_t n, const char* inp, Py_ssize_t stride, int descending, uint64_t* key)
    Py_ssize_t cg_runs(int dt, Py_ssize_t n, const uint64_t* key, int64_t* group)
    int cg_compare_rows(Py_ssize_t m, const uint64_t* a, const uint64_t* b)
    void cg_sort_rows(Py_ssize_t n, Py_ssize_t m, const uint64_t* key, int64_t* at, int64_t* work)
    Py_ssize_t cg_bound(Py_ssize_t n, const uint64_t* key, const int64_t* sorter, uint64_t v, int right)

cdef enum:
    SORT = 0
    TOP = 1
    KTH = 2
    MEDIAN = 3
    NANMEDIAN = 4
    MODE = 5

cdef dict CHOICES = {"topk": TOP, "kthvalue": KTH, "median": MEDIAN, "nanmedian": NANMEDIAN, "mode": MODE}


cpdef int sort(Tensor values, Tensor indices, Tensor x, int dim, bint descending,
               bint stable=True) except -1:
    return run_lines(SORT, plain(x), dim, x.sizes[dim] if x.nd else 1, 0, values, indices, descending,
                     CG_STABLE if stable else CG_LOOSE)


cpdef int choose(str name, Tensor values, Tensor indices, Tensor x, int dim, Py_ssize_t k, bint largest,
                 bint ordered=True) except -1:
    cdef int op = CHOICES[name]
    return run_lines(op, plain(x), dim, k if op == TOP and x.nd else 1, k, values, indices, largest,
                     CG_LOOSE if ordered else CG_UNSORTED)


cdef int run_lines(int op, Tensor x, int dim, Py_ssize_t k, Py_ssize_t nth, Tensor values, Tensor index,
                   bint descending, int loose) except -1:
    """Works on each line of contiguous `x` along `dim`; results have k elements per line."""
    cdef Region region
    cdef Py_ssize_t n = x.sizes[dim] if x.nd else 1, inner = 1, lines, share
    cdef int i, t, parts = 1, item = itemsize_of(x.dt), dt = x.dt, failed = 0
    cdef char* v = NULL
    cdef char* source = data_of(x)
    cdef int64_t* at = <int64_t*> index.storage.ptr
    if x.count == 0:
        return 0
    if n >= <Py_ssize_t> 1 << 32:
        raise RuntimeError("sorting along a dimension of 2**32 or more elements is not supported")
    for i in range(dim + 1, x.nd):
        inner *= x.sizes[i]
    lines = x.count // n
    if values is not None:
        v = values.storage.ptr
    if num_threads() > 1 and x.count >= GRAIN // 4:
        parts = <int> min(<Py_ssize_t> num_threads(), lines)
    share = (lines + parts - 1) // parts
    if parts == 1:
        with nogil:
            failed = cg_lines(op, dt, item, 0, lines, n, k, nth, inner, source, v, at, descending,
                              loose)
    else:
        open_region(&region, parts)
        for t in prange(parts, schedule="static", num_threads=region.n, nogil=True):
            failed |= cg_lines(op, dt, item, t * share, min(lines, (t + 1) * share), n, k, nth, inner, source, v, at,
                               descending, loose)
            end_part(&region)
        close_region(&region)
    if failed:
        raise MemoryError()
    return 0


cdef Tensor keys_of(Tensor x):
    """64-bit keys of the elements, contiguous (in an int64 tensor)."""
    cdef Tensor k = new_tensor(x.nd, x.sizes, INT64, 0)
    x = plain(x)
    cg_keys_u64(x.dt, x.count, data_of(x), 1, False, <uint64_t*> k.storage.ptr)
    return k


cpdef int order_rows(Tensor order, Tensor x) except -1:
    cdef Tensor keys = keys_of(x), work = new_tensor(1, order.sizes, INT64, 0)
    cdef Py_ssize_t n = x.sizes[0], m = x.sizes[1]
    cg_sort_rows(n, m, <uint64_t*> keys.storage.ptr, <int64_t*> data_of(order), <int64_t*> work.storage.ptr)
    return 0


cpdef Py_ssize_t runs(Tensor group, Tensor x, Tensor order, bint nan_equal) except -1:
    cdef Tensor keys = keys_of(x)
    cdef Py_ssize_t n = x.sizes[0], m = x.sizes[1], row, groups = 0
    cdef uint64_t* key = <uint64_t*> keys.storage.ptr
    cdef int64_t* g = <int64_t*> data_of(group)
    cdef int64_t* at
    if not nan_equal and m == 1 and order is None:
        return cg_runs(x.dt, n, key, g)
    at = NULL if order is None else <int64_t*> data_of(order)
    for row in range(n):
        groups += row == 0 or cg_compare_rows(m, key + (at[row] if at != NULL else row) * m,
                                              key + (at[row - 1] if at != NULL else row - 1) * m) != 0
        g[row] = groups - 1
    return groups


cpdef int run_places(Tensor first, Tensor inverse, Tensor counts, Tensor group, Tensor order) except -1:
    cdef int64_t* g = <int64_t*> data_of(group)
    cdef int64_t* at = <int64_t*> data_of(order) if order is not None else NULL
    cdef int64_t* f = <int64_t*> data_of(first)
    cdef int64_t* to = <int64_t*> data_of(inverse)
    cdef int64_t* n = <int64_t*> data_of(counts)
    cdef Py_ssize_t i
    memset(n, 0, counts.count * 8)
    for i in range(group.count - 1, -1, -1):
        f[g[i]] = i
        to[at[i] if at != NULL else i] = g[i]
        n[g[i]] += 1
    return 0


cpdef int search(Tensor out, Tensor bounds, Tensor values, Tensor sorter, bint right) except -1:
    cdef Tensor ka = keys_of(bounds), kv = keys_of(values), order = None
    cdef uint64_t* at = <uint64_t*> ka.storage.ptr
    cdef uint64_t* x = <uint64_t*> kv.storage.ptr
    cdef int64_t* to = <int64_t*> data_of(out)
    cdef int64_t* by = NULL
    cdef Py_ssize_t j, n = bounds.sizes[bounds.nd - 1]
    cdef Py_ssize_t per = values.count if bounds.nd == 1 else values.sizes[values.nd - 1]
    if sorter is not None:
        order = plain(sorter)
        by = <int64_t*> data_of(order)
    with nogil:
        for j in range(values.count):
            to[j] = cg_bound(n, at + (j // per) * n, by + (j // per) * n if by != NULL else NULL, x[j], right)
    return 0


cdef int64_t greatest(Tensor x):
    """The greatest of int64 elements, or a negative one where there is one."""
    cdef int64_t* at
    cdef int64_t top = 0
    cdef Py_ssize_t i
    x = plain(x)
    at = <int64_t*> data_of(x)
    for i in range(x.count):
        if at[i] < 0:
            return at[i]
        top = max(top, at[i])
    return top


cpdef int bincount(Tensor out, Tensor x) except -1:
    cdef int64_t* counts = <int64_t*> data_of(out)
    cdef int64_t* at
    cdef Py_ssize_t i
    x = plain(x)
    at = <int64_t*> data_of(x)
    memset(counts, 0, out.count * 8)
    for i in range(x.count):
        counts[at[i]] += 1
    return 0


ctypedef fused real:
    float
    double


cdef void count_bins(const real* x, Py_ssize_t n, real* counts, Py_ssize_t bins, real low, real high) noexcept nogil:
    cdef Py_ssize_t i, b
    for i in range(n):
        if x[i] >= low and x[i] <= high:
            b = <Py_ssize_t> ((x[i] - low) * bins / (high - low))
            counts[b if b < bins else bins - 1] += 1


cpdef int histc(Tensor out, Tensor x, double low, double high) except -1:
    x = plain(x)
    memset(data_of(out), 0, out.count * itemsize_of(out.dt))
    if x.dt == FLOAT:
        count_bins(<const float*> data_of(x), x.count, <float*> data_of(out), out.count, <float> low, <float> high)
    else:
        count_bins(<const double*> data_of(x), x.count, <double*> data_of(out), out.count, low, high)
    return 0
