"""Storages: the memory of tensors as bytes (`UntypedStorage`) or as elements of a dtype (`TypedStorage`).

`UntypedStorage` is the core's own class; what follows is set on it. A `TypedStorage` and the classes
named after dtypes (`FloatStorage`) wrap one, and are deprecated, as they are in PyTorch.
"""

import copy
import io
import mmap
import os
import sys

from . import _core, _shared_memory
from ._creation import bridge as _bridge, storages as _storage
from ._operators import shape as _shape
from ._shared_memory import mapping
from ._warnings import warn_once

__all__ = ["TypedStorage", "UntypedStorage"]

UntypedStorage = _core.Storage
UntypedStorage.__name__ = UntypedStorage.__qualname__ = "UntypedStorage"
UntypedStorage.__module__ = "torch.storage"

_NAMES = _core.SCALAR_TYPE_NAMES
_DTYPE_OF = dict(zip(_NAMES, _core.DTYPES))
_CONVERSIONS = {
    **{n: n for n in "bool half bfloat16 float double short int long".split()},
    **{"byte": "uint8", "char": "int8", "half": "float16", "float": "float32", "double": "float64"},
    **{"short": "int16", "int": "int32", "long": "int64"},
    **{"complex_float": "complex64", "complex_double": "complex128"},
}


def _warn_typed(stacklevel=3):
    warn_once(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages directly."
        "  To access UntypedStorage directly, use tensor.untyped_storage() instead of tensor.storage()",
        stacklevel=stacklevel,
    )


def _elements(storage, dtype=_core.DTYPE_BY_NAME["uint8"]):
    """The storage as a tensor of one dimension on the same memory."""
    count = storage.nbytes() // dtype.itemsize
    return _bridge.rebuild_tensor(storage, dtype, 0, (count,), (1,))


def _is_int(value):
    return hasattr(value, "__index__") and not isinstance(value, (bool, _core.Tensor))


# ------------------------------------------------------------------ bytes


def _init(self, *args, device=None):
    """UntypedStorage(), UntypedStorage(nbytes), UntypedStorage(sequence of bytes)."""
    if len(args) > 1:
        raise RuntimeError(
            "torch.UntypedStorage(): expected at most one argument, the size or a sequence"
        )
    if not args or _is_int(args[0]):
        _storage.allocate(self, args[0] if args else 0, device)
        return
    data = args[0]
    for item in data:
        if not _is_int(item):
            raise RuntimeError(
                "torch.UntypedStorage(): tried to construct a storage from a sequence "
                f"({type(data).__name__}), but one of the items was of type {type(item).__name__} instead of int"
            )
    _storage.allocate(self, len(data), device)
    _elements(self).copy_(_tensor([item & 255 for item in data], "uint8"))


def _tensor(data, dtype):
    import cygrad

    return cygrad.tensor(
        data, dtype=_core.DTYPE_BY_NAME[dtype] if isinstance(dtype, str) else dtype
    )


def _getitem(self, index):
    if isinstance(index, slice):
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise RuntimeError(
                f"Trying to slice with a step of {step}, but only a step of 1 is supported"
            )
        if self.device.type == "cpu":
            return _storage.over(memoryview(self)[start : max(start, stop)])
        return _elements(self)[start : max(start, stop)].clone().untyped_storage()
    if not hasattr(index, "__index__"):
        raise TypeError(f"can't index a torch.UntypedStorage with {type(index).__name__}")
    if not -len(self) <= index < len(self):
        raise IndexError(f"index {index} out of range for storage of size {len(self)}")
    return _elements(self)[index].item()


def _setitem(self, index, value):
    if not isinstance(index, slice) and not -len(self) <= index < len(self):
        raise RuntimeError("out of bounds")
    if not _is_int(value):
        raise TypeError(f"can't assign a {type(value).__name__} to a torch.UntypedStorage")
    _elements(self)[index] = value & 255


