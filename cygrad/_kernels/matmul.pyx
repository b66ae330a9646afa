# cython: allow_none_for_extension_args=False
"""Matrix products on the CPU.

Design
------
* Float, double and complex go to OpenBLAS at one thread; a product of more than PARALLEL multiply-adds is cut into row
  or column panels under our own OpenMP team, so one pool of threads serves the whole library (OpenBLAS's own threads
  were slower between 128 and 512, and a second pool fights the first).  With one thread no OpenMP region is entered:
  forked workers rely on it.
* A transposed or sliced operand is read in place by flag and leading dimension; only what BLAS cannot say is copied.
* A batch is a list of offsets per operand, so broadcast operands are never expanded.
* Half and bfloat16 are widened to float and the result rounded; integers have loops of their own.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport malloc, free
from libc.string cimport memset, memcpy

from cygrad._core cimport (
    UINT8, INT8, INT16, INT32, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE, MAX_DIMS, Tensor, data_of, itemsize_of,
    new_tensor,
)
from cygrad._kernels.copies cimport as_float, plain
from cygrad._ops cimport copy_into
from cygrad._threads cimport Region, close_region, end_part, num_threads, open_region

cdef extern from "cblas.h" nogil:
    ctypedef enum CBLAS_ORDER:
        CblasRowMajor
    ctypedef enum CBLAS_TRANSPOSE:
        CblasNoTrans
        CblasTrans
    void scipy_cblas_sgemm(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float, const float*, int,
                           const float*, int, float, float*, int)
    void scipy_cblas_dgemm(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, double, const double*, int,
                           const double*, int, double, double*, int)
    void scipy_cblas_cgemm(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, const void*, const void*, int,
                           const void*, int, const void*, void*, int)
    void scipy_cblas_zgemm(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, const void*, const void*, int,
                           const void*, int, const void*, void*, int)
    void scipy_cblas_sgemv(CBLAS_ORDER, CBLAS_TRANSPOSE, int, int, float, const float*, int, const float*, int, float,
                           float*, int)
    void scipy_cblas_dgemv(CBLAS_ORDER, CBLAS_TRANSPOSE, int, int, double, const double*, int, const double*, int,
                           double, double*, int)
    float scipy_cblas_sdot(int, const float*, int, const float*, int)
    double scipy_cblas_ddot(int, const double*, int, const double*, int)
    void scipy_openblas_set_num_threads(int)

cdef extern from "_kernels/matmul.h" nogil:
    void cg_gemm_u8(Py_ssize_t, Py_ssize_t, Py_ssize_t, long long, const unsigned char*, Py_ssize_t, Py_ssize_t,
                    const unsigned char*, Py_ssize_t, Py_ssize_t, long long, unsigned char*, Py_ssize_t)
    void cg_gemm_i8(Py_ssize_t, Py_ssize_t, Py_ssize_t, long long, const signed char*, Py_ssize_t, Py_ssize_t,
                    const signed char*, Py_ssize_t, Py_ssize_t, long long, signed char*, Py_ssize_t)
    void cg_gemm_i16(Py_ssize_t, Py_ssize_t, Py_ssize_t, long long, const short*, Py_ssize_t, Py_ssize_t,
                     const short*, Py_ssize_t, Py_ssize_t, long long, short*, Py_ssize_t)
    void cg_gemm_i32(Py_ssize_t, Py_ssize_t, Py_ssize_t, long long, const int*, Py_ssize_t, Py_ssize_t,
                     const int*, Py_ssize_t, Py_ssize_t, long long, int*, Py_ssize_t)
    void cg_gemm_i64(Py_ssize_t, Py_ssize_t, Py_ssize_t, long long, const int64_t*, Py_ssize_t, Py_ssize_t,
                     const int64_t*, Py_ssize_t, Py_ssize_t, long long, int64_t*, Py_ssize_t)
    void cg_column_sum_f32(Py_ssize_t, Py_ssize_t, const float*, float*)
    void cg_column_sum_f64(Py_ssize_t, Py_ssize_t, const double*, double*)

cdef enum:
    PANEL = 256                 # rows or columns of a panel, at least, where there are more than two

scipy_openblas_set_num_threads(1)


cdef bint describe(Tensor t, Matrix* m) noexcept:
    """Whether BLAS can read the last two dimensions of `t` where they are."""
    cdef Py_ssize_t rows = t.sizes[t.nd - 2], cols = t.sizes[t.nd - 1]
    cdef Py_ssize_t sr = t.strides[t.nd - 2], sc = t.strides[t.nd - 1]
    m.at = data_of(t)
    m.transposed = False
    if (sc == 1 or cols <= 1) and (rows <= 1 or sr >= (cols if cols > 0 else 1)):
        m.ld = sr if rows > 1 else (cols if cols > 0 else 1)
        return True
    if (sr == 1 or rows <= 1) and (cols <= 1 or sc >= (rows if rows > 0 else 1)):
        m.transposed = True
        m.ld = sc if cols > 1 else (rows if rows > 0 else 1)
        return True
    return False


cdef Tensor readable(Tensor t, Matrix* m):
    if describe(t, m) and m.ld < 0x7fffffff:
        return t
    t = dense_copy(t)
    describe(t, m)
    return t


cdef Tensor dense_copy(Tensor t):
    cdef Tensor r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return r


cdef void blas(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha,
               double beta, char* c, Py_ssize_t ldc) noexcept nogil:
    """c = alpha * a @ b + beta * c, serial."""
    cdef Py_ssize_t ar, ac, br, bc
    cdef float[4] single
    cdef double[4] wide
    if m == 0 or n == 0:
        return
    if dt == FLOAT:
        scipy_cblas_sgemm(CblasRowMajor, CblasTrans if a.transposed else CblasNoTrans,
                          CblasTrans if b.transposed else CblasNoTrans, <int> m, <int> n, <int> k, <float> alpha,
                          <const float*> a.at, <int> a.ld, <const float*> b.at, <int> b.ld, <float> beta,
                          <float*> c, <int> ldc)
        return
    if dt == DOUBLE:
        scipy_cblas_dgemm(CblasRowMajor, CblasTrans if a.transposed else CblasNoTrans,
                          CblasTrans if b.transposed else CblasNoTrans, <int> m, <int> n, <int> k, alpha,
                          <const double*> a.at, <int> a.ld, <const double*> b.at, <int> b.ld, beta,
                          <double*> c, <int> ldc)
        return
    if dt == CFLOAT:
        single[0], single[1], single[2], single[3] = <float> alpha, 0, <float> beta, 0
        scipy_cblas_cgemm(CblasRowMajor, CblasTrans if a.transposed else CblasNoTrans,
                          CblasTrans if b.transposed else CblasNoTrans, <int> m, <int> n, <int> k, single, a.at,
                          <int> a.ld, b.at, <int> b.ld, single + 2, c, <int> ldc)
        return
    if dt == CDOUBLE:
        wide[0], wide[1], wide[2], wide[3] = alpha, 0, beta, 0
        scipy_cblas_zgemm(CblasRowMajor, CblasTrans if a.transposed else CblasNoTrans,
                          CblasTrans if b.transposed else CblasNoTrans, <int> m, <int> n, <int> k, wide, a.at,
                          <int> a.ld, b.at, <int> b.ld, wide + 2, c, <int> ldc)
        return
    ar, ac = 1 if a.transposed else a.ld, a.ld if a.transposed else 1
    br, bc = 1 if b.transposed else b.ld, b.ld if b.transposed else 1
    if dt == UINT8:
        cg_gemm_u8(m, n, k, <long long> alpha, <unsigned char*> a.at, ar, ac, <unsigned char*> b.at, br, bc,
                   <long long> beta, <unsigned char*> c, ldc)
    elif dt == INT8:
        cg_gemm_i8(m, n, k, <long long> alpha, <signed char*> a.at, ar, ac, <signed char*> b.at, br, bc,
                   <long long> beta, <signed char*> c, ldc)
    elif dt == INT16:
        cg_gemm_i16(m, n, k, <long long> alpha, <short*> a.at, ar, ac, <short*> b.at, br, bc,
                    <long long> beta, <short*> c, ldc)
    elif dt == INT32:
        cg_gemm_i32(m, n, k, <long long> alpha, <int*> a.at, ar, ac, <int*> b.at, br, bc,
                    <long long> beta, <int*> c, ldc)
    else:
        cg_gemm_i64(m, n, k, <long long> alpha, <int64_t*> a.at, ar, ac, <int64_t*> b.at, br, bc,
                    <long long> beta, <int64_t*> c, ldc)


cdef void panel(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha,
                double beta, char* c, Py_ssize_t ldc, bint by_rows, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Rows or columns [lo, hi) of the product."""
    cdef Matrix part
    cdef Py_ssize_t size = itemsize_of(dt)
    if hi <= lo:
        return
    if by_rows:
        part = a[0]
        part.at += (lo if a.transposed else lo * a.ld) * size
        blas(dt, &part, b, hi - lo, n, k, alpha, beta, c + lo * ldc * size, ldc)
    else:
        part = b[0]
        part.at += (lo * b.ld if b.transposed else lo) * size
        blas(dt, a, &part, m, hi - lo, k, alpha, beta, c + lo * size, ldc)


