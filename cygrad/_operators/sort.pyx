"""Order: sort, topk, kthvalue, median, mode, quantile, unique, searchsorted, histc, bincount.

Among equal elements topk, kthvalue, and sorts that need not be stable choose as PyTorch does on the CPU (but for
sorts of long lines), and the first on other devices; so does median everywhere.
"""
from cygrad._core cimport (
    BOOL, CFLOAT, DOUBLE, FLOAT, HALF, INT32, INT64, MAX_DIMS, META, Tensor, any_needs_grad, default_dtype_code,
    new_tensor, raw_view, refuse_complex, shallow, wrap_dim)
from cygrad._ops cimport clone, copy_into, fill, new_like_operands, to_dtype
from cygrad._kernels cimport sort as _kernel
from cygrad._kernels.copies cimport plain
from cygrad._operators.family cimport one_device
from cygrad._operators.index cimport index_select
from cygrad._walk cimport finish_out, select_of, shape_text, slice_of, unsqueeze_one, zeros_of
from cygrad import _core, _ops
from cygrad._operators import gather as _gather, masked as _masked, move as _move
from cygrad.return_types import named


def call(str op, *operands):
    """An elementwise operator of the table."""
    return _ops.call(_ops.OPS[op], operands)


# ------------------------------------------------------------------ lines

cdef int put_in_order(Tensor values, Tensor indices, Tensor x, int dim, bint descending, bint stable) except -1:
    if x.dt >= CFLOAT:
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if x.count == 0:
        return 0
    if x.dev:
        _core.backend_of(x.dev).sort(values, indices, x, dim, descending)
        return 0
    return _kernel.sort(values, indices, x, dim, descending, stable)


cdef int choose(str name, Tensor values, Tensor indices, Tensor x, int dim, Py_ssize_t k, bint largest,
                bint ordered=True) except -1:
    if x.dt >= CFLOAT:
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if x.count == 0:
        return 0
    if x.dev:
        _core.backend_of(x.dev).choose(name, values, indices, x, dim, k, largest)
        return 0
    return _kernel.choose(name, values, indices, x, dim, k, largest, ordered)


cdef Tensor like_with(Tensor x, int dim, Py_ssize_t k, int dt):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    for i in range(x.nd):
        sizes[i] = x.sizes[i]
    if x.nd:
        sizes[dim] = k
    return new_tensor(x.nd, sizes, dt, x.dev)


cdef Tensor without_dim(Tensor t, int dim):
    """Drops a dimension of size 1 of a fresh tensor."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    if t.nd == 0:
        return t
    for i in range(t.nd - 1):
        sizes[i] = t.sizes[i if i < dim else i + 1]
    return reshaped(t, t.nd - 1, sizes)


cdef Tensor reshaped(Tensor t, int nd, const Py_ssize_t* sizes):
    """A contiguous tensor's elements in another shape, without history."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Py_ssize_t step = 1
    cdef int i
    for i in range(nd - 1, -1, -1):
        strides[i] = step
        step *= sizes[i] if sizes[i] else 1
    return raw_view(t, nd, sizes, strides, t.offset)


def _choice_backward(node, Tensor g, _=None):
    """For results that are chosen elements, each at most once: the gradient goes back to where they came from."""
    index, = node.saved()
    shape, dim, dropped = node.args
    if dropped and len(shape):
        g, index = unsqueeze_one(g, dim), unsqueeze_one(index, dim)
    return _gather.scatter_add(zeros_of(shape, g.dt, g.dev), dim, index, g)


cdef object chosen(str op, str node, Tensor x, Tensor values, Tensor index, int dim, bint dropped):
    """Records values chosen along `dim` and names the pair."""
    if any_needs_grad((x,)):
        _core.record((values, index), node, (x,), _choice_backward, (index,), (tuple(x.shape), dim, dropped))
    return named(op, ("values", "indices"), (values, index))


cdef object finish_pair(str op, object out, object result):
    if out is None:
        return result
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"{op}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    pair = (finish_out(op + " values", out[0], <Tensor> result[0]),
            finish_out(op + " indices", out[1], <Tensor> result[1]))
    return named(op + "_out", ("values", "indices"), pair)


