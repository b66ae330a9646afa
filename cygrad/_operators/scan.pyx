"""Running operators along a dimension: cumsum, cumprod, cummax, cummin, logcumsumexp, and what is made of them."""
from cygrad._core cimport (
    CFLOAT, HALF, BOOL, INT64, Tensor, any_needs_grad, as_dtype_code, grad_enabled, new_tensor, shallow, wrap_dim)
from cygrad._kernels cimport scan as _kernel
from cygrad._ops cimport to_dtype
from cygrad._walk cimport finish_out, slice_of, zeros_of
from cygrad import _core, _ops, _walk
from cygrad._operators import gather as _gather, masked as _masked, move as _move
from cygrad.return_types import named


cdef Tensor scan(str name, Tensor x, int dim, Tensor index):
    """The running operator along `dim`; `index` takes the places of extremes."""
    cdef Tensor y = new_tensor(x.nd, x.sizes, x.dt, x.dev)
    if x.count == 0:
        return y
    if x.dev:
        _core.backend_of(x.dev).scan(name, y, index, x, dim)
    else:
        _kernel.scan(name, y, index, x, dim)
    return y


cdef Tensor call(str op, tuple operands):
    return <Tensor> _ops.call(_ops.OPS[op], operands)


cdef Tensor reverse_cumsum(Tensor g, int dim):
    return _move.flip(cumsum(_move.flip(g, (dim,)), dim), (dim,))


def _cumsum_backward(node, Tensor g):
    dim, dt = node.args
    return to_dtype(reverse_cumsum(g, dim), dt)


def cumsum(Tensor input not None, dim, *, dtype=None, out=None):
    """Running sums along `dim`; integers give int64."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r = scan("cumsum", to_dtype(shallow(input), as_dtype_code(
        dtype, input.dt if input.dt >= HALF else INT64)), d, None)
    _core.record(r, "CumsumBackward0", (input,), _cumsum_backward, None, (d, input.dt))
    return finish_out("cumsum", out, r)


cdef Tensor cumprod_gradient(Tensor x, Tensor g, int dim):
    """sum_{j>=k} g_j prod_{i<=j, i!=k} x_i for every k, without division: quadratic in the length."""
    cdef Py_ssize_t k, n = x.sizes[dim] if x.nd else 1
    cdef list parts = []
    cdef Tensor before, after
    if x.nd == 0:
        return g
    before = <Tensor> _ops.full(slice_of(x, dim, 0, 1, 1).shape, 1, x.dt, 0)
    for k in range(n):
        after = slice_of(g, dim, k, 1, 1)
        if k + 1 < n:
            after = call("add", (after, call("mul", (slice_of(g, dim, k + 1, n - k - 1, 1), cumprod(
                slice_of(x, dim, k + 1, n - k - 1, 1), dim))).sum(dim, keepdim=True)))
        parts.append(call("mul", (before, after)))
        before = call("mul", (before, slice_of(x, dim, k, 1, 1)))
    return <Tensor> _move.cat(parts, dim)


def _cumprod_backward(node, Tensor g):
    """d/dx_i of sum_j g_j y_j is sum_{j>=i} g_j y_j / x_i; at the first zero of a line the product without it."""
    x, = node.saved()
    dim, dt = node.args
    x = to_dtype(<Tensor> x, g.dt).conj()
    zero = call("eq", (x, 0))
    usual = call("div", (reverse_cumsum(call("mul", (g, cumprod(x, dim))), dim), _masked.masked_fill(x, zero, 1)))
    if bool(zero.any().item()):
        if grad_enabled():              # to be differentiated again: the sums as they stand
            return to_dtype(cumprod_gradient(x, g, dim), dt)
        first = call("logical_and", (zero, call("eq", (cumsum(zero, dim), 1))))
        without = cumprod(_masked.masked_fill(x, first, 1), dim)
        usual = _masked.where(first, reverse_cumsum(call("mul", (g, without)), dim), usual)
    return to_dtype(usual, dt)


def cumprod(Tensor input not None, dim, *, dtype=None, out=None):
    """Running products along `dim`; integers give int64."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r = scan("cumprod", to_dtype(shallow(input), as_dtype_code(
        dtype, input.dt if input.dt >= HALF else INT64)), d, None)
    _core.record(r, "CumprodBackward0", (input,), _cumprod_backward, (input,), (d, input.dt))
    return finish_out("cumprod", out, r)