def _fill(self, value):
    if not _is_int(value):
        raise RuntimeError(f"fill_ expects int, but got {type(value).__name__}")
    _elements(self).fill_(value & 255)
    return self


def _copy(self, source, non_blocking=None):
    source = source.untyped() if isinstance(source, TypedStorage) else source
    if source.nbytes() != self.nbytes():
        raise RuntimeError(
            f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
        )
    _elements(self).copy_(_elements(source))
    return self


def _clone(self):
    return _elements(self).clone().untyped_storage()


def _to(self, *, device, non_blocking=False):
    """The storage on `device`: itself where it is there already."""
    return _elements(self).to(device).untyped_storage()


def _describe(self, values, kind):
    listed = "\n ".join(str(value) for value in values)
    return f" {listed}\n[torch.storage.{kind} of size {len(self)}]"


def _convert(name):
    def convert(self):
        dtype = _core.DTYPE_BY_NAME[name]
        return TypedStorage._of(_elements(self).to(dtype).untyped_storage(), dtype)

    return convert


def _is_shared(self):
    """Whether other processes can see the memory of this storage."""
    return self.device.type != "cpu" or isinstance(mapping(self), _shared_memory.SharedBlock)


def _share_memory(self):
    """Moves the bytes to memory that other processes can see; returns the storage."""
    return _shared_memory.share(self)


def _from_buffer(buffer, args, kwargs, dtype):
    """The bytes of `buffer` from an offset on, in the machine's order, as a new storage."""
    names = ("byte_order", "count", "offset")
    given = dict(zip(names, args)) | kwargs
    if isinstance(dtype, str) or dtype is None or given.keys() - set(names):
        raise TypeError("from_buffer(buffer, byte_order=None, count=-1, offset=0, *, dtype)")
    order, count, offset = given.get("byte_order"), given.get("count", -1), given.get("offset", 0)
    size = dtype.itemsize
    data = memoryview(buffer).cast("B")
    if order is None:
        if size > 1:
            raise RuntimeError("function missing required argument 'byte_order' (pos 2)")
        order = "native"
    if order not in ("big", "little", "native"):
        raise ValueError(f"invalid byte_order '{order}' (expected 'big', 'little', or 'native')")
    if not 0 <= offset <= len(data):
        raise ValueError(
            f"offset must be non-negative and no greater than buffer length ({offset}) , but got {len(data)}"
        )
    if count < 0:
        if (len(data) - offset) % size:
            raise ValueError(
                f"buffer size ({len(data)}) must be a multiple of element size ({size})"
            )
        count = (len(data) - offset) // size
    elif offset + count * size > len(data):
        raise ValueError(
            f"buffer has only {len(data) - offset} elements after offset {offset}, but specified a size of {count}"
        )
    storage = UntypedStorage(count * size)
    memoryview(storage)[:] = data[offset : offset + count * size]
    if order not in ("native", sys.byteorder):
        byteswap(storage, dtype)
    return storage


def byteswap(storage, dtype):
    """Reverses the bytes of every element, in place."""
    width = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    if width > 1:
        import numpy as np  # NumPy is most of an import's time

        np.frombuffer(storage, dtype=f"u{width}").byteswap(inplace=True)


def _from_file(filename, shared=False, nbytes=0):
    """A storage over the first `nbytes` of a file; with `shared`, writing to it writes the file."""
    try:
        fd = os.open(filename, os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY, 0o666)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None
    try:
        size = os.fstat(fd).st_size
        if size < nbytes and shared:
            os.ftruncate(fd, nbytes)
        elif size < nbytes:
            raise RuntimeError(
                f"file <{filename}> size <{size}> is smaller than the required mapping size <{nbytes}>"
            )
        if nbytes == 0:
            return UntypedStorage(0)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        return _storage.over(_File(fd, nbytes, access, filename if shared else None))
    finally:
        os.close(fd)


