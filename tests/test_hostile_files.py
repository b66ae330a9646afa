"""Checkpoints of a kilobyte that ask for hours or for all memory: refused at once, or loaded as cheaply as they are."""

import io
import pickle
import resource
import struct
import zipfile

import pytest

import cygrad as torch

REFUSED = (RuntimeError, pickle.UnpicklingError)
# A tuple whose parts are shared, 2**60 long for whoever prints, hashes or compares it; it ends on the stack.
NESTED = b")" + b"q\x00h\x00\x86" * 60
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
LONGS = b"(X\x07\x00\x00\x00storagectorch\nLongStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n("


def number(n):
    return b"\x8a\x0a" + n.to_bytes(10, "little", signed=True)


def tensor(size, stride, storage=STORAGE, metadata=b""):
    """A tensor by the opcodes that give its size and stride."""
    return REBUILD + storage + b"K\x00" + size + stride + b"\x89N" + metadata + b"tR"


def sizes(*numbers):
    return b"(" + b"".join(map(number, numbers)) + b"t"


def named(name, *parts):
    return b"c" + name + b"\n(" + b"".join(parts) + b"tR"


def loaded(pickled, storage=bytes(16)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (("data.pkl", b"\x80\x02" + pickled + b"."), ("data/0", storage), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", data)
    return torch.load(io.BytesIO(file.getvalue()))


EXPANDED = tensor(sizes(2**40), sizes(0))
WIDE_INDICES = tensor(sizes(1, 2**33), sizes(0, 0), LONGS)
WIDE_VALUES = tensor(sizes(2**33), sizes(0))
LAYOUT = named(b"torch.serialization\n_get_layout", b"X\x10\x00\x00\x00torch.sparse_coo")


@pytest.mark.parametrize(
    "pickled",
    [
        NESTED + b")R",
        NESTED + b")\x81",
        NESTED + b"}b",
        NESTED + b"K\x00a",
        NESTED + b"Q",
        b"(X\x07\x00\x00\x00storage" + NESTED + b"NNNtQ",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + NESTED + b"NNtQ",
        named(b"torch.serialization\n_get_layout", NESTED),
        named(b"torch\ndevice", NESTED),
        named(b"__builtin__\ncomplex", NESTED),
        named(b"torch\nSize", NESTED),
        named(b"collections\nOrderedDict", b"]" + NESTED + b"N\x86a"),
        named(b"collections\nCounter", b"]" + NESTED + b"N\x86a"),
        named(b"torch._utils\n_rebuild_sparse_tensor", NESTED, NESTED),
        named(b"torch._tensor\n_rebuild_from_type_v2", NESTED, b"ctorch\nTensor\n", b")", b"N"),
        b"ccollections\nOrderedDict\n)R(" + NESTED + b"NX\x01\x00\x00\x00adu" + b"b",
        b"ccollections\nOrderedDict\n)R]" + NESTED + b"N\x86ab",
        named(b"torch\nSize", EXPANDED),
        tensor(EXPANDED, sizes(0)),
        tensor(sizes(1), EXPANDED),
        named(b"torch._utils\n_rebuild_sparse_tensor", LAYOUT, EXPANDED),
        named(b"torch._utils\n_rebuild_sparse_tensor", LAYOUT,
              b"(" + WIDE_INDICES + WIDE_VALUES + sizes(4) + b"t"),
        tensor(sizes(2**20, 2**20), sizes(1, 1), b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
               b"X\x03\x00\x00\x00cpu" + number(2**21) + b"tQ", b"}X\x03\x00\x00\x00neg\x88s"),
    ],
    ids=range(23),
)  # fmt: skip
def test_is_refused_at_once(pickled):
    with pytest.raises((*REFUSED, AssertionError)):
        loaded(pickled, bytes(2**23) if number(2**21) in pickled else bytes(16))


@pytest.mark.parametrize("name", ["conj", "neg"])
def test_changed_elements_are_as_many_as_the_storage_has(name):
    metadata = b"}X" + struct.pack("<I", len(name)) + name.encode() + b"\x88s"
    assert loaded(tensor(sizes(2**33), sizes(0), metadata=metadata)).shape == (2**33,)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2**24  # of 1,024 bytes


@pytest.mark.parametrize(
    "again",
    [
        b"c_codecs\nencode\nh\x05\x85R",
        b"c__builtin__\nset\nh\x06\x85R",
        b"ctorch\nSize\nh\x06\x85R",
        b"c__builtin__\nbytearray\nh\x05X\x06\x00\x00\x00latin1\x86R",
    ],
)
def test_one_part_is_not_copied_again_and_again(again):
    text = b"X" + struct.pack("<I", 10**5) + b"a" * 10**5 + b"q\x05" + b"](" + b"K\x01" * 10**4 + b"eq\x06"
    with pytest.raises(REFUSED, match="than it holds"):
        loaded(text + b"]" + (again + b"a") * 2000)


def test_the_numbers_of_a_legacy_file_may_be_of_any_size():
    start = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    with pytest.raises(RuntimeError, match="Invalid protocol version"):
        torch.load(io.BytesIO(start + b"\x80\x02" + NESTED + b"."))


def test_sparse_tensors_of_legacy_files():
    x = torch.eye(50).to_sparse()
    objects = {"coo": x, "csr": torch.eye(50).to_sparse_csr(), "values": torch.sparse_coo_tensor([[0, 1]], 2.0, (2,))}
    file = io.BytesIO()
    torch.save(objects, file, _use_new_zipfile_serialization=False)
    waste = []
    for _ in range(20):  # the memory that is read into was another tensor's before
        waste = [torch.full((100,), -1, dtype=torch.int64) for _ in range(20)]
        file.seek(0)
        del waste
        back = torch.load(file)
        assert all(back[name].to_dense().equal(objects[name].to_dense()) for name in objects)
    data = bytearray(file.getvalue())
    at = data.rindex(struct.pack("<3q", 47, 48, 49))
    data[at : at + 8] = struct.pack("<q", 50)
    with pytest.raises(RuntimeError):
        torch.load(io.BytesIO(data))


def test_a_location_does_not_start_opencl():
    import subprocess
    import sys

    program = """if True:
        import io, sys, cygrad
        file = io.BytesIO()
        cygrad.save(cygrad.ones(2), file)
        from cygrad import serialization
        try:
            serialization._restorer(None)(cygrad.ones(2).untyped_storage(), "opencl:0")
        except RuntimeError as error:
            assert "map_location" in str(error)
        else:
            raise AssertionError("restored")
        assert "pyopencl" not in sys.modules and "cygrad.cl" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True)
