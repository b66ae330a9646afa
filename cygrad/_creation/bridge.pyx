"""Tensors to and from everything else: Python numbers and lists, NumPy, other dtypes and devices, copies.

NumPy is never imported here unless an array comes in or is asked for, and is used through its Python interface only:
arrays come in by the buffer protocol and go out as `numpy.ndarray(shape, dtype, buffer=storage)`, so that memory is
shared and kept alive by whoever looks at it.
"""
import copyreg
import sys

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.float cimport PyFloat_FromDouble
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_FromLongLong
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from cygrad._core cimport (
    BFLOAT16, BOOL, CDOUBLE, CFLOAT, CHALF, DOUBLE, FLOAT, HALF, INT8, INT16, INT32, INT64, MAX_DIMS, META, UINT8,
    Storage, Tensor, as_device_code, as_dtype_code, attach, borrow_storage, current_grad_fn, data_of, device_object,
    empty_strided_like, grad_enabled, grad_required, is_complex_code, itemsize_of, make_size, new_storage, new_tensor,
    set_dims, shallow, update_contiguous)
from cygrad._core cimport device as Device, dtype as DType
from cygrad._ops cimport cast_kernel, copy_into, strides_in_order, warn_of_parts
from cygrad import _core, _ops
from cygrad._warnings import warn_once
from cygrad._types import (
    channels_last, channels_last_3d, contiguous_format, preserve_format, strided)


# ------------------------------------------------------------------ Python numbers and lists

cdef object element(int dt, const char* p):
    """The Python number stored at `p`."""
    cdef double[2] wide
    if dt == FLOAT:
        return PyFloat_FromDouble((<float*> p)[0])
    if dt == DOUBLE:
        return PyFloat_FromDouble((<double*> p)[0])
    if dt == INT64:
        return PyLong_FromLongLong((<int64_t*> p)[0])
    if dt == BOOL:
        return (<uint8_t*> p)[0] != 0
    if dt == UINT8:
        return PyLong_FromLongLong((<uint8_t*> p)[0])
    if dt == INT8:
        return PyLong_FromLongLong((<int8_t*> p)[0])
    if dt == INT16:
        return PyLong_FromLongLong((<int16_t*> p)[0])
    if dt == INT32:
        return PyLong_FromLongLong((<int32_t*> p)[0])
    if is_complex_code(dt):
        cast_kernel(CDOUBLE, dt)(1, <char*> wide, 16, p, 8)
        return complex(wide[0], wide[1])
    cast_kernel(DOUBLE, dt)(1, <char*> wide, 8, p, 2)
    return PyFloat_FromDouble(wide[0])


cdef Tensor on_host(Tensor t):
    """`t` itself, or a copy without history in the memory of the host."""
    return t if t.dev == 0 else _ops.to_dtype_device(shallow(t), t.dt, 0)


cdef object number(Tensor t):
    t = on_host(t)
    return element(t.dt, data_of(t))


def real_of(x, str name):
    """A number; of a complex one, which must have no imaginary part, the real part."""
    if isinstance(x, complex):
        if x.imag:
            raise RuntimeError(f"value cannot be converted to type {name} without overflow")
        return x.real
    return x


def item(Tensor self not None):
    """The only element as a Python number."""
    if self.count != 1:
        raise RuntimeError(f"a Tensor with {self.count} elements cannot be converted to Scalar")
    if self.dev == META:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    return number(self)


cdef object nested(Tensor t, const char* p, int dim):
    """The elements from dimension `dim` on, which start at `p`, as nested lists."""
    cdef Py_ssize_t i, n = t.sizes[dim], step = t.strides[dim] * itemsize_of(t.dt)
    cdef list out = PyList_New(n)
    cdef object x
    cdef int dt = t.dt
    for i in range(n):
        if dim + 1 < t.nd:
            x = nested(t, p, dim + 1)
        elif dt == FLOAT:
            x = PyFloat_FromDouble((<float*> p)[0])
        else:
            x = element(dt, p)
        Py_INCREF(x)
        PyList_SET_ITEM(out, i, x)
        p += step
    return out


def tolist(Tensor self not None):
    """The elements as nested lists of Python numbers; a number for a tensor without dimensions."""
    cdef Tensor t = on_host(self)
    return nested(t, data_of(t), 0) if t.nd else element(t.dt, data_of(t))


