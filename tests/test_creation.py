"""Creation of tensors: values to the last bit, dtypes, layouts and errors of PyTorch."""

import math

import numpy as np
import pytest
from peer import same

import cygrad

torch = pytest.importorskip("torch")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
NUMBERS = ["uint8", "int8", "int16", "int32", "int64", *FLOATS]


@pytest.mark.parametrize(
    "data",
    [
        3,
        2.5,
        True,
        -(2**63),
        [],
        (),
        [[]],
        [[], []],
        [[], [1]],
        [1, 2],
        [1, 2.5],
        [True, 1],
        [True, 1, 2.5],
        [True, False],
        [[1, 2], [3, 4]],
        [[1, 2], [3]],
        [[1, 2], 3],
        [1, [2]],
        [1.5, [1]],
        [[[1], [2]], [[3], [4]]],
        [[[1, 2], [3, 4]], [[1, 2], [3]]],
        "a",
        ["a"],
        [["a"]],
        [[1], ["a"]],
        None,
        [None],
        [1, None],
        {},
        {1, 2},
        range(3),
        [range(3), (1, 2, 3)],
        2**63,
        [2**63],
        2**64,
        10**30,
        1e39,
        [1e39],
        float("nan"),
        [float("inf")],
        [b"ab"],
        bytearray(b"ab"),
        np.float64(1.5),
        np.float32(1.5),
        np.int32(1),
        np.bool_(True),
        [np.float32(1.5)],
        [np.float64(1.5), 1.0],
        [np.float32(1.5), 1],
        [np.int32(3)],
        [np.bool_(True)],
        [np.array([1, 2])] * 2,
        [np.array([1.0, 2]), [3, 4]],
        np.arange(4),
        np.arange(4)[::-1],
        np.arange(6).reshape(2, 3).T,
        np.array(1.5),
        np.arange(4, dtype=">i4"),
    ],
    ids=repr,
)
def test_tensor(data):
    same(
        lambda lib: lib.tensor(data),
        lambda lib: lib.as_tensor(data),
        lambda lib: lib.ones(1).new_tensor(data),
    )


@pytest.mark.parametrize("dtype", ["bool", *NUMBERS])
@pytest.mark.parametrize(
    "value",
    [
        0,
        1,
        -1,
        1.5,
        -1.5,
        127,
        128,
        -129,
        255,
        256,
        -255,
        -256,
        255.9,
        1e5,
        2**31,
        2**31 - 0.5,
        2**63,
        9.3e18,
        1e20,
        10**30,
        float("nan"),
        float("inf"),
        None,
        "a",
        [1, 2.5],
        [None],
        [[1], [2.5]],
        np.float64(2),
        np.int64(3),
        True,
    ],
    ids=repr,
)
def test_tensor_of_a_dtype(dtype, value):
    same(lambda lib: lib.tensor(value, dtype=getattr(lib, dtype)))


def test_tensors_in_lists():
    same(
        lambda lib: lib.tensor([lib.tensor(1), lib.tensor(2.5)]),
        lambda lib: lib.tensor([lib.tensor([1]), lib.tensor([2])]),
        lambda lib: lib.tensor([lib.tensor([1, 2])]),
        lambda lib: lib.tensor([lib.tensor([1.0, 2])]),
        lambda lib: lib.tensor([lib.tensor(1.5, dtype=lib.float64)]),
        lambda lib: lib.tensor([lib.tensor(2.7)], dtype=lib.int64),
        lambda lib: lib.tensor(lib.tensor([1, 2])),
        lambda lib: lib.tensor(lib.tensor([1.0, 2], requires_grad=True)),
        lambda lib: lib.tensor([1.0, 2], requires_grad=True),
        lambda lib: lib.tensor([1, 2], requires_grad=True),
        lambda lib: lib.tensor([1, 2], dtype=float),
        lambda lib: lib.tensor([1, 2], dtype="float32"),
        lambda lib: lib.tensor([1, 2], device="foo"),
        lambda lib: lib.tensor(lib.arange(6).reshape(2, 3).t()),
    )