def _logcumsumexp_backward(node, Tensor g):
    """sum_{j>=i} g_j exp(x_i - y_j): in log space, split by the sign of g; shifted by the maximum where the gradient
    itself is to be differentiated, which -inf would break."""
    x, y = node.saved()
    dim, = node.args
    if grad_enabled():
        top = cummax(_move.flip(x.detach(), (dim,)), dim)[0]
        top = slice_of(<Tensor> top, dim, (<Tensor> top).sizes[dim] - 1, 1, 1) if (<Tensor> top).nd else top
        tail = reverse_cumsum(call("mul", (g, call("exp", (call("sub", (top, y)),)))), dim)
        return call("mul", (tail, call("exp", (call("sub", (x, top)),))))
    grads = []
    for sign in (1, -1):
        part = call("mul", (g, sign))
        logs = _masked.where(call("gt", (part, 0)), call("log", (part,)), float("-inf"))
        back = _move.flip(logcumsumexp(_move.flip(call("sub", (logs, y)), (dim,)), dim), (dim,))
        grads.append(call("exp", (call("add", (back, x)),)))
    return call("sub", (grads[0], grads[1]))


cdef Tensor complex_logcumsumexp(Tensor x, int d):
    """Slice by slice, each added to the sum of those before."""
    cdef list sums = []
    if x.nd == 0 or x.sizes[d] == 0:
        return <Tensor> _ops.clone_tensor(x)
    for part in x.unbind(d):
        sums.append(call("logaddexp", (sums[len(sums) - 1], part)) if sums else part)
    return <Tensor> _move.stack(sums, d)


def logcumsumexp(Tensor input not None, dim, *, out=None):
    """log of the running sums of exp along `dim`."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r
    if input.dt >= CFLOAT:
        return finish_out("logcumsumexp", out, complex_logcumsumexp(input, d))
    if not HALF <= input.dt:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{_core.SCALAR_TYPE_NAMES[input.dt]}'")
    r = scan("logcumsumexp", input, d, None)
    _core.record(r, "LogcumsumexpBackward0", (input,), _logcumsumexp_backward, (input, r), (d,))
    return finish_out("logcumsumexp", out, r)


def _extreme_backward(node, Tensor g, _=None):
    index, = node.saved()
    shape, dim = node.args
    return _gather.scatter_add(zeros_of(shape, g.dt, g.dev), dim, index, g)


cdef object running_extreme(str name, str node, Tensor x, dim, object out):
    cdef int d = wrap_dim(dim, x.nd)
    cdef Tensor index, values
    if x.dt >= CFLOAT:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{_core.SCALAR_TYPE_NAMES[x.dt]}'")
    if out is not None and (not isinstance(out, (tuple, list)) or len(out) != 2):
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    index = new_tensor(x.nd, x.sizes, INT64, x.dev)
    values = scan(name, x, d, index)
    if any_needs_grad((x,)):
        _core.record((values, index), node, (x,), _extreme_backward, (index,), (tuple(x.shape), d))
    if out is not None:
        values, index = finish_out(name, out[0], values), finish_out(name, out[1], index)
    return named(name if out is None else name + "_out", ("values", "indices"), (values, index))


def cummax(Tensor input not None, dim, *, out=None):
    """(values, indices) of the running maximum along `dim`; NaN stays."""
    return running_extreme("cummax", "CummaxBackward0", input, dim, out)


def cummin(Tensor input not None, dim, *, out=None):
    """(values, indices) of the running minimum along `dim`; NaN stays."""
    return running_extreme("cummin", "CumminBackward0", input, dim, out)


# ------------------------------------------------------------------ differences and trapezoids

def diff(Tensor input not None, Py_ssize_t n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th difference of neighbours along `dim`."""
    cdef int d
    cdef Tensor x = input
    cdef Py_ssize_t k
    if x.nd == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    d = wrap_dim(dim, x.nd)
    if n == 0:                          # PyTorch joins nothing then
        return finish_out("diff", out, _ops.clone_tensor(x))
    parts = [p for p in (prepend, x, append) if p is not None]
    if len(parts) > 1:
        x = <Tensor> _move.cat(parts, d)
    for _ in range(min(n, x.sizes[d] + 1)):     # then nothing is left to take away
        k = x.sizes[d] - 1 if x.sizes[d] else 0
        high, low = slice_of(x, d, 1 if x.sizes[d] else 0, k, 1), slice_of(x, d, 0, k, 1)
        x = call("logical_xor", (high, low)) if x.dt == BOOL else call("sub", (high, low))
    return finish_out("diff", out, x)