def __float__(Tensor self not None):
    if self.count != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return float(real_of(number(self), "double"))


def __int__(Tensor self not None):
    if self.count != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return int(real_of(number(self), "int64_t"))


def __complex__(Tensor self not None):
    if self.count != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return complex(number(self))


def __index__(Tensor self not None):
    if self.count != 1 or self.dt >= HALF:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(number(self))


def __bool__(Tensor self not None):
    if self.count != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'more than one value' if self.count else 'no values'} is ambiguous")
    return bool(number(self))


def is_nonzero(Tensor input not None):
    """Whether the only element is not zero."""
    return __bool__(input)


def __len__(Tensor self not None):
    if self.nd == 0:
        raise TypeError("len() of a 0-d tensor")
    return self.sizes[0]


def __iter__(Tensor self not None):
    if self.nd == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __reversed__(Tensor self not None):
    return self.flip(0) if self.nd else self


def __contains__(Tensor self not None, element):
    """Whether any element equals a number, or the tensor that broadcasts to this one."""
    if not isinstance(element, (Tensor, int, float, complex)):
        raise RuntimeError("Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                           f"{type(element)}.")
    return bool((element == self).any())


def __format__(Tensor self not None, format_spec):
    if not isinstance(format_spec, str):
        raise TypeError(f"__format__() argument must be str, not {type(format_spec).__name__}")
    if self.nd == 0 and type(self) is Tensor:
        return format(number(self), format_spec)
    if format_spec:
        raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")
    return str(self)


# ------------------------------------------------------------------ NumPy

SUPPORTED = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool"
cdef object _ndarray = None
cdef dict _codes = {}               # of NumPy's dtypes in native byte order


cdef bint is_array(object x):
    global _ndarray
    if _ndarray is None:
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return False
        _ndarray = numpy.ndarray
    return isinstance(x, _ndarray)


cdef int array_dtype(object array) except -1:
    """The dtype code of a NumPy array or scalar."""
    kind = array.dtype
    code = _codes.get(kind)
    if code is not None:
        return code
    name = kind.name
    found = _core.DTYPE_BY_NAME.get(name)
    if found is None or name == "bfloat16":
        raise TypeError(f"can't convert np.ndarray of type numpy.{kind.type.__name__}. The only supported types "
                        f"are: {SUPPORTED}.")
    if kind.isnative:
        _codes[kind] = (<DType> found).code
    return (<DType> found).code


cpdef Tensor from_array(object array):
    """A tensor on the memory of a NumPy array."""
    cdef Py_buffer view
    cdef Tensor t
    cdef Py_ssize_t extent = 0
    cdef int i, dt = array_dtype(array)
    cdef Py_ssize_t size = itemsize_of(dt)
    if array.dtype not in _codes:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between "
                         "byte orders is currently not supported.")
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES | PyBUF_FORMAT)
    try:
        for i in range(view.ndim):
            if view.strides[i] % size:
                raise ValueError("given numpy array strides not a multiple of the element byte size. Copy the numpy "
                                 "array to reallocate the memory.")
            if view.strides[i] < 0:
                raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative "
                                 "strides are not currently supported. (You can probably work around this by making a "
                                 "copy of your array  with array.copy().) ")
            extent += (view.shape[i] - 1) * view.strides[i]
        if view.readonly:
            warn_once("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                      "This means writing to this tensor will result in undefined behavior. You may want to copy "
                      "the array to protect its data or make it writable before converting it to a tensor. This "
                      "type of warning will be suppressed for the rest of this program.")
        t = Tensor.__new__(Tensor)
        set_dims(t, view.ndim)
        t.count = 1
        for i in range(view.ndim):
            t.sizes[i] = view.shape[i]
            t.strides[i] = view.strides[i] // size
            t.count *= view.shape[i]
        t.dt = dt
        # The array is the owner: it outlives this view of its buffer, and NumPy does not move what is referenced.
        t.storage = borrow_storage(<char*> view.buf, extent + size if t.count else 0, array)
        update_contiguous(t)
    finally:
        PyBuffer_Release(&view)
    return t


def from_numpy(ndarray):
    """A tensor that shares the memory of the array."""
    if not is_array(ndarray):
        kind = type(ndarray)
        name = kind.__name__ if kind.__module__ != "numpy" else f"numpy.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {name})")
    return from_array(ndarray)


