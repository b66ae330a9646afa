"""Files between cygrad and PyTorch: what one saves the other loads, byte for byte where they can agree."""

import io
import pickle
import sys
import warnings
import zipfile
from collections import Counter, OrderedDict

import pytest

import cygrad

torch = pytest.importorskip("torch")
if torch is cygrad:
    pytest.skip("torch is cygrad here", allow_module_level=True)

BOTH = ((cygrad, torch), (torch, cygrad))
DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


def saved(lib, obj, **options):
    file = io.BytesIO()
    lib.save(obj, file, **options)
    return file.getvalue()


def load(lib, data, **options):
    return lib.load(io.BytesIO(data), **options)


def same(a, b):
    """Whether objects of either library hold the same."""
    if hasattr(a, "tolist") and hasattr(a, "stride"):
        return (
            str(a.dtype) == str(b.dtype)
            and a.stride() == b.stride()
            and a.storage_offset() == b.storage_offset()
            and a.requires_grad == b.requires_grad
            and type(a).__name__ == type(b).__name__
            and a.tolist() == b.tolist()
        )
    if isinstance(a, dict):
        return (
            type(a) is type(b)
            and list(a) == list(b)
            and all(same(a[k], b[k]) for k in a)
            and same(getattr(a, "_metadata", None), getattr(b, "_metadata", None))
        )
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or str(a) == str(b)


def training(lib):
    """A model, its optimizer and scheduler after two steps."""
    lib.manual_seed(3)
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    )
    optimizer = lib.optim.Adam(model.parameters(), lr=0.1)
    scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1)
    for _ in range(2):
        optimizer.zero_grad()
        model(lib.ones(2, 1, 4, 4)).sum().backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer, scheduler


def objects(lib):
    x = lib.arange(12.0).reshape(3, 4)
    named = lib.ones(2)
    named.note = "mine"
    parameter = lib.nn.Parameter(lib.ones(2))
    parameter.tag = [1, 2]
    lib.manual_seed(0)
    return {
        "scalar": lib.tensor(1.5),
        "conjugate": lib.tensor([1 + 2j, 3 - 4j]).conj(),
        "empty": lib.empty(0, 3),
        "views": [x, x.t(), x[1:, ::2], x[0].expand(2, 4), x.detach()],
        "needs grad": lib.ones(2, requires_grad=True),
        "not a leaf": lib.ones(2, requires_grad=True) * 2,
        "parameter": lib.nn.Parameter(lib.ones(2)),
        "frozen parameter": lib.nn.Parameter(lib.ones(2), requires_grad=False),
        "parameter with attributes": parameter,
        "tensor with attributes": named,
        "buffer": lib.nn.Buffer(lib.ones(2)),
        "plain": [
            1,
            -5,
            2.5,
            True,
            None,
            2**40,
            2**100,
            "é",
            b"\xff\x00",
            (1,),
            (1, 2, 3, 4),
            1 + 2j,
        ],
        "collections": [{1: 2}, OrderedDict(a=1), Counter("aab"), {3, 4}, bytearray(b"x")],
        "types": [
            lib.Size([2, 3]),
            lib.float16,
            lib.device("cpu"),
            lib.device("cuda", 1),
            lib.strided,
        ],
        "storages": [lib.FloatStorage([1.0, 2.0]), lib.arange(2).untyped_storage()],
        "state": training(lib)[0].state_dict(),
        "checkpoint": {
            "epoch": 3,
            "model": training(lib)[0].state_dict(),
            "optimizer": training(lib)[1].state_dict(),
            "scheduler": training(lib)[2].state_dict(),
            "rng": lib.get_rng_state(),
        },
        **{
            d: (lib.arange(6) - 2 if d != "bool" else lib.tensor([True, False])).to(getattr(lib, d))
            for d in DTYPES
        },
    }


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TypedStorage is deprecated
    NAMES = list(objects(cygrad))


@pytest.fixture(scope="module")
def made():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {cygrad: objects(cygrad), torch: objects(torch)}


def comparable(value):
    return [list(s) for s in value] if hasattr(value[0], "copy_") else value


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_what_one_saves_the_other_loads(made, name, as_zip):
    for writer, reader in BOTH:
        if name == "storages" and reader is torch and not as_zip:
            continue  # nor does PyTorch read its own: 'UntypedStorage' has no attribute 'dtype'
        data = saved(writer, made[writer][name], _use_new_zipfile_serialization=as_zip)
        result = load(reader, data)
        expected = made[writer][name]
        if name == "storages":
            result, expected = [list(s) for s in result], [list(s) for s in expected]
        assert same(result, expected)
        if name == "views":
            result[0].fill_(7)
            assert all((v == 7).all() for v in result)
        if "attributes" in name:
            assert vars_of(result) == vars_of(expected)


