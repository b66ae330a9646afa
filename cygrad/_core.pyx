# cython: binding=False
"""Storage, Tensor and the nodes of the autograd graph.

Design
------
* A Tensor is shape, strides and offset over a Storage.  A Storage is a block of bytes with a version number;
  views and `detach()` share it, `.data` makes a second Storage over the same bytes with a version of its own.
* What every tensor needs is a plain C field; what few need (grad, hooks, the base of a view) is in
  `AutogradMeta`, made on first use.  One addition costs two Python objects and one block from the cache.
* A class compiled with CYTHON_USE_TYPE_SPECS is a mutable heap type: the operators set their methods on
  `Tensor` when they are imported, at no cost to a call, and so may users.
* Graph nodes number themselves as they are made.  A node is always younger than what it reads from, so
  running nodes from the youngest to the oldest is a topological order: the engine (`_engine.pyx`) needs no
  dependency counts.
* The history of a view: `meta.base` is the tensor it views.  Writing in place through a view gives the *base* a
  CopySlices node; the view finds by the storage's version that its own grad_fn is stale and makes a new one
  (AsStridedBackward0) from the base.

Methods are unbound builtins (binding=False), which check the type of `self`.
Nothing here computes on elements; that is `_ops.pyx` and the modules of the families.  The file is long because Tensor
and Node refer to each other's C fields, which makes them one module.
"""
cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM, PyTuple_GET_SIZE
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy

import weakref

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object o, object name, PyObject* value) except -1

cdef extern from "_alloc.h" nogil:
    void* cg_alloc(size_t nbytes)
    void cg_free(void* p, size_t nbytes)
    void cg_release_cached()
    size_t cg_bytes_cached
    size_t cg_bytes_active

cdef extern from "_state.h":
    int cg_grad_mode
    int cg_inference_mode
    unsigned long long cg_sequence

cdef extern from *:
    """
    #define cg_tp_alloc(type, n) (((PyTypeObject *)(type))->tp_alloc((PyTypeObject *)(type), (n)))
    #define cg_overflows(a, b, r) __builtin_mul_overflow(a, b, r) /* whether *r is not a * b */
    #define cg_tp_new(type, args) (((PyTypeObject *)(type))->tp_new((PyTypeObject *)(type), (args), NULL))
    #define cg_tp_new_by(base, type, args) \\
        (((PyTypeObject *)(base))->tp_new((PyTypeObject *)(type), (args), NULL))
    """
    bint cg_overflows(Py_ssize_t a, Py_ssize_t b, Py_ssize_t* r) nogil
    object cg_tp_alloc(object type, Py_ssize_t n)
    object cg_tp_new(object type, object args)
    object cg_tp_new_by(object base, object type, object args)


# ------------------------------------------------------------------ dtypes

cdef class dtype:
    """The type of a tensor's elements: `torch.float32` and its fellows."""

    def __init__(self, *args):
        raise TypeError("cannot create 'torch.dtype' instances")

    def __repr__(self):
        return "torch." + self.name

    def __reduce__(self):
        return _dtype_by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_real(self):
        """The dtype of the parts of a complex dtype; else the dtype itself."""
        return dtype_object(HALF if self.code == CHALF else self.code - 2) if self.is_complex else self

    def to_complex(self):
        """The complex dtype with parts of this floating dtype."""
        if self.is_complex:
            return self
        if not self.is_floating_point:
            raise RuntimeError(f"Unknown Complex ScalarType for {SCALAR_TYPE_NAMES[self.code]}")
        return complex32 if self.code == HALF else dtype_object(complex_of(self.code))


def _dtype_by_name(name):
    return DTYPE_BY_NAME[name]


cdef dtype _make_dtype(int code, str name, int itemsize, bint floating, bint signed, numpy_type):
    cdef dtype d = dtype.__new__(dtype)
    d.code, d.name, d.itemsize = code, name, itemsize
    d.is_floating_point, d.is_signed, d.numpy_type = floating, signed, numpy_type
    d.is_complex = is_complex_code(code)
    return d


DTYPES = (
    _make_dtype(BOOL, "bool", 1, False, False, "bool"),
    _make_dtype(UINT8, "uint8", 1, False, False, "uint8"),
    _make_dtype(INT8, "int8", 1, False, True, "int8"),
    _make_dtype(INT16, "int16", 2, False, True, "int16"),
    _make_dtype(INT32, "int32", 4, False, True, "int32"),
    _make_dtype(INT64, "int64", 8, False, True, "int64"),
    _make_dtype(HALF, "float16", 2, True, True, "float16"),
    _make_dtype(BFLOAT16, "bfloat16", 2, True, True, None),
    _make_dtype(FLOAT, "float32", 4, True, True, "float32"),
    _make_dtype(DOUBLE, "float64", 8, True, True, "float64"),
    _make_dtype(CFLOAT, "complex64", 8, False, True, "complex64"),
    _make_dtype(CDOUBLE, "complex128", 16, False, True, "complex128"),
)
complex32 = _make_dtype(CHALF, "complex32", 4, False, True, None)
DTYPE_BY_NAME = {d.name: d for d in (*DTYPES, complex32)}
# The dtypes as PyTorch's messages spell them: "expected scalar type Long but found Float" in most, C++'s type as the
# compiler names it ("long int") in some, and as it is written ("int64_t") in those that speak of overflow.
SCALAR_TYPE_NAMES = ("Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double",
                     "ComplexFloat", "ComplexDouble")
C_TYPE_NAMES = ("bool", "unsigned char", "signed char", "short int", "int", "long int", "c10::Half", "c10::BFloat16",
                "float", "double", "c10::complex<float>", "c10::complex<double>")
C_WRITTEN_NAMES = ("bool", "uint8_t", "int8_t", "int16_t", "int", "int64_t", *C_TYPE_NAMES[6:])

cdef int[N_DTYPES + 1] ITEMSIZE = [1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 4]
cdef int _default_dtype = FLOAT


cdef dtype dtype_object(int code):
    return <dtype> (<tuple> DTYPES)[code]


def dtype_of_code(int code):
    return complex32 if code == CHALF else dtype_object(code)


cdef int itemsize_of(int code) noexcept nogil:
    return ITEMSIZE[code]


cdef int default_dtype_code():
    return _default_dtype


cdef int as_dtype_code(object d, int default, str function=None) except -2:
    """The code of `d`, a dtype or a Python number type, for an argument of `function`; `default` for None."""
    if d is None:
        return default
    if isinstance(d, dtype):
        return (<dtype> d).code
    if d is float:
        return DOUBLE
    if d is int:
        return INT64
    if d is bool:
        return BOOL
    if d is complex:
        return CDOUBLE
    where = "" if function is None else function + "(): "
    raise TypeError(f"{where}argument 'dtype' must be torch.dtype, not {type(d).__name__}")


def get_default_dtype():
    """The dtype of new floating point tensors: torch.float32 until changed."""
    return dtype_object(_default_dtype)


def set_default_dtype(d):
    """Makes `d` (a floating point dtype) the dtype of new floating point tensors."""
    global _default_dtype
    cdef int code = as_dtype_code(d, -1)
    if not HALF <= code < CFLOAT:
        raise TypeError("only floating-point types are supported as the default type")
    _default_dtype = code


# ------------------------------------------------------------------ devices
# A device is a small int: 0 the CPU, 1 + i the i-th OpenCL device spelled "opencl", 17 + i the same spelled "cuda";
# then those without memory of their own (_devices/meta.py): META has shapes alone, SPARSE is where sparse ones are.

cdef enum:
    CUDA = 16
_DEVICE_TYPES = ("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
                 "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone")


