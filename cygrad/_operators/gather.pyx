"""gather, scatter and their kin: elements or slices chosen along one dimension by an index tensor.

All of them are the primitives `gather` and `scatter`, after the checks of their arguments.  Reductions into bool or a
half type are done in a wider type and rounded once.
"""

from cygrad._core cimport (
    any_needs_grad, is_complex_code,
    BOOL, INT32, INT64, HALF, BFLOAT16, FLOAT, MAX_DIMS, Tensor, new_tensor, raw_view, shallow, itemsize_of, wrap_dim)
from cygrad._kernels.copies cimport plain
from cygrad._kernels.index cimport ADD, MAX, MIN, MUL, PUT
from cygrad._operators.family cimport one_device
from cygrad._ops cimport clone, copy_into, refuse_partial_overlap, to_dtype
from cygrad._operators.index cimport along, as_one_dim, gather_into, index_select, scatter_into
from cygrad._walk cimport (
    _INDEX, _INDEX_COPY, _RANGE, _TAKE, end_write, expand_shape, finish_out, shape_text, start_indexed_write,
    start_write, zeros_of)
from cygrad import _core, _ops, _walk
from cygrad._operators import masked as _masked, move as _move

cdef object _mul = _ops.OPS["mul"]
cdef object _div = _ops.OPS["div"]
cdef object _eq = _ops.OPS["eq"]
cdef object _ne = _ops.OPS["ne"]


cdef Tensor mul(a, b):
    return <Tensor> _ops.call(_mul, (a, b))


cdef str type_name(Tensor t):
    return _core.SCALAR_TYPE_NAMES[t.dt]


cdef int check_index(str name, Tensor index) except -1:
    if index.count and index.dt != INT64 and index.dt != INT32:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return 0


cdef Tensor wide_copy(Tensor t):
    return to_dtype(shallow(t), FLOAT if t.dt >= HALF else INT64)


cdef bint is_narrow(Tensor t):
    return t.dt == BOOL or t.dt == HALF or t.dt == BFLOAT16


cdef Tensor pad_to(Tensor t, object shape):
    """`t` in the low corner of zeros of `shape`, where a source was larger than the index; differentiable."""
    cdef int k
    cdef Tensor r = t
    for k in range(t.nd):
        if r.sizes[k] < <Py_ssize_t> shape[k]:
            rest = list(r.shape)
            rest[k] = shape[k] - rest[k]
            r = <Tensor> _move.cat((r, zeros_of(rest, t.dt, t.dev)), k)
    return r


# ------------------------------------------------------------------ gather and scatter

def _gather_backward(node, Tensor g):
    index, = node.saved()
    shape, dim = node.args
    return scatter_add(zeros_of(shape, g.dt, g.dev), dim, index, g)


def gather(Tensor input not None, dim, Tensor index not None, *, bint sparse_grad=False, out=None):
    """out[i][j][k] = input[i][index[i][j][k]][k] for dim == 1; index has input's number of dimensions."""
    cdef Tensor r, a, i
    cdef int d = wrap_dim(dim, input.nd), k
    check_index("gather", index)
    one_device("gather", input, index)
    if index.count:
        a, i = as_one_dim(input), as_one_dim(index)
        if a.nd != i.nd:
            raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
        for k in range(a.nd):
            if k != d and i.sizes[k] > a.sizes[k]:
                raise RuntimeError(f"Size does not match at dimension {k} expected index {shape_text(index)} to be no "
                                   f"larger than self {shape_text(input)} apart from dimension {d}")
    r = new_tensor(index.nd, index.sizes, input.dt, input.dev)
    if r.count:
        gather_into(as_one_dim(r), a, d, i, False, _RANGE, d)
    if any_needs_grad((input,)):
        _core.record(r, "GatherBackward0", (input,), _gather_backward, (index,), (tuple(input.shape), d))
    if out is None:
        return r
    if isinstance(out, Tensor):
        _ops.refuse_overlap(out, r, input, index)
    return finish_out("gather", out, r)


