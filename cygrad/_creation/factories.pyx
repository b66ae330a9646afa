"""Functions that make tensors: from data, filled, and in sequences.

`tensor(data)` walks nested sequences three times: the first elements give the shape, all elements the dtype, and a last
walk stores them; each walk looks at exact types first, so that lists of plain numbers run at C speed.

The file is a little over 800 lines because the functions that fill and those that convert share its
checks of arguments.
"""
import sys
import warnings

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_AsDouble
from cpython.long cimport PyLong_AsLongLong
from cpython.number cimport PyNumber_Index
from cpython.sequence cimport PySequence_Check
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from cygrad._core cimport (
    as_dtype_code,
    BOOL, CDOUBLE, CFLOAT, DOUBLE, FLOAT, HALF, INT16, INT32, INT64, MAX_DIMS, Tensor, as_device_code,
    assign, complex_of,
    bump, borrow_storage, default_dtype_code, device_object, dtype_object, empty_strided_like,
    itemsize_of, make_size, same_shape, shallow)
from cygrad._core cimport device as Device, dtype as DType, new_tensor as make
from cygrad._ops cimport GRAIN, cast_kernel, cg_param, copy_into, fill, holds, promote
from cygrad._creation.bridge cimport (
    PRESERVE, array_dtype, copy_as, empty_in_format, format_code, from_array, is_array)
from cygrad import _core, _ops
from cygrad._creation import bridge as _bridge
from cygrad._creation.dlpack import from_dlpack as _from_dlpack
from cygrad import _types
from cygrad._warnings import warn_once

cdef extern from "Python.h":
    Py_ssize_t Py_SIZE(object o)


# ------------------------------------------------------------------ arguments

cdef int parse_sizes(str function, str argument, tuple args, object size, Py_ssize_t* sizes) except -1:
    """The sizes of f(2, 3), f((2, 3)) and f(size=(2, 3)); returns how many there are."""
    cdef Py_ssize_t n = Py_SIZE(args), i
    cdef object dims = args, x
    if n == 0:
        if size is None:
            raise TypeError(f'{function}() missing 1 required positional arguments: "{argument}"')
        if not isinstance(size, (tuple, list)):
            raise TypeError(f"{function}(): argument '{argument}' must be tuple of ints, not {type(size).__name__}")
        dims = size
    elif size is not None:
        raise TypeError(f"{function}() got multiple values for argument '{argument}'")
    elif type(args[0]) is not int:
        first = args[0]
        if isinstance(first, (tuple, list)):
            if n > 1:
                raise TypeError(f"{function}() takes 1 positional argument but {n} were given")
            dims = first
        elif (isinstance(first, (bool, float)) or not hasattr(first, "__index__")
                or isinstance(first, Tensor) and ((<Tensor> first).nd or (<Tensor> first).dt >= HALF)
                or is_array(first) and first.ndim):
            raise TypeError(f"{function}(): argument '{argument}' (position 1) must be tuple of ints, not "
                            f"{type(first).__name__}")
    i = 0
    for x in dims:
        if i >= MAX_DIMS:
            raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
        if type(x) is int:
            sizes[i] = x
        else:
            try:
                sizes[i] = PyNumber_Index(x)
            except TypeError:
                raise TypeError(f"{function}(): argument '{argument}' failed to unpack the object at pos {i + 1} with "
                                f'error "type must be tuple of ints,but got {type(x).__name__}"') from None
        i += 1
    return <int> i


cdef int dtype_option(str function, object d, int default) except -2:
    return as_dtype_code(d, default, function)


cdef int device_option(str function, object d) except -1:
    if d is None:
        return _core.default_device_code()
    if not isinstance(d, (Device, str, int)) or isinstance(d, bool):
        raise TypeError(f"{function}(): argument 'device' must be torch.device, not {type(d).__name__}")
    return as_device_code(d, 0)


