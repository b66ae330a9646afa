"""Masks: where, masked_fill, masked_select, masked_scatter and nonzero."""
from cygrad._core cimport (
    any_needs_grad, BOOL, INT64, MAX_DIMS, UINT8, Tensor, attach, new_tensor, raw_view, shallow)
from cygrad._kernels.copies cimport plain
from cygrad._kernels.index cimport masked_put
from cygrad._operators.family cimport one_device
from cygrad._ops cimport (
    copy_into, expand_to, fill, new_like_operands, refuse_partial_overlap, result_dtype, sum_to, to_dtype)
from cygrad._operators.index cimport compress, coordinates_of, mask_positions, row_of, where_into
from cygrad._walk cimport (
    broadcast_of, end_write, expand_shape, finish_out, shape_text, slice_of, start_write, zeros_of)
from cygrad import _core, _ops
from cygrad._operators import move as _move

cdef object _not_equal = _ops.OPS["ne"]


def _where_backward(node, Tensor g):
    condition, = node.saved()
    shapes, dts = node.args
    zero = zeros_of((), g.dt, g.dev)
    a = b = None
    if node.needs(0):
        a = to_dtype(sum_to(where(condition, g, zero), shapes[0]), dts[0])
    if node.needs(1):
        b = to_dtype(sum_to(where(condition, zero, g), shapes[1]), dts[1])
    return a, b


cdef Tensor scalar_of(object x, int dt, int dev):
    return <Tensor> _ops.full((), x, dt, dev)


def where(condition, input=None, other=None, *, out=None):
    """`input` where the bool tensor `condition` is true, else `other`; with one argument nonzero(as_tuple=True)."""
    cdef Tensor c, a, b, r, ta = None, tb = None
    cdef int dt
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd, i, dev = 0
    if not isinstance(condition, Tensor):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    c = <Tensor> condition
    for x in (input, other):
        if not isinstance(x, (Tensor, float, int, complex)):
            raise TypeError("where() received an invalid combination of arguments - got ("
                            + ", ".join([type(y).__name__ for y in (condition, input, other) if y is not None])
                            + "), but expected one of:\n * (Tensor condition)\n"
                              " * (Tensor condition, Tensor input, Tensor other, *, Tensor out = None)\n"
                              " * (Tensor condition, Number self, Tensor other)\n"
                              " * (Tensor condition, Tensor input, Number other)\n"
                              " * (Tensor condition, Number self, Number other)\n")
    if c.dt != BOOL and c.dt != UINT8:
        raise RuntimeError("where expected condition to be a boolean tensor, but got a tensor with dtype "
                           f"{_core.SCALAR_TYPE_NAMES[c.dt]}")
    dt = result_dtype((input, other))
    a = to_dtype(shallow(<Tensor> input), dt) if isinstance(input, Tensor) else scalar_of(input, dt, 0)
    b = to_dtype(shallow(<Tensor> other), dt) if isinstance(other, Tensor) else scalar_of(other, dt, 0)
    for x in (c, a, b):
        dev = (<Tensor> x).dev or dev
    shape = broadcast_of((c, a, b))
    nd = <int> len(shape)
    for i in range(nd):
        sizes[i] = shape[i]
    r = new_like_operands(nd, sizes, (c, a, b), dt, dev)
    if dev:
        if r.count:
            _core.backend_of(dev).where(r, *[on_device(<Tensor> x, r) for x in (c, a, b)])
    else:
        where_into(r, c, a, b)
    if isinstance(input, Tensor):
        ta = <Tensor> input
    if isinstance(other, Tensor):
        tb = <Tensor> other
    attach(r, "WhereBackward0", (ta, tb), _where_backward, (c,), ((tuple(a.shape), tuple(b.shape)), (
        ta.dt if ta is not None else dt, tb.dt if tb is not None else dt)))
    if isinstance(out, Tensor):
        for x in (c, a, b):
            refuse_partial_overlap(<Tensor> out, <Tensor> x)
    return finish_out("where", out, r)


cdef object on_device(Tensor x, Tensor like):
    """An operand of a device kernel: expanded, or a number if it is a 0-dim tensor of the CPU."""
    if x.dev == like.dev:
        return expand_to(x, like.nd, like.sizes)
    if x.nd:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices, "
                           f"{like.device} and {x.device}!")
    return x.item()