cdef int check_scatter(str name, Tensor self, int d, Tensor index, object src) except -1:
    cdef Tensor s, a, i
    cdef int k
    cdef bint fits = True
    check_index(name, index)
    one_device(name, self, index, <Tensor> src if isinstance(src, Tensor) else None)
    if isinstance(src, Tensor) and (<Tensor> src).dt != self.dt:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if index.count == 0:
        return 0
    a, i = as_one_dim(self), as_one_dim(index)
    if a.nd != i.nd:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    for k in range(a.nd):
        if k != d and i.sizes[k] > a.sizes[k]:
            fits = False
    if not isinstance(src, Tensor):
        if not fits:
            raise RuntimeError(f"Expected index {shape_text(index)} to be no larger than self {shape_text(self)} apart "
                               f"from dimension {d}")
        return 0
    s = as_one_dim(<Tensor> src)
    if s.nd != i.nd:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    for k in range(s.nd):
        if i.sizes[k] > s.sizes[k]:
            fits = False
    if not fits:
        raise RuntimeError(f"Expected index {shape_text(index)} to be no larger than self {shape_text(self)} apart "
                           f"from dimension {d} and to be no larger size than src {shape_text(<Tensor> src)}")
    return 0


cdef int scatter_from(Tensor out, int d, Tensor index, object src, int op) except -1:
    """out[.., index, ..] op= src, a tensor or a number."""
    cdef Tensor a = as_one_dim(out), i = as_one_dim(index), s, wide
    if index.count == 0:
        return 0
    if op >= 0 and is_narrow(out):
        wide = wide_copy(out)
        scatter_from(wide, d, index, to_dtype(shallow(<Tensor> src), wide.dt) if isinstance(src, Tensor) else src, op)
        copy_into(out, wide)
        return 0
    if isinstance(src, Tensor):
        s = as_one_dim(<Tensor> src)
        if s.storage is out.storage:
            refuse_partial_overlap(out, s)
            s = clone(shallow(s))
    else:
        s = expand_shape(<Tensor> _ops.full((), src, out.dt, out.dev), i.shape)
    return scatter_into(a, d, i, s, op, False, _RANGE, d)


def _scatter_backward(node, Tensor g):
    index, = node.saved()
    dim, shape = node.args
    return (scatter(g, dim, index, 0) if node.needs(0) else None,
            pad_to(gather(g, dim, index), shape) if node.needs(1) else None)


def _scatter_number_backward(node, Tensor g):
    index, = node.saved()
    return scatter(g, node.args[0], index, 0)


def _no_scatter_backward(node, *grads):
    raise RuntimeError("derivative for aten::scatter is not implemented")


cdef Tensor scatter_write(Tensor self, dim, Tensor index, object src, object value, object reduce, bint inplace):
    cdef int d = wrap_dim(dim, self.nd), op = PUT
    cdef bint recorded
    cdef Tensor out
    if src is None:
        src = value
    if not isinstance(src, (Tensor, float, int)):
        raise TypeError("scatter() received an invalid combination of arguments: 'src' must be Tensor, or "
                        "'value' Number")
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        op = ADD if reduce == "add" else MUL
    check_scatter("scatter", self, d, index, src)
    out = start_write(self, inplace, (src,), &recorded)
    scatter_from(out, d, index, src, op)
    inputs = (self, src) if isinstance(src, Tensor) else (self,)
    if reduce is not None:
        return end_write(out, inplace, recorded, "NotImplemented", inputs, _no_scatter_backward, None, ())
    if len(inputs) == 2:
        return end_write(out, inplace, recorded, "ScatterBackward0", inputs, _scatter_backward, (index,),
                         (d, tuple((<Tensor> src).shape)))
    return end_write(out, inplace, recorded, "ScatterBackward1", inputs, _scatter_number_backward, (index,), (d,))


def scatter(Tensor input not None, dim, Tensor index not None, src=None, *, value=None, reduce=None, out=None):
    """A copy of `input` with input[i][index[i][j][k]][k] = src[i][j][k] for dim == 1; `src` may be a number."""
    return finish_out("scatter", out, scatter_write(input, dim, index, src, value, reduce, False))