cdef int check_layout(str function, object layout) except -1:
    if layout is not None and layout is not _types.strided:
        raise NotImplementedError(f"{function}: layout {layout} is not implemented, only torch.strided")
    return 0


cdef Tensor finish(Tensor t, object requires_grad):
    """Makes a new tensor the leaf that was asked for."""
    if requires_grad:
        if t.dt < HALF:
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        t.needs_grad = True
    return t


cdef Tensor need_tensor(str function, object x):
    if not isinstance(x, Tensor):
        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return <Tensor> x


cdef object number_of(str function, str argument, int position, object x):
    """A Python number of `x`: NumPy scalars and tensors without dimensions or gradient count as numbers."""
    cdef Tensor t
    if isinstance(x, (float, int, complex)):
        return x
    if isinstance(x, Tensor):
        t = <Tensor> x
        if t.nd == 0 and not t.requires_grad:
            return _bridge.item(t)
    else:
        n = as_number(x)
        if n is not None:
            return n
    raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Number, not "
                    f"{type(x).__name__}")


cdef object as_number(object x):
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    if kind is not None and kind in "biufc" and not isinstance(x, Tensor) and getattr(x, "ndim", 1) == 0:
        return x.item()
    return None


cdef Tensor to_device(Tensor t, int dev):
    return t if dev == 0 else <Tensor> _ops.to_dtype_device(t, t.dt, dev)


# ------------------------------------------------------------------ elements from Python objects

cdef void put_integer(char* p, int dt, long long v) noexcept:
    if dt == INT64:
        (<int64_t*> p)[0] = v
    elif dt == INT32:
        (<int32_t*> p)[0] = <int32_t> v
    elif dt == INT16:
        (<int16_t*> p)[0] = <int16_t> v
    else:
        (<uint8_t*> p)[0] = <uint8_t> v


cdef object overflow(str name):
    raise RuntimeError(f"value cannot be converted to type {name} without overflow")


cdef int put_number(char* p, int dt, object x) except -1:
    """Stores a Python object as one element, or raises what PyTorch raises."""
    cdef cg_param number
    cdef double d
    cdef long long v
    cdef double[2] parts
    if dt >= CFLOAT:
        z = x if type(x) is complex else complex(x)
        parts[0], parts[1] = z.real, z.imag
        cast_kernel(dt, CDOUBLE)(1, p, 16, <const char*> parts, 16)
        return 0
    if dt >= HALF:
        d = PyFloat_AS_DOUBLE(x) if type(x) is float else PyFloat_AsDouble(x)
        if dt == FLOAT:
            (<float*> p)[0] = <float> d
        elif dt == DOUBLE:
            (<double*> p)[0] = d
        else:
            cast_kernel(dt, DOUBLE)(1, p, 2, <const char*> &d, 8)
        return 0
    if dt == BOOL:
        if x is True or x is False or isinstance(x, (float, int, complex)):
            (<uint8_t*> p)[0] = 1 if x else 0
        elif not isinstance(x, Tensor) and hasattr(x, "dtype"):      # a NumPy scalar
            (<uint8_t*> p)[0] = 1 if x else 0
        else:
            (<uint8_t*> p)[0] = 1 if PyNumber_Index(x) else 0
        return 0
    if isinstance(x, float):
        d = PyFloat_AS_DOUBLE(x)
        number.f = d
        if not holds(dt, &number, 2):
            overflow(_core.DTYPES[dt].name)
        v = <long long> d
    else:
        if type(x) is not int:
            x = PyNumber_Index(x)
        try:
            v = PyLong_AsLongLong(x)
        except OverflowError:
            raise ValueError("Overflow when unpacking long long") from None
        number.i = v
        if not holds(dt, &number, 1):
            overflow(_core.DTYPES[dt].name)
    put_integer(p, dt, v)
    return 0