def where_method(self, condition, other):
    """self.where(condition, other)"""
    return where(condition, self, other)


def _masked_fill_backward(node, Tensor g):
    mask, = node.saved()
    value = None
    if node.needs(1):
        value = to_dtype(where(mask, g, zeros_of((), g.dt, g.dev)).sum(), node.args[0])
    return masked_fill(g, mask, 0) if node.needs(0) else None, value


cdef object fill_expanded(Tensor out, Tensor mask, Tensor value):
    """Where several elements are one place, it is filled if any of them is chosen."""
    cdef int i
    for i in range(out.nd):
        if out.strides[i] == 0 and out.sizes[i] > 1:
            mask = <Tensor> mask.any(i, True)
            out = slice_of(out, i, 0, 1, 1)
    where_into(out, mask, value, out)


cdef Tensor fill_masked(Tensor self, Tensor mask, object value, bint inplace):
    cdef bint recorded
    cdef Tensor out, v
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    one_device("masked_fill", self, mask)
    shape = broadcast_of((self, mask))
    if mask.dt != BOOL:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype "
                           f"{_core.C_TYPE_NAMES[mask.dt]}")
    if isinstance(value, Tensor):
        if (<Tensor> value).nd:
            raise RuntimeError("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{(<Tensor> value).nd} dimension(s).")
        v = <Tensor> value
        if v.dev == 0 and v.dt != self.dt:
            v = scalar_of(v.item(), self.dt, 0)     # which says so where the dtype can't hold it
        v = to_dtype(shallow(v), self.dt)
        if v.dev != self.dev:
            v = <Tensor> v.to(self.device)
    elif isinstance(value, (float, int, complex)):
        v = scalar_of(value, self.dt, self.dev)
    else:
        raise TypeError(f"masked_fill(): argument 'value' (position 2) must be Tensor, not {type(value).__name__}")
    if inplace:
        if shape != tuple(self.shape):
            raise RuntimeError(f"output with shape {shape_text(self)} doesn't match the broadcast shape {list(shape)}")
        if _ops.is_expanded(self):
            _ops.warn_of_expanded("masked_fill_", self, "[mask] = scalar")
            recorded = _core.prepare_inplace(self, value)
            out = self
            fill_expanded(out, expand_shape(mask, shape), v)
        else:
            out = start_write(self, True, (value,), &recorded)
            where_into(out, mask, v, out)
    else:
        recorded = False
        for i in range(<int> len(shape)):
            sizes[i] = shape[i]
        out = new_tensor(<int> len(shape), sizes, self.dt, self.dev)
        where_into(out, mask, v, self)
    given = value if isinstance(value, Tensor) else None
    node_inputs = (self, given)
    if not inplace and shape != tuple(self.shape):     # the gradient is summed to self's shape by the expansion
        node_inputs = (self.expand(shape), given) if any_needs_grad((self, given)) else node_inputs
    return end_write(out, inplace, recorded, "MaskedFillBackward0" if given is None else "MaskedFillBackward1",
                     node_inputs if given is not None else (node_inputs[0],),
                     _masked_fill_backward if given is not None else _masked_fill_number_backward, (mask,),
                     ((<Tensor> given).dt if given is not None else 0,))


def _masked_fill_number_backward(node, Tensor g):
    mask, = node.saved()
    return masked_fill(g, mask, 0)


def masked_fill(Tensor input not None, Tensor mask not None, value):
    """A copy of `input` with `value` where `mask` is true."""
    return fill_masked(input, mask, value, False)


def masked_fill_(Tensor input not None, Tensor mask not None, value):
    """masked_fill in place."""
    return fill_masked(input, mask, value, True)


def _masked_select_backward(node, Tensor g):
    mask, = node.saved()
    shape, own = node.args
    return sum_to(masked_scatter(zeros_of(shape, g.dt, g.dev), mask, g), own)


