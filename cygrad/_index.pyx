"""Indexing: `x[...]`, `x[...] = v`, `index`, `index_put`, masks, `where`, `nonzero`, `cat` and `stack`.

Design
------
* Basic indices (integers, slices, None, Ellipsis) change one `View` struct on the stack; a tensor is made of it at
  the end, or after each step where autograd wants a node per step.
* Every operator that finds elements by an index tensor first turns the index into a table of byte offsets, checked
  as a whole, and then walks result, indexed tensor and table together (`_index.h`).  So an index out of range is
  reported before anything is written, and `x[i]`, `gather`, `index_select`, `take` and their writing twins are one loop.
* A walk is cut over threads along a dimension in which no two positions share an element: results do not depend on
  the number of threads.
"""
from cpython.long cimport PyLong_CheckExact
from cpython.slice cimport PySlice_Unpack, PySlice_AdjustIndices
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from cygrad._core cimport (
    BOOL, UINT8, INT32, INT64, HALF, BFLOAT16, FLOAT, MAX_DIMS, Tensor, new_tensor, new_view, raw_view, shallow, data_of,
    itemsize_of, grad_enabled, grad_required, attach, rebase, bump, node_type, make_size, wrap_dim, same_shape,
    set_history, current_grad_fn)
from cygrad._ops cimport (
    GRAIN, num_threads, to_dtype, clone, copy_into, fill, sum_to, result_dtype, expand_to)
from cygrad import _core, _ops

cdef object _not_equal = _ops.OPS["ne"]


# ------------------------------------------------------------------ walks

cdef int log2_size(int dt) noexcept nogil:
    cdef int n = itemsize_of(dt)
    return 0 if n == 1 else 1 if n == 2 else 2 if n == 4 else 3


cdef void merge_walk(Walk* w) noexcept nogil:
    """Drops dimensions of size 1 and joins neighbours that are one run for every operand."""
    cdef int i, k, last = -1
    for i in range(w.nd):
        if w.sizes[i] == 1:
            continue
        if last >= 0 and w.safe[last] == w.safe[i]:
            for k in range(w.n):
                if w.strides[k][last] != w.strides[k][i] * w.sizes[i]:
                    break
            else:
                w.sizes[last] *= w.sizes[i]
                for k in range(w.n):
                    w.strides[k][last] = w.strides[k][i]
                continue
        last += 1
        w.sizes[last], w.safe[last] = w.sizes[i], w.safe[i]
        for k in range(w.n):
            w.strides[k][last] = w.strides[k][i]
    w.nd = last + 1


cdef void walk_part(const Walk* whole, int cut, Py_ssize_t lo, Py_ssize_t hi, cg_move f) noexcept nogil:
    """Positions lo..hi of dimension `cut`, all of the others."""
    cdef Py_ssize_t[MAX_DIMS] index
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef char* at[WALK_OPERANDS]
    cdef Py_ssize_t steps[WALK_OPERANDS]
    cdef int i, k, last = whole.nd - 1
    cdef Py_ssize_t inner
    for k in range(whole.n):
        at[k] = whole.ptr[k]
        if last >= 0:
            at[k] += lo * whole.strides[k][cut]
        steps[k] = whole.strides[k][last] if last >= 0 else 0
    for i in range(whole.nd):
        index[i] = 0
        sizes[i] = hi - lo if i == cut else whole.sizes[i]
    inner = sizes[last] if last >= 0 else 1
    while True:
        f(inner, at, steps)
        for i in range(last - 1, -1, -1):
            index[i] += 1
            for k in range(whole.n):
                at[k] += whole.strides[k][i]
            if index[i] < sizes[i]:
                break
            index[i] = 0
            for k in range(whole.n):
                at[k] -= sizes[i] * whole.strides[k][i]
        else:
            return


