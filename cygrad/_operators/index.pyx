# cython: allow_none_for_extension_args=False
"""Indexing: `x[...]`, `x[...] = v`, index_put and index_select.

Design
------
* Basic indices (integers, slices, None, Ellipsis) change one `View` struct on the stack; a tensor is made of it at
  the end, or after each step where autograd wants a node per step.
* Index tensors become one index along one dimension of a view of the indexed tensor, which is what the primitives
  `gather` and `scatter` take: one index stays as it is; several are added up, checked, to an index into the storage.
"""
from cpython.long cimport PyLong_CheckExact
from cpython.slice cimport PySlice_AdjustIndices, PySlice_Unpack
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from cygrad._core cimport (
    any_needs_grad,
    BFLOAT16, BOOL, FLOAT, HALF, INT32, INT64, MAX_DIMS, UINT8, Tensor, attach, grad_enabled, grad_required,
    itemsize_of, make_size, new_tensor, new_view, raw_view, same_shape, shallow, wrap_dim)
from cygrad._kernels cimport index as cpu
from cygrad._kernels.index cimport ADD, PUT
from cygrad._operators.family cimport one_device
from cygrad._ops cimport clone, copy_into, expand_to, refuse_self_overlap, sum_to, to_dtype
from cygrad._walk cimport (
    View, _INDEX, _SELF, alias_of, broadcast_of, drop_dim, end_write, finish_out, insert_dim, load_view, select_of,
    shape_text, slice_of, start_indexed_write, unsqueeze_one, zeros_of)
from cygrad import _core, _ops
from cygrad._devices import host


# ------------------------------------------------------------------ what an index may be