def test_copy_construction_warns():
    with pytest.warns(UserWarning, match="sourceTensor.detach"):
        cygrad.tensor(cygrad.ones(2))


@pytest.mark.parametrize("name", ["zeros", "ones"])
def test_filled(name):
    same(
        lambda lib: getattr(lib, name)(2, 3),
        lambda lib: getattr(lib, name)((2, 3), dtype=lib.int64),
        lambda lib: getattr(lib, name)([2]),
        lambda lib: getattr(lib, name)(()),
        lambda lib: getattr(lib, name)(size=(2,)),
        lambda lib: getattr(lib, name)(lib.Size([2, 0])),
        lambda lib: getattr(lib, name)(lib.tensor(2), np.int64(3)),
        lambda lib: getattr(lib, name)(2, requires_grad=True),
        lambda lib: getattr(lib, name)(2, out=lib.empty(2)),
        lambda lib: getattr(lib, name)(2, out=lib.empty(2), dtype=lib.int64),
        lambda lib: getattr(lib, name)(),
        lambda lib: getattr(lib, name)(2.5),
        lambda lib: getattr(lib, name)(2, 2.5),
        lambda lib: getattr(lib, name)((2, 2.5)),
        lambda lib: getattr(lib, name)("a"),
        lambda lib: getattr(lib, name)(True),
        lambda lib: getattr(lib, name)(-1),
        lambda lib: getattr(lib, name)(2, -1),
        lambda lib: getattr(lib, name)((2,), 3),
        lambda lib: getattr(lib, name)(2, (3,)),
        lambda lib: getattr(lib, name)(None),
        lambda lib: getattr(lib, name)(range(2)),
        lambda lib: getattr(lib, name)(lib.tensor([2, 3])),
        lambda lib: getattr(lib, name)(2, dtype="x"),
        lambda lib: getattr(lib, name)(2, foo=1),
        lambda lib: getattr(lib, name)(2, out=3),
        lambda lib: getattr(lib, name)(2, requires_grad=True, dtype=lib.int64),
        lambda lib: getattr(lib, name + "_like")(lib.empty(2, 3).t()),
        lambda lib: getattr(lib, name + "_like")(lib.empty(3, 4)[:, ::2]),
        lambda lib: getattr(lib, name + "_like")(lib.empty(4, 5, 6).permute(2, 0, 1)[::2]),
        lambda lib: getattr(lib, name + "_like")(
            lib.empty(3, 1, 5).permute(2, 1, 0).expand(5, 4, 3)
        ),
        lambda lib: getattr(lib, name + "_like")(
            lib.empty(2, 3).t(), memory_format=lib.contiguous_format
        ),
        lambda lib: getattr(lib, name + "_like")(
            lib.empty(2, 3, 2, 2), memory_format=lib.channels_last
        ),
        lambda lib: getattr(lib, name + "_like")(lib.empty(2), memory_format=lib.channels_last),
        lambda lib: getattr(lib, name + "_like")(lib.empty(2), dtype=lib.int64),
        lambda lib: getattr(lib, name + "_like")([1]),
        lambda lib: getattr(lib.empty(1, dtype=lib.int32), "new_" + name)(2, 3),
        lambda lib: getattr(lib.empty(1, dtype=lib.int32), "new_" + name)(
            (2, 3), dtype=lib.float64
        ),
        lambda lib: getattr(lib.empty(1), "new_" + name)(size=(2,), requires_grad=True),
        lambda lib: getattr(lib.empty(1), "new_" + name)(-2),
    )


