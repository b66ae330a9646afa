"""Operators that move no element: views, and what is composed of them.  (Over 800 lines: many, and small.)"""

from cygrad._core cimport (
    BOOL, HALF, MAX_DIMS, Tensor, new_view, raw_view, make_size, wrap_dim, attach, itemsize_of,
    shallow)
from cygrad._ops cimport contiguous
from cygrad._walk cimport select_of, slice_of
from cygrad import _core, _ops
from cygrad._creation import factories as _factories, sequences as _sequences
from cygrad._operators import move as _move


# ------------------------------------------------------------------ arguments

cdef int check_dims(object sizes) except -1:
    """Arrays for sizes and strides have MAX_DIMS places."""
    if len(sizes) > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    return 0


cdef tuple int_args(str function, str argument, tuple args):
    """The sizes of f(2, 3) or f((2, 3)) as a tuple of ints, as many as a tensor can have."""
    cdef tuple numbers = ints_of(function, argument, args)
    check_dims(numbers)
    return numbers


cdef tuple ints_of(str function, str argument, tuple args):
    if len(args) == 1 and not isinstance(args[0], int):
        first = args[0]
        if isinstance(first, (tuple, list)):
            args = tuple(first)
        elif isinstance(first, Tensor) or hasattr(first, "__index__"):
            pass
        else:
            try:
                args = tuple(first)
            except TypeError:
                raise TypeError(f"{function}(): argument '{argument}' (position 1) must be tuple of ints, not "
                                f"{type(first).__name__}") from None
            if isinstance(first, str):
                raise TypeError(f"{function}(): argument '{argument}' (position 1) must be tuple of ints, not str")
    for i, x in enumerate(args):
        if not isinstance(x, int):
            try:
                return tuple([n.__index__() for n in args])
            except AttributeError:
                raise TypeError(f"{function}(): argument '{argument}' (position 1) must be tuple of ints, but found "
                                f"element of type {type(x).__name__} at pos {i}") from None
    return args


cdef Tensor checked(str function, object x):
    if not isinstance(x, Tensor):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return <Tensor> x


cdef int infer_size(tuple shape, Py_ssize_t count, Py_ssize_t* sizes) except -1:
    """Sizes with a -1 filled in; raises where they do not hold `count` elements."""
    cdef int i, hole = -1, nd = 0
    cdef Py_ssize_t known = 1, s
    for i, s in enumerate(shape):
        if s == -1:
            if hole >= 0:
                raise RuntimeError("only one dimension can be inferred")
            hole = i
        elif s < 0:
            raise RuntimeError(f"invalid shape dimension {s} at index {i} of shape {list(shape)}")
        else:
            known *= s
        sizes[i] = s
        nd += 1
    if hole >= 0:
        if known == 0 and count == 0:
            raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                               "dimension size -1 can be any value and is ambiguous")
        if known == 0 or count % known:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
        sizes[hole] = count // known
    elif known != count:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
    return nd


cdef bint view_strides(Tensor t, int nd, const Py_ssize_t* sizes, Py_ssize_t* strides) noexcept:
    """The strides with which `t` can be seen in another shape; False if there are none."""
    cdef int v = nd - 1, i
    cdef Py_ssize_t chunk = 1, seen = 1, base
    if t.count == 0:
        base = 1
        for i in range(nd - 1, -1, -1):
            strides[i] = base
            base *= sizes[i] if sizes[i] > 0 else 1
        return True
    if t.nd == 0:
        for i in range(nd):
            strides[i] = 1
        return True
    base = t.strides[t.nd - 1]
    # Runs of dimensions that are evenly spaced are cut anew, from the last one backwards.
    for i in range(t.nd - 1, -1, -1):
        chunk *= t.sizes[i]
        if i == 0 or (t.sizes[i - 1] != 1 and t.strides[i - 1] != chunk * base):
            while v >= 0 and (seen < chunk or sizes[v] == 1):
                strides[v] = seen * base
                seen *= sizes[v]
                v -= 1
            if seen != chunk:
                return False
            if i > 0:
                base = t.strides[i - 1]
                chunk = 1
                seen = 1
    return v == -1


# ------------------------------------------------------------------ views

def _view_backward(node, g):
    return g.reshape(node.args[0])