def scatter_(Tensor input not None, dim, Tensor index not None, src=None, *, value=None, reduce=None):
    """scatter in place."""
    return scatter_write(input, dim, index, src, value, reduce, True)


def _scatter_add_backward(node, Tensor g):
    index, = node.saved()
    dim, shape = node.args
    return g, pad_to(gather(g, dim, index), shape) if node.needs(1) else None


cdef Tensor scatter_add_write(Tensor self, dim, Tensor index, Tensor src, bint inplace):
    cdef int d = wrap_dim(dim, self.nd)
    cdef bint recorded
    cdef Tensor out
    check_scatter("scatter", self, d, index, src)
    out = start_write(self, inplace, (src,), &recorded)
    scatter_from(out, d, index, src, ADD)
    return end_write(out, inplace, recorded, "ScatterAddBackward0", (self, src), _scatter_add_backward, (index,),
                     (d, tuple(src.shape)))


def scatter_add(Tensor input not None, dim, Tensor index not None, Tensor src not None, *, out=None):
    """A copy of `input` with src[i][j][k] added to input[i][index[i][j][k]][k] for dim == 1."""
    return finish_out("scatter_add", out, scatter_add_write(input, dim, index, src, False))


def scatter_add_(Tensor input not None, dim, Tensor index not None, Tensor src not None):
    """scatter_add in place."""
    return scatter_add_write(input, dim, index, src, True)


# ------------------------------------------------------------------ scatter_reduce

_REDUCE_OPS = {"sum": ADD, "mean": ADD, "prod": MUL, "amax": MAX, "amin": MIN}


cdef object neutral(str reduce, int dt):
    """The number that changes nothing."""
    if reduce == "sum" or reduce == "mean":
        return 0
    if reduce == "prod":
        return 1
    if dt >= HALF:
        return float("-inf") if reduce == "amax" else float("inf")
    if dt == BOOL:
        return reduce == "amin"
    bits = 8 * itemsize_of(dt)
    low, high = (0, 255) if dt == 1 else (-(1 << bits - 1), (1 << bits - 1) - 1)
    return low if reduce == "amax" else high


cdef Tensor group_sizes(Tensor like, int dim, Tensor index, bint include_self):
    """How many elements each position of the result was made of, at least 1."""
    cdef int dt = FLOAT if is_narrow(like) else like.dt
    cdef Tensor n = <Tensor> _ops.full(like.shape, 1 if include_self else 0, dt, like.dev)
    scatter_from(n, dim, index, 1, ADD)
    return n if include_self else <Tensor> _masked.masked_fill(n, _ops.call(_eq, (n, 0)), 1)


cdef int reduce_into(Tensor out, int d, Tensor index, Tensor src, str reduce, bint include_self) except -1:
    cdef Tensor n
    if not include_self:
        scatter_from(out, d, index, neutral(reduce, out.dt), PUT)
    scatter_from(out, d, index, src, _REDUCE_OPS[reduce])
    if reduce == "mean":
        n = group_sizes(shallow(out), d, index, include_self)
        copy_into(out, <Tensor> (_ops.call(_div, (shallow(out), n)) if out.dt >= HALF else
                                 _ops.call(_ops.OPS["_div_floor"], (shallow(out), n))))
    return 0


def _scatter_reduce_backward(node, Tensor g):
    own, src, index, result = node.saved()
    return reduction_gradients(node, g, own, src, index, result, *node.args)