def vars_of(tensor):
    return {n: getattr(tensor, n, None) for n in ("note", "tag")}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_the_archives_are_the_same(made, name, protocol):
    """Of equal objects both write the same pickle and the same records; the last is an identity of the file."""
    ours, theirs = (
        zipfile.ZipFile(io.BytesIO(saved(lib, made[lib][name], pickle_protocol=protocol)))
        for lib in (cygrad, torch)
    )
    assert ours.namelist() == theirs.namelist()
    if name == "conjugate" or (name, protocol) == ("types", 4):
        return  # PyTorch conjugates when it reads; they differ in which strings they write once
    trained = name in ("state", "checkpoint")  # the values differ in the last digits
    for record in () if trained else ours.namelist()[:-1]:
        assert ours.read(record) == theirs.read(record)


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
def test_whole_modules(as_zip):
    for writer, reader in BOTH:
        nn = writer.nn
        writer.manual_seed(1)
        model = nn.ModuleDict(
            {
                "body": nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU(), nn.Dropout(0.5)),
                "rnn": nn.LSTM(4, 3, batch_first=True, bidirectional=True),
                "layer": nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
                "attention": nn.MultiheadAttention(4, 2),
                "table": nn.EmbeddingBag(5, 4),
                "loss": nn.CrossEntropyLoss(weight=writer.ones(3)),
            }
        ).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch keeps sources, and looks whether they changed
            data = saved(writer, model, _use_new_zipfile_serialization=as_zip)
            other = load(reader, data, weights_only=False)
        assert str(other) == str(model)
        x = [[[0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]]]
        for part in ("body", "layer"):
            a, b = model[part](writer.tensor(x)), other[part](reader.tensor(x))
            assert b.flatten().tolist() == pytest.approx(a.flatten().tolist(), abs=1e-5)
        a, b = model["rnn"](writer.tensor(x))[0], other["rnn"](reader.tensor(x))[0]
        assert b.flatten().tolist() == pytest.approx(a.flatten().tolist(), abs=1e-5)
        other["body"].train()
        other["body"](reader.tensor(x)).sum().backward()
        assert other["body"][0].weight.grad is not None


def test_functions():
    """As a module keeps them: its activation, its initialiser."""
    for writer, reader in BOTH:
        for name in ("relu", "tanh", "nn.functional.gelu", "nn.functional.relu", "nn.init.ones_"):
            function, expected = writer, reader
            for part in name.split("."):
                function, expected = getattr(function, part), getattr(expected, part)
            found = load(reader, saved(writer, function), weights_only=False)
            assert found(reader.tensor([-0.5])).tolist() == expected(reader.tensor([-0.5])).tolist()


def test_results_with_names():
    for writer, reader in BOTH:
        result = load(reader, saved(writer, writer.ones(2, 3).max(1)), weights_only=False)
        assert type(result) is reader.return_types.max and result.values.tolist() == [1, 1]


def test_generators():
    for writer, reader in BOTH:
        generator = writer.Generator().manual_seed(5)
        writer.randn(3, generator=generator)
        found = load(reader, saved(writer, generator), weights_only=False)
        assert found.initial_seed() == 5
        expected = writer.randn(20, generator=generator).tolist()
        assert reader.randn(20, generator=found).tolist() == pytest.approx(expected)


def test_whole_optimizers():
    for writer, reader in BOTH:
        x = writer.nn.Parameter(writer.ones(2))
        optimizer = writer.optim.AdamW([{"params": [x], "lr": 0.5}], lr=0.1)
        for _ in range(2):
            (x * x).sum().backward()
            optimizer.step()
        other = load(reader, saved(writer, optimizer), weights_only=False)
        (y,) = other.param_groups[0]["params"]
        for opt, p in ((optimizer, x), (other, y)):
            opt.zero_grad()
            (p * p).sum().backward()
            opt.step()
        assert y.tolist() == pytest.approx(x.tolist())


def edited(data, **records):
    """The archive with records left out (None) or replaced."""
    result = io.BytesIO()
    old = zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            content = records.get(name.partition("/")[2].replace(".", "_"), old.read(name))
            if content is not None:
                new.writestr(name, content)
    return result.getvalue()


class Unknown:
    pass


class Evil:
    def __reduce__(self):
        return sys.exit, ()