cdef Tensor view_as_shape(Tensor t, tuple shape, bint must):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int nd
    check_dims(shape)
    nd = infer_size(shape, t.count, sizes)
    if not view_strides(t, nd, sizes, strides):
        if must:
            raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one "
                               "dimension spans across two contiguous subspaces). Use .reshape(...) instead.")
        t = contiguous(t)
        view_strides(t, nd, sizes, strides)
        r = new_view(t, nd, sizes, strides, t.offset)
        return attach(r, "UnsafeViewBackward0", (t,), _view_backward, None, (make_size(t.nd, t.sizes),))
    r = new_view(t, nd, sizes, strides, t.offset)
    return attach(r, "ViewBackward0", (t,), _view_backward, None, (make_size(t.nd, t.sizes),))


def view(self, *shape, dtype=None):
    """The same elements in another shape, without a copy; view(dtype) reads the same bytes as another dtype."""
    cdef Tensor t = checked("view", self)
    if dtype is not None:
        return view_dtype(t, dtype)
    if len(shape) == 1 and isinstance(shape[0], _core.dtype):
        return view_dtype(t, shape[0])
    return view_as_shape(t, int_args("view", "size", shape), True)


def view_dtype(Tensor t not None, dtype):
    cdef int dt = dtype.code, old = itemsize_of(t.dt), new = itemsize_of(dt)
    cdef Tensor r = shallow(t)
    cdef Py_ssize_t last
    r.dt = dt
    if old == new:
        return r
    if t.nd == 0:
        raise RuntimeError(f"self.dim() cannot be 0 to view {t.dtype} as {dtype} (different element sizes)")
    if t.strides[t.nd - 1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 to view {t.dtype} as {dtype} (different element sizes), but got "
                           f"{t.strides[t.nd - 1]}")
    last = t.sizes[t.nd - 1] * old
    if last % new:
        raise RuntimeError(f"self.size(-1) must be divisible by {new // old} to view {t.dtype} as {dtype} (different "
                           f"element sizes), but got {t.sizes[t.nd - 1]}")
    r.sizes[t.nd - 1] = last // new
    for i in range(t.nd - 1):
        r.strides[i] = t.strides[i] * old // new
    r.offset = t.offset * old // new
    r.count = t.count * old // new
    return r


def reshape(input, *shape):
    """A view of another shape where there is one, else a copy."""
    cdef Tensor t = checked("reshape", input)
    return view_as_shape(t, int_args("reshape", "shape", shape), False)


def view_as(Tensor self not None, Tensor other not None):
    return view_as_shape(self, tuple(other.shape), True)


def reshape_as(Tensor self not None, Tensor other not None):
    return view_as_shape(self, tuple(other.shape), False)


def _as_strided_backward(node, g):
    shape, stride, view_shape, view_stride, offset = node.args
    return as_strided_gradient(g, shape, stride, view_shape, view_stride, offset)


def as_strided(input, size, stride, storage_offset=None):
    """A view of the storage with any sizes, strides and offset (in elements)."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Tensor t = checked("as_strided", input)
    cdef int nd = 0
    cdef Py_ssize_t offset = t.offset if storage_offset is None else storage_offset
    cdef bint empty = False
    last = int(offset)          # Python ints: sizes and strides are hostile
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    check_dims(size)
    size, stride = tuple(size), tuple(stride)
    check_dims(size)
    for n, s in zip(size, stride):
        if s < 0:
            raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: "
                               f"{list(stride)}")
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
        sizes[nd], strides[nd] = n, s
        empty = empty or n == 0
        last += (n - 1) * s
        nd += 1
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if not empty and (last + 1) * itemsize_of(t.dt) > t.storage.size_bytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{itemsize_of(t.dt)} requiring a storage size of {(last + 1) * itemsize_of(t.dt)} are out of bounds for "
            f"storage of size {t.storage.size_bytes}")
    r = new_view(t, nd, sizes, strides, offset)
    return attach(r, "AsStridedBackward0", (t,), _as_strided_backward, None,
                  (t.shape, t.stride(), tuple(size), tuple(stride), offset - t.offset))


cdef bint may_overlap(shape, stride):
    """Whether several elements of a strided region could be one place in memory."""
    cdef Py_ssize_t reach = 0
    for s, n in sorted([(s, n) for s, n in zip(stride, shape) if n > 1]):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


def as_strided_gradient(g, shape, stride, view_shape, view_stride, offset):
    """The gradient of a tensor of `shape` and `stride` of whose storage a strided view got the gradient `g`.

    Elements of the tensor that are one place in memory share what the place got evenly.
    """
    import math
    if 0 in shape:
        return g.new_zeros(shape)
    extent = 1 + sum([(n - 1) * s for n, s in zip(shape, stride)])
    reach = 1 + offset + sum([(n - 1) * s for n, s in zip(view_shape, view_stride)])
    flat = g.new_zeros((max(extent, reach),))
    if g.numel():
        flat = flat.index_add(0, places(flat, view_shape, view_stride, offset), g.reshape(-1))
    if may_overlap(shape, stride):
        ones = g.new_ones((math.prod(shape),))
        flat = flat / g.new_zeros(flat.shape).index_add(0, places(flat, shape, stride, 0), ones)
    return as_strided(flat, shape, stride, 0)


cdef object places(Tensor flat, shape, stride, offset):
    """The places in `flat` of a strided region's elements."""
    return as_strided(_sequences.arange(flat.count, device=flat.device), shape, stride, offset).reshape(-1)