cdef bint is_nested(object x):
    """Whether `x` is a level of nesting: tensors and arrays without dimensions are elements."""
    if type(x) is list or type(x) is tuple:
        return True
    if type(x) is float or type(x) is int or isinstance(x, Tensor) or not PySequence_Check(x):
        return False
    if is_array(x):
        return x.ndim > 0
    return not hasattr(x, "dtype") or hasattr(x, "__len__")


cdef int find_sizes(object data, Py_ssize_t* sizes) except -1:
    cdef int nd = 0
    cdef Py_ssize_t n
    while is_nested(data):
        n = len(data)
        if nd == MAX_DIMS:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        sizes[nd] = n
        nd += 1
        if n == 0:
            break
        data = data[0]
    return nd


cdef int find_dtype(object x) except -1:
    """The dtype that holds all elements of `x`."""
    cdef int dt = -1
    cdef object e
    cdef type kind = type(x)
    if kind is float:
        return default_dtype_code()
    if kind is int:
        return INT64
    if kind is list or kind is tuple:
        for e in x:
            # Equal types follow each other; promotion is for the changes.
            if type(e) is float:
                if dt != FLOAT and dt != DOUBLE and dt < CFLOAT:
                    dt = default_dtype_code() if dt < 0 else promote(dt, default_dtype_code())
                elif default_dtype_code() == DOUBLE and dt < CFLOAT:
                    dt = DOUBLE
            elif type(e) is int:
                if dt < INT64:
                    dt = INT64
            elif dt < 0:
                dt = find_dtype(e)
            else:
                dt = promote(dt, find_dtype(e))
        return default_dtype_code() if dt < 0 else dt
    if kind is bool:
        return BOOL
    if isinstance(x, Tensor):
        return (<Tensor> x).dt
    if isinstance(x, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if is_array(x) or (sys.modules.get("numpy") is not None and isinstance(x, sys.modules["numpy"].generic)):
        return array_dtype(x)
    if isinstance(x, float):
        return default_dtype_code()
    if isinstance(x, int):
        return INT64
    if isinstance(x, complex):
        return complex_of(default_dtype_code())
    if PySequence_Check(x):
        return find_dtype(list(x))
    name = kind.__name__ if kind.__module__ not in ("cygrad._core", "torch") else f"torch.{kind.__name__}"
    raise RuntimeError(f"Could not infer dtype of {name}")


cdef char* put_nested(object data, int dim, int nd, const Py_ssize_t* sizes, char* p, int dt) except NULL:
    """Stores the elements of `data` from `p` on; returns where the next ones go."""
    cdef Py_ssize_t n = sizes[dim]
    cdef int size = itemsize_of(dt)
    cdef object x
    if type(data) is not list and type(data) is not tuple:
        if not is_nested(data):
            raise TypeError("not a sequence")
        data = list(data)
    if Py_SIZE(data) != n:
        raise ValueError(f"expected sequence of length {n} at dim {dim} (got {Py_SIZE(data)})")
    if dim + 1 < nd:
        for x in data:
            p = put_nested(x, dim + 1, nd, sizes, p, dt)
        return p
    if dt == FLOAT:
        for x in data:
            (<float*> p)[0] = <float> (PyFloat_AS_DOUBLE(x) if type(x) is float else PyFloat_AsDouble(x))
            p += 4
        return p
    for x in data:
        put_number(p, dt, x)
        p += size
    return p


cdef Tensor from_data(object data, int dt, int dev):
    """A tensor of nested sequences, numbers, arrays or scalars; `dt` -1: what the data are."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Tensor t
    cdef int nd
    if type(data) is float or type(data) is int:
        if dt < 0:
            dt = default_dtype_code() if type(data) is float else INT64
        t = make(0, NULL, dt, 0)
        put_number(t.storage.ptr, dt, data)
    elif is_array(data):
        t = from_array(data)
        t = copy_as(t, t.dt if dt < 0 else dt, dev, PRESERVE, None)
        return t
    else:
        if isinstance(data, (str, bytes)):
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
        nd = find_sizes(data, sizes)
        if dt < 0:
            dt = find_dtype(data)
        t = make(nd, sizes, dt, 0)
        if nd == 0:
            put_number(t.storage.ptr, dt, data)
        elif t.count:
            put_nested(data, 0, nd, sizes, t.storage.ptr, dt)
    return t if dev == 0 else <Tensor> _ops.to_dtype_device(t, t.dt, dev)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of `data`: numbers, nested sequences of equal lengths, an array or a tensor.

    The dtype is that of the data: torch.int64 for ints, torch.bool for bools, the default dtype for floats.
    """
    cdef Tensor t
    cdef int dt = -1 if dtype is None else dtype_option("tensor", dtype, -1)
    if isinstance(data, Tensor):
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
                      UserWarning, stacklevel=2)
        t = <Tensor> data
        t = copy_as(shallow(t), t.dt if dt < 0 else dt, t.dev if device is None else device_option("tensor", device),
                    PRESERVE, None)
    else:
        t = from_data(data, dt, device_option("tensor", device))
    return finish(t, requires_grad) if requires_grad else t


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory where dtype and device allow: of tensors (with history) and NumPy arrays."""
    cdef Tensor t
    cdef int dt = dtype_option("as_tensor", dtype, -1)
    if isinstance(data, Tensor):
        t = <Tensor> data
        return _ops.to_dtype_device(t, t.dt if dt < 0 else dt,
                                    t.dev if device is None else device_option("as_tensor", device))
    if is_array(data):
        t = from_array(data)
        return _ops.to_dtype_device(t, t.dt if dt < 0 else dt, device_option("as_tensor", device))
    return from_data(data, dt, device_option("as_tensor", device))


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """`obj` as a tensor: shared if it is a tensor, an array, a DLPack or a buffer, unless `copy` is True.

    `copy=False` raises where memory cannot be shared.  A tensor stays in the graph unless `requires_grad` is False.
    """
    cdef Tensor t
    cdef int dt = dtype_option("asarray", dtype, -1), dev
    if isinstance(obj, Tensor):
        t = <Tensor> obj
    elif is_array(obj):
        t = from_array(obj)
    elif hasattr(obj, "__dlpack__"):
        t = _from_dlpack(obj)
    elif isinstance(obj, _core.Storage):
        kind = dtype_object(default_dtype_code() if dt < 0 else dt)
        t = _bridge.rebuild_tensor(obj, kind, 0, (obj.nbytes() // kind.itemsize,), (1,))
    else:
        t = None
        if not isinstance(obj, str) and as_number(obj) is None:
            try:
                memoryview(obj)
            except TypeError:
                pass
            else:
                t = frombuffer(obj, dtype=dtype_object(default_dtype_code() if dt < 0 else dt))
    if t is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(from_data(obj, dt, device_option("asarray", device)), bool(requires_grad))
    dev = t.dev if device is None else device_option("asarray", device)
    if dt < 0:
        dt = t.dt
    if copy is False:
        if dt != t.dt:
            raise ValueError(f"can't alias tensor with dtype '{_core.SCALAR_TYPE_NAMES[t.dt]}' into dtype "
                             f"'{_core.SCALAR_TYPE_NAMES[dt]}'.")
        if dev != t.dev:
            raise ValueError(f"can't alias tensor from device '{device_object(t.dev)}' to '{device_object(dev)}'.")
    if copy or dt != t.dt or dev != t.dev:
        t = copy_as(t, dt, dev, PRESERVE, "CloneBackward0" if dt == t.dt and dev == t.dev else "ToCopyBackward0")
    if requires_grad and not t.requires_grad:
        return finish(t, True)
    if requires_grad is not None and not requires_grad and t.requires_grad:
        if t.grad_fn is not None:
            return t.detach()
        t.requires_grad = False
    return t


def frombuffer(buffer, *, dtype, Py_ssize_t count=-1, Py_ssize_t offset=0, requires_grad=False):
    """A one-dimensional tensor on the memory of an object with the buffer protocol."""
    cdef Tensor t
    cdef int dt
    cdef Py_ssize_t size, total
    cdef const unsigned char[::1] readable
    if dtype is None:
        raise TypeError("frombuffer(): argument 'dtype' must be torch.dtype, not NoneType")
    dt = dtype_option("frombuffer", dtype, -1)
    size = itemsize_of(dt)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    total = view.nbytes
    if total == 0 or count == 0:
        raise ValueError(f"both buffer length ({total}) and count ({count}) must not be 0")
    if offset < 0 or offset >= total:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({total} "
                         "bytes) minus 1")
    if count < 0:
        if (total - offset) % size:
            raise ValueError(f"buffer length ({total - offset} bytes) after offset ({offset} bytes) must be a multiple "
                             f"of element size ({size})")
        count = (total - offset) // size
    elif count > (total - offset) // size:
        raise ValueError(f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be "
                         f"greater than actual buffer length ({total} bytes)")
    if view.readonly:
        warn_once("The given buffer is not writable, and PyTorch does not support non-writable tensors. This means "
                  "you can write to the underlying (supposedly non-writable) buffer using the tensor. You may want "
                  "to copy the buffer to protect its data or make it writable before converting it to a tensor. "
                  "This type of warning will be suppressed for the rest of this program.")
    readable = view.cast("B")
    t = make(1, &count, dt, 0)
    # The memoryview holds the export, so that a bytearray is not resized under the tensor.
    t.storage = borrow_storage(<char*> &readable[0] + offset, count * size, view)
    return finish(t, requires_grad)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor without dimensions of the default dtype."""
    cdef int dt = dtype_option("scalar_tensor", dtype, default_dtype_code())
    check_layout("scalar_tensor", layout)
    number = number_of("scalar_tensor", "s", 1, s)
    return finish(filled(0, NULL, number, dt, device_option("scalar_tensor", device)), requires_grad)


