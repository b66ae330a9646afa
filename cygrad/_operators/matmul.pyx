# cython: allow_none_for_extension_args=False
"""Matrix products on the CPU.  (Over 800 lines: the products share the description of operands, and the batch.)

Design
------
* Float, double and complex go to OpenBLAS at one thread; a product of more than PARALLEL multiply-adds is cut into row
  or column panels under our own OpenMP team, so one pool of threads serves the whole library (OpenBLAS's own threads
  were slower between 128 and 512, and a second pool fights the first).  With one thread no OpenMP region is entered:
  forked workers rely on it.
* A transposed or sliced operand is read in place by flag and leading dimension; only what BLAS cannot say is copied.
* A batch is a list of offsets per operand, so broadcast operands are never expanded.
* Half and bfloat16 are widened to float and the result rounded; integers have loops of their own.
* One graph node per call.  Where PyTorch makes several (a view around a product), the node has the name of the last
  one, which is what printing shows.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport malloc, free
from libc.string cimport memset, memcpy

from cygrad import _core
from cygrad._operators.family import C_TYPE_NAMES
from cygrad._core cimport (
    BOOL, UINT8, INT8, INT16, INT32, HALF, BFLOAT16, FLOAT, DOUBLE, CFLOAT, CDOUBLE, MAX_DIMS, Tensor, attach, data_of,
    grad_enabled, grad_required, is_complex_code, itemsize_of, new_tensor, raw_view, shallow,
)
from cygrad._operators.family cimport as_float, back_to, need_cpu, plain, wants
from cygrad._ops cimport copy_into, expand_to, num_threads, sum_to

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

scipy_openblas_set_num_threads(1)


# ------------------------------------------------------------------ C level

cdef Tensor transposed(Tensor t):
    """The last two dimensions exchanged; recorded only where recording is on."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i, nd = t.nd
    if grad_enabled() and grad_required(t):
        return <Tensor> t.transpose(-2, -1)
    for i in range(nd):
        sizes[i], strides[i] = t.sizes[i], t.strides[i]
    sizes[nd - 2], sizes[nd - 1] = t.sizes[nd - 1], t.sizes[nd - 2]
    strides[nd - 2], strides[nd - 1] = t.strides[nd - 1], t.strides[nd - 2]
    return raw_view(t, nd, sizes, strides, t.offset)


cdef Tensor conjugate(Tensor t):
    """The complex conjugate; a real tensor itself."""
    return <Tensor> t.conj() if is_complex_code(t.dt) else t


cdef Tensor hermitian(Tensor t):
    """The conjugate transpose, by which the gradient of a product flows."""
    return conjugate(transposed(t))


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
    t = new_copy(t)
    describe(t, m)
    return t


cdef Tensor new_copy(Tensor t):
    cdef Tensor r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return r


cdef void gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, double alpha,
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
        gemm(dt, &part, b, hi - lo, n, k, alpha, beta, c + lo * ldc * size, ldc)
    else:
        part = b[0]
        part.at += (lo * b.ld if b.transposed else lo) * size
        gemm(dt, a, &part, m, hi - lo, k, alpha, beta, c + lo * size, ldc)