def numpy(Tensor self not None, *, bint force=False):
    """A NumPy array on the memory of this tensor; `force` detaches it and copies it to the host first."""
    cdef Tensor t = self
    cdef int i
    if t.dt == BFLOAT16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    if not force:
        if grad_enabled() and grad_required(t):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if t.dev:
            raise TypeError(f"can't convert {device_object(t.dev)} device type tensor to numpy. Use Tensor.cpu() to "
                            "copy the tensor to host memory first.")
    t = on_host(t)
    import numpy as np
    cdef Py_ssize_t size = itemsize_of(t.dt)
    kind = (<DType> dtype_of(t)).numpy_type
    shape = make_size(t.nd, t.sizes)
    if t.count == 0:
        return np.empty(shape, kind)
    if t.contiguous:
        return np.ndarray(shape, kind, t.storage, t.offset * size)
    return np.ndarray(shape, kind, t.storage, t.offset * size, tuple([t.strides[i] * size for i in range(t.nd)]))


cdef DType dtype_of(Tensor t):
    return <DType> _core.DTYPES[t.dt]


def __array__(Tensor self not None, dtype=None, copy=None):
    """NumPy's protocol: an array on this memory, or a copy where `dtype` or `copy` ask for one."""
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return array.astype(dtype)
    return array.copy() if copy else array


def __array_wrap__(Tensor self not None, array, context=None, return_scalar=False):
    """What NumPy's functions return when they were given a tensor."""
    if array.dtype == bool:
        array = array.astype("uint8")
    return from_numpy(array)


# ------------------------------------------------------------------ other layouts, dtypes and devices

cdef int format_code(object memory_format) except -1:
    if memory_format is None or memory_format is preserve_format:
        return PRESERVE
    if memory_format is contiguous_format:
        return CONTIGUOUS
    if memory_format is channels_last:
        return CHANNELS_LAST
    if memory_format is channels_last_3d:
        return CHANNELS_LAST_3D
    raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {type(memory_format).__name__}")


cdef int channels_last_strides(int nd, const Py_ssize_t* sizes, int format, Py_ssize_t* strides) except -1:
    """The strides with which channels move fastest."""
    cdef int rank = 4 if format == CHANNELS_LAST else 5, i
    cdef Py_ssize_t step = 1
    if nd != rank:
        raise RuntimeError(f"required rank {rank} tensor to use channels_last{'' if rank == 4 else '_3d'} format")
    strides[1] = 1
    step = sizes[1]
    for i in range(rank - 1, 1, -1):
        strides[i] = step
        step *= sizes[i]
    strides[0] = step
    return 0


cdef Tensor empty_in_format(Tensor t, int dt, int dev, int format):
    """Uninitialised, with the shape of `t` and the strides of a memory format."""
    cdef Py_ssize_t[MAX_DIMS] strides
    if format == CONTIGUOUS or (format == PRESERVE and t.contiguous and t.count):
        return new_tensor(t.nd, t.sizes, dt, dev)
    if format == PRESERVE:
        if t.count == 0 or _ops.is_dense(t):
            return empty_strided_like(t.nd, t.sizes, t.strides, dt, dev)
        strides_in_order(t.nd, t.sizes, (t,), strides)
    else:
        channels_last_strides(t.nd, t.sizes, format, strides)
    return empty_strided_like(t.nd, t.sizes, strides, dt, dev)


def _copy_backward(node, g):
    dt, dev = node.args
    return _ops.moved_back(g, dt, dev)


cdef Tensor copy_as(Tensor t, int dt, int dev, int format, str name):
    """A copy, recorded under `name` if there is one."""
    cdef Tensor r = empty_in_format(t, dt, dev, format)
    warn_of_parts(t.dt, dt)
    copy_into(r, t)
    return r if name is None else attach(r, name, (t,), _copy_backward, None, (t.dt, t.dev))


cdef bint fits(Tensor t, int format) except -1:
    """Whether `t` is laid out in the format already."""
    cdef Py_ssize_t step = 1
    cdef int i, k, rank
    if format == PRESERVE or format == CONTIGUOUS:
        return format == PRESERVE or t.contiguous
    rank = 4 if format == CHANNELS_LAST else 5
    if t.nd != rank:
        return False
    for k in range(rank):
        i = 1 if k == 0 else rank - k if k < rank - 1 else 0
        if t.sizes[i] != 1:
            if t.strides[i] != step:
                return False
            step *= t.sizes[i]
    return True