@pytest.mark.parametrize("dtype", [None, "bool", *NUMBERS])
@pytest.mark.parametrize(
    "value",
    [
        0,
        3,
        2.5,
        True,
        -1,
        300,
        -255,
        2**40,
        1e10,
        1e39,
        1e5,
        -1e300,
        2**64,
        float("inf"),
        np.float64(2),
        "a",
        None,
    ],
)
def test_full(dtype, value):
    same(
        lambda lib: lib.full((2, 2), value, dtype=dtype and getattr(lib, dtype)),
        lambda lib: lib.empty(1).new_full((2,), value, dtype=dtype and getattr(lib, dtype)),
        lambda lib: lib.full_like(lib.empty(2, 3).t(), value, dtype=dtype and getattr(lib, dtype)),
    )


def test_full_arguments():
    same(
        lambda lib: lib.full((2,), lib.tensor(3)),
        lambda lib: lib.full((2,), lib.tensor(3.0), dtype=lib.int64),
        lambda lib: lib.full((2,), lib.tensor([3])),
        lambda lib: lib.full((2,), lib.tensor(3.0, requires_grad=True)),
        lambda lib: lib.full(2, 1),
        lambda lib: lib.full([2, 2], fill_value=3.0),
        lambda lib: lib.full((-2,), 3),
        lambda lib: lib.full((2,), 3, requires_grad=True),
        lambda lib: lib.empty(1).new_full(2, 5),
        lambda lib: lib.scalar_tensor(3),
        lambda lib: lib.scalar_tensor(3.5, dtype=lib.int64),
        lambda lib: lib.scalar_tensor([1]),
        lambda lib: lib.scalar_tensor(True),
    )


def test_empty():
    same(
        lambda lib: lib.empty(2, 3).shape,
        lambda lib: lib.empty(1, 2, 3, 4, memory_format=lib.channels_last).stride(),
        lambda lib: lib.empty(2, memory_format=lib.channels_last),
        lambda lib: lib.empty(1, 2, 3, 4, memory_format=lib.preserve_format),
        lambda lib: lib.empty((2, -2)),
        lambda lib: lib.empty_strided((2, 2), (1, 2)).stride(),
        lambda lib: lib.empty_strided((2, 2), (1,)),
        lambda lib: lib.empty_strided((2, 2), (-1, 2)),
        lambda lib: lib.ones(1).new_empty_strided((2, 2), (1, 2)).stride(),
        lambda lib: lib.empty_permuted((2, 3, 4), (2, 0, 1)).stride(),
        lambda lib: lib.empty_permuted((2, 3, 4), (2, 0)),
        lambda lib: lib.ones(2).new_empty(2, "a"),
        lambda lib: lib.ones(2).new([1, 2]),
    )


@pytest.mark.parametrize("dtype", [None, "bool", *NUMBERS])
@pytest.mark.parametrize(
    "args",
    [
        (5,),
        (1, 5),
        (1, 5, 2),
        (5, 1, -1),
        (0, 1, 0.1),
        (0, 5, 0.3),
        (-1.0, 1.0, 0.25),
        (0, 7, 0.7),
        (0.5, 4.5),
        (5.0,),
        (3, 3),
        (1, 5, -1),
        (1, 5, 0),
        (-5,),
        (float("inf"),),
        (float("nan"),),
        ("a",),
        (None,),
        (True,),
        (0.5, 4.5, 1.5),
        (100,),
        (0, 100, 0.01),
        (10, 20, 1e-1),
        (2**40, 2**40 + 3),
    ],
)
def test_arange(args, dtype):
    kw = lambda lib: {} if dtype is None else {"dtype": getattr(lib, dtype)}  # noqa: E731
    same(lambda lib: lib.arange(*args, **kw(lib)))
    # PyTorch's process dies of a division by zero for integers and steps below one.
    if len(args) > 1 and dtype in (None, "float32", "float64"):
        same(lambda lib: lib.range(*args, **kw(lib)))