cdef void parallel_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        double alpha, double beta, char* c, Py_ssize_t ldc) noexcept nogil:
    cdef int nt = num_threads(), i
    cdef bint by_rows
    cdef Py_ssize_t total, step
    if nt == 1 or m * n * k < PARALLEL:
        gemm(dt, a, b, m, n, k, alpha, beta, c, ldc)
        return
    by_rows = m >= n
    total = m if by_rows else n
    step = ((total + nt - 1) // nt + 15) // 16 * 16         # whole vectors and register blocks
    if step >= total:
        gemm(dt, a, b, m, n, k, alpha, beta, c, ldc)
        return
    for i in prange(nt, num_threads=nt, schedule="static", nogil=True):
        panel(dt, a, b, m, n, k, alpha, beta, c, ldc, by_rows, i * step, min(total, (i + 1) * step))


cdef void one_of_batch(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       double alpha, double beta, char* c, const Py_ssize_t* at, Py_ssize_t i,
                       bint parallel) noexcept nogil:
    cdef Matrix x = a[0], y = b[0]
    cdef Py_ssize_t size = itemsize_of(dt)
    x.at += at[2 * i] * size
    y.at += at[2 * i + 1] * size
    if parallel:
        parallel_gemm(dt, &x, &y, m, n, k, alpha, beta, c + i * m * n * size, n)
    else:
        gemm(dt, &x, &y, m, n, k, alpha, beta, c + i * m * n * size, n)


cdef void batched_gemm(int dt, const Matrix* a, const Matrix* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       double alpha, double beta, char* c, const Py_ssize_t* at, Py_ssize_t batch) noexcept nogil:
    cdef int nt = num_threads()
    cdef Py_ssize_t i
    if nt > 1 and batch >= nt and batch * m * n * k >= PARALLEL:
        for i in prange(batch, num_threads=nt, schedule="static", nogil=True):
            one_of_batch(dt, a, b, m, n, k, alpha, beta, c, at, i, False)
    else:
        for i in range(batch):
            one_of_batch(dt, a, b, m, n, k, alpha, beta, c, at, i, nt > 1)


cdef int check_dtype(str kernel, Tensor a, Tensor b) except -1:
    if a.dt != b.dt:
        raise RuntimeError("expected m1 and m2 to have the same dtype, but got: "
                           f"{C_TYPE_NAMES[a.dt]} != {C_TYPE_NAMES[b.dt]}")
    if a.dt == BOOL:
        raise NotImplementedError(f'"{kernel}" not implemented for \'Bool\'')
    return 0


cdef Tensor product(Tensor a, Tensor b, Tensor c, double alpha, double beta):
    """alpha * a @ b + beta * c of matrices (or batches of one shape); c broadcasts and may be None.  Not recorded."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] index
    cdef Py_ssize_t m = a.sizes[a.nd - 2], k = a.sizes[a.nd - 1], n = b.sizes[b.nd - 1]
    cdef Py_ssize_t batch = 1, i, oa, ob
    cdef Py_ssize_t one[2]
    cdef Py_ssize_t* at = one
    cdef int nd = a.nd if a.nd > b.nd else b.nd, d, sa, sb
    cdef int dt = a.dt
    cdef char* to
    cdef Matrix x, y
    cdef Tensor out
    if a.dt == HALF or a.dt == BFLOAT16:
        return back_to(product(as_float(a, FLOAT), as_float(b, FLOAT), None if c is None else as_float(c, FLOAT),
                               alpha, beta), a.dt)
    if m > 0x7fffffff or n > 0x7fffffff or k > 0x7fffffff:
        raise RuntimeError("cygrad: a matrix dimension above 2**31 - 1 is not supported by the BLAS interface")
    sa, sb = nd - a.nd, nd - b.nd
    for d in range(nd - 2):
        sizes[d] = b.sizes[d - sb] if d < sa or (d >= sb and a.sizes[d - sa] == 1) else a.sizes[d - sa]
        batch *= sizes[d]
    sizes[nd - 2], sizes[nd - 1] = m, n
    a, b = readable(a, &x), readable(b, &y)
    out = new_tensor(nd, sizes, a.dt, 0)
    if c is None or beta == 0:
        beta = 0
        if k == 0:
            memset(data_of(out), 0, out.count * itemsize_of(out.dt))
            return out
    else:
        copy_into(out, expand_to(c, nd, sizes))
    if out.count == 0:
        return out
    to = data_of(out)
    if nd == 2:
        if m * n * k < PARALLEL:
            gemm(dt, &x, &y, m, n, k, alpha, beta, to, n)
        else:
            with nogil:
                parallel_gemm(dt, &x, &y, m, n, k, alpha, beta, to, n)
        return out
    at = <Py_ssize_t*> malloc(2 * batch * sizeof(Py_ssize_t))
    if at == NULL:
        raise MemoryError()
    for d in range(nd - 2):
        index[d] = 0
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
            if index[d] < sizes[d]:
                break
            if d >= sa and a.sizes[d - sa] != 1:
                oa -= sizes[d] * a.strides[d - sa]
            if d >= sb and b.sizes[d - sb] != 1:
                ob -= sizes[d] * b.strides[d - sb]
            index[d] = 0
            d -= 1
    with nogil:
        batched_gemm(dt, &x, &y, m, n, k, alpha, beta, to, at, batch)
    free(at)
    return out


cdef Tensor reshaped(Tensor t, int nd, const Py_ssize_t* sizes):
    """A contiguous tensor of as many elements in another shape, outside the graph."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Py_ssize_t step = 1
    cdef int i
    for i in range(nd - 1, -1, -1):
        strides[i] = step
        step *= sizes[i] if sizes[i] > 0 else 1
    return raw_view(t, nd, sizes, strides, t.offset)


cdef Tensor as_rows(Tensor t):
    """All dimensions but the last in one, contiguous or not; outside the graph."""
    cdef Py_ssize_t two[2]
    cdef int i
    if t.nd == 2:
        return t
    t = plain(t)
    two[0] = 1
    two[1] = t.sizes[t.nd - 1] if t.nd else 1
    for i in range(t.nd - 1):
        two[0] *= t.sizes[i]
    return reshaped(t, 2, two)


cdef Tensor recorded_rows(Tensor t):
    """As as_rows, in the graph."""
    if t.nd == 2:
        return t
    return <Tensor> (t.unsqueeze(0) if t.nd < 2 else t.flatten(0, t.nd - 2))


cdef Tensor as_column(Tensor v):
    """A vector (n) as the matrix (n, 1)."""
    cdef Py_ssize_t two[2]
    cdef Py_ssize_t steps[2]
    if v.strides[0] <= 0:
        v = new_copy(v)
    two[0], two[1], steps[0], steps[1] = v.sizes[0], 1, v.strides[0], 1
    return raw_view(v, 2, two, steps, v.offset)


cdef Tensor matrix_vector(Tensor a, Tensor v):
    """a (m, k) @ v (k) -> (m)."""
    cdef Tensor out
    cdef Matrix x
    cdef Py_ssize_t k = a.sizes[1], rows, cols
    cdef CBLAS_TRANSPOSE flag
    if a.dt < FLOAT or is_complex_code(a.dt):
        return reshaped(product(a, as_column(v), None, 1, 0), 1, a.sizes)
    out = new_tensor(1, a.sizes, a.dt, 0)
    memset(data_of(out), 0, out.count * itemsize_of(a.dt))
    if out.count == 0 or k == 0:
        return out
    a = readable(a, &x)
    if v.strides[0] <= 0:
        v = new_copy(v)
    rows, cols = (k, out.count) if x.transposed else (out.count, k)
    flag = CblasTrans if x.transposed else CblasNoTrans
    if a.dt == FLOAT:
        scipy_cblas_sgemv(CblasRowMajor, flag, <int> rows, <int> cols, 1, <float*> x.at, <int> x.ld,
                          <float*> data_of(v), <int> v.strides[0], 1, <float*> data_of(out), 1)
    else:
        scipy_cblas_dgemv(CblasRowMajor, flag, <int> rows, <int> cols, 1, <double*> x.at, <int> x.ld,
                          <double*> data_of(v), <int> v.strides[0], 1, <double*> data_of(out), 1)
    return out


cpdef Tensor column_sum(Tensor t):
    """The sum over the first dimension of a matrix; not recorded."""
    cdef Tensor x = plain(t), out
    if t.dt == HALF or t.dt == BFLOAT16:
        return back_to(column_sum(as_float(t, FLOAT)), t.dt)
    if is_complex_code(t.dt):
        return <Tensor> t.sum(0)
    out = new_tensor(1, x.sizes + 1, x.dt, 0)
    if x.dt == FLOAT:
        cg_column_sum_f32(x.sizes[0], x.sizes[1], <float*> data_of(x), <float*> data_of(out))
    else:
        cg_column_sum_f64(x.sizes[0], x.sizes[1], <double*> data_of(x), <double*> data_of(out))
    return out


# ------------------------------------------------------------------ mm, bmm

cdef str by(Tensor a):
    return f"{a.sizes[0]}x{a.sizes[1]}"


cdef int check_mm(Tensor a, Tensor b) except -1:
    if a.nd != 2:
        raise RuntimeError("self must be a matrix")
    if b.nd != 2:
        raise RuntimeError("mat2 must be a matrix")
    if a.sizes[1] != b.sizes[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({by(a)} and {by(b)})")
    return check_dtype("addmm_impl_cpu_", a, b)


def _mm_backward(node, Tensor g):
    a, b = node.saved()
    return (mm(g, hermitian(<Tensor> b)) if node.needs(0) else None,
            mm(hermitian(<Tensor> a), g) if node.needs(1) else None)


cpdef Tensor mm(Tensor a, Tensor b):
    """The matrix product of a (n, m) and b (m, p)."""
    cdef Tensor r
    check_mm(a, b)
    need_cpu("mm", a, b)
    r = product(a, b, None, 1, 0)
    cdef bint wa = wants(a), wb = wants(b)
    if wa or wb:
        attach(r, "MmBackward0", (a, b), _mm_backward, (a if wb else None, b if wa else None), ())
    return r


cdef int check_bmm(str kernel, Tensor a, Tensor b) except -1:
    if a.nd != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if b.nd != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if a.sizes[0] != b.sizes[0] or a.sizes[2] != b.sizes[1]:
        raise RuntimeError("Expected size for first two dimensions of batch2 tensor to be: "
                           f"[{a.sizes[0]}, {a.sizes[2]}] but got: [{b.sizes[0]}, {b.sizes[1]}].")
    if a.dt != b.dt:
        raise RuntimeError(f"expected scalar type {_core.SCALAR_TYPE_NAMES[a.dt]} but found "
                           f"{_core.SCALAR_TYPE_NAMES[b.dt]}")
    return check_dtype(kernel, a, b)


def _bmm_backward(node, Tensor g):
    a, b = node.saved()
    return (bmm(g, hermitian(<Tensor> b)) if node.needs(0) else None,
            bmm(hermitian(<Tensor> a), g) if node.needs(1) else None)


cpdef Tensor bmm(Tensor a, Tensor b):
    """The batch of matrix products of a (b, n, m) and b (b, m, p)."""
    cdef Tensor r
    check_bmm("bmm", a, b)
    need_cpu("bmm", a, b)
    r = product(a, b, None, 1, 0)
    cdef bint wa = wants(a), wb = wants(b)
    if wa or wb:
        attach(r, "BmmBackward0", (a, b), _bmm_backward, (a if wb else None, b if wa else None), ())
    return r


# ------------------------------------------------------------------ vectors

def _mv_backward(node, Tensor g):
    a, v = node.saved()
    return (g.unsqueeze(1) * conjugate(v) if node.needs(0) else None,
            mv(hermitian(<Tensor> a), g) if node.needs(1) else None)


cpdef Tensor mv(Tensor a, Tensor v):
    """The product of a matrix (n, m) and a vector (m)."""
    cdef Tensor r
    if a.nd != 2 or v.nd != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a.nd}, {v.nd}")
    if a.sizes[1] != v.sizes[0]:
        raise RuntimeError(f"size mismatch, got input ({a.sizes[0]}), mat ({by(a)}), vec ({v.sizes[0]})")
    if a.dt != v.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {kinds[v.dt]}, {kinds[a.dt]}, and "
                           f"{kinds[v.dt]}")
    check_dtype("addmv_impl_cpu", a, v)
    need_cpu("mv", a, v)
    r = matrix_vector(a, v)
    cdef bint wa = wants(a), wv = wants(v)
    if wa or wv:
        attach(r, "MvBackward0", (a, v), _mv_backward, (a if wv else None, v if wa else None), ())
    return r


