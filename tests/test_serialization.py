"""`save` and `load`, without PyTorch: what comes back, where it goes, and what is refused."""

import contextlib
import errno
import io
import mmap
import multiprocessing
import os
import pickle
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import pytest

import cygrad as torch
from cygrad import nn

sys.path.insert(0, str(Path(__file__).parent))

FORMATS = pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])


def saved(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file.getvalue()


def load(data, **options):
    return torch.load(io.BytesIO(data), **options)


class Point:
    """Of this module, so that it can be pickled."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


class Marked(torch.Tensor):
    """A subclass with a dictionary of its own."""


class Net(nn.Module):
    """A module of the user's own."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.tied = nn.Linear(3, 3, bias=False)
        self.tied.weight = self.fc.weight
        self.register_buffer("count", torch.tensor(5))

    def forward(self, x):
        return self.tied(self.fc(x))


# ------------------------------------------------------------------ there and back


@FORMATS
def test_shared_storages_stay_shared(as_zip):
    x = torch.arange(12.0).reshape(3, 4)
    a, b, c, d = load(saved([x, x.t(), x[1], x.data], _use_new_zipfile_serialization=as_zip))
    a.zero_()
    assert not b.any() and not c.any() and not d.any()
    assert b.stride() == (1, 4) and c.storage_offset() == 4


@FORMATS
def test_modules_and_optimizers(as_zip):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    file = saved(
        {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 2},
        _use_new_zipfile_serialization=as_zip,
    )
    found = load(file)
    other = Net()
    other.load_state_dict(found["net"])
    assert found["net"]._metadata == net.state_dict()._metadata
    assert torch.equal(other.fc.weight, net.fc.weight) and other.count == 5
    again = torch.optim.SGD(other.parameters(), lr=0.5)
    again.load_state_dict(found["optimizer"])
    assert again.param_groups[0]["lr"] == 0.1 and len(again.state) == 2
    whole = load(saved(net, _use_new_zipfile_serialization=as_zip), weights_only=False)
    assert whole.tied.weight is whole.fc.weight
    assert torch.equal(whole(torch.ones(1, 3)), net(torch.ones(1, 3)))


def test_plain_data():
    data = [
        1, -(2**70), 1.5, "é", b"\x00", None, True, (), (1, 2, 3, 4), {1: [2]}, OrderedDict(a=1), Counter("aab"), {1},
        1j, bytearray(b"x"), torch.Size([2]), torch.float16, torch.device("cpu"), torch.strided,
    ]  # fmt: skip
    assert load(saved(data)) == data
    assert load(saved(defaultdict(list, a=[1])), weights_only=False) == {"a": [1]}


def test_subclasses_and_attributes():
    t = torch.ones(2).clone()
    t.note = "mine"
    m = torch.Tensor._make_subclass(Marked, torch.ones(3))
    m.note = [1]
    assert load(saved(t)).note == "mine"
    with pytest.raises(
        pickle.UnpicklingError, match="test_serialization.Marked was not an allowed global"
    ):
        load(saved(m))
    with torch.serialization.safe_globals([Marked]):
        again = load(saved(m))
    assert type(again) is Marked and again.note == [1] and again.tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_storages():
    typed, plain = load(saved([torch.FloatStorage([1, 2]), torch.arange(2).untyped_storage()]))
    assert typed.tolist() == [1, 2] and typed.dtype is torch.float32
    assert plain.nbytes() == 16


def test_places_to_save_to(tmp_path):
    for path in (tmp_path / "a.b.pt", str(tmp_path / "plain")):
        torch.save(torch.ones(2), path)
        assert torch.load(path).tolist() == [1, 1]
    names = zipfile.ZipFile(tmp_path / "a.b.pt").namelist()
    assert names[0] == "a.b/data.pkl" and "a.b/data/0" in names
    with open(tmp_path / "file", "wb") as file:
        torch.save([1], file)
    with open(tmp_path / "file", "rb") as file:
        assert torch.load(file) == [1]

    class Writer:
        """As little of a file as `save` asks for."""

        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += bytes(data)
            return len(data)

        def flush(self):
            pass

    writer = Writer()
    torch.save(torch.ones(2), writer)
    assert load(writer.data).tolist() == [1, 1]


def test_records_are_aligned_and_plain():
    data = saved([torch.ones(3), torch.zeros(1)])
    for info in zipfile.ZipFile(io.BytesIO(data)).infolist():
        name, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
        assert (info.header_offset + 30 + name + extra) % 64 == 0
        assert info.compress_type == zipfile.ZIP_STORED
    from cygrad.utils.serialization import config

    config.save.storage_alignment = 4096
    try:
        assert load(saved(torch.ones(3))).tolist() == [1, 1, 1]
    finally:
        config.save.storage_alignment = 64


def test_several_objects_in_a_legacy_file():
    file = io.BytesIO()
    for obj in (1, torch.ones(2), "end"):
        torch.save(obj, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert torch.load(file) == 1
    assert torch.load(file).tolist() == [1, 1]
    assert torch.load(file) == "end"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol):
    data = saved({"a": torch.ones(2), "f": nn.functional.relu}, pickle_protocol=protocol)
    found = load(data, weights_only=False)
    assert found["a"].tolist() == [1, 1] and found["f"] is nn.functional.relu


def test_another_pickle_module():
    class Module:
        """A pickle module with a Pickler and an Unpickler in Python."""

        Pickler, Unpickler = pickle._Pickler, pickle._Unpickler

    data = saved(Net(), pickle_module=Module)
    assert isinstance(load(data, pickle_module=Module), Net)


def test_devices(device):
    x = torch.arange(4.0).to(device)
    data = saved([x, x[1:]])
    a, b = load(data)
    assert a.device == x.device and b.tolist() == [1, 2, 3]
    assert load(data, map_location="cpu")[0].device.type == "cpu"
    assert load(saved(torch.ones(2)), map_location=x.device).device == x.device


def test_map_location():
    data = saved(torch.ones(2))
    seen = []
    assert load(data, map_location=lambda s, tag: seen.append((s.nbytes(), tag))).sum() == 2
    assert seen == [(8, "cpu")]
    assert load(data, map_location=lambda s, tag: s.fill_(0)).sum() == 0
    assert load(data, map_location={"cuda:0": "cpu"}).sum() == 2
    with pytest.raises(
        RuntimeError,
        match="don't know how to restore data location of torch.storage.UntypedStorage",
    ):
        load(data, map_location="nowhere")
    with pytest.raises(KeyError, match="mine"):
        load(data, map_location=lambda s, tag: {}["mine"])
    with pytest.raises(TypeError, match="Argument 'wrap_storage' must be UntypedStorage, but got"):
        load(data, map_location=lambda s, tag: 3)


def test_register_package():
    from cygrad import serialization

    def restore(storage, location):
        return storage.fill_(0) if location == "void" else None

    serialization.register_package(5, lambda storage: None, restore)
    try:
        assert load(saved(torch.ones(2)), map_location="void").sum() == 0
    finally:
        serialization._packages.pop(0)


# ------------------------------------------------------------------ mapped files


def test_mmap_is_private(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.arange(1000.0), "b": torch.ones(2)}, path)
    before = path.read_bytes()
    found = torch.load(path, mmap=True)
    assert isinstance(
        found["a"].untyped_storage().handle, memoryview
    )  # not read: a view of the file
    found["a"].mul_(2)
    assert found["a"][999] == 1998
    assert path.read_bytes() == before
    torch.save([1], path)  # the mapped file lives on
    assert found["b"].tolist() == [1, 1] and found["a"][1] == 2
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.save(torch.zeros(4), path)
        torch.load(path, mmap=True).add_(7)
    assert torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with pytest.raises(RuntimeError, match="bad CRC-32"):  # the sum was that of the zeros
        torch.load(path)