cdef class device:
    """Where a tensor lives: device("cpu"), device("opencl", 0), device("cuda:1")."""

    def __init__(self, type, index=None):
        if isinstance(type, device):
            self.type, self.index = (<device> type).type, (<device> type).index
            return
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"Device(): argument 'type' (position 1) must be str, not {type.__class__.__name__}")
        kind, colon, number = type.partition(":")
        if kind not in _DEVICE_TYPES:
            raise RuntimeError(f"Expected one of {', '.join(_DEVICE_TYPES)} device type at start of device string: "
                               f"{kind}")
        if colon:
            if index is not None:
                raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: "
                                   f"{type}")
            if not number.isdigit() or (len(number) > 1 and number[0] == "0"):
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if index is not None and not isinstance(index, int):
            raise TypeError(f"Device(): argument 'index' must be int, not {index.__class__.__name__}")
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        self.type, self.index = kind, index

    def __repr__(self):
        return f"device(type='{self.type}')" if self.index is None else \
            f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and self.type == (<device> other).type and \
            self.index == (<device> other).index

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __enter__(self):
        """Makes this the device of new tensors in the block."""
        _devices_before.append(_default_device)
        set_default_device(self)
        return self

    def __exit__(self, *exc):
        global _default_device
        _default_device = _devices_before.pop()


def tensor_of_array(x):
    """A tensor of an object that has __array__."""
    return _as_tensor(x)


def shell(cls, tuple size, dtype d not None):
    """A tensor of class `cls` that has a shape and a dtype and no elements: what a sparse tensor is to kernels."""
    cdef Py_ssize_t[MAX_DIMS] sizes
    cdef int i
    if len(size) > MAX_DIMS:
        raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported")
    for i in range(<int> len(size)):
        sizes[i] = size[i]
    cdef Tensor t = <Tensor> cg_tp_new_by(Tensor, cls, ())
    assign(t, new_tensor(<int> len(size), sizes, d.code, SPARSE))
    return t


def device_of_code(int dev):
    return device_object(dev)


CPU = device("cpu")
cdef list _devices_before = []          # the defaults outside of the blocks that are open
cdef list _device_objects = [None] * 35
_device_objects[0] = CPU
_device_objects[META] = device("meta")
_device_objects[SPARSE] = CPU       # where its indices and values are
cdef int _default_device = 0


HOLLOW = {"meta": META, "sparse": SPARSE}


def type_name(Tensor t not None):
    """'torch.FloatTensor', 'torch.cuda.LongTensor', ..."""
    place = f"{device_object(t.dev).type}." if t.dev and t.dev != SPARSE else ""
    return f"torch.{place}{SCALAR_TYPE_NAMES[t.dt]}Tensor"


cdef device device_object(int dev):
    if _device_objects[dev] is None:
        _device_objects[dev] = device("cuda", dev - 17) if dev > CUDA else device("opencl", dev - 1)
    return <device> _device_objects[dev]


cdef int as_device_code(object d, int default) except -1:
    if d is None:
        return default
    if d is CPU:
        return 0
    if not isinstance(d, device):
        if not isinstance(d, (str, int)) or isinstance(d, bool):
            raise TypeError(f"argument 'device' must be torch.device, not {type(d).__name__}")
        d = device(d)
    cdef str kind = (<device> d).type
    if kind == "cpu":
        return 0
    if kind == "opencl" or kind == "cuda":
        return backend(kind).device_code((<device> d).type, (<device> d).index)
    if kind == "meta":
        return META
    raise RuntimeError(f"cygrad has no device of type '{kind}': use 'cpu', 'opencl', 'cuda' or 'meta'")


cdef object _backend = None
cdef object _find_backend = None        # imports the module of OpenCL devices
cdef object _hollow_backends = None     # of devices without memory, by their numbers


def set_backends(opencl, hollow):
    """What runs operators on devices other than the CPU: one gives the module of OpenCL, the other is a dict."""
    global _find_backend, _hollow_backends
    _find_backend, _hollow_backends = opencl, hollow


def backend(kind="opencl"):
    """The module that runs operators on OpenCL devices, imported at the first use of such a device."""
    global _backend
    if _backend is None:
        _backend = _find_backend()
    return _backend


def backend_of(int dev):
    """The module that runs operators on a device other than the CPU."""
    if dev < META:
        return backend()
    return _hollow_backends[dev]


def get_default_device():
    return device_object(_default_device)


def set_default_device(d):
    global _default_device
    _default_device = as_device_code(d, 0)


cpdef int default_device_code():
    return _default_device


# ------------------------------------------------------------------ sizes

class Size(tuple):
    """The shape of a tensor: a tuple of ints that prints as torch.Size([2, 3])."""
    __slots__ = ()

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self):
        """The product of the sizes."""
        n = 1
        for s in self:
            n *= s
        return n

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple.__add__(tuple(other), tuple(self)))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __getitem__(self, i):
        item = tuple.__getitem__(self, i)
        return Size(item) if isinstance(i, slice) else item

    def __reduce__(self):
        return Size, (tuple(self),)


cdef object make_size(int ndim, const Py_ssize_t* shape):
    # Filled in place: Size(tuple) would build two tuples.
    # `item` must be an object by declaration: as a C integer each use would make another one.
    cdef object size = cg_tp_alloc(Size, ndim), item
    cdef int i
    for i in range(ndim):
        item = shape[i]
        Py_INCREF(item)
        PyTuple_SET_ITEM(size, i, item)
    return size


# ------------------------------------------------------------------ storage

@cython.freelist(256)
cdef class Storage:
    """A block of bytes and its version; `untyped_storage()` of a tensor."""

    def __dealloc__(self):
        if self.owns and self.ptr != NULL:
            cg_free(self.ptr, self.size_bytes)

    def __getbuffer__(self, Py_buffer* view, int flags):
        if self.dev != 0:
            raise BufferError("the storage is not in host memory")
        view.buf = self.ptr
        view.obj = self
        view.len = self.size_bytes
        view.itemsize = 1
        view.format = NULL
        if flags & 4:           # PyBUF_FORMAT
            view.format = "B"
        view.ndim = 1
        view.readonly = 0
        self.buffer_dims[0] = self.size_bytes
        self.buffer_dims[1] = 1
        view.shape = self.buffer_dims
        view.strides = self.buffer_dims + 1
        view.suboffsets = NULL
        view.internal = NULL

    def data_ptr(self):
        return <size_t> self.ptr

    def size(self):
        return self.size_bytes

    def nbytes(self):
        return self.size_bytes

    def __len__(self):
        return self.size_bytes

    def resize_(self, Py_ssize_t nbytes):
        """Makes the storage `nbytes` long.  Memory that tensors still lead to is kept until the storage goes, since a
        tensor that no longer fits must not read what was freed."""
        if nbytes < 0:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] ((ptrdiff_t)nbytes) >= 0. alloc_cpu() seems to have "
                               f"been called with negative number: {nbytes & 0xffffffffffffffff}")
        if nbytes < self.size_bytes and self.dev == 0:
            shrink(self, nbytes)
        else:
            grow(self, nbytes)
        return self

    @property
    def device(self):
        return device_object(self.dev)

    @property
    def handle(self):
        """The buffer object of the device backend, or the owner of borrowed memory."""
        return self.owner


cdef Storage new_storage(Py_ssize_t nbytes, int dev):
    cdef Storage s = Storage.__new__(Storage)
    s.size_bytes = nbytes
    s.dev = dev
    if dev == 0:
        s.ptr = <char*> cg_alloc(nbytes)
        if s.ptr == NULL:
            raise RuntimeError(f"[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you "
                               f"tried to allocate {nbytes} bytes. Error code 12 (Cannot allocate memory)")
        s.owns = True
    else:
        s.owner = backend_of(dev).allocate(dev, nbytes)
    return s


cdef Storage borrow_storage(char* ptr, Py_ssize_t nbytes, object owner):
    cdef Storage s = Storage.__new__(Storage)
    s.ptr, s.size_bytes, s.owner = ptr, nbytes, owner
    return s


cdef int check_resizable(Storage s) except -1:
    """Memory of somebody else (NumPy's, a file's) has the size that it has."""
    if s.dev == 0 and not s.owns and s.owner is not None and not isinstance(s.owner, Storage):
        raise RuntimeError("Trying to resize storage that is not resizable")
    return 0


cdef int shrink(Storage s, Py_ssize_t nbytes) except -1:
    cdef Storage block = Storage.__new__(Storage)
    check_resizable(s)
    block.ptr, block.size_bytes, block.owns, block.owner = s.ptr, s.size_bytes, s.owns, s.owner
    s.size_bytes, s.owns, s.owner = nbytes, False, block
    return 0