def _dot_backward(node, g):
    a, b = node.saved()
    return (g * conjugate(b) if node.needs(0) else None, g * conjugate(a) if node.needs(1) else None)


cdef Tensor dot_product(Tensor a, Tensor b, str name):
    cdef Tensor r
    if a.nd != 1 or b.nd != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.nd}D and {b.nd}D tensors")
    if a.dt != b.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {kinds[a.dt]} and "
                           f"{kinds[b.dt]}")
    if a.count != b.count:
        raise RuntimeError(f"inconsistent tensor size, expected tensor [{a.count}] and src [{b.count}] to have the "
                           f"same number of elements, but got {a.count} and {b.count} elements respectively")
    check_dtype("dot", a, b)
    need_cpu("dot", a, b)
    if FLOAT <= a.dt < CFLOAT:
        a2 = a if a.strides[0] > 0 else new_copy(a)
        b2 = b if b.strides[0] > 0 else new_copy(b)
        r = new_tensor(0, NULL, a.dt, 0)
        if a.dt == FLOAT:
            (<float*> data_of(r))[0] = scipy_cblas_sdot(
                <int> a.count, <float*> data_of(<Tensor> a2), <int> (<Tensor> a2).strides[0],
                <float*> data_of(<Tensor> b2), <int> (<Tensor> b2).strides[0])
        else:
            (<double*> data_of(r))[0] = scipy_cblas_ddot(
                <int> a.count, <double*> data_of(<Tensor> a2), <int> (<Tensor> a2).strides[0],
                <double*> data_of(<Tensor> b2), <int> (<Tensor> b2).strides[0])
    else:
        r = reshaped(product(transposed(as_column(shallow(a))), as_column(b), None, 1, 0), 0, NULL)
    cdef bint wa = wants(a), wb = wants(b)
    if wa or wb:
        attach(r, name, (a, b), _dot_backward, (a if wb else None, b if wa else None), ())
    return r