def reduction_gradients(node, Tensor g, Tensor own, Tensor src, Tensor index, Tensor result, int dim, str reduce,
                        bint include_self):
    """The gradients of every mode; extremes share the gradient evenly among the elements that equal them
    (as PyTorch does, the replaced elements of `own` among these)."""
    mine = theirs = None
    if reduce == "mean":
        g = <Tensor> _ops.call(_div, (g, group_sizes(own, dim, index, include_self)))
    if reduce in ("sum", "mean"):
        mine, theirs = g, gather(g, dim, index) if node.needs(1) else None
    elif reduce == "prod":
        if node.needs(0):
            mine = mul(g, scatter_reduce(_ops.full(own.shape, 1, g.dt, g.dev), dim, index, src, "prod"))
        if node.needs(1):
            theirs = product_gradient(g, own, src, index, result, dim, include_self)
    else:
        mine_hits = to_dtype(<Tensor> _ops.call(_eq, (own, result)), g.dt)
        hits = to_dtype(<Tensor> _ops.call(_eq, (corner(src, index), gather(result, dim, index))), g.dt)
        n = scatter_add(mine_hits, dim, index, hits)
        share = _ops.call(_div, (g, _masked.masked_fill(n, _ops.call(_eq, (n, 0)), 1)))
        mine = mul(share, mine_hits)
        theirs = mul(gather(share, dim, index), hits) if node.needs(1) else None
    if not include_self and node.needs(0):
        mine = scatter(mine, dim, index, 0)
    return mine if node.needs(0) else None, None if theirs is None else pad_to(theirs, src.shape)


cdef Tensor corner(Tensor src, Tensor index):
    """The part of a source that the index covers."""
    return src if src.shape == index.shape else <Tensor> src[tuple([slice(0, n) for n in index.shape])]


cdef object product_gradient(Tensor g, Tensor own, Tensor src, Tensor index, Tensor result, dim, bint include_self):
    """g times the product of the others: by division where the element is not zero, else without the zeros."""
    src = corner(src, index)
    zero = _ops.call(_eq, (src, 0))
    safe = _masked.masked_fill(src, zero, 1)
    zeros = scatter_add(zeros_of(own.shape, g.dt, g.dev), dim, index, to_dtype(<Tensor> zero, g.dt))
    others = scatter_reduce(own, dim, index, safe, "prod", include_self=include_self)
    alone = _ops.call(_eq, (gather(zeros, dim, index), 1))
    rest = _masked.where(zero, _masked.where(alone, gather(others, dim, index), 0.0),
                         _ops.call(_div, (gather(result, dim, index), safe)))
    return mul(gather(g, dim, index), rest)