cdef int grow(Storage s, Py_ssize_t nbytes) except -1:
    """Makes the storage at least `nbytes` long.  The old block lives on as the owner: arrays may point into it."""
    if nbytes <= s.size_bytes:
        return 0
    check_resizable(s)
    cdef Storage old = Storage.__new__(Storage)
    cdef Storage fresh = new_storage(nbytes, s.dev)
    if s.dev != 0:
        backend_of(s.dev).copy_bytes(fresh.owner, s.owner, s.size_bytes)
        s.owner, s.size_bytes = fresh.owner, nbytes
        return 0
    old.ptr, old.size_bytes, old.owns, old.owner = s.ptr, s.size_bytes, s.owns, s.owner
    memcpy(fresh.ptr, s.ptr, s.size_bytes)
    s.ptr, s.size_bytes, s.owns, s.owner = fresh.ptr, nbytes, True, old
    fresh.owns = False
    return 0


def memory_stats():
    """(bytes in live tensors, bytes kept for reuse) of the CPU allocator."""
    return cg_bytes_active, cg_bytes_cached


def release_cached_memory():
    """Gives the blocks that no tensor uses back to the system."""
    cg_release_cached()


cdef Storage _no_storage = new_storage(0, 0)

# How a view came to be; decides what writing in place through it means (see check_inplace).
cdef enum:
    DEFAULT = 0
    MULTI_OUTPUT = 1
    IN_NO_GRAD = 2
    IN_CUSTOM_FUNCTION = 3


# ------------------------------------------------------------------ tensors

cdef class AutogradMeta:
    pass


cdef object _legacy_constructor = None      # torch.Tensor(2, 3)
cdef object _as_tensor = None
cdef object _as_strided_gradient = None, _clone_laid_out = None, _view_region = None


def set_constructors(legacy, as_tensor):
    """The creation functions that the core calls."""
    global _legacy_constructor, _as_tensor
    _legacy_constructor, _as_tensor = legacy, as_tensor


cdef object _parts_gradient = None, _parts_region = None


def set_parts_functions(parts_gradient, parts_region):
    """The same where a complex tensor is a view of a real one or the other way round; regions count real numbers."""
    global _parts_gradient, _parts_region
    _parts_gradient, _parts_region = parts_gradient, parts_region


def set_view_functions(as_strided_gradient, clone_laid_out, view_region):
    """The operators by which gradients go through views."""
    global _as_strided_gradient, _clone_laid_out, _view_region
    _as_strided_gradient, _clone_laid_out, _view_region = as_strided_gradient, clone_laid_out, view_region


@cython.freelist(512)
@cython.trashcan(True)
cdef class Tensor:
    """A multi-dimensional array of one dtype that can record the operations done on it."""

    def __cinit__(self, *args):
        self.sizes = self.inline_dims
        self.strides = self.inline_dims + INLINE_DIMS
        self.storage = _no_storage
        self.contiguous = True
        if PyTuple_GET_SIZE(args):
            _legacy_constructor(self, args)
        else:                       # torch.Tensor(): one dimension of size 0
            self.dt = _default_dtype
            self.nd = 1
            self.sizes[0] = 0
            self.strides[0] = 1

    def __dealloc__(self):
        if self.sizes != self.inline_dims:
            free(self.sizes)

    @staticmethod
    def _make_subclass(cls, Tensor data not None, bint require_grad=False):
        """A new instance of `cls`, a subclass of Tensor, that shares the storage and version of `data`."""
        if not (isinstance(cls, type) and issubclass(cls, Tensor)):
            raise TypeError("Creating a Tensor subclass from a class that does not inherit from Tensor is not "
                            "possible. Make sure your class inherits from Tensor.")
        # Tensor's own __new__: that of `cls` may be the caller.
        cdef Tensor t = <Tensor> cg_tp_new_by(Tensor, cls, ())
        assign(t, data)
        if require_grad:
            check_can_require_grad(t)
            t.needs_grad = True
        return t

    # ---- what a tensor says of itself

    @property
    def shape(self):
        return make_size(self.nd, self.sizes)

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        if dim is None:
            return make_size(self.nd, self.sizes)
        return self.sizes[wrap_dim(dim, self.nd)]

    def numel(self):
        """The number of elements."""
        return self.count

    nelement = numel

    def stride(self, dim=None):
        """The step in elements of each dimension, or of one."""
        if dim is None:
            return tuple([self.strides[i] for i in range(self.nd)])
        return self.strides[wrap_dim(dim, self.nd)]

    def storage_offset(self):
        return self.offset

    @property
    def dtype(self):
        return dtype_object(self.dt)

    @property
    def device(self):
        return device_object(self.dev)

    @property
    def is_cpu(self):
        return self.dev == 0

    @property
    def is_cuda(self):
        return CUDA < self.dev < META

    @property
    def is_meta(self):
        return self.dev == META

    @property
    def is_opencl(self):
        return 0 < self.dev <= CUDA

    @property
    def itemsize(self):
        return ITEMSIZE[self.dt]

    @property
    def nbytes(self):
        return self.count * ITEMSIZE[self.dt]

    @property
    def ndim(self):
        return self.nd

    def dim(self):
        """The number of dimensions."""
        return self.nd

    ndimension = dim

    def element_size(self):
        return ITEMSIZE[self.dt]

    def data_ptr(self):
        """The address of the first element (0 for an empty tensor)."""
        if self.dev != 0:
            return backend_of(self.dev).data_ptr(self)
        return <size_t> data_of(self) if self.count else 0

    def untyped_storage(self):
        return self.storage

    def is_floating_point(self):
        return HALF <= self.dt < CFLOAT

    def is_complex(self):
        return is_complex_code(self.dt)

    def is_signed(self):
        return self.dt >= INT8

    def is_inference(self):
        return self.inference

    @property
    def _version(self):
        if self.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self.storage.version

    def _bump_version(self):
        self.storage.version += 1

    def is_set_to(self, Tensor other):
        return self.storage is other.storage and self.offset == other.offset and same_shape(self, other) and \
            self.stride() == other.stride()

    # ---- autograd

    @property
    def requires_grad(self):
        return grad_required(self)

    @requires_grad.setter
    def requires_grad(self, bint value):
        if self.history is not None:
            if not value:
                raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a "
                                   "computed variable in a subgraph that doesn't require differentiation use "
                                   "var_no_grad = var.detach().")
            return
        if value:
            if self.dt < HALF:
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            check_can_require_grad(self)
        self.needs_grad = value

    @property
    def is_leaf(self):
        return current_grad_fn(self) is None

    @property
    def grad_fn(self):
        return current_grad_fn(self)

    @property
    def grad(self):
        if self.meta is None or self.meta.grad is None:
            if self.history is not None and (self.meta is None or not self.meta.retains_grad):
                import warnings
                warnings.warn(
                    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                    "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                    "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf "
                    "Tensor by mistake, make sure you access the leaf Tensor instead.", UserWarning, stacklevel=2)
            return None
        return self.meta.grad

    @grad.setter
    def grad(self, value):
        if value is None:
            if self.meta is not None:
                self.meta.grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type "
                            f"{type(value).__name__}")
        cdef Tensor g = value
        if g is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if g.dt != self.dt:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{C_TYPE_NAMES[g.dt]}' to a tensor with grad_dtype "
                f"'{SCALAR_TYPE_NAMES[self.dt]}'. The gradient must match the tensor's grad_dtype (defaults to the "
                "tensor's dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to "
                "allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may "
                "break downstream systems that assume they match.")
        if g.dev != self.dev and not (g.dev == SPARSE and self.dev == 0):
            raise RuntimeError(f"attempting to assign a gradient with device type '{g.device}' to a tensor with device "
                               f"type '{self.device}'. Please ensure that the gradient and the tensor are on the same "
                               "device")
        if not same_shape(self, g):
            raise RuntimeError(f"attempting to assign a gradient of size '{list(make_size(g.nd, g.sizes))}' to a "
                               f"tensor of size '{list(make_size(self.nd, self.sizes))}'. Please ensure that the "
                               "gradient and the tensor are the same size")
        need_meta(self).grad = g

    @grad.deleter
    def grad(self):
        if self.meta is not None:
            self.meta.grad = None

    @property
    def _grad(self):
        """`.grad` without its warning."""
        return None if self.meta is None else self.meta.grad

    @_grad.setter
    def _grad(self, value):
        self.grad = value

    def requires_grad_(self, bint requires_grad=True):
        """Starts (or stops) recording operations on this leaf; returns it."""
        if requires_grad and self.dt < HALF:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    def retain_grad(self):
        """Has `.grad` filled in the backward pass although this tensor is not a leaf."""
        if not grad_required(self):
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        cdef Node node = current_grad_fn(self)
        if node is None or need_meta(self).retains_grad:
            return
        self.meta.retains_grad = True
        if node.retained is None:
            node.retained = {}
        node.retained[self.output_nr] = weakref.ref(self)

    @property
    def retains_grad(self):
        return self.meta is not None and self.meta.retains_grad

    @property
    def _base(self):
        return None if self.meta is None else self.meta.base

    def _is_view(self):
        return self.meta is not None and self.meta.base is not None

    def register_hook(self, hook):
        """`hook(grad) -> Tensor or None` runs when the gradient with respect to this tensor is complete."""
        if not grad_required(self):
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        cdef Node node = gradient_edge(self)
        if node.pre_hooks is None:
            node.pre_hooks = {}
        hooks = node.pre_hooks.setdefault(self.output_nr, {})
        if self.history is None:            # a leaf must keep its hooks while no graph is alive
            need_meta(self).hooks = node.pre_hooks
        return RemovableHandle(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """`hook(param)` runs after the gradient of this leaf has been added to its `.grad`."""
        if self.history is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if not self.needs_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if need_meta(self).post_accumulate_hooks is None:
            self.meta.post_accumulate_hooks = {}
        return RemovableHandle(self.meta.post_accumulate_hooks, hook)

    @property
    def _backward_hooks(self):
        return None if self.meta is None or self.meta.hooks is None else self.meta.hooks.get(0)

    @property
    def name(self):
        return None if self.meta is None else self.meta.name

    def detach(self):
        """A tensor that shares this one's storage and has no history."""
        return shallow(self)

    def detach_(self):
        """Takes this tensor out of the graph it was computed in."""
        if self.meta is not None and self.meta.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using "
                               "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
                               "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
                               "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function "
                               "in torch/optim/optimizer.py as a solution.")
        self.history = None
        self.output_nr = 0
        self.needs_grad = False
        return self

    @property
    def data(self):
        """A detached tensor on the same memory whose in-place changes autograd does not see."""
        cdef Tensor t = shallow(self)
        cdef Storage s = Storage.__new__(Storage)
        s.ptr, s.size_bytes, s.dev = t.storage.ptr, t.storage.size_bytes, t.storage.dev
        s.owner = t.storage.owner if s.dev else t.storage
        t.storage = s
        return t

    @data.setter
    def data(self, Tensor other not None):
        if other.dev != self.dev and self.meta is not None and self.meta.grad is not None:
            self.meta.grad = None
        cdef unsigned int version = self.storage.version
        assign(self, other.data)
        self.storage.version = version

    def _assign(self, Tensor other not None):
        """Takes over storage, shape, dtype and device of `other`; the identity and history of `self` stay."""
        assign(self, other)
        return self

    def _rebase(self, Tensor other not None):
        """Takes over everything of `other`, its history too: what `x.squeeze_()` does with `x.squeeze()`."""
        cdef Node node = other.history
        cdef int nr = other.output_nr
        cdef bint needs = other.needs_grad
        assign(self, other)
        self.history, self.output_nr = node, nr
        self.needs_grad = needs
        self.storage.version += 1
        return self

    def __hash__(self):
        return <Py_ssize_t> <void*> self >> 4

    # Attributes that users set.  Not `cdef dict __dict__`: Cython 3.3 gives a heap type with both that and
    # `__weakref__` two lists of members, of which CPython reads one.

    def __getattr__(self, name):
        if self.attributes is not None and name in self.attributes:
            return self.attributes[name]
        if name == "__dict__":
            if self.attributes is None:
                self.attributes = {}
            return self.attributes
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        try:
            PyObject_GenericSetAttr(self, name, <PyObject*> value)
        except AttributeError:
            if name == "__dict__" and isinstance(value, dict):
                self.attributes = value
                return
            if hasattr(type(self), name):       # a property without a setter
                raise
            if self.attributes is None:
                self.attributes = {}
            self.attributes[name] = value

    def __delattr__(self, name):
        if self.attributes is not None and name in self.attributes:
            del self.attributes[name]
        else:
            PyObject_GenericSetAttr(self, name, NULL)