def clone(Tensor input not None, *, memory_format=None):
    """A recorded copy, laid out as `input` unless `memory_format` says otherwise."""
    return copy_as(input, input.dt, input.dev, format_code(memory_format), "CloneBackward0")


def contiguous(Tensor self not None, *, memory_format=None):
    """`self` if it is laid out in the format (C order by default), else a copy that is."""
    cdef int format
    if memory_format is None:
        if self.contiguous:
            return self
        format = CONTIGUOUS
    else:
        format = format_code(memory_format)
        if format == PRESERVE:
            if not self.contiguous:
                raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
            return self
        if format >= CHANNELS_LAST and self.nd != format + 2:
            raise RuntimeError(f"required rank {format + 2} tensor to use channels_last"
                               f"{'' if format == CHANNELS_LAST else '_3d'} format")
        if fits(self, format):
            return self
    return copy_as(self, self.dt, self.dev, format, "CloneBackward0")


def is_contiguous(Tensor self not None, *, memory_format=None):
    """Whether the elements lie in memory in the order of the format (C order by default)."""
    if memory_format is None or memory_format is preserve_format:
        return self.contiguous
    return fits(self, format_code(memory_format))


cdef bint suggests(Tensor t, int format) except -1:
    """Whether a conversion to the format leaves `t` as it is.

    What is C-contiguous as well does not count as channels_last, unless its strides are exactly those of a new one;
    what is not channels_last counts as contiguous.
    """
    cdef Py_ssize_t[MAX_DIMS] strides
    cdef int i
    if format == PRESERVE:
        return True
    if format == CONTIGUOUS:
        return not (t.nd == 4 and suggests(t, CHANNELS_LAST) or t.nd == 5 and suggests(t, CHANNELS_LAST_3D))
    if t.nd != format + 2:
        return False
    if not t.contiguous:
        return fits(t, format)
    channels_last_strides(t.nd, t.sizes, format, strides)
    for i in range(t.nd):
        if t.strides[i] != strides[i]:
            return False
    return True


cdef Tensor convert(Tensor t, int dt, int dev, bint copy, object memory_format):
    if t.dt == dt and t.dev == dev and not copy:
        if memory_format is None or suggests(t, format_code(memory_format)):
            return t
    return copy_as(t, dt, dev, format_code(memory_format), "ToCopyBackward0")


TO_FORMS = (
    "\n * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, "
    "torch.memory_format memory_format = None)"
    "\n * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = "
    "None)"
    "\n * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n")


def type_text(x):
    """How PyTorch's messages spell the type of an argument."""
    if isinstance(x, DType):
        return "torch.dtype"
    if isinstance(x, Device):
        return "torch.device"
    if isinstance(x, Tensor):
        return type(x).__name__
    return type(x).__name__


def combination_error(name, args, kwargs, forms):
    """The TypeError of a call that fits none of a function's forms."""
    got = [type_text(x) for x in args]
    if kwargs:
        got += [f"{k}={type_text(v)}" for k, v in kwargs.items()]
        if len(args) == 0:
            got.append("")
    return TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join(got)}), but expected "
                     f"one of:{forms}")


cdef bint is_flag(object x):
    return isinstance(x, bool)