def clone_laid_out(Tensor g not None, tuple stride):
    """A recorded copy of `g` whose memory has the given strides."""
    cdef Py_ssize_t expected = 1
    cdef int i
    for i in range(g.nd - 1, -1, -1):
        if g.sizes[i] != 1 and <Py_ssize_t> stride[i] != expected:
            break
        expected *= g.sizes[i]
    else:
        return _ops.clone_tensor(g, False)
    return _factories.empty_strided(g.shape, stride, dtype=g.dtype, device=g.device).copy_(g)


def view_region(Tensor base not None, shape, stride, offset):
    """The region of a tensor that a view at `offset` from its base has."""
    return as_strided(base, shape, stride, base.offset + offset)


_core.set_view_functions(as_strided_gradient, clone_laid_out, view_region)


def _permute_backward(node, g):
    return permute(g, node.args[0])


cdef Tensor permuted(Tensor t, const int* order, str name):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    for i in range(t.nd):
        sizes[i] = t.sizes[order[i]]
        strides[i] = t.strides[order[i]]
    return new_view(t, t.nd, sizes, strides, t.offset)


def permute(input, *dims):
    """The dimensions in another order."""
    cdef Tensor t = checked("permute", input)
    cdef int[MAX_DIMS] order
    cdef int i, d
    cdef tuple wanted = int_args("permute", "dims", dims)
    cdef list inverse
    if len(wanted) != t.nd:
        raise RuntimeError("permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
                           f"the desired ordering of dimensions i.e. input.dim() = {t.nd} is not equal to len(dims) = "
                           f"{len(wanted)}")
    inverse = [-1] * t.nd
    for i in range(t.nd):
        d = wrap_dim(wanted[i], t.nd)
        if inverse[d] >= 0:
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        inverse[d] = i
        order[i] = d
    return attach(permuted(t, order, "permute"), "PermuteBackward0", (t,), _permute_backward, None, (tuple(inverse),))


def _transpose_backward(node, g):
    return transpose(g, node.args[0], node.args[1])


def transpose(input, dim0, dim1):
    """Two dimensions swapped."""
    cdef Tensor t = checked("transpose", input)
    cdef int a = wrap_dim(dim0, t.nd), b = wrap_dim(dim1, t.nd), i
    cdef int[MAX_DIMS] order
    if t.nd == 0:
        return alias(t)
    for i in range(t.nd):
        order[i] = i
    order[a], order[b] = b, a
    return attach(permuted(t, order, "transpose"), "TransposeBackward0", (t,), _transpose_backward, None, (a, b))


def _t_backward(node, g):
    return g.t()


def t(input):
    """The transpose of a matrix; a vector or a scalar as it is."""
    cdef Tensor x = checked("t", input)
    cdef int[2] order
    if x.nd > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.nd}D")
    order[0], order[1] = (1, 0) if x.nd == 2 else (0, 1)
    return attach(permuted(x, order, "t"), "TBackward0", (x,), _t_backward, None, ())


def numpy_T(Tensor self not None):
    """The dimensions in reverse order."""
    if self.nd == 2:
        return permute(self, (1, 0))
    return permute(self, tuple(range(self.nd - 1, -1, -1)))


def mT(Tensor self not None):
    if self.nd < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.nd}-D tensor.")
    return transpose(self, -2, -1)


def _alias_backward(node, g):
    return g


def alias(Tensor self not None):
    cdef Tensor r = new_view(self, self.nd, self.sizes, self.strides, self.offset)
    return attach(r, "AliasBackward0", (self,), _alias_backward, None, ())


def _expand_backward(node, g):
    return _ops.GRADIENT_NAMESPACE["_sum_to"](g, node.args[0])