def test_arange_arguments():
    same(
        lambda lib: lib.arange(end=4),
        lambda lib: lib.arange(start=1, end=4),
        lambda lib: lib.arange(start=1, end=4, step=2),
        lambda lib: lib.arange(1, end=4),
        lambda lib: lib.arange(1, 9, step=3),
        lambda lib: lib.arange(),
        lambda lib: lib.arange(1, 2, 3, 4),
        lambda lib: lib.arange(lib.tensor(5)),
        lambda lib: lib.arange(lib.tensor(5.0)),
        lambda lib: lib.arange(lib.tensor([5])),
        lambda lib: lib.arange(np.float64(3)),
        lambda lib: lib.arange(np.int64(3)),
        lambda lib: lib.arange(3, out=lib.empty(0)),
        lambda lib: lib.arange(3, requires_grad=True),
        lambda lib: lib.arange(3.0, requires_grad=True),
    )


@pytest.mark.parametrize("dtype", [None, "bool", *NUMBERS])
@pytest.mark.parametrize(
    "args",
    [
        (0, 1, 5),
        (0, 1, 1),
        (0, 1, 0),
        (-3, 10, 50),
        (1, 0, 7),
        (0.1, 0.7, 11),
        (0, 100, 33),
        (0, 1, -1),
        (-1, 1, 1000),
    ],
)
def test_linspace(args, dtype):
    kw = lambda lib: {} if dtype is None else {"dtype": getattr(lib, dtype)}  # noqa: E731
    if not (dtype == "uint8" and args[0] < 0):
        same(lambda lib: lib.linspace(*args, **kw(lib)))


def test_spaces():
    same(
        lambda lib: lib.linspace(lib.tensor(0), lib.tensor(1.0), 5),
        lambda lib: lib.linspace(0, lib.tensor([1.0, 2]), 5),
        lambda lib: lib.linspace(start=0, end=1, steps=3),
        lambda lib: lib.linspace(0, 1),
        lambda lib: lib.linspace(0, 1, 2.5),
        lambda lib: lib.logspace(0, 3, 4, base=2, dtype=lib.int64),
        lambda lib: lib.logspace(-10, 10, 5, dtype=lib.float64),
        lambda lib: lib.logspace(0, 1, 1),
        lambda lib: lib.linspace(0, 1, 5, out=lib.empty(5)),
        lambda lib: lib.linspace(4.3, -3, 50, dtype=lib.int64),  # from 4
        lambda lib: lib.linspace(0, 7, 50, dtype=lib.int32),
        lambda lib: lib.linspace(0, 2**53 + 2, 3, dtype=lib.int64),
        lambda lib: lib.linspace(0, 300, 3, dtype=lib.uint8),
        lambda lib: lib.linspace(0, math.inf, 3, dtype=lib.int64),
    )
    for args in ((0, 1, 50), (-3, 2, 17), (0, 1, 8, 2)):
        mine, theirs = cygrad.logspace(*args).tolist(), torch.logspace(*args).tolist()
        assert mine == pytest.approx(theirs, rel=2e-7)


def test_eye():
    same(
        *[
            lambda lib, a=a: lib.eye(*a)
            for a in ((3,), (2, 3), (3, 2), (0,), (-1,), (2, -1), (2.5,))
        ]
    )
    same(
        lambda lib: lib.eye(3, dtype=lib.bool),
        lambda lib: lib.eye(2, out=lib.empty(0)),
        lambda lib: lib.eye(n=2, m=3),
    )


@pytest.mark.parametrize(
    "name", ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]
)
def test_windows(name):
    for n in (0, 1, 2, 3, 5, 8, 33):
        for periodic in (True, False):
            mine, theirs = (getattr(lib, name)(n, periodic).tolist() for lib in (cygrad, torch))
            assert mine == pytest.approx(theirs, abs=1e-6)
            mine, theirs = (
                getattr(lib, name)(n, periodic, dtype=lib.float64).tolist()
                for lib in (cygrad, torch)
            )
            assert mine == pytest.approx(theirs, abs=1e-14)
    same(
        lambda lib: getattr(lib, name)(-1),
        lambda lib: getattr(lib, name)(4, dtype=lib.int64),
        lambda lib: getattr(lib, name)(4, requires_grad=True).requires_grad,
    )