cdef void run_walk(Walk* w, cg_move f) noexcept nogil:
    """Calls the strip `f` on all of the walk, on several threads where that pays."""
    cdef int i, cut = 0, parts, t
    cdef Py_ssize_t size, share
    if w.count == 0:
        return
    merge_walk(w)
    parts = num_threads()
    if parts > 1 and w.count >= GRAIN:
        if parts > w.count // (GRAIN // 2):
            parts = <int> (w.count // (GRAIN // 2))
        cut = -1
        for i in range(w.nd):
            if w.safe[i] and (cut < 0 or w.sizes[i] > w.sizes[cut]):
                cut = i
                if w.sizes[i] >= 4 * parts:
                    break
        if cut >= 0 and w.sizes[cut] > 1:
            size = w.sizes[cut]
            if parts > size:
                parts = <int> size
            share = (size + parts - 1) // parts
            for t in prange(parts, schedule="static", num_threads=parts):
                if t * share < size:
                    walk_part(w, cut, t * share, min(size, (t + 1) * share), f)
            return
        cut = 0
    walk_part(w, cut, 0, w.sizes[0] if w.nd else 1, f)


# ------------------------------------------------------------------ helpers of this family

cdef int need_host(str name, Tensor t) except -1:
    """These loops read host memory."""
    if t.dev:
        raise NotImplementedError(f"cygrad: '{name}' is not implemented on device '{t.device}'")
    return 0


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


cdef Tensor plain(Tensor t):
    """Contiguous elements without history."""
    cdef Tensor r
    if t.contiguous:
        return t
    r = new_tensor(t.nd, t.sizes, t.dt, t.dev)
    copy_into(r, t)
    return r


cdef Tensor as_index(Tensor index):
    """An index as contiguous int64."""
    cdef Tensor r
    if index.dt == INT64 and index.contiguous:
        return index
    r = new_tensor(index.nd, index.sizes, INT64, index.dev)
    copy_into(r, index)
    return r


cdef bint any_needs_grad(tuple inputs):
    if not grad_enabled():
        return False
    for x in inputs:
        if x is not None and grad_required(<Tensor> x):
            return True
    return False


cdef object finish_out(str name, object out, Tensor r):
    """Stores a result in `out=`, resized to fit; returns what the operator returns."""
    cdef Tensor o
    if out is None:
        return r
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    o = <Tensor> out
    if grad_enabled() and (r.history is not None or o.needs_grad):
        raise RuntimeError(f"{name}(): functions with out=... arguments don't support automatic differentiation, but "
                           "one of the arguments requires grad.")
    if not _ops.can_cast(r.dtype, o.dtype):
        raise RuntimeError(f"{name}(): Expected out tensor to have dtype {r.dtype}, but got {o.dtype} instead"
                           if r.dt == INT64 or r.dt == BOOL else
                           f"result type {_core.SCALAR_TYPE_NAMES[r.dt]} can't be cast to the desired output type "
                           f"{_core.SCALAR_TYPE_NAMES[o.dt]}")
    if not same_shape(o, r):
        o.resize_(make_size(r.nd, r.sizes))
    copy_into(o, r)
    bump(o)
    return o


def store(out, Tensor r not None, str name):
    """finish_out for operators written in Python."""
    return finish_out(name, out, r)


def positive_dim(dim, int nd):
    """A dimension counted from the front, checked."""
    return wrap_dim(dim, nd)


cdef Tensor start_write(Tensor self, bint inplace, tuple others, bint* recorded):
    """The tensor an operator that overwrites part of `self` works on: a copy, or `self` checked for writing."""
    cdef Tensor r
    cdef int i
    recorded[0] = False
    if not inplace:
        r = clone(shallow(self))
        return r
    for i in range(self.nd):
        if self.strides[i] == 0 and self.sizes[i] > 1:
            raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a "
                               "single memory location. Please clone() the tensor before performing the operation.")
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

cdef struct View:
    int nd
    Py_ssize_t offset
    Py_ssize_t sizes[64]
    Py_ssize_t strides[64]


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
    return attach(new_view(t, v.nd, v.sizes, v.strides, v.offset), "SqueezeBackward1", (t,), _squeeze_one_backward, None,
                  (dim,))


def _squeeze_one_backward(node, Tensor g):
    return unsqueeze_one(g, node.args[0])


cdef Tensor unsqueeze_one(Tensor t, int dim):
    cdef View v
    load_view(&v, t)
    insert_dim(&v, dim)
    return attach(new_view(t, v.nd, v.sizes, v.strides, v.offset), "UnsqueezeBackward0", (t,), _unsqueeze_backward, None,
                  (dim,))


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
    cdef int i
    r.sizes[dim] = length
    r = raw_view(t, r.nd, r.sizes, r.strides, r.offset)
    return r