def _by_number_backward(node, Tensor g):
    op, number = node.args
    return by_number(op, g, number.conjugate())


def by_number(str op, Tensor t not None, number):
    """t * number or t / number ("mul", "div") where the number is no operand: the node keeps nothing, as that of
    PyTorch's composites."""
    r = _ops.call(_ops.OPS[op], (shallow(t), number))
    return _core.record(r, "MulBackward1" if op == "mul" else "DivBackward1", (t,), _by_number_backward, None,
                        (op, number))


cdef tuple neighbour_sums(str name, Tensor y, x, int d):
    """y_i + y_{i+1}, and the widths x_{i+1} - x_i (None without x)."""
    cdef Py_ssize_t n = y.sizes[d]
    cdef Tensor t, both
    cdef Py_ssize_t k = n - 1 if n else 0
    both = call("add", (slice_of(y, d, 0, k, 1), slice_of(y, d, n - k, k, 1)))
    if x is None:
        return both, None
    t = <Tensor?> x
    if t.nd == 1:
        if t.count != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        return both, diff(t).reshape([-1] + [1] * (y.nd - 1 - d))
    if t.nd == y.nd and t.sizes[d] != n:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    return both, diff(t, 1, d - y.nd)


def trapezoid(Tensor y not None, x=None, *, dx=None, dim=-1):
    """The integral of samples `y` along `dim` by the trapezoidal rule, at points `x` or `dx` (1) apart."""
    cdef int d
    if y.nd == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, y.nd)
    both, widths = neighbour_sums("trapezoid", y, x, d)
    if widths is not None:
        return by_number("div", call("mul", (both, widths)).sum(d), 2.0)
    return by_number("mul", both.sum(d), (1.0 if dx is None else dx) / 2)


def cumulative_trapezoid(Tensor y not None, x=None, *, dx=None, dim=-1):
    """The running integrals of `y` along `dim` by the trapezoidal rule."""
    cdef int d
    if y.nd == 0:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, y.nd)
    both, widths = neighbour_sums("cumulative_trapezoid", y, x, d)
    if widths is not None:
        return by_number("div", cumsum(call("mul", (both, widths)), d), 2.0)
    return cumsum(by_number("mul", both, (1.0 if dx is None else dx) / 2), d)


FUNCTIONS = {
    "cumsum": cumsum, "cumprod": cumprod, "logcumsumexp": logcumsumexp, "cummax": cummax, "cummin": cummin,
    "diff": diff, "trapezoid": trapezoid, "trapz": trapezoid, "cumulative_trapezoid": cumulative_trapezoid,
}
METHODS = {
    "cumsum": cumsum, "cumprod": cumprod, "logcumsumexp": logcumsumexp, "cummax": cummax, "cummin": cummin,
    "diff": diff, "cumsum_": _walk.in_place(cumsum, "cumsum_", True),
    "cumprod_": _walk.in_place(cumprod, "cumprod_", True),
}
