"""Saving and loading objects that hold tensors, in PyTorch's formats: `save`, `load`.

`load` runs nothing that the file says unless it is told to (`weights_only=False`): see `_files.unpickler`.
"""

import contextlib
import enum
import io
import mmap as _mmap
import os
import pickle
import struct
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable

from . import _core, _tensor, _types, _utils, random, return_types as _return_types, storage
from ._files import checkpoint as _checkpoint, unpickler as _unpickler
from ._files.replacing import replacing
from ._files.unpickler import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "storage_to_tensor_type",
]

DEFAULT_PROTOCOL = 2


class SourceChangeWarning(Warning):
    """PyTorch's warning that the source of a class has changed; cygrad does not compare sources."""


class LoadEndianness(enum.Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class StorageType:
    """A class of storages by its name: StorageType("FloatStorage").dtype is torch.float32."""

    def __init__(self, name):
        self._dtype = storage.TYPES[name].dtype

    @property
    def dtype(self):
        return self._dtype


# ------------------------------------------------------------------ options

load_options = types.SimpleNamespace(mmap=False, endianness=None, mmap_flags=_mmap.MAP_PRIVATE)
save_options = types.SimpleNamespace(compute_crc32=True, storage_alignment=64)
_local = threading.local()


def get_default_load_endianness():
    """The byte order of files that do not say theirs; None is the machine's."""
    return load_options.endianness


def set_default_load_endianness(endianness):
    """Sets the byte order of files that do not say theirs, a LoadEndianness or None."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    load_options.endianness = endianness


def get_crc32_options():
    """Whether `save` writes a checksum of each record."""
    return save_options.compute_crc32


def set_crc32_options(compute_crc32):
    """Sets whether `save` writes a checksum of each record; `load` checks those that are there."""
    save_options.compute_crc32 = bool(compute_crc32)


def get_default_mmap_options():
    """How `load(mmap=True)` maps files: mmap.MAP_PRIVATE or mmap.MAP_SHARED."""
    return load_options.mmap_flags


class set_default_mmap_options:
    """Sets how `load(mmap=True)` maps files, for good or as a context manager.

    With mmap.MAP_PRIVATE, the default, writing to tensors leaves the file alone; with
    mmap.MAP_SHARED it writes the file.
    """

    def __init__(self, flags):
        if flags not in (_mmap.MAP_PRIVATE, _mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        self._before, load_options.mmap_flags = load_options.mmap_flags, flags

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        load_options.mmap_flags = self._before


class skip_data:
    """Within it `save` leaves room for the bytes of storages and `load` does not read them."""

    def __init__(self, materialize_fake_tensors=False):
        pass

    def __enter__(self):
        self._before = _skips_data()
        _local.skip_data = True

    def __exit__(self, *exception):
        _local.skip_data = self._before


def _skips_data():
    return getattr(_local, "skip_data", False)


# ------------------------------------------------------------------ places of storages

_packages = []  # (priority, tagger, deserializer)


def register_package(priority, tagger, deserializer):
    """Registers how storages of some device are told of and restored.

    ``tagger(storage)`` gives the tag that a file keeps, or None; ``deserializer(storage, tag)`` the
    storage in its place, or None. The lowest priority is asked first.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def _cpu_tag(data):
    return "cpu" if data.device.type == "cpu" else None


def _cpu_restore(data, location):
    return data if location == "cpu" else None


def _device_tag(data):
    device = data.device
    return None if device.type == "cpu" else f"{device.type}:{device.index or 0}"


def _device_restore(data, location):
    kind = location.partition(":")[0]
    if kind == "cuda":
        validate_cuda_device(location)
    elif kind != "opencl":
        return None
    return data.to(device=location)


MAP_LOCATION = Callable[[storage.UntypedStorage, str], storage.UntypedStorage] | _core.device | str | dict | None


def validate_hpu_device(location):
    """Not there: cygrad has no devices of that kind."""
    raise RuntimeError(
        "Attempting to deserialize object on a HPU device but torch.hpu is not available. If you are running on a "
        "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether a module's `__version__` is at least the tuple of numbers that is asked for."""
    try:
        found = tuple(
            type(wanted)(part) for wanted, part in zip(req_version_tuple, module.__version__.split("."), strict=False)
        )
        return found >= req_version_tuple
    except Exception as error:
        text = (
            f"'{module.__name__}' module version string is malformed '{module.__version__}' and cannot be compared "
            f"with tuple {req_version_tuple}"
        )
        if error_if_malformed:
            raise RuntimeError(text) from error
        warnings.warn(text + ", but continuing assuming that requirement is met", stacklevel=2)
        return True


@contextlib.contextmanager
def mkdtemp():
    """The path of a folder that is gone at the end of the block."""
    with tempfile.TemporaryDirectory() as path:
        yield path


def validate_cuda_device(location):
    """The index that "cuda:1" names; RuntimeError where there is no such device."""
    from . import cuda

    index = _core.device(location).index or 0
    if not cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    if index >= cuda.device_count():
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {index} but torch.cuda.device_count() "
            f"is {cuda.device_count()}. Please use torch.load with map_location to map your storages "
            "to an existing device."
        )
    return index


register_package(10, _cpu_tag, _cpu_restore)
register_package(20, _device_tag, _device_restore)


def location_tag(storage):
    """The tag of where a storage lives: "cpu", "cuda:0"."""
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(f"don't know how to determine data location of {_type_name(storage)}")


def default_restore_location(storage, location):
    """The storage (of the CPU) moved to where `location`, a tag, says; RuntimeError where nobody knows the tag."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of {_type_name(storage)} (tagged with {location})"
    )


def _type_name(data):
    return f"torch.storage.{type(data).__name__}"


class _Theirs(Exception):
    """Carries an exception of the user's `map_location` past what takes others for damage to the file."""


def _restore_unasked(data, tag):
    """The storage where the file alone says that it belongs, which starts no OpenCL where it was not used."""
    if tag.partition(":")[0] == "opencl" and "cygrad.cl" not in sys.modules:
        raise RuntimeError(
            f"the file has storages of the device {tag}, and this program has not used OpenCL. Please use torch.load "
            "with map_location='opencl' to map your storages there, or with map_location='cpu'."
        )
    return default_restore_location(data, tag)


def _restorer(map_location):
    """function(storage, tag) that puts storages where `map_location` says."""
    if map_location is None:
        return _restore_unasked
    if isinstance(map_location, dict):
        return lambda data, tag: (
            default_restore_location(data, map_location[tag])
            if tag in map_location
            else _restore_unasked(data, tag)
        )
    if isinstance(map_location, (str, bytes)):
        place = map_location if isinstance(map_location, str) else map_location.decode("ascii")
        return lambda data, tag: default_restore_location(data, place)
    if isinstance(map_location, _core.device):
        return lambda data, tag: default_restore_location(data, str(map_location))

    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")

    def restore(data, tag):
        try:
            result = map_location(data, tag)
        except Exception as error:
            raise _Theirs(error) from error
        if result is None:
            return _restore_unasked(data, tag)
        if isinstance(result, storage.TypedStorage):
            result = result.untyped()
        if not isinstance(result, storage.UntypedStorage):
            what = f"Argument 'wrap_storage' must be UntypedStorage, but got {type(result)}"
            raise _Theirs(TypeError(storage._combinations(what)))
        return result

    return restore


def normalize_storage_type(storage_type):
    """The class of storages of the CPU that a class of storages stands for."""
    return storage.TYPES[storage_type.__name__]


def storage_to_tensor_type(storage):
    """The type object of tensors on a typed storage: torch.FloatTensor."""
    import cygrad

    return getattr(cygrad, storage.pickle_storage_type().replace("Storage", "Tensor"))


_get_layout = _types._get_layout


# ------------------------------------------------------------------ saving


class _TensorPickler:
    """What makes a pickler write tensors and storages as they stand in PyTorch's files."""

    def persistent_id(self, obj):
        return self.storages.persistent_id(obj)

    def reducer_override(self, obj):
        if isinstance(obj, _core.Tensor) and type(obj).__reduce_ex__ is _core.Tensor.__reduce_ex__:
            return _tensor.reduce_tensor(obj)
        if isinstance(obj, _types.layout):
            return _types._get_layout, (str(obj),)
        if isinstance(obj, _return_types.NamedResult):
            return type(obj), (tuple(obj), {})
        if isinstance(obj, random.Generator):
            return type(obj), (obj.device,), (obj.initial_seed(), None, obj.get_state())
        inherited = getattr(super(), "reducer_override", None)
        return NotImplemented if inherited is None else inherited(obj)


class _NamingPickler(_TensorPickler):
    """Also gives classes and functions the names that they have in PyTorch; for picklers written in Python."""

    def reducer_override(self, obj):
        return obj.name if isinstance(obj, _core.dtype) else super().reducer_override(obj)

    def save_global(self, obj, name=None):
        place = _unpickler.torch_name(obj, name)
        if place is None:
            super().save_global(obj, name)
            return
        if self.proto >= 4:
            self.save(place[0])
            self.save(place[1])
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + "{}\n{}\n".format(*place).encode())
        self.memoize(obj)


