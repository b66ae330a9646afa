# cython: allow_none_for_extension_args=False
"""Matrix products: mm, bmm, mv, dot, matmul, linear, and the sums with a product in them (addmm and its family).

One graph node per call.  Where PyTorch makes several (a view around a product), the node has the name of the last one,
which is what printing shows.
"""
from cygrad import _core
from cygrad._core cimport (
    BOOL, HALF, FLOAT, CFLOAT, MAX_DIMS, Tensor, attach, grad_enabled, grad_required, is_complex_code, new_tensor,
    raw_view, shallow,
)
from cygrad._kernels.copies cimport dense_copy, plain
from cygrad._kernels.matmul cimport column_sum as sum_columns, dot as cpu_dot, gemm, gemv, linear as cpu_linear
from cygrad._operators.family cimport one_device, wants
from cygrad._ops cimport expand_to, sum_to


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


cdef int check_dtype(str kernel, Tensor a, Tensor b) except -1:
    if a.dt != b.dt:
        raise RuntimeError("expected m1 and m2 to have the same dtype, but got: "
                           f"{_core.C_TYPE_NAMES[a.dt]} != {_core.C_TYPE_NAMES[b.dt]}")
    if a.dt == BOOL:
        raise NotImplementedError(f'"{kernel}" not implemented for \'Bool\'')
    return 0


cdef Tensor product(Tensor a, Tensor b, Tensor c, double alpha, double beta):
    """alpha * a @ b + beta * c of matrices (or batches of one shape); c broadcasts and may be None.  Not recorded."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = a.nd if a.nd > b.nd else b.nd, d, sa = nd - a.nd, sb = nd - b.nd
    cdef Tensor out
    for d in range(nd - 2):
        sizes[d] = b.sizes[d - sb] if d < sa or (d >= sb and a.sizes[d - sa] == 1) else a.sizes[d - sa]
    sizes[nd - 2], sizes[nd - 1] = a.sizes[a.nd - 2], b.sizes[b.nd - 1]
    out = new_tensor(nd, sizes, a.dt, a.dev)
    if out.count == 0:
        return out
    c = None if c is None or beta == 0 else expand_to(c, nd, sizes)
    if out.dev:
        _core.backend_of(out.dev).gemm(out, a, b, c, alpha, beta)
    else:
        gemm(out, a, b, c, alpha, beta)
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
        v = dense_copy(v)
    two[0], two[1], steps[0], steps[1] = v.sizes[0], 1, v.strides[0], 1
    return raw_view(v, 2, two, steps, v.offset)


cdef Tensor matrix_vector(Tensor a, Tensor v):
    """a (m, k) @ v (k) -> (m)."""
    cdef Tensor out
    if a.dt < HALF or is_complex_code(a.dt):
        return reshaped(product(a, as_column(v), None, 1, 0), 1, a.sizes)
    out = new_tensor(1, a.sizes, a.dt, a.dev)
    if out.count == 0:
        return out
    if out.dev:
        _core.backend_of(out.dev).gemv(out, a, v)
    else:
        gemv(out, a, v)
    return out


cpdef Tensor column_sum(Tensor t):
    """The sum over the first dimension of a matrix; not recorded."""
    cdef Tensor out
    if is_complex_code(t.dt) or t.dev:
        return <Tensor> t.sum(0)
    out = new_tensor(1, t.sizes + 1, t.dt, 0)
    sum_columns(out, t)
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
    one_device("mm", a, b)
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
    one_device("bmm", a, b)
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
    one_device("mv", a, v)
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
    one_device("dot", a, b)
    if FLOAT <= a.dt < CFLOAT:
        r = new_tensor(0, NULL, a.dt, a.dev)
        if r.dev:
            _core.backend_of(r.dev).dot(r, a, b)
        else:
            cpu_dot(r, a, b)
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
    one_device("matmul", a, b)
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
    cdef Py_ssize_t n, k, i
    cdef Tensor x = input, w = weight, out
    cdef str name
    if weight.nd != 2 or input.nd == 0 or input.dt < FLOAT or weight.dt != input.dt or (
            bias is not None and (bias.nd != 1 or bias.sizes[0] != weight.sizes[0] or bias.dt != input.dt)):
        return unusual_linear(input, weight, bias)
    one_device("linear", input, weight, bias)
    n, k = w.sizes[0], w.sizes[1]
    if input.nd != 2:
        x = as_rows(input)
    if x.sizes[1] != k:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({by(x)} and {k}x{n})")
    for i in range(input.nd - 1):
        sizes[i] = input.sizes[i]
    sizes[input.nd - 1] = n
    out = new_tensor(input.nd, sizes, x.dt, x.dev)
    if out.dev:
        if out.count:
            _core.backend_of(out.dev).linear(out, x, w, bias)
    else:
        cpu_linear(out, x, w, bias)
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
    one_device("addmm", c, a, b)
    r = product(a, b, c, alpha, beta)
    return attach(r, "AddmmBackward0", (c, a, b), _addmm_backward,
                  (a if wants(b) else None, b if wants(a) else None), (alpha, beta, tuple(c.shape), "addmm"))


cpdef Tensor baddbmm(Tensor c, Tensor a, Tensor b, double beta, double alpha):
    """beta * c + alpha * bmm(a, b); c broadcasts."""
    cdef Tensor r
    check_bmm("baddbmm", a, b)
    check_expand(c, (a.sizes[0], a.sizes[1], b.sizes[2]))
    check_self_dtype(c, a)
    one_device("baddbmm", c, a, b)
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
    one_device("addbmm", c, a, b)
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
    one_device("addmv", c, a, v)
    size[0] = a.sizes[0]
    cdef Tensor start = None
    if beta != 0:
        start = expand_to(shallow(c), 1, size)
        size[0] = a.sizes[0]
        start = as_column(dense_copy(start))
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
