"""Sorting, selection, unique, searching and running operators: against NumPy, and PyTorch where it is there."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cygrad

INTS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")


def of_numpy(a, device="cpu"):
    return cygrad.from_numpy(np.array(a, order="C")).to(device)


def equal(got, want):
    np.testing.assert_array_equal(got.cpu().numpy(), want)


def sample(dtype, shape, seed=0):
    a = (np.random.default_rng(seed).standard_normal(shape) * 40).astype("float64")
    return (np.abs(a) if dtype == "uint8" else a).astype(dtype)


@pytest.mark.parametrize("dtype", INTS + FLOATS)
@pytest.mark.parametrize("n", [0, 1, 7, 48, 49, 3000])
def test_sort_is_numpys_stable_sort(dtype, n, device):
    a = sample(dtype, (3, n))
    if dtype in FLOATS and n > 4:
        a[0, 1], a[1, 2], a[2, 0], a[2, 3] = np.nan, -np.inf, -0.0, 0.0
    values, indices = cygrad.sort(of_numpy(a, device), stable=True)
    equal(values, np.sort(a, kind="stable"))
    equal(indices, np.argsort(a, kind="stable"))
    equal(cygrad.argsort(of_numpy(a.T, device), 0, stable=True), np.argsort(a.T, 0, kind="stable"))


@pytest.mark.parametrize("dtype", INTS + FLOATS)
def test_descending_is_stable_too(dtype, device):
    a = sample(dtype, 500)
    values, indices = cygrad.sort(of_numpy(a, device), descending=True, stable=True)
    assert (np.diff(values.cpu().numpy().astype("float64")) <= 0).all()
    order = sorted(range(500), key=lambda i: (-float(a[i]), i))
    equal(indices, order)


@pytest.mark.parametrize("n", [10, 17, 40, 700, 9000])
@pytest.mark.parametrize("kinds", [2, 60])
def test_equal_elements_go_where_pytorch_puts_them(n, kinds):
    torch = pytest.importorskip("torch")
    for dtype in ("int64", "uint8", "float32"):
        a = np.random.default_rng(n).integers(0, kinds, (n, 2)).astype(dtype)
        x, y = cygrad.from_numpy(a), torch.from_numpy(a)
        for down in (False, True):
            equal(x.sort(0, down).indices, y.sort(0, down).indices)
            equal(x.argsort(0, down), y.argsort(0, down))
            for k in (1, n // 70, n // 3, n):
                for ordered in (False, True):
                    equal(*(t.topk(k, 0, down, ordered).indices for t in (x, y)))
        for k in (1, n // 3, n):
            equal(x.kthvalue(k, 0).indices, y.kthvalue(k, 0).indices)
        for name in ("median", "mode"):
            equal(getattr(x, name)(0).indices, getattr(y, name)(0).indices)


@pytest.mark.parametrize("kind", ["organ pipe", "one value", "sorted"])
def test_hard_inputs_of_partition_are_sorted(kind):
    n = 16000
    a = {
        "organ pipe": np.minimum(np.arange(n), n - 1 - np.arange(n)),
        "one value": np.zeros(n, "int64"),
        "sorted": np.arange(n) // 2,
    }[kind]
    values, indices = cygrad.sort(cygrad.from_numpy(a))
    equal(values, np.sort(a))
    equal(indices.sort().values, np.arange(n))
    equal(cygrad.from_numpy(a).topk(n // 3).values, np.sort(a)[::-1][: n // 3])


@pytest.mark.parametrize("dtype", INTS + FLOATS)
@pytest.mark.parametrize("k", [1, 5, 100])
def test_selection(dtype, k, device):
    a = sample(dtype, (4, 300))
    values, indices = cygrad.topk(of_numpy(a, device), k)
    equal(values, -np.sort(-a.astype("float64"))[:, :k])
    equal(values, np.take_along_axis(a, indices.cpu().numpy(), 1))
    values, indices = cygrad.kthvalue(of_numpy(a, device), k)
    equal(values, np.sort(a)[:, k - 1])
    values, _ = cygrad.median(of_numpy(a, device), 1)
    equal(values, np.sort(a)[:, 149])


@pytest.mark.parametrize("dtype", INTS + FLOATS)
def test_unique(dtype, device):
    a = sample(dtype, (20, 30)) // 8
    want = np.unique(a, return_inverse=True, return_counts=True)
    got = cygrad.unique(of_numpy(a, device), return_inverse=True, return_counts=True)
    for g, w in zip(got, want, strict=True):
        equal(g, w.reshape(g.shape))
    rows = (a[:, :2] > 0).astype(dtype)
    want = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    got = cygrad.unique(of_numpy(rows, device), dim=0, return_inverse=True, return_counts=True)
    for g, w in zip(got, want, strict=True):
        equal(g, w.reshape(g.shape))


def test_searchsorted_and_counts(device):
    a, v = np.sort(sample("float32", 200)), sample("float32", 50, 1)
    for right in (False, True):
        got = cygrad.searchsorted(of_numpy(a, device), of_numpy(v, device), right=right)
        equal(got, np.searchsorted(a, v, "right" if right else "left"))
    i = np.random.default_rng(0).integers(0, 9, 100)
    equal(cygrad.bincount(of_numpy(i, device), minlength=12), np.bincount(i, minlength=12))
    equal(cygrad.histc(of_numpy(v, device), 10, -50, 50), np.histogram(v, 10, (-50, 50))[0])


@pytest.mark.parametrize("shape", [(70,), (300, 5), (5, 300), (3, 40, 70), (200, 300)])
def test_running_operators(shape, device):
    a = sample("float64", shape) / 40
    for dim in range(len(shape)):
        x = of_numpy(a, device)
        np.testing.assert_allclose(cygrad.cumsum(x, dim).cpu().numpy(), np.cumsum(a, dim))
        np.testing.assert_allclose(cygrad.cumprod(x, dim).cpu().numpy(), np.cumprod(a, dim))
        equal(cygrad.cummax(x, dim)[0], np.maximum.accumulate(a, dim))
        equal(cygrad.cummin(x, dim)[0], np.minimum.accumulate(a, dim))
        np.testing.assert_allclose(cygrad.logcumsumexp(x, dim).cpu().numpy(), np.logaddexp.accumulate(a, dim))


@pytest.mark.parametrize("dtype", FLOATS)
def test_running_log_sums_of_values_far_apart(dtype, device):
    for k, far in enumerate((-1e4, -np.inf, np.inf, np.nan)):
        a = sample(dtype, (130, 3), k)
        a[70:90, 0], a[0, 1], a[5:, 2] = far, far, a[5:, 2] * 50
        for dim in range(2):
            with np.errstate(invalid="ignore"):
                want = np.logaddexp.accumulate(a.astype("float64"), dim)
            got = cygrad.logcumsumexp(of_numpy(a, device), dim).cpu().numpy()
            np.testing.assert_allclose(got, want, rtol=1e-3 if dtype == "float16" else 1e-6)

ALL = ("bool", *INTS, "float16", "bfloat16", "float32", "float64")
SHAPES = [((), 0), ((0, 3), 1), ((2, 0), 1), ((7, 5), 0), ((3, 40, 5), 1), ((2, 2100), 1), ((2100, 2), 0)]


def both(f, x, device):
    """f(x) gives on the device what it gives on the CPU."""
    got, want = f(x.to(device)), f(x)
    for g, w in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, want)), strict=True):
        assert (g.dtype, g.shape, g.device.type) == (w.dtype, w.shape, device.type)
        if w.dtype.is_floating_point:
            g, w = g.cpu().double(), w.double()
            cygrad.testing.assert_close(g, w, rtol=1e-6 if x.dtype.itemsize > 2 else 1e-2, atol=1e-5, equal_nan=True)
        else:
            assert g.cpu().tolist() == w.tolist()


def chosen(pair, t, dim):
    """Values, and the elements at the indices: of equal ones devices may choose different ones."""
    return pair.values, t.gather(dim, pair.indices) if t.dim() else pair.indices


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_each_device_as_the_cpu(dtype, shape, dim, device):
    if device.type == "cpu":
        pytest.skip("the reference")
    x = of_numpy(sample("float64", shape)).to(getattr(cygrad, dtype))
    if x.dtype.is_floating_point and x.numel() > 20:
        x.view(-1)[[3, 11, 13]] = cygrad.tensor([-0.0, float("nan"), float("nan")], dtype=x.dtype)
    full = 0 not in shape
    both(lambda t: cygrad.sort(t, dim, True, stable=True), x, device)
    if x.dim():
        last = -1 if x.dim() < 2 else dim - 1 if dim else -1
        both(lambda t: cygrad.sort(t.mT, stable=True, dim=last), x, device)
    both(lambda t: cygrad.cummax(t, dim), x, device)
    both(lambda t: cygrad.cummin(t, dim), x, device)
    both(lambda t: cygrad.unique(t, return_inverse=True, return_counts=True), x, device)
    both(lambda t: cygrad.unique_consecutive(t, return_inverse=True, return_counts=True), x, device)
    both(lambda t: cygrad.searchsorted(t.flatten().sort()[0], t, right=True), x, device)
    if full:
        both(lambda t: chosen(cygrad.mode(t, dim, True), t, dim), x, device)
    if full and x.dim() == 2:
        both(lambda t: cygrad.unique(t, dim=0, return_inverse=True, return_counts=True), x, device)
    small = x.nan_to_num(1) / 64 if x.dtype.is_floating_point else x & 3 if dtype != "bool" else x
    both(lambda t: cygrad.cumsum(t, dim), small, device)
    both(lambda t: cygrad.cumprod(t, dim), small, device)
    if x.dtype.is_floating_point:
        both(lambda t: cygrad.logcumsumexp(t, dim), small, device)
    if full and dtype != "bool":
        k = x.shape[dim] // 2 + 1 if shape else 1
        both(lambda t: chosen(cygrad.topk(t, k, dim, False), t, dim), x, device)
        both(lambda t: chosen(cygrad.kthvalue(t, k, dim, True), t, dim), x, device)
        both(lambda t: cygrad.median(t, dim), x, device)
        both(lambda t: cygrad.nanmedian(t), x, device)
    if dtype in ("float32", "float64") and full:
        both(lambda t: cygrad.quantile(t.nan_to_num(0), 0.3, dim), x, device)
        both(lambda t: cygrad.nanquantile(t, cygrad.tensor([0.1, 0.5], dtype=t.dtype).to(t.device), dim), x, device)
        both(lambda t: cygrad.histc(t, 12, -50, 60), x, device)
        both(lambda t: cygrad.histc(t.nan_to_num(0), 12), x, device)
    if dtype in INTS and full:
        both(lambda t: cygrad.bincount(t.flatten() & 31, minlength=40), x, device)
        both(lambda t: cygrad.isin(t, cygrad.tensor([1, 2, 30]).to(t.device)), x, device)


def test_gradients_on_each_device(device):
    x = of_numpy(sample("float64", (4, 6)) / 40)
    for f in (
        lambda t: t.sort(0)[0], lambda t: t.topk(2, 1)[0], lambda t: t.kthvalue(2, 0)[0], lambda t: t.median(1)[0],
        lambda t: t.median(), lambda t: t.cumsum(0), lambda t: t.cumprod(1), lambda t: t.logcumsumexp(0),
        lambda t: t.cummax(1)[0], lambda t: t.diff(dim=0), lambda t: cygrad.trapezoid(t, dim=0),
    ):  # fmt: skip

        def gradients(t, f=f):
            t = t.detach().requires_grad_()
            (g,) = cygrad.autograd.grad((f(t) ** 3).sum(), t, create_graph=True)
            return g.detach(), cygrad.autograd.grad((g * g).sum(), t)[0]

        both(gradients, x, device)


def test_out_and_in_place_on_each_device(device):
    x = of_numpy(sample("float32", (3, 50)), device)
    values, indices = cygrad.empty(0, device=device), cygrad.empty(0, dtype=cygrad.int64, device=device)
    cygrad.sort(x, out=(values, indices))
    equal(values, np.sort(x.cpu().numpy()))
    strided = cygrad.zeros(50, 3, device=device).T
    cygrad.cumsum(x, 1, out=strided)
    equal(strided, x.cumsum(1).cpu().numpy())
    y = x.clone()
    assert y.cumsum_(0) is y
    equal(y, x.cumsum(0).cpu().numpy())


def test_shapes_on_meta():
    x = cygrad.empty(3, 5, device="meta")
    for f in (lambda t: t.sort(0), lambda t: t.topk(2), lambda t: t.median(1), lambda t: t.cummax(0)):
        got, want = f(x), f(cygrad.zeros(3, 5))
        assert [(r.shape, r.dtype, r.stride()) for r in got] == [(r.shape, r.dtype, r.stride()) for r in want]
    assert x.cumsum(1).device.type == "meta" and x.histc(7).shape == (7,) and x.quantile(0.5, 1).shape == (3,)
    with pytest.raises(NotImplementedError):
        x.unique()


@pytest.mark.skipif("CYGRAD_CL_SCHEDULE" in os.environ, reason="this is the other schedule")
def test_the_other_schedule():
    cl = pytest.importorskip("cygrad.cl")
    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device")
    other = "gpu" if cl.device_properties(1).type & 2 else "cpu"
    chosen = "opencl and (as_the_cpu or stable or running) and not int and not bfloat16"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, __file__],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


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