def scatter_reduce(Tensor input not None, dim, Tensor index not None, Tensor src not None, str reduce not None, *,
                   bint include_self=True, out=None):
    """A copy of `input` with `src` reduced into the positions of index; modes sum, prod, mean, amax, amin."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r
    if reduce not in _REDUCE_OPS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    check_scatter("scatter", input, d, index, src)
    r = clone(shallow(input))
    reduce_into(r, d, index, src, reduce, include_self)
    _core.record(r, "ScatterReduceBackward0", (input, src), _scatter_reduce_backward, (input, src, index, r),
                 (d, reduce, include_self))
    return finish_out("scatter_reduce", out, r)


scatter_reduce_ = _walk.in_place(scatter_reduce, "scatter_reduce_", True)


# ------------------------------------------------------------------ slices chosen by a 1-dim index

cdef int scatter_rows(Tensor out, int dim, Tensor index, Tensor src, int op, bint wraps, int error) except -1:
    """Slices of `out` along `dim` by a 1-dim index."""
    return scatter_into(as_one_dim(out), dim, along(index, out, dim), as_one_dim(src), op, wraps, error, dim)


cdef int check_source(str name, Tensor self, int d, Tensor index, Tensor source, object error) except -1:
    """Source's shape is that of `self` but for `dim`, where it is the index's length."""
    cdef int k
    cdef Py_ssize_t n = source.sizes[d] if source.nd else 1
    if index.nd > 1:
        raise IndexError(f"{name}: Index is supposed to be a vector, but got dim: {index.nd} with type: "
                         f"{type_name(index)}, size: {shape_text(index)}")
    if n != index.count:
        raise error
    for k in range(source.nd):
        if self.nd and (source.nd != self.nd or k != d and source.sizes[k] != self.sizes[k]):
            raise RuntimeError(f"source tensor shape must match self tensor shape, excluding the specified dimension. "
                               f"Got self.shape = {shape_text(self)} source.shape = {shape_text(source)}")
    return 0


def _index_add_backward(node, Tensor g):
    index, = node.saved()
    dim, alpha, zero_dim = node.args
    source = None
    if node.needs(1):
        source = index_select(g, dim, index)
        if alpha != 1:
            source = mul(source, alpha)
        if zero_dim:
            source = source.reshape(())
    return g, source


cdef Tensor index_add_write(Tensor self, dim, Tensor index, Tensor source, alpha, bint inplace):
    cdef int d = wrap_dim(dim, self.nd)
    cdef bint recorded
    cdef Tensor out, s, wide
    one_device("index_add", self, index, source)
    if index.dt != INT64 and index.dt != INT32:
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {type_name(index)}")
    if self.dt != source.dt:
        raise RuntimeError(f"index_add_(): self ({type_name(self)}) and source ({type_name(source)}) must have the "
                           "same scalar type")
    check_source("index_add_()", self, d, index, source, RuntimeError(
        f"index_add_(): Number of indices ({index.count}) should be equal to source.size(dim): "
        f"({source.sizes[d] if source.nd else 1}), for dim: {d}"))
    if self.dt < HALF:          # the scale is cast to the dtype before it scales
        alpha = bool(alpha) if self.dt == BOOL else int(alpha)
    out = start_write(self, inplace, (source,), &recorded)
    s = shallow(source)
    if alpha != 1:
        s = mul(s, alpha)
    elif s.storage is out.storage:
        refuse_partial_overlap(out, s)
        s = clone(s)
    if is_narrow(out):
        wide = wide_copy(out)
        scatter_rows(wide, d, index, to_dtype(s, wide.dt), ADD, False, _RANGE)
        copy_into(out, wide)
    else:
        scatter_rows(out, d, index, s, ADD, False, _RANGE)
    return end_write(out, inplace, recorded, "IndexAddBackward0", (self, source), _index_add_backward, (index,),
                     (d, alpha, source.nd == 0))


def index_add(Tensor input not None, dim, Tensor index not None, Tensor source not None, *, alpha=1, out=None):
    """A copy of `input` with alpha times the slices of `source` added to the slices `index` of `dim`."""
    return finish_out("index_add", out, index_add_write(input, dim, index, source, alpha, False))


def index_add_(Tensor input not None, dim, Tensor index not None, Tensor source not None, *, alpha=1):
    """index_add in place."""
    return index_add_write(input, dim, index, source, alpha, True)


def _index_copy_backward(node, Tensor g):
    index, = node.saved()
    dim, zero_dim = node.args
    source = None
    if node.needs(1):
        source = index_select(g, dim, index)
        if zero_dim:
            source = source.reshape(())
    return index_fill(g, dim, index, 0) if node.needs(0) else None, source


cdef Tensor index_copy_write(Tensor self, dim, Tensor index, Tensor source, bint inplace):
    cdef int d = wrap_dim(dim, self.nd)
    cdef bint recorded
    cdef Tensor out, s
    one_device("index_copy", self, index, source)
    if index.dt != INT64:
        raise IndexError("index_copy_(): Expected a long tensor for index, but got " + type_name(index))
    if self.dt != source.dt:
        raise RuntimeError("index_copy_(): self and source expected to have the same dtype, but got (self) "
                           f"{type_name(self)} and (source) {type_name(source)}")
    check_source("index_copy_()", self, d, index, source, IndexError(
        f"index_copy_(): Number of indices ({index.count}) should be equal to source.size(dim) "
        f"({source.sizes[d] if source.nd else 1})"))
    out = start_write(self, inplace, (source,), &recorded)
    s = shallow(source)
    if s.storage is out.storage:
        refuse_partial_overlap(out, s)
        s = clone(s)
    scatter_rows(out, d, index, s, PUT, False, _INDEX_COPY)
    return end_write(out, inplace, recorded, "IndexCopyBackward0", (self, source), _index_copy_backward, (index,),
                     (d, source.nd == 0))


def index_copy(Tensor input not None, dim, Tensor index not None, Tensor source not None, *, out=None):
    """A copy of `input` whose slices `index` of `dim` are those of `source`."""
    return finish_out("index_copy", out, index_copy_write(input, dim, index, source, False))


def index_copy_(Tensor input not None, dim, Tensor index not None, Tensor source not None):
    """index_copy in place."""
    return index_copy_write(input, dim, index, source, True)


def _index_fill_backward(node, Tensor g):
    index, = node.saved()
    return index_fill(g, node.args[0], index, 0)


def _index_fill_tensor_backward(node, Tensor g):
    index, = node.saved()
    return (index_fill(g, node.args[0], index, 0) if node.needs(0) else None,
            mul(g, index_fill(zeros_of(g.shape, g.dt, g.dev), node.args[0], index, 1)).sum() if node.needs(1) else None)


cdef Tensor index_fill_write(Tensor self, dim, Tensor index, object value, bint inplace):
    cdef int d = wrap_dim(dim, self.nd)
    cdef bint recorded
    cdef Tensor out, v
    one_device("index_fill", self, index)
    if index.dt != INT64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.nd > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if isinstance(value, complex) and not is_complex_code(self.dt):
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    if isinstance(value, Tensor):
        if (<Tensor> value).nd:
            raise RuntimeError("index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{(<Tensor> value).nd} dimension(s).")
        v = to_dtype(shallow(<Tensor> value), self.dt)
        if v.dev != self.dev:
            v = <Tensor> v.to(self.device)
    else:
        v = <Tensor> _ops.full((), value, self.dt, self.dev)
    if inplace:
        _ops.warn_of_expanded("index_fill_", self, "[mask] = scalar")
    out = start_indexed_write(self, inplace, (value,), &recorded)
    shape = list(out.shape) if out.nd else [1]
    shape[d] = index.count
    scatter_rows(out, d, index, expand_shape(v, shape), PUT, True, _INDEX)
    if isinstance(value, Tensor):
        return end_write(out, inplace, recorded, "IndexFillBackward1", (self, value), _index_fill_tensor_backward,
                         (index,), (d,))
    return end_write(out, inplace, recorded, "IndexFillBackward0", (self,), _index_fill_backward, (index,), (d,))


def index_fill(Tensor input not None, dim, Tensor index not None, value):
    """A copy of `input` whose slices `index` of `dim` are filled with `value`."""
    return index_fill_write(input, dim, index, value, False)


def index_fill_(Tensor input not None, dim, Tensor index not None, value):
    """index_fill in place."""
    return index_fill_write(input, dim, index, value, True)


def _index_reduce_backward(node, Tensor g):
    own, source, index, result = node.saved()
    return reduction_gradients(node, g, own, source, spread(index, source, node.args[0]), result, *node.args)


cdef Tensor spread(Tensor index, Tensor source, int dim):
    """A 1-dim index along `dim` with the shape of `source`."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int k
    for k in range(source.nd):
        strides[k] = 0
    if source.nd:
        strides[dim] = index.strides[0] if index.nd else 0
    return raw_view(index, source.nd, source.sizes, strides, index.offset)