# ------------------------------------------------------------------ filled tensors

cdef Tensor filled(int nd, const Py_ssize_t* sizes, object value, int dt, int dev):
    cdef Tensor t = make(nd, sizes, dt, dev)
    fill(t, value)
    return t


cdef int fill_one(Tensor t) except -1:
    """Ones; small new tensors without the executor's walk."""
    cdef Py_ssize_t i
    if t.dev == 0 and t.dt == FLOAT and t.contiguous and t.count < GRAIN:
        for i in range(t.count):
            (<float*> t.storage.ptr)[i] = 1
        return 0
    return fill(t, 1)


cdef Tensor zeros_raw(int nd, const Py_ssize_t* sizes, int dt, int dev):
    cdef Tensor t = make(nd, sizes, dt, dev)
    fill(t, 0)
    return t


cdef int out_dtype(object out, object dtype, int given, int default) except -1:
    """The dtype of a result that goes to `out`: its own, unless another one was asked for."""
    if out is None:
        return given if dtype is not None else default
    if not isinstance(out, Tensor):
        return default
    if dtype is not None and given != (<Tensor> out).dt:
        raise RuntimeError(f"dtype {_core.SCALAR_TYPE_NAMES[given]} does not match dtype of out parameter "
                           f"({_core.SCALAR_TYPE_NAMES[(<Tensor> out).dt]})")
    return (<Tensor> out).dt