cpdef Tensor dot(Tensor a, Tensor b):
    """The sum of the products of two vectors of one length."""
    return dot_product(a, b, "DotBackward0")


cpdef Tensor vdot(Tensor a, Tensor b):
    """As dot, with the conjugate of the first vector: the same for real numbers."""
    return dot_product(conjugate(a), b, "VdotBackward0")


# ------------------------------------------------------------------ matmul

def _matmul_backward(node, Tensor g):
    cdef Tensor a, b, x, y
    cdef tuple a_shape, b_shape
    a_shape, b_shape = node.args
    saved = node.saved()
    a, b = saved
    cdef Py_ssize_t na = len(a_shape), nb = len(b_shape)
    if na == 1:
        g = <Tensor> g.unsqueeze(-2 if nb > 1 else -1)
    if nb == 1:
        g = <Tensor> g.unsqueeze(-1)
    ga = gb = None
    if node.needs(0):
        y = b if nb > 1 else <Tensor> b.unsqueeze(-1)
        ga = matmul(g, hermitian(y))
        if na == 1:
            ga = sum_to(<Tensor> ga, (1, a_shape[0])).reshape(a_shape)
        else:
            ga = sum_to(<Tensor> ga, a_shape)
    if node.needs(1):
        x = a if na > 1 else <Tensor> a.unsqueeze(0)
        if nb <= 2 and na > 2:          # one product over all rows instead of a batch and its sum
            gb = mm(hermitian(recorded_rows(x)), recorded_rows(g))
        else:
            gb = matmul(hermitian(x), g)
        if nb == 1:
            gb = sum_to(<Tensor> gb, (b_shape[0], 1)).reshape(b_shape)
        else:
            gb = sum_to(<Tensor> gb, b_shape)
    return ga, gb