def _pickler(module, file, protocol, storages):
    """A pickler of `module`; of Python's own, the one in Python, since the compiled one cannot be told other names."""
    base = pickle._Pickler if module is pickle else module.Pickler
    if issubclass(base, pickle._Pickler):
        dispatch = base.dispatch | {types.FunctionType: _NamingPickler.save_global}
        made = type("Pickler", (_NamingPickler, base), {"dispatch": dispatch})
    else:
        made = type("Pickler", (_TensorPickler, base), {})
    pickler = made(file, protocol=protocol)
    pickler.storages = storages
    return pickler


def _is_path(f):
    return isinstance(f, (str, os.PathLike))


def save(
    obj,
    f,
    pickle_module=pickle,
    pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):
    """Writes `obj` to `f`, a path or a file open for writing, in PyTorch's format.

    Tensors that share memory do so again when they are loaded. A path is replaced once the new file is
    whole, whatever happens (`_files.replacing` says what becomes of modes and links). With
    ``_use_new_zipfile_serialization=False`` the format is that of before PyTorch 1.6.
    """
    if not (_is_path(f) or hasattr(f, "write")):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if not _is_path(f):
        _save_into(
            obj, f, "archive", pickle_module, pickle_protocol, _use_new_zipfile_serialization
        )
        return
    name = os.path.splitext(os.path.basename(os.fspath(f)))[0] or "archive"
    with replacing(f) as file:
        _save_into(obj, file, name, pickle_module, pickle_protocol, _use_new_zipfile_serialization)