cdef object deliver(str function, object out, Tensor t, object requires_grad):
    cdef Tensor o
    if out is None:
        return finish(t, requires_grad) if requires_grad else t
    o = _need_out(function, out)
    if not same_shape(o, t):
        o.resize_(make_size(t.nd, t.sizes))
    copy_into(o, t)
    bump(o)
    return o


def empty(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
          memory_format=None):
    """A tensor of uninitialised memory."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("empty", "size", args, size, sizes)
    cdef int dt = dtype_option("empty", dtype, default_dtype_code())
    cdef Tensor t
    check_layout("empty", layout)
    if out is not None:
        out_dtype(out, dtype, dt, dt)
        return _need_out("empty", out).resize_(make_size(nd, sizes))
    t = make(nd, sizes, dt, device_option("empty", device))
    if memory_format is not None:
        t = _in_format(t, memory_format)
    return finish(t, requires_grad) if requires_grad else t


cdef Tensor _in_format(Tensor t, object memory_format):
    cdef int format = format_code(memory_format)
    if format == PRESERVE:
        raise RuntimeError("unsupported memory format Preserve")
    return empty_in_format(t, t.dt, t.dev, format)


cdef Tensor _need_out(str function, object out):
    if not isinstance(out, Tensor):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {type(out).__name__}")
    return <Tensor> out


cdef int not_negative(str function, int nd, const Py_ssize_t* sizes) except -1:
    cdef int i
    for i in range(nd):
        if sizes[i] < 0:
            raise RuntimeError(f"{function}: Dimension size must be non-negative.")
    return 0


def zeros(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of zeros."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("zeros", "size", args, size, sizes)
    cdef int dt = dtype_option("zeros", dtype, default_dtype_code())
    check_layout("zeros", layout)
    not_negative("zeros", nd, sizes)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    return deliver("zeros", out, zeros_raw(nd, sizes, dt, device_option("zeros", device)), requires_grad)


def ones(*args, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of ones."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("ones", "size", args, size, sizes)
    cdef int dt = dtype_option("ones", dtype, default_dtype_code())
    cdef Tensor t
    check_layout("ones", layout)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    t = make(nd, sizes, dt, device_option("ones", device))
    fill_one(t)
    return deliver("ones", out, t, requires_grad)


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of one value; its dtype is that of the value (the default dtype for floats)."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd, dt
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = number_of("full", "fill_value", 2, fill_value)
    nd = parse_sizes("full", "size", (size,), None, sizes)
    dt = BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) else \
        complex_of(default_dtype_code()) if isinstance(value, complex) else default_dtype_code()
    dt = dtype_option("full", dtype, dt)
    if out is not None:
        dt = out_dtype(out, dtype, dt, dt)
    check_layout("full", layout)
    return deliver("full", out, filled(nd, sizes, value, dt, device_option("full", device)), requires_grad)


cdef Tensor like(str function, object input, object dtype, object layout, object device, object memory_format):
    cdef Tensor t = need_tensor(function, input)
    check_layout(function, layout)
    return empty_in_format(t, dtype_option(function, dtype, t.dt),
                           t.dev if device is None else device_option(function, device),
                           PRESERVE if memory_format is None else format_code(memory_format))


def empty_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
               memory_format=None):
    """Uninitialised, with the shape, dtype, device and memory order of `input`."""
    return finish(like("empty_like", input, dtype, layout, device, memory_format), requires_grad)


def zeros_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
               memory_format=None):
    """Zeros with the shape, dtype, device and memory order of `input`."""
    cdef Tensor t = like("zeros_like", input, dtype, layout, device, memory_format)
    fill(t, 0)
    return finish(t, requires_grad)


def ones_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
              memory_format=None):
    """Ones with the shape, dtype, device and memory order of `input`."""
    cdef Tensor t = like("ones_like", input, dtype, layout, device, memory_format)
    fill_one(t)
    return finish(t, requires_grad)


def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
              memory_format=None):
    """One value with the shape, dtype, device and memory order of `input`."""
    cdef Tensor t
    need_tensor("full_like", input)
    value = number_of("full_like", "fill_value", 2, fill_value)
    t = like("full_like", input, dtype, layout, device, memory_format)
    fill(t, value)
    return finish(t, requires_grad)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Uninitialised, with the given strides (in elements)."""
    cdef int dt = dtype_option("empty_strided", dtype, default_dtype_code())
    return finish(strided_empty("empty_strided", size, stride, dt, device_option("empty_strided", device)),
                  requires_grad)