cpdef Tensor matmul(Tensor a, Tensor b):
    """The product of vectors, matrices or batches of matrices; batch dimensions broadcast."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Tensor x, y, r
    cdef int nd, i, sa, sb
    cdef str name = "UnsafeViewBackward0"
    cdef Py_ssize_t p, q
    if a.nd == 2 and b.nd == 2:
        return mm(a, b)
    if a.nd == 0 or b.nd == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.nd}D and {b.nd}D")
    if a.nd == 1 and b.nd == 1:
        return dot(a, b)
    if a.nd == 2 and b.nd == 1:
        return mv(a, b)
    need_cpu("matmul", a, b)
    x, y = a, b
    if a.nd == 1:                   # a row (1, k); its strides are free
        sizes[0], sizes[1], strides[0], strides[1] = 1, a.sizes[0], a.sizes[0], a.strides[0]
        x = raw_view(a, 2, sizes, strides, a.offset)
        name = "SqueezeBackward4" if b.nd == 2 else name
    if b.nd == 1:
        y = as_column(b)
    if y.nd == 2 and x.nd > 2:
        x = as_rows(x)
    nd = x.nd if x.nd > y.nd else y.nd
    sa, sb = nd - x.nd, nd - y.nd
    for i in range(nd - 2):
        p = x.sizes[i - sa] if i >= sa else 1
        q = y.sizes[i - sb] if i >= sb else 1
        if p != q and p != 1 and q != 1:
            raise RuntimeError(f"The size of tensor a ({p}) must match the size of tensor b ({q}) at non-singleton "
                               f"dimension {i}")
    if x.sizes[x.nd - 1] != y.sizes[y.nd - 2]:
        if b.nd == 1:
            raise RuntimeError(f"size mismatch, got input ({x.sizes[0]}), mat ({by(x)}), vec ({b.sizes[0]})")
        if nd == 2:
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({by(x)} and {by(y)})")
        batch = 1
        for i in range(nd - 2):
            p = x.sizes[i - sa] if i >= sa else 1
            batch *= p if p != 1 or i < sb else y.sizes[i - sb]
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: "
                           f"[{batch}, {x.sizes[x.nd - 1]}] but got: [{batch}, {y.sizes[y.nd - 2]}].")
    check_dtype("addmm_impl_cpu_" if nd == 2 else "bmm", x, y)
    r = product(x, y, None, 1, 0)
    if a.nd == 1:
        for i in range(r.nd - 2):
            sizes[i] = r.sizes[i]
        sizes[r.nd - 2] = r.sizes[r.nd - 1]
        r = reshaped(r, r.nd - 1, sizes)
    elif b.nd <= 2:
        for i in range(a.nd - 1):
            sizes[i] = a.sizes[i]
        if b.nd == 2:
            sizes[a.nd - 1] = b.sizes[1]
        r = reshaped(r, a.nd + b.nd - 2, sizes)
    cdef bint wa = wants(a), wb = wants(b)
    if wa or wb:
        attach(r, name, (a, b), _matmul_backward, (a if wb else None, b if wa else None),
               (tuple(a.shape), tuple(b.shape)))
    return r


# ------------------------------------------------------------------ linear

cdef tuple last_changed(Tensor t, Py_ssize_t n):
    """The shape of `t` with another last size."""
    return tuple([t.sizes[i] for i in range(t.nd - 1)] + [n])


def _linear_backward(node, Tensor g):
    cdef Tensor x, w, g2
    cdef bint recorded = grad_enabled()
    x, w = node.saved()
    gx = gw = gb = None
    if recorded:
        g2 = recorded_rows(g)
    else:
        g2 = as_rows(g)
    if node.needs(1):
        gx = mm(g2, conjugate(w))
        if g.nd != 2:
            gx = gx.reshape(last_changed(g, w.sizes[1]))
    if node.needs(2):
        if recorded:
            gw = mm(<Tensor> g2.t(), conjugate(recorded_rows(x)))
        else:
            gw = product(transposed(g2), as_rows(conjugate(x)), None, 1, 0)
    if node.needs(0):
        gb = g2.sum(0) if recorded else column_sum(g2)
    return gb, gx, gw


cpdef Tensor linear(Tensor input, Tensor weight, Tensor bias=None):
    """input (..., k) @ weight (n, k).T + bias (n)."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t rows, n, k, i, size
    cdef Matrix a, b
    cdef Tensor x = input, w = weight, out
    cdef char* to
    cdef str name
    if weight.nd != 2 or input.nd == 0 or input.dev != 0 or input.dt < FLOAT or weight.dt != input.dt or (
            bias is not None and (bias.nd != 1 or bias.sizes[0] != weight.sizes[0] or bias.dt != input.dt)):
        return unusual_linear(input, weight, bias)
    need_cpu("linear", weight, bias)
    n, k = w.sizes[0], w.sizes[1]
    if input.nd != 2:
        x = as_rows(input)
    rows = x.sizes[0]
    if x.sizes[1] != k:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({by(x)} and {k}x{n})")
    x, w = readable(x, &a), readable(w, &b)
    b.transposed = not b.transposed
    for i in range(input.nd - 1):
        sizes[i] = input.sizes[i]
    sizes[input.nd - 1] = n
    out = new_tensor(input.nd, sizes, x.dt, 0)
    to = data_of(out)
    size = n * itemsize_of(x.dt)
    if bias is not None:
        w = plain(bias)
        for i in range(rows):
            memcpy(to + i * size, data_of(w), size)
    elif k == 0:
        memset(to, 0, rows * size)
    if k and out.count:
        parallel_gemm(x.dt, &a, &b, rows, n, k, 1, 0 if bias is None else 1, to, n)
    cdef bint wx = wants(input), ww = wants(weight), wb = wants(bias)
    if wx or ww or wb:
        if bias is None:
            name = "MmBackward0" if input.nd == 2 else \
                "SqueezeBackward4" if input.nd == 1 else "UnsafeViewBackward0"
        else:
            name = "AddmmBackward0" if input.nd == 2 else "ViewBackward0"
        if bias is None and input.nd == 2:
            attach(out, name, (input, weight), _linear_without_bias_backward,
                   (input if ww else None, weight if wx else None), ())
        else:
            attach(out, name, (bias, input, weight), _linear_backward,
                   (input if ww else None, weight if wx else None), ())
    return out