def masked_select(Tensor input not None, Tensor mask not None, *, out=None):
    """The elements of `input` where `mask` is true (both broadcast), in a 1-dim tensor."""
    cdef Tensor r
    if mask.dt != BOOL:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    one_device("masked_select", input, mask)
    shape = broadcast_of((input, mask))
    r = compress(expand_shape(input, shape), expand_shape(mask, shape))
    attach(r, "MaskedSelectBackward0", (input,), _masked_select_backward, (mask,), (shape, tuple(input.shape)))
    if isinstance(out, Tensor):
        _ops.refuse_overlap(out, r, input, mask)
    return finish_out("masked_select", out, r)


def _masked_scatter_backward(node, Tensor g):
    mask, = node.saved()
    shape = node.args[0]
    source = None
    if node.needs(1):
        chosen = masked_select(g, mask)
        source = place_flat(chosen, shape)
    return masked_fill(g, mask, 0) if node.needs(0) else None, source


cdef Tensor place_flat(Tensor g, object shape):
    """`g` followed by zeros, in `shape`."""
    cdef Py_ssize_t n = 1
    for k in shape:
        n *= k
    return _move.cat((g, zeros_of((n - g.count,), g.dt, g.dev))).reshape(shape)


cdef Tensor scatter_masked(Tensor self, Tensor mask, Tensor source, bint inplace):
    cdef bint recorded
    cdef Tensor out, m, work
    if mask.dt != BOOL:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype "
                           f"{_core.SCALAR_TYPE_NAMES[mask.dt]}")
    if self.dt != source.dt:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes but got"
                           f"{_core.SCALAR_TYPE_NAMES[self.dt]} and {_core.SCALAR_TYPE_NAMES[source.dt]}")
    one_device("masked_scatter", self, mask, source)
    shape = broadcast_of((self, mask))
    base = self
    if not inplace and shape != tuple(self.shape):
        base = self.expand(shape)
    out = start_write(<Tensor> base, inplace, (source,), &recorded)
    m, work = expand_shape(mask, shape), plain(out)
    if work.count == 0:
        pass
    elif work.dev:
        _core.backend_of(work.dev).masked_put(work, m, source)
    else:
        masked_put(work, m, source)
    if work is not out:
        copy_into(out, work)
    return end_write(out, inplace, recorded, "MaskedScatterBackward0", (base, source), _masked_scatter_backward,
                     (mask,), (source.shape,))


def masked_scatter(Tensor input not None, Tensor mask not None, Tensor source not None):
    """A copy of `input` whose elements where `mask` is true are those of `source`, in order."""
    return scatter_masked(input, mask, source, False)


def masked_scatter_(Tensor input not None, Tensor mask not None, Tensor source not None):
    """masked_scatter in place."""
    return scatter_masked(input, mask, source, True)


cdef Tensor as_mask(Tensor t):
    return t if t.dt <= UINT8 else <Tensor> _ops.call(_not_equal, (t, 0))


def nonzero(Tensor input not None, *, bint as_tuple=False, out=None):
    """The indices of the elements that are not zero: int64 (n, ndim), or one 1-dim tensor per dimension."""
    cdef Tensor mask, flat, r
    cdef int i
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    mask = as_mask(shallow(input))
    flat = mask_positions(mask)
    if as_tuple:
        if mask.nd == 0:
            flat = new_tensor(1, flat.sizes, INT64, flat.dev)
            fill(flat, 0)
            return (flat,)
        r = coordinates_of(flat, mask)
        return tuple([row_of(r, i) for i in range(mask.nd)])
    # PyTorch's layout: each dimension's indices lie together.
    r = coordinates_of(flat, mask)
    sizes[0], sizes[1] = flat.count, mask.nd
    strides[0], strides[1] = 1, flat.count if flat.count else 1
    return finish_out("nonzero", out, raw_view(r, 2, sizes, strides, r.offset))


def argwhere(Tensor input not None):
    """nonzero(input): the indices of the elements that are not zero, (n, ndim)."""
    return nonzero(input)


FUNCTIONS = {
    "where": where, "masked_fill": masked_fill, "masked_select": masked_select, "masked_scatter": masked_scatter,
    "nonzero": nonzero, "argwhere": argwhere,
}
METHODS = {**FUNCTIONS, "where": where_method, "masked_fill_": masked_fill_, "masked_scatter_": masked_scatter_}
