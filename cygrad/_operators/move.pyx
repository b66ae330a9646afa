"""Elements moved to places known beforehand: cat and stack, flip, roll, repeat, triangles, diagonals, regions."""
from cygrad._core cimport (
    INT64, MAX_DIMS, Tensor, any_needs_grad, as_device_code, attach, empty_strided_like, itemsize_of, new_tensor,
    raw_view, same_shape, shallow, wrap_dim)
from cygrad._creation.bridge cimport CONTIGUOUS, channels_last_strides
from cygrad._kernels cimport index as cpu
from cygrad._kernels.copies cimport plain
from cygrad._operators.family cimport format_of, new_in_format
from cygrad._ops cimport clone, copy_into, new_like_operands, result_dtype, to_dtype
from cygrad._walk cimport (
    View, drop_dim, finish_out, insert_dim, load_view, narrow_raw, select_of, shape_text, slice_of, strided_region,
    zeros_of)
from cygrad import _core, _ops, _walk


cdef tuple as_dims(object dims):
    """Integers given one by one or in one sequence."""
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = dims[0]
    return tuple(dims)


# ------------------------------------------------------------------ cat and stack

cdef tuple checked_tensors(str name, object tensors, str argument="tensors"):
    if isinstance(tensors, Tensor) or not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument '{argument}' (position 1) must be tuple of Tensors, not "
                        f"{type(tensors).__name__}")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return tuple(tensors)


cdef int common_format(tuple given) noexcept:
    """The memory format that all of the tensors ask for, else the contiguous one."""
    cdef int format = CONTIGUOUS, i, n = <int> len(given)
    for i in range(n):
        if i and format != format_of(<Tensor> given[i]):
            return CONTIGUOUS
        format = format_of(<Tensor> given[i])
        if format == CONTIGUOUS:
            return format
    return format


def _cat_backward(node, Tensor g):
    dim, lengths, dts = node.args
    grads = []
    start = 0
    for i, (length, dt) in enumerate(zip(lengths, dts)):
        if not node.needs(i):
            grads.append(None)
        elif length < 0:                # an empty 1-dim tensor, which fits any shape
            grads.append(zeros_of((0,), dt, g.dev))
        else:
            grads.append(to_dtype(slice_of(g, dim, start, length, 1), dt))
        start += max(length, 0)
    return tuple(grads)


def cat(tensors, dim=0, *, axis=None, out=None):
    """Joins tensors along a dimension they have; the other sizes are equal, dtypes are promoted."""
    cdef tuple given = checked_tensors("cat", tensors)
    cdef Tensor t, first = None, r
    cdef int dt, d = 0, i, n = <int> len(given), k
    cdef Py_ssize_t total = 0, start = 0
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef list lengths = []
    if not n:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    if axis is not None:
        dim = axis
    for i in range(n):
        t = <Tensor> given[i]
        if t.nd == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if first is None and not (t.nd == 1 and t.count == 0):
            first = t
    if first is None:
        first = <Tensor> given[0]
    d = wrap_dim(dim, first.nd)
    dt = (<Tensor> given[0]).dt
    for i in range(n):
        t = <Tensor> given[i]
        if t.dev != first.dev:
            raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, "
                               f"{first.device} and {t.device}!")
        if t.dt != dt:
            dt = result_dtype(given)
        if t.nd == 1 and t.count == 0 and first.nd != 1:
            lengths.append(-1)
            continue
        if t.nd != first.nd:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.nd} and {t.nd}")
        for k in range(t.nd):
            if k != d and t.sizes[k] != first.sizes[k]:
                raise RuntimeError(f"Sizes of tensors must match except in dimension {d}. Expected size "
                                   f"{first.sizes[k]} but got size {t.sizes[k]} for tensor number {i} in the list.")
        lengths.append(t.sizes[d])
        total += t.sizes[d]
    for k in range(first.nd):
        sizes[k] = first.sizes[k]
    sizes[d] = total
    r = new_in_format(first.nd, sizes, dt, first.dev, common_format(given))
    for i in range(n):
        t = <Tensor> given[i]
        if t.count:
            copy_into(narrow_raw(r, d, start, t.sizes[d]), t)
            start += t.sizes[d]
        elif lengths[i] > 0:
            start += lengths[i]
    if any_needs_grad(given):
        attach(r, "CatBackward0", given, _cat_backward, None, (d, lengths, [(<Tensor> t).dt for t in given]))
    if out is None:
        return r
    if isinstance(out, Tensor):
        _ops.refuse_overlap(out, r, *given)
    return finish_out("cat", out, r)