def _linear_without_bias_backward(node, Tensor g):
    x, w = node.saved()
    return (mm(g, conjugate(<Tensor> w)) if node.needs(0) else None,
            mm(transposed(g), conjugate(<Tensor> x)) if node.needs(1) else None)


cdef Tensor unusual_linear(Tensor x, Tensor w, Tensor bias):
    """linear by products that exist on every device and for every dtype, and its errors."""
    cdef Tensor r, x2
    if w.nd == 1 and bias is None:
        return matmul(x, w)
    if w.nd != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {w.nd}-D tensor")
    if x.nd == 0:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are 0D and {w.nd}D")
    if bias is None:
        return matmul(x, <Tensor> w.t())
    x2 = recorded_rows(x)
    r = addmm(bias, x2, <Tensor> w.t(), 1, 1)
    return r if x.nd == 2 else <Tensor> r.view(last_changed(x, w.sizes[0]))


# ------------------------------------------------------------------ addmm and its family

cdef object scale(object x, double s):
    return x if s == 1 else x * s


def _addmm_backward(node, Tensor g):
    cdef tuple shape
    alpha, beta, shape, kind = node.args
    a, b = node.saved()
    gc = ga = gb = None
    if node.needs(0):
        gc = scale(sum_to(g, shape), beta)
    if kind == "addbmm" and (node.needs(1) or node.needs(2)):
        other = a if b is None else b
        g = <Tensor> g.expand((other.shape[0], *g.shape))
    if node.needs(1):
        ga = scale(matmul(g, hermitian(<Tensor> b)), alpha)
    if node.needs(2):
        gb = scale(matmul(hermitian(<Tensor> a), g), alpha)
    return gc, ga, gb