def index_reduce(Tensor input not None, dim, Tensor index not None, Tensor source not None, str reduce not None, *,
                 bint include_self=True, out=None):
    """A copy of `input` with the slices of `source` reduced into the slices `index`; modes prod, mean, amax, amin."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r
    one_device("index_reduce", input, index, source)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.dt != INT64 and index.dt != INT32:
        raise RuntimeError(f"index_reduce(): Expected dtype int32/int64 for index but got: {type_name(index)}")
    if input.dt != source.dt:
        raise RuntimeError("index_reduce(): self and source must have the same scalar type")
    check_source("index_reduce()", input, d, index, source, RuntimeError(
        f"index_reduce(): Number of indices ({index.count}) should be equal to source.size(dim): "
        f"({source.sizes[d] if source.nd else 1}), for dim: {d}"))
    r = clone(shallow(input))
    reduce_into(r, d, spread(index, source, d), source, reduce, include_self)
    _core.record(r, "IndexReduceBackward0", (input, source), _index_reduce_backward, (input, source, index, r),
                 (d, reduce, include_self))
    return finish_out("index_reduce", out, r)


index_reduce_ = _walk.in_place(index_reduce, "index_reduce_", True)


# ------------------------------------------------------------------ flat indices

def _take_backward(node, Tensor g):
    index, = node.saved()
    return put(zeros_of(node.args[0], g.dt, g.dev), index, g, True)


cdef Tensor flat(Tensor t):
    """Contiguous elements in one dimension."""
    cdef Py_ssize_t one = 1
    t = plain(t)
    return raw_view(t, 1, &t.count, &one, t.offset)


def take(Tensor input not None, Tensor index not None, *, out=None):
    """The elements at flat positions, in the shape of `index` (int64)."""
    cdef Tensor r
    one_device("take", input, index)
    if index.dt != INT64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {type_name(index)}")
    if input.count == 0 and index.count:
        raise IndexError("take(): tried to take from an empty tensor")
    r = new_tensor(index.nd, index.sizes, input.dt, input.dev)
    gather_into(flat(r), flat(input), 0, flat(index), True, _TAKE, 0)
    if any_needs_grad((input,)):
        _core.record(r, "TakeBackward0", (input,), _take_backward, (index,), (tuple(input.shape),))
    if isinstance(out, Tensor):
        _ops.refuse_overlap(out, r, input, index)
    return finish_out("take", out, r)


def _put_backward(node, Tensor g):
    index, = node.saved()
    accumulate, shape = node.args
    own = source = None
    if node.needs(0):
        own = g if accumulate else put(g, index, zeros_of(index.shape, g.dt, g.dev))
    if node.needs(1):
        source = take(g, index).reshape(shape)
    return own, source


cdef Tensor put_write(Tensor self, Tensor index, Tensor source, bint accumulate, bint inplace):
    cdef bint recorded
    cdef Tensor out, work
    one_device("put", self, index, source)
    if index.dt != INT64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {type_name(index)}")
    if self.dt != source.dt:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got self.dtype = "
                           f"{type_name(self)} and source.dtype = {type_name(source)}")
    if index.count != source.count:
        raise IndexError("put_(): Expected source and index to have the same number of elements, but got "
                         f"source.numel() = {source.count}, index.numel() = {index.count}")
    out = start_write(self, inplace, (source,), &recorded)
    work = plain(out)
    if accumulate and is_narrow(out):
        work = plain(wide_copy(out))
    scatter_into(flat(work), 0, flat(index), flat(to_dtype(shallow(source), work.dt)), ADD if accumulate else PUT, True,
                 _TAKE, 0)
    if work is not out:
        copy_into(out, work)
    return end_write(out, inplace, recorded, "PutBackward0", (self, source), _put_backward, (index,),
                     (accumulate, tuple(source.shape)))


def put(Tensor input not None, Tensor index not None, Tensor source not None, bint accumulate=False):
    """A copy of `input` with `source` at the flat positions `index`."""
    return put_write(input, index, source, accumulate, False)


def put_(Tensor input not None, Tensor index not None, Tensor source not None, bint accumulate=False):
    """put in place."""
    return put_write(input, index, source, accumulate, True)


FUNCTIONS = {
    "gather": gather, "scatter": scatter, "scatter_add": scatter_add, "scatter_reduce": scatter_reduce,
    "index_add": index_add, "index_copy": index_copy, "index_fill": index_fill, "index_reduce": index_reduce,
    "take": take, "put": put,
}
METHODS = {
    **FUNCTIONS, "scatter_": scatter_, "scatter_add_": scatter_add_, "scatter_reduce_": scatter_reduce_,
    "index_add_": index_add_, "index_copy_": index_copy_, "index_fill_": index_fill_, "index_reduce_": index_reduce_,
    "put_": put_,
}