def _save_into(obj, file, name, pickle_module, protocol, as_zip):
    storages = _checkpoint.Storages(location_tag, legacy=not as_zip)
    if not as_zip:
        pickler = _pickler(pickle_module, file, protocol, storages)
        _checkpoint.write_legacy(file, pickler, obj, storages, protocol)
        return
    pickled = io.BytesIO()
    _pickler(pickle_module, pickled, protocol, storages).dump(obj)
    _checkpoint.write_zip(
        file, name, pickled.getbuffer(), storages.found, save_options, _skips_data()
    )


# ------------------------------------------------------------------ loading

_WEIGHTS_ONLY = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to "
    "`True`. Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in "
    "arbitrary code execution. Do it only if you got the file from a trusted source."
)
_DOCUMENTED = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)


def _refusal(message):
    """The UnpicklingError of `weights_only=True`, in PyTorch's words."""
    if message.startswith("Unsupported global"):
        message = (
            "Weights only load failed. This file can still be loaded, to do so you have two options, "
            "\033[1mdo those steps only if you trust the source of the checkpoint\033[0m. \n"
            f"\t(1) {_WEIGHTS_ONLY}\n"
            "\t(2) Alternatively, to load with `weights_only=True` please check the recommended steps in the "
            f"following error message.\n\tWeightsUnpickler error: {message}"
        )
    elif message.endswith("is blocked."):
        message = f"Weights only load failed. {_WEIGHTS_ONLY}\n\n\n{message}"
    else:
        message = (
            f"Weights only load failed. {_WEIGHTS_ONLY}\nPlease file an issue with the following so that we can make "
            "`weights_only=True` compatible with your use case: WeightsUnpickler error: \n\n"
            + message
        )
    return pickle.UnpicklingError(message + _DOCUMENTED)


def _safe_unpickle(file, persistent_load):
    try:
        return _unpickler.WeightsUnpickler(file, persistent_load, encoding="utf-8").load()
    except pickle.UnpicklingError as error:
        raise _refusal(str(error)) from None
    except EOFError:
        raise EOFError("Ran out of input: the pickle in the file ends early") from None
    except _unpickler.MALFORMED as error:
        reason = error.args[0] if error.args and isinstance(error.args[0], (str, int)) else "?"
        raise _refusal(f"malformed pickle: {type(error).__name__}: {reason}") from error


def _unpickle(module, options):
    """function(file, persistent_load) that unpickles with `module`, looking up torch's names in cygrad."""

    def load_with(file, persistent_load):
        class Unpickler(module.Unpickler):
            def find_class(self, place, name):
                if place.partition(".")[0] in ("torch", "cygrad"):
                    return _unpickler.resolve(place, name)
                return super().find_class(place, name)

        Unpickler.persistent_load = staticmethod(persistent_load)
        return Unpickler(file, **options).load()

    return load_with