cdef Tensor strided_empty(str function, object size, object stride, int dt, int dev):
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int nd = parse_sizes(function, "size", (tuple(size),), None, sizes), i
    cdef int ns = parse_sizes(function, "stride", (tuple(stride),), None, strides)
    if nd != ns:
        raise RuntimeError(f"dimensionality of sizes ({nd}) must match dimensionality of strides ({ns})")
    for i in range(nd):
        if sizes[i] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {sizes[i]}: {list(size)}")
        if strides[i] < 0:
            raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and "
                               f"strides={list(stride)}")
    return empty_strided_like(nd, sizes, strides, dt, dev)


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False,
                   pin_memory=False):
    """Uninitialised; `physical_layout` lists the dimensions from the slowest moving to the fastest."""
    cdef int dt = dtype_option("empty_permuted", dtype, default_dtype_code())
    order = tuple(physical_layout)
    n = len(size)
    if len(order) != n:
        raise RuntimeError("Number of dimensions in size does not match the length of the physical_layout; i.e. "
                           f"len(size) = {n} is not equal to len(physical_layout) = {len(order)}")
    stride = [0] * n
    step = 1
    seen = set()
    for d in reversed(order):
        if not 0 <= d < n:
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {n - 1}, but got {d} at index "
                               f"{order.index(d)}).  NB: negative dims not currently supported; file an issue if you "
                               "want it.")
        if d in seen:
            raise RuntimeError("Duplicate dim not allowed")
        seen.add(d)
        stride[d] = step
        step *= size[d]
    return finish(strided_empty("empty_permuted", size, stride, dt, device_option("empty_permuted", device)),
                  requires_grad)


