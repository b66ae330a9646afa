"""Distances between the rows of two batches of matrices, and their gradients, on the CPU: threads share out rows."""
from cython.parallel cimport prange

from cygrad._core cimport FLOAT, Tensor, data_of
from cygrad._kernels.copies cimport plain
from cygrad._ops cimport GRAIN
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "_kernels/distance.h" nogil:
    void cg_distances_f32(int, double, Py_ssize_t, Py_ssize_t, const float*, const float*, float*)
    void cg_distances_f64(int, double, Py_ssize_t, Py_ssize_t, const double*, const double*, double*)
    void cg_distance_pull_f32(int, double, Py_ssize_t, Py_ssize_t, const float*, const float*, const float*,
                              const float*, float*)
    void cg_distance_pull_f64(int, double, Py_ssize_t, Py_ssize_t, const double*, const double*, const double*,
                              const double*, double*)

cdef int mode_of(double p) noexcept:
    return 0 if p == 0 else 1 if p == 1 else 2 if p == 2 else 3 if p == float("inf") else 4


cdef void row(int dt, int mode, double p, Py_ssize_t i, Py_ssize_t P, Py_ssize_t R, Py_ssize_t M, char* a, char* b,
              char* to) noexcept nogil:
    """The distances of row i of a batch of P rows each."""
    cdef Py_ssize_t batch = i // P
    if dt == FLOAT:
        cg_distances_f32(mode, p, R, M, <float*> a + i * M, <float*> b + batch * R * M, <float*> to + i * R)
    else:
        cg_distances_f64(mode, p, R, M, <double*> a + i * M, <double*> b + batch * R * M, <double*> to + i * R)


cpdef int distances(Tensor out, Tensor a, Tensor b, double p) except -1:
    cdef Region region
    cdef Py_ssize_t P = a.sizes[a.nd - 2], R = b.sizes[b.nd - 2], M = a.sizes[a.nd - 1], rows, i
    cdef int mode = mode_of(p), parts = num_threads(), dt = a.dt
    a, b = plain(a), plain(b)
    cdef char* pa = data_of(a)
    cdef char* pb = data_of(b)
    cdef char* to = data_of(out)
    rows = out.count // R
    if parts == 1 or rows * R * M < GRAIN:
        with nogil:
            for i in range(rows):
                row(dt, mode, p, i, P, R, M, pa, pb, to)
    else:
        open_region(&region, parts)
        for i in prange(rows, nogil=True, num_threads=region.n, schedule="static"):
            row(dt, mode, p, i, P, R, M, pa, pb, to)
            end_part(&region)
        close_region(&region)
    return 0


cdef void pull_row(int dt, int mode, double p, Py_ssize_t i, Py_ssize_t P, Py_ssize_t R, Py_ssize_t M, char* a,
                   char* b, char* dist, char* g, char* to) noexcept nogil:
    cdef Py_ssize_t batch = i // P
    if dt == FLOAT:
        cg_distance_pull_f32(mode, p, R, M, <float*> a + i * M, <float*> b + batch * R * M, <float*> dist + i * R,
                             <float*> g + i * R, <float*> to + i * M)
    else:
        cg_distance_pull_f64(mode, p, R, M, <double*> a + i * M, <double*> b + batch * R * M, <double*> dist + i * R,
                             <double*> g + i * R, <double*> to + i * M)


cpdef int distances_gradient(Tensor out, Tensor a, Tensor b, Tensor dist, Tensor g, double p) except -1:
    cdef Region region
    cdef Py_ssize_t P = a.sizes[a.nd - 2], R = b.sizes[b.nd - 2], M = a.sizes[a.nd - 1], rows, i
    cdef int mode = mode_of(p), parts = num_threads(), dt = a.dt
    a, b, dist, g = plain(a), plain(b), plain(dist), plain(g)
    cdef char* pa = data_of(a)
    cdef char* pb = data_of(b)
    cdef char* pd = data_of(dist)
    cdef char* pg = data_of(g)
    cdef char* to = data_of(out)
    rows = out.count // M
    if parts == 1 or rows * R * M < GRAIN:
        with nogil:
            for i in range(rows):
                pull_row(dt, mode, p, i, P, R, M, pa, pb, pd, pg, to)
    else:
        open_region(&region, parts)
        for i in prange(rows, nogil=True, num_threads=region.n, schedule="static"):
            pull_row(dt, mode, p, i, P, R, M, pa, pb, pd, pg, to)
            end_part(&region)
        close_region(&region)
    return 0