def test_mmap_errors(tmp_path):
    torch.save(1, tmp_path / "old", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(tmp_path / "old", mmap=True)
    with pytest.raises(ValueError, match="f must be a file path"):
        load(saved(1), mmap=True)


# ------------------------------------------------------------------ writing safely


def test_an_error_leaves_the_former_file(tmp_path):
    path = tmp_path / "x.pt"
    torch.save([1], path)
    path.chmod(0o640)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        torch.save([torch.ones(1000), lambda: None], path)
    assert torch.load(path) == [1]
    assert os.listdir(tmp_path) == ["x.pt"]
    torch.save([2], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    link = tmp_path / "link"
    link.symlink_to(path)
    torch.save([3], link)
    assert link.is_symlink() and torch.load(path) == [3]


class Killed:
    """Ends the process that pickles it, or that writes what comes after it."""

    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)


def _save_and_die(path):
    torch.save([torch.ones(100_000), Killed()], path, _use_new_zipfile_serialization=False)


def test_a_kill_leaves_the_former_file(tmp_path):
    path = tmp_path / "x.pt"
    torch.save([1], path)
    process = multiprocessing.get_context("fork").Process(target=_save_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert torch.load(path) == [1]
    assert os.listdir(tmp_path) == ["x.pt"] or not hasattr(os, "O_TMPFILE")


@pytest.mark.parametrize("unnamed", [True, False])
def test_what_becomes_of_modes_and_links(tmp_path, monkeypatch, unnamed):
    if not unnamed:  # as on file systems without unnamed files
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path, other = tmp_path / "x.pt", tmp_path / "other"
    left = tmp_path / f".x.pt.{'0' * 32}.partial"  # of a save that was killed
    left.write_bytes(b"abc")
    torch.save([1], path)
    assert not left.exists()
    path.chmod(0o600)
    seen = []

    class Watched:
        def __reduce__(self):
            for fd in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/self/fd/{fd}").startswith(str(tmp_path)):
                        seen.append(stat.S_IMODE(os.stat(f"/proc/self/fd/{fd}").st_mode))
            return list, ()

    other.hardlink_to(path)
    torch.save(Watched(), path)
    assert set(seen) == {0o600} and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert torch.load(other) == [1] and path.stat().st_nlink == 1
    assert sorted(os.listdir(tmp_path)) == ["other", "x.pt"]


@pytest.fixture
def folder_of_somebody():
    """A folder, in a process without root's rights to it."""
    with tempfile.TemporaryDirectory() as folder:
        if os.getuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, 65534, 65534)
        os.setresuid(65534, 65534, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)


def test_what_may_not_be_written(folder_of_somebody):
    folder = folder_of_somebody
    path = folder / "x.pt"
    torch.save([1], path)
    path.chmod(0o400)
    with pytest.raises(RuntimeError, match="Permission denied"):
        torch.save([2], path)
    assert torch.load(path) == [1]
    path.chmod(0o600)
    folder.chmod(0o500)
    try:
        torch.save([3], path)  # in place
        assert torch.load(path) == [3]
    finally:
        folder.chmod(0o700)


def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    torch.save([1], path)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "_write_end_record", full)
    with pytest.raises(OSError, match="No space left"):
        torch.save([2], path)
    monkeypatch.undo()
    assert torch.load(path) == [1] and os.listdir(tmp_path) == ["x.pt"]