cpdef Tensor strided_region(Tensor t, shape, stride, Py_ssize_t offset):
    """The elements `offset` elements past the first of `t`, strided, without history: a region to be written."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    for i in range(<int> len(shape)):
        sizes[i], strides[i] = shape[i], stride[i]
    return raw_view(t, <int> len(shape), sizes, strides, t.offset + offset)


# ------------------------------------------------------------------ what an index may be

cdef object BAD_INDEX = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"


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
    cdef Py_ssize_t i
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
    cdef int k
    while len(slots) < dim:
        slots.append(None)
    slots.append(t)
    if t.dt <= UINT8:
        for k in range(1, t.nd):
            slots.append(Ellipsis)          # covered by the mask before
    return 0


# ------------------------------------------------------------------ index tensors

cdef class Selection:
    """Where the elements that index tensors choose lie: shape of the result, strides, table of offsets."""
    cdef int nd
    cdef Py_ssize_t[64] sizes
    cdef Py_ssize_t[64] steps               # bytes in the indexed tensor
    cdef Py_ssize_t[64] table_steps         # bytes in the table
    cdef Tensor table

    cdef object shape(self):
        return make_size(self.nd, self.sizes)


cdef Tensor mask_positions(Tensor mask):
    """The flat positions of the ones of a bool or uint8 mask, int64."""
    cdef Tensor m = plain(mask)
    cdef Py_ssize_t n = cg_count_mask(m.count, data_of(m))
    cdef Tensor r = new_tensor(1, &n, INT64, 0)
    cg_mask_positions(m.count, data_of(m), <int64_t*> r.storage.ptr)
    return r


cdef Selection select_by(Tensor self, tuple slots):
    """Turns index tensors (None: the whole dimension; a mask stands for its dimensions) into offsets."""
    cdef Selection s = Selection.__new__(Selection)
    cdef list tables = []                   # (flat positions, size they count in, byte strides of these dims, ndim)
    cdef int item = itemsize_of(self.dt), dim = 0, i, j, first = -1, last = -1, n_dims, k
    cdef bint gaps = False
    cdef list rest = [], shapes = []
    cdef Tensor t, flat, mask
    cdef Py_ssize_t[MAX_DIMS] b_sizes
    cdef int b_nd
    cdef tuple indexes
    cdef Py_ssize_t bad = -1, at
    cdef object error = None
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
        if t.dt <= UINT8:
            for i in range(n_dims):
                if t.sizes[i] != self.sizes[dim + i]:
                    raise IndexError(f"The shape of the mask {shape_text(t)} at index {i} does not match the shape of "
                                     f"the indexed tensor {shape_text(self)} at index {dim + i}")
            flat = mask_positions(t)
            for i in range(n_dims):
                tables.append((unravel_one(flat, t, i), dim + i, True))
        else:
            tables.append((t, dim, False))
        dim += n_dims
    for i in range(dim, self.nd):
        rest.append(i)
    # --- the common shape of the index tensors
    indexes = tuple([x[0] for x in tables])
    try:
        b_shape = broadcast_of(indexes)
    except RuntimeError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         + ", ".join([shape_text(<Tensor> x) for x in indexes])) from None
    b_nd = <int> len(b_shape)
    for i in range(b_nd):
        b_sizes[i] = b_shape[i]
    s.table = new_tensor(b_nd, b_sizes, INT64, 0)
    for k, (x, dim, checked) in enumerate(tables):
        t = <Tensor> x
        if t.nd != b_nd or not same_shape(t, s.table):
            t = expand_to(t, b_nd, b_sizes)
        t = as_index(t)
        at = cg_offsets(t.count, <int64_t*> s.table.storage.ptr, <int64_t*> data_of(t), self.sizes[dim],
                         self.strides[dim] * item, k > 0, True)
        if at >= 0 and (bad < 0 or at < bad):
            bad = at
            error = range_error((<int64_t*> data_of(t))[at], k, self.sizes[dim])
            if self.sizes[dim] == 0:
                error = IndexError("index is out of bounds for dimension with size 0")
    # --- the result: the index's dimensions stand where the indexed ones were if those are neighbours, else first
    s.nd = 0
    if b_nd + len(rest) > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    for i in rest:
        if not gaps and i < first:
            add_rest(s, self, i, item)
    for j in range(b_nd):
        s.sizes[s.nd] = b_sizes[j]
        s.steps[s.nd] = 0
        s.table_steps[s.nd] = s.table.strides[j] * 8 if b_sizes[j] != 1 else 0
        s.nd += 1
    for i in rest:
        if gaps or i >= first:
            add_rest(s, self, i, item)
    if bad >= 0:
        for i in range(s.nd):
            if s.sizes[i] == 0:         # nothing is read: PyTorch does not look
                return s
        raise error
    return s


cdef int add_rest(Selection s, Tensor self, int dim, int item) except -1:
    s.sizes[s.nd] = self.sizes[dim]
    s.steps[s.nd] = self.strides[dim] * item
    s.table_steps[s.nd] = 0
    s.nd += 1
    return 0


cdef Tensor unravel_one(Tensor flat, Tensor mask, int dim):
    """The positions along `dim` of flat positions in a tensor of mask's shape."""
    cdef Py_ssize_t below = 1, i, size = mask.sizes[dim] if mask.nd else 1
    cdef Tensor r
    cdef int64_t* to
    cdef const int64_t* of = <const int64_t*> data_of(flat)
    if mask.nd == 1:
        return flat
    for i in range(dim + 1, mask.nd):
        below *= mask.sizes[i]
    r = new_tensor(1, flat.sizes, INT64, 0)
    to = <int64_t*> r.storage.ptr
    with nogil:
        for i in range(flat.count):
            to[i] = of[i] // below % size
    return r