cdef int panels_of(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Into how many panels a product is cut: by its shape, never by the number of threads, since BLAS chooses its
    kernel, and with it the order of sums, by the shape of what it is given."""
    cdef Py_ssize_t total = m if m >= n else n
    cdef int panels = 1
    if m * n * k < PARALLEL or total <= 16:
        return 1
    while panels * PARALLEL <= m * n * k and (panels == 1 or total >= 2 * panels * PANEL):
        panels *= 2
    return panels


cdef void parallel_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        double alpha, double beta, char* c, Py_ssize_t ldc) noexcept nogil:
    """c = alpha * a @ b + beta * c, on as many threads as there may be and as pay."""
    gemm_of_threads(dt, a, b, m, n, k, alpha, beta, c, ldc, num_threads())


cdef void gemm_of_threads(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                          double alpha, double beta, char* c, Py_ssize_t ldc, int nt) noexcept nogil:
    cdef Region region
    cdef int panels = panels_of(m, n, k), i
    cdef bint by_rows = m >= n
    cdef Py_ssize_t total = m if by_rows else n
    cdef Py_ssize_t step = ((total + panels - 1) // panels + 15) // 16 * 16     # whole vectors and register blocks
    if nt > panels:
        nt = panels
    if nt == 1:
        for i in range(panels):
            panel(dt, a, b, m, n, k, alpha, beta, c, ldc, by_rows, i * step, min(total, (i + 1) * step))
        return
    open_region(&region, nt)
    for i in prange(panels, num_threads=region.n, schedule="static", nogil=True):
        panel(dt, a, b, m, n, k, alpha, beta, c, ldc, by_rows, i * step, min(total, (i + 1) * step))
        end_part(&region)
    close_region(&region)


cdef void one_of_batch(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       double alpha, double beta, char* c, const Py_ssize_t* at, Py_ssize_t i, int nt) noexcept nogil:
    cdef Matrix x = a[0], y = b[0]
    cdef Py_ssize_t size = itemsize_of(dt)
    x.at += at[2 * i] * size
    y.at += at[2 * i + 1] * size
    gemm_of_threads(dt, &x, &y, m, n, k, alpha, beta, c + i * m * n * size, n, nt)


cdef void batched_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       double alpha, double beta, char* c, const Py_ssize_t* at, Py_ssize_t batch) noexcept nogil:
    cdef Region region
    cdef int nt = 1 if batch * m * n * k < PARALLEL else num_threads()
    cdef Py_ssize_t i
    if nt > 1 and batch >= nt:
        open_region(&region, nt)
        for i in prange(batch, num_threads=region.n, schedule="static", nogil=True):
            one_of_batch(dt, a, b, m, n, k, alpha, beta, c, at, i, 1)
            end_part(&region)
        close_region(&region)
    else:
        for i in range(batch):
            one_of_batch(dt, a, b, m, n, k, alpha, beta, c, at, i, nt)


# ------------------------------------------------------------------ the primitives

cdef bint is_half(Tensor t) noexcept:
    return t.dt == HALF or t.dt == BFLOAT16


cpdef int gemm(Tensor out, Tensor a, Tensor b, Tensor c, double alpha, double beta) except -1:
    cdef Py_ssize_t[MAX_DIMS] index
    cdef Py_ssize_t m = out.sizes[out.nd - 2], k = a.sizes[a.nd - 1], n = out.sizes[out.nd - 1]
    cdef Py_ssize_t batch = 1, i, oa, ob
    cdef Py_ssize_t* at
    cdef int nd = out.nd, d, sa = nd - a.nd, sb = nd - b.nd
    cdef int dt = out.dt
    cdef char* to
    cdef Matrix x, y
    cdef Tensor wide
    if is_half(out):
        wide = new_tensor(nd, out.sizes, FLOAT, 0)
        gemm(wide, as_float(a, FLOAT), as_float(b, FLOAT), None if c is None else as_float(c, FLOAT), alpha, beta)
        return copy_into(out, wide)
    if m > 0x7fffffff or n > 0x7fffffff or k > 0x7fffffff:
        raise RuntimeError("cygrad: a matrix dimension above 2**31 - 1 is not supported by the BLAS interface")
    a, b = readable(a, &x), readable(b, &y)
    to = data_of(out)
    if c is not None:
        copy_into(out, c)
    else:
        beta = 0
        if k == 0:
            memset(to, 0, out.count * itemsize_of(dt))
            return 0
    if nd == 2:
        if m * n * k < PARALLEL:
            blas(dt, &x, &y, m, n, k, alpha, beta, to, n)
        else:
            with nogil:
                parallel_gemm(dt, &x, &y, m, n, k, alpha, beta, to, n)
        return 0
    for d in range(nd - 2):
        batch *= out.sizes[d]
        index[d] = 0
    at = <Py_ssize_t*> malloc(2 * batch * sizeof(Py_ssize_t))
    if at == NULL:
        raise MemoryError()
    oa = ob = 0
    for i in range(batch):
        at[2 * i], at[2 * i + 1] = oa, ob
        d = nd - 3
        while d >= 0:
            index[d] += 1
            if d >= sa and a.sizes[d - sa] != 1:
                oa += a.strides[d - sa]
            if d >= sb and b.sizes[d - sb] != 1:
                ob += b.strides[d - sb]
            if index[d] < out.sizes[d]:
                break
            if d >= sa and a.sizes[d - sa] != 1:
                oa -= out.sizes[d] * a.strides[d - sa]
            if d >= sb and b.sizes[d - sb] != 1:
                ob -= out.sizes[d] * b.strides[d - sb]
            index[d] = 0
            d -= 1
    with nogil:
        batched_gemm(dt, &x, &y, m, n, k, alpha, beta, to, at, batch)
    free(at)
    return 0


cpdef int gemv(Tensor out, Tensor a, Tensor v) except -1:
    cdef Matrix x
    cdef Py_ssize_t k = a.sizes[1], rows, cols
    cdef CBLAS_TRANSPOSE flag
    cdef Tensor wide
    if is_half(out):
        wide = new_tensor(1, out.sizes, FLOAT, 0)
        gemv(wide, as_float(a, FLOAT), as_float(v, FLOAT))
        return copy_into(out, wide)
    memset(data_of(out), 0, out.count * itemsize_of(a.dt))
    if k == 0:
        return 0
    a = readable(a, &x)
    if v.strides[0] <= 0:
        v = dense_copy(v)
    rows, cols = (k, out.count) if x.transposed else (out.count, k)
    flag = CblasTrans if x.transposed else CblasNoTrans
    if a.dt == FLOAT:
        scipy_cblas_sgemv(CblasRowMajor, flag, <int> rows, <int> cols, 1, <float*> x.at, <int> x.ld,
                          <float*> data_of(v), <int> v.strides[0], 1, <float*> data_of(out), 1)
    else:
        scipy_cblas_dgemv(CblasRowMajor, flag, <int> rows, <int> cols, 1, <double*> x.at, <int> x.ld,
                          <double*> data_of(v), <int> v.strides[0], 1, <double*> data_of(out), 1)
    return 0


cpdef int dot(Tensor out, Tensor a, Tensor b) except -1:
    if a.strides[0] <= 0:
        a = dense_copy(a)
    if b.strides[0] <= 0:
        b = dense_copy(b)
    if out.dt == FLOAT:
        (<float*> data_of(out))[0] = scipy_cblas_sdot(
            <int> a.count, <float*> data_of(a), <int> a.strides[0], <float*> data_of(b), <int> b.strides[0])
    else:
        (<double*> data_of(out))[0] = scipy_cblas_ddot(
            <int> a.count, <double*> data_of(a), <int> a.strides[0], <double*> data_of(b), <int> b.strides[0])
    return 0


cpdef int linear(Tensor out, Tensor x, Tensor weight, Tensor bias) except -1:
    cdef Matrix a, b
    cdef Py_ssize_t rows = x.sizes[0], n = weight.sizes[0], k = weight.sizes[1], i, size = n * itemsize_of(x.dt)
    cdef char* to = data_of(out)
    x, weight = readable(x, &a), readable(weight, &b)
    b.transposed = not b.transposed
    if bias is not None:
        bias = plain(bias)
        for i in range(rows):
            memcpy(to + i * size, data_of(bias), size)
    elif k == 0:
        memset(to, 0, rows * size)
    if k and out.count:
        parallel_gemm(x.dt, &a, &b, rows, n, k, 1, 0 if bias is None else 1, to, n)
    return 0


cpdef int column_sum(Tensor out, Tensor x) except -1:
    cdef Tensor wide
    if is_half(x):
        wide = new_tensor(1, out.sizes, FLOAT, 0)
        column_sum(wide, as_float(x, FLOAT))
        return copy_into(out, wide)
    x = plain(x)
    if x.dt == FLOAT:
        cg_column_sum_f32(x.sizes[0], x.sizes[1], <float*> data_of(x), <float*> data_of(out))
    else:
        cg_column_sum_f64(x.sizes[0], x.sizes[1], <double*> data_of(x), <double*> data_of(out))
    return 0
