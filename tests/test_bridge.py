"""Conversions: to Python, NumPy and DLPack, between dtypes and layouts, copies and pickles."""

import copy
import gc
import pickle
import warnings

import numpy as np
import pytest
from peer import same

import cygrad

torch = pytest.importorskip("torch")

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_to_python(dtype):
    same(
        lambda lib: lib.tensor([0, 1, 2], dtype=getattr(lib, dtype)).tolist(),
        lambda lib: (
            lib.arange(24).reshape(2, 3, 4).to(getattr(lib, dtype)).permute(2, 0, 1)[::2].tolist()
        ),
        lambda lib: lib.tensor(1, dtype=getattr(lib, dtype)).tolist(),
        lambda lib: lib.tensor([[1]], dtype=getattr(lib, dtype)).item(),
        lambda lib: float(lib.tensor([1], dtype=getattr(lib, dtype))),
        lambda lib: int(lib.tensor([1], dtype=getattr(lib, dtype))),
        lambda lib: complex(lib.tensor([1], dtype=getattr(lib, dtype))),
        lambda lib: bool(lib.tensor([0], dtype=getattr(lib, dtype))),
        lambda lib: [5, 6][lib.tensor(1, dtype=getattr(lib, dtype))],
        lambda lib: [type(x) for x in lib.tensor([0, 1], dtype=getattr(lib, dtype)).tolist()],
    )


def test_python_protocols():
    same(
        lambda lib: lib.ones(2).item(),
        lambda lib: lib.ones(0).item(),
        lambda lib: lib.ones(2, 0).tolist(),
        lambda lib: float(lib.ones(2)),
        lambda lib: int(lib.ones(2)),
        lambda lib: complex(lib.ones(2)),
        lambda lib: bool(lib.ones(2)),
        lambda lib: bool(lib.ones(0)),
        lambda lib: int(lib.tensor(float("nan"))),
        lambda lib: int(lib.tensor(float("inf"))),
        lambda lib: [1, 2, 3][lib.tensor([1, 2])],
        lambda lib: len(lib.tensor(1)),
        lambda lib: len(lib.ones(3, 2)),
        lambda lib: list(lib.tensor(1)),
        lambda lib: [x.tolist() for x in lib.arange(6).reshape(3, 2)],
        lambda lib: 3 in lib.arange(4),
        lambda lib: 9 in lib.arange(4),
        lambda lib: lib.tensor(3) in lib.arange(4),
        lambda lib: "a" in lib.arange(4),
        lambda lib: None in lib.arange(4),
        lambda lib: lib.arange(2) in lib.arange(4),
        lambda lib: reversed(lib.arange(3)),
        lambda lib: format(lib.tensor(1.5), ".2f"),
        lambda lib: format(lib.tensor([1.5]), ".2f"),
        lambda lib: f"{lib.tensor(1.5):>10}{lib.tensor([1.5])}",
        lambda lib: lib.ones(2).real,
        lambda lib: lib.ones(2).imag,
        lambda lib: lib.ones(2).get_device(),
    )