cdef int run_selection(Selection s, Tensor self, Tensor dense, int op) except -1:
    """Moves elements between `dense`, which broadcasts to the selection's shape, and the chosen ones of `self`."""
    cdef Walk w
    cdef int i, item = itemsize_of(self.dt), shift = s.nd - dense.nd
    w.nd, w.n, w.count = s.nd, 3, 1
    w.ptr[0], w.ptr[1], w.ptr[2] = data_of(dense), data_of(self), s.table.storage.ptr
    for i in range(s.nd):
        w.sizes[i] = s.sizes[i]
        w.count *= s.sizes[i]
        w.strides[0][i] = 0 if i < shift or dense.sizes[i - shift] == 1 else dense.strides[i - shift] * item
        w.strides[1][i] = s.steps[i]
        w.strides[2][i] = s.table_steps[i]
        w.safe[i] = op == GET or s.table_steps[i] == 0 and s.steps[i] != 0
    cdef cg_move f = cg_gets[log2_size(self.dt)] if op == GET else cg_puts[log2_size(self.dt)] if op == PUT else \
        cg_accumulates[op][self.dt]
    if w.count < GRAIN:
        run_walk(&w, f)
    else:
        with nogil:
            run_walk(&w, f)
    return 0


cdef int move_by_table(Tensor dense, Tensor indexed, int dim, Tensor table, int op) except -1:
    """As `gather` along `dim`: `table` (int64 byte offsets, contiguous) has the shape that is walked; `dense` and
    `indexed` are at least as large, but for dim."""
    cdef Walk w
    cdef int i, item = itemsize_of(indexed.dt)
    w.nd, w.n, w.count = table.nd, 3, table.count
    w.ptr[0], w.ptr[1], w.ptr[2] = data_of(dense), data_of(indexed), table.storage.ptr
    for i in range(table.nd):
        w.sizes[i] = table.sizes[i]
        w.strides[0][i] = dense.strides[i] * item if dense.nd else 0
        w.strides[1][i] = indexed.strides[i] * item if i != dim and indexed.nd else 0
        w.strides[2][i] = table.strides[i] * 8
        w.safe[i] = i != dim or op == GET
    cdef cg_move f = cg_gets[log2_size(indexed.dt)] if op == GET else cg_puts[log2_size(indexed.dt)] if op == PUT else \
        cg_accumulates[op][indexed.dt]
    if w.count < GRAIN:
        run_walk(&w, f)
    else:
        with nogil:
            run_walk(&w, f)
    return 0