# ------------------------------------------------------------------ methods that take dtype and device from a tensor

def new_tensor(Tensor self not None, data, *, dtype=None, device=None, requires_grad=False, layout=None,
               pin_memory=False):
    """A copy of `data` with this tensor's dtype and device."""
    cdef Tensor t
    cdef int dt = dtype_option("new_tensor", dtype, self.dt)
    cdef int dev = self.dev if device is None else device_option("new_tensor", device)
    if isinstance(data, Tensor):
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than "
                      "tensor.new_tensor(sourceTensor).", UserWarning, stacklevel=2)
        t = <Tensor> data
        t = copy_as(shallow(t), t.dt if dtype is None else dt, t.dev if device is None else dev, PRESERVE, None)
    else:
        t = from_data(data, dt, dev)
    return finish(t, requires_grad)


def new_empty(Tensor self not None, *args, size=None, dtype=None, device=None, requires_grad=False, layout=None,
              pin_memory=False):
    """Uninitialised, with this tensor's dtype and device."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("new_empty", "size", args, size, sizes)
    return finish(make(nd, sizes, dtype_option("new_empty", dtype, self.dt),
                       self.dev if device is None else device_option("new_empty", device)), requires_grad)


def new_zeros(Tensor self not None, *args, size=None, dtype=None, device=None, requires_grad=False, layout=None,
              pin_memory=False):
    """Zeros with this tensor's dtype and device."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("new_zeros", "size", args, size, sizes)
    return finish(zeros_raw(nd, sizes, dtype_option("new_zeros", dtype, self.dt),
                            self.dev if device is None else device_option("new_zeros", device)), requires_grad)


def new_ones(Tensor self not None, *args, size=None, dtype=None, device=None, requires_grad=False, layout=None,
             pin_memory=False):
    """Ones with this tensor's dtype and device."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd = parse_sizes("new_ones", "size", args, size, sizes)
    return finish(filled(nd, sizes, 1, dtype_option("new_ones", dtype, self.dt),
                         self.dev if device is None else device_option("new_ones", device)), requires_grad)


def new_full(Tensor self not None, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None,
             pin_memory=False):
    """One value with this tensor's dtype and device."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int nd
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"new_full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = number_of("new_full", "fill_value", 2, fill_value)
    nd = parse_sizes("new_full", "size", (size,), None, sizes)
    return finish(filled(nd, sizes, value, dtype_option("new_full", dtype, self.dt),
                         self.dev if device is None else device_option("new_full", device)), requires_grad)


