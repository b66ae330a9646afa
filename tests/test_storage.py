"""Storages: the memory of tensors as bytes and as elements."""

import struct
from pathlib import Path

import pytest

import cygrad as torch


def test_typed_storages():
    x = torch.arange(4.0)
    with pytest.warns(UserWarning, match="TypedStorage is deprecated"):
        s = x.storage()
    assert (
        repr(s)
        == " 0.0\n 1.0\n 2.0\n 3.0\n[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 4]"
    )
    assert s.type() == "torch.FloatStorage" and s.pickle_storage_type() == "FloatStorage"
    assert isinstance(s, torch.FloatStorage) and not isinstance(s, torch.LongStorage)
    assert torch.is_storage(s) and s.data_ptr() == x.data_ptr() and len(s) == 4 and s.nbytes() == 16
    s[1] = 7
    assert x[1] == 7 and s[-1] == 3 and list(s) == x.tolist()
    assert s.long().tolist() == [0, 7, 2, 3] and s.long().dtype is torch.int64
    assert torch.empty(0).set_(s).data_ptr() == x.data_ptr()
    assert torch.asarray(s).data_ptr() == x.data_ptr()
    with pytest.raises(
        RuntimeError,
        match="Expected a Storage of type Int or an UntypedStorage, but got type Float",
    ):
        torch.empty(0, dtype=torch.int32).set_(s)
    with pytest.raises(IndexError, match="index 9 out of range for storage of size 4"):
        s[9]
    with pytest.raises(
        RuntimeError, match="slices are only supported in UntypedStorage.__getitem__"
    ):
        s[1:2]
    with pytest.raises(TypeError, match="received an invalid combination of arguments"):
        torch.FloatStorage(torch.ones(3))
    assert s.fill_(2).tolist() == [2] * 4 and x.sum() == 8
    assert torch.TypedStorage([1, 2], dtype=torch.int32).tolist() == [1, 2]


def test_untyped_storages():
    u = torch.UntypedStorage([1, 2, 300])
    assert (
        u.tolist() == [1, 2, 44]
        and u[1:].tolist() == [2, 44]
        and u.size() == u.nbytes() == len(u) == 3
    )
    assert repr(u) == " 1\n 2\n 44\n[torch.storage.UntypedStorage(device=cpu) of size 3]"
    u[0] = -1
    assert u[0] == 255 and u.clone().fill_(3).tolist() == [3, 3, 3] and u[0] == 255
    part = u[1:]
    part.fill_(0)
    assert u.tolist() == [255, 0, 0]
    assert torch.UntypedStorage(5).nbytes() == 5 and torch.UntypedStorage().nbytes() == 0
    with pytest.raises(
        RuntimeError, match="alloc_cpu.. seems to have been called with negative number"
    ):
        torch.UntypedStorage(-1)
    with pytest.raises(RuntimeError, match="one of the items was of type str instead of int"):
        torch.UntypedStorage("a")
    with pytest.raises(
        RuntimeError, match="size does not match, self was 3 bytes but src was 5 bytes"
    ):
        u.copy_(torch.UntypedStorage(5))
    assert u.float().dtype is torch.float32 and u.type() == "torch.storage.UntypedStorage"
    x = torch.ones(2)
    assert x.untyped_storage() == x.untyped_storage() and x.untyped_storage()._cdata == x.data_ptr()


def test_storages_from_buffers_and_files(tmp_path):
    F = torch.FloatStorage
    data = struct.pack("<2f", 1, 2)
    assert F.from_buffer(data, "little").tolist() == [1, 2]
    assert F.from_buffer(struct.pack(">2f", 1, 2), byte_order="big").tolist() == [1, 2]
    assert F.from_buffer(data, "native", 1, 4).tolist() == [2]
    assert torch.ByteStorage.from_buffer(b"ab").tolist() == [97, 98]
    with pytest.raises(RuntimeError, match="function missing required argument 'byte_order'"):
        F.from_buffer(data)
    with pytest.raises(ValueError, match="buffer size .7. must be a multiple of element size .4."):
        F.from_buffer(data[:7], "little")
    with pytest.raises(ValueError, match="invalid byte_order 'odd'"):
        F.from_buffer(data, "odd")
    path = str(tmp_path / "x.bin")
    shared = torch.from_file(path, shared=True, size=2)
    shared.copy_(torch.tensor([1.0, 2.0]))
    assert Path(path).read_bytes() == data and shared.untyped_storage().filename == path
    private = torch.from_file(path, size=2)
    private.zero_()
    assert Path(path).read_bytes() == data
    assert torch.UntypedStorage.from_file(path, False, 4).nbytes() == 4
    with pytest.raises(
        RuntimeError, match="size <8> is smaller than the required mapping size <800>"
    ):
        torch.from_file(path, size=200)
    with pytest.raises(
        RuntimeError, match="unable to open file <.*> in read-only mode: No such file or directory"
    ):
        torch.from_file(path + "x", size=2)