def swap(Tensor a not None, Tensor b not None):
    """Exchanges memory, shape, history, gradient and attributes of two tensors; their identities stay."""
    for t in (a, b):
        if (<Tensor> t).meta is not None and (<Tensor> t).meta.accumulator != NULL:
            raise RuntimeError("Cannot swap a leaf that a graph leads to: its gradient would go to the other tensor")
    cdef Tensor before = new_view(a, a.nd, a.sizes, a.strides, a.offset)
    assign(a, b)
    assign(b, before)
    a.history, b.history = b.history, a.history
    a.output_nr, b.output_nr = b.output_nr, a.output_nr
    a.needs_grad, b.needs_grad = b.needs_grad, a.needs_grad
    a.inference, b.inference = b.inference, a.inference
    a.meta, b.meta = b.meta, a.meta
    a.attributes, b.attributes = b.attributes, a.attributes


cdef AutogradMeta need_meta(Tensor t):
    if t.meta is None:
        t.meta = AutogradMeta.__new__(AutogradMeta)
    return t.meta


cdef int check_can_require_grad(Tensor t) except -1:
    if t.dt < HALF:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    if t.inference and not cg_inference_mode:
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
    return 0


cdef int set_dims(Tensor t, int ndim) except -1:
    """Room for `ndim` sizes and strides."""
    if t.sizes != t.inline_dims:
        free(t.sizes)
        t.sizes = t.inline_dims
    if ndim > INLINE_DIMS:
        if ndim > MAX_DIMS:
            raise RuntimeError(f"tensors with more than {MAX_DIMS} dimensions are not supported, got {ndim}")
        t.sizes = <Py_ssize_t*> malloc(2 * ndim * sizeof(Py_ssize_t))
        if t.sizes == NULL:
            t.sizes = t.inline_dims
            raise MemoryError()
        t.strides = t.sizes + ndim
    else:
        t.strides = t.inline_dims + INLINE_DIMS
    t.nd = ndim
    return 0


cdef void update_contiguous(Tensor t) noexcept:
    cdef Py_ssize_t expected = 1
    cdef int i
    t.contiguous = True
    if t.count == 0:
        return
    for i in range(t.nd - 1, -1, -1):
        if t.sizes[i] != 1:
            if t.strides[i] != expected:
                t.contiguous = False
                return
            expected *= t.sizes[i]


cdef void assign(Tensor t, Tensor other):
    cdef int i
    set_dims(t, other.nd)
    for i in range(other.nd):
        t.sizes[i] = other.sizes[i]
        t.strides[i] = other.strides[i]
    t.storage, t.offset, t.count = other.storage, other.offset, other.count
    t.dt, t.dev, t.contiguous, t.inference = other.dt, other.dev, other.contiguous, other.inference


cdef Tensor new_tensor(int ndim, const Py_ssize_t* shape, int dt, int dev):
    """An uninitialised contiguous tensor."""
    cdef Tensor t = Tensor.__new__(Tensor)
    cdef Py_ssize_t numel = 1
    cdef Py_ssize_t step
    cdef int i
    if ndim > INLINE_DIMS:
        set_dims(t, ndim)
    t.nd = ndim
    for i in range(ndim - 1, -1, -1):
        t.sizes[i] = shape[i]
        t.strides[i] = numel
        step = shape[i] if shape[i] > 0 else 1
        if numel > (<Py_ssize_t> 1 << 59) // step:
            if 0 not in make_size(ndim, shape):
                raise RuntimeError("Storage size calculation overflowed with "
                                   f"sizes={list(make_size(ndim, shape))}")
            step = 1                    # of no element any strides are right
        numel *= step
    for i in range(ndim):
        if shape[i] <= 0:
            if shape[i] < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension {shape[i]}: "
                                   f"{list(make_size(ndim, shape))}")
            numel = 0
    if dt >= N_DTYPES:
        raise no_complex32()
    t.count = numel
    t.dt = dt
    t.dev = dev
    t.storage = new_storage(numel * ITEMSIZE[dt], dev)
    t.inference = cg_inference_mode
    return t


