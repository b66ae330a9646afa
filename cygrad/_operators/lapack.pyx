"""Factorisations and solvers by LAPACK, one matrix of a batch after the other, on one thread.

Design
------
* Functions take tensors in host memory, outside the graph, of one dtype (float, double and their complex fellows), and
  return new tensors.  Shapes are checked by the callers in `linalg/`; batch dimensions of several operands are equal.
* LAPACK is column-major.  `packed` copies a batch with its last two dimensions exchanged, LAPACK works on the copy in
  place, and `unpacked` exchanges them back as a view: one copy, and results are column-major, as PyTorch's are.
* Matrices without elements never reach LAPACK.
* Not-a-number makes some iterations of LAPACK run forever or fail in ways of their own; matrices with such elements are
  found first (`finite`) where that matters: their info is NOT_FINITE.
* `_kernels/lapack.h` has the names of the routines by kind of element.
"""
from libc.math cimport NAN, fabs, isfinite, isnan
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from cygrad._kernels import matmul as _matmul  # no-cython-lint: sets OpenBLAS to one thread
from cygrad._core cimport CDOUBLE, CFLOAT, FLOAT, INT32, MAX_DIMS, Tensor, data_of, itemsize_of, new_tensor, raw_view
from cygrad._kernels.copies cimport plain
from cygrad._ops cimport copy_into

cdef extern from "_kernels/lapack.h" nogil:
    int cg_getrf(int, int, int, void*, int*)
    int cg_getrs(int, char, int, int, void*, int*, void*)
    int cg_potrf(int, char, int, void*)
    int cg_potri(int, char, int, void*)
    int cg_potrs(int, char, int, int, void*, void*)
    int cg_sytrf(int, int, int, void*, int*)
    int cg_sytrs(int, int, int, int, void*, int*, void*)
    int CG_BLOCK
    int cg_geqrf(int, int, int, void*, void*, void*)
    int cg_orgqr(int, int, int, int, void*, void*, void*)
    int cg_ormqr(int, char, char, int, int, int, void*, int, void*, void*)
    int cg_gesdd(int, char, int, int, void*, void*, void*, void*, int)
    int cg_wide_svd(int, int, int, int, void*, void*, void*, void*, void*)
    int cg_syevd(int, char, char, int, void*, void*)
    int cg_sytrd(int, char, int, void*, void*, void*, void*)
    int cg_orgtr(int, char, int, void*, void*)
    int cg_steqr(int, int, void*, void*, void*)
    int cg_eig(int, int, void*, void*, void*, void*, void*)
    int cg_geev(int, char, int, void*, void*, void*, void*)
    int cg_gels(int, int, int, int, void*, void*, int)
    int cg_gelsx(int, char, int, int, int, void*, void*, int, void*, int*, double, int*)
    void cg_trsm(int, int, int, int, int, int, void*, void*)
    void scipy_LAPACKE_set_nancheck(int)

scipy_LAPACKE_set_nancheck(0)           # a NaN is a value like others, except where `finite` is asked

NOT_FINITE = -1


cdef int kind_of(Tensor t) except -1:
    """The kind of element as `_kernels/lapack.h` counts."""
    if FLOAT <= t.dt <= CDOUBLE:
        return t.dt - FLOAT
    raise NotImplementedError(f"LAPACK has no {t.dtype}")


cdef int real_of(Tensor t) noexcept:
    """The dtype of singular values and of eigenvalues of Hermitian matrices."""
    return t.dt if t.dt < CFLOAT else t.dt - 2


cdef Tensor shaped_as(Tensor t, int keep, tuple tail, int dt):
    """A new tensor with the first `keep` sizes of t, then those of `tail`."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i, nd = keep + <int> len(tail)
    for i in range(keep):
        sizes[i] = t.sizes[i]
    for i in range(keep, nd):
        sizes[i] = tail[i - keep]
        if sizes[i] > 0x7fffffff:
            raise RuntimeError("cygrad: a matrix dimension above 2**31 - 1 is not supported by the LAPACK interface")
    return new_tensor(nd, sizes, dt, 0)


cdef Tensor unpacked(Tensor t):
    """The last two dimensions exchanged, outside the graph."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    for i in range(t.nd):
        sizes[i], strides[i] = t.sizes[i], t.strides[i]
    sizes[t.nd - 2], sizes[t.nd - 1] = t.sizes[t.nd - 1], t.sizes[t.nd - 2]
    strides[t.nd - 2], strides[t.nd - 1] = t.strides[t.nd - 1], t.strides[t.nd - 2]
    return raw_view(t, t.nd, sizes, strides, t.offset)