def _forced(name):
    return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Reads what `save` wrote, here or in PyTorch, from a path or a file that can seek.

    map_location: where storages go: a device, a dict from tags of the file to others, or a function
    of a storage and its tag that returns a storage or None.
    weights_only: True, the default, refuses all but tensors, plain data and what `add_safe_globals`
    named (pickle.UnpicklingError); False runs whatever the file says: for files that you trust alone.
    mmap: map the file (a path) rather than read it.
    """
    if mmap is None:
        mmap = load_options.mmap
    if weights_only is None:
        weights_only = pickle_module is None
        if _forced("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
            weights_only = False
    if _forced("TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        weights_only = True
    if weights_only:
        if pickle_module is not None:
            raise RuntimeError(
                "Can not safely load weights when explicit pickle_module is specified"
            )
        if pickle_load_args:
            warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
        unpickle = _safe_unpickle
    else:
        module = pickle if pickle_module is None else pickle_module
        unpickle = _unpickle(module, {"encoding": "utf-8"} | pickle_load_args)
    restore = _restorer(map_location)
    try:
        return _load_path_or_file(f, restore, unpickle, bool(weights_only), mmap)
    except _Theirs as carried:
        raise carried.args[0] from None


def _load_path_or_file(f, restore, unpickle, safe, mmap):
    if not _is_path(f):
        for name in ("seek", "tell", "read", "readline"):
            if not hasattr(f, name):
                what = f"'{type(f).__name__}' object has no attribute '{name}'"
                raise _not_seekable(AttributeError, what)
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        return _load_from(f, restore, unpickle, safe)
    with open(f, "rb") as file:
        mapped = None
        if mmap:
            if not _is_zip(file):
                raise RuntimeError(
                    f"mmap can only be used with files saved with `torch.save({os.fspath(f)}, "
                    "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this option in "
                    "order to use mmap."
                )
            mapped = _checkpoint.map_file(f, load_options.mmap_flags)
        return _load_from(file, restore, unpickle, safe, mapped)


def _not_seekable(kind, what):
    return kind(
        f"{what}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like "
        "io.BytesIO and try to load from it instead."
    )


def _is_zip(file):
    try:
        here = file.tell()
        file.seek(here)
    except io.UnsupportedOperation as error:
        raise _not_seekable(io.UnsupportedOperation, str(error)) from None
    start = file.read(4)
    file.seek(here)
    return start == b"PK\x03\x04"


def _load_from(file, restore, unpickle, safe, mapped=None):
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    # Honest files stay far below: they copy what stands in them once.
    with _utils.work_within(2**20 + 4 * size):
        return _load_records(file, restore, unpickle, safe, mapped)


def _load_records(file, restore, unpickle, safe, mapped):
    if not _is_zip(file):
        return _load_legacy(file, restore, unpickle, safe)
    archive = _open_archive(file)
    if "constants.pkl" in archive:
        if safe:
            raise RuntimeError(
                f"Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. {_WEIGHTS_ONLY}"
            )
        raise RuntimeError(
            "the file is a TorchScript archive, and cygrad does not have TorchScript"
        )
    swap = _order_of(archive) != sys.byteorder
    storages = _checkpoint.ZipStorages(
        archive, restore, swap, None if swap else mapped, _skips_data()
    )
    return unpickle(io.BytesIO(archive.read("data.pkl")), storages.load)


def _open_archive(file):
    archive = _checkpoint.Archive(file)
    _checkpoint.check_version(archive)
    return archive


def _order_of(archive):
    if "byteorder" in archive:
        order = archive.read_text("byteorder")
        if order not in ("little", "big"):
            raise ValueError(f"Unknown endianness type: {order}")
        return order
    order = load_options.endianness
    return sys.byteorder if order in (None, LoadEndianness.NATIVE) else order.name.lower()


def _load_legacy(file, restore, unpickle, safe):
    def nothing(pid):
        raise pickle.UnpicklingError("the file refers to storages before it has any")

    if unpickle(file, nothing) != _checkpoint._MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = unpickle(file, nothing)
    if version != _checkpoint._PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {_unpickler.shown(version)}")
    system = unpickle(file, nothing)
    storages = _checkpoint.LegacyStorages(file, restore, deserialized_modules=not safe)
    with _utils.bytes_come_later() as changes:
        result = unpickle(file, storages.load)
    keys = unpickle(file, nothing)
    little = system.get("little_endian", True) if isinstance(system, dict) else True
    storages.fill(keys, swap=bool(little) != (sys.byteorder == "little"))
    for change in changes:
        change()
    return result


def get_unsafe_globals_in_checkpoint(f):
    """The full names of classes and functions in a file that `load(weights_only=True)` would refuse."""
    with open(f, "rb") if _is_path(f) else contextlib.nullcontext(f) as file:
        if not _is_zip(file):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        data = _open_archive(file).read("data.pkl")
    try:
        names = _unpickler.globals_of(data)
    except (ValueError, struct.error) as error:
        raise pickle.UnpicklingError(str(error)) from None
    safe = _unpickler.default_globals().keys() | _unpickler.user_globals().keys()
    return [name for name in names if name not in safe]