cdef int refuse_complex(str kernel, Tensor t) except -1:
    """For kernels that know real numbers only."""
    if is_complex_code(t.dt):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPE_NAMES[t.dt]}'")
    return 0


def no_complex32():
    return NotImplementedError("torch.complex32 (ComplexHalf) is not implemented: use torch.complex64")


cdef Py_ssize_t hostile_numel(int ndim, const Py_ssize_t* shape) except -1:
    """The number of elements of sizes whose product overflows, or some of which are negative."""
    cdef int i
    for i in range(ndim):
        if shape[i] < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {shape[i]}: "
                               f"{list(make_size(ndim, shape))}")
    for i in range(ndim):
        if shape[i] == 0:
            return 0
    raise RuntimeError("numel: integer multiplication overflow")


cdef Tensor empty_strided_like(int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, int dt, int dev):
    """An uninitialised tensor of the given strides, with the least storage that holds it."""
    if dt >= N_DTYPES:
        raise no_complex32()
    cdef Py_ssize_t extent = 1, step
    cdef int i
    cdef bint hostile = False
    cdef Tensor t = Tensor.__new__(Tensor)
    set_dims(t, ndim)
    t.count = 1
    for i in range(ndim):
        t.sizes[i] = shape[i]
        t.strides[i] = strides[i]
        hostile |= shape[i] < 0 or cg_overflows(t.count, shape[i], &t.count)
        hostile |= cg_overflows(shape[i] - 1, strides[i], &step) or extent > (1 << 59) - step
        extent += step
    if hostile:
        if 0 not in make_size(ndim, shape):
            raise RuntimeError(f"Storage size calculation overflowed with sizes={list(make_size(ndim, shape))} and "
                               f"strides={list(make_size(ndim, strides))}")
        t.count = 0
    t.dt, t.dev = dt, dev
    t.storage = new_storage(extent * ITEMSIZE[dt] if t.count else 0, dev)
    t.inference = cg_inference_mode
    update_contiguous(t)
    return t


cdef Tensor raw_view(Tensor base, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t offset):
    cdef Tensor t = Tensor.__new__(Tensor)
    cdef int i
    cdef bint hostile = False
    if ndim > INLINE_DIMS:
        set_dims(t, ndim)
    t.nd = ndim
    t.count = 1
    for i in range(ndim):
        t.sizes[i] = shape[i]
        t.strides[i] = strides[i]
        hostile |= shape[i] < 0 or cg_overflows(t.count, shape[i], &t.count)
    if hostile:
        t.count = hostile_numel(ndim, shape)
    t.storage, t.offset = base.storage, offset
    t.dt, t.dev, t.inference = base.dt, base.dev, base.inference
    update_contiguous(t)
    return t


cdef Tensor new_view(Tensor base, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides, Py_ssize_t offset):
    """A tensor on the storage of `base` that knows what it is a view of."""
    cdef Tensor t = raw_view(base, ndim, shape, strides, offset)
    if base.inference:
        return t
    cdef AutogradMeta meta = AutogradMeta.__new__(AutogradMeta)
    cdef AutogradMeta base_meta = base.meta
    if base_meta is not None and base_meta.base is not None:
        meta.base = base_meta.base
        meta.creation = base_meta.creation
    else:
        meta.base = base
    if not cg_grad_mode:
        meta.creation = IN_NO_GRAD
        t.needs_grad = meta.base.needs_grad and meta.base.history is not None
    meta.base_version = base.storage.version
    t.meta = meta
    return t


cdef Tensor retyped_view(Tensor base, int dt, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides,
                         Py_ssize_t offset):
    """A view that reads the bytes as another dtype, in whose elements strides and offset are given."""
    cdef Tensor t = new_view(base, ndim, shape, strides, offset)
    t.dt = dt
    return t


cdef Tensor shallow(Tensor t):
    """The same elements without history."""
    return raw_view(t, t.nd, t.sizes, t.strides, t.offset)


def mark_multi_output(tensors):
    """Says of views that one function returned several of them: they may not be written in place."""
    cdef Tensor t
    for t in tensors:
        if t.meta is not None and t.meta.creation == DEFAULT:
            t.meta.creation = MULTI_OUTPUT
    return tensors


def mark_custom_function_view(Tensor t not None, bint one_of_several):
    """Says of an output of an autograd.Function, if it is a view, that it may not be written in place."""
    if t.meta is not None and t.meta.base is not None:
        t.meta.creation = MULTI_OUTPUT if one_of_several else IN_CUSTOM_FUNCTION


cdef int wrap_dim(Py_ssize_t dim, int ndim) except -1:
    cdef int n = ndim if ndim > 0 else 1
    if dim < -n or dim >= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return <int> (dim + n if dim < 0 else dim)


def wrapped_dim(Py_ssize_t dim, int ndim):
    """The dimension `dim`, which may count from the end, as a number from 0 on."""
    return wrap_dim(dim, ndim)


cdef bint same_shape(Tensor a, Tensor b) noexcept nogil:
    cdef int i
    if a.nd != b.nd:
        return False
    for i in range(a.nd):
        if a.sizes[i] != b.sizes[i]:
            return False
    return True


# ------------------------------------------------------------------ grad modes

cdef bint grad_enabled():
    return cg_grad_mode


def is_grad_enabled():
    """Whether operations are being recorded in this thread."""
    return bool(cg_grad_mode)


def set_grad_mode(bint enabled):
    global cg_grad_mode
    cdef bint before = cg_grad_mode
    cg_grad_mode = enabled
    return before


def is_inference_mode_enabled():
    return bool(cg_inference_mode)


def set_inference_mode(bint enabled):
    global cg_inference_mode
    cdef bint before = cg_inference_mode
    cg_inference_mode = enabled
    return before


# ------------------------------------------------------------------ graph nodes

cdef long _next_handle = 0
cdef object _node_recorder = None


def set_node_recorder(f):
    """`f()` gives the metadata dict of every node made from now on (anomaly mode); None stops it."""
    global _node_recorder
    _node_recorder = f


class RemovableHandle:
    """Takes a hook out of the dict it was registered in, when asked to or at the end of a `with` block."""

    def __init__(self, hooks, hook=None):
        global _next_handle
        self.id = _next_handle
        _next_handle += 1
        self._hooks = hooks
        if hook is not None:
            hooks[self.id] = hook

    def remove(self):
        self._hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


cdef dict _node_types = {}


cdef object node_type(str name, object base):
    """The class that a node of this name has: PyTorch's users read `type(grad_fn).__name__`."""
    cdef object t = _node_types.get((name, base))
    if t is None:
        t = type(name, (base,), {"__slots__": (), "__module__": "torch.autograd"})
        t.__qualname__ = name
        _node_types[name, base] = t
    return t