cdef int check_nonempty(str name, Tensor x, int dim) except -1:
    if x.nd and x.sizes[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return 0


# ------------------------------------------------------------------ sort and topk

cdef Tensor laid_like(Tensor r, Tensor x):
    """The elements of `r` in the order in which those of `x` lie."""
    cdef Tensor other = new_like_operands(x.nd, x.sizes, (x,), r.dt, r.dev)
    copy_into(other, r)
    return other


def sort(Tensor input not None, dim=-1, bint descending=False, stable=None, *, out=None):
    """(values, indices) in order along `dim`; NaN counts as the largest."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor values = new_tensor(input.nd, input.sizes, input.dt, input.dev)
    cdef Tensor index = new_tensor(input.nd, input.sizes, INT64, input.dev)
    put_in_order(values, index, clone(shallow(input)) if input.dt == BOOL else input, d, descending,
                 stable is not None and stable)
    if not input.contiguous:
        values, index = laid_like(values, input), laid_like(index, input)
    return finish_pair("sort", out, chosen(
        "sort", "SortBackward0" if stable is None else "SortBackward1", input, values, index, d, False))


def argsort(Tensor input not None, dim=-1, bint descending=False, bint stable=False):
    """The indices that sort `input` along `dim`."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor index = new_tensor(input.nd, input.sizes, INT64, input.dev)
    put_in_order(None, index, clone(shallow(input)) if input.dt == BOOL else input, d, descending,
                 stable)
    return index


def msort(Tensor input not None, *, out=None):
    """`input` sorted along its first dimension."""
    return finish_out("msort", out, sort(input, 0)[0])


def topk(Tensor input not None, Py_ssize_t k, dim=-1, bint largest=True, bint sorted=True, *, out=None):
    """The k largest (or smallest) elements along `dim` in order, and their indices."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor values, index
    if input.dt == BOOL:
        raise NotImplementedError("\"topk_cpu\" not implemented for 'Bool'")
    if k < 0 or k > (input.sizes[d] if input.nd else 1):
        raise RuntimeError("selected index k out of range")
    values, index = like_with(input, d, k, input.dt), like_with(input, d, k, INT64)
    if values.count:
        choose("topk", values, index, input, d, k if input.nd else 1, largest, sorted)
    return finish_pair("topk", out, chosen("topk", "TopkBackward0", input, values, index, d, False))


# ------------------------------------------------------------------ one element per line

cdef object choose_one(str op, str node, Tensor input, dim, Py_ssize_t nth, bint keepdim, object out):
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor values, index
    check_nonempty(op, input, d)
    values, index = like_with(input, d, 1, input.dt), like_with(input, d, 1, INT64)
    if out is not None:
        _ops.refuse_overlap(out[0], None, input)
    choose(op, values, index, input, d, nth, False)
    if not keepdim:
        values, index = without_dim(values, d), without_dim(index, d)
    return finish_pair(op, out, chosen(op, node, input, values, index, d, not keepdim))


def kthvalue(Tensor input not None, Py_ssize_t k, dim=-1, bint keepdim=False, *, out=None):
    """The k-th smallest element (k from 1) along `dim`, and its index."""
    cdef int d = wrap_dim(dim, input.nd)
    check_nonempty("kthvalue", input, d)
    if k < 1 or k > (input.sizes[d] if input.nd else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    if input.dt == BOOL:
        raise NotImplementedError("\"kthvalue_cpu\" not implemented for 'Bool'")
    return choose_one("kthvalue", "KthvalueBackward0", input, dim, k - 1, keepdim, out)


def mode(Tensor input not None, dim=-1, bint keepdim=False, *, out=None):
    """The most frequent element along `dim` (the smallest of several), and the last index it is at."""
    return choose_one("mode", "ModeBackward0", input, dim, 0, keepdim, out)


def _even_backward(node, Tensor g):
    """The gradient is shared by all elements that equal the result."""
    cdef Tensor x, result
    x, result = node.saved()
    hits = call("eq", x, result)
    if result.dt >= HALF and bool(call("ne", result, result).item()):
        hits = call("ne", x, x)
    hits = to_dtype(<Tensor> hits, g.dt)
    return call("mul", hits, call("div", g, hits.sum()))


cdef object whole_median(str op, str node, Tensor input):
    cdef Tensor x, values, index
    cdef Py_ssize_t n
    if input.dt == BOOL:
        raise NotImplementedError("\"median_cpu\" not implemented for 'Bool'")
    values = new_tensor(0, NULL, input.dt, input.dev)
    if input.count == 0:
        fill(values, float("nan") if input.dt >= HALF else -1 << 63 if input.dt == INT64 else 0)
        return values
    n = input.count
    x = reshaped(plain(input), 1, &n)
    index = new_tensor(0, NULL, INT64, input.dev)
    choose(op, values, index, x, 0, 0, False)
    if any_needs_grad((input,)):
        _core.record(values, node, (input,), _even_backward, (input, values))
    return values


def median(Tensor input not None, dim=None, bint keepdim=False, *, out=None):
    """The median of all elements, or (values, indices) along `dim`: the lower one of two; NaN if there is a NaN."""
    if dim is None:
        return finish_out("median", out, whole_median("median", "MedianBackward0", input))
    if input.dt == BOOL:
        raise NotImplementedError("\"median_out\" not implemented for 'Bool'")
    return choose_one("median", "MedianBackward1", input, dim, 0, keepdim, out)


def nanmedian(Tensor input not None, dim=None, bint keepdim=False, *, out=None):
    """median without the NaNs."""
    if dim is None:
        return finish_out("nanmedian", out, whole_median("nanmedian", "NanmedianBackward0", input))
    if input.dt == BOOL:
        raise NotImplementedError("\"nanmedian_out\" not implemented for 'Bool'")
    return choose_one("nanmedian", "NanmedianBackward1", input, dim, 0, keepdim, out)


# ------------------------------------------------------------------ quantile

def _quantile(str name, Tensor x, q, dim, bint keepdim, str interpolation, bint skip_nan, out):
    cdef int d, nd = x.nd
    cdef Py_ssize_t n
    cdef Tensor qt
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
        qt = <Tensor> _ops.full((), q, x.dt, x.dev)
    else:
        qt = <Tensor> q
        one_device(name, x, qt)
    if x.count == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if qt.nd > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if x.dt != FLOAT and x.dt != DOUBLE:
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if x.dt != qt.dt:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError("quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
                           f"got {interpolation}")
    if isinstance(q, Tensor) and not bool(call("logical_and", call("ge", qt, 0), call("le", qt, 1)).all().item()):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    d = 0 if dim is None else wrap_dim(dim, nd)
    # The line is the last dimension from here on.
    flat = x.reshape((-1,)) if dim is None or nd == 0 else x.permute([i for i in range(nd) if i != d] + [d])
    ordered = sort(flat, -1, stable=True)[0]
    n = (<Tensor> ordered).sizes[(<Tensor> ordered).nd - 1]
    lines = tuple(ordered.shape)[:(<Tensor> ordered).nd - 1]
    flat_q = qt.reshape((-1,))
    m = qt.count
    if skip_nan:
        good = to_dtype(<Tensor> call("logical_not", call("isnan", shallow(<Tensor> ordered))), x.dt)
        last = call("maximum", call("sub", good.sum(-1, keepdim=True), 1), zeros_of((), x.dt, x.dev))
        ranks = call("mul", flat_q, last)
    else:
        ranks = call("mul", flat_q, n - 1).expand(lines + (m,))
        # A line with a NaN (which is sorted to the end) is NaN at every rank.
        bad = call("isnan", slice_last(shallow(<Tensor> ordered), n - 1))
        ranks = _masked.where(bad, _ops.full((), n - 1, x.dt, x.dev), ranks)
    if interpolation == "nearest":
        ranks = call("round", ranks)
    elif interpolation == "lower":
        ranks = call("floor", ranks)
    elif interpolation == "higher":
        ranks = call("ceil", ranks)
    below = to_dtype(<Tensor> ranks, INT64)
    result = _gather.gather(ordered, -1, below)
    if interpolation in ("linear", "midpoint"):
        weights = _ops.full(ranks.shape, 0.5, x.dt, x.dev) if interpolation == "midpoint" else call("sub", ranks, below)
        if interpolation == "midpoint":
            weights = _masked.where(call("eq", ranks, below), 0.0, weights)
        above = to_dtype(<Tensor> call("ceil", ranks), INT64)
        result = call("lerp", result, _gather.gather(ordered, -1, above), weights)
    # from (lines, m) to (m, lines), with the dimension put back where it is kept
    result = result.permute([len(lines)] + list(range(len(lines))))
    if keepdim and nd:
        result = result.reshape((m,) + (1,) * nd) if dim is None else unsqueeze_one(<Tensor> result, d + 1)
    if qt.nd == 0:
        result = select_of(<Tensor> result, 0, 0)
    return finish_out(name, out, <Tensor> result)


cdef Tensor slice_last(Tensor t, Py_ssize_t i):
    return slice_of(t, t.nd - 1, i, 1, 1)


def quantile(Tensor input not None, q, dim=None, bint keepdim=False, *, str interpolation="linear", out=None):
    """The q-th quantiles along `dim` (of all elements if None): q a number or a 1-dim tensor, which leads the shape."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False, out)


def nanquantile(Tensor input not None, q, dim=None, bint keepdim=False, *, str interpolation="linear", out=None):
    """quantile without the NaNs."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True, out)


# ------------------------------------------------------------------ unique

def _no_unique_backward(node, *grads):
    raise RuntimeError(f"the derivative for '{node.args[0]}' is not implemented.")


cdef object unique_result(str node, str name, Tensor input, Tensor rows, Tensor order, Tensor ordered, int dim,
                          bint nan_equal, object inverse_shape, bint inverse, bint counts):
    """The runs of equal ones among the rows of an (n, m) tensor, in an order (None: as they stand): the first of each
    from `ordered` along dim, and on request where each row went and how many there were."""
    cdef Py_ssize_t n = rows.sizes[0], groups = 0
    cdef int dev = input.dev
    cdef Tensor group = new_tensor(1, &n, INT64, dev), first, inv, number, values
    cdef Tensor by = order if ordered is None else None     # `ordered` are the rows in order
    if dev == META:
        raise NotImplementedError(f"aten::{name}: attempted to run this operator with Meta tensors, but its output's "
                                  "shape depends on the data")
    if n:
        groups = _core.backend_of(dev).runs(group, rows, by, nan_equal) if dev else \
            _kernel.runs(group, rows, by, nan_equal)
    first, number = new_tensor(1, &groups, INT64, dev), new_tensor(1, &groups, INT64, dev)
    inv = new_tensor(1, &n, INT64, dev)
    if n and dev:
        _core.backend_of(dev).run_places(first, inv, number, group, order)
    elif n:
        _kernel.run_places(first, inv, number, group, order)
    if ordered is None:
        values = index_select(shallow(input), dim, index_select(order, 0, first) if order is not None else first)
    else:
        values = index_select(shallow(ordered), 0, first)
    _core.record(values, node, (input,), _no_unique_backward, None, (name,))
    if not inverse and not counts:
        return values
    result = (values,)
    if inverse:
        result += (inv.reshape(inverse_shape),)
    if counts:
        result += (number,)
    return result


cdef object unique_flat(str node, str name, Tensor input, bint sorts, bint inverse, bint counts):
    cdef Py_ssize_t n = input.count
    cdef Py_ssize_t[2] column
    cdef Tensor ordered = reshaped(plain(input), 1, &n), order = None
    refuse_complex("unique", input)
    if input.dt == BOOL:
        ordered = clone(ordered)        # to bytes 0 and 1
    if sorts:
        ordered, order = sort(shallow(ordered), 0, stable=True)
    column[0], column[1] = n, 1
    # Sorted, the elements are their own rows; `order` says where they were.
    return unique_result(node, name, input, reshaped(ordered, 2, column), order, ordered, 0, False, tuple(input.shape),
                         inverse, counts)


cdef Tensor told_apart(Tensor rows):
    """Rows with NaN equal no other: they get a number of their own as one more column."""
    cdef Py_ssize_t n = rows.sizes[0]
    nan = _ops.call(_ops.OPS["isnan"], (rows,)).any(1)
    if not bool(nan.any()):
        return rows
    number = _ops.call(_ops.OPS["mul"], (nan, _core.Tensor.cumsum(nan, 0)))
    return <Tensor> _move.cat((to_dtype(rows, DOUBLE), to_dtype(<Tensor> number.reshape((n, 1)), DOUBLE)), 1)


cdef object unique_rows(str node, str name, Tensor input, dim, bint sorts, bint inverse, bint counts):
    cdef int d = wrap_dim(dim, input.nd), i
    cdef Py_ssize_t n = input.sizes[d]
    cdef Py_ssize_t[2] both
    cdef Tensor rows, order = None
    refuse_complex("unique", input)
    for i in range(input.nd):
        if i != d and input.sizes[i] == 0:
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    both[0], both[1] = n, input.count // n if n else 0
    rows = reshaped(plain(<Tensor> shallow(input).transpose(0, d)), 2, both)
    if n and HALF <= input.dt and input.dev != META:
        rows = told_apart(rows)
    if sorts:
        order = new_tensor(1, &n, INT64, input.dev)
        if n and input.dev:
            _core.backend_of(input.dev).order_rows(order, rows)
        elif n:
            _kernel.order_rows(order, rows)
    return unique_result(node, name, input, rows, order, None, d, True, (n,), inverse, counts)


def unique(Tensor input not None, bint sorted=True, bint return_inverse=False, bint return_counts=False, dim=None):
    """The distinct elements (slices along `dim`) in order, and on request where each went and how many there were."""
    if dim is None:
        return unique_flat("Unique2Backward0", "_unique2", input, True, return_inverse, return_counts)
    return unique_rows("UniqueDimBackward0", "unique_dim", input, dim, True, return_inverse, return_counts)


def unique_consecutive(Tensor input not None, bint return_inverse=False, bint return_counts=False, dim=None):
    """The first element (slice along `dim`) of each run of equal ones; inverse and counts on request."""
    if dim is None:
        return unique_flat("UniqueConsecutiveBackward0", "unique_consecutive", input, False, return_inverse,
                           return_counts)
    return unique_rows("UniqueConsecutiveBackward0", "unique_consecutive", input, dim, False, return_inverse,
                       return_counts)


# ------------------------------------------------------------------ searching

cdef Tensor search(Tensor bounds, Tensor values, bint right, Tensor sorter, int dt):
    """For each value the place in its line of sorted `bounds` (one line, or as many as the values have)."""
    cdef Tensor result = new_tensor(values.nd, values.sizes, INT64, values.dev), a, v
    cdef int common = _ops.promote_types(bounds.dtype, values.dtype).code
    refuse_complex("searchsorted", bounds)
    refuse_complex("searchsorted", values)
    a, v = to_dtype(shallow(bounds), common), to_dtype(shallow(values), common)
    if bounds.sizes[bounds.nd - 1] == 0:
        fill(result, 0)
    elif result.count:
        if result.dev:
            _core.backend_of(result.dev).search(result, a, v, sorter, right)
        else:
            _kernel.search(result, a, v, sorter, right)
    return to_dtype(result, dt)


def searchsorted(Tensor sorted_sequence not None, input, *, bint out_int32=False, bint right=False, side=None,
                 sorter=None, out=None):
    """Where each value belongs in the sorted last dimension; right: behind equal elements."""
    cdef Tensor a = sorted_sequence, v
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        if side == "left" and right:
            raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while "
                               "right was True")
        right = side == "right"
    if isinstance(input, Tensor):
        v = <Tensor> input
        one_device("searchsorted", a, v, sorter)
    else:
        v = <Tensor> _ops.full((), input, a.dt if a.dt >= HALF or isinstance(input, int) else default_dtype_code(),
                               a.dev)
    if sorter is not None:
        if tuple(sorter.shape) != tuple(a.shape):
            raise RuntimeError("torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
                               f"tensor {shape_text(a)}and got sorter tensor {shape_text(<Tensor?> sorter)}")
        if (<Tensor?> sorter).dt != INT64:
            raise RuntimeError("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                               f"{_core.SCALAR_TYPE_NAMES[(<Tensor> sorter).dt]}")
        if (<Tensor> sorter).count and (<Tensor> sorter).dev != META and not (
                0 <= sorter.min().item() <= sorter.max().item() < a.sizes[a.nd - 1]):
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
    if a.nd == 0:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is "
                           "1, but we got boundaries tensor dim(0) and input value's dim("
                           f"{v.nd}) numel({v.count})")
    if a.nd != 1:
        if not isinstance(input, Tensor):
            raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor "
                               f"dimension is 1, but we got boundaries tensor dim({a.nd}) and input value's dim(0) "
                               "numel(1)")
        if a.nd != v.nd or tuple(a.shape)[:a.nd - 1] != tuple(v.shape)[:v.nd - 1]:
            raise RuntimeError("torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
                               "dimensions of boundaries tensor and input value tensor must match, but we got "
                               f"boundaries tensor {shape_text(a)} and input value tensor {shape_text(v)}")
    return finish_out("searchsorted", out, search(a, v, right, <Tensor> sorter, INT32 if out_int32 else INT64))


def bucketize(input, Tensor boundaries not None, *, bint out_int32=False, bint right=False, out=None):
    """The number of the bucket between sorted boundaries that each value falls in."""
    if boundaries.nd != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.nd})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


# ------------------------------------------------------------------ counting

def bincount(Tensor input not None, weights=None, Py_ssize_t minlength=0):
    """How often each value of a 1-dim tensor of integers >= 0 occurs, or the sum of the weights where it does."""
    cdef Tensor x, r, w
    cdef Py_ssize_t n = minlength
    if input.dt == BOOL or input.dt >= HALF:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{_core.SCALAR_TYPE_NAMES[input.dt]}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.nd == 1 and input.count == 0:
        return zeros_of((minlength,), INT64, input.dev)
    if input.dev == META:
        raise NotImplementedError("aten::bincount: attempted to run this operator with Meta tensors, but its output's "
                                  "shape depends on the data")
    x = to_dtype(shallow(input), INT64)
    least = (x.min().item() if x.dev else _kernel.greatest(x)) if x.nd == 1 else -1
    if least < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    n = max(n, (x.max().item() if x.dev else least) + 1)
    if weights is None:
        r = new_tensor(1, &n, INT64, x.dev)
        if x.dev:
            _core.backend_of(x.dev).bincount(r, x)
        else:
            _kernel.bincount(r, x)
        return r
    w = <Tensor?> weights
    one_device("bincount", input, w)
    if w.nd != 1 or w.count != x.count:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    dt = FLOAT if w.dt == FLOAT else DOUBLE
    return _gather.index_add_(zeros_of((n,), dt, x.dev), 0, x, to_dtype(shallow(w), dt))


def histc(Tensor input not None, Py_ssize_t bins=100, min=0, max=0, *, out=None):
    """Counts of the elements in equal bins between min and max (both 0: the data's own range); NaN is not counted."""
    cdef Tensor x, r
    cdef double low = min, high = max
    if input.dt != FLOAT and input.dt != DOUBLE:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{_core.SCALAR_TYPE_NAMES[input.dt]}'")
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    x = shallow(input)
    if low == high and x.count and x.dev != META:
        low, high = x.min().item(), x.max().item()      # both NaN where there is one
    if low == high:
        low, high = low - 1, high + 1
    if not (-1e308 * 10 < low <= high < 1e308 * 10):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    r = zeros_of((bins,), x.dt, x.dev)
    if x.count and x.dev:
        _core.backend_of(x.dev).histc(r, x, low, high)
    elif x.count:
        _kernel.histc(r, x, low, high)
    return finish_out("histc", out, r)


FUNCTIONS = {
    "sort": sort, "argsort": argsort, "msort": msort, "topk": topk, "kthvalue": kthvalue, "mode": mode,
    "median": median, "nanmedian": nanmedian, "quantile": quantile, "nanquantile": nanquantile, "unique": unique,
    "unique_consecutive": unique_consecutive, "searchsorted": searchsorted, "bucketize": bucketize,
    "bincount": bincount, "histc": histc,
}
METHODS = {name: FUNCTIONS[name] for name in FUNCTIONS if name not in ("searchsorted", "bucketize")}