def _stack_backward(node, Tensor g):
    dim, dts = node.args
    return tuple([to_dtype(select_of(g, dim, i), dts[i]) if node.needs(i) else None for i in range(len(dts))])


cdef Tensor new_stack(View* v, int d, Py_ssize_t n, int format, int dt, Tensor first):
    """Memory for the stack of n tensors: channels last where all are, as their concatenation along dimension d is."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    if format == CONTIGUOUS or d == first.nd:
        return new_tensor(v.nd, v.sizes, dt, first.dev)
    for i in range(first.nd):
        sizes[i] = first.sizes[i] * (n if i == d else 1)
    channels_last_strides(first.nd, sizes, format, strides)
    for i in range(first.nd, d, -1):
        strides[i] = strides[i - 1]
    strides[d] = strides[d + 1] * first.sizes[d]
    return empty_strided_like(v.nd, v.sizes, strides, dt, first.dev)


def stack(tensors, dim=0, *, out=None):
    """Joins tensors of one shape along a new dimension."""
    cdef tuple given = checked_tensors("stack", tensors)
    cdef Tensor t, first, r
    cdef int n = <int> len(given), d, i, dt
    cdef View v
    if not n:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = <Tensor> given[0]
    d = wrap_dim(dim, first.nd + 1)
    dt = first.dt
    for i in range(1, n):
        t = <Tensor> given[i]
        if not same_shape(t, first):
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {shape_text(first)} at entry 0 "
                               f"and {shape_text(t)} at entry {i}")
        if t.dt != dt:
            dt = result_dtype(given)
    load_view(&v, first)
    insert_dim(&v, d)
    v.sizes[d] = n
    r = new_stack(&v, d, n, common_format(given), dt, first)
    for i in range(n):
        load_view(&v, r)
        v.offset = i * v.strides[d]
        drop_dim(&v, d)
        copy_into(raw_view(r, v.nd, v.sizes, v.strides, v.offset), <Tensor> given[i])
    if any_needs_grad(given):
        attach(r, "StackBackward0", given, _stack_backward, None, (d, [(<Tensor> t).dt for t in given]))
    return r if out is None else finish_out("stack", out, r)


# ------------------------------------------------------------------ flip, roll, repeat

def _flip_backward(node, Tensor g):
    return flip(g, node.args)


def flip(Tensor input not None, *axes, dims=None):
    """A copy with the order along each of `dims` (given one by one or in a sequence) reversed."""
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Py_ssize_t offset = input.offset
    cdef Tensor r
    cdef int i, d
    cdef tuple turned
    cdef set seen = set()
    if dims is not None:
        axes = (dims,) if isinstance(dims, int) else (tuple(dims),)
    if not axes:
        raise TypeError("flip() missing 1 required positional arguments: \"dims\"")
    turned = tuple([wrap_dim(k, input.nd) for k in as_dims(axes)])
    for k in turned:
        if k in seen:
            raise RuntimeError(f"dim {k} appears multiple times in the list of dims")
        seen.add(k)
    for i in range(input.nd):
        strides[i] = input.strides[i]
    if input.nd:
        for d in turned:
            strides[d] = -strides[d]
            if input.sizes[d]:
                offset += (input.sizes[d] - 1) * input.strides[d]
    r = new_like_operands(input.nd, input.sizes, (input,), input.dt, input.dev)
    if r.count:
        copy_into(r, raw_view(input, input.nd, input.sizes, strides, offset))
    return _core.record(r, "FlipBackward0", (input,), _flip_backward, None, turned)


cdef int copy_rolled(Tensor to, Tensor of, list shifts) except -1:
    """Copies with each (dim, shift) of `shifts` moved round: two regions per dimension."""
    cdef int d
    cdef Py_ssize_t n, s
    if not shifts:
        return copy_into(to, of)
    d, s = shifts[0]
    n = of.sizes[d]
    if s:
        copy_rolled(narrow_raw(to, d, 0, s), narrow_raw(of, d, n - s, s), shifts[1:])
    copy_rolled(narrow_raw(to, d, s, n - s), narrow_raw(of, d, 0, n - s), shifts[1:])
    return 0


def _roll_backward(node, Tensor g):
    shifts, dims = node.args
    return roll(g, tuple([-s for s in shifts]), dims)


def roll(Tensor input not None, shifts, dims=()):
    """A copy in which elements move `shifts` places along `dims`, round the end; flattened without dims."""
    cdef Tensor r, a
    cdef dict moves = {}
    cdef Py_ssize_t n, one = 1
    cdef int d
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(dims) != len(shifts) and (dims or len(shifts) != 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    r = (new_like_operands(input.nd, input.sizes, (input,), input.dt, input.dev) if dims
         else new_tensor(input.nd, input.sizes, input.dt, input.dev))
    if dims:
        for k, s in zip(dims, shifts):
            if not input.nd:
                raise IndexError(f"Dimension specified as {k} but tensor has no dimensions")
            d = wrap_dim(k, input.nd)
            if input.sizes[d]:
                moves[d] = (moves.get(d, 0) + s) % input.sizes[d]
        if r.count:
            copy_rolled(r, input, list(moves.items()))
    elif r.count:
        a = plain(input)
        n = a.count
        s = shifts[0] % n
        copy_rolled(raw_view(r, 1, &n, &one, 0), raw_view(a, 1, &n, &one, a.offset), [(0, s)])
    return _core.record(r, "RollBackward0", (input,), _roll_backward, None, (shifts, dims))


def _repeat_backward(node, Tensor g):
    shape, repeats = node.args
    lead = len(repeats) - len(shape)
    if 0 in repeats:
        return zeros_of(shape, g.dt, g.dev)
    split, summed = [], []
    for i, n in enumerate(repeats):
        if i < lead:
            summed.append(len(split))
            split.append(n)
        else:
            if n != 1:
                summed.append(len(split))
                split.append(n)
            split.append(shape[i - lead])
    g = <Tensor> g.reshape(tuple(split))
    return g.sum(summed) if summed else g


def repeat(Tensor input not None, *times, repeats=None):
    """A copy of `input` laid out times[i] (or repeats[i]) times along each dimension; new dimensions lead."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] both
    cdef Py_ssize_t[MAX_DIMS] to
    cdef Py_ssize_t[MAX_DIMS] of
    cdef int i, nd, lead, k = 0
    cdef Tensor r
    if repeats is not None:
        times = (tuple(repeats),)
    if not times:
        raise TypeError("repeat() missing 1 required positional arguments: \"repeats\"")
    times = as_dims(times)
    nd = <int> len(times)
    lead = nd - input.nd
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if 2 * nd > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    for i in range(nd):
        sizes[i] = <Py_ssize_t> times[i] * (input.sizes[i - lead] if i >= lead else 1)
    r = new_tensor(nd, sizes, input.dt, input.dev)
    if r.count:                 # each dimension as (times, size): the source stands still along the first
        for i in range(nd):
            both[k], both[k + 1] = times[i], input.sizes[i - lead] if i >= lead else 1
            to[k], to[k + 1] = r.strides[i] * both[k + 1], r.strides[i]
            of[k], of[k + 1] = 0, input.strides[i - lead] if i >= lead else 0
            k += 2
        copy_into(raw_view(r, k, both, to, 0), raw_view(input, k, both, of, input.offset))
    return _core.record(r, "RepeatBackward0", (input,), _repeat_backward, None, (tuple(input.shape), times))