cdef object BAD_INDEX = ("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                         "indices")


cdef bint is_tuple_like(object index):
    """A short list with a slice, a tensor, a sequence, None or Ellipsis in it counts as a tuple."""
    if not isinstance(index, list) or len(index) >= 32:
        return False
    for x in index:
        if x is None or x is Ellipsis or isinstance(x, (slice, Tensor, list, tuple, range)):
            return True
        if hasattr(x, "__array_interface__") and getattr(x, "ndim", 0):
            return True
    return False


cdef int flatten_sequence(object x, list sizes, int depth, list out) except -1:
    """Appends the numbers of a nested sequence; `sizes` takes its shape."""
    cdef Py_ssize_t n = len(x)
    if depth == len(sizes):
        sizes.append(n)
    elif sizes[depth] != n:
        raise ValueError(f"expected sequence of length {sizes[depth]} at dim {depth} (got {n})")
    for y in x:
        if isinstance(y, (list, tuple, range)):
            flatten_sequence(y, sizes, depth + 1, out)
        elif isinstance(y, str):
            raise TypeError("new(): invalid data type 'str'")
        elif isinstance(y, (bool, int, float)):
            out.append(y)
        elif isinstance(y, Tensor) or hasattr(y, "item"):
            out.append(y.item())
        elif hasattr(y, "__index__"):
            out.append(y.__index__())
        else:
            raise RuntimeError(f"Could not infer dtype of {type(y).__name__}")
    return 0


cdef Tensor tensor_of_sequence(object x):
    """A list, tuple or range of numbers as an index tensor."""
    cdef list sizes = [], numbers = []
    cdef Py_ssize_t[MAX_DIMS] dims
    cdef Tensor r
    cdef Py_ssize_t i
    cdef int64_t* at
    cdef bint flags
    flatten_sequence(x, sizes, 0, numbers)
    for i in range(len(sizes)):
        dims[i] = sizes[i]
    flags = len(numbers) > 0
    for y in numbers:
        if not isinstance(y, bool):
            flags = False
            break
    r = new_tensor(<int> len(sizes), dims, BOOL if flags else INT64, 0)
    if r.count != len(numbers):
        raise ValueError(f"expected sequence of length {sizes[len(sizes) - 1]} at dim {len(sizes) - 1}")
    if flags:
        for i in range(r.count):
            r.storage.ptr[i] = 1 if numbers[i] else 0
    else:
        at = <int64_t*> r.storage.ptr
        for i in range(r.count):
            at[i] = int(numbers[i])
    return r


cdef Tensor tensor_of_array(object a):
    """A NumPy array as an index tensor."""
    import numpy
    cdef Tensor r
    cdef const unsigned char[::1] view
    if a.dtype.kind not in "biuf":
        raise TypeError(f"can't convert np.ndarray of type {a.dtype.type.__module__}.{a.dtype.type.__name__}. The only "
                        "supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
                        "int8, uint64, uint32, uint16, uint8, and bool.")
    cdef int dt = BOOL if a.dtype.kind == "b" else UINT8 if a.dtype == numpy.uint8 else INT64
    a = numpy.ascontiguousarray(a, dtype=("bool", "uint8")[dt] if dt != INT64 else "int64")
    r = <Tensor> _ops.empty(a.shape, dt)
    if r.count:
        view = a.reshape(-1).view("uint8")
        memcpy(r.storage.ptr, &view[0], r.count * itemsize_of(dt))
    return r


cdef int check_index_dtype(Tensor t) except -1:
    if t.dt != INT64 and t.dt != INT32 and t.dt != BOOL and t.dt != UINT8:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return 0


cdef object tensor_item(object x):
    """An item that is no basic index, as a tensor, or a Python integer."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (list, tuple, range)):
        return tensor_of_sequence(x)
    if hasattr(x, "__array_interface__") and getattr(x, "ndim", 0):
        return tensor_of_array(x)
    if hasattr(x, "__array_interface__") and x.dtype.kind in "iu":
        return int(x)
    if isinstance(x, str):
        raise TypeError("new(): invalid data type 'str'")
    if hasattr(x, "__index__"):
        return x.__index__()
    raise IndexError(f"{BAD_INDEX} (got {typename(x)})")


cdef str typename(object x):
    """The type's name as C sees it: with its module unless that is builtins."""
    t = type(x)
    return t.__name__ if t.__module__ == "builtins" else f"{t.__module__}.{t.__qualname__}"


cdef Py_ssize_t dims_taken(object x) except -1:
    if isinstance(x, Tensor):
        return (<Tensor> x).nd if (<Tensor> x).dt <= UINT8 else 1
    return 0 if x is None or x is Ellipsis or x is True or x is False else 1


cdef object range_error(object i, int dim, Py_ssize_t size):
    return IndexError(f"index {i} is out of bounds for dimension {dim} with size {size}")


cdef object as_items(object index):
    """The index as a tuple of items; what is no basic index has become a tensor or an integer."""
    cdef list items
    if not isinstance(index, tuple):
        index = tuple(index) if is_tuple_like(index) else (index,)
    for x in <tuple> index:
        if not (PyLong_CheckExact(x) or x is None or x is Ellipsis or isinstance(x, (slice, bool))):
            break
    else:
        return index
    items = []
    for x in <tuple> index:
        if PyLong_CheckExact(x) or x is None or x is Ellipsis or isinstance(x, (slice, bool)):
            items.append(x)
            continue
        x = tensor_item(x)
        if isinstance(x, Tensor) and (<Tensor> x).nd == 0 and UINT8 < (<Tensor> x).dt < HALF:
            x = int(x.item())
        items.append(x)
    return tuple(items)


cdef Tensor basic_view(Tensor self, tuple items, list slots):
    """Applies the basic items; `slots` takes the index tensors, by the dimension of the view they index (else it
    stays empty).  A full slice makes no step of its own."""
    cdef View v
    cdef Py_ssize_t taken = 0, i, start, stop, step, length
    cdef int dim = 0, place_of = -1
    cdef bint record = self.dt >= HALF and grad_enabled() and grad_required(self), changed = False
    cdef Tensor cur = self, t
    for x in items:
        taken += dims_taken(x)
    if taken > self.nd:
        raise IndexError(f"too many indices for tensor of dimension {self.nd}")
    load_view(&v, self)
    for x in items:
        place_of += 1                   # PyTorch's messages count items, not dimensions
        if PyLong_CheckExact(x):
            try:
                i = x
            except OverflowError:
                raise range_error(x, place_of, v.sizes[dim]) from None
            if i < -v.sizes[dim] or i >= v.sizes[dim]:
                raise range_error(i, place_of, v.sizes[dim])
            if i < 0:
                i += v.sizes[dim]
            if record:
                cur = select_of(cur, dim, i)
                load_view(&v, cur)
                continue
            v.offset += i * v.strides[dim]
            drop_dim(&v, dim)
            changed = True
        elif isinstance(x, slice):
            PySlice_Unpack(x, &start, &stop, &step)
            if step <= 0:
                raise ValueError("step must be greater than zero")
            length = PySlice_AdjustIndices(v.sizes[dim], &start, &stop, step)
            if start == 0 and length == v.sizes[dim] and step == 1:
                dim += 1
                continue
            if record:
                cur = slice_of(cur, dim, start, length, step)
                load_view(&v, cur)
            else:
                v.offset += start * v.strides[dim]
                v.sizes[dim] = length
                v.strides[dim] *= step
                changed = True
            dim += 1
        elif x is Ellipsis:
            dim += <int> (self.nd - taken)
            taken = self.nd             # a second Ellipsis stands for nothing
        elif x is None or x is True or x is False or \
                (isinstance(x, Tensor) and (<Tensor> x).nd == 0 and (<Tensor> x).dt <= UINT8):
            if record:
                cur = unsqueeze_one(cur, dim)
                load_view(&v, cur)
            else:
                insert_dim(&v, dim)
                changed = True
            if x is not None:
                put_slot(slots, dim, tensor_of_sequence([bool(x) if not isinstance(x, Tensor) else bool(x.item())]))
            dim += 1
        else:
            t = <Tensor> x
            check_index_dtype(t)
            put_slot(slots, dim, t)
            dim += <int> dims_taken(t)
    if changed:
        cur = new_view(self, v.nd, v.sizes, v.strides, v.offset)
    return cur


cdef int put_slot(list slots, int dim, Tensor t) except -1:
    """Index tensor `t` for dimension `dim`; a mask of k dimensions fills one slot and spares k - 1."""
    while len(slots) < dim:
        slots.append(None)
    slots.append(t)
    if t.dt <= UINT8:
        slots.extend([Ellipsis] * (t.nd - 1))       # covered by the mask before
    return 0


# ------------------------------------------------------------------ index tensors

cdef class Selection:
    """What index tensors choose: the shape of the result, and an index of that shape along one dimension of a view."""
    cdef int nd
    cdef Py_ssize_t[64] sizes
    cdef int dim
    cdef bint checked                       # the index counts elements of the storage
    cdef bint scalar                        # dimension `dim` of view and index, of size 1, is none of the result
    cdef Tensor view
    cdef Tensor index

    cdef object shape(self):
        return make_size(self.nd, self.sizes)

    cdef Tensor dense(self, Tensor t):
        """A tensor that broadcasts to the result, in the view's dimensions."""
        cdef View v
        t = expand_to(t, self.nd, self.sizes)
        if not self.scalar:
            return t
        load_view(&v, t)
        insert_dim(&v, self.dim)
        return raw_view(t, v.nd, v.sizes, v.strides, v.offset)


cdef Tensor mask_positions(Tensor mask):
    """The flat positions of the ones of a bool or uint8 mask, int64."""
    return <Tensor> _core.backend_of(mask.dev).positions(mask) if mask.dev else cpu.positions(mask)


cdef Tensor same_device(Tensor self, Tensor index):
    """An index tensor on the device of what it indexes; one of the CPU is moved."""
    if index.dev == self.dev:
        return index
    if index.dev:
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor "
                           f"({self.device})")
    return <Tensor> host.moved(_ops.to_dtype_device, index, index.dt, self.dev)