def expand(self, *size, implicit=False):
    """Dimensions of size 1 repeated without a copy; -1 keeps a size."""
    cdef Tensor t = checked("expand", self)
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef tuple shape = int_args("expand", "size", size)
    cdef int nd = len(shape), shift = nd - t.nd, i
    cdef Py_ssize_t n
    if shift < 0:
        kind = _core.SCALAR_TYPE_NAMES[t.dt]
        raise RuntimeError(f"expand(torch.{kind}Tensor{{{list(t.shape)}}}, size={list(shape)}): the number of sizes "
                           f"provided ({nd}) must be greater or equal to the number of dimensions in the tensor "
                           f"({t.nd})")
    for i in range(nd):
        n = shape[i]
        if i < shift:
            if n < 0:
                raise RuntimeError(f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing "
                                   f"dimension {i}")
            sizes[i], strides[i] = n, 0
        elif n == -1 or n == t.sizes[i - shift]:
            sizes[i], strides[i] = t.sizes[i - shift], t.strides[i - shift]
        elif t.sizes[i - shift] == 1:
            sizes[i], strides[i] = n, 0
        else:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must match the existing size "
                               f"({t.sizes[i - shift]}) at non-singleton dimension {i}.  Target sizes: {list(shape)}.  "
                               f"Tensor sizes: {list(t.shape)}")
    r = new_view(t, nd, sizes, strides, t.offset)
    return attach(r, "ExpandBackward0", (t,), _expand_backward, None, (make_size(t.nd, t.sizes),))


def expand_as(Tensor self not None, Tensor other not None):
    return expand(self, tuple(other.shape))


def sum_to_size(Tensor self not None, *size):
    """Sums over the dimensions that broadcasting from `size` to this shape would add."""
    cdef tuple shape = int_args("sum_to_size", "size", size)
    cdef int shift = self.nd - len(shape)
    if shift < 0 or any(n != 1 and n != s for n, s in zip(shape, self.shape[max(shift, 0):])):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(self.shape)}}}.")
    if self.nd == 0:
        return _ops.GRADIENT_NAMESPACE["_sum"](self, ())    # of integers an int64, as of any sum
    return _ops.GRADIENT_NAMESPACE["_sum_to"](self, shape)


cdef Tensor without_dims(Tensor t, unsigned long long mask, str name, tuple args):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i, nd = 0
    for i in range(t.nd):
        if t.sizes[i] == 1 and mask >> i & 1:
            continue
        sizes[nd], strides[nd] = t.sizes[i], t.strides[i]
        nd += 1
    r = new_view(t, nd, sizes, strides, t.offset)
    return attach(r, name, (t,), _view_backward, None, (make_size(t.nd, t.sizes),))


def squeeze(input, dim=None):
    """Without the dimensions of size 1, or without those of `dim` that have it."""
    cdef Tensor t = checked("squeeze", input)
    cdef unsigned long long mask = 0
    if dim is None:
        return without_dims(t, ~(<unsigned long long> 0), "SqueezeBackward0", ())
    if isinstance(dim, (tuple, list)):
        for d in dim:
            mask |= (<unsigned long long> 1) << wrap_dim(d, t.nd)
        return without_dims(t, mask, "SqueezeBackward2", ())
    return without_dims(t, (<unsigned long long> 1) << wrap_dim(dim, t.nd), "SqueezeBackward1", ())


def _unsqueeze_backward(node, g):
    return squeeze(g, node.args[0])


def unsqueeze(input, dim):
    """With a dimension of size 1 at `dim`."""
    cdef Tensor t = checked("unsqueeze", input)
    cdef Py_ssize_t[MAX_DIMS + 1] sizes
    cdef Py_ssize_t[MAX_DIMS + 1] strides
    cdef int d = wrap_dim(dim, t.nd + 1), i
    for i in range(t.nd + 1):
        if i == d:
            sizes[i] = 1
            strides[i] = t.sizes[i] * t.strides[i] if i < t.nd else 1
        else:
            sizes[i] = t.sizes[i - (i > d)]
            strides[i] = t.strides[i - (i > d)]
    r = new_view(t, t.nd + 1, sizes, strides, t.offset)
    return attach(r, "UnsqueezeBackward0", (t,), _unsqueeze_backward, None, (d,))


def select(input, dim, index):
    """One slice along `dim`, without that dimension."""
    cdef Tensor t = checked("select", input)
    cdef int d
    cdef Py_ssize_t at = index
    if t.nd == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, t.nd)
    if at < -t.sizes[d] or at >= t.sizes[d]:
        raise IndexError(f"select(): index {at} out of range for tensor of size {list(t.shape)} at dimension {d}")
    if at < 0:
        at += t.sizes[d]
    return select_of(t, d, at)