# ------------------------------------------------------------------ triangles

cdef Tensor triangle(str name, Tensor x, Py_ssize_t diagonal, bint lower):
    cdef Tensor r
    if x.nd < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    r = new_tensor(x.nd, x.sizes, x.dt, x.dev)
    if r.count == 0:
        return r
    diagonal = max(-x.sizes[x.nd - 2], min(x.sizes[x.nd - 1], diagonal))    # beyond, sums with a row could wrap
    if r.dev:
        _core.backend_of(r.dev).triangle(r, shallow(x), diagonal, lower)
    else:
        cpu.triangle(r, shallow(x), diagonal, lower)
    return r


def _tril_backward(node, g):
    return tril(g, node.args[0])


def _triu_backward(node, g):
    return triu(g, node.args[0])


def tril(Tensor input not None, Py_ssize_t diagonal=0, *, out=None):
    """The lower triangle of (a batch of) matrices, up to the given diagonal; zero elsewhere."""
    cdef Tensor r = triangle("tril", input, diagonal, True)
    return finish_out("tril", out, _core.record(r, "TrilBackward0", (input,), _tril_backward, None, (diagonal,)))


def triu(Tensor input not None, Py_ssize_t diagonal=0, *, out=None):
    """The upper triangle of (a batch of) matrices, from the given diagonal on; zero elsewhere."""
    cdef Tensor r = triangle("triu", input, diagonal, False)
    return finish_out("triu", out, _core.record(r, "TriuBackward0", (input,), _triu_backward, None, (diagonal,)))


