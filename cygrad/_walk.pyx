"""Views by one step, errors of indices, and the frame of operators that write: what data movement shares.

`start_write` and `end_write` frame an operator that overwrites part of a tensor, out of place and in place.
"""
from cygrad._core cimport (
    HALF, MAX_DIMS, Tensor, attach, bump, current_grad_fn, grad_enabled, grad_required, itemsize_of, make_size,
    new_view, node_type, raw_view, rebase, same_shape, set_history, shallow, wrap_dim)
from cygrad._ops cimport CASTS, clone, copy_into, expand_to, refuse_self_overlap, store as store_out
from cygrad import _core, _ops


# ------------------------------------------------------------------ indices out of range

# How an operator says it, a number that a device can hold until it is read.
INDEX, RANGE, SELF, INDEX_COPY, TAKE, REPEATS = _INDEX, _RANGE, _SELF, _INDEX_COPY, _TAKE, _REPEATS
TARGET = 7      # of the losses of classes


def out_of_range(int error, index, dim, size):
    """The exception for index number `index` where there are `size`."""
    if error == _SELF:
        return IndexError("index out of range in self")
    if error == _TAKE:
        return IndexError(f"out of range: tried to access index {index} on a tensor of {size} elements." if size else
                          "take(): tried to take from an empty tensor")
    if error == TARGET:
        return IndexError(f"Target {index} is out of bounds.")
    if error == _REPEATS:
        return RuntimeError("repeats can not be negative")
    if error == _INDEX and size == 0:
        return IndexError("index is out of bounds for dimension with size 0")
    text = f"index {index} is out of bounds for dimension {dim} with size {size}"
    if error == _RANGE:
        return RuntimeError(text)
    return IndexError(f"index_copy_(): {text}" if error == _INDEX_COPY else text)


def too_few():
    """The exception for a masked_scatter whose source is too short."""
    return RuntimeError("Number of elements of source < number of ones in mask")


# ------------------------------------------------------------------ helpers of this family

cdef str shape_text(Tensor t):
    return str(list(make_size(t.nd, t.sizes)))


cdef Tensor zeros_of(object shape, int dt, int dev):
    return <Tensor> _ops.full(shape, 0, dt, dev)


cdef tuple broadcast_of(tuple tensors):
    """The shape that all of the tensors broadcast to."""
    cdef list sizes = []
    cdef Tensor t
    cdef Py_ssize_t i, at
    for x in tensors:
        t = <Tensor> x
        while len(sizes) < t.nd:
            sizes.insert(0, 1)
    for x in tensors:
        t = <Tensor> x
        for i in range(t.nd - 1, -1, -1):
            at = i + len(sizes) - t.nd
            if t.sizes[i] != 1 and t.sizes[i] != sizes[at]:
                if sizes[at] != 1:
                    raise RuntimeError(f"The size of tensor a ({sizes[at]}) must match the size of tensor b "
                                       f"({t.sizes[i]}) at non-singleton dimension {at}")
                sizes[at] = t.sizes[i]
    return tuple(sizes)


cdef object finish_out(str name, object out, Tensor r):
    """What an operator returns whose result may be cast to the dtype of `out`."""
    return store_out(name, out, r, CASTS)


def store(out, Tensor r not None, str name):
    """finish_out for operators written in Python."""
    return finish_out(name, out, r)


def positive_dim(dim, int nd):
    """A dimension counted from the front, checked."""
    return wrap_dim(dim, nd)


cdef Tensor start_write(Tensor self, bint inplace, tuple others, bint* recorded):
    """The tensor an operator that overwrites part of `self` works on: a copy, or `self` checked for writing."""
    if inplace:
        refuse_self_overlap(self)
    return start_indexed_write(self, inplace, others, recorded)