def slice_dim(Tensor t not None, dim=0, start=None, end=None, step=1):
    """input[start:end:step] along one dimension; bounds are clamped."""
    cdef int d = wrap_dim(dim, t.nd)
    cdef Py_ssize_t n = t.sizes[d], lo = 0 if start is None else start, by = step
    cdef Py_ssize_t hi = n if end is None else min(end, n)
    if by <= 0:
        raise RuntimeError("slice step must be positive")
    if lo < 0:
        lo = max(lo + n, 0)
    if hi < 0:
        hi = max(hi + n, 0)
    lo = min(lo, n)
    hi = max(hi, lo)
    return slice_of(t, d, lo, (hi - lo + by - 1) // by, by)


cdef void set_size(Tensor r, int d, Py_ssize_t n, Py_ssize_t stride):
    cdef int i
    r.sizes[d], r.strides[d] = n, stride
    r.count = 1
    for i in range(r.nd):
        r.count *= r.sizes[i]
    from_core_update(r)


from cygrad._core cimport update_contiguous as from_core_update


def narrow(input, dim, start, length):
    """`length` slices from `start` on along `dim`."""
    cdef Tensor t = checked("narrow", input)
    cdef int d
    cdef Py_ssize_t n, at, size
    if t.nd == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor):
        if (<Tensor> start).nd or not BOOL < (<Tensor> start).dt < HALF:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = start.item()
    at, n = start, length
    if n < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = wrap_dim(dim, t.nd)
    size = t.sizes[d]
    if at < -size or at > size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {at})")
    if at < 0:
        at += size
    if at + n > size:
        raise RuntimeError(f"start ({at}) + length ({n}) exceeds dimension size ({size}).")
    return slice_dim(t, d, at, at + n, 1)


def narrow_copy(input, dim, start, length):
    """`length` slices from `start` on along `dim`, in new memory."""
    cdef Tensor t = checked("narrow_copy", input)
    cdef Py_ssize_t size
    if t.nd and dim >= t.nd:
        raise RuntimeError("Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could "
                           "this error message be improved?  If so, please report an enhancement request to PyTorch.)")
    if t.nd and length < 0:
        size = t.sizes[wrap_dim(dim, t.nd)]
        raise RuntimeError(f"start ({start + size if start < 0 else start}) + length ({length}) exceeds dimension "
                           f"size ({size}).")
    return narrow(t, dim, start, length).clone()