cdef Selection select_by(Tensor self, tuple slots):
    """What index tensors (None: the whole dimension; a mask stands for its dimensions) choose."""
    cdef Selection s = Selection.__new__(Selection)
    cdef list indexes = [], dims = []
    cdef int dim = 0, i, j, first = -1, last = -1, n_dims, b_nd
    cdef bint gaps = False
    cdef list rest = []
    cdef Tensor t, flat
    cdef Py_ssize_t[MAX_DIMS] b_sizes
    cdef Py_ssize_t[MAX_DIMS] sizes         # of the view
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef Py_ssize_t[MAX_DIMS] steps         # of the index
    cdef Py_ssize_t size, stride, count = 1
    for x in slots:
        if x is None:
            if dim >= self.nd:
                raise IndexError(f"too many indices for tensor of dimension {self.nd} (got {len(slots)})")
            rest.append(dim)
            dim += 1
            continue
        t = <Tensor?> x
        check_index_dtype(t)
        n_dims = t.nd if t.dt <= UINT8 else 1
        if dim + n_dims > self.nd:
            raise IndexError(f"too many indices for tensor of dimension {self.nd} (got {len(slots)})")
        if first < 0:
            first = dim
        elif last != dim:
            gaps = True
        last = dim + n_dims
        t = same_device(self, t)
        if t.dt <= UINT8:
            for i in range(n_dims):
                if t.sizes[i] != self.sizes[dim + i]:
                    raise IndexError(f"The shape of the mask {shape_text(t)} at index {i} does not match the shape of "
                                     f"the indexed tensor {shape_text(self)} at index {dim + i}")
            flat = coordinates_of(mask_positions(t), t)
            for i in range(n_dims):
                indexes.append(row_of(flat, i))
                dims.append(dim + i)
        else:
            indexes.append(t)
            dims.append(dim)
        dim += n_dims
    for i in range(dim, self.nd):
        rest.append(i)
    if not indexes:
        raise IndexError("at least one of the indices must be a tensor")
    # --- the common shape of the index tensors
    if len(indexes) == 1:
        t = <Tensor> indexes[0]
        b_nd = t.nd
        for i in range(b_nd):
            b_sizes[i] = t.sizes[i]
    else:
        try:
            b_shape = broadcast_of(tuple(indexes))
        except RuntimeError:
            raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                             + ", ".join([shape_text(<Tensor> x) for x in indexes])) from None
        b_nd = <int> len(b_shape)
        for i in range(b_nd):
            b_sizes[i] = b_shape[i]
    s.scalar = b_nd == 0
    if b_nd + len(rest) + s.scalar > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    # --- the result: the index's dimensions stand where the indexed ones were if those are neighbours, else first
    s.nd = 0
    for i in rest:
        if not gaps and i < first:
            s.sizes[s.nd] = self.sizes[i]
            count *= self.sizes[i]
            s.nd += 1
    s.dim = s.nd + (b_nd - 1 if b_nd else 0)
    for j in range(b_nd):
        s.sizes[s.nd] = b_sizes[j]
        count *= b_sizes[j]
        s.nd += 1
    for i in rest:
        if gaps or i >= first:
            s.sizes[s.nd] = self.sizes[i]
            count *= self.sizes[i]
            s.nd += 1
    # --- one index
    if len(indexes) == 1:
        size, stride = self.sizes[dims[0]], self.strides[dims[0]]
    else:
        t = new_tensor(b_nd, b_sizes, INT64, self.dev)
        if count == 0:
            pass                            # nothing is read: PyTorch does not look
        elif self.dev:
            _core.backend_of(self.dev).linear_index(t, self, tuple(dims), expanded(indexes, t))
        else:
            cpu.linear_index(t, self, tuple(dims), expanded(indexes, t))
        s.checked, size, stride = True, self.storage.size_bytes // itemsize_of(self.dt) - self.offset, 1
    # --- view and index, of the result's dimensions (and one more where the result has none for the index)
    j = 0
    for i in rest:
        if not gaps and i < first:
            sizes[j], strides[j], steps[j] = self.sizes[i], self.strides[i], 0
            j += 1
    for i in range(b_nd):
        sizes[j], strides[j], steps[j] = b_sizes[i], 0, t.strides[i] if b_sizes[i] != 1 else 0
        j += 1
    if s.scalar:
        steps[j] = 0
        j += 1
    sizes[s.dim], strides[s.dim] = size, stride
    for i in rest:
        if gaps or i >= first:
            sizes[j], strides[j], steps[j] = self.sizes[i], self.strides[i], 0
            j += 1
    s.view = raw_view(self, j, sizes, strides, self.offset)
    for i in range(s.dim - b_nd + 1, s.dim + 1):
        sizes[i] = b_sizes[i - (s.dim - b_nd + 1)]
    if s.scalar:
        sizes[s.dim] = 1
    s.index = raw_view(t, j, sizes, steps, t.offset)
    return s