cdef bint single_mask(Tensor self, tuple slots) except -1:
    """Whether the one index is a mask of the tensor's shape."""
    return len(slots) == 1 and slots[0] is not None and (<Tensor?> slots[0]).dt <= UINT8 and \
        (<Tensor> slots[0]).nd == self.nd and self.nd > 0 and same_shape(self, <Tensor> slots[0])


cdef Tensor index_raw(Tensor self, tuple slots):
    cdef Selection s
    cdef Tensor r, m, a
    cdef Py_ssize_t n
    need_host("index", self)
    for x in slots:
        if x is not None:
            need_host("index", <Tensor?> x)
    if single_mask(self, slots):
        return compress(self, <Tensor> slots[0])
    s = select_by(self, slots)
    r = new_tensor(s.nd, s.sizes, self.dt, 0)
    run_selection(s, self, r, GET)
    return r


cdef Tensor compress(Tensor self, Tensor mask):
    """The elements where the mask (of the same shape) is one, in order."""
    cdef Tensor m = plain(mask), a = plain(self)
    cdef Py_ssize_t n = cg_count_mask(m.count, data_of(m))
    cdef Tensor r = new_tensor(1, &n, self.dt, 0)
    cg_compresses[log2_size(self.dt)](m.count, r.storage.ptr, data_of(a), data_of(m))
    return r


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
    cdef int i
    if not isinstance(value, (Tensor, float, int)):
        if hasattr(value, "__index__"):
            value = value.__index__()
        else:
            raise cannot_assign(self, value)
    for i in range(self.nd):
        if self.strides[i] == 0 and self.sizes[i] > 1:
            raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a "
                               "single memory location. Please clone() the tensor before performing the operation.")
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
            _ops.fill_(r, value)
        return
    if isinstance(value, Tensor):
        v = <Tensor> value
        if v.dt != r.dt and v.nd == 0:
            v = to_dtype(v, r.dt)
    else:
        v = <Tensor> _ops.full((), value, r.dt, 0)
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


cdef Tensor write_indices(Tensor self, tuple indices, Tensor value, bint accumulate, bint inplace):
    """index_put: `value` (which broadcasts) goes where the index tensors point."""
    cdef bint recorded
    cdef Tensor out, wide, v, m
    cdef Selection s
    cdef tuple saved = indices
    cdef int op = ADD if accumulate else PUT
    need_host("index_put_", self)
    if value.dt != self.dt:
        raise RuntimeError("Index put requires the source and destination dtypes match, got "
                           f"{_core.SCALAR_TYPE_NAMES[self.dt]} for the destination and "
                           f"{_core.SCALAR_TYPE_NAMES[value.dt]} for the source.")
    out = start_write(self, inplace, (value,), &recorded)
    v = value
    if v.storage is out.storage:
        v = clone(shallow(v))
    if not accumulate and v.count == 1 and v.nd == 0 and single_mask(self, indices):
        where_into(out, <Tensor> indices[0], v, out)
    elif not accumulate or out.dt not in (BOOL, HALF, BFLOAT16):
        s = select_by(out, indices)
        check_fits(v, s)
        while v.nd > s.nd:
            v = select_of(shallow(v), 0, 0)
        run_selection(s, out, v, op)
    else:                               # added up in a wider type
        wide = to_dtype(shallow(out), FLOAT if out.dt >= HALF else INT64)
        s = select_by(wide, indices)
        check_fits(v, s)
        while v.nd > s.nd:
            v = select_of(shallow(v), 0, 0)
        run_selection(s, wide, to_dtype(shallow(v), wide.dt), ADD)
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


# ------------------------------------------------------------------ where and masks

cdef int where_into(Tensor out, Tensor condition, Tensor a, Tensor b) except -1:
    """out = condition ? a : b for operands of out's dtype that broadcast to its shape."""
    cdef Walk w
    cdef int i, k, shift, item = itemsize_of(out.dt)
    cdef Tensor t
    w.nd, w.n, w.count = out.nd, 4, out.count
    for k in range(4):
        t = (out, condition, a, b)[k]
        w.ptr[k] = data_of(t)
        shift = out.nd - t.nd
        for i in range(out.nd):
            w.strides[k][i] = 0 if i < shift or t.sizes[i - shift] == 1 else \
                t.strides[i - shift] * (1 if k == 1 else item)
    for i in range(out.nd):
        w.sizes[i] = out.sizes[i]
        w.safe[i] = True
    cdef cg_move f = cg_wheres[log2_size(out.dt)]
    if w.count < GRAIN:
        run_walk(&w, f)
    else:
        with nogil:
            run_walk(&w, f)
    return 0


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