cdef int check_expand(Tensor c, tuple shape) except -1:
    cdef int i, shift = <int> len(shape) - c.nd
    if shift < 0:
        raise RuntimeError(f"expand(torch.{_core.SCALAR_TYPE_NAMES[c.dt]}Tensor{{{list(c.shape)}}}, "
                           f"size={list(shape)}): the number of sizes provided ({len(shape)}) must be greater or equal "
                           f"to the number of dimensions in the tensor ({c.nd})")
    for i in range(c.nd):
        if c.sizes[i] != 1 and c.sizes[i] != shape[i + shift]:
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[i + shift]}) must match the existing size ({c.sizes[i]}) at "
                f"non-singleton dimension {i + shift}.  Target sizes: {list(shape)}.  Tensor sizes: {list(c.shape)}")
    return 0


cdef int check_self_dtype(Tensor c, Tensor a) except -1:
    if c.dt != a.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {kinds[c.dt]} and {kinds[a.dt]}")
    return 0


cpdef Tensor addmm(Tensor c, Tensor a, Tensor b, double beta, double alpha):
    """beta * c + alpha * a @ b for matrices; c broadcasts; where beta is 0, c is not read."""
    cdef Tensor r
    if a.nd != 2 or b.nd != 2:
        raise RuntimeError(f"mat{1 if a.nd != 2 else 2} must be a matrix, got {a.nd if a.nd != 2 else b.nd}-D tensor")
    check_self_dtype(c, b)
    if a.dt != b.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {kinds[a.dt]} and {kinds[b.dt]}")
    check_mm(a, b)
    check_expand(c, (a.sizes[0], b.sizes[1]))
    need_cpu("addmm", c, a, b)
    r = product(a, b, c, alpha, beta)
    return attach(r, "AddmmBackward0", (c, a, b), _addmm_backward,
                  (a if wants(b) else None, b if wants(a) else None), (alpha, beta, tuple(c.shape), "addmm"))