class _File(mmap.mmap):
    """A mapped file that knows its name."""

    def __new__(cls, fd, nbytes, access, filename):
        self = super().__new__(cls, fd, nbytes, access=access)
        self.filename = filename
        return self


def _filename(self):
    return getattr(mapping(self), "filename", None)


def from_file(
    filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=None
):
    """A tensor of `size` elements over a file; with `shared`, writing to it writes the file."""
    dtype = _core.get_default_dtype() if dtype is None else dtype
    return _elements(_from_file(filename, bool(shared), size * dtype.itemsize), dtype)


for _name, _value in {
    "__init__": _init,
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    "__iter__": lambda self: iter(_elements(self).tolist()),
    "__repr__": lambda self: _describe(self, self, f"UntypedStorage(device={self.device})"),
    "__str__": lambda self: repr(self),
    "__copy__": _clone,
    "__deepcopy__": lambda self, memo: _bridge.deepcopy_storage(self, memo),
    "_cdata": property(lambda self: self.data_ptr() or id(self)),
    "byteswap": byteswap,
    "clone": _clone,
    "copy_": _copy,
    "cpu": lambda self: _to(self, device="cpu"),
    "cuda": lambda self, device=None, non_blocking=False: (
        _elements(self).cuda(device).untyped_storage()
    ),
    "element_size": lambda self: 1,
    "filename": property(_filename),
    "fill_": _fill,
    "from_buffer": staticmethod(
        lambda buffer, *args, dtype=None, **kw: _from_buffer(buffer, args, kw, dtype)
    ),
    "from_file": staticmethod(_from_file),
    "get_device": lambda self: -1 if self.device.index is None else self.device.index,
    "is_cuda": property(lambda self: self.device.type == "cuda"),
    "is_hpu": False,
    "is_pinned": lambda self, device="cuda": False,
    "is_shared": _is_shared,
    "is_sparse": False,
    "is_sparse_csr": False,
    "new": lambda self: UntypedStorage(0, device=self.device),
    "pin_memory": lambda self, device="cuda": self,
    "resizable": lambda self: True,
    "share_memory_": _share_memory,
    "to": _to,
    "tolist": lambda self: _elements(self).tolist(),
    "type": lambda self, dtype=None, non_blocking=False: (
        "torch.storage.UntypedStorage" if dtype is None else _typed_as(_elements(self), dtype)
    ),
    "untyped": lambda self: self,
    **{name: _convert(dtype) for name, dtype in _CONVERSIONS.items()},
}.items():
    setattr(UntypedStorage, _name, _value)
del _name, _value


# ------------------------------------------------------------------ elements


