"""The files of `save`: PyTorch's zip archives, and the pickles that came before them.

An archive `name` holds name/data.pkl, the pickle, in which each storage stands by a key; name/data/<key>, its bytes,
not compressed and at a multiple of 64 bytes; and small records beside them. Nothing that a file says of sizes is
believed before it is compared with the length of the file.
"""

import io
import mmap
import operator
import os
import pickle
import struct
import sys
import zipfile
import zlib

from cygrad import _core, storage
from cygrad._creation import storages as _storage
from cygrad._files.unpickler import shown
from cygrad.storage import TypedStorage, UntypedStorage

_ADVICE = (
    " This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint "
    "file is corrupted. This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the "
    "file was modified after saving."
)
# The legacy format begins with these pickles.
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_SYSTEM = {
    "protocol_version": _PROTOCOL,
    "little_endian": sys.byteorder == "little",
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


# ------------------------------------------------------------------ writing


class Storages:
    """The storages that a pickle refers to, by key; what `persistent_id` asks."""

    def __init__(self, location_tag, legacy=False):
        self._tag = location_tag
        self._legacy = legacy
        self._seen = {}  # memory -> (key, dtype)
        self.found = {}  # key -> storage
        self.counts = {}  # key -> number of elements

    def persistent_id(self, obj):
        if isinstance(obj, TypedStorage):
            data, dtype, kind = obj.untyped(), obj.dtype, storage.TYPES[obj.pickle_storage_type()]
        elif isinstance(obj, UntypedStorage):
            data, dtype, kind = obj, _core.DTYPE_BY_NAME["uint8"], UntypedStorage
        else:
            return None
        # On the host the address tells, since `.data` has a storage object of its own over the same bytes.
        host = data.device.type == "cpu"
        where = (
            id(data.handle) if not host else data.data_ptr() if data.nbytes() else (id(data), dtype)
        )
        key, known = self._seen.setdefault(where, (str(len(self._seen)), dtype))
        if known is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        count = data.nbytes() // dtype.itemsize
        self.found[key] = data
        self.counts[key] = count
        pid = ("storage", kind, key, self._tag(data), count)
        return (*pid, None) if self._legacy else pid


def _add(archive, name, data, crc, alignment):
    """Adds a record whose bytes begin at a multiple of `alignment`."""
    info = zipfile.ZipInfo(name, (1980, 0, 0, 0, 0, 0))
    info.file_size = len(data)
    long = 20 if len(data) * 1.05 > zipfile.ZIP64_LIMIT else 0  # more, in the header of a large one
    padding = -(archive.fp.tell() + 30 + len(name.encode()) + long + 4) % alignment
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    with archive.open(info, "w") as record:
        record.write(data)
    if not crc:
        info.CRC = 0


def write_zip(file, name, pickled, found, options, skip_data=False):
    """Writes an archive called `name` of a pickle and the storages that it refers to."""
    with zipfile.ZipFile(file, "w") as archive:

        def add(record, data, crc=options.compute_crc32):
            _add(archive, f"{name}/{record}", data, crc, options.storage_alignment)

        add("data.pkl", pickled)
        add(".format_version", b"1")
        add(".storage_alignment", str(options.storage_alignment).encode())
        add("byteorder", sys.byteorder.encode())
        for key, data in found.items():
            data = bytes(data.nbytes()) if skip_data else memoryview(data.cpu())
            add(f"data/{key}", data, options.compute_crc32 and not skip_data)
        add("version", b"3\n")
        sums = zlib.crc32(b"".join(struct.pack("<I", i.CRC) for i in archive.infolist()))
        names = zlib.crc32("\0".join(archive.namelist()).encode())
        add(".data/serialization_id", f"{names:020d}{sums:020d}".encode())


def write_legacy(file, pickler, obj, storages, protocol):
    """Writes the format of before PyTorch 1.6: pickles, then the bytes of the storages."""
    for part in (_MAGIC, _PROTOCOL, _SYSTEM):
        pickle.dump(part, file, protocol)
    pickler.dump(obj)
    keys = sorted(storages.found)
    pickle.dump(keys, file, protocol)
    file.flush()
    for key in keys:
        data = storages.found[key]
        file.write(struct.pack("<q", storages.counts[key]))
        file.write(memoryview(data.cpu()))


# ------------------------------------------------------------------ reading


def _corrupt(reason):
    return RuntimeError(f"PytorchStreamReader failed {reason}.{_ADVICE}")


class Archive:
    """The records of an archive in a file that can seek."""

    def __init__(self, file):
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._taken = 0
        if self._size < 22:
            raise _corrupt("reading zip archive: not a ZIP archive")
        try:
            infos = zipfile.ZipFile(file).infolist()
        except (
            zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, OverflowError, struct.error,
        ) as error:  # fmt: skip
            raise _corrupt(
                f"reading zip archive: failed finding central directory ({error})"
            ) from None
        # The first record's folder is the archive's name, whatever that is.
        top = infos[0].filename.partition("/")[0] if infos else ""
        self._records = {
            i.filename.removeprefix(top + "/"): i for i in infos if i.filename.startswith(top + "/")
        }

    def __contains__(self, name):
        return name in self._records

    def find(self, name):
        """(offset, size) of the bytes of a record."""
        info = self._records.get(name)
        if info is None:
            raise _corrupt(f"locating file {name}: file not found")
        header = b""
        if 0 <= info.header_offset < self._size:
            self._file.seek(info.header_offset)
            header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise _corrupt(f"reading file {name}: its header is damaged")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise _corrupt(f"reading file {name}: it is compressed or encrypted")
        offset = info.header_offset + 30 + sum(struct.unpack_from("<HH", header, 26))
        if info.file_size != info.compress_size or offset + info.file_size > self._size:
            raise _corrupt(f"reading file {name}: it reaches past the end of the archive")
        return offset, info.file_size

    def read_into(self, name, offset, target):
        """Fills `target` with the bytes of a record."""
        # Records that overlap could make a small file fill the memory.
        self._taken += len(target)
        if self._taken > self._size:
            raise _corrupt("reading zip archive: its files overlap")
        self._file.seek(offset)
        done = 0
        while done < len(target):
            count = _read_some(self._file, target[done:])
            if not count:
                raise _corrupt(f"reading file {name}: it ends early")
            done += count
        crc = self._records[name].CRC
        if crc and zlib.crc32(target) != crc:  # 0: saved without
            raise _corrupt(f"reading file {name}: bad CRC-32")

    def read(self, name):
        offset, size = self.find(name)
        data = bytearray(size)
        self.read_into(name, offset, memoryview(data))
        return bytes(data)

    def read_text(self, name):
        return self.read(name).decode("latin1").strip()


def _read_some(file, target):
    if hasattr(file, "readinto"):
        return file.readinto(target)
    data = file.read(len(target))
    target[: len(data)] = data
    return len(data)


def check_version(archive):
    if "version" not in archive:
        raise RuntimeError(
            'Expected hasRecord("version") to be true, but got false.  (Could this error message be improved?  If so, '
            "please report an enhancement request to PyTorch.)"
        )
    text = archive.read_text("version")
    if not text.isdecimal():
        raise RuntimeError(f"Couldn't parse the version {text} as Long Long.")
    if int(text) > 10:
        raise RuntimeError(
            f"Attempted to read a PyTorch file with version {int(text)}, but the maximum supported version for reading "
            "is 10. The version of your PyTorch installation may be too old, please upgrade PyTorch to latest version "
            "to mitigate this issue."
        )


def storage_of(pid, names):
    """(dtype, key, location, count, bytes) of what a pickle says of a storage."""
    if not isinstance(pid, tuple):
        raise AssertionError(f"saved_id must be a tuple, got {type(pid).__name__}")
    kind = pid[0].decode("ascii") if pid and isinstance(pid[0], bytes) else pid[0] if pid else None
    if kind != "storage":
        raise pickle.UnpicklingError(
            f"Only persistent_load of storage is allowed, but got {kind if isinstance(kind, str) else type(kind)}"
        )
    if len(pid) != names:
        raise pickle.UnpicklingError(
            f"a storage is told of by {names} things, the file has {len(pid)}"
        )
    _, cls, key, location, count = pid[:5]
    if cls is UntypedStorage:
        dtype = None
    elif isinstance(cls, storage._LegacyStorageMeta):
        dtype = cls.dtype
    else:
        raise pickle.UnpicklingError(f"{shown(cls)} is not a class of storages")
    if not (isinstance(key, str) and isinstance(location, str)):
        raise pickle.UnpicklingError("the key and the location of a storage must be text")
    count = operator.index(count)
    nbytes = count * (1 if dtype is None else dtype.itemsize)
    return dtype, key, location, count, nbytes


class ZipStorages:
    """The storages of an archive; `load` is what a pickle's persistent ids are read by."""

    def __init__(self, archive, restore, swap, mapped=None, skip_data=False):
        self._archive, self._restore, self._swap = archive, restore, swap
        self._mapped, self._skip_data = mapped, skip_data
        self._loaded = {}

    def load(self, pid):
        dtype, key, location, _, nbytes = storage_of(pid, 5)
        if key not in self._loaded:
            self._loaded[key] = self._restore(self._read(f"data/{key}", nbytes, dtype), location)
        data = self._loaded[key]
        return data if dtype is None else TypedStorage._of(data, dtype)

    def _read(self, name, nbytes, dtype):
        offset, size = self._archive.find(name)
        if size != nbytes:
            raise RuntimeError(
                f"record size ({size} bytes) does not match expected size ({nbytes} bytes = {nbytes} elements * 1 "
                "bytes/element) for dtype Byte"
            )
        if self._mapped is not None and nbytes and offset % 16 == 0:
            return _storage.over(memoryview(self._mapped)[offset : offset + nbytes])
        data = UntypedStorage(nbytes)
        if not self._skip_data:
            self._archive.read_into(name, offset, memoryview(data))
            if self._swap and dtype is not None:
                storage.byteswap(data, dtype)
        return data


class LegacyStorages:
    """The storages of a legacy file, whose bytes come after the pickle."""

    def __init__(self, file, restore, deserialized_modules):
        self._file, self._restore = file, restore
        self._modules = deserialized_modules
        here = file.tell()
        self._left = file.seek(0, io.SEEK_END) - here
        file.seek(here)
        self._waiting = {}  # key -> (storage, dtype, count, location)
        self._views = {}

    def load(self, pid):
        if self._modules and isinstance(pid, tuple) and pid and pid[0] == "module":
            return pid[1]  # the source of the class follows, for a comparison that is not made
        dtype, key, location, count, nbytes = storage_of(pid[:5], 5)
        if not isinstance(pid, tuple) or len(pid) != 6:
            raise pickle.UnpicklingError("a storage of the legacy format is told of by 6 things")
        if key not in self._waiting:
            self._left -= nbytes
            if nbytes < 0 or self._left < 0:
                raise RuntimeError(
                    f"storage {key} should hold {nbytes} bytes, more than the file has left; corrupt file?"
                )
            # The final storage, so that tensors can be made before its bytes are read.
            data = self._restore(UntypedStorage(nbytes), location)
            self._waiting[key] = data, dtype, count
        data, known, total = self._waiting[key]
        if known is not dtype:
            raise RuntimeError(f"storage {key} stands in the file with two dtypes")
        if pid[5] is not None:
            view_key, first, size = pid[5]
            if not isinstance(view_key, str):
                raise pickle.UnpicklingError("the key of a view of a storage must be text")
            width = 1 if dtype is None else dtype.itemsize
            first, size = operator.index(first), operator.index(size)
            if not 0 <= first <= first + size <= total:
                raise RuntimeError(f"a view of storage {key} reaches past its end")
            if view_key not in self._views:
                self._views[view_key] = data[first * width : (first + size) * width]
            data = self._views[view_key]
        return data if dtype is None else TypedStorage._of(data, dtype)

    def fill(self, keys, swap):
        """Reads the bytes of the storages, which stand in the order of `keys`."""
        listed = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        if not listed or sorted(keys) != sorted(self._waiting):
            raise RuntimeError(
                "the list of storages does not fit the pickle before it; corrupt file?"
            )
        for key in keys:
            data, dtype, count = self._waiting[key]
            header = self._file.read(8)
            if len(header) < 8 or struct.unpack("<q", header)[0] != count:
                raise RuntimeError(f"storage {key} has the wrong size: corrupt file?")
            host = data if data.device.type == "cpu" else UntypedStorage(data.nbytes())
            view, done = memoryview(host), 0
            while done < len(view):
                n = _read_some(self._file, view[done:])
                if not n:
                    raise RuntimeError(
                        f"unexpected EOF, expected {len(view) - done} more bytes. The file might be corrupted."
                    )
                done += n
            if swap and dtype is not None:
                storage.byteswap(host, dtype)
            if host is not data:
                data.copy_(host)


def map_file(path, flags):
    """The whole file mapped; what is written to it stays here unless `flags` is MAP_SHARED."""
    access = mmap.ACCESS_WRITE if flags == mmap.MAP_SHARED else mmap.ACCESS_COPY
    with open(path, "r+b" if access == mmap.ACCESS_WRITE else "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise EOFError("Ran out of input")
        return mmap.mmap(file.fileno(), 0, access=access)