def test_vander():
    same(
        lambda lib: lib.vander(lib.tensor([1, 2, 3])),
        lambda lib: lib.vander(lib.tensor([1, 2, 3], dtype=lib.int32), 2, increasing=True),
        lambda lib: lib.vander(lib.tensor([1.5, 2, 3]), N=5),
        lambda lib: lib.vander(lib.ones(2, 2)),
        lambda lib: lib.vander(lib.ones(2), -1),
        lambda lib: lib.vander(lib.ones(2), 0),
    )


def test_asarray_and_frombuffer():
    a = np.arange(4.0)
    assert cygrad.asarray(a).data_ptr() == a.ctypes.data == cygrad.as_tensor(a).data_ptr()
    t = cygrad.ones(2)
    assert cygrad.asarray(t) is t and cygrad.as_tensor(t) is t
    leaf = cygrad.ones(2, requires_grad=True)
    result = leaf + 2
    assert cygrad.asarray(leaf) is leaf and cygrad.asarray(result) is result
    assert cygrad.asarray(result, requires_grad=False).is_leaf
    assert type(cygrad.asarray(result, copy=True).grad_fn).__name__ == "CloneBackward0"
    assert cygrad.asarray(leaf, requires_grad=False) is leaf and not leaf.requires_grad
    assert cygrad.asarray(leaf, requires_grad=True) is leaf and leaf.requires_grad
    same(
        lambda lib: lib.asarray([1, 2]),
        lambda lib: lib.asarray([1, 2.0], dtype=lib.int64),
        lambda lib: lib.asarray(a, copy=True),
        lambda lib: lib.asarray(3.5),
        lambda lib: lib.asarray("ab"),
        lambda lib: lib.asarray([1], copy=False),
        lambda lib: lib.asarray(lib.ones(2), dtype=lib.int64, copy=False),
        lambda lib: lib.asarray(lib.ones(2), requires_grad=True),
        lambda lib: lib.asarray(b"abcd", dtype=lib.int32),
        lambda lib: lib.frombuffer(b"abcd", dtype=lib.uint8),
        lambda lib: lib.frombuffer(bytearray(b"abcd"), dtype=lib.int16, count=1, offset=2),
        lambda lib: lib.frombuffer(bytearray(b"abcde"), dtype=lib.int16),
        lambda lib: lib.frombuffer(bytearray(b"abcd"), dtype=lib.int16, count=3),
        lambda lib: lib.frombuffer(bytearray(b"abcd"), dtype=lib.int16, offset=5),
        lambda lib: lib.frombuffer(bytearray(b"abcd"), dtype=lib.int16, offset=3),
        lambda lib: lib.frombuffer(bytearray(b""), dtype=lib.int16),
        lambda lib: lib.frombuffer(3, dtype=lib.int16),
    )
    buffer = bytearray(4)
    t = cygrad.frombuffer(buffer, dtype=cygrad.uint8)
    t[1] = 7
    assert buffer[1] == 7
    with pytest.raises(BufferError):
        buffer.append(1)