cdef Tensor start_indexed_write(Tensor self, bint inplace, tuple others, bint* recorded):
    """start_write where elements of `self` may share their memory: what an index picks may still be apart."""
    recorded[0] = False
    if not inplace:
        return clone(shallow(self))
    recorded[0] = _core.prepare_inplace(self, *others)
    return self


cdef Tensor end_write(Tensor out, bint inplace, bint recorded, str name, tuple inputs, object function, tuple saved,
                      tuple args):
    """Records the write: as the history of a new tensor, or as the new history of the one written."""
    if not inplace:
        return attach(out, name, inputs, function, saved, args)
    if recorded:
        node = _core.new_function_node(node_type(name, _core.FunctionNode), "", inputs)
        _core.set_function(node, function, 1)
        _core.set_args(node, args)
        if saved is not None:
            _core.set_saved(node, saved, ())
        rebase(out, node)
    bump(out)
    return out


cpdef Tensor rewrite(Tensor self, object function, tuple args, dict kwargs):
    """The in-place twin of an operator: `self` takes the elements and the history of `function(self, *args)`."""
    cdef Tensor source = self, r
    cdef bint recorded = _core.prepare_inplace(self, *args)
    if recorded:                        # what the operator saves must outlive the write
        source = clone(shallow(self))
        if grad_required(self):
            set_history(source, current_grad_fn(self), self.output_nr)
    r = <Tensor?> function(source, *args, **kwargs)
    if not same_shape(r, self):
        raise RuntimeError(f"output with shape {shape_text(self)} doesn't match the broadcast shape {shape_text(r)}")
    copy_into(self, r)
    if recorded and r.history is not None:
        rebase(self, r.history)
    bump(self)
    return self


def in_place(function, str name):
    """The method `name` that does `function` in place."""
    def f(self, *args, **kwargs):
        return rewrite(<Tensor?> self, function, args, kwargs)
    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{name.rstrip('_')} in place."
    return f


# ------------------------------------------------------------------ views by one step

cdef void load_view(View* v, Tensor t) noexcept:
    cdef int i
    v.nd, v.offset = t.nd, t.offset
    for i in range(t.nd):
        v.sizes[i] = t.sizes[i]
        v.strides[i] = t.strides[i]


cdef void drop_dim(View* v, int dim) noexcept:
    cdef int i
    v.nd -= 1
    for i in range(dim, v.nd):
        v.sizes[i] = v.sizes[i + 1]
        v.strides[i] = v.strides[i + 1]


cdef int insert_dim(View* v, int dim) except -1:
    cdef int i
    if v.nd >= MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    for i in range(v.nd, dim, -1):
        v.sizes[i] = v.sizes[i - 1]
        v.strides[i] = v.strides[i - 1]
    v.strides[dim] = v.sizes[dim + 1] * v.strides[dim + 1] if dim < v.nd else 1
    v.sizes[dim] = 1
    v.nd += 1
    return 0


cdef Tensor place(Tensor g, object shape, int dim, Py_ssize_t start, Py_ssize_t step, bint selects):
    """Zeros of `shape` with `g` in a slice (or at one position) of `dim`; the adjoint of taking that slice."""
    cdef Tensor r = zeros_of(shape, g.dt, g.dev)
    cdef View v
    load_view(&v, r)
    v.offset += start * v.strides[dim]
    if selects:
        drop_dim(&v, dim)
    else:
        v.sizes[dim] = g.sizes[dim]
        v.strides[dim] *= step
    copy_into(raw_view(r, v.nd, v.sizes, v.strides, v.offset), g)
    return attach(r, "SelectBackwardBackward0" if selects else "SliceBackwardBackward0", (g,), _place_backward, None,
                  (dim, start, g.sizes[dim] if not selects else 0, step, selects))


def _place_backward(node, Tensor g):
    dim, start, length, step, selects = node.args
    return select_of(g, dim, start) if selects else slice_of(g, dim, start, length, step)


def _select_backward(node, Tensor g):
    shape, dim, i = node.args
    return place(g, shape, dim, i, 1, True)


