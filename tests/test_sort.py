"""Sorting, selection, unique, searching and running operators: against NumPy, and PyTorch where it is there."""

import numpy as np
import pytest

import cygrad

INTS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")


def of_numpy(a):
    return cygrad.from_numpy(np.array(a, order="C"))


def sample(dtype, shape, seed=0):
    a = (np.random.default_rng(seed).standard_normal(shape) * 40).astype("float64")
    return (np.abs(a) if dtype == "uint8" else a).astype(dtype)


@pytest.mark.parametrize("dtype", INTS + FLOATS)
@pytest.mark.parametrize("n", [0, 1, 7, 48, 49, 3000])
def test_sort_is_numpys_stable_sort(dtype, n):
    a = sample(dtype, (3, n))
    if dtype in FLOATS and n > 4:
        a[0, 1], a[1, 2], a[2, 0], a[2, 3] = np.nan, -np.inf, -0.0, 0.0
    values, indices = cygrad.sort(of_numpy(a), stable=True)
    np.testing.assert_array_equal(values.numpy(), np.sort(a, kind="stable"))
    np.testing.assert_array_equal(indices.numpy(), np.argsort(a, kind="stable"))
    np.testing.assert_array_equal(cygrad.argsort(of_numpy(a.T), 0).numpy(), np.argsort(a.T, 0, kind="stable"))


@pytest.mark.parametrize("dtype", INTS + FLOATS)
def test_descending_is_stable_too(dtype):
    a = sample(dtype, 500)
    values, indices = cygrad.sort(of_numpy(a), descending=True)
    assert (np.diff(values.numpy().astype("float64")) <= 0).all()
    order = sorted(range(500), key=lambda i: (-float(a[i]), i))
    np.testing.assert_array_equal(indices.numpy(), order)


@pytest.mark.parametrize("dtype", INTS + FLOATS)
@pytest.mark.parametrize("k", [1, 5, 100])
def test_selection(dtype, k):
    a = sample(dtype, (4, 300))
    values, indices = cygrad.topk(of_numpy(a), k)
    np.testing.assert_array_equal(values.numpy(), -np.sort(-a.astype("float64"))[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(a, indices.numpy(), 1), values.numpy())
    values, indices = cygrad.kthvalue(of_numpy(a), k)
    np.testing.assert_array_equal(values.numpy(), np.sort(a)[:, k - 1])
    values, _ = cygrad.median(of_numpy(a), 1)
    np.testing.assert_array_equal(values.numpy(), np.sort(a)[:, 149])


@pytest.mark.parametrize("dtype", INTS + FLOATS)
def test_unique(dtype):
    a = sample(dtype, (20, 30)) // 8
    want = np.unique(a, return_inverse=True, return_counts=True)
    got = cygrad.unique(of_numpy(a), return_inverse=True, return_counts=True)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.numpy(), w.reshape(g.shape))
    rows = (a[:, :2] > 0).astype(dtype)
    want = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    got = cygrad.unique(of_numpy(rows), dim=0, return_inverse=True, return_counts=True)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.numpy(), w.reshape(g.shape))


def test_searchsorted_and_counts():
    a, v = np.sort(sample("float32", 200)), sample("float32", 50, 1)
    for right in (False, True):
        got = cygrad.searchsorted(of_numpy(a), of_numpy(v), right=right)
        np.testing.assert_array_equal(got.numpy(), np.searchsorted(a, v, "right" if right else "left"))
    i = np.random.default_rng(0).integers(0, 9, 100)
    np.testing.assert_array_equal(cygrad.bincount(of_numpy(i), minlength=12).numpy(), np.bincount(i, minlength=12))
    np.testing.assert_array_equal(cygrad.histc(of_numpy(v), 10, -50, 50).numpy(), np.histogram(v, 10, (-50, 50))[0])


@pytest.mark.parametrize("shape", [(70,), (300, 5), (5, 300), (3, 40, 70), (200, 300)])
def test_running_operators(shape):
    a = sample("float64", shape) / 40
    for dim in range(len(shape)):
        x = of_numpy(a)
        np.testing.assert_allclose(cygrad.cumsum(x, dim).numpy(), np.cumsum(a, dim))
        np.testing.assert_allclose(cygrad.cumprod(x, dim).numpy(), np.cumprod(a, dim))
        np.testing.assert_array_equal(cygrad.cummax(x, dim)[0].numpy(), np.maximum.accumulate(a, dim))
        np.testing.assert_array_equal(cygrad.cummin(x, dim)[0].numpy(), np.minimum.accumulate(a, dim))
        np.testing.assert_allclose(cygrad.logcumsumexp(x, dim).numpy(), np.logaddexp.accumulate(a, dim))


# ------------------------------------------------------------------ against PyTorch

torch = pytest.importorskip("torch")
from test_indexing import R, call, ints  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gradients(dim):
    x = R(3, 4, 5)
    call("sort", x, dim)
    call("sort", x, dim=dim, descending=True, stable=True)
    call("topk", x, 2, dim)
    call("kthvalue", x, 2, dim, keepdim=True)
    call("median", x, dim)
    call("nanmedian", x, dim)
    call("mode", x, dim)
    for name in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"):
        call(name, x, dim)
    call("diff", x, 2, dim)
    call("cumsum", ints(5, 3, 4, 5), dim, dtype=torch.float32)
    call("trapezoid", x, dim=dim, names=False)
    call("cumulative_trapezoid", x, R(3, 4, 5), dim=dim, names=False)
    for interpolation in ("linear", "lower", "higher", "midpoint", "nearest"):
        q = torch.tensor([0.1, 0.5, 0.77]).double()
        call("quantile", x, q, dim=dim, interpolation=interpolation, names=False)
        call("nanquantile", x, 0.3, dim=dim, keepdim=True, interpolation=interpolation, names=False)


def test_gradients_of_whole_tensors_and_ties():
    call("median", R(3, 4))
    call("median", torch.tensor([1.0, 2, 2, 3, 2]))
    call("nanmedian", R(3, 5))
    call("quantile", R(3, 4), 0.3, names=False)
    call("cumprod", torch.tensor([[1.0, 2, 0, 3], [0, 1, 2, 0], [1, 2, 3, 4]]).double(), 1)


def test_errors():
    x = R(3, 4)
    call("topk", x, 9)
    call("kthvalue", x, 9)
    call("kthvalue", torch.zeros(0), 1)
    call("mode", torch.zeros(0))
    call("median", torch.zeros(0), 0)
    call("sort", x, 5)
    call("quantile", x, 1.5)
    call("quantile", ints(3, 3), 0.5)
    call("quantile", x, 0.5, interpolation="foo")
    call("unique", torch.zeros(0, 3), dim=1)
    call("bincount", torch.tensor([-1]))
    call("bincount", x)
    call("histc", x, 0)
    call("histc", ints(3, 3))
    call("searchsorted", x, R(4))
    call("logcumsumexp", ints(3, 3), 0)
    call("diff", torch.tensor(1.0))
    call("trapezoid", x, R(3))