# ------------------------------------------------------------------ NumPy


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_numpy_shares_memory(dtype):
    t = cygrad.tensor([[0, 1, 2], [3, 4, 5]], dtype=getattr(cygrad, dtype))
    for view in (t, t.t(), t[:, 1:], t[1], t[1, 2], t[:, :1].expand(2, 4), t[:0]):
        a = view.numpy()
        assert a.dtype == dtype and a.shape == tuple(view.shape) and a.tolist() == view.tolist()
    t.numpy()[1, 1] = 0
    assert t[1, 1].item() == 0
    a = np.array([[0, 1, 2], [3, 4, 5]], dtype=dtype)
    for view in (
        a,
        a.T,
        a[:, 1:],
        a[1],
        a[1, 2:3].reshape(()),
        np.broadcast_to(a[0], (3, 3)),
        a[:0],
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            b = cygrad.from_numpy(view)
        assert b.dtype == getattr(cygrad, dtype) and b.tolist() == view.tolist()
    b = cygrad.from_numpy(a)
    b[0, 0] = 1
    assert a[0, 0] == 1


def test_memory_outlives_its_owner():
    a = cygrad.arange(1000.0).numpy()
    b = cygrad.from_numpy(np.arange(1000.0))
    c = cygrad.from_dlpack(np.arange(1000.0))
    d = np.from_dlpack(cygrad.arange(1000.0))
    gc.collect()
    junk = [cygrad.zeros(1000) for _ in range(20)]
    assert a.sum() == b.numpy().sum() == c.numpy().sum() == d.sum() == 499500 and junk


def test_numpy_errors():
    same(
        lambda lib: lib.ones(2, requires_grad=True).numpy(),
        lambda lib: lib.ones(2, requires_grad=True).numpy(force=True).tolist(),
        lambda lib: lib.ones(2, dtype=lib.bfloat16).numpy(),
        lambda lib: lib.from_numpy(np.ones(2)[::-1]),
        lambda lib: lib.from_numpy([1]),
        lambda lib: lib.from_numpy(np.float32(3)),
        lambda lib: lib.from_numpy(np.array([1, 2], dtype=">i4")),
        lambda lib: lib.from_numpy(np.zeros(3, dtype=[("a", "i4"), ("b", "i1")])["a"]),
    )
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.str_"):
        cygrad.from_numpy(np.array(["a"]))


def test_numpy_of_what_requires_a_gradient_where_none_is_recorded():
    x = cygrad.ones(2, requires_grad=True)
    with cygrad.no_grad():
        assert x.numpy().tolist() == x.view(-1).__array__().tolist() == [1, 1]
    with cygrad.inference_mode():
        assert x.numpy().tolist() == [1, 1]


def test_numpy_protocols():
    t = cygrad.ones(2)
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(t), t.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(t, dtype=np.float64, copy=False)
    same(
        lambda lib: np.asarray(lib.ones(2, requires_grad=True)),
        lambda lib: np.array([lib.tensor(1.0), lib.tensor(2.0)]),
        lambda lib: np.sqrt(lib.ones(2)),
        lambda lib: np.add(lib.ones(2), lib.ones(2)),
        lambda lib: lib.ones(2).__array_wrap__(np.ones(2, dtype=bool)),
        lambda lib: np.float32(2) * lib.ones(2),
        lambda lib: lib.ones(2).__array_priority__,
        lambda lib: np.concatenate([lib.ones(2), lib.ones(2)]),
    )


# ------------------------------------------------------------------ DLPack


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_with_pytorch(dtype):
    mine = cygrad.arange(12).reshape(3, 4).to(getattr(cygrad, dtype)).t()[1:]
    theirs = torch.from_dlpack(mine)
    assert theirs.tolist() == mine.tolist() and theirs.stride() == mine.stride()
    assert str(theirs.dtype) == str(mine.dtype) and theirs.data_ptr() == mine.data_ptr()
    back = cygrad.from_dlpack(theirs)
    assert (
        back.data_ptr() == mine.data_ptr()
        and back.tolist() == mine.tolist()
        and back.dtype == mine.dtype
    )
    if dtype != "bfloat16":
        assert np.from_dlpack(mine).tolist() == mine.tolist()


def test_dlpack_capsules():
    t = cygrad.ones(2)
    assert repr(t.__dlpack__()).startswith('<capsule object "dltensor" ')
    assert repr(t.__dlpack__(max_version=(1, 0))).startswith(
        '<capsule object "dltensor_versioned" '
    )
    assert t.__dlpack_device__() == (1, 0)
    capsule = cygrad.to_dlpack(t)
    assert cygrad.from_dlpack(capsule).data_ptr() == t.data_ptr()
    with pytest.raises(RuntimeError, match="consumed only once"):
        cygrad.from_dlpack(capsule)
    assert cygrad.from_dlpack(t.__dlpack__(copy=True)).data_ptr() != t.data_ptr()
    same(
        lambda lib: lib.ones(2, requires_grad=True).__dlpack__(),
        lambda lib: lib.ones(2).__dlpack__(stream=3),
        lambda lib: lib.from_dlpack(3),
    )


# ------------------------------------------------------------------ dtypes and layouts


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("of", DTYPES)
def test_casts(of, to):
    values = [0, 1, 0] if of == "bool" else [0, 1, 100] if of == "uint8" else [0, 1, 100, -3]
    if of[0] in "fb" and of != "bool":
        values += [0.75, -1.5, 65000.0]
    if of[0] in "fb" and to == "uint8":
        values = [v for v in values if 0 <= v < 256]
    same(lambda lib: lib.tensor(values, dtype=getattr(lib, of)).to(getattr(lib, to)))


def test_to():
    same(
        lambda lib: lib.ones(2).to("cpu", lib.int64),
        lambda lib: lib.ones(2).to("cpu", dtype=lib.int64),
        lambda lib: lib.ones(2).to(lib.device("cpu")),
        lambda lib: lib.ones(2).to(lib.ones(1, dtype=lib.int32)),
        lambda lib: lib.ones(2).to("foo"),
        lambda lib: lib.ones(2).to(),
        lambda lib: lib.ones(2).to(None),
        lambda lib: lib.ones(2).to(lib.int64, lib.int32),
        lambda lib: lib.ones(2).to(lib.int64, True, True),
        lambda lib: lib.ones(2).to("cpu", lib.int64, True, True),
        lambda lib: lib.ones(2).to(lib.ones(1), True, True),
        lambda lib: lib.ones(2).to(device="cpu", dtype=lib.int64, non_blocking=True, copy=True),
        lambda lib: lib.ones(2).to(other=lib.ones(1, dtype=lib.int64)),
        lambda lib: lib.ones(2).to(memory_format=lib.channels_last),
        lambda lib: lib.ones(1, 2, 3, 4).to(memory_format=lib.channels_last),
        lambda lib: lib.ones(1, 2, 3, 4).to(lib.float64, memory_format=lib.channels_last),
        lambda lib: lib.ones(2).to("cpu", "cpu"),
        lambda lib: lib.ones(2).to(foo=2),
        lambda lib: lib.ones(2).to(float),
        lambda lib: lib.ones(2).type_as(lib.ones(1, dtype=lib.int64)),
        lambda lib: lib.ones(2).type_as(3),
        lambda lib: lib.ones(2).float(memory_format=lib.preserve_format),
        lambda lib: lib.ones(1, 2, 3, 4).half(memory_format=lib.channels_last),
        lambda lib: lib.ones(2, 3).t().double(),
        lambda lib: lib.ones(2).bool(),
        lambda lib: lib.ones(2).byte().char().short().int().long().bfloat16(),
        lambda lib: lib.ones(2).pin_memory and lib.ones(2).is_pinned(),
        lambda lib: lib.ones(2).is_shared(),
    )
    t = cygrad.ones(2)
    for f in (
        t.float,
        t.cpu,
        t.contiguous,
        lambda: t.to("cpu"),
        lambda: t.to(cygrad.float32),
        lambda: t.to(t),
        t.to,
    ):
        assert f() is t
    assert t.to(cygrad.float32, copy=True) is not t
    x = cygrad.ones(2, requires_grad=True)
    assert type(x.double().grad_fn).__name__ == "ToCopyBackward0"
    x.double().half().sum().backward()
    assert x.grad.dtype == cygrad.float32 and x.grad.tolist() == [1, 1]
    if not cygrad.cuda.is_available():
        same(lambda lib: lib.ones(2).cuda())


LAYOUTS = {
    "plain": lambda lib: lib.arange(24.0).reshape(2, 3, 4),
    "transposed": lambda lib: lib.arange(6.0).reshape(2, 3).t(),
    "sliced": lambda lib: lib.arange(12.0).reshape(3, 4)[:, ::2],
    "permuted": lambda lib: lib.arange(120.0).reshape(4, 5, 6).permute(2, 0, 1)[::2],
    "expanded": lambda lib: lib.arange(15.0).reshape(3, 1, 5).permute(2, 1, 0).expand(5, 4, 3),
    "row": lambda lib: lib.arange(3.0).reshape(3, 1).expand(3, 4),
    "ones": lambda lib: lib.arange(3.0).reshape(1, 3, 1, 1),
    "images": lambda lib: lib.arange(120.0).reshape(2, 3, 4, 5),
    "channel": lambda lib: lib.arange(40.0).reshape(2, 1, 4, 5),
    "channels_last": lambda lib: (
        lib.arange(120.0).reshape(2, 3, 4, 5).contiguous(memory_format=lib.channels_last)
    ),
    "volume": lambda lib: lib.arange(120.0).reshape(1, 2, 3, 4, 5),
    "scalar": lambda lib: lib.tensor(1.0),
    "empty": lambda lib: lib.empty(2, 0, 3).permute(2, 0, 1),
}


@pytest.mark.parametrize(
    "format", [None, "contiguous_format", "preserve_format", "channels_last", "channels_last_3d"]
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_formats(layout, format):
    kw = lambda lib: {} if format is None else {"memory_format": getattr(lib, format)}  # noqa: E731
    make = LAYOUTS[layout]
    same(
        lambda lib: make(lib).clone(**kw(lib)),
        lambda lib: make(lib).contiguous(**kw(lib)),
        lambda lib: make(lib).to(lib.float64, **kw(lib)),
        lambda lib: make(lib).to(lib.float32, **kw(lib)),
        lambda lib: lib.zeros_like(make(lib), **kw(lib)),
    )
    if format != "preserve_format":
        same(lambda lib: make(lib).is_contiguous(**kw(lib)))


# ------------------------------------------------------------------ copies and pickles


class Named(cygrad.Tensor):
    pass


def round_trips():
    return (
        copy.deepcopy,
        lambda t: pickle.loads(pickle.dumps(t)),
        lambda t: pickle.loads(pickle.dumps(t, 2)),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trips(dtype):
    t = cygrad.arange(10).to(getattr(cygrad, dtype))[2:8].reshape(2, 3).t()
    for trip in round_trips():
        r = trip(t)
        assert r.tolist() == t.tolist() and r.dtype == t.dtype and r.stride() == t.stride()
        assert (
            r.storage_offset() == 2 and r.untyped_storage().nbytes() == t.untyped_storage().nbytes()
        )
        assert r.data_ptr() != t.data_ptr()


def test_round_trips_keep_what_belongs_to_a_tensor():
    for trip in round_trips():
        a = cygrad.arange(4.0)
        b = trip([a, a[1:], a.view(2, 2), a.data])
        b[0][1] = 100
        assert b[1][0] == b[2][0, 1] == 100
        x = cygrad.ones(2, requires_grad=True)
        x.label = "weights"
        y = trip(x)
        assert y.requires_grad and y.is_leaf and y.label == "weights"
        z = trip(Named([1, 2]))
        assert type(z) is Named and z.tolist() == [1, 2]
    x.grad = cygrad.full((2,), 3.0)
    assert copy.deepcopy(x).grad.tolist() == [3, 3]
    assert pickle.loads(pickle.dumps(x * 2)).is_leaf
    shallow = copy.copy(x)
    assert (
        shallow.data_ptr() == x.data_ptr() and shallow.label == "weights" and shallow.requires_grad
    )
    memo = {}
    assert copy.deepcopy(x, memo) is copy.deepcopy(x, memo)
    same(lambda lib: copy.deepcopy(lib.ones(2, requires_grad=True) * 2))


def test_copy_gradients():
    x = cygrad.arange(6.0).reshape(2, 3).requires_grad_()
    for y in (
        x.clone(),
        x.t().contiguous(),
        x.to(cygrad.float64),
        x.clone(memory_format=cygrad.contiguous_format),
    ):
        x.grad = None
        (y * y).sum().backward()
        assert x.grad.tolist() == (2 * x).tolist()
    assert (
        type(x.clone().grad_fn).__name__
        == type(x.t().contiguous().grad_fn).__name__
        == "CloneBackward0"
    )