cdef tuple expanded(list indexes, Tensor to):
    return tuple([x if same_shape(<Tensor> x, to) else expand_to(<Tensor> x, to.nd, to.sizes) for x in indexes])


cdef Tensor coordinates_of(Tensor flat, Tensor mask):
    """The coordinates, (dimensions, n), of ascending flat positions in a tensor of mask's shape."""
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    cdef Tensor r
    sizes[0], sizes[1], strides[0], strides[1] = mask.nd, flat.count, flat.count, 1
    if mask.nd == 1:
        return raw_view(flat, 2, sizes, strides, flat.offset)
    r = new_tensor(2, sizes, INT64, flat.dev)
    if r.count == 0:
        return r
    if r.dev:
        _core.backend_of(r.dev).coordinates(r, flat, make_size(mask.nd, mask.sizes))
    else:
        cpu.coordinates(r, flat, make_size(mask.nd, mask.sizes))
    return r


cdef Tensor row_of(Tensor t, Py_ssize_t i):
    """A row of a contiguous matrix."""
    cdef Py_ssize_t one = 1
    return raw_view(t, 1, t.sizes + 1, &one, t.offset + i * t.sizes[1])


cdef int gather_into(Tensor out, Tensor x, int dim, Tensor index, bint wraps, int error, int place) except -1:
    """The primitive `gather` of the operands' device; nothing where `out` is empty."""
    if out.count == 0:
        return 0
    if out.dev:
        _core.backend_of(out.dev).gather(out, x, dim, index, wraps, error, place)
        return 0
    return cpu.gather(out, x, dim, index, wraps, error, place)