def test_legacy_constructors():
    same(
        lambda lib: lib.Tensor(2, 3).shape,
        lambda lib: lib.Tensor(),
        lambda lib: lib.Tensor([1, 2]),
        lambda lib: lib.Tensor((1, 2)),
        lambda lib: lib.Tensor(np.array([1, 2])),
        lambda lib: lib.Tensor(lib.ones(2, dtype=lib.int64)),
        lambda lib: lib.Tensor(lib.Size([2])).shape,
        lambda lib: lib.Tensor([[1, 2], [3]]),
        lambda lib: lib.Tensor(2.5),
        lambda lib: lib.Tensor("a"),
        lambda lib: lib.Tensor(None),
        lambda lib: lib.Tensor(2, "a"),
        lambda lib: lib.Tensor(-1),
        lambda lib: lib.LongTensor([1.5, 2]),
        lambda lib: lib.LongTensor(2).shape,
        lambda lib: lib.LongTensor(lib.ones(2)),
        lambda lib: lib.LongTensor(lib.ones(2, dtype=lib.int64)),
        lambda lib: lib.FloatTensor(np.array([1, 2])),
        lambda lib: lib.FloatTensor(),
        lambda lib: lib.ByteTensor([1, 300]),
        lambda lib: lib.BFloat16Tensor([1.5]),
        lambda lib: repr(lib.FloatTensor),
        lambda lib: isinstance(lib.ones(1), lib.FloatTensor),
        lambda lib: isinstance(lib.ones(1), lib.LongTensor),
        lambda lib: issubclass(lib.FloatTensor, lib.Tensor),
        lambda lib: lib.ones(1).type(),
        lambda lib: lib.ones(1).type("torch.LongTensor"),
        lambda lib: lib.ones(1).type(lib.LongTensor),
        lambda lib: lib.ones(1).type(lib.int64),
        lambda lib: lib.ones(1).type("foo"),
        lambda lib: lib.ones(1).type(3),
        lambda lib: lib.set_default_tensor_type(lib.LongTensor),
        lambda lib: lib.set_default_tensor_type("torch.FooTensor"),
    )
    t = cygrad.ones(2)
    assert cygrad.Tensor(t).data_ptr() == t.data_ptr()


def test_default_dtype():
    for lib in (cygrad, torch):
        lib.set_default_dtype(lib.float64)
    try:
        same(
            lambda lib: lib.tensor(1.5),
            lambda lib: lib.tensor([1, 1.5]),
            lambda lib: lib.ones(2),
            lambda lib: lib.full((2,), 1.5),
            lambda lib: lib.arange(2.0),
            lambda lib: lib.rand(2).dtype,
            lambda lib: lib.Tensor([1]),
        )
    finally:
        for lib in (cygrad, torch):
            lib.set_default_dtype(lib.float32)


def test_questions():
    same(
        lambda lib: lib.is_tensor(3),
        lambda lib: lib.is_tensor(lib.ones(1)),
        lambda lib: lib.is_floating_point(lib.ones(1)),
        lambda lib: lib.is_floating_point(3),
        lambda lib: lib.numel(lib.ones(2, 3)),
        lambda lib: lib.numel(3),
        lambda lib: lib.is_nonzero(lib.ones(1)),
        lambda lib: lib.is_nonzero(lib.ones(2)),
        lambda lib: lib.is_nonzero(lib.ones(0)),
        lambda lib: lib.is_complex(lib.ones(1)),
    )


@pytest.mark.parametrize("dtype", ["bool", *NUMBERS])
def test_limits(dtype):
    def limits(lib, name):
        info = getattr(lib, name)(getattr(lib, dtype))
        return repr(info), {
            a: getattr(info, a)
            for a in dir(torch.finfo if name == "finfo" else torch.iinfo)
            if a[0] != "_"
        }

    same(lambda lib: limits(lib, "finfo"), lambda lib: limits(lib, "iinfo"))


def test_constants():
    same(
        lambda lib: repr(
            [
                lib.strided,
                lib.sparse_coo,
                lib.channels_last,
                lib.preserve_format,
                lib.contiguous_format,
            ]
        ),
        lambda lib: repr([type(lib.strided), type(lib.channels_last)]),
        lambda lib: lib.layout(),
        lambda lib: lib.memory_format(),
        lambda lib: repr(lib.ones(1).layout),
    )
    with pytest.raises(NotImplementedError, match="complex32"):
        cygrad.zeros(2, dtype=cygrad.complex32)
    with pytest.raises(NotImplementedError, match="layout"):
        cygrad.zeros(2, layout=cygrad.sparse_coo)