def triangle_indices(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t diagonal, bint lower, device):
    """The rows and columns of the places of a triangle, (2, n)."""
    cdef Tensor r
    cdef object n
    diagonal = min(max(diagonal, -rows), columns)
    n = triangle_size(rows, columns, diagonal) if lower else \
        <object> rows * columns - triangle_size(rows, columns, diagonal - 1)
    r = <Tensor> _ops.empty((2, n), INT64, as_device_code(device, _core.default_device_code()))
    if n == 0:
        return r
    if r.dev:
        _core.backend_of(r.dev).triangle_indices(r, rows, columns, diagonal, lower)
    else:
        cpu.triangle_indices(r, rows, columns, diagonal, lower)
    return r


cdef object triangle_size(object rows, object columns, object diagonal):
    """How many elements of a matrix are not above a diagonal, in numbers that do not overflow."""
    cdef object some = min(max(-diagonal, 0), rows), whole = min(max(columns - diagonal, some), rows)
    return (whole - some) * (some + whole + 2 * diagonal + 1) // 2 + (rows - whole) * columns


def interleave(Tensor counts not None):
    """0 counts[0] times, 1 counts[1] times, ...: int64."""
    if counts.dev and counts.count:
        return _core.backend_of(counts.dev).interleave(counts)
    if counts.dev:
        return zeros_of((0,), INT64, counts.dev)
    return cpu.interleave(counts)


# ------------------------------------------------------------------ regions

cdef Tensor diagonal_region(Tensor t, Py_ssize_t offset, int dim1, int dim2):
    """A diagonal of `t` as a strided region without history; its dimension is the last."""
    cdef Py_ssize_t n, start = 0
    cdef list shape, stride
    if offset >= 0:
        n = min(t.sizes[dim1], t.sizes[dim2] - offset)
        start = offset * t.strides[dim2]
    else:
        n = min(t.sizes[dim1] + offset, t.sizes[dim2])
        start = -offset * t.strides[dim1]
    n = max(n, 0)
    shape = [t.sizes[i] for i in range(t.nd) if i != dim1 and i != dim2] + [n]
    stride = [t.strides[i] for i in range(t.nd) if i != dim1 and i != dim2] + [t.strides[dim1] + t.strides[dim2]]
    return strided_region(t, shape, stride, start if n else 0)


def _diag_embed_backward(node, g):
    return g.diagonal(*node.args)


def diag_embed(Tensor input not None, Py_ssize_t offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension of `input` on a diagonal of the new dimensions dim1 and dim2."""
    cdef int nd = input.nd + 1, a, b
    cdef Py_ssize_t n
    cdef Tensor r
    a, b = wrap_dim(dim1, nd), wrap_dim(dim2, nd)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = (input.sizes[input.nd - 1] if input.nd else 1) + abs(offset)
    shape = list(input.shape)[:max(input.nd - 1, 0)]
    for d in sorted((a, b)):
        shape.insert(d, n)
    r = zeros_of(shape, input.dt, input.dev)
    copy_into(diagonal_region(r, offset, a, b), input)
    return _core.record(r, "DiagEmbedBackward0", (input,), _diag_embed_backward, None, (offset, a, b))


def _diagonal_copy_backward(node, Tensor g):
    shape, offset, a, b = node.args
    return diagonal_scatter(zeros_of(shape, g.dt, g.dev), g, offset, a, b)


def diagonal_copy(Tensor input not None, Py_ssize_t offset=0, dim1=0, dim2=1, *, out=None):
    """A copy of input.diagonal(offset, dim1, dim2)."""
    cdef int a = wrap_dim(dim1, input.nd), b = wrap_dim(dim2, input.nd)
    cdef Tensor region, r
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    region = diagonal_region(input, offset, a, b)
    r = new_tensor(region.nd, region.sizes, input.dt, input.dev)
    copy_into(r, region)
    _core.record(r, "DiagonalBackward0_copy", (input,), _diagonal_copy_backward, None,
                 (tuple(input.shape), offset, a, b))
    return finish_out("diagonal_copy", out, r)


cdef object check_region(Tensor src, Tensor region):
    if src.shape != region.shape:
        raise RuntimeError("expected src to have a size equal to the slice of self. src size = "
                           f"{shape_text(src)}, slice size = {shape_text(region)}")


def _diagonal_scatter_backward(node, Tensor g):
    own = None
    if node.needs(0):
        own = diagonal_scatter(g, zeros_of(node.args[0], g.dt, g.dev), *node.args[1:])
    return own, g.diagonal(*node.args[1:]) if node.needs(1) else None


def diagonal_scatter(Tensor input not None, Tensor src not None, Py_ssize_t offset=0, dim1=0, dim2=1):
    """A copy of `input` with `src` on the given diagonal."""
    cdef int a = wrap_dim(dim1, input.nd), b = wrap_dim(dim2, input.nd)
    cdef Tensor r = clone(shallow(input)), region = diagonal_region(r, offset, a, b)
    check_region(src, region)
    copy_into(region, src)
    return _core.record(r, "DiagonalScatterBackward0", (input, src), _diagonal_scatter_backward, None,
                        (tuple(src.shape), offset, a, b))


def _select_scatter_backward(node, Tensor g):
    shape, d, i = node.args
    return (select_scatter(g, zeros_of(shape, g.dt, g.dev), d, i) if node.needs(0) else None,
            select_of(g, d, i) if node.needs(1) else None)


def select_scatter(Tensor input not None, Tensor src not None, dim, Py_ssize_t index):
    """A copy of `input` with `src` at position `index` of `dim`."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r, region
    if input.nd == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    if index < -input.sizes[d] or index >= input.sizes[d]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {shape_text(input)} at "
                         f"dimension {d}")
    if index < 0:
        index += input.sizes[d]
    r = clone(shallow(input))
    region = shallow(select_of(shallow(r), d, index))
    check_region(src, region)
    copy_into(region, src)
    return _core.record(r, "SelectScatterBackward0", (input, src), _select_scatter_backward, None,
                        (tuple(src.shape), d, index))