def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions start_dim..end_dim as one."""
    cdef Tensor t = checked("flatten", input)
    cdef int a = wrap_dim(start_dim, t.nd), b = wrap_dim(end_dim, t.nd), i
    cdef Py_ssize_t n = 1
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if t.nd == 0:
        return view_as_shape(t, (1,), False)
    if a == b:
        return t
    for i in range(a, b + 1):
        n *= t.sizes[i]
    shape = tuple(t.shape)
    return view_as_shape(t, shape[:a] + (n,) + shape[b + 1:], False)


def ravel(input):
    return view_as_shape(checked("ravel", input), (-1,) if (<Tensor> input).count else (0,), False)


def unflatten(input, dim, sizes):
    """One dimension as several; one of the sizes may be -1."""
    cdef Tensor t = checked("unflatten", input)
    cdef int d = wrap_dim(dim, t.nd)
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = 1
    for n in sizes:
        known *= n
    if (-1 in sizes and (known == 0 or t.sizes[d] % known)) or (-1 not in sizes and known != t.sizes[d]):
        raise RuntimeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} "
                           f"({t.sizes[d]}) in the input tensor")
    if -1 in sizes:
        sizes = tuple([-t.sizes[d] // known if n == -1 else n for n in sizes])
    shape = tuple(t.shape)
    return view_as_shape(t, shape[:d] + sizes + shape[d + 1:], True)


def _unbind_backward(node, *grads):
    dim, = node.args
    some = next(g for g in grads if g is not None)
    return _move.stack([some.new_zeros(some.shape) if g is None else g for g in grads], dim)


def unbind(input, dim=0):
    """The slices along `dim` as a tuple."""
    cdef Tensor t = checked("unbind", input)
    cdef int d
    if t.nd == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    d = wrap_dim(dim, t.nd)
    check_views("unbind", t.sizes[d])
    with_grad = _core.set_grad_mode(False)
    try:
        outs = tuple([select(t, d, i) for i in range(t.sizes[d])])
    finally:
        _core.set_grad_mode(with_grad)
    return multiple_views(outs, t, "UnbindBackward0", _unbind_backward, (d,), with_grad)


cdef enum:
    MOST_VIEWS = 1 << 24                # a view takes 300 bytes


cdef int check_views(str function, object count) except -1:
    """Refuses a tuple of views that no memory holds before the first of them is made."""
    if count > MOST_VIEWS:
        raise RuntimeError(f"{function}: {count} tensors are more than a tuple can hold here ({MOST_VIEWS} at most)")
    return 0


cdef object multiple_views(tuple outs, Tensor t, str name, function, tuple args, bint with_grad):
    cdef Tensor o
    for o in outs:
        if o.meta is not None and with_grad:
            o.meta.creation = 1         # MULTI_OUTPUT
    return _core.record(outs, name, (t,), function, None, args)


def _split_backward(node, *grads):
    shape, dim, sizes = node.args
    some = next(g for g in grads if g is not None)
    parts = []
    for g, n in zip(grads, sizes):
        if g is None:
            part = list(shape)
            part[dim] = n
            g = some.new_zeros(part)
        parts.append(g)
    return _move.cat(parts, dim)


def split(tensor, split_size_or_sections, dim=0):
    """Parts of the given size (the last may be smaller), or of the given sizes, along `dim`."""
    cdef Tensor t = checked("split", tensor)
    cdef int d
    cdef Py_ssize_t n, size, at = 0
    if t.nd == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = wrap_dim(dim, t.nd)
    n = t.sizes[d]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0 and n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        if n:
            check_views("split", (n - 1) // size + 1)
        sizes = [min(size, n - i) for i in range(0, n, size)] if n else [0]
        name = "SplitBackward0"
    else:
        sizes = [int(s) for s in split_size_or_sections]
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                               f"dimension {d}), but got split_sizes={sizes}")
        name = "SplitWithSizesBackward0"
    with_grad = _core.set_grad_mode(False)
    try:
        outs = []
        for s in sizes:
            outs.append(slice_dim(t, d, at, at + s, 1))
            at += s
    finally:
        _core.set_grad_mode(with_grad)
    return multiple_views(tuple(outs), t, name, _split_backward, (t.shape, d, sizes), with_grad)


def split_with_sizes(self, split_sizes, dim=0):
    return split(self, list(split_sizes), dim)


def chunk(input, chunks, dim=0):
    """At most `chunks` parts of equal size along `dim`; the last may be smaller."""
    cdef Tensor t = checked("chunk", input)
    cdef int d
    if t.nd == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    d = wrap_dim(dim, t.nd)
    size = (t.sizes[d] + chunks - 1) // chunks
    if size == 0:
        check_views("chunk", chunks)
        return split(t, [0] * chunks, d)
    return split(t, size, d)


def unsafe_chunk(input, chunks, dim=0):
    return chunk(input, chunks, dim)


def unsafe_split(tensor, split_size, dim=0):
    return split(tensor, split_size, dim)


cdef object one_form(str name, a, b, c=None):
    """The argument, under whichever of its names it was given."""
    if a is None:
        a = c if b is None else b
    if a is None:
        raise TypeError(f'{name}() missing 1 required positional arguments: "indices_or_sections"')
    return a


def tensor_split(input, indices_or_sections=None, dim=0, *, sections=None, indices=None,
                 tensor_indices_or_sections=None):
    """Parts cut at the given indices, or a given number of nearly equal parts."""
    cdef Tensor t = checked("tensor_split", input)
    if indices_or_sections is None:
        indices_or_sections = one_form("tensor_split", sections, indices, tensor_indices_or_sections)
    cdef int d
    if t.nd == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, t.nd)
    n = t.sizes[d]
    if isinstance(indices_or_sections, Tensor):
        if (<Tensor> indices_or_sections).dt != 5:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                               f"{_core.SCALAR_TYPE_NAMES[(<Tensor> indices_or_sections).dt]}")
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        check_views("tensor_split", k)
        bounds = [(n // k) * i + min(i, n % k) for i in range(k + 1)]
        return tuple([slice_dim(t, d, a, b, 1) for a, b in zip(bounds, bounds[1:])])
    cuts = [0, *indices_or_sections]
    return tuple([slice_dim(t, d, a, b, 1) for a, b in zip(cuts, [*indices_or_sections, n])])


def _split_by(name, dim, least):
    def f(input, indices_or_sections=None, *, sections=None, indices=None):
        cdef Tensor t = checked(name, input)
        indices_or_sections = one_form(name, indices_or_sections, sections, indices)
        if t.nd < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                               f"with {t.nd} dimensions!")
        if not isinstance(indices_or_sections, (int, tuple, list)):
            kind = type(indices_or_sections).__name__
            wrong = f"      didn't match because some of the arguments have invalid types: (Tensor, !{kind}!)\n"
            raise TypeError(f"{name}() received an invalid combination of arguments - got (Tensor, {kind}), but "
                            f"expected one of:\n * (Tensor input, int sections)\n{wrong} * (Tensor input, tuple of "
                            f"ints indices)\n{wrong}")
        d = 0 if name == "hsplit" and t.nd == 1 else dim
        if isinstance(indices_or_sections, int) and (indices_or_sections == 0 or t.sizes[d] % indices_or_sections):
            raise RuntimeError(f"torch.{name} attempted to split along dimension {d}, but the size of the dimension "
                               f"{t.sizes[d]} is not divisible by the split_size {indices_or_sections}!")
        return tensor_split(t, indices_or_sections, d)
    f.__name__ = f.__qualname__ = name
    return f


hsplit, vsplit, dsplit = _split_by("hsplit", 1, 1), _split_by("vsplit", 0, 2), _split_by("dsplit", 2, 3)


def _unfold_backward(node, g):
    shape, stride, view_shape, view_stride = node.args
    return as_strided_gradient(g, shape, stride, view_shape, view_stride, 0)


def unfold(Tensor self not None, dimension, size, step):
    """Windows of `size` along `dimension`, every `step`; the window becomes the last dimension."""
    cdef Py_ssize_t[MAX_DIMS + 1] sizes
    cdef Py_ssize_t[MAX_DIMS + 1] strides
    cdef int d = wrap_dim(dimension, self.nd), i, nd = self.nd + 1
    cdef Py_ssize_t n = self.sizes[d] if self.nd else 1, width = size, by = step
    if width < 0:
        raise RuntimeError(f"size is {width} but must be >= 0")
    if width > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {width}")
    if by <= 0:
        raise RuntimeError(f"step is {by} but must be > 0")
    for i in range(self.nd):
        sizes[i], strides[i] = self.sizes[i], self.strides[i]
    if self.nd:
        sizes[d] = (n - width) // by + 1
        strides[d] = self.strides[d] * by
    sizes[nd - 1], strides[nd - 1] = width, self.strides[d] if self.nd else 1
    r = new_view(self, nd, sizes, strides, self.offset)
    dense = contiguous_strides(self.shape)
    shifted = list(dense)
    if self.nd:
        shifted[d] *= by
    return attach(r, "UnfoldBackward0", (self,), _unfold_backward, None,
                  (self.shape, dense, r.shape, (*shifted, dense[d] if self.nd else 1)))


def contiguous_strides(shape):
    """The strides of a contiguous tensor of this shape."""
    strides, step = [], 1
    for n in reversed(tuple(shape)):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def _diagonal_backward(node, g):
    shape, offset, dim1, dim2 = node.args
    full = g.new_zeros(shape)
    diagonal(full, offset, dim1, dim2).copy_(g)
    return full


def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonals of two dimensions, as the last dimension of the result."""
    cdef Tensor t = checked("diagonal", input)
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int a = wrap_dim(dim1, t.nd), b = wrap_dim(dim2, t.nd), i, nd = 0
    cdef Py_ssize_t k = offset, n, start = t.offset
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = min(t.sizes[a], t.sizes[b] - k) if k >= 0 else min(t.sizes[a] + k, t.sizes[b])
    n = max(n, 0)
    if n:
        start += k * t.strides[b] if k >= 0 else -k * t.strides[a]
    for i in range(t.nd):
        if i != a and i != b:
            sizes[nd], strides[nd] = t.sizes[i], t.strides[i]
            nd += 1
    sizes[nd], strides[nd] = n, t.strides[a] + t.strides[b]
    r = new_view(t, nd + 1, sizes, strides, start)
    return attach(r, "DiagonalBackward0", (t,), _diagonal_backward, None, (make_size(t.nd, t.sizes), k, a, b))