cdef int scatter_into(Tensor x, int dim, Tensor index, Tensor src, int op, bint wraps, int error, int place) except -1:
    """The primitive `scatter` of the operands' device; nothing where the index is empty."""
    if index.count == 0:
        return 0
    if x.dev:
        _core.backend_of(x.dev).scatter(x, dim, index, src, op, wraps, error, place)
        return 0
    return cpu.scatter(x, dim, index, src, op, wraps, error, place)


cdef bint single_mask(Tensor self, tuple slots) except -1:
    """Whether the one index is a mask of the tensor's shape."""
    return len(slots) == 1 and slots[0] is not None and (<Tensor?> slots[0]).dt <= UINT8 and \
        (<Tensor> slots[0]).nd == self.nd and self.nd > 0 and same_shape(self, <Tensor> slots[0])


cdef Tensor index_raw(Tensor self, tuple slots):
    cdef Selection s
    cdef Tensor r
    if single_mask(self, slots):
        return compress(self, same_device(self, <Tensor> slots[0]))
    s = select_by(self, slots)
    r = new_tensor(s.nd, s.sizes, self.dt, self.dev)
    gather_into(s.dense(r), s.view, s.dim, s.index, not s.checked, 0 if s.checked else _INDEX, 0)
    return r


cdef Tensor compress(Tensor self, Tensor mask):
    """The elements where the mask (of the same shape) is one, in order."""
    return <Tensor> _core.backend_of(self.dev).compress(self, mask) if self.dev else cpu.compress(self, mask)