def _slice_backward(node, Tensor g):
    shape, dim, start, step = node.args
    return place(g, shape, dim, start, step, False)


def _unsqueeze_backward(node, Tensor g):
    return squeeze_one(g, node.args[0])


def _alias_backward(node, g):
    return g


cdef Tensor squeeze_one(Tensor t, int dim):
    cdef View v
    load_view(&v, t)
    drop_dim(&v, dim)
    return attach(new_view(t, v.nd, v.sizes, v.strides, v.offset), "SqueezeBackward1", (t,), _squeeze_one_backward,
                  None, (dim,))


def _squeeze_one_backward(node, Tensor g):
    return unsqueeze_one(g, node.args[0])


cdef Tensor unsqueeze_one(Tensor t, int dim):
    cdef View v
    load_view(&v, t)
    insert_dim(&v, dim)
    return attach(new_view(t, v.nd, v.sizes, v.strides, v.offset), "UnsqueezeBackward0", (t,), _unsqueeze_backward,
                  None, (dim,))


cpdef Tensor select_of(Tensor t, int dim, Py_ssize_t i):
    """Position `i` (in range) of dimension `dim`, as a view."""
    cdef View v
    cdef Tensor r
    load_view(&v, t)
    v.offset += i * v.strides[dim]
    drop_dim(&v, dim)
    r = new_view(t, v.nd, v.sizes, v.strides, v.offset)
    if t.dt >= HALF and grad_enabled() and grad_required(t):
        attach(r, "SelectBackward0", (t,), _select_backward, None, (make_size(t.nd, t.sizes), dim, i))
    return r


cpdef Tensor slice_of(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length, Py_ssize_t step):
    """`length` positions of dimension `dim` from `start` on, as a view."""
    cdef View v
    cdef Tensor r
    load_view(&v, t)
    v.offset += start * v.strides[dim]
    v.sizes[dim] = length
    v.strides[dim] *= step
    r = new_view(t, v.nd, v.sizes, v.strides, v.offset)
    if t.dt >= HALF and grad_enabled() and grad_required(t):
        attach(r, "SliceBackward0", (t,), _slice_backward, None, (make_size(t.nd, t.sizes), dim, start, step))
    return r


cdef Tensor alias_of(Tensor t):
    return attach(new_view(t, t.nd, t.sizes, t.strides, t.offset), "AliasBackward0", (t,), _alias_backward, None, ())


cdef Tensor narrow_raw(Tensor t, int dim, Py_ssize_t start, Py_ssize_t length):
    """A slice without history: a region to be written."""
    cdef Tensor r = raw_view(t, t.nd, t.sizes, t.strides, t.offset + start * t.strides[dim])
    r.sizes[dim] = length
    r = raw_view(t, r.nd, r.sizes, r.strides, r.offset)
    return r


cpdef Tensor strided_region(Tensor t, shape, stride, Py_ssize_t offset):
    """The elements `offset` elements past the first of `t`, strided, without history: a region to be written."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    last = int(t.offset) + int(offset)      # Python ints: sizes and strides are hostile
    if last < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {last}")
    for i in range(<int> len(shape)):
        sizes[i], strides[i] = shape[i], stride[i]
        last += (shape[i] - 1) * stride[i]
    needed = (last + 1) * itemsize_of(t.dt)
    if 0 not in shape and needed > t.storage.size_bytes:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(stride)}, storage offset {t.offset + offset}, and "
            f"itemsize {itemsize_of(t.dt)} requiring a storage size of {needed} are out of bounds for storage of size "
            f"{t.storage.size_bytes}")
    return raw_view(t, <int> len(shape), sizes, strides, t.offset + offset)


cdef Tensor expand_shape(Tensor t, object shape):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    for i in range(<int> len(shape)):
        sizes[i] = shape[i]
    return expand_to(t, <int> len(shape), sizes)