def to(Tensor self not None, *args, **kwargs):
    """to(dtype), to(device, dtype), to(tensor): `self` if nothing changes, else a recorded copy.

    Further arguments: non_blocking, copy, memory_format.
    """
    cdef int dt = self.dt, dev = self.dev
    cdef Py_ssize_t n = len(args)
    cdef Tensor like
    if n == 1 and not kwargs:                   # x.to(device) and x.to(dtype)
        first = args[0]
        if isinstance(first, DType):
            dt = (<DType> first).code
            return self if dt == self.dt else convert(self, dt, dev, False, None)
        if isinstance(first, (Device, str)):
            dev = as_device_code(first, dev)
            return self if dev == self.dev else convert(self, dt, dev, False, None)
    rest = list(args)
    options = dict(kwargs)
    first = rest.pop(0) if rest else None
    memory_format = options.pop("memory_format", None)
    if first is None and "tensor" in options:
        first = options.pop("tensor")
    if isinstance(first, Tensor):
        like = <Tensor> first
        dt, dev = like.dt, like.dev
    elif isinstance(first, DType) or first in (float, int, bool, complex):
        dt = as_dtype_code(first, dt)
    else:
        if n == 0:
            first = options.pop("device", None)
        if first is not None and (is_flag(first) or not isinstance(first, (Device, str, int))):
            raise combination_error("to", args, kwargs, TO_FORMS)
        dev = as_device_code(first, dev)
        second = rest.pop(0) if rest else options.pop("dtype", None)
        if second is not None and not (isinstance(second, DType) or second in (float, int, bool, complex)):
            raise combination_error("to", args, kwargs, TO_FORMS)
        dt = as_dtype_code(second, dt)
    flags = []
    for name in ("non_blocking", "copy"):
        flags.append(rest.pop(0) if rest else options.pop(name, False))
    if rest or options or not all(map(is_flag, flags)):
        raise combination_error("to", args, kwargs, TO_FORMS)
    return convert(self, dt, dev, flags[1], memory_format)


def type_as(Tensor self not None, other):
    """`self.to` the dtype and device of `other`."""
    if not isinstance(other, Tensor):
        raise TypeError(f"type_as(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}")
    return convert(self, (<Tensor> other).dt, (<Tensor> other).dev, False, None)


def cpu(Tensor self not None, *, memory_format=None):
    """`self`, or a copy in the memory of the host."""
    return convert(self, self.dt, 0, False, memory_format)


def cuda(Tensor self not None, device=None, bint non_blocking=False, *, memory_format=None):
    """`self`, or a copy on a device spelled "cuda"."""
    if device is None:
        device = "cuda"
    return convert(self, self.dt, as_device_code(device, 0), False, memory_format)


def conversion(str name, int code):
    """x.float() and its fellows."""
    def convert_to(Tensor self not None, *, memory_format=None):
        if self.dt == code and memory_format is None:
            return self
        return convert(self, code, self.dev, False, memory_format)
    convert_to.__name__ = convert_to.__qualname__ = name
    convert_to.__doc__ = f"`self` as {_core.dtype_of_code(code)}."
    return convert_to


CONVERSIONS = {"bool": BOOL, "byte": UINT8, "char": INT8, "short": INT16, "int": INT32, "long": INT64, "half": HALF,
               "bfloat16": BFLOAT16, "float": FLOAT, "double": DOUBLE,
               "cfloat": CFLOAT, "cdouble": CDOUBLE, "chalf": CHALF}


def pin_memory(Tensor self not None, device=None):
    """`self`: cygrad copies from any memory of the host."""
    if self.dev:
        raise RuntimeError(f"cannot pin '{self.type()}' only dense CPU tensors can be pinned")
    return self


def is_pinned(Tensor self not None, device=None):
    return False


def get_device(Tensor input not None):
    """The index of the device, -1 for the CPU."""
    return -1 if input.dev == 0 else device_object(input.dev).index


# ------------------------------------------------------------------ copies and pickles

cdef dict own_attributes(Tensor t):
    """What users set on the tensor: a subclass has a dict of its own, Tensor makes one when it is needed."""
    return t.attributes if type(t) is Tensor else t.__dict__


cdef object give_attributes(Tensor t, dict attributes):
    if type(t) is Tensor:
        t.attributes = attributes
    else:
        t.__dict__.update(attributes)


cdef Tensor flat_bytes(Storage s):
    """The whole storage as a tensor of bytes."""
    cdef Tensor t = Tensor.__new__(Tensor)
    t.storage, t.dev, t.dt = s, s.dev, UINT8
    t.nd, t.sizes[0], t.strides[0], t.count = 1, s.size_bytes, 1, s.size_bytes
    return t


cdef Storage copy_storage(Storage s, int dev):
    return _ops.to_dtype_device(flat_bytes(s), UINT8, dev).untyped_storage() if s.dev != dev else \
        copy_as(flat_bytes(s), UINT8, dev, CONTIGUOUS, None).storage


cdef Tensor same_on(Tensor t, Storage s):
    """`t` without history on another storage."""
    cdef Tensor r = shallow(t)
    r.storage = s
    return r


