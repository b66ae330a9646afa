"""Indexing, gather and scatter, masks, joining and moving: against NumPy, and against PyTorch where it is there."""

import random
import timeit

import numpy as np
import pytest

import cygrad

DTYPES = ("float32", "float64", "int64", "uint8", "float16", "bool")


def of_numpy(a):
    return cygrad.from_numpy(np.array(a, order="C"))


# ------------------------------------------------------------------ against NumPy


def random_item(rng, n):
    """An index item for a dimension of n elements and how many dimensions it takes."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randrange(-n, n), 1
    if kind < 4:
        start, stop = (rng.choice([None, rng.randrange(-n, n)]) for _ in range(2))
        return slice(start, stop, rng.choice([None, 1, 2, 3])), 1
    if kind == 4:
        return None, 0
    if kind == 5:
        return np.array([rng.randrange(-n, n) for _ in range(3)]), 1
    if kind == 6:
        return np.array([[rng.randrange(-n, n)] for _ in range(2)]), 1
    return np.array([rng.random() < 0.5 for _ in range(n)]), 1


def random_index(rng, shape):
    items, d = [], 0
    while d < len(shape) and rng.random() < 0.8:
        item, taken = random_item(rng, shape[d])
        items.append(item)
        d += taken
    # What stands between two index arrays moves their dimensions to the front in NumPy, but in PyTorch only if it takes
    # a dimension: keep to what both mean.
    if any(isinstance(i, np.ndarray) for i in items):
        items = [slice(i, i + 1 or None) if isinstance(i, int) else i for i in items if i is not None]
    if rng.random() < 0.3:
        items.append(Ellipsis)
    return tuple(items)


def as_cygrad(index):
    return tuple(of_numpy(i) if isinstance(i, np.ndarray) else i for i in index)


@pytest.mark.parametrize("seed", range(20))
def test_getitem_and_setitem_are_numpys(seed):
    rng = random.Random(seed)
    for _ in range(60):
        shape = [rng.randint(1, 5) for _ in range(rng.randint(0, 4))]
        a = np.arange(np.prod(shape, dtype=int), dtype=rng.choice(["float32", "int64", "uint8"])).reshape(shape)
        index = random_index(rng, shape)
        if sum(isinstance(i, np.ndarray) and i.dtype == bool for i in index) > 1:
            continue
        x = of_numpy(a.copy())
        try:
            want = a[index]
        except IndexError:
            with pytest.raises(IndexError):
                x[as_cygrad(index)]
            continue
        got = x[as_cygrad(index)]
        assert tuple(got.shape) == want.shape
        np.testing.assert_array_equal(got.numpy(), want)
        value = rng.randint(0, 9)
        a[index] = value
        x[as_cygrad(index)] = value
        np.testing.assert_array_equal(x.numpy(), a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_and_layouts(dtype):
    a = np.arange(60).reshape(3, 4, 5).astype(dtype)
    i = np.array([2, 0])
    for b, y in ((a, of_numpy(a)), (a.transpose(2, 0, 1), of_numpy(a).permute(2, 0, 1))):
        np.testing.assert_array_equal(y[of_numpy(i)].numpy(), b[i])
        np.testing.assert_array_equal(y[:, of_numpy(i)].numpy(), b[:, i])
        np.testing.assert_array_equal(y[y > 0].numpy(), b[b > 0])
        np.testing.assert_array_equal(cygrad.cat([y, y], 1).numpy(), np.concatenate([b, b], 1))
        np.testing.assert_array_equal(cygrad.stack([y, y], -1).numpy(), np.stack([b, b], -1))
        np.testing.assert_array_equal(cygrad.flip(y, (0, 2)).numpy(), np.flip(b, (0, 2)))
        np.testing.assert_array_equal(cygrad.roll(y, (1, -2), (0, 1)).numpy(), np.roll(b, (1, -2), (0, 1)))
        np.testing.assert_array_equal(cygrad.tril(y, -1).numpy(), np.tril(b, -1))
        np.testing.assert_array_equal(cygrad.where(y > 7, y, y[0, 0, 0]).numpy(), np.where(b > 7, b, b[0, 0, 0]))
        np.testing.assert_array_equal(y.repeat(2, 1, 3).numpy(), np.tile(b, (2, 1, 3)))


def test_views_share_memory():
    x = of_numpy(np.zeros((3, 4), "float32"))
    x[1][2] = 5
    x[:, 0] = 7
    x[..., 3].fill_(9)
    assert x.tolist() == [[7, 0, 0, 9], [7, 0, 5, 9], [7, 0, 0, 9]]


def test_large_work_over_threads():
    a = np.random.default_rng(0).standard_normal((400, 500)).astype("float32")
    i = np.random.default_rng(1).integers(0, 400, 1000)
    x = of_numpy(a)
    np.testing.assert_array_equal(x[of_numpy(i)].numpy(), a[i])
    np.testing.assert_array_equal(x[:, of_numpy(i % 500)].numpy(), a[:, i % 500])
    want = np.zeros_like(a)
    np.add.at(want, i % 400, a[i])
    got = cygrad.index_add(of_numpy(np.zeros_like(a)), 0, of_numpy(i % 400), of_numpy(a[i]))
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)
    k = np.random.default_rng(2).integers(0, 500, (400, 500))
    np.testing.assert_array_equal(cygrad.gather(x, 1, of_numpy(k)).numpy(), np.take_along_axis(a, k, 1))
    np.testing.assert_array_equal(cygrad.triu(x).numpy(), np.triu(a))
    np.testing.assert_array_equal(x[x > 0].numpy(), a[a > 0])


@pytest.mark.parametrize(
    "index, error, text",
    [
        (3, IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        ((0, 9), IndexError, "index 9 is out of bounds for dimension 1 with size 4"),
        ((0, 1, 2), IndexError, "too many indices for tensor of dimension 2"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(None, None, 0), ValueError, "slice step cannot be zero"),
        ([0, 5], IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
        (1.5, IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                          "indices (got float)"),
        ("a", TypeError, "new(): invalid data type 'str'"),
        (np.array([True, False]), IndexError, "The shape of the mask [2] at index 0 does not match the shape of the "
                                              "indexed tensor [3, 4] at index 0"),
    ],
)  # fmt: skip
def test_index_errors(index, error, text):
    x = of_numpy(np.zeros((3, 4), "float32"))
    with pytest.raises(error) as e:
        x[index]
    assert str(e.value) == text


@pytest.mark.parametrize(
    "index, value, error, text",
    [
        (0, [1, 2], TypeError, "can't assign a list to a torch.FloatTensor"),
        (0, np.arange(4), TypeError, "can't assign a numpy.ndarray to a torch.FloatTensor"),
        ([0, 1], np.zeros(3, "float32"), RuntimeError, "shape mismatch: value tensor of shape [3] cannot be broadcast "
                                                       "to indexing result of shape [2, 4]"),
        ([0, 1], np.zeros(4, "int32"), RuntimeError, "Index put requires the source and destination dtypes match, got "
                                                     "Float for the destination and Int for the source."),
        (0, np.zeros(3, "float32"), RuntimeError, "The expanded size of the tensor (4) must match the existing size "
                                                  "(3) at non-singleton dimension 0.  Target sizes: [4].  "
                                                  "Tensor sizes: [3]"),
    ],
)  # fmt: skip
def test_setitem_errors(index, value, error, text):
    x = of_numpy(np.zeros((3, 4), "float32"))
    if isinstance(value, np.ndarray) and "assign" not in text:
        value = of_numpy(value)
    with pytest.raises(error) as e:
        x[index] = value
    assert str(e.value) == text


def test_an_index_out_of_range_writes_nothing():
    x = of_numpy(np.zeros((3, 4), "float32"))
    for write in (
        lambda: x.index_add_(0, of_numpy(np.array([0, 9])), of_numpy(np.ones((2, 4), "float32"))),
        lambda: x.scatter_(0, of_numpy(np.array([[0], [9]])), 1.0),
        lambda: x.__setitem__([0, 9], 1),
    ):
        with pytest.raises((IndexError, RuntimeError)):
            write()
        assert not x.any()


def test_plain_indexing_is_fast():
    x = of_numpy(np.zeros((10, 20), "float32"))
    best = min(timeit.repeat(lambda: x[3], number=2000, repeat=5)) / 2000
    assert best < 2e-6


# ------------------------------------------------------------------ against PyTorch

torch = pytest.importorskip("torch")


def cy(x):
    """PyTorch arguments as cygrad's."""
    if isinstance(x, torch.Tensor):
        r = of_numpy(x.detach().numpy())
        return r.requires_grad_() if x.requires_grad else r
    if isinstance(x, torch.dtype):
        return getattr(cygrad, str(x).removeprefix("torch."))
    if isinstance(x, (tuple, list)):
        return type(x)(cy(y) for y in x)
    return x