def test_a_device_is_written_as_it_is():
    torch.save([1], "/dev/null")
    assert Path("/dev/null").is_char_device()


# ------------------------------------------------------------------ what is refused


class Evil:
    """Would write a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@FORMATS
def test_nothing_is_run(tmp_path, as_zip):
    path = str(tmp_path / "ran")
    data = saved(Evil(path), _use_new_zipfile_serialization=as_zip)
    with pytest.raises(
        pickle.UnpicklingError, match="Unsupported global: GLOBAL io.open was not an allowed"
    ):
        load(data)
    assert not os.path.exists(path)
    load(data, weights_only=False).close()
    assert os.path.exists(path)


def around(pickled, storage=bytes(16)):
    """An archive with this pickle, and one storage of 16 bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (("data.pkl", pickled), ("data/0", storage), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def tensor_pickle(
    offset, size, stride, count=4, key="0", location="cpu", kind="FloatStorage", grad=False
):
    """The pickle of a tensor that says this of itself."""
    from cygrad import _utils, serialization, storage

    class Described:
        def __reduce__(self):
            pid = storage.TypedStorage._of(storage.UntypedStorage(0), torch.float32)
            return _utils._rebuild_tensor_v2, (pid, offset, size, stride, grad, OrderedDict())

    class Storages:
        def persistent_id(self, obj):
            if isinstance(obj, storage.TypedStorage):
                return "storage", storage.TYPES[kind], key, location, count
            return None

    file = io.BytesIO()
    serialization._pickler(pickle, file, 2, Storages()).dump(Described())
    return file.getvalue()


def test_what_a_tensor_says_is_believed_where_it_fits():
    assert load(around(tensor_pickle(1, (3,), (1,)))).tolist() == [0, 0, 0]
    assert load(around(tensor_pickle(0, (2, 2), (0, 3)))).tolist() == [[0, 0], [0, 0]]
    assert load(around(tensor_pickle(0, (2**40, 0), (1, 1)))).numel() == 0


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"offset": 0, "size": (5,), "stride": (1,)}, "Trying to resize storage that is not resizable"),
        ({"offset": 2, "size": (3,), "stride": (1,)}, "Trying to resize storage that is not resizable"),
        ({"offset": 0, "size": (2, 2), "stride": (3, 1)}, "Trying to resize storage that is not resizable"),
        ({"offset": -1, "size": (2,), "stride": (1,)}, "invalid storage offset -1"),
        ({"offset": 3, "size": (2,), "stride": (-1,)}, "size calculation overflowed with sizes=.2. and strides=.-1."),
        ({"offset": 0, "size": (-2,), "stride": (1,)}, "numel: integer multiplication overflow"),
        ({"offset": 0, "size": (2**62, 2**62), "stride": (0, 0)}, "numel: integer multiplication overflow"),
        ({"offset": 0, "size": (2,), "stride": (2**63,)}, "Trying to resize"),
        ({"offset": 2**70, "size": (0,), "stride": (1,)}, "Trying to resize"),
        ({"offset": 0, "size": (2, 2), "stride": (1,)}, r"unequal size length \(2\) and stride length \(1\)"),
        ({"offset": 0, "size": (1,) * 65, "stride": (1,) * 65}, "at most 64 dimensions"),
        ({"offset": 0, "size": (2,), "stride": (1,), "count": 2**50}, "record size .16 bytes. does not match"),
        ({"offset": 0, "size": (2,), "stride": (1,), "count": -4}, "record size .16 bytes. does not match"),
        ({"offset": 0, "size": (2,), "stride": (1,), "key": "../../secret"}, "failed locating file data/../../secret"),
        ({"offset": 0, "size": (2,), "stride": (1,), "location": "mars"}, "tagged with mars"),
        ({"offset": 0, "size": (2,), "stride": (1,), "kind": "LongStorage", "count": 2, "grad": True}, "nly Tensors"),
        ({"offset": "a", "size": (2,), "stride": (1,)}, "malformed pickle: TypeError"),
        ({"offset": 0, "size": "ab", "stride": (1,)}, "malformed pickle: TypeError"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_their_storage(told, message):
    kinds = (RuntimeError, pickle.UnpicklingError)
    with pytest.raises(kinds, match=message):
        load(around(tensor_pickle(**told)))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "GLOBAL posix.system whose module posix is blocked"),
        (b"\x80\x02c__builtin__\neval\n.", "Unsupported global: GLOBAL eval"),
        (b"\x80\x02(S'ls'\nios\nsystem\n.", "Unsupported operand 83"),
        (b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.", "unrecognized function"),
        (b"\x80\x02ctorch\nTensor\nJ\xff\xff\xff\x7f\x85R.", "unrecognized function"),
        (b"\x80\x02ctorch\nTensor\nJ\xff\xff\xff\x7f\x85\x81.", "unrecognized class"),
        (b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "bytearray cannot be made of"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.", "only text can be encoded"),
        (b"\x80\x02K\x01r\xff\xff\xff\xff.", None),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "ends early"),
        (b"\x80\x02\x8a\xffabc.", "ends early"),
        (b"\x80\x02R.", "malformed pickle: IndexError"),
        (b"\x80\x02h\x05.", "Memo value not found"),
        (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.", "too deeply nested"),
        (b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"Ns.", "too deeply nested"),
        (b"\x80\x02c__builtin__\nset\n]" + b")" + b"\x85" * 100_000 + b"a\x85R.", "too deeply nested"),
        (b"\x80\x02" + b"]" * 100_000 + b".", None),
        (b"\x80\x02K\x01Q.", "saved_id must be a tuple, got int"),
        (b"\x80\x02)Q.", "Only persistent_load of storage is allowed"),
        (b"\x80\x02X\x06\x00\x00\x00moduleK\x01\x86Q.", "Only persistent_load of storage is allowed, but got module"),
        (b"\xff", "Unsupported operand 255"),
        (b"", "ends early"),
    ],
    ids=range(22),
)  # fmt: skip
def test_hostile_pickles(pickled, message):
    if message is None:
        load(around(pickled))
        return
    with pytest.raises((pickle.UnpicklingError, EOFError, AssertionError), match=message):
        load(around(pickled))