cdef Tensor scalar_of(object x, int dt):
    return <Tensor> _ops.full((), x, dt, 0)


def where(condition, input=None, other=None, *, out=None):
    """`input` where the bool tensor `condition` is true, else `other`; with one argument nonzero(as_tuple=True)."""
    cdef Tensor c, a, b, r, ta = None, tb = None
    cdef int dt
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd, i
    if not isinstance(condition, Tensor):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    c = <Tensor> condition
    for x in (input, other):
        if not isinstance(x, (Tensor, float, int)):
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
    a = to_dtype(shallow(<Tensor> input), dt) if isinstance(input, Tensor) else scalar_of(input, dt)
    b = to_dtype(shallow(<Tensor> other), dt) if isinstance(other, Tensor) else scalar_of(other, dt)
    for x in (c, a, b):
        if (<Tensor> x).dev:
            return where_on_device(c, input, other, dt)
    shape = broadcast_of((c, a, b))
    nd = <int> len(shape)
    for i in range(nd):
        sizes[i] = shape[i]
    r = new_tensor(nd, sizes, dt, 0)
    where_into(r, c, a, b)
    if isinstance(input, Tensor):
        ta = <Tensor> input
    if isinstance(other, Tensor):
        tb = <Tensor> other
    attach(r, "WhereBackward0", (ta, tb), _where_backward, (c,), ((tuple(a.shape), tuple(b.shape)), (
        ta.dt if ta is not None else dt, tb.dt if tb is not None else dt)))
    return finish_out("where", out, r)


cdef object where_on_device(Tensor c, object a, object b, int dt):
    need_host("where", c)
    for x in (a, b):
        if isinstance(x, Tensor):
            need_host("where", <Tensor> x)


def where_method(self, condition, other):
    """self.where(condition, other)"""
    return where(condition, self, other)


def _masked_fill_backward(node, Tensor g):
    mask, = node.saved()
    value = None
    if node.needs(1):
        value = to_dtype(where(mask, g, zeros_of((), g.dt, g.dev)).sum(), node.args[0])
    return masked_fill(g, mask, 0) if node.needs(0) else None, value


cdef Tensor fill_masked(Tensor self, Tensor mask, object value, bint inplace):
    cdef bint recorded
    cdef Tensor out, v
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    need_host("masked_fill", self)
    shape = broadcast_of((self, mask))
    if mask.dt != BOOL:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype "
                           + "unsigned char" if mask.dt == UINT8 else
                           f"masked_fill_ only supports boolean masks, but got mask with dtype {c_name(mask.dt)}")
    if isinstance(value, Tensor):
        if (<Tensor> value).nd:
            raise RuntimeError("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{(<Tensor> value).nd} dimension(s).")
        v = to_dtype(shallow(<Tensor> value), self.dt)
    elif isinstance(value, (float, int)):
        if isinstance(value, float) and self.dt < HALF and value != value:
            raise RuntimeError(f"value cannot be converted to type {c_name(self.dt)} without overflow")
        v = scalar_of(value, self.dt)
    else:
        raise TypeError(f"masked_fill(): argument 'value' (position 2) must be Tensor, not {type(value).__name__}")
    if inplace:
        if shape != tuple(self.shape):
            raise RuntimeError(f"output with shape {shape_text(self)} doesn't match the broadcast shape {list(shape)}")
        out = start_write(self, True, (value,), &recorded)
        where_into(out, mask, v, out)
    else:
        recorded = False
        for i in range(<int> len(shape)):
            sizes[i] = shape[i]
        out = new_tensor(<int> len(shape), sizes, self.dt, 0)
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


cdef str c_name(int dt):
    return ("bool", "uint8_t", "int8_t", "int16_t", "int", "int64_t", "c10::Half", "c10::BFloat16", "float",
            "double")[dt]


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
    need_host("masked_select", input)
    need_host("masked_select", mask)
    shape = broadcast_of((input, mask))
    r = compress(expand_shape(input, shape), expand_shape(mask, shape))
    attach(r, "MaskedSelectBackward0", (input,), _masked_select_backward, (mask,), (shape, tuple(input.shape)))
    return finish_out("masked_select", out, r)