def assert_same(want, got):
    if isinstance(want, torch.Tensor):
        assert str(got.dtype) == str(want.dtype)
        assert tuple(got.shape) == tuple(want.shape)
        tolerance = {torch.float32: 1e-5, torch.float16: 1e-2}.get(want.dtype, 1e-9)
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=tolerance, atol=tolerance)
    else:
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert_same(w, g)


def first(result):
    return result[0] if isinstance(result, tuple) else result


def compare(function, *args, names=True, **kw):
    """`function(library, *args)` in both: result, error, grad_fn's name, first and second derivatives."""
    leaves = [
        a.clone().requires_grad_() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in args
    ]
    mirror = [cy(a) for a in leaves]
    try:
        want = function(torch, *leaves, **kw)
    except Exception as e:
        with pytest.raises(type(e)) as raised:
            function(cygrad, *mirror, **{k: cy(v) for k, v in kw.items()})
        assert str(raised.value) == str(e)
        return
    got = function(cygrad, *mirror, **{k: cy(v) for k, v in kw.items()})
    assert_same(want, got)
    want, got = first(want), first(got)
    if want.grad_fn is None:
        assert got.grad_fn is None
        return
    if names:
        assert type(got.grad_fn).__name__ == type(want.grad_fn).__name__
    pairs = [(t, c) for t, c in zip(leaves, mirror, strict=True) if isinstance(t, torch.Tensor) and t.requires_grad]
    seed = torch.randn_like(want).requires_grad_()
    pairs.append((seed, cy(seed)))
    try:
        w = torch.autograd.grad(want, [t for t, _ in pairs[:-1]], seed, create_graph=True, allow_unused=True)
    except RuntimeError:                # not differentiable in PyTorch
        return
    g = cygrad.autograd.grad(got, [c for _, c in pairs[:-1]], pairs[-1][1], create_graph=True, allow_unused=True)
    for a, b in zip(w, g, strict=True):
        if a is None:
            continue
        assert_same(a, b)
        if a.grad_fn is None:
            continue
        h = torch.randn_like(a)
        w2 = torch.autograd.grad(a, [t for t, _ in pairs], h, retain_graph=True, allow_unused=True)
        g2 = cygrad.autograd.grad(b, [c for _, c in pairs], cy(h), retain_graph=True, allow_unused=True)
        for (t, c), x, y in zip(pairs, w2, g2, strict=True):
            assert_same(torch.zeros_like(t) if x is None else x, cygrad.zeros_like(c) if y is None else y)