def deepcopy_storage(Storage s not None, dict memo):
    """The copy of a storage that everything in one deepcopy shares."""
    # `.data` has a Storage object of its own over the same bytes: on the host the address tells.
    key = ("storage", <size_t> s.ptr if s.dev == 0 else id(s.owner), s.size_bytes)
    if key not in memo:
        memo[key] = copy_storage(s, s.dev)
        memo.setdefault(id(memo), []).append(s)
    return memo[key]


def __deepcopy__(Tensor self not None, memo):
    """A copy of the whole storage; tensors that shared one still do, and so do `.grad` and the attributes."""
    cdef Tensor r
    if current_grad_fn(self) is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001")
    if id(self) in memo:
        return memo[id(self)]
    r = same_on(self, deepcopy_storage(self.storage, memo))
    if type(self) is not Tensor:
        r = Tensor._make_subclass(type(self), r)
    r.needs_grad = self.needs_grad
    memo[id(self)] = r
    if self.meta is not None and self.meta.grad is not None:
        r.grad = __deepcopy__(self.meta.grad, memo)
    attributes = own_attributes(self)
    if attributes:
        import copy
        give_attributes(r, copy.deepcopy(attributes, memo))
    return r


def __copy__(Tensor self not None):
    """Another tensor object on the same storage."""
    cdef Tensor r = shallow(self)
    if type(self) is not Tensor:
        r = Tensor._make_subclass(type(self), r)
    r.needs_grad = grad_required(self)
    attributes = own_attributes(self)
    if attributes:
        give_attributes(r, dict(attributes))
    return r


def rebuild_storage(bytes data, dev=None):
    """The storage that `reduce_storage` took apart."""
    cdef Storage s = new_storage(len(data), 0)
    memcpy(s.ptr, <const char*> data, len(data))
    return s if dev is None else copy_storage(s, as_device_code(dev, 0))


def reduce_storage(Storage s not None):
    cdef Storage host = s if s.dev == 0 else copy_storage(s, 0)
    data = host.ptr[:host.size_bytes]
    return rebuild_storage, (data,) if s.dev == 0 else (data, str(device_object(s.dev)))


# By the table and not by a method, so that pickle keeps what shares a storage together.
copyreg.pickle(Storage, reduce_storage)


def rebuild_tensor(Storage storage not None, DType dt not None, Py_ssize_t offset, tuple size, tuple stride,
                   bint requires_grad=False, cls=None, attributes=None):
    """The tensor that `__reduce_ex__` took apart."""
    cdef Tensor r = Tensor.__new__(Tensor)
    cdef int i
    set_dims(r, len(size))
    r.count = 1
    for i in range(r.nd):
        r.sizes[i], r.strides[i] = size[i], stride[i]
        r.count *= r.sizes[i]
    r.storage, r.offset, r.dt, r.dev = storage, offset, dt.code, storage.dev
    update_contiguous(r)
    if cls is not None:
        r = Tensor._make_subclass(cls, r)
    r.needs_grad = requires_grad
    if attributes:
        give_attributes(r, attributes)
    return r


def __reduce_ex__(Tensor self not None, protocol):
    """Storage, dtype, place in it, whether it requires grad; a subclass and attributes where there are any."""
    args = (self.storage, dtype_of(self), self.offset, tuple(make_size(self.nd, self.sizes)), self.stride(),
            bool(grad_required(self)))
    attributes = own_attributes(self)
    if type(self) is not Tensor or attributes:
        args += (None if type(self) is Tensor else type(self), attributes)
    return rebuild_tensor, args


FUNCTIONS = {
    "is_nonzero": is_nonzero, "from_numpy": from_numpy, "clone": clone, "get_device": get_device,
}
METHODS = {f.__name__: f for f in (
    item, tolist, __float__, __int__, __complex__, __index__, __bool__, is_nonzero, __len__, __iter__, __reversed__,
    __contains__, __format__, numpy, __array__, __array_wrap__, clone, contiguous,
    is_contiguous, to, type_as, cpu, cuda, pin_memory, is_pinned, get_device, __deepcopy__,
    __copy__, __reduce_ex__)}
METHODS |= {name: conversion(name, code) for name, code in CONVERSIONS.items()}
METHODS |= {
    "__array_priority__": 1000, "layout": strided, "is_sparse": False, "is_sparse_csr": False, "is_quantized": False,
    "is_mkldnn": False, "is_nested": False, "is_xpu": False, "is_mps": False,
}
PROPERTIES = {}