cdef Tensor expand_shape(Tensor t, object shape):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    for i in range(<int> len(shape)):
        sizes[i] = shape[i]
    return expand_to(t, <int> len(shape), sizes)


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
    return cat((g, zeros_of((n - g.count,), g.dt, g.dev))).reshape(shape)


cdef Tensor scatter_masked(Tensor self, Tensor mask, Tensor source, bint inplace):
    cdef bint recorded
    cdef Tensor out, m, s, work
    if mask.dt != BOOL:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {c_name(mask.dt)}")
    if self.dt != source.dt:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes but got"
                           f"{_core.SCALAR_TYPE_NAMES[self.dt]} and {_core.SCALAR_TYPE_NAMES[source.dt]}")
    need_host("masked_scatter", self)
    shape = broadcast_of((self, mask))
    base = self
    if not inplace and shape != tuple(self.shape):
        base = self.expand(shape)
    out = start_write(<Tensor> base, inplace, (source,), &recorded)
    m, s = plain(expand_shape(mask, shape)), plain(source)
    if cg_count_mask(m.count, data_of(m)) > s.count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    work = plain(out)
    cg_expands[log2_size(out.dt)](m.count, data_of(work), data_of(s), data_of(m))
    if work is not out:
        copy_into(out, work)
    return end_write(out, inplace, recorded, "MaskedScatterBackward0", (base, source), _masked_scatter_backward, (mask,),
                     (source.shape,))


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
    need_host("nonzero", input)
    mask = as_mask(shallow(input))
    flat = mask_positions(mask)
    if as_tuple:
        if mask.nd == 0:
            flat = new_tensor(1, flat.sizes, INT64, 0)
            fill(flat, 0)
            return (flat,)
        return tuple([unravel_one(flat, mask, i) for i in range(mask.nd)])
    # PyTorch's layout: each dimension's indices lie together.
    sizes[0], sizes[1] = mask.nd, flat.count
    r = new_tensor(2, sizes, INT64, 0)
    for i in range(mask.nd):
        memcpy(r.storage.ptr + i * flat.count * 8, data_of(unravel_one(flat, mask, i)), flat.count * 8)
    sizes[0], sizes[1] = flat.count, mask.nd
    strides[0], strides[1] = 1, flat.count if flat.count else 1
    return finish_out("nonzero", out, raw_view(r, 2, sizes, strides, 0))


def argwhere(Tensor input not None):
    """nonzero(input): the indices of the elements that are not zero, (n, ndim)."""
    return nonzero(input)


# ------------------------------------------------------------------ cat and stack

cdef tuple checked_tensors(str name, object tensors, str argument="tensors"):
    if isinstance(tensors, Tensor) or not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument '{argument}' (position 1) must be tuple of Tensors, not "
                        f"{type(tensors).__name__}")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return tuple(tensors)


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
    cdef bint flat = True
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
    r = new_tensor(first.nd, sizes, dt, first.dev)
    for i in range(n):
        t = <Tensor> given[i]
        if t.count:
            copy_into(narrow_raw(r, d, start, t.sizes[d]), t)
            start += t.sizes[d]
        elif lengths[i] > 0:
            start += lengths[i]
    if any_needs_grad(given):
        attach(r, "CatBackward0", given, _cat_backward, None, (d, lengths, [(<Tensor> t).dt for t in given]))
    return r if out is None else finish_out("cat", out, r)


def _stack_backward(node, Tensor g):
    dim, dts = node.args
    return tuple([to_dtype(select_of(g, dim, i), dts[i]) if node.needs(i) else None for i in range(len(dts))])