def movedim(input, source, destination):
    """The dimensions `source` moved to `destination`; the others keep their order."""
    cdef Tensor t = checked("movedim", input)
    src = (source,) if isinstance(source, int) else tuple(source)
    dst = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(src) != len(dst):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({list(src)} dims) should contain the "
                           f"same number of dims as destination ({list(dst)} dims)")
    given_src, given_dst = src, dst
    src = [wrap_dim(d, t.nd) for d in src]
    dst = [wrap_dim(d, t.nd) for d in dst]
    if len(set(src)) != len(src):
        raise RuntimeError(f"movedim: repeated dim in `source` ({list(given_src)})")
    if len(set(dst)) != len(dst):
        raise RuntimeError(f"movedim: repeated dim in `destination` ({list(given_dst)})")
    order = dict(zip(dst, src))
    rest = iter([d for d in range(t.nd) if d not in src])
    return permute(t, tuple([order[d] if d in order else next(rest) for d in range(t.nd)]))


def atleast(int least, tensors):
    def one(Tensor t not None):
        if least == 1:
            return t if t.nd else t.reshape(1)
        if least == 2:
            return t.reshape(1, 1) if t.nd == 0 else unsqueeze(t, 0) if t.nd == 1 else t
        return t.reshape(1, 1, 1) if t.nd == 0 else unsqueeze(unsqueeze(t, 0), -1) if t.nd == 1 else \
            unsqueeze(t, -1) if t.nd == 2 else t
    if len(tensors) == 1:
        if isinstance(tensors[0], Tensor):
            return one(tensors[0])
        tensors = tensors[0]
    return tuple([one(t) for t in tensors])


