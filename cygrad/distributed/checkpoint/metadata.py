"""What `.metadata` of a checkpoint holds: an index of the checkpoint, a pickle of these classes under PyTorch's names.

Their layout was found in files that PyTorch 2.13 writes. Reading builds nothing but what stands here.
"""

import dataclasses
import functools
import io
import pathlib
import pickle
import struct

import cygrad

__all__ = [
    "BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta", "TensorProperties",
    "TensorStorageMetadata",
]  # fmt: skip

_HERE = "torch.distributed.checkpoint.metadata"


def _memory_format(code):
    """Stands for a memory format, which the files number."""
    return code


@dataclasses.dataclass
class TensorProperties:
    """dtype and layout of a tensor, and whether it requires a gradient."""

    dtype: cygrad.dtype = cygrad.float32
    layout: cygrad.layout = cygrad.strided
    requires_grad: bool = False
    memory_format: int = 0  # 0 is contiguous
    pin_memory: bool = False

    def __reduce__(self):
        layout = _Call(_get_layout, str(self.layout))
        state = self.dtype, layout, self.requires_grad, _Call(_memory_format, 0), self.pin_memory
        return _new, (TensorProperties,), state

    def __setstate__(self, state):
        self.dtype, self.layout, self.requires_grad, self.memory_format, self.pin_memory = state


@dataclasses.dataclass
class _Call:
    """Written as a call of a function, which happens when it is read."""

    function: object
    argument: object

    def __reduce__(self):
        return self.function, (self.argument,)


def _get_layout(name):
    return getattr(cygrad, name.removeprefix("torch."))


def _new(cls):
    """Stands for `copyreg.__newobj__`, whose place pickles find by an opcode."""
    return cls.__new__(cls)


class _Plain:
    """Written by its fields."""

    def __reduce__(self):
        return _new, (type(self),), dict(vars(self))


@dataclasses.dataclass
class ChunkStorageMetadata(_Plain):
    """A part of a tensor: where it begins, and its sizes."""

    offsets: cygrad.Size
    sizes: cygrad.Size


@dataclasses.dataclass
class TensorStorageMetadata(_Plain):
    """A tensor, and the parts in which it is stored."""

    properties: TensorProperties
    size: cygrad.Size
    chunks: list


@dataclasses.dataclass
class BytesStorageMetadata(_Plain):
    """A value that is no tensor."""


@dataclasses.dataclass(frozen=True)
class MetadataIndex(_Plain):
    """The name of a value, and for a part of a tensor where that begins."""

    fqn: str
    offset: object = None
    index: object = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass
class StorageMeta(_Plain):
    """The checkpoint's folder, and the identity of the save."""

    checkpoint_id: object = None
    save_id: object = None
    load_id: object = None
    modules: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _StorageInfo(_Plain):
    """Where the file of `torch.save` of a value lies: in a file of the checkpoint, from `offset` on."""

    relative_path: str
    offset: int
    length: int
    transform_descriptors: object = None


@dataclasses.dataclass
class Metadata(_Plain):
    """The index: values by name, their paths in the dict that was saved, and where they are stored."""

    state_dict_metadata: dict
    planner_data: object = None
    storage_data: object = None
    storage_meta: object = None
    version: object = None


_NAMES = {
    **{kind: (_HERE, kind.__name__) for kind in (
        TensorProperties, ChunkStorageMetadata, TensorStorageMetadata, BytesStorageMetadata, MetadataIndex, StorageMeta,
        Metadata,
    )},
    _StorageInfo: ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    _memory_format: (_HERE, "_MEM_FORMAT_ENCODING"), _get_layout: ("torch.serialization", "_get_layout"),
    cygrad.Size: ("torch", "Size"),
}  # fmt: skip


class _Pickler(pickle._Pickler):
    """Writes the classes above under PyTorch's names."""

    def reducer_override(self, obj):
        if isinstance(obj, cygrad.dtype):
            return str(obj).removeprefix("torch.")
        if isinstance(obj, cygrad.Size):
            return cygrad.Size, (tuple(obj),)
        return NotImplemented

    def save_reduce(self, func, args, state=None, *rest, obj=None):
        if func is _new:
            self.save(args[0])
            self.save(())
            self.write(pickle.NEWOBJ)
            self.memoize(obj)
            self.save(state)
            self.write(pickle.BUILD)
        else:
            super().save_reduce(func, args, state, *rest, obj=obj)

    def save_global(self, obj, name=None):
        module, name = ("torch", name) if isinstance(obj, cygrad.dtype) else _NAMES[obj]
        self.save(module)
        self.save(name)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    dispatch = {**pickle._Pickler.dispatch, type: save_global, type(_new): save_global}


class _Unpickler(pickle.Unpickler):
    """Reads the classes above, and nothing else."""

    def find_class(self, module, name):
        known = _readable().get((module, name))
        if known is None and module == "torch" and isinstance(getattr(cygrad, name, None), cygrad.dtype):
            known = getattr(cygrad, name)
        if known is None:
            raise pickle.UnpicklingError(
                f"the checkpoint's .metadata holds {module}.{name}, which cygrad does not read"
            )
        return known


@functools.cache
def _readable():
    paths = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
    return {
        **{place: kind for kind, place in _NAMES.items()},
        **{(module, n): pathlib.PurePosixPath for n in paths for module in ("pathlib", "pathlib._local")},
        ("collections", "OrderedDict"): dict,
    }  # fmt: skip


def dumps(metadata):
    """The content of `.metadata`."""
    file = io.BytesIO()
    _Pickler(file, 4).dump(metadata)
    return file.getvalue()


def loads(data):
    """The Metadata of the content of `.metadata`; RuntimeError where it is none."""
    try:
        found = _Unpickler(io.BytesIO(data)).load()
    except (EOFError, IndexError, KeyError, AttributeError, TypeError, ValueError, struct.error) as error:
        raise RuntimeError(f"the checkpoint's .metadata is damaged: {type(error).__name__}: {error}") from error
    if not isinstance(found, Metadata):
        raise RuntimeError(f"the checkpoint's .metadata holds a {type(found).__name__}")
    return found