def _slice_scatter_backward(node, Tensor g):
    shape, d, start, end, step = node.args
    return (slice_scatter(g, zeros_of(shape, g.dt, g.dev), d, start, end, step) if node.needs(0) else None,
            slice_of(g, d, start, shape[d], step) if node.needs(1) else None)


def slice_scatter(Tensor input not None, Tensor src not None, dim=0, start=None, end=None, Py_ssize_t step=1):
    """A copy of `input` with `src` in the slice start:end:step of `dim`."""
    cdef int d = wrap_dim(dim, input.nd)
    cdef Tensor r, region
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first, last, _ = slice(start, end, step).indices(input.sizes[d])
    r = clone(shallow(input))
    region = slice_of(shallow(r), d, first, len(range(first, last, step)), step)
    check_region(src, region)
    copy_into(region, src)
    return _core.record(r, "SliceScatterBackward0", (input, src), _slice_scatter_backward, None,
                        (tuple(src.shape), d, first, last, step))


def _as_strided_scatter_backward(node, Tensor g):
    size, stride, offset = node.args
    g = <Tensor> _ops.clone_tensor(g, False)
    part = g.as_strided(size, stride, offset)
    # As in PyTorch the input gets the gradient of the region that is written, and none of the rest.
    return (as_strided_scatter(zeros_of(g.shape, g.dt, g.dev), part, size, stride, offset) if node.needs(0) else None,
            part if node.needs(1) else None)


def as_strided_scatter(Tensor input not None, Tensor src not None, size, stride, storage_offset=None):
    """A copy of `input` with `src` in the region that as_strided(size, stride, storage_offset) names."""
    cdef Tensor r = new_tensor(input.nd, input.sizes, input.dt, input.dev), region
    cdef Py_ssize_t offset = 0 if storage_offset is None else storage_offset, last = offset
    for n, s in zip(size, stride, strict=True):
        last += (n - 1) * s
    if last >= r.count and 0 not in size:
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
                           f"itemsize {itemsize_of(r.dt)} requiring a storage size of {(last + 1) * itemsize_of(r.dt)} "
                           f"are out of bounds for storage of size {r.count * itemsize_of(r.dt)}")
    copy_into(r, input)
    region = strided_region(r, size, stride, offset)
    check_region(src, region)
    copy_into(region, src)
    return _core.record(r, "AsStridedScatterBackward0", (input, src), _as_strided_scatter_backward, None,
                        (tuple(size), tuple(stride), offset))


FUNCTIONS = {
    "cat": cat, "concat": cat, "concatenate": cat, "stack": stack,
    "flip": flip, "roll": roll, "tril": tril, "triu": triu, "diag_embed": diag_embed,
    "diagonal_copy": diagonal_copy, "diagonal_scatter": diagonal_scatter, "select_scatter": select_scatter,
    "slice_scatter": slice_scatter, "as_strided_scatter": as_strided_scatter,
}
METHODS = {
    name: FUNCTIONS[name] for name in FUNCTIONS
    if name not in ("cat", "concat", "concatenate", "stack", "diagonal_copy")
} | {
    "repeat": repeat, "tril_": _walk.in_place(tril, "tril_"), "triu_": _walk.in_place(triu, "triu_"),
}