GOOD = {"a": "x"}
ERRORS = {
    "a class": lambda lib, data: load(lib, saved(lib, Unknown())),
    "a module": lambda lib, data: load(lib, saved(lib, lib.nn.Linear(1, 1))),
    "a list of classes": lambda lib, data: load(lib, saved(lib, [lib.nn.ReLU, frozenset()])),
    "a call": lambda lib, data: load(lib, saved(lib, Evil())),
    "a call, legacy": lambda lib, data: load(
        lib, saved(lib, Evil(), _use_new_zipfile_serialization=False)
    ),
    "protocol 4": lambda lib, data: load(lib, saved(lib, [1], pickle_protocol=4)),
    "no version": lambda lib, data: load(lib, edited(data, version=None)),
    "no storage": lambda lib, data: load(lib, edited(data, **{"data/0": None})),
    "a short storage": lambda lib, data: load(lib, edited(data, **{"data/0": b"abc"})),
    "no pickle": lambda lib, data: load(lib, edited(data, data_pkl=None)),
    "byte order": lambda lib, data: load(lib, edited(data, byteorder=b"xx")),
    "an opcode": lambda lib, data: load(lib, edited(data, data_pkl=b"\x80\x02\xff.")),
    "a call of a number": lambda lib, data: load(lib, edited(data, data_pkl=b"\x80\x02K\x01)R.")),
    "building a number": lambda lib, data: load(lib, edited(data, data_pkl=b"\x80\x02K\x01}b.")),
    "appending": lambda lib, data: load(lib, edited(data, data_pkl=b"\x80\x02NK\x01a.")),
    "setting items": lambda lib, data: load(lib, edited(data, data_pkl=b"\x80\x02NK\x01K\x01s.")),
    "two dtypes": lambda lib, data: saved(lib, [x := lib.ones(2), x.view(lib.int32)]),
    "a plain pickle": lambda lib, data: load(lib, pickle.dumps({"a": 1}, 2)),
    "one letter": lambda lib, data: load(lib, data[:1]),
    "map_location": lambda lib, data: load(lib, data, map_location="foo"),
    "map_location dict": lambda lib, data: load(lib, data, map_location={"cpu": "foo"}),
    "map_location int": lambda lib, data: load(lib, data, map_location=3),
    "mmap of a buffer": lambda lib, data: load(lib, data, mmap=True),
    "pickle_module": lambda lib, data: load(lib, data, pickle_module=pickle, weights_only=True),
    "load number": lambda lib, data: lib.load(5),
    "save to number": lambda lib, data: lib.save(1, 5),
    "save to None": lambda lib, data: lib.save(1, None),
    "no folder": lambda lib, data: lib.save(1, "nowhere/x.pt"),
    "no file": lambda lib, data: lib.load("nowhere.pt"),
    "endianness": lambda lib, data: lib.serialization.set_default_load_endianness(3),
    "mmap options": lambda lib, data: lib.serialization.set_default_mmap_options(77),
    "safe": lambda lib, data: lib.serialization.add_safe_globals(3),
    "unsafe globals": lambda lib, data: lib.serialization.get_unsafe_globals_in_checkpoint(
        io.BytesIO(saved(lib, [Unknown(), frozenset([1])]))
    ),
    "unsafe globals, legacy": lambda lib, data: lib.serialization.get_unsafe_globals_in_checkpoint(
        io.BytesIO(saved(lib, 1, _use_new_zipfile_serialization=False))
    ),
    "location": lambda lib, data: lib.serialization.default_restore_location(
        lib.ones(1).untyped_storage(), "foo"
    ),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_errors(name):
    """Both raise the same exception with the same text, or return the same."""

    def outcome(lib):
        try:
            result = ERRORS[name](lib, saved(lib, {"a": lib.arange(6.0)}))
            return sorted(result) if isinstance(result, list) else result
        except Exception as error:
            return type(error).__name__, str(error)

    assert outcome(cygrad) == outcome(torch)


def test_checksums_and_skipped_data():
    for writer, reader in BOTH:
        writer.serialization.set_crc32_options(False)
        try:
            data = saved(writer, writer.ones(2))
        finally:
            writer.serialization.set_crc32_options(True)
        assert {i.CRC for i in zipfile.ZipFile(io.BytesIO(data)).infolist()} == {0}
        assert load(reader, data).tolist() == [1, 1]
        with writer.serialization.skip_data():
            data = saved(writer, writer.ones(2))
        assert load(reader, data).tolist() == [0, 0]


def test_large_records(monkeypatch):
    """The zip64 form of records over 2 GiB, here of any size; PyTorch reads it, mapped too."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    data = saved(cygrad, [cygrad.arange(1000.0), cygrad.ones(2)])
    monkeypatch.undo()
    a, b = load(torch, data)
    assert a.tolist() == list(range(1000)) and b.tolist() == [1, 1]
    assert load(cygrad, data)[0].sum() == a.sum().item()
    at = data.index(a.numpy().tobytes())
    assert at % 64 == 0


def test_files_with_pytorchs_names_for_python_pickle():
    """A plain pickle of PyTorch's tensors is read where `torch` is cygrad; here through `find_class`."""
    from cygrad._files import unpickler as _unpickler

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if module.startswith("torch"):
                return _unpickler.resolve(module, name)
            return super().find_class(module, name)

    result = Unpickler(io.BytesIO(pickle.dumps([torch.arange(3), torch.nn.Linear(1, 1)]))).load()
    assert isinstance(result[0], cygrad.Tensor) and result[0].tolist() == [0, 1, 2]
    assert isinstance(result[1], cygrad.nn.Linear)


def test_big_endian_files():
    data = saved(torch, {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([1, 2])})
    swapped = edited(
        data,
        byteorder=b"big",
        **{
            "data/0": torch.tensor([1.0, 2.0]).numpy().byteswap().tobytes(),
            "data/1": torch.tensor([1, 2]).numpy().byteswap().tobytes(),
        },
    )
    assert {k: v.tolist() for k, v in load(cygrad, swapped).items()} == {"a": [1, 2], "b": [1, 2]}