def test_damaged_archives():
    data = saved(torch.arange(100.0))
    for end in (*range(1, 64), len(data) // 2, len(data) - 30, len(data) - 1):
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            load(data[:end])
    at = data.index(struct.pack("<2f", 41, 42))
    with pytest.raises(RuntimeError, match="reading file data/0: bad CRC-32"):
        load(data[:at] + b"\x01" + data[at + 1 :])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(RuntimeError, match="compressed or encrypted"):
        load(packed.getvalue())
    with pytest.raises(EOFError):
        load(b"")
    with pytest.raises(RuntimeError, match="Invalid magic number; corrupt file?"):
        load(pickle.dumps({}, 2))


def test_records_that_overlap():
    """A small file whose records all are the same large piece of it."""
    big = bytes(100_000)
    pids = b"".join(
        b"(X\x07\x00\x00\x00storagectorch\nByteStorage\nX\x03\x00\x00\x00%03d" % i
        + b"X\x03\x00\x00\x00cpuJ\xa0\x86\x01\x00tQa"
        for i in range(100)
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/data.pkl", b"\x80\x02]" + pids + b".")
        archive.writestr("archive/data/000", big)
        for i in range(1, 100):
            again = zipfile.ZipInfo(f"archive/data/{i:03d}")
            first = archive.getinfo("archive/data/000")
            again.header_offset, again.CRC = first.header_offset, first.CRC
            again.file_size = again.compress_size = len(big)
            archive.filelist.append(again)
    with pytest.raises(RuntimeError, match="its files overlap"):
        load(file.getvalue())


def test_legacy_sizes_are_checked_before_memory_is_taken():
    data = bytearray(saved(torch.ones(4), _use_new_zipfile_serialization=False))
    at = data.index(b"K\x04N")
    data[at : at + 2] = b"J\xff\xff\xff\x7f"
    with pytest.raises(RuntimeError, match="more than the file has left"):
        load(bytes(data))


def test_safe_globals():
    data = saved(Point(3))
    name = "test_serialization.Point"
    assert torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == [name]
    with pytest.raises(
        pickle.UnpicklingError, match=r"add_safe_globals\(\[test_serialization.Point\]\)"
    ):
        load(data)
    with torch.serialization.safe_globals([Point]):
        assert torch.serialization.get_safe_globals() == [Point]
        assert load(data) == Point(3)
    assert torch.serialization.get_safe_globals() == []
    torch.serialization.add_safe_globals([(Point, name)])
    try:
        assert load(data) == Point(3)
    finally:
        torch.serialization.clear_safe_globals()
    with torch.serialization.safe_globals([nn.Linear]):
        assert isinstance(load(saved(nn.Linear(1, 1))), nn.Linear)


def test_weights_only_by_environment(monkeypatch):
    data = saved(Point(3))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert load(data) == Point(3)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(pickle.UnpicklingError):
        load(data, weights_only=False)


def test_what_cygrad_lacks_is_named():
    quantized = b"\x80\x02ctorch._utils\n_rebuild_qtensor\n."
    message = "the file needs torch._utils._rebuild_qtensor, which cygrad does not have"
    for weights_only in (True, False):
        with pytest.raises(pickle.UnpicklingError, match=message):
            load(around(quantized), weights_only=weights_only)
    pickled = b"\x80\x02ctorch.fx.nowhere\nThing\n."
    with pytest.raises(
        pickle.UnpicklingError, match="the file needs torch.fx.nowhere.Thing, which cygrad does not"
    ):
        load(around(pickled), weights_only=False)


def test_damaged_files():
    """Damaged files, a few here; `python -m tests.fuzz.files` or CYGRAD_FUZZ=100000 load more."""
    from fuzz import files

    count = int(os.environ.get("CYGRAD_FUZZ", 1000))
    outcomes = files.run(count, seed=0)
    assert sum(outcomes.values()) == count and outcomes["loaded"] > count // 50


@pytest.mark.parametrize(
    "make, old",
    [
        (lambda: torch.arange(4.0), "cygrad._bridge"),
        (lambda: torch.arange(4.0).untyped_storage(), "cygrad._bridge"),
        (lambda: torch.Generator, "cygrad._draws"),
        (lambda: torch.arange(4.0).max(0), "cygrad._return_types"),
        (lambda: torch.eye(2).to_sparse(), "cygrad._sparse"),
        (lambda: torch.per_tensor_affine, "cygrad._as_torch.standins"),
        (lambda: torch.typename, "cygrad._misc"),
        (lambda: torch.from_dlpack, "cygrad._dlpack"),
        (lambda: torch.is_tensor, "cygrad._creation"),
        (lambda: torch.install_as_torch, "cygrad._as_torch"),
    ],
)
def test_plain_pickles_name_modules_where_they_once_stood(make, old):
    from cygrad._files.moved import MOVED

    present = MOVED.get(old) or {
        "cygrad._creation": "cygrad._creation.factories",
        "cygrad._as_torch": "cygrad._as_torch.names",
        "cygrad._as_torch.standins": "cygrad._standins",
    }.get(old)
    now = pickle.dumps(make(), protocol=0)  # the protocol that stores names as lines of text
    then = now.replace(f"c{present}\n".encode(), f"c{old}\n".encode())
    if old != "cygrad._sparse":  # which its rebuilding function does not name
        assert then != now
    assert repr(pickle.loads(then)) == repr(pickle.loads(now))


def test_plain_pickles_load_where_nothing_else_is_imported():
    """What rebuilds parameters, sparse tensors and storages finds their modules by itself."""
    eye = torch.eye(2)
    made = [nn.Parameter(torch.arange(3.0)), eye.to_sparse(), eye.to_sparse_csr(), torch.per_tensor_affine]
    stored = io.BytesIO()
    torch.save(torch.arange(2.0).untyped_storage(), stored)
    code = f"""
import pickle, cygrad
print(*pickle.loads({pickle.dumps(made)!r}), sep="\\n")
print(cygrad.storage._load_from_bytes({stored.getvalue()!r}).nbytes())"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "\n".join(map(str, [*made, 8])) + "\n", done.stderr