@cython.trashcan(True)
cdef class Node:
    """One operation of the graph: where its gradients go, and how to compute them."""

    def __cinit__(self, *args):
        global cg_sequence
        self.nrs = self.inline_nrs
        self.nexts = ()
        self.n_outputs = 1
        self.sequence = cg_sequence
        cg_sequence += 1
        if _node_recorder is not None:
            self.metadata_dict = _node_recorder()

    def __dealloc__(self):
        if self.nrs != self.inline_nrs:
            free(self.nrs)

    cdef void connect(self, tuple inputs):
        """Edges to the nodes that the inputs came from; None where an input needs no gradient."""
        cdef Py_ssize_t n = PyTuple_GET_SIZE(inputs), i
        cdef Tensor t
        cdef Node node
        if n > 3:
            self.nrs = <int*> malloc(n * sizeof(int))
        cdef tuple nexts = PyTuple_New(n)
        cdef object edge
        for i in range(n):
            x = inputs[i]
            self.nrs[i] = 0
            edge = None
            if isinstance(x, Tensor):
                t = <Tensor> x
                node = gradient_edge(t)
                if node is not None:
                    edge = node
                    self.nrs[i] = t.output_nr
            Py_INCREF(edge)
            PyTuple_SET_ITEM(nexts, i, edge)
        self.nexts = nexts

    cdef object apply(self, list grads):
        raise NotImplementedError(f"{self.name()} has no backward")

    cdef void release(self):
        pass

    def name(self):
        return type(self).__name__

    def needs(self, int i):
        """Whether the gradient of input i is wanted."""
        return self.nexts[i] is not None

    @property
    def next_functions(self):
        return tuple([(node, self.nrs[i]) for i, node in enumerate(self.nexts)])

    @property
    def metadata(self):
        if self.metadata_dict is None:
            self.metadata_dict = {}
        return self.metadata_dict

    def _sequence_nr(self):
        return self.sequence

    def register_hook(self, hook):
        """`hook(grad_inputs, grad_outputs)` runs after this node's gradients are computed."""
        if self.post_hooks is None:
            self.post_hooks = {}
        return RemovableHandle(self.post_hooks, hook)

    def register_prehook(self, hook):
        """`hook(grad_outputs)` runs before this node's gradients are computed."""
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return RemovableHandle(self.pre_hooks.setdefault(-1, {}), hook)

    def __repr__(self):
        return f"<{type(self).__name__} object at 0x{<size_t> <void*> self:x}>"

    def __call__(self, *grads):
        """What the node makes of one gradient per output."""
        if len(grads) != self.n_outputs:
            raise TypeError(f"expected {self.n_outputs} arguments, got {len(grads)} instead")
        results = self.apply(list(grads))
        return tuple(results) if isinstance(results, (tuple, list)) else (results,)


FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
    "tensors after calling backward.")

cdef list _saved_tensor_hooks = []


def push_saved_tensors_hooks(pack, unpack):
    _saved_tensor_hooks.append((pack, unpack))


def pop_saved_tensors_hooks():
    _saved_tensor_hooks.pop()


@cython.freelist(256)
@cython.trashcan(True)
cdef class SavedTensor:
    """A tensor that a node needs again in the backward pass, and the version it had."""

    cdef Tensor get(self, Node owner):
        cdef Tensor t = self.tensor
        if self.unpack is not None:
            t = <Tensor?> self.unpack(self.packed)
        elif t is None:
            raise RuntimeError(FREED_MESSAGE)
        elif t.storage.version != self.version:
            raise_modified(t, self, owner)
        if self.node is None or not cg_grad_mode:
            return t
        t = shallow(t)                      # an output gets its place in the graph back
        if _writing is not None and _writing.writer is self.node:
            set_history(t, view_node(t, _writing, 0, _writing.base_shape, _writing.base_stride, _writing.view_offset,
                                     base_dtype(_writing, t.dt)), 0)
        else:
            set_history(t, self.node, self.output_nr)
        return t

    def register_hooks(self, pack_hook, unpack_hook):
        """Keeps the tensor as `pack_hook(tensor)` from now on, and takes `unpack_hook(that)` when it is needed."""
        if not callable(pack_hook) or not callable(unpack_hook):
            raise TypeError("register_hooks(): incompatible function arguments: two callables are wanted")
        if self.unpack is not None:
            raise RuntimeError("Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only "
                               "one pair of hooks is allowed at a time.")
        if self.tensor is None:
            raise RuntimeError(FREED_MESSAGE)
        keep_packed(self, self.tensor, pack_hook, unpack_hook)
        self.tensor = None


cdef object keep_packed(SavedTensor s, Tensor t, object pack, object unpack):
    s.unpack = unpack
    s.packed = pack(t)
    if s.node is None and grad_required(t):     # what unpack gives has no place in the graph of its own
        s.node = gradient_edge(t)
        s.output_nr = t.output_nr


cdef str operation_name(Node node):
    """"Mul" for MulBackward0, as error messages have it."""
    return "Unknown" if node is None else node.name().rstrip("0123456789").removesuffix("Backward")


cdef object raise_modified(Tensor t, SavedTensor saved, Node owner):
    cdef Node node = saved.node if saved.node is not None else t.history
    whose = ""
    if node is not None:
        nr = saved.output_nr if saved.node is not None else t.output_nr
        whose = f", which is output {nr} of {operation_name(node)},"
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_name(t)} {list(make_size(t.nd, t.sizes))}]{whose} is at version "
        f"{t.storage.version}; expected version {saved.version} instead. Hint: enable anomaly detection to find the "
        "operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, "
        "check_nan=False).")


cdef SavedTensor save_input(Tensor t):
    cdef SavedTensor s = SavedTensor.__new__(SavedTensor)
    if t.inference and not cg_inference_mode:
        raise RuntimeError("Inference tensors cannot be saved for backward. Please do not use Tensors created in "
                           "inference mode in computation tracked by autograd. To work around this, you can make a "
                           "clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
                           "`torch.inference_mode()`.")
    s.version = t.storage.version
    if _saved_tensor_hooks:
        pack, unpack = _saved_tensor_hooks[len(_saved_tensor_hooks) - 1]
        keep_packed(s, t, pack, unpack)
    else:
        s.tensor = t
    return s


cdef SavedTensor save_output(Tensor t, Node node, int nr):
    # Without its grad_fn, or node and output would keep each other alive.
    cdef SavedTensor s = save_input(shallow(t))
    s.node = node
    s.output_nr = nr
    return s


shown_saved = {}    # gradient function of a fused operation -> f(name, saved), which gives what PyTorch's node has
saved_names = {}    # name of a node -> PyTorch's names of the tensors that it saves, in the order of saved_tensors


def saved_by_name(Node node, str name, names, kept, bint freed):
    """`node._saved_NAME` or `_raw_saved_NAME`, where `names` are those of what the node keeps: SavedTensors or numbers.
    """
    raw = name.startswith("_raw_saved_")
    short = name[11 if raw else 7:]
    if not (raw or name.startswith("_saved_")) or short not in names:
        raise AttributeError(f"'{node.name()}' object has no attribute '{name}'")
    if freed:
        raise RuntimeError(FREED_MESSAGE)
    place = names.index(short)
    found = kept[place] if place < len(kept) else None
    return (<SavedTensor> found).get(node) if isinstance(found, SavedTensor) and not raw else found


def dir_with_saved(Node node, names):
    """The attributes of a node with those that `saved_by_name` finds."""
    found = [form + name for form in ("_saved_", "_raw_saved_") for name in names if name is not None]
    return sorted(object.__dir__(node) + found)


shown_edges = {}    # gradient function of a fused operation -> f(node, edges), which gives the edges to show


cdef class FunctionNode(Node):
    """A node whose gradient is a function: `function(node, *grads)` returns one gradient per input."""

    cdef object apply(self, list grads):
        if self.released:
            raise RuntimeError(FREED_MESSAGE)
        return self.function(self, *grads)

    cdef void release(self):
        # A node that saved nothing can run again.
        if self.saved_tensors is not None:
            self.saved_tensors = None
            self.released = True

    @property
    def next_functions(self):
        """The nodes behind this one; for a fused operation those of PyTorch's graph, made when first asked for."""
        edges = tuple([(node, self.nrs[i]) for i, node in enumerate(self.nexts)])
        unfuse = shown_edges.get(self.function)
        if unfuse is None:
            return edges
        if "shown" not in self.metadata:
            self.metadata["shown"] = unfuse(self, edges)
        return self.metadata["shown"]

    def saved(self):
        """The saved tensors, checked to be what they were."""
        if self.saved_tensors is None:
            raise RuntimeError(FREED_MESSAGE)
        return [None if s is None else (<SavedTensor> s).get(self) for s in self.saved_tensors]

    def __getattr__(self, str name):
        """What is saved, by PyTorch's names: `_saved_mat2`, and as the object that keeps it `_raw_saved_mat2`."""
        found = saved_by_name(self, name, saved_names.get(self.name(), ()),
                              () if self.saved_tensors is None else self.saved_tensors, self.released)
        form = shown_saved.get(self.function)
        return found if form is None else form(name, found)

    def __dir__(self):
        return dir_with_saved(self, saved_names.get(self.name(), ()))