def atleast_1d(*tensors):
    return atleast(1, tensors)


def atleast_2d(*tensors):
    return atleast(2, tensors)


def atleast_3d(*tensors):
    return atleast(3, tensors)


def swapaxes(input, axis0, axis1):
    return transpose(input, axis0, axis1)


def swapdims(input, dim0, dim1):
    return transpose(input, dim0, dim1)


def moveaxis(input, source, destination):
    return movedim(input, source, destination)


# ------------------------------------------------------------------ in place

cdef object shape_inplace(function, str name):
    def f(Tensor self not None, *args, **kw):
        return self._rebase(function(self, *args, **kw))
    f.__name__ = f.__qualname__ = name
    return f


def resize_(Tensor self not None, *size, memory_format=None):
    """Another shape over the same storage, which grows if it must; new elements are not initialised."""
    cdef tuple shape = int_args("resize_", "size", size)
    cdef Tensor other
    if self.needs_grad:
        raise RuntimeError("cannot resize variables that require grad")
    count = 1
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
        count *= n
    needed = (self.offset + count) * itemsize_of(self.dt)
    if tuple(self.shape) == shape:
        return self
    if self.storage.size_bytes == 0 and count:
        other = _ops.empty(shape, self.dt, self.dev)
        return self._assign(other)
    if count and needed > self.storage.size_bytes:
        self.storage.resize_(needed)
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int nd = len(shape), i
    steps = contiguous_strides(shape)
    for i in range(nd):
        sizes[i], strides[i] = shape[i], steps[i]
    return self._assign(raw_view(self, nd, sizes, strides, self.offset))


def resize_as_(Tensor self not None, Tensor other not None, memory_format=None):
    return resize_(self, tuple(other.shape))


def set_(Tensor self not None, source=None, storage_offset=0, size=None, stride=None):
    """Shares the storage of `source` (a tensor or a storage)."""
    cdef Tensor given
    if source is None:
        return self._assign(_ops.empty((0,), self.dt, self.dev))
    if isinstance(source, Tensor):
        given = <Tensor> source
        if given.dt != self.dt:
            raise RuntimeError(f"Could not set tensor of type {_core.C_TYPE_NAMES[given.dt]} to a tensor of type "
                               f"{_core.C_TYPE_NAMES[self.dt]}")
        if given.dev != self.dev:
            raise RuntimeError(f"Attempted to set the storage of a tensor on device \"{self.device}\" to a storage on "
                               f"different device \"{given.device}\".  This is no longer allowed; the devices must "
                               "match.")
        if size is None:
            return self._assign(source)
        source = given.storage
    base = shallow(self)
    base.storage = source
    base.offset = 0
    if size is None:
        size = (source.size() // itemsize_of(self.dt),)
    return self._assign(as_strided(base, size, contiguous_strides(size) if stride is None else stride, storage_offset))


FUNCTIONS = {f.__name__: f for f in (
    reshape, as_strided, permute, transpose, t, squeeze, unsqueeze, select, narrow, narrow_copy, flatten,
    ravel,
    unflatten, unbind, split, split_with_sizes, chunk, unsafe_chunk, unsafe_split, tensor_split, hsplit, vsplit, dsplit,
    diagonal, movedim, moveaxis, swapaxes, swapdims, atleast_1d, atleast_2d, atleast_3d, resize_as_)}
METHODS = {f.__name__: f for f in (
    view, reshape, view_as, reshape_as, as_strided, permute, transpose, t, expand, expand_as, sum_to_size,
    squeeze, unsqueeze, select, narrow, narrow_copy, flatten, ravel, unflatten, unbind, split, split_with_sizes, chunk,
    unsafe_chunk, unsafe_split, tensor_split, hsplit, vsplit, dsplit, unfold, diagonal, movedim, moveaxis, swapaxes,
    swapdims, resize_, resize_as_, set_)}
METHODS |= {f.__name__ + "_": shape_inplace(f, f.__name__ + "_") for f in (
    squeeze, unsqueeze, t, transpose, as_strided, swapaxes, swapdims)}
PROPERTIES = {"T": numpy_T, "mT": mT}