def call(name, *args, names=True, **kw):
    def function(lib, *args, **kw):
        f = getattr(lib, name, None) or getattr(lib.Tensor, name)
        return f(*args, **kw)

    compare(function, *args, names=names, **kw)


def R(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def ints(n, *shape):
    return torch.randint(0, n, shape)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


INDICES = [
    0, (0, 1), slice(None), slice(1, 3), slice(None, None, 2), Ellipsis, (Ellipsis, -1), None, True, False,
    (None, Ellipsis, -1), [0, 2, 0], (slice(None), [1, 1]), ([0, 2], slice(1, 3), [1, 1]), ([0, 1], None),
    (0, slice(None), [1, 0]), ([[0, 1], [2, 2]], [0, 3]), ((slice(0, 2), 0)), (), [[0, 1], [1, 2]], [True, False, True],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_getitem_gradients(index):
    compare(lambda lib, x: x[index], R(3, 4, 5))


@pytest.mark.parametrize("index", [i for i in INDICES if i is not False], ids=str)
def test_setitem_gradients(index):
    def write(lib, x, v):
        y = x * 1.0
        y[index] = v
        return y

    shape = R(3, 4, 5)[index].shape
    compare(write, R(3, 4, 5), R(*shape), names=False)
    compare(write, R(3, 4, 5), R(1), names=False)
    compare(write, R(3, 4, 5), 2.0, names=False)


def test_masks():
    x = R(3, 4, 5)
    compare(lambda lib, x, m: x[m], x, x > 0)
    compare(lambda lib, x, m: x[:, m], x, x[0] > 0)
    compare(lambda lib, x, m: x[m], x, x[1] > 0)
    call("masked_fill", x, x > 0, 1.5)
    call("masked_fill", x, R(4, 1) > 0, torch.tensor(2.0).double())
    call("masked_select", x, R(5) > 0)
    call("masked_select", x, x > 100)
    call("masked_scatter", x, R(5) > 0, R(3, 4, 5))
    call("masked_scatter", x, x > 0, R(2))
    call("where", x > 0, x, R(5))
    call("where", x > 0, x, 1.5)
    call("where", x > 0)
    call("where", ints(2, 3), 1, 2)
    call("nonzero", ints(2, 4, 4))
    call("argwhere", R(3, 3) > 0)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gather_scatter(dim):
    x, index = R(3, 4, 5), ints(3, 2, 3, 4)
    n = x.shape[dim]
    shape = list(x.shape)
    shape[dim] = 6
    call("gather", x, dim, index)
    call("scatter", x, dim, index, 1.5)
    call("scatter_add", x, dim, index, R(2, 3, 4))
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        for include_self in (True, False):
            call("scatter_reduce", x, dim, index, R(2, 3, 4), reduce, include_self=include_self)
            if reduce != "sum":
                call("index_reduce", x, dim, ints(n, 6), R(*shape), reduce, include_self=include_self)
    call("index_select", x, dim, ints(n, 6))
    call("index_add", x, dim, ints(n, 6), R(*shape), alpha=2.5)
    call("index_fill", x, dim, ints(n, 2), 2.0)
    shape[dim] = 2
    call("index_copy", x, dim, torch.randperm(n)[:2], R(*shape))


def test_index_errors_of_functions():
    x = R(3, 4, 5)
    call("gather", x, 1, torch.zeros(3, 1, 5))
    call("gather", x, 1, ints(2, 3, 1))
    call("gather", x, 1, ints(2, 4, 1, 5))
    call("gather", x, 1, torch.full((3, 1, 5), 4))
    call("scatter", x, 1, ints(2, 4, 1, 5), 2.0)
    call("scatter", x, 1, ints(2, 3, 5, 5), R(3, 4, 5))
    call("scatter_reduce", x, 1, ints(2, 3, 1, 5), x, "foo")
    call("index_select", x, 0, ints(3, 2) + 3)
    call("index_add", x, 0, ints(3, 2), x)
    call("index_copy", x, 0, ints(3, 2) + 5, R(2, 4, 5))
    call("index_fill", x, 0, ints(3, 2), R(2))
    call("take", x, ints(3, 2) + 60)
    call("take_along_dim", x, ints(4, 3), 1)


def test_flat_positions():
    x = R(3, 4, 5)
    call("take", x, ints(60, 3, 2) - 60)
    call("put", x, torch.randperm(60)[:6].reshape(2, 3), R(6))
    call("put", x, ints(60, 20), R(20), accumulate=True)
    call("take_along_dim", x, ints(4, 1, 1, 1), 1)
    call("take_along_dim", x, ints(60, 4))
    call("index_put", x, (ints(3, 4),), R(4, 5), accumulate=True)
    call("index_put", x, (x > 0,), torch.tensor(1.0).double())


@pytest.mark.parametrize(
    "name, args",
    [
        ("scatter_", lambda: (1, ints(4, 3, 4, 5), 1.0)),
        ("scatter_add_", lambda: (1, ints(4, 3, 4, 5), R(3, 4, 5))),
        ("index_add_", lambda: (0, ints(3, 4), R(4, 4, 5))),
        ("index_copy_", lambda: (0, torch.tensor([2, 0]), R(2, 4, 5))),
        ("index_fill_", lambda: (0, ints(3, 2), 1.0)),
        ("masked_fill_", lambda: (R(3, 4, 5) > 0, 1.0)),
        ("masked_scatter_", lambda: (R(3, 4, 5) > 0, R(60))),
        ("put_", lambda: (torch.randperm(60)[:5], R(5))),
        ("scatter_reduce_", lambda: (1, ints(4, 3, 4, 5), R(3, 4, 5), "prod")),
        ("index_reduce_", lambda: (0, ints(3, 6), R(6, 4, 5), "amax")),
        ("tril_", lambda: (1,)),
        ("cumsum_", lambda: (1,)),
    ],
)
def test_in_place_twins(name, args):
    compare(lambda lib, x, *a: getattr(x * 1.0, name)(*a), R(3, 4, 5), *args())


def test_joining():
    for dim in (0, 1, -1):
        compare(lambda lib, *a, dim=dim: lib.cat(a, dim), R(3, 4, 5), R(3, 4, 5))
        compare(lambda lib, *a, dim=dim: lib.stack(a, dim), R(3, 4, 5), R(3, 4, 5))
    compare(lambda lib, *a: lib.cat(a), R(3, 4), torch.zeros(0), R(2, 4).float())
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        compare(lambda lib, *a, name=name: getattr(lib, name)(a), R(3), R(3))
    for bad in (lambda lib: lib.cat([]), lambda lib: lib.stack([]), lambda lib: lib.hstack([])):
        compare(bad)
    compare(lambda lib, a, b: lib.cat([a, b]), R(2, 3), R(2, 2))
    compare(lambda lib, a, b: lib.cat([a, b]), R(2, 3), R(2))
    compare(lambda lib, a, b: lib.stack([a, b]), R(2, 3), R(2, 2))
    compare(lambda lib, a: lib.cat(a), R(2, 3))
    compare(lambda lib, a: lib.cat([a, a]), torch.tensor(1.0).double())
    call("block_diag", R(2, 3), R(3), torch.tensor(1.0).double())


def test_moving():
    x = R(3, 4, 5)
    call("flip", x, (1, -1))
    call("flip", x, (0, 0))
    for args in ((1,), (1, 0), ((1, 2), (0, 1)), (-7, 1), ((1, 1), (0, 0)), ((1, 2),)):
        call("roll", x, *args)
    for k in range(5):
        call("rot90", x, k, (2, 0))
    for k in (-9, -1, 0, 2, 9):
        call("tril", x, k)
        call("triu", x, k)
    for offset in (-2, 0, 1):
        call("diag", R(4), offset)
        call("diag", R(4, 3), offset)
        call("diag_embed", x, offset, 0, 2)
        call("diagonal_scatter", x, x.diagonal(offset, 0, 2).clone(), offset, 0, 2)
        call("tril_indices", 3, 4, offset)
        call("triu_indices", 4, 3, offset)
    call("repeat", x, (2, 1, 2, 1))
    call("repeat", x, (2, 1))
    call("tile", x, (2,))
    call("repeat_interleave", x, 2, 1, names=False)
    call("repeat_interleave", x, torch.tensor([1, 0, 2]), 0)
    call("repeat_interleave", x, torch.tensor([1, 2]), 0)
    call("select_scatter", x, R(3, 5), 1, -1)
    call("slice_scatter", x, R(3, 2, 5), 1, 0, 4, 2)
    call("slice_scatter", x, R(3, 2, 5), 1, 0, 4)


def test_grids_and_sets():
    for indexing in ("ij", "xy", "foo"):
        call("meshgrid", R(3), R(4), R(2), indexing=indexing)
    call("cartesian_prod", R(2), R(3))
    call("combinations", R(4), 3)
    call("combinations", R(4), 2, True)
    call("broadcast_tensors", R(3, 1), R(4))
    call("broadcast_tensors", R(3), R(4))
    call("isin", ints(5, 4), ints(3, 3), invert=True)
    call("unravel_index", ints(20, 3), (4, 5))
    compare(lambda lib, x: lib.nn.functional.one_hot(x, 5), ints(3, 2, 2))


def test_fill_diagonal():
    zeros = torch.zeros
    assert zeros(3, 2).fill_diagonal_(5).tolist() == [[5, 0], [0, 5], [0, 0]]
    assert zeros(2, 3).fill_diagonal_(5, wrap=True).tolist() == [[5, 0, 0], [0, 5, 0]]
    tall = [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1], [0, 0]]
    assert zeros(6, 2).fill_diagonal_(1, wrap=True).tolist() == tall
    assert zeros(2, 6).t().fill_diagonal_(1, wrap=True).tolist() == tall
    assert zeros(2, 2, 2).fill_diagonal_(1).tolist() == [[[1, 0], [0, 0]], [[0, 0], [0, 1]]]
    x = torch.ones(3, 3, requires_grad=True)
    (x * 2).fill_diagonal_(0).sum().backward()
    assert x.grad.tolist() == [[0, 2, 2], [2, 0, 2], [2, 2, 0]]
    with pytest.raises(RuntimeError, match="^dimensions must larger than 1$"):
        zeros(3).fill_diagonal_(1)
    with pytest.raises(RuntimeError, match="^all dimensions of input must be of equal length$"):
        zeros(2, 2, 3).fill_diagonal_(1)
    with pytest.raises(TypeError, match="must be Number, not str"):
        zeros(2, 2).fill_diagonal_("a")