def stack(tensors, dim=0, *, out=None):
    """Joins tensors of one shape along a new dimension."""
    cdef tuple given = checked_tensors("stack", tensors)
    cdef Tensor t, first, r
    cdef int n = <int> len(given), d, i, k, dt
    cdef View v
    if not n:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = <Tensor> given[0]
    d = wrap_dim(dim, first.nd + 1)
    dt = first.dt
    for i in range(1, n):
        t = <Tensor> given[i]
        if not same_shape(t, first):
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {shape_text(first)} at entry 0 and "
                               f"{shape_text(t)} at entry {i}")
        if t.dt != dt:
            dt = result_dtype(given)
    load_view(&v, first)
    insert_dim(&v, d)
    v.sizes[d] = n
    r = new_tensor(v.nd, v.sizes, dt, first.dev)
    for i in range(n):
        load_view(&v, r)
        v.offset = i * v.strides[d]
        drop_dim(&v, d)
        copy_into(raw_view(r, v.nd, v.sizes, v.strides, v.offset), <Tensor> given[i])
    if any_needs_grad(given):
        attach(r, "StackBackward0", given, _stack_backward, None, (d, [(<Tensor> t).dt for t in given]))
    return r if out is None else finish_out("stack", out, r)


cpdef Tensor index_select(Tensor input, dim, Tensor index, out=None):
    """The positions `index` (int64 or int32, 1-dim) of dimension `dim`."""
    cdef int d = wrap_dim(dim, input.nd), i
    cdef Tensor r
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Selection s
    if index.nd > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dt != INT64 and index.dt != INT32:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    need_host("index_select", input)
    need_host("index_select", index)
    if input.nd == 0:
        if index.count != 1:
            raise RuntimeError("index_select(): Index to scalar can have only 1 value, got "
                               f"{index.count} value(s)")
    cdef Tensor table = offset_table(index, input.sizes[d] if input.nd else 1,
                                     input.strides[d] * itemsize_of(input.dt) if input.nd else 0)
    if table is None:
        raise IndexError("index out of range in self")
    for i in range(input.nd):
        sizes[i] = input.sizes[i]
    if input.nd:
        sizes[d] = index.count
    r = new_tensor(input.nd, sizes, input.dt, 0)
    move_rows(r, input, d, table, GET)
    if any_needs_grad((input,)):
        attach(r, "IndexSelectBackward0", (input,), _index_select_backward, (index,), (input.shape, d))
    return r if out is None else <Tensor> finish_out("index_select", out, r)


def _index_select_backward(node, Tensor g):
    index, = node.saved()
    shape, dim = node.args
    from cygrad import _gather
    return _gather.index_add(zeros_of(shape, g.dt, g.dev), dim, index, g)


cdef Tensor offset_table(Tensor index, Py_ssize_t size, Py_ssize_t step):
    """Byte offsets of a 1-dim index without negative numbers; None if one is out of range."""
    cdef Tensor at = as_index(index)
    cdef Py_ssize_t n = at.count
    cdef Tensor table = new_tensor(1, &n, INT64, 0)
    if cg_offsets(n, <int64_t*> table.storage.ptr, <int64_t*> data_of(at), size, step, False, False) >= 0:
        return None
    return table


cdef int move_rows(Tensor dense, Tensor indexed, int dim, Tensor table, int op) except -1:
    """Slices of `indexed` along `dim` at the offsets of a 1-dim table, against dense's slices in order."""
    cdef Selection s = Selection.__new__(Selection)
    cdef int i, item = itemsize_of(indexed.dt)
    s.table = table
    s.nd = indexed.nd
    for i in range(indexed.nd):
        s.sizes[i] = indexed.sizes[i]
        s.steps[i] = indexed.strides[i] * item
        s.table_steps[i] = 0
    if indexed.nd:
        s.sizes[dim] = table.count
        s.steps[dim] = 0
        s.table_steps[dim] = 8
    return run_selection(s, indexed, dense, op)


FUNCTIONS = {
    "index_put": index_put, "index_put_": index_put_, "where": where, "masked_fill": masked_fill,
    "masked_select": masked_select, "masked_scatter": masked_scatter, "nonzero": nonzero, "argwhere": argwhere,
    "cat": cat, "concat": cat, "concatenate": cat, "stack": stack, "index_select": index_select,
}
METHODS = {
    "__getitem__": getitem, "__setitem__": setitem, "index_put": index_put, "index_put_": index_put_,
    "where": where_method, "masked_fill": masked_fill, "masked_fill_": masked_fill_, "masked_select": masked_select,
    "masked_scatter": masked_scatter, "masked_scatter_": masked_scatter_, "nonzero": nonzero, "argwhere": argwhere,
    "index_select": index_select,
}