cdef Tensor packed(Tensor t):
    """A column-major copy of a batch of matrices (..., m, n), as a tensor (..., n, m)."""
    cdef Tensor r = shaped_as(t, t.nd - 2, (t.sizes[t.nd - 1], t.sizes[t.nd - 2]), t.dt)
    copy_into(r, unpacked(t))
    return r


cdef Py_ssize_t batch_of(Tensor t, int tail) noexcept:
    """The number of matrices (tail 2) or vectors (tail 1)."""
    cdef Py_ssize_t n = 1
    cdef int i
    for i in range(t.nd - tail):
        n *= t.sizes[i]
    return n


cdef Tensor infos(Tensor a):
    cdef Tensor r = shaped_as(a, a.nd - 2, (), INT32)
    memset(data_of(r), 0, r.count * sizeof(int))
    return r


cdef bint finite(int kind, const char* p, Py_ssize_t n) noexcept nogil:
    """Whether n elements are all finite."""
    cdef Py_ssize_t i
    if kind >= 2:
        n *= 2
    if kind % 2:
        for i in range(n):
            if not isfinite((<const double*> p)[i]):
                return False
    else:
        for i in range(n):
            if not isfinite((<const float*> p)[i]):
                return False
    return True


cdef void fill_nan(int kind, char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if kind >= 2:
        n *= 2
    if kind % 2:
        for i in range(n):
            (<double*> p)[i] = NAN
    else:
        for i in range(n):
            (<float*> p)[i] = <float> NAN


# ------------------------------------------------------------------ LU

def getrf(Tensor a not None):
    """(LU, pivots, info) of (..., m, n); pivots count from 1."""
    cdef Py_ssize_t m = a.sizes[a.nd - 2], n = a.sizes[a.nd - 1], k = min(m, n), i, batch = batch_of(a, 2)
    cdef int kind = kind_of(a)
    cdef Tensor lu = packed(a), pivots = shaped_as(a, a.nd - 2, (k,), INT32), info = infos(a)
    cdef char* x = data_of(lu)
    cdef int* p = <int*> data_of(pivots)
    cdef int* bad = <int*> data_of(info)
    cdef Py_ssize_t step = m * n * itemsize_of(a.dt)
    if k:
        with nogil:
            for i in range(batch):
                bad[i] = cg_getrf(kind, <int> m, <int> n, x + i * step, p + i * k)
    return unpacked(lu), pivots, info


def getrs(Tensor lu not None, Tensor pivots not None, Tensor b not None, str trans="N"):
    """X of A X = B for (..., n, n) and (..., n, k); trans "T" and "C" solve with A's transpose and adjoint."""
    cdef Py_ssize_t n = b.sizes[b.nd - 2], k = b.sizes[b.nd - 1], i, batch = batch_of(b, 2)
    cdef int kind = kind_of(b)
    cdef Tensor factors = packed(lu), x = packed(b), p = plain(pivots)
    cdef char* to = data_of(x)
    cdef char* from_ = data_of(factors)
    cdef int* at = <int*> data_of(p)
    cdef char flag = ord(trans)
    cdef Py_ssize_t size = itemsize_of(b.dt)
    if n and k:
        with nogil:
            for i in range(batch):
                cg_getrs(kind, flag, <int> n, <int> k, from_ + i * n * n * size, at + i * n, to + i * n * k * size)
    return unpacked(x)


# ------------------------------------------------------------------ Cholesky and LDL

cdef Py_ssize_t first_nan(int kind, const char* p, Py_ssize_t n) noexcept nogil:
    """The place, from 1, of the first NaN on the diagonal of a matrix; 0 where there is none."""
    cdef Py_ssize_t i, at
    cdef bint bad
    for i in range(n):
        at = i * (n + 1) * (2 if kind >= 2 else 1)
        bad = isnan((<const double*> p)[at]) if kind % 2 else isnan((<const float*> p)[at])
        if bad:
            return i + 1
    return 0


def potrf(Tensor a not None, bint upper):
    """(L, info), or (U, info); the other triangle is as it was."""
    cdef Py_ssize_t n = a.sizes[a.nd - 1], i, batch = batch_of(a, 2), step = n * n * itemsize_of(a.dt)
    cdef int kind = kind_of(a)
    cdef Tensor r = packed(a), info = infos(a)
    cdef char* x = data_of(r)
    cdef int* bad = <int*> data_of(info)
    cdef char uplo = c"U" if upper else c"L"
    if n:
        with nogil:
            for i in range(batch):
                bad[i] = cg_potrf(kind, uplo, <int> n, x + i * step)
                if bad[i] == 0:         # OpenBLAS lets NaN pass
                    bad[i] = <int> first_nan(kind, x + i * step, n)
    return unpacked(r), info


def potri(Tensor a not None, bint upper):
    """(inverse of the matrix that `a` is the factor of, info); one triangle of it is computed."""
    cdef Py_ssize_t n = a.sizes[a.nd - 1], i, batch = batch_of(a, 2), step = n * n * itemsize_of(a.dt)
    cdef int kind = kind_of(a)
    cdef Tensor r = packed(a), info = infos(a)
    cdef char* x = data_of(r)
    cdef int* bad = <int*> data_of(info)
    cdef char uplo = c"U" if upper else c"L"
    if n:
        with nogil:
            for i in range(batch):
                bad[i] = cg_potri(kind, uplo, <int> n, x + i * step)
    return unpacked(r), info


def potrs(Tensor a not None, Tensor b not None, bint upper):
    """X of L L^H X = B, or U^H U X = B."""
    cdef Py_ssize_t n = b.sizes[b.nd - 2], k = b.sizes[b.nd - 1], i, batch = batch_of(b, 2)
    cdef Py_ssize_t size = itemsize_of(b.dt)
    cdef int kind = kind_of(b)
    cdef Tensor factor = packed(a), x = packed(b)
    cdef char* to = data_of(x)
    cdef char* from_ = data_of(factor)
    cdef char uplo = c"U" if upper else c"L"
    if n and k:
        with nogil:
            for i in range(batch):
                cg_potrs(kind, uplo, <int> n, <int> k, from_ + i * n * n * size, to + i * n * k * size)
    return unpacked(x)


def sytrf(Tensor a not None, bint hermitian):
    """(LD, pivots, info) of symmetric, or Hermitian, matrices of which the lower triangle is read."""
    cdef Py_ssize_t n = a.sizes[a.nd - 1], i, batch = batch_of(a, 2), step = n * n * itemsize_of(a.dt)
    cdef int kind = kind_of(a)
    cdef Tensor r = packed(a), pivots = shaped_as(a, a.nd - 2, (n,), INT32), info = infos(a)
    cdef char* x = data_of(r)
    cdef int* p = <int*> data_of(pivots)
    cdef int* bad = <int*> data_of(info)
    if n:
        with nogil:
            for i in range(batch):
                bad[i] = cg_sytrf(kind, hermitian, <int> n, x + i * step, p + i * n)
    return unpacked(r), pivots, info


cdef bint sound_pivots(const int* p, Py_ssize_t n) noexcept nogil:
    """Whether the n pivots of one matrix are of rows that exist, negative ones in pairs: sytrs reads by them."""
    cdef Py_ssize_t i = 0
    while i < n:
        if p[i] == 0 or p[i] > n or p[i] < -n:
            return False
        if p[i] < 0:
            i += 1
            if i == n or p[i] >= 0 or p[i] < -n:
                return False
        i += 1
    return True


def sytrs(Tensor ld not None, Tensor pivots not None, Tensor b not None, bint hermitian):
    """X of A X = B by the factors of `sytrf`."""
    cdef Py_ssize_t n = b.sizes[b.nd - 2], k = b.sizes[b.nd - 1], i, batch = batch_of(b, 2)
    cdef Py_ssize_t size = itemsize_of(b.dt)
    cdef int kind = kind_of(b)
    cdef Tensor factor = packed(ld), x = packed(b), p = plain(pivots)
    cdef char* to = data_of(x)
    cdef char* from_ = data_of(factor)
    cdef int* at = <int*> data_of(p)
    for i in range(batch):
        if not sound_pivots(at + i * n, n):
            raise RuntimeError("Pivots given to ldl_solve must all satisfy |pivot| <= LD.size(-2). Did you properly "
                               "pass the result of ldl_factor?")
    if n and k:
        with nogil:
            for i in range(batch):
                cg_sytrs(kind, hermitian, <int> n, <int> k, from_ + i * n * n * size, at + i * n,
                         to + i * n * k * size)
    return unpacked(x)


def trsm(Tensor a not None, Tensor b not None, bint upper, bint left, bint unit):
    """X of A X = B, or of X A = B where not left; A is triangular."""
    cdef Py_ssize_t m = b.sizes[b.nd - 2], n = b.sizes[b.nd - 1], k = m if left else n, i, batch = batch_of(b, 2)
    cdef Py_ssize_t size = itemsize_of(b.dt)
    cdef int kind = kind_of(b)
    cdef Tensor factor = packed(a), x = packed(b)
    cdef char* to = data_of(x)
    cdef char* from_ = data_of(factor)
    if m and n:
        with nogil:
            for i in range(batch):
                cg_trsm(kind, left, upper, unit, <int> m, <int> n, from_ + i * k * k * size, to + i * m * n * size)
    return unpacked(x)


# ------------------------------------------------------------------ QR

def geqrf(Tensor a not None):
    """(reflectors below R, tau) of (..., m, n)."""
    cdef Py_ssize_t m = a.sizes[a.nd - 2], n = a.sizes[a.nd - 1], k = min(m, n), i, batch = batch_of(a, 2)
    cdef Py_ssize_t size = itemsize_of(a.dt)
    cdef int kind = kind_of(a)
    cdef Tensor r = packed(a), tau = shaped_as(a, a.nd - 2, (k,), a.dt)
    cdef char* x = data_of(r)
    cdef char* t = data_of(tau)
    cdef char* work = <char*> malloc(CG_BLOCK * n * size + 1)
    if work == NULL:
        raise MemoryError()
    if k:
        with nogil:
            for i in range(batch):
                cg_geqrf(kind, <int> m, <int> n, x + i * m * n * size, t + i * k * size, work)
    free(work)
    return unpacked(r), tau


def orgqr(Tensor a not None, Tensor tau not None, Py_ssize_t columns):
    """The first `columns` columns of the product of the reflectors in (..., m, n) with (..., k) factors."""
    cdef Py_ssize_t m = a.sizes[a.nd - 2], n = a.sizes[a.nd - 1], k = tau.sizes[tau.nd - 1], i
    cdef Py_ssize_t batch = batch_of(a, 2), size = itemsize_of(a.dt), kept = min(n, columns)
    cdef int kind = kind_of(a)
    cdef Tensor from_ = packed(a), factors = plain(tau), r = shaped_as(a, a.nd - 2, (columns, m), a.dt)
    cdef char* x = data_of(from_)
    cdef char* t = data_of(factors)
    cdef char* to = data_of(r)
    cdef char* work = <char*> malloc(CG_BLOCK * columns * size + 1)
    if work == NULL:
        raise MemoryError()
    memset(to, 0, r.count * size)
    if m and columns:
        with nogil:
            for i in range(batch):
                memcpy(to + i * m * columns * size, x + i * m * n * size, m * kept * size)
                cg_orgqr(kind, <int> m, <int> columns, <int> k, to + i * m * columns * size, t + i * k * size,
                         work)
    free(work)
    return unpacked(r)


def ormqr(Tensor a not None, Tensor tau not None, Tensor c not None, bint left, bint transpose):
    """Q C, C Q, and with Q's adjoint, for the square Q that the reflectors in (..., m, k) make."""
    cdef Py_ssize_t rows = a.sizes[a.nd - 2], width = a.sizes[a.nd - 1], k = tau.sizes[tau.nd - 1]
    cdef Py_ssize_t m = c.sizes[c.nd - 2], n = c.sizes[c.nd - 1], i, batch = batch_of(c, 2), size = itemsize_of(c.dt)
    cdef int kind = kind_of(c)
    cdef Tensor from_ = packed(a), factors = plain(tau), r = packed(c)
    cdef char* x = data_of(from_)
    cdef char* t = data_of(factors)
    cdef char* to = data_of(r)
    cdef char side = c"L" if left else c"R"
    cdef char trans = c"N" if not transpose else c"C" if kind >= 2 else c"T"
    if m and n and k:
        with nogil:
            for i in range(batch):
                cg_ormqr(kind, side, trans, <int> m, <int> n, <int> k, x + i * rows * width * size, <int> rows,
                         t + i * k * size, to + i * m * n * size)
    return unpacked(r)


# ------------------------------------------------------------------ spectra

cdef bint moderate(int kind, const char* p, Py_ssize_t n) noexcept nogil:
    """Whether squares of n real elements neither overflow nor all vanish: gesdd scales others."""
    cdef double most = 0
    cdef Py_ssize_t i
    for i in range(n):
        most = max(most, fabs((<const double*> p)[i] if kind else (<const float*> p)[i]))
    return 1e-100 < most < 1e100 if kind else 1e-12 < most < 1e12


def gesdd(Tensor a not None, str job, bint plain_wide=False):
    """(U, S, V^H, info) of (..., m, n), neither 0; job "A" all vectors, "S" the first min(m, n), "N" none.

    plain_wide: real matrices with m < n never go by way of their LQ factors, which would give other signs.
    """
    cdef Py_ssize_t m = a.sizes[a.nd - 2], n = a.sizes[a.nd - 1], k = min(m, n), i, batch = batch_of(a, 2)
    cdef Py_ssize_t size = itemsize_of(a.dt)
    cdef Py_ssize_t columns = m if job == "A" else k if job == "S" else 0
    cdef Py_ssize_t rows = n if job == "A" else k if job == "S" else 0
    cdef int kind = kind_of(a)
    cdef char flag = ord(job)
    cdef Tensor x = packed(a), info = infos(a), s = shaped_as(a, a.nd - 2, (k,), real_of(a))
    cdef Tensor u = shaped_as(a, a.nd - 2, (columns, m), a.dt), v = shaped_as(a, a.nd - 2, (n, rows), a.dt)
    cdef char* px = data_of(x)
    cdef char* ps = data_of(s)
    cdef char* pu = data_of(u)
    cdef char* pv = data_of(v)
    cdef int* bad = <int*> data_of(info)
    cdef Py_ssize_t real_size = itemsize_of(s.dt)
    cdef char* work = NULL
    if plain_wide and kind < 2 and m < n and rows:
        work = <char*> malloc((4 * m + m * m) * size)
        if work == NULL:
            raise MemoryError()
    with nogil:
        for i in range(batch):
            if not finite(kind, px + i * m * n * size, m * n):
                bad[i] = -1
                continue
            if work != NULL and moderate(kind, px + i * m * n * size, m * n):
                bad[i] = cg_wide_svd(kind, <int> m, <int> n, <int> rows, px + i * m * n * size, ps + i * k * real_size,
                                     pu + i * m * columns * size, pv + i * n * rows * size, work)
                continue
            bad[i] = cg_gesdd(kind, flag, <int> m, <int> n, px + i * m * n * size, ps + i * k * real_size,
                              pu + i * m * columns * size, pv + i * n * rows * size, <int> max(rows, 1))
    free(work)
    return unpacked(u), s, unpacked(v), info


cdef enum:
    SMALL = 25                  # up to here syevd does not divide and conquer


cdef bint small_spectrum(int kind, char uplo, int n, char* a, char* w, char* work) noexcept nogil:
    """Eigenvalues w and eigenvectors, in place of a, of a small matrix, by `cg_steqr`; False: `a` is as it was."""
    cdef Py_ssize_t item = 4 << (kind % 2)
    cdef Py_ssize_t size = n * n * item * (2 if kind >= 2 else 1)
    if not moderate(kind % 2, a, size // item):
        return False
    memcpy(work, a, size)
    cdef char* e = work + size
    cdef char* tau = e + n * item
    if (cg_sytrd(kind, uplo, n, a, w, e, tau) == 0 and cg_orgtr(kind, uplo, n, a, tau) == 0
            and cg_steqr(kind, n, w, e, a) == 0):
        return True
    memcpy(a, work, size)
    return False


def syevd(Tensor a not None, bint upper, bint vectors):
    """(eigenvalues, eigenvectors or None, info) of symmetric, or Hermitian, matrices of which one triangle is read."""
    cdef Py_ssize_t n = a.sizes[a.nd - 1], i, batch = batch_of(a, 2), step = n * n * itemsize_of(a.dt)
    cdef int kind = kind_of(a)
    cdef Tensor v = packed(a), info = infos(a), w = shaped_as(a, a.nd - 2, (n,), real_of(a))
    cdef char* x = data_of(v)
    cdef char* to = data_of(w)
    cdef int* bad = <int*> data_of(info)
    cdef char job = c"V" if vectors else c"N", uplo = c"U" if upper else c"L"
    cdef Py_ssize_t real_size = itemsize_of(w.dt)
    cdef char* work = NULL
    if vectors and n <= SMALL:
        work = <char*> malloc(step + 3 * n * itemsize_of(a.dt) + 1)
        if work == NULL:
            raise MemoryError()
    if n:
        with nogil:
            for i in range(batch):
                if finite(kind, x + i * step, n * n):
                    if work != NULL and small_spectrum(kind, uplo, <int> n, x + i * step, to + i * n * real_size,
                                                       work):
                        continue
                    bad[i] = cg_syevd(kind, job, uplo, <int> n, x + i * step, to + i * n * real_size)
                else:
                    fill_nan(kind, x + i * step, n * n)
                    fill_nan(kind % 2, to + i * n * real_size, n)
    free(work)
    return w, unpacked(v) if vectors else None, info


ctypedef fused real:
    float
    double


cdef void join_pairs(Py_ssize_t n, const real* re, const real* im, const real* v, real* w, real* to) noexcept nogil:
    """geev's real arrays as complex ones: a conjugate pair has the vectors v[j] + i v[j + 1] and v[j] - i v[j + 1]."""
    cdef Py_ssize_t i, j
    cdef real sign
    cdef const real* x
    for j in range(n):
        w[2 * j], w[2 * j + 1] = re[j], im[j]
    if to == NULL:
        return
    for j in range(n):
        sign = 1 if im[j] > 0 else -1 if im[j] < 0 else 0
        x = v + (j - 1 if sign < 0 else j) * n
        for i in range(n):
            to[2 * (j * n + i)] = x[i]
            to[2 * (j * n + i) + 1] = sign * x[n + i] if sign else 0


def geev(Tensor a not None, bint vectors):
    """(eigenvalues, eigenvectors or None, info) of finite matrices; of real ones as real tensors (..., n, 2) and
    (..., n, n, 2) of real and imaginary parts.
    """
    cdef Py_ssize_t n = a.sizes[a.nd - 1], i, batch = batch_of(a, 2), size = itemsize_of(a.dt)
    cdef int kind = kind_of(a), parts = 1 if kind >= 2 else 2
    cdef tuple tail = () if kind >= 2 else (2,)
    cdef Tensor x = packed(a), info = infos(a), w = shaped_as(a, a.nd - 2, (n, *tail), a.dt)
    cdef Tensor v = shaped_as(a, a.nd - 2, (n, n, *tail), a.dt) if vectors else None
    cdef char* px = data_of(x)
    cdef char* pw = data_of(w)
    cdef char* pv = data_of(v) if vectors else NULL
    cdef int* bad = <int*> data_of(info)
    cdef char job = c"V" if vectors else c"N"
    cdef char* work = <char*> malloc((n * n + 4 * n + 1) * size)
    cdef char* to
    if work == NULL:
        raise MemoryError()
    if n:
        with nogil:
            for i in range(batch):
                to = pv + i * n * n * size * parts if vectors else NULL
                if kind >= 2:
                    bad[i] = cg_geev(kind, job, <int> n, px + i * n * n * size, pw + i * n * size, NULL,
                                     to if vectors else work)
                    continue
                if vectors and moderate(kind, px + i * n * n * size, n * n):
                    bad[i] = cg_eig(kind, <int> n, px + i * n * n * size, work, work + n * size, work + 2 * n * size,
                                    work + (n * n + 2 * n) * size)
                else:
                    bad[i] = cg_geev(kind, job, <int> n, px + i * n * n * size, work, work + n * size,
                                     work + 2 * n * size)
                if kind == 0:
                    join_pairs[float](n, <float*> work, <float*> work + n, <float*> work + 2 * n,
                                      <float*> pw + 2 * i * n, <float*> to)
                else:
                    join_pairs[double](n, <double*> work, <double*> work + n, <double*> work + 2 * n,
                                       <double*> pw + 2 * i * n, <double*> to)
    free(work)
    return w, v, info


# ------------------------------------------------------------------ least squares

def gels(Tensor a not None, Tensor b not None, str driver, double rcond):
    """(X (..., max(m, n), k), rank, singular values, info) of min |A X - B|; no size is 0.

    Drivers: "gels" (full rank, by QR), "gelsy" (pivoted QR), "gelsd" and "gelss" (SVD).  The first n rows of X are the
    solution, the others hold what is left of B.
    """
    cdef Py_ssize_t m = a.sizes[a.nd - 2], n = a.sizes[a.nd - 1], k = b.sizes[b.nd - 1], i, batch = batch_of(a, 2)
    cdef Py_ssize_t size = itemsize_of(a.dt), high = max(m, n), low = min(m, n)
    cdef int kind = kind_of(a)
    cdef char which = ord(driver[len(driver) - 1]) if driver != "gels" else 0
    cdef Tensor x = shaped_as(b, b.nd - 2, (high, k), b.dt), r, f = packed(a), info = infos(a), rank = infos(a)
    cdef Tensor s = shaped_as(a, a.nd - 2, (low,), real_of(a)), pivots = shaped_as(a, 0, (n,), INT32)
    memset(data_of(x), 0, x.count * size)
    copy_into(_rows(x, m), b)
    r = packed(x)
    cdef char* pa = data_of(f)
    cdef char* px = data_of(r)
    cdef char* ps = data_of(s)
    cdef int* bad = <int*> data_of(info)
    cdef int* ranks = <int*> data_of(rank)
    cdef int* free_columns = <int*> data_of(pivots)
    cdef Py_ssize_t real_size = itemsize_of(s.dt)
    with nogil:
        for i in range(batch):
            if which == 0:
                bad[i] = cg_gels(kind, <int> m, <int> n, <int> k, pa + i * m * n * size, px + i * high * k * size,
                                 <int> high)
                continue
            memset(free_columns, 0, n * sizeof(int))
            if not finite(kind, pa + i * m * n * size, m * n):
                bad[i] = -1
                continue
            bad[i] = cg_gelsx(kind, which, <int> m, <int> n, <int> k, pa + i * m * n * size,
                              px + i * high * k * size, <int> high, ps + i * low * real_size, free_columns, rcond,
                              ranks + i)
    return unpacked(r), rank, s, info


cdef Tensor _rows(Tensor t, Py_ssize_t m):
    """The first m rows of a batch of matrices, outside the graph."""
    cdef Tensor r = raw_view(t, t.nd, t.sizes, t.strides, t.offset)
    r.sizes[t.nd - 2] = m
    return raw_view(t, r.nd, r.sizes, r.strides, r.offset)
