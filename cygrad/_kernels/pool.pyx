"""Pooling over one, two and three dimensions, adaptive or by kernel, on the CPU (see _devices/primitives.py).

A plane (a channel of an image) is one job; threads share out planes.  Half works in float, integers in int64.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memset

from cygrad._core cimport UINT8, INT64, HALF, BFLOAT16, FLOAT, DOUBLE, Tensor, data_of, itemsize_of
from cygrad._kernels.copies cimport as_float, like, settle
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/pool.h" nogil:
    void cg_max_pool_f32(const cg_pool*, const float*, float*, int64_t*)
    void cg_max_pool_f64(const cg_pool*, const double*, double*, int64_t*)
    void cg_max_pool_i64(const cg_pool*, const int64_t*, int64_t*, int64_t*)
    void cg_max_last_f32(const cg_pool*, Py_ssize_t, Py_ssize_t, const float*, float*, int64_t*)
    void cg_max_last_f64(const cg_pool*, Py_ssize_t, Py_ssize_t, const double*, double*, int64_t*)
    void cg_avg_last_f32(const cg_pool*, Py_ssize_t, Py_ssize_t, float*, float*, int)
    void cg_avg_last_f64(const cg_pool*, Py_ssize_t, Py_ssize_t, double*, double*, int)
    void cg_unpool_f32(Py_ssize_t, Py_ssize_t, const float*, const int64_t*, float*)
    void cg_unpool_f64(Py_ssize_t, Py_ssize_t, const double*, const int64_t*, double*)
    int cg_all_inside(const cg_pool*)
    void cg_avg_rows_f32(const cg_pool*, const float*, float*)
    void cg_avg_pool_f32(const cg_pool*, float*, float*, int)
    void cg_avg_pool_f64(const cg_pool*, double*, double*, int)
    void cg_avg_pool_i64(const cg_pool*, int64_t*, int64_t*, int)

cdef enum:
    GRAIN = 32768               # elements of the larger side below which one thread is enough


cdef class Windows:
    """The windows of a pooling over the last three dimensions, of which the first may be one element.

    planes: how many there are; inside, outside: the elements of a plane before and after.
    """

    @property
    def numbers(self):
        """Size, out, kernel, stride, pad and dilation, of three dimensions each; whether the average divides by padded
        positions too; what it divides by, or 0; whether the windows are out[i] equal parts of size[i]."""
        cdef const cg_pool* c = &self.c
        cdef int i
        per_dimension = [[c.size[i], c.out[i], c.kernel[i], c.stride[i], c.pad[i], c.dilation[i]] for i in range(3)]
        return [row[i] for i in range(6) for row in per_dimension] + [c.count_padding, c.divisor, c.adaptive]


cdef void max_plane(int dt, const cg_pool* p, const char* x, char* y, int64_t* at) noexcept nogil:
    if dt == FLOAT:
        cg_max_pool_f32(p, <const float*> x, <float*> y, at)
    elif dt == DOUBLE:
        cg_max_pool_f64(p, <const double*> x, <double*> y, at)
    else:
        cg_max_pool_i64(p, <const int64_t*> x, <int64_t*> y, at)


cdef void average_plane(int dt, const cg_pool* p, char* x, char* y, bint backward) noexcept nogil:
    if dt == FLOAT and not backward and cg_all_inside(p):
        cg_avg_rows_f32(p, <const float*> x, <float*> y)
    elif dt == FLOAT:
        cg_avg_pool_f32(p, <float*> x, <float*> y, backward)
    elif dt == DOUBLE:
        cg_avg_pool_f64(p, <double*> x, <double*> y, backward)
    else:
        cg_avg_pool_i64(p, <int64_t*> x, <int64_t*> y, backward)


cdef void scatter_plane(int dt, Py_ssize_t n, Py_ssize_t size, const char* g, const int64_t* at,
                        char* x) noexcept nogil:
    if dt == FLOAT:
        cg_unpool_f32(n, size, <const float*> g, at, <float*> x)
    else:
        cg_unpool_f64(n, size, <const double*> g, at, <double*> x)


cdef enum:
    MAXIMUM, SCATTER, AVERAGE, SPREAD


cdef void plane(int what, int dt, const cg_pool* p, Py_ssize_t inside, Py_ssize_t outside, char* x, char* y,
                int64_t* at, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t size = itemsize_of(dt)
    if what == MAXIMUM:
        max_plane(dt, p, x + i * inside * size, y + i * outside * size, at + i * outside)
    elif what == SCATTER:
        scatter_plane(dt, outside, inside, y + i * outside * size, at + i * outside, x + i * inside * size)
    else:
        average_plane(dt, p, x + i * inside * size, y + i * outside * size, what == SPREAD)


cdef void all_planes(int what, int dt, Windows pool, Tensor x, Tensor y, Tensor at):
    cdef Region region
    cdef const cg_pool* p = &pool.c
    cdef Py_ssize_t planes = pool.planes, inside = pool.inside, outside = pool.outside, i
    cdef char* px = data_of(x)
    cdef char* py = data_of(y)
    cdef int64_t* pat = NULL if at is None else <int64_t*> data_of(at)
    cdef int nt = num_threads()
    if nt == 1 or planes == 1 or planes * (inside if inside > outside else outside) < GRAIN:
        for i in range(planes):
            plane(what, dt, p, inside, outside, px, py, pat, i)
        return
    with nogil:
        open_region(&region, nt)
        for i in prange(planes, num_threads=region.n, schedule="static"):
            plane(what, dt, p, inside, outside, px, py, pat, i)
            end_part(&region)
        close_region(&region)


# ------------------------------------------------------------------ channels last

cdef void place(int what, int dt, const cg_pool* p, Py_ssize_t channels, Py_ssize_t o, char* x, char* y,
                int64_t* at) noexcept nogil:
    if what == MAXIMUM and dt == FLOAT:
        cg_max_last_f32(p, channels, o, <float*> x, <float*> y, at)
    elif what == MAXIMUM:
        cg_max_last_f64(p, channels, o, <double*> x, <double*> y, at)
    elif dt == FLOAT:
        cg_avg_last_f32(p, channels, o, <float*> x, <float*> y, what == SPREAD)
    else:
        cg_avg_last_f64(p, channels, o, <double*> x, <double*> y, what == SPREAD)


cdef void image(int what, int dt, const cg_pool* p, Py_ssize_t channels, Py_ssize_t first, Py_ssize_t last, char* x,
                char* y, int64_t* at) noexcept nogil:
    """The outputs first to last - 1 of an image."""
    cdef Py_ssize_t o, size = itemsize_of(dt)
    for o in range(first, last):
        place(what, dt, p, channels, o, x, y + o * channels * size, at + o * channels)


cdef void all_images(int what, int dt, Windows pool, Py_ssize_t channels, Tensor x, Tensor y, Tensor at):
    """Threads share out rows of outputs; backward, whose windows may overlap, whole images."""
    cdef Region region
    cdef const cg_pool* p = &pool.c
    cdef Py_ssize_t images = pool.planes // channels, inside = pool.inside, outside = pool.outside
    cdef Py_ssize_t size = itemsize_of(dt), parts = 1 if what == SPREAD else outside // p.out[2], i, n
    cdef Py_ssize_t each = outside // parts
    cdef char* px = data_of(x)
    cdef char* py = data_of(y)
    cdef int64_t* pat = NULL if at is None else <int64_t*> data_of(at)
    cdef int nt = num_threads()
    if nt == 1 or images * parts == 1 or x.count < GRAIN:
        for n in range(images):
            image(what, dt, p, channels, 0, outside, px + n * inside * channels * size,
                  py + n * outside * channels * size, pat + n * outside * channels)
        return
    with nogil:
        open_region(&region, nt)
        for i in prange(images * parts, num_threads=region.n, schedule="static"):
            image(what, dt, p, channels, i % parts * each, (i % parts + 1) * each,
                  px + i // parts * inside * channels * size, py + i // parts * outside * channels * size,
                  pat + i // parts * outside * channels)
            end_part(&region)
        close_region(&region)


cdef int pool_max_last(Tensor out, Tensor indices, Tensor x, Windows windows) except -1:
    """As pool_max, of floating matrices of places by channels."""
    cdef Tensor y = work_on(out)
    all_images(MAXIMUM, y.dt, windows, x.sizes[1], as_float(x, y.dt), y, indices)
    return settle(out, y)


cdef int pool_average_last(Tensor out, Tensor x, Windows windows) except -1:
    """As pool_average, of floating matrices of places by channels."""
    cdef Tensor y = work_on(out)
    all_images(AVERAGE, y.dt, windows, x.sizes[1], as_float(x, y.dt), y, None)
    return settle(out, y)


cdef int pool_average_gradient_last(Tensor out, Tensor g, Windows windows) except -1:
    """As pool_average_gradient, of floating matrices of places by channels."""
    cdef Tensor x = work_on(out)
    memset(data_of(x), 0, x.count * itemsize_of(x.dt))
    all_images(SPREAD, x.dt, windows, g.sizes[1], x, as_float(g, x.dt), None)
    return settle(out, x)


# ------------------------------------------------------------------ the primitives

cdef int working_dtype(int dt) noexcept:
    return FLOAT if dt == HALF or dt == BFLOAT16 else INT64 if dt < HALF else dt


cdef Tensor work_on(Tensor out):
    cdef int dt = working_dtype(out.dt)
    return out if out.dt == dt else like(out, dt)


cpdef int pool_max(Tensor out, Tensor indices, Tensor x, Windows windows) except -1:
    cdef Tensor y = work_on(out)
    cdef int64_t least
    cdef int64_t* p
    cdef Py_ssize_t i
    all_planes(MAXIMUM, y.dt, windows, as_float(x, y.dt), y, indices)
    if y is not out and y.dt == INT64:      # the least value of int64, for a window of padding, is not out's
        p = <int64_t*> data_of(y)
        least = 0 if out.dt == UINT8 else -(<int64_t> 1 << (8 * itemsize_of(out.dt) - 1))
        for i in range(y.count):
            if p[i] < least:
                p[i] = least
    return settle(out, y)


cpdef int pool_max_gradient(Tensor out, Tensor g, Tensor indices, Windows windows) except -1:
    cdef Tensor x = work_on(out)
    all_planes(SCATTER, x.dt, windows, x, as_float(g, x.dt), indices)
    return settle(out, x)


cpdef int pool_average(Tensor out, Tensor x, Windows windows) except -1:
    cdef Tensor y = work_on(out)
    all_planes(AVERAGE, y.dt, windows, as_float(x, y.dt), y, None)
    return settle(out, y)


cpdef int pool_average_gradient(Tensor out, Tensor g, Windows windows) except -1:
    cdef Tensor x = work_on(out)
    all_planes(SPREAD, x.dt, windows, x, as_float(g, x.dt), None)
    return settle(out, x)