def new_empty_strided(Tensor self not None, size, stride, *, dtype=None, device=None, requires_grad=False, layout=None,
                      pin_memory=False):
    """Uninitialised, with the given strides and this tensor's dtype and device."""
    return finish(strided_empty("new_empty_strided", size, stride, dtype_option("new_empty_strided", dtype, self.dt),
                                self.dev if device is None else device_option("new_empty_strided", device)),
                  requires_grad)


# ------------------------------------------------------------------ questions

def is_tensor(obj):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj):
    return isinstance(obj, _core.Storage)


def numel(input):
    """The number of elements."""
    return need_tensor("numel", input).count


def is_floating_point(input):
    """Whether the dtype is a floating point dtype."""
    return need_tensor("is_floating_point", input).is_floating_point()


def is_complex(input):
    """Whether the dtype is a complex dtype."""
    return need_tensor("is_complex", input).is_complex()


def is_signed(input):
    return need_tensor("is_signed", input).is_signed()


# ------------------------------------------------------------------ torch.Tensor(2, 3) and its like

cdef Tensor legacy_data(tuple args, int dt):
    """The tensor that a legacy constructor of dtype `dt` makes of its arguments: data, sizes or a tensor."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef Py_ssize_t none = 0
    cdef int nd
    if not args:
        return make(1, &none, dt, 0)
    first = args[0]
    if len(args) == 1 and not isinstance(first, _core.Size):
        if isinstance(first, Tensor):
            return <Tensor> first
        if isinstance(first, str):
            raise TypeError(f"new(): invalid data type '{type(first).__name__}'")
        if is_nested(first):
            return from_data(first, dt, 0)
        if isinstance(first, _core.Storage):
            return _bridge.rebuild_tensor(first, dtype_object(dt), 0, (first.size() // itemsize_of(dt),), (1,))
        if isinstance(first, (bool, float)) or not hasattr(first, "__index__"):
            raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    nd = parse_sizes("new", "size", args, None, sizes)
    return make(nd, sizes, dt, 0)


def construct(tuple args, DType dt not None):
    """What torch.FloatTensor(*args) and its fellows return."""
    cdef Tensor t = legacy_data(args, dt.code)
    if t.dt != dt.code:
        options = ("TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false (default), "
                   "pinned_memory=false (default), memory_format=(nullopt))")
        wanted, given = (options.format(_core.C_TYPE_NAMES[c]) for c in (dt.code, t.dt))
        raise TypeError(f"expected {wanted} (got {given})")
    return shallow(t) if args and t is args[0] else t


def _legacy_constructor(Tensor self, tuple args):
    # A subclass may take arguments of its own in __new__ and __init__; what Tensor itself gets is checked here.
    assign(self, legacy_data(args, default_dtype_code()))


_core.set_constructors(_legacy_constructor, as_tensor)


def new(Tensor self not None, *args):
    """The legacy form of new_tensor and new_empty."""
    cdef Tensor t = legacy_data(args, self.dt)
    return to_device(t, self.dev)


FUNCTIONS = {f.__name__: f for f in (
    tensor, as_tensor, asarray, frombuffer, scalar_tensor, full, empty_like, zeros_like, ones_like, full_like,
    empty_strided, empty_permuted, is_tensor, is_storage, numel,
    is_floating_point, is_complex, is_signed)}
FUNCTIONS |= {f.__name__: f for f in (empty, zeros, ones)}
METHODS = {f.__name__: f for f in (
    new_tensor, new_empty, new_zeros, new_ones, new_full, new_empty_strided, new)}
PROPERTIES = {}