def _index_backward(node, Tensor g):
    shape, dev = node.args
    indices = node.saved()
    adds = True
    for x in indices:
        if x is not None and (<Tensor> x).dt > UINT8:
            break
    else:
        adds = False                    # a mask chooses no element twice
    return index_put(zeros_of(shape, g.dt, dev), tuple(indices), g, adds)


cdef Tensor index_by(Tensor self, tuple slots):
    return attach(index_raw(self, slots), "IndexBackward0", (self,), _index_backward, slots,
                  (make_size(self.nd, self.sizes), self.dev))


cdef tuple slot_tuple(list slots):
    return tuple([x for x in slots if x is not Ellipsis])


cdef int check_zero_dim(Tensor self, object index) except -1:
    if self.nd == 0:
        if PyLong_CheckExact(index):
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in "
                             "C++ to convert a 0-dim tensor to a number")
        if isinstance(index, slice):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    return 0


def getitem(Tensor self not None, index):
    """`self[index]`: a view for integers, slices, None and Ellipsis; a copy where tensors, lists or masks index."""
    cdef Py_ssize_t i, start, stop, step
    cdef list slots
    cdef Tensor r
    if PyLong_CheckExact(index) and self.nd:
        try:
            i = index
        except OverflowError:
            raise range_error(index, 0, self.sizes[0]) from None
        if i < -self.sizes[0] or i >= self.sizes[0]:
            raise range_error(i, 0, self.sizes[0])
        return select_of(self, 0, i if i >= 0 else i + self.sizes[0])
    if isinstance(index, slice) and self.nd:
        PySlice_Unpack(index, &start, &stop, &step)
        if step <= 0:
            raise ValueError("step must be greater than zero")
        i = PySlice_AdjustIndices(self.sizes[0], &start, &stop, step)
        return slice_of(self, 0, start, i, step)
    check_zero_dim(self, index)
    slots = []
    r = basic_view(self, <tuple> as_items(index), slots)
    if slots:
        return index_by(r, slot_tuple(slots))
    return alias_of(self) if r is self else r


# ------------------------------------------------------------------ writing by index

cdef object cannot_assign(Tensor self, object value):
    return TypeError(f"can't assign a {typename(value)} to a torch.{_core.SCALAR_TYPE_NAMES[self.dt]}Tensor")


cdef Tensor without_leading_ones(Tensor value, int nd):
    """`value` without the leading dimensions of size 1 that the target has not."""
    cdef int drop = 0
    cdef Tensor r = value
    while value.nd - drop > nd and value.sizes[drop] == 1:
        r = select_of(r, 0, 0)
        drop += 1
    return r


cdef int check_expandable(Tensor value, Tensor to) except -1:
    cdef int i, shift = to.nd - value.nd
    if shift < 0:
        raise RuntimeError(f"expand(torch.{_core.SCALAR_TYPE_NAMES[value.dt]}Tensor{{{shape_text(value)}}}, size="
                           f"{shape_text(to)}): the number of sizes provided ({to.nd}) must be greater or equal to the "
                           f"number of dimensions in the tensor ({value.nd})")
    for i in range(value.nd - 1, -1, -1):
        if value.sizes[i] != 1 and value.sizes[i] != to.sizes[i + shift]:
            raise RuntimeError(f"The expanded size of the tensor ({to.sizes[i + shift]}) must match the existing size "
                               f"({value.sizes[i]}) at non-singleton dimension {i + shift}.  Target sizes: "
                               f"{shape_text(to)}.  Tensor sizes: {shape_text(value)}")
    return 0