cdef class CustomNode(FunctionNode):
    """The node of an autograd.Function: it may run again unless its backward asks for what was saved."""

    cdef object apply(self, list grads):
        return self.function(self, *grads)


cdef bint any_needs_grad(tuple inputs):
    """Whether an operation on `inputs` (tensors and None) is to be recorded."""
    if cg_grad_mode:
        for x in inputs:
            if x is not None and grad_required(<Tensor> x):
                return True
    return False


cdef class ShownNode(FunctionNode):
    """A step of PyTorch's graph that is part of a fused operation here: it is there to be looked at."""

    def register_hook(self, hook):
        raise NotImplementedError(f"{self.name()} is fused with the operation after it: hooks do not run here")

    def register_prehook(self, hook):
        self.register_hook(hook)


def shown_node(str name, edges):
    """The edge to a step called `name`, which leads on to `edges`, (node, output number) each; None if none leads on.
    """
    cdef ShownNode node
    if all([edge[0] is None for edge in edges]):
        return None, 0
    node = <ShownNode> cg_tp_new(node_type(name, ShownNode), ())
    if len(edges) > 3:
        raise ValueError("a step shows at most three edges")
    node.nexts = tuple([edge[0] for edge in edges])
    for i, edge in enumerate(edges):
        node.nrs[i] = edge[1]
    return node, 0


cdef Tensor attach(Tensor out, str name, tuple inputs, object function, tuple saved, tuple args):
    """Records `out` as the result of `name` if recording is on and an input asks for it."""
    cdef FunctionNode node
    if out.dt < HALF or not any_needs_grad(inputs):
        return out
    node = <FunctionNode> cg_tp_new(node_type(name, FunctionNode), ())
    node.connect(inputs)
    node.function = function
    node.args = args
    if saved is not None:
        node.saved_tensors = tuple([None if s is None else
                                    save_output(out, node, 0) if s is out else save_input(<Tensor> s) for s in saved])
    set_history(out, node, 0)
    return out


def _present_backward(node, g):
    return g


def _presented_edges(node, edges):
    return (<FunctionNode> node).args


shown_edges[_present_backward] = _presented_edges


def present(Tensor out not None, str name, tuple inputs):
    """Has the graph show the steps from `inputs` to `out` as one, called `name`; returns `out`.

    For functions that are composed here of several operators and are one in PyTorch: their nodes stay behind it.
    """
    cdef FunctionNode node
    if out.history is None:
        return out
    node = <FunctionNode> cg_tp_new(node_type(name, FunctionNode), ())
    node.connect((out,))
    node.function = _present_backward
    node.args = tuple([(gradient_edge(<Tensor> x), (<Tensor> x).output_nr) for x in inputs])
    set_history(out, node, 0)
    return out


def record(out, str name, tuple inputs, function, tuple saved=None, tuple args=()):
    """Makes `out` (a tensor, or a tuple of them) the result of an operation called `name`.

    In the backward pass `function(node, *grads)` gets a gradient per output (None where there is none) and returns one
    per input.  It finds the tensors of `saved` in `node.saved()` and `args` in `node.args`; `node.needs(i)` says
    whether input i wants its gradient.  Returns `out`.
    """
    cdef FunctionNode node
    cdef int nr
    if isinstance(out, Tensor):
        return attach(<Tensor> out, name, inputs, function, saved, args)
    if not any_needs_grad(inputs):
        return out
    node = <FunctionNode> cg_tp_new(node_type(name, FunctionNode), ())
    node.connect(inputs)
    node.function, node.args = function, args
    node.n_outputs = len(out)
    if saved is not None:
        outputs = {id(o): i for i, o in enumerate(out)}
        node.saved_tensors = tuple([None if s is None else save_output(<Tensor> s, node, outputs[id(s)])
                                    if id(s) in outputs else save_input(<Tensor> s) for s in saved])
    for nr, o in enumerate(out):
        if o is not None and (<Tensor> o).dt >= HALF:
            set_history(<Tensor> o, node, nr)
    return out


def new_function_node(cls, str name, tuple inputs):
    """A node of a subclass of FunctionNode, connected to its inputs (autograd.Function)."""
    cdef FunctionNode node = <FunctionNode> cg_tp_new(cls, ())
    node.connect(inputs)
    return node


def set_function(FunctionNode node not None, function, Py_ssize_t n_outputs):
    node.function, node.n_outputs = function, n_outputs


def set_args(FunctionNode node not None, tuple args):
    node.args = args


def set_saved(FunctionNode node not None, tensors, outputs):
    """Saves `tensors` for the backward of `node`; those in `outputs` (by identity) as its outputs."""
    numbers = {id(o): i for i, o in enumerate(outputs)}
    node.saved_tensors = tuple([
        None if t is None else save_output(<Tensor?> t, node, numbers[id(t)]) if id(t) in numbers
        else save_input(<Tensor?> t) for t in tensors])


def set_output(Tensor t not None, Node node not None, int nr):
    """Makes `t` output `nr` of `node`."""
    set_history(t, node, nr)


def make_rebase(Tensor t not None, Node node not None):
    """Gives a tensor that was written in place its new history."""
    rebase(t, node)


@cython.no_gc_clear
cdef class AccumulateGrad(Node):
    """The end of a path: adds what arrives to `.grad` of a leaf."""

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def __dealloc__(self):
        if self.variable is not None and self.variable.meta is not None:
            self.variable.meta.accumulator = NULL


def accumulator_variable(Node node):
    return (<AccumulateGrad> node).variable if isinstance(node, AccumulateGrad) else None


cdef Node gradient_edge(Tensor t):
    """The node that the gradient of `t` goes to; None if `t` needs none."""
    global cg_sequence
    cdef AutogradMeta meta
    cdef AccumulateGrad leaf
    cdef Node node
    if t.meta is not None and t.meta.base is not None:
        node = current_grad_fn(t)
    else:
        node = t.history
    if node is not None:
        return node
    if not t.needs_grad:
        return None
    meta = need_meta(t)
    if meta.accumulator != NULL:
        return <Node> meta.accumulator
    leaf = AccumulateGrad.__new__(AccumulateGrad)
    leaf.variable = t
    # A leaf takes no number but that of the node made last, which is its oldest user (or older than all of them): it
    # runs right after that one, as PyTorch's leaves do.
    cg_sequence -= 1
    leaf.sequence = cg_sequence - 1
    leaf.pre_hooks = meta.hooks
    meta.accumulator = <void*> leaf
    return leaf


def get_gradient_edge(Tensor t not None):
    return gradient_edge(t), t.output_nr


cdef void set_history(Tensor out, Node node, int nr):
    out.history = node
    out.output_nr = nr
    out.needs_grad = True


cdef bint grad_required(Tensor t):
    if t.needs_grad:
        return True
    if t.meta is None or t.meta.base is None:
        return False
    return current_grad_fn(t) is not None


def _as_strided_backward(Node node, Tensor g):
    shape, stride, view_shape, view_stride, offset = (<FunctionNode> node).args
    return _as_strided_gradient(g, shape, stride, view_shape, view_stride, offset)


def _as_parts_backward(Node node, Tensor g):
    return _parts_gradient(g, *(<FunctionNode> node).args)


cdef Node view_node(Tensor t, Node base, int base_nr, base_shape, base_stride, Py_ssize_t offset, int base_dt):
    """The history of `t` as a strided region of output `base_nr` of the node `base`; offset: as of `view_offset`."""
    cdef FunctionNode node = <FunctionNode> cg_tp_new(node_type("AsStridedBackward0", FunctionNode), ())
    node.nexts, node.nrs[0] = (base,), base_nr
    shape, stride = region_of(t, base_dt)
    if t.dt == base_dt:
        node.function = _as_strided_backward
        node.args = (base_shape, base_stride, shape, stride, offset)
    else:
        node.function = _as_parts_backward
        node.args = (base_shape, base_stride, shape, stride, offset, is_complex_code(base_dt))
    return node