class TypedStorage:
    """A storage seen as elements of a dtype: TypedStorage(size | sequence, dtype=, device=)."""

    is_sparse = False
    is_hpu = False

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None):
        _warn_typed()
        self.dtype = _core.get_default_dtype() if dtype is None else dtype
        if wrap_storage is not None:
            if not isinstance(wrap_storage, UntypedStorage):
                what = (
                    f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage)}"
                )
                raise TypeError(_combinations(what))
            self._untyped_storage = wrap_storage
        elif len(args) > 1:
            raise RuntimeError(_combinations("Too many positional arguments"))
        elif not args or _is_int(args[0]):
            self._untyped_storage = UntypedStorage(
                (args[0] if args else 0) * self.dtype.itemsize, device=device
            )
        elif isinstance(args[0], _core.Tensor):
            raise TypeError(_combinations(f"Argument type not recognized: {type(args[0])}"))
        else:
            data = _tensor(args[0], self.dtype)
            self._untyped_storage = data.to(device or "cpu").untyped_storage()

    @classmethod
    def _of(cls, storage, dtype):
        """A typed view of `storage`, without the warning."""
        self = TypedStorage.__new__(TypedStorage)
        self.dtype, self._untyped_storage = dtype, storage
        return self

    def _elements(self):
        return _elements(self._untyped_storage, self.dtype)

    def untyped(self):
        """The storage without a dtype."""
        return self._untyped_storage

    def pickle_storage_type(self):
        return _NAMES[_core.DTYPES.index(self.dtype)] + "Storage"

    def __len__(self):
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    size = __len__

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not hasattr(index, "__index__"):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return self._elements()[index].item()

    def __setitem__(self, index, value):
        self._elements()[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def tolist(self):
        return self._elements().tolist()

    def __repr__(self):
        return _describe(self, self, f"TypedStorage(dtype={self.dtype}, device={self.device})")

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__

    def __deepcopy__(self, memo):
        return TypedStorage._of(copy.deepcopy(self._untyped_storage, memo), self.dtype)

    def __copy__(self):
        return TypedStorage._of(self._untyped_storage.clone(), self.dtype)

    clone = __copy__

    def copy_(self, source, non_blocking=None):
        if isinstance(source, TypedStorage):
            self._elements().copy_(source._elements())
        else:
            self._untyped_storage.copy_(source)
        return self

    def fill_(self, value):
        self._elements().fill_(value)
        return self

    def resize_(self, size):
        self._untyped_storage.resize_(size * self.dtype.itemsize)

    def nbytes(self):
        return self._untyped_storage.nbytes()

    def element_size(self):
        return self.dtype.itemsize

    def type(self, dtype=None, non_blocking=False):
        if dtype is None:
            place = "" if self.device.type == "cpu" else f"{self.device.type}."
            return f"torch.{place}{self.pickle_storage_type()}"
        return _typed_as(self._elements(), dtype)

    def share_memory_(self):
        self._untyped_storage.share_memory_()
        return self

    def to(self, *, device, non_blocking=False):
        return TypedStorage._of(self._untyped_storage.to(device=device), self.dtype)

    def cpu(self):
        return self.to(device="cpu")

    def cuda(self, device=None, non_blocking=False):
        return TypedStorage._of(self._untyped_storage.cuda(device), self.dtype)

    def pin_memory(self, device=None):
        return self

    def __dlpack__(self, **options):  # so that torch.asarray shares the memory
        return self._elements().__dlpack__(**options)

    def __dlpack_device__(self):
        return self._elements().__dlpack_device__()

    def data_ptr(self):
        return self._untyped_storage.data_ptr()

    _cdata = property(lambda self: self._untyped_storage._cdata)
    device = property(lambda self: self._untyped_storage.device)
    is_cuda = property(lambda self: self._untyped_storage.is_cuda)
    filename = property(lambda self: self._untyped_storage.filename)

    def get_device(self):
        return self._untyped_storage.get_device()

    def is_shared(self):
        return self._untyped_storage.is_shared()

    def is_pinned(self, device=None):
        return False

    def resizable(self):
        return True


def _combinations(what):
    return (
        "TypedStorage.__init__ received an invalid combination of arguments. Expected one of:\n"
        " * (*, torch.device device, torch.dtype dtype)\n"
        " * (int size, *, torch.device device, torch.dtype dtype)\n"
        " * (Sequence data, *, torch.device device, torch.dtype dtype)\n"
        f" * (*, UntypedStorage wrap_storage, torch.dtype dtype)\n{what}"
    )


def _typed_convert(name):
    def convert(self):
        dtype = _core.DTYPE_BY_NAME[name]
        return TypedStorage._of(self._elements().to(dtype).untyped_storage(), dtype)

    return convert


for _name, _value in _CONVERSIONS.items():
    setattr(TypedStorage, _name, _typed_convert(_value))
del _name, _value


def _typed_as(elements, kind):
    """Elements converted to a dtype, a storage class, or the name of one."""
    if isinstance(kind, str):
        name = kind.rpartition(".")[2].removesuffix("Storage")
        if name not in _DTYPE_OF:
            raise ValueError(f"invalid type: '{kind}'")
        kind = _DTYPE_OF[name]
    dtype = getattr(kind, "dtype", kind)
    return TypedStorage._of(elements.to(dtype).untyped_storage(), dtype)


class _LegacyStorageMeta(type):
    """Calls give typed storages, `isinstance` looks at their dtype."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, TypedStorage) and cls.dtype in (None, instance.dtype)

    def __call__(cls, *args, wrap_storage=None):
        _warn_typed()
        try:
            return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)
        except (TypeError, RuntimeError) as error:
            first, _, rest = str(error).partition("\n")
            if not first.startswith("TypedStorage.__init__"):
                raise
            raise type(error)(
                f"{cls}.__new__ received an invalid combination of arguments. Expected one of:\n * no arguments\n"
                " * (int size)\n * (Sequence data)\n * (*, UntypedStorage wrap_storage)\n"
                + rest.rpartition("\n")[2]
            ) from None


class _LegacyStorage:
    """What FloatStorage and its fellows have in common."""

    @classmethod
    def from_buffer(cls, buffer, *args, **kwargs):
        """The bytes of `buffer`: from_buffer(buffer, byte_order, count=-1, offset=0)."""
        return TypedStorage._of(_from_buffer(buffer, args, kwargs, cls.dtype), cls.dtype)

    @classmethod
    def from_file(cls, filename, shared=False, size=0):
        """`size` elements over a file; with `shared`, writing to them writes the file."""
        return TypedStorage._of(_from_file(filename, shared, size * cls.dtype.itemsize), cls.dtype)


def _legacy(name, dtype):
    return _LegacyStorageMeta(name, (_LegacyStorage,), {"__module__": "torch", "dtype": dtype})


TYPES = {f"{name}Storage": _legacy(f"{name}Storage", dtype) for name, dtype in _DTYPE_OF.items()}


_load = None


def set_load(load):
    """What reads files: `torch.load`."""
    global _load
    _load = load


def _load_from_bytes(data):
    """What PyTorch's plain pickles call to read a storage."""
    return _load(io.BytesIO(data), weights_only=False)


# ------------------------------------------------------------------ of tensors


def storage(self):
    """The storage of the tensor, typed; deprecated in favour of `untyped_storage`."""
    _warn_typed()
    return TypedStorage._of(self.untyped_storage(), self.dtype)


def _typed_storage(self):
    return TypedStorage._of(self.untyped_storage(), self.dtype)


def storage_type(self):
    """The class of the tensor's typed storage: torch.FloatStorage."""
    return TYPES[_NAMES[_core.DTYPES.index(self.dtype)] + "Storage"]


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Shares the storage of `source`, a tensor or a storage; with a storage, from an offset on."""
    if isinstance(source, TypedStorage):
        if source.dtype is not self.dtype:
            wanted, got = (_NAMES[_core.DTYPES.index(d)] for d in (self.dtype, source.dtype))
            raise RuntimeError(
                f"Expected a Storage of type {wanted} or an UntypedStorage, but got type {got} for argument 1 'storage'"
            )
        source = source.untyped()
    return _shape.set_(self, source, storage_offset, size, stride)


def share_memory_(self):
    """Moves the storage to memory that other processes can see, where it is not there yet."""
    self.untyped_storage().share_memory_()
    return self


def is_shared(self):
    """Whether the storage lies in memory that other processes can see."""
    return self.untyped_storage().is_shared()


def is_storage(obj):
    """Whether `obj` is a storage, typed or not."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


FUNCTIONS = {
    "UntypedStorage": UntypedStorage,
    "TypedStorage": TypedStorage,
    "Storage": _legacy("Storage", None),
    "is_storage": is_storage,
    "from_file": from_file,
    **TYPES,
}
METHODS = {
    f.__name__: f for f in (storage, _typed_storage, storage_type, set_, share_memory_, is_shared)
}