def setitem(Tensor self not None, index, value):
    """`self[index] = value` for a number or a tensor that broadcasts to the indexed part; cast to self's dtype."""
    cdef list slots = []
    cdef Tensor r, v
    if not isinstance(value, (Tensor, float, int, complex)):
        if hasattr(value, "__index__") and not hasattr(value, "__len__"):
            value = value.__index__()
        else:
            raise cannot_assign(self, value)
    if index is False:
        return
    if index is True:                   # one more dimension, of size 1
        index = None
    check_zero_dim(self, index)
    r = basic_view(self, <tuple> as_items(index), slots)
    if not slots:
        if isinstance(value, Tensor):
            v = without_leading_ones(<Tensor> value, r.nd)
            check_expandable(v, r)
            _ops.copy_(r, v)
        else:
            refuse_self_overlap(r)
            _ops.fill_(r, value)
        return
    if isinstance(value, Tensor):
        v = <Tensor> value
        if v.dt != r.dt and v.nd == 0:
            v = to_dtype(v, r.dt)
        if v.dev != r.dev and v.nd == 0:
            v = <Tensor> v.to(r.device)
    else:
        v = <Tensor> _ops.full((), value, r.dt, r.dev)
    write_indices(r, slot_tuple(slots), v, False, True)


cdef int check_fits(Tensor value, Selection s) except -1:
    """Whether `value` broadcasts to the selection; leading dimensions of size 1 may be too many."""
    cdef int i, shift = s.nd - value.nd
    for i in range(value.nd):
        if value.sizes[i] != 1 and (i + shift < 0 or value.sizes[i] != s.sizes[i + shift]):
            raise RuntimeError(f"shape mismatch: value tensor of shape {shape_text(value)} cannot be broadcast to "
                               f"indexing result of shape {list(s.shape())}")
    return 0


def _index_put_backward(node, Tensor g):
    shape, accumulate = node.args
    indices = tuple(node.saved())
    own = values = None
    if node.needs(0):
        own = g if accumulate else index_put(g, indices, zeros_of((), g.dt, g.dev), False)
    if node.needs(1):
        values = index_by(g, indices)
        if len(shape) > (<Tensor> values).nd:
            values = values.reshape((1,) * (len(shape) - (<Tensor> values).nd) + tuple(values.shape))
        values = sum_to(values, tuple(shape))
    return own, values


cdef int put_selected(Selection s, Tensor v, int op) except -1:
    check_fits(v, s)
    while v.nd > s.nd:
        v = select_of(shallow(v), 0, 0)
    return scatter_into(s.view, s.dim, s.index, s.dense(v), op, not s.checked, 0 if s.checked else _INDEX, 0)


cdef Tensor write_indices(Tensor self, tuple indices, Tensor value, bint accumulate, bint inplace):
    """index_put: `value` (which broadcasts) goes where the index tensors point."""
    cdef bint recorded
    cdef Tensor out, wide, v
    cdef tuple saved = indices
    cdef int op = ADD if accumulate else PUT
    if value.dev != self.dev:
        raise RuntimeError(f"expected self and values to be on the same device, but got self on {self.device} and "
                           f"values on {value.device}")
    if value.dt != self.dt:
        raise RuntimeError("Index put requires the source and destination dtypes match, got "
                           f"{_core.SCALAR_TYPE_NAMES[self.dt]} for the destination and "
                           f"{_core.SCALAR_TYPE_NAMES[value.dt]} for the source.")
    if inplace:
        _ops.warn_of_expanded("index_put_", self, "[indices] = tensor")
    out = start_indexed_write(self, inplace, (value,), &recorded)
    v = value
    if v.storage is out.storage:
        v = clone(shallow(v))
    if not accumulate and v.count == 1 and v.nd == 0 and single_mask(self, indices):
        where_into(out, same_device(out, <Tensor> indices[0]), v, out)
    elif not accumulate or out.dt not in (BOOL, HALF, BFLOAT16):
        put_selected(select_by(out, indices), v, op)
    else:                               # added up in a wider type
        wide = to_dtype(shallow(out), FLOAT if out.dt >= HALF else INT64)
        put_selected(select_by(wide, indices), to_dtype(shallow(v), wide.dt), ADD)
        copy_into(out, wide)
    return end_write(out, inplace, recorded, "IndexPutBackward0", (self, value), _index_put_backward, saved,
                     (make_size(value.nd, value.sizes), accumulate))