cdef tuple region_of(Tensor t, int base_dt):
    """Sizes and strides of the region that `t` has of a base of this dtype; of a real base, in real numbers."""
    shape, stride = make_size(t.nd, t.sizes), tuple(t.stride())
    if t.dt == base_dt or not is_complex_code(t.dt):
        return shape, stride
    return (*shape, 2), (*[2 * s for s in stride], 1)


cdef Py_ssize_t view_offset(Tensor t, Tensor base) noexcept:
    """Where `t` begins in its base, in elements; in real numbers, where one of them is complex."""
    if t.dt == base.dt:
        return t.offset - base.offset
    return t.offset - 2 * base.offset if is_complex_code(base.dt) else 2 * t.offset - base.offset


cdef Node current_grad_fn(Tensor t):
    """grad_fn, made anew where `t` is a view whose base got another history since."""
    cdef AutogradMeta meta = t.meta
    cdef Node node, before
    cdef int before_nr
    if meta is None or meta.base is None or meta.base_version == t.storage.version:
        return t.history
    cdef Tensor base = meta.base
    if base.history is None:        # nothing recorded on the base: the view's own history stands
        return t.history
    if meta.creation == IN_NO_GRAD:
        raise RuntimeError(
            "A view was created in no_grad mode and its base or another view of its base has been modified inplace "
            "with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can "
            "clarify your code by moving both the view and the inplace either both inside the no_grad block (if you "
            "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).")
    need_same_dtype(t, base)
    node = view_node(t, gradient_edge(base), base.output_nr, make_size(base.nd, base.sizes), tuple(base.stride()),
                     view_offset(t, base), base.dt)
    before, before_nr = t.history, t.output_nr
    set_history(t, node, 0)
    move_retained(t, before, before_nr)
    meta.base_version = t.storage.version
    return node


# ------------------------------------------------------------------ writing in place

cdef object check_inplace(Tensor t):
    """Refuses to record a write that autograd cannot follow.  Call it when recording is on and `t` or another
    operand requires grad."""
    cdef AutogradMeta meta = t.meta
    if t.inference and not cg_inference_mode:
        raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a "
                           "clone to get a normal tensor before doing inplace update."
                           "See https://github.com/pytorch/rfcs/pull/17 for more details.")
    if meta is not None and meta.base is not None:
        if meta.creation == MULTI_OUTPUT:
            raise RuntimeError(
                f"Output {t.output_nr} of {operation_name(t.history)} is a view and is being modified inplace. "
                "This view is the output of a function that returns multiple views. Such functions do not allow the "
                "output views to be modified inplace. You should replace the inplace operation by an out-of-place one.")
        if meta.creation == IN_CUSTOM_FUNCTION:
            raise RuntimeError(
                f"Output {t.output_nr} of {operation_name(t.history)} is a view and is being modified inplace. "
                f"This view "
                "was created inside a custom Function (or because an input was returned as-is) and the autograd "
                "logic to "
                "handle view+inplace would override the custom backward associated with the custom Function, "
                "leading to "
                "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom "
                "Function.")
        if meta.creation == IN_NO_GRAD:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
                "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
                "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
                "tracked) or both outside (if you want the inplace to be tracked).")
        if meta.base.needs_grad and meta.base.history is None:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if t.needs_grad and current_grad_fn(t) is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def prepare_inplace(Tensor t not None, *others):
    """check_inplace for operators written in Python; True if the write must be recorded."""
    if t.inference and not cg_inference_mode:
        check_inplace(t)
    if not cg_grad_mode:
        return False
    for x in (t, *others):
        if isinstance(x, Tensor) and grad_required(<Tensor> x):
            check_inplace(t)
            return True
    return False


cdef int need_same_dtype(Tensor view, Tensor base) except -1:
    # The bits of another dtype have no gradient; the parts of complex numbers do.
    if view.dt != base.dt and (is_complex_code(view.dt) == is_complex_code(base.dt) or
                               complex_of(min(view.dt, base.dt)) != max(view.dt, base.dt)):
        raise NotImplementedError(
            f"autograd cannot follow a write in place to memory that is seen both as {base.dtype} and as {view.dtype}: "
            "write out of place")
    return 0


cdef object bump(Tensor t):
    t.storage.version += 1


cdef CopySlices _writing = None             # the one whose writer is running its gradient


cdef class CopySlices(Node):
    """What the base of a view gets when the view is written in place.

    The gradient of the base flows on with the written region cut out; the region's part goes through the node of the
    operation that wrote it, whose first input is the region as it was.  The region is known by its place in memory, so
    the gradient is laid out as the base was.
    """
    cdef object apply(self, list grads):
        g = grads[0]
        if self.writer is None:
            raise RuntimeError(FREED_MESSAGE)
        self.base_shape = g.shape
        base_grad = _clone_laid_out(g, self.base_stride)
        if isinstance(self, CopyParts):
            region = _parts_region(base_grad, self.shape, self.stride, self.view_offset)
        else:
            region = _view_region(base_grad, self.shape, self.stride, self.view_offset)
        global _writing
        outer, _writing = _writing, self    # what the writer saved of its output is then a view of our output
        try:
            inner = self.writer.apply([region.clone()])
        finally:
            _writing = outer
        if isinstance(inner, Tensor) or inner is None:
            inner = (inner,)
        first = inner[0] if len(inner) else None
        if first is None:
            region.zero_()
        else:
            region.copy_(first)
        return (base_grad, *inner[1:])

    cdef void release(self):
        if self.writer is not None:
            self.writer.release()

    def needs(self, int i):
        return self.nexts[i] is not None

    def name(self):
        return "torch::autograd::CopySlices"


cdef class CopyParts(CopySlices):
    """CopySlices where the view was of real numbers and the base of complex ones, or the other way round."""


CopyParts.__name__ = "CopySlices"


cdef int base_dtype(CopySlices copy, int dt) noexcept:
    """The dtype of the base that a view of dtype `dt` was written through."""
    if not isinstance(copy, CopyParts):
        return dt
    return complex_of(dt) if not is_complex_code(dt) else HALF if dt == CHALF else dt - 2


cdef void move_retained(Tensor t, Node before, int before_nr):
    """A tensor that retains its gradient does so of its value after the write."""
    if before is None or before is t.history or before.retained is None or before_nr not in before.retained:
        return
    if t.history.retained is None:
        t.history.retained = {}
    t.history.retained[t.output_nr] = before.retained.pop(before_nr)


cdef object rebase(Tensor t, Node node):
    """The history of `t` after `node` wrote it in place; the first input of `node` is `t` as it was."""
    cdef AutogradMeta meta = t.meta
    cdef Tensor base
    cdef CopySlices copy
    cdef Py_ssize_t n, i
    cdef Node before = t.history
    cdef int before_nr = t.output_nr
    if meta is None or meta.base is None:
        set_history(t, node, 0)
        move_retained(t, before, before_nr)
        return
    base = meta.base
    need_same_dtype(t, base)
    copy = CopySlices.__new__(CopySlices) if t.dt == base.dt else CopyParts.__new__(CopyParts)
    n = len(node.nexts)
    if n > 3:
        copy.nrs = <int*> malloc(n * sizeof(int))
    for i in range(n):
        copy.nrs[i] = node.nrs[i]
    cdef Node base_edge = gradient_edge(base)
    copy.nrs[0] = base.output_nr
    copy.nexts = (base_edge, *node.nexts[1:])
    copy.writer = node
    copy.shape, copy.stride = region_of(t, base.dt)
    copy.base_stride = tuple(base.stride())
    copy.view_offset = view_offset(t, base)
    before, before_nr = base.history, base.output_nr
    set_history(base, copy, 0)
    move_retained(base, before, before_nr)
    # The view's own grad_fn is stale from here on: bump() makes the versions differ.
    if meta.base_version == t.storage.version:
        meta.base_version = t.storage.version - 1


def backend_loaded():
    return _backend is not None