cpdef Tensor baddbmm(Tensor c, Tensor a, Tensor b, double beta, double alpha):
    """beta * c + alpha * bmm(a, b); c broadcasts."""
    cdef Tensor r
    check_bmm("baddbmm", a, b)
    check_expand(c, (a.sizes[0], a.sizes[1], b.sizes[2]))
    check_self_dtype(c, a)
    need_cpu("baddbmm", c, a, b)
    r = product(a, b, c, alpha, beta)
    return attach(r, "BaddbmmBackward0", (c, a, b), _addmm_backward,
                  (a if wants(b) else None, b if wants(a) else None), (alpha, beta, tuple(c.shape), "baddbmm"))


cpdef Tensor addbmm(Tensor c, Tensor a, Tensor b, double beta, double alpha):
    """beta * c + alpha * the sum over the batch of bmm(a, b)."""
    cdef Tensor r
    cdef Py_ssize_t[2] sizes
    check_bmm("addbmm", a, b)
    check_expand(c, (a.sizes[1], b.sizes[2]))
    check_self_dtype(c, a)
    need_cpu("addbmm", c, a, b)
    # The batch is a longer inner dimension: [a_0 a_1 ...] @ [b_0; b_1; ...].
    sizes[0], sizes[1] = a.sizes[1], a.sizes[0] * a.sizes[2]
    rows = reshaped(plain(<Tensor> shallow(a).transpose(0, 1)), 2, sizes)
    sizes[0], sizes[1] = b.sizes[0] * b.sizes[1], b.sizes[2]
    r = product(<Tensor> rows, reshaped(plain(shallow(b)), 2, sizes), c, alpha, beta)
    return attach(r, "AddbmmBackward0", (c, a, b), _addmm_backward,
                  (a if wants(b) else None, b if wants(a) else None), (alpha, beta, tuple(c.shape), "addbmm"))


def _addmv_backward(node, Tensor g):
    cdef tuple shape
    alpha, beta, shape = node.args
    a, v = node.saved()
    return (scale(sum_to(g, shape), beta) if node.needs(0) else None,
            scale(g.unsqueeze(1) * conjugate(v), alpha) if node.needs(1) else None,
            scale(mv(hermitian(<Tensor> a), g), alpha) if node.needs(2) else None)


cpdef Tensor addmv(Tensor c, Tensor a, Tensor v, double beta, double alpha):
    """beta * c + alpha * a @ v for a matrix (n, m) and a vector (m)."""
    cdef Tensor r
    cdef Py_ssize_t[1] size
    if a.nd != 2 or v.nd != 1 or c.nd > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {c.nd}, {a.nd}, {v.nd}")
    if a.sizes[1] != v.sizes[0] or (c.nd == 1 and c.sizes[0] != a.sizes[0] and c.sizes[0] != 1):
        raise RuntimeError(f"size mismatch, got input ({c.sizes[0] if c.nd else a.sizes[0]}), mat ({by(a)}), vec "
                           f"({v.sizes[0]})")
    if a.dt != v.dt or c.dt != a.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {kinds[c.dt]}, {kinds[a.dt]}, and "
                           f"{kinds[v.dt]}")
    check_dtype("addmv_impl_cpu", a, v)
    need_cpu("addmv", c, a, v)
    size[0] = a.sizes[0]
    cdef Tensor start = None
    if beta != 0:
        start = expand_to(shallow(c), 1, size)
        size[0] = a.sizes[0]
        start = as_column(new_copy(start))
    r = reshaped(product(a, as_column(v), start, alpha, beta), 1, size)
    return attach(r, "AddmvBackward0", (c, a, v), _addmv_backward,
                  (a if wants(v) else None, v if wants(a) else None), (alpha, beta, tuple(c.shape)))


def operator_matmul(a, b):
    """a @ b."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return matmul(<Tensor> a, <Tensor> b)
    return NotImplemented


def operator_rmatmul(a, b):
    """b @ a where b is no tensor."""
    return operator_matmul(b, a)