cdef tuple checked_indices(str name, object indices):
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"{name}(): argument 'indices' (position 1) must be tuple of Tensors, not "
                        f"{type(indices).__name__}")
    for i, x in enumerate(indices):
        if x is not None and not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return tuple(indices)


def index_put(Tensor input not None, indices, Tensor values not None, bint accumulate=False):
    """A copy of `input` with `values` at the positions of the index tensors (added there if `accumulate`)."""
    return write_indices(input, checked_indices("index_put", indices), values, accumulate, False)


def index_put_(Tensor input not None, indices, Tensor values not None, bint accumulate=False):
    """index_put in place."""
    return write_indices(input, checked_indices("index_put_", indices), values, accumulate, True)


cdef int where_into(Tensor out, Tensor condition, Tensor a, Tensor b) except -1:
    """out = condition ? a : b for operands of out's dtype and device that broadcast to its shape."""
    if out.count == 0:
        return 0
    if out.dev:
        _core.backend_of(out.dev).where(out, *[expand_to(<Tensor> x, out.nd, out.sizes) for x in (condition, a, b)])
        return 0
    return cpu.where(out, condition, a, b)


# ------------------------------------------------------------------ slices chosen along one dimension

cpdef Tensor index_select(Tensor input, dim, Tensor index, out=None):
    """The positions `index` (int64 or int32, 1-dim) of dimension `dim`."""
    cdef int d = wrap_dim(dim, input.nd), i
    cdef Tensor r
    cdef Py_ssize_t[MAX_DIMS] sizes
    if index.nd > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dt != INT64 and index.dt != INT32:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    one_device("index_select", input, index)
    if input.nd == 0:
        if index.count != 1:
            raise RuntimeError("index_select(): Index to scalar can have only 1 value, got "
                               f"{index.count} value(s)")
    for i in range(input.nd):
        sizes[i] = input.sizes[i]
    if input.nd:
        sizes[d] = index.count
    r = new_tensor(input.nd, sizes, input.dt, input.dev)
    gather_into(as_one_dim(r), as_one_dim(input), d, along(index, r, d), False, _SELF, 0)
    if any_needs_grad((input,)):
        attach(r, "IndexSelectBackward0", (input,), _index_select_backward, (index,), (input.shape, d))
    if out is None:
        return r
    if isinstance(out, Tensor):
        _ops.refuse_overlap(out, r, input, index)
    return <Tensor> finish_out("index_select", out, r)


cdef Tensor as_one_dim(Tensor t):
    """A 0-dim tensor as one of one dimension."""
    cdef Py_ssize_t one = 1
    return raw_view(t, 1, &one, &one, t.offset) if t.nd == 0 else t


cdef Tensor along(Tensor index, Tensor t, int dim):
    """A 1-dim index along `dim` in the shape of `t` (but for `dim`), by strides of 0."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    if t.nd <= 1:
        return as_one_dim(index)
    for i in range(t.nd):
        sizes[i], strides[i] = t.sizes[i], 0
    sizes[dim], strides[dim] = index.count, index.strides[0] if index.nd else 1
    return raw_view(index, t.nd, sizes, strides, index.offset)


def _index_select_backward(node, Tensor g):
    index, = node.saved()
    shape, dim = node.args
    return zeros_of(shape, g.dt, g.dev).index_add(dim, index, g)


FUNCTIONS = {"index_put": index_put, "index_put_": index_put_, "index_select": index_select}
METHODS = {"__getitem__": getitem, "__setitem__": setitem, **FUNCTIONS}
