"""Reductions against PyTorch: values on random shapes, strides and dtypes; gradients twice; errors; printing."""

import math
import pickle
import random

import numpy as np
import pytest

import cygrad

torch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
FLOATS = DTYPES[6:]
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-5, "float64": 1e-12}


def twin(t, grad=False):
    """The cygrad tensor with the elements, sizes and strides of a torch tensor."""
    t = t.detach()
    bits = t.view(torch.int16) if t.dtype == torch.bfloat16 else t
    # Expanded dimensions keep their zero strides in NumPy.
    r = cygrad.from_numpy(bits.numpy())
    r = r.view(cygrad.bfloat16) if t.dtype == torch.bfloat16 else r
    return r.requires_grad_(True) if grad else r


def back(c):
    c = c.detach()
    if c.dtype == cygrad.bfloat16:
        return torch.from_numpy(c.contiguous().view(cygrad.int16).numpy().copy()).view(torch.bfloat16)
    return torch.from_numpy(np.array(c.numpy()))


def check(got, want, what, rtol=None):
    if isinstance(want, tuple):
        assert len(got) == len(want), what
        for g, w in zip(got, want, strict=True):
            check(g, w, what, rtol)
        return
    if not isinstance(want, torch.Tensor):
        assert got == want, what
        return
    got, want = back(got), want.detach()
    assert got.dtype == want.dtype and got.shape == want.shape, what
    name = str(want.dtype)[6:]
    tol = rtol or TOLERANCE.get(name, 0)
    np.testing.assert_allclose(got.double().numpy(), want.double().numpy(), rtol=tol,
                               atol=tol * 10, err_msg=str(what))  # fmt: skip


def rounded(result, dtype):
    """A result computed in double, in the dtype it would have had."""
    if isinstance(result, tuple):
        return tuple(rounded(r, dtype) for r in result)
    return result.to(dtype) if result.dtype == torch.float64 else result


def same(f, *tensors, what=None, **kw):
    """f(module, *tensors) in both libraries: the same value, or an error of the same type and first line.

    Half types are held against double: PyTorch rounds some of them after each step.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        try:
            if all(t.dtype in (torch.float16, torch.bfloat16) for t in tensors):
                want = rounded(f(torch, *[t.double() for t in tensors]), tensors[0].dtype)
            else:
                want = f(torch, *tensors)
        except Exception as e:  # noqa: BLE001
            with pytest.raises(type(e)) as caught:
                f(cygrad, *[twin(t) for t in tensors])
            assert str(caught.value).split("\n")[0] == str(e).split("\n")[0], what
            return
        check(f(cygrad, *[twin(t) for t in tensors]), want, what, **kw)


def call(name, *args, **kwargs):
    """The function `name` (of linalg, after a dot) with these arguments, for `same`."""
    module, _, function = name.rpartition(".")

    def f(t, a):
        return getattr(getattr(t, module) if module else t, function)(a, *args, **kwargs)

    return f


def draw(rng, dtype, max_dims=4, sizes=(1, 2, 3, 5, 8, 17, 40)):
    nd = rng.randint(0, max_dims)
    shape = [rng.choice(sizes if nd < 4 else [1, 2, 3, 8]) for _ in range(nd)]
    x = torch.randn(shape) * 3
    x = x > 0 if dtype == "bool" else x.to(getattr(torch, dtype))
    if nd and rng.random() < 0.5:
        x = x.permute(rng.sample(range(nd), nd))
    if nd and rng.random() < 0.3:
        x = x[tuple(slice(None, None, 2) for _ in range(nd))]
    if nd and rng.random() < 0.2:
        x = x[..., :1].expand(*x.shape[:-1], 4)
    return x


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_shapes(dtype):
    rng = random.Random(dtype)
    torch.manual_seed(0)
    for _ in range(60):
        x = draw(rng, dtype)
        nd = x.dim()
        dims = tuple(d - nd * rng.randint(0, 1) for d in rng.sample(range(nd), rng.randint(0, nd)))
        one, keep = rng.randint(-nd, nd - 1) if nd else 0, rng.random() < 0.5
        for name in ("sum", "mean", "amax", "amin", "any", "all", "nansum", "var", "std", "logsumexp"):
            what = (name, dtype, tuple(x.shape), x.stride(), dims, keep)
            if dtype == "bool" and name in ("amax", "amin") and not nd:
                continue
            if name != "logsumexp" or dims:
                same(call(name, dims, keepdim=keep), x, what=what)
        for name in ("max", "min", "argmax", "argmin", "prod", "any", "all"):
            what = (name, dtype, tuple(x.shape), x.stride(), one, keep)
            if dtype == "float16" and name == "prod":
                continue  # overflows
            same(call(name, one, keep), x, what=what)
        for name in ("sum", "max", "min", "argmax", "argmin", "any", "all", "count_nonzero", "aminmax"):
            same(call(name), x, what=(name, dtype, tuple(x.shape)))
        for name in ("var_mean", "std_mean"):
            same(call(name, dims, correction=0), x, what=(name, dtype, x.shape))
        for p in (2, 1, 0, 3, 1.5, math.inf, -math.inf, -1):
            if dtype in FLOATS and p != -1:
                same(call("norm", p, dims, keep), x, what=("norm", p, dtype, tuple(x.shape), dims))


@pytest.mark.parametrize("shape", [(300000,), (3, 200000), (200000, 3), (700, 700), (5, 100, 4, 300), (1200, 1, 600)])
def test_large(shape):
    torch.manual_seed(1)
    x = torch.randn(shape)
    every = [None, 0, -1, tuple(range(0, len(shape), 2))]
    for dtype in ("float32", "float64", "float16", "int32"):
        y = (x * 10).to(getattr(torch, dtype))
        for dim in every:
            what = (shape, dtype, dim)
            wide = y.double() if dtype != "int32" else y
            check(twin(y).sum(dim).to(cygrad.float64), wide.sum(dim).double(), what,
                  rtol=2e-3 if dtype == "float16" else 1e-4)  # fmt: skip
            same(call("amax", () if dim is None else dim), y, what=what)
            if dtype != "int32":
                check(twin(y).var(dim).to(cygrad.float64), wide.var(dim), what,
                      rtol=2e-3 if dtype == "float16" else 1e-5)  # fmt: skip
            if not isinstance(dim, tuple):
                same(call("argmax", dim), y, what=what)


def test_threads_do_not_change_bits():
    before = cygrad.get_num_threads()
    x = torch.randn(5, 300001)
    try:
        found = []
        for n in (1, 2, 5):
            cygrad.set_num_threads(n)
            a = twin(x)
            found.append([back(r).numpy().tobytes() for r in (a.sum(), a.sum(0), a.sum(1), a.std(1), a.norm(3))])
        assert found[0] == found[1] == found[2]
    finally:
        cygrad.set_num_threads(before)


def test_accuracy_of_moments():
    x = torch.full((1000, 50), 1e6) + torch.randn(1000, 50)
    check(twin(x).var(0).to(cygrad.float64), x.double().var(0), "offset", rtol=1e-6)
    assert twin(torch.full((3000,), 0.1)).var().item() == 0


def gradients(t, f, x):
    """The first gradient, and that of a function of it."""
    y = f(t, x)
    ys = [i for i in (y if isinstance(y, tuple) else (y,)) if i.dtype in (t.float64, t.float32)]
    total = 0
    for k, i in enumerate(ys):
        total = total + ((i * i).sum() * (k + 1) if i.dim() else i * i * (k + 1))
    (g,) = t.autograd.grad(total, x, create_graph=True)
    if not g.requires_grad:
        return ys[0].grad_fn.name(), g, None
    (h,) = t.autograd.grad((g * g * g).sum(), x, allow_unused=True)
    return ys[0].grad_fn.name(), g, h


GRADIENTS = {
    "sum": lambda t, x: x.sum(),
    "sum_dim": lambda t, x: x.sum(1),
    "sum_dims": lambda t, x: x.sum((0, 2), keepdim=True),
    "mean": lambda t, x: x.mean(),
    "mean_dim": lambda t, x: x.mean(-1, keepdim=True),
    "nansum": lambda t, x: x.nansum((0, 1)),
    "nanmean": lambda t, x: x.nanmean(1),
    "prod": lambda t, x: x.prod(),
    "prod_dim": lambda t, x: x.prod(1),
    "amax": lambda t, x: x.amax(),
    "amax_dims": lambda t, x: x.amax((0, 2)),
    "amin_dim": lambda t, x: x.amin(1, keepdim=True),
    "aminmax": lambda t, x: tuple(x.aminmax(dim=1)),
    "max": lambda t, x: x.max(),
    "min": lambda t, x: x.min(),
    "max_dim": lambda t, x: x.max(1).values,
    "min_dim": lambda t, x: x.min(0, keepdim=True)[0],
    "maximum": lambda t, x: t.max(x, x.detach().flip(0)),
    "var": lambda t, x: x.var(),
    "var_dims": lambda t, x: x.var((0, 2), keepdim=True),
    "std": lambda t, x: x.std(),
    "std_dim": lambda t, x: x.std(1, correction=0),
    "var_mean": lambda t, x: t.var_mean(x, 1),
    "std_mean": lambda t, x: t.std_mean(x, (0, 1)),
    "norm": lambda t, x: x.norm(),
    "norm_dim": lambda t, x: x.norm(dim=1),
    "norm1": lambda t, x: x.norm(1, dim=0),
    "norm3": lambda t, x: x.norm(3, dim=(0, 1)),
    "norm1.5": lambda t, x: x.norm(1.5),
    "norm_inf": lambda t, x: x.norm(math.inf, 1),
    "norm_-inf": lambda t, x: x.norm(-math.inf, 1),
    "norm_-1": lambda t, x: x.norm(-1, 1),
    "dist": lambda t, x: t.dist(x, x.detach().flip(0)[:1], 3),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "logsumexp_dims": lambda t, x: x.logsumexp((0, 2), keepdim=True),
    "trace": lambda t, x: x[0].trace(),
    "renorm": lambda t, x: t.renorm(x, 2, 0, 1.5),
    "cov": lambda t, x: t.cov(x[0]),
    "corrcoef": lambda t, x: t.corrcoef(x[0]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    torch.manual_seed(3)
    x = torch.randn(3, 4, 2, dtype=torch.float64)
    want = gradients(torch, GRADIENTS[name], x.clone().requires_grad_())
    got = gradients(cygrad, GRADIENTS[name], twin(x, True))
    assert got[0] == want[0]
    check(got[1], want[1], name, rtol=1e-9)
    if want[2] is not None and name != "aminmax":
        check(got[2], want[2], name, rtol=1e-8)


NAN, INF = math.nan, math.inf
EDGES = [
    ("amax", [1.0, NAN, NAN], lambda x: x.amax()),
    ("max", [1.0, NAN, NAN], lambda x: x.max()),
    ("ties", [2.0, 2, 1], lambda x: x.max()),
    ("ties of amax", [2.0, 2, 1], lambda x: x.amax(0)),
    ("norm at 0", [0.0, 0], lambda x: x.norm()),
    ("norm 1", [0.0, 1, -2], lambda x: x.norm(1)),
    ("norm 3 at 0", [0.0, 0], lambda x: x.norm(3)),
    ("norm 3", [0.0, 1, -2], lambda x: x.norm(3)),
    ("norm 0.5", [0.0, 1, -2], lambda x: x.norm(0.5)),
    ("norm 1.5", [0.0, 1, -2], lambda x: x.norm(1.5)),
    ("norm inf", [2.0, 1, -2], lambda x: x.norm(INF)),
    ("norm -inf", [2.0, 1, -1], lambda x: x.norm(-INF)),
    ("norm inf at 0", [0.0, 0], lambda x: x.norm(INF)),
    ("one zero", [0.0, 3, 2], lambda x: x.prod()),
    ("two zeros", [0.0, 0, 2], lambda x: x.prod()),
    ("std of equal", [1.0, 1], lambda x: x.std()),
    ("var of one", [1.0], lambda x: x.var()),
    ("var, correction 3", [1.0, 2], lambda x: x.var(correction=3)),
    ("logsumexp of -inf", [-INF, -INF], lambda x: x.logsumexp(0)),
    ("logsumexp of inf", [INF, 1.0], lambda x: x.logsumexp(0)),
    ("nansum", [NAN, 1.0], lambda x: x.nansum()),
]


@pytest.mark.parametrize(("name", "values", "f"), EDGES, ids=[e[0] for e in EDGES])
@pytest.mark.filterwarnings("ignore")
def test_gradients_at_edges(name, values, f):
    x = torch.tensor(values, requires_grad=True)
    f(x).backward()
    c = cygrad.tensor(values, requires_grad=True)
    f(c).backward()
    check(c.grad, x.grad, name)


E = torch.empty(0)
E2 = torch.empty(2, 0)
X = torch.tensor([[3.0, -1, 2], [0.5, 7, -4]])
XI = torch.arange(6).reshape(2, 3)
B = torch.tensor([True, False])
U8 = torch.tensor([1, 0], dtype=torch.uint8)
H = torch.tensor([1.0, 2, 3]).half()
CALLS = [
    (X, lambda t, x: x.sum(2)), (X, lambda t, x: x.sum((0, 0))), (X, lambda t, x: x.sum((0, -2))),
    (X, lambda t, x: x.sum(0, 1)), (X, lambda t, x: x.sum(None)), (X, lambda t, x: x.sum([])),
    (X, lambda t, x: x.sum(dim=None, keepdim=True)), (X, lambda t, x: x.sum(axis=0, keepdims=True)),
    (X, lambda t, x: t.sum(3)), (X, lambda t, x: t.sum(input=x, dim=-1)),
    (X, lambda t, x: x.sum(0, dtype=t.bool)), (X, lambda t, x: x.sum(dtype=t.float64)),
    (X, lambda t, x: x.sum(0, dtype=t.int32)), (XI, lambda t, x: x.sum(0, dtype=t.float32)),
    (X, lambda t, x: t.sum(x, 0, out=t.empty(3))), (X, lambda t, x: t.sum(x, 0, out=t.empty(3, dtype=t.int32))),
    (X, lambda t, x: t.sum(x.clone().requires_grad_(), 0, out=t.empty(3))),
    (XI, lambda t, x: x.mean()), (B, lambda t, x: x.mean()), (XI, lambda t, x: x.mean(dtype=t.float32)),
    (X, lambda t, x: x.mean(dtype=t.int64)), (X, lambda t, x: x.mean([0, 1], True)),
    *[(e, lambda t, x, n=n: getattr(x, n)()) for e in (E, E2) for n in
      ("sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "aminmax", "any", "all", "var",
       "norm")],
    *[(E2, lambda t, x, n=n, d=d: getattr(x, n)(d)) for d in (0, 1) for n in
      ("sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all", "logsumexp", "var",
       "std")],
    (E2, lambda t, x: x.aminmax(dim=1)), (U8, lambda t, x: x.any()), (U8, lambda t, x: x.all(0)),
    (X, lambda t, x: x.any(dim=())), (X, lambda t, x: x.all(dim=[])), (X, lambda t, x: x.any((0, 1))),
    (B, lambda t, x: x.argmax()), (B, lambda t, x: x.max(0)), (B, lambda t, x: x.amax()), (B, lambda t, x: x.prod()),
    (X, lambda t, x: x.max(5)), (X, lambda t, x: x.max((0, 1))), (X, lambda t, x: x.max("a")),
    (X, lambda t, x: x.max(x * -1)), (X, lambda t, x: t.max(x, other=-x)), (X, lambda t, x: t.max(x, 1, True)),
    (X, lambda t, x: t.min(x, dim=1)), (X, lambda t, x: x.max(keepdim=True)), (X, lambda t, x: t.max(3)),
    (X, lambda t, x: tuple(t.max(x, 0, out=(t.empty(3), t.empty(3, dtype=t.int64))))),
    (X, lambda t, x: x.argmax(None)), (X, lambda t, x: x.argmax(keepdim=True)), (X, lambda t, x: x.argmax(3)),
    (X, lambda t, x: x.argmax((0, 1))), (X, lambda t, x: x.argmax(dim=0, keepdim=True)),
    (torch.tensor([1.0, NAN, 2, NAN]), lambda t, x: x.argmax()), (torch.tensor([3, 3, 1]), lambda t, x: x.argmax()),
    (torch.tensor([1.0, NAN, 2, NAN]), lambda t, x: x.max(0)), (torch.tensor([1.0, NAN]), lambda t, x: x.min()),
    (torch.tensor(3.0), lambda t, x: x.max(0)), (torch.tensor(3.0), lambda t, x: x.sum(1)),
    (torch.tensor(3.0), lambda t, x: x.argmin(-1)), (X, lambda t, x: x.prod((0, 1))), (X, lambda t, x: x.prod(0, 1)),
    (XI, lambda t, x: x.prod(dim=1, keepdim=True, dtype=t.float32)), (XI, lambda t, x: x.var()),
    (B, lambda t, x: x.std()), (XI, lambda t, x: t.var_mean(x)), (X, lambda t, x: x.var(0, False)),
    (X, lambda t, x: x.var(False)), (X, lambda t, x: x.var([0, 1])), (X, lambda t, x: x.var((0, 1), True, True)),
    (X, lambda t, x: x.var(dim=None, correction=2, keepdim=True)), (X, lambda t, x: x.std(0, unbiased=True)),
    (X, lambda t, x: x.norm("foo")), (XI, lambda t, x: x.norm()), (X, lambda t, x: x.norm(dim=(0, 1))),
    (X, lambda t, x: x.norm(2, -1, True)), (X, lambda t, x: t.norm(x, 1, None)),
    (X, lambda t, x: x.norm(dtype=t.int64)),
    (E, lambda t, x: x.norm(INF)), (E2, lambda t, x: x.norm(-1, dim=1)), (E2, lambda t, x: x.norm(INF, dim=0)),
    (torch.ones(2, 2, 2), lambda t, x: t.norm(x, dim=(0, 1, 2))), (H, lambda t, x: x.norm()),
    (X, lambda t, x: x.double().norm(dtype=t.float32)), (X, lambda t, x: t.norm(x, 2, dtype=t.float64)),
    (X, lambda t, x: x.count_nonzero(dim=(0, 1))), (XI, lambda t, x: x.logsumexp(0)),
    (torch.tensor([INF, -INF]), lambda t, x: x.logsumexp(0)), (torch.tensor([-INF, -INF]), lambda t, x: x.logsumexp(0)),
    (X, lambda t, x: t.equal(x, x)), (XI, lambda t, x: t.equal(x, x.float())), (X, lambda t, x: t.equal(x, x[0])),
    (X, lambda t, x: x.equal(3)), (X, lambda t, x: t.allclose(x, x + 1e-9)), (X, lambda t, x: t.allclose(x, x.long())),
    (X, lambda t, x: t.isclose(x, x, atol=-1)), (X, lambda t, x: x.isclose(x, rtol=-1)),
    (torch.tensor([INF, NAN, 1.0]), lambda t, x: t.isclose(x, x)),
    (torch.tensor([INF, NAN, 1.0]), lambda t, x: t.isclose(x, x, equal_nan=True)),
    (torch.tensor([INF, NAN, 1.0]), lambda t, x: t.isclose(x, -x)), (XI, lambda t, x: t.isclose(x, x + 1, rtol=0.5)),
    (B, lambda t, x: t.isclose(x, x)), (X, lambda t, x: t.trace(x)), (E, lambda t, x: t.trace(x)),
    (XI, lambda t, x: t.trace(x)), (B.reshape(1, 2), lambda t, x: t.trace(x)), (X, lambda t, x: t.cov(x)),
    (X, lambda t, x: t.cov(x, correction=0)), (X, lambda t, x: t.cov(x[0])), (XI, lambda t, x: t.cov(x)),
    (X, lambda t, x: t.cov(x, fweights=t.tensor([1, 2, 3]))),
    (X, lambda t, x: t.cov(x, aweights=t.tensor([1.0, 2, 3]))),
    (X, lambda t, x: t.cov(x, fweights=t.tensor([1, 2, 3]), aweights=t.tensor([1.0, 2, 3]))),
    (X, lambda t, x: t.cov(x, fweights=t.tensor([1.0, 2, 3]))), (X, lambda t, x: t.cov(x, fweights=t.tensor([1, 2]))),
    (X, lambda t, x: t.cov(x, correction=5)), (X, lambda t, x: t.corrcoef(x)), (X, lambda t, x: t.corrcoef(x[0])),
    (X, lambda t, x: t.renorm(x, 2, 0, 3.0)), (X, lambda t, x: t.renorm(x, 1, 1, 3.0)),
    (X, lambda t, x: t.renorm(x, -1, 1, 3.0)), (X, lambda t, x: t.renorm(x[0], 2, 0, 1.0)),
    (X, lambda t, x: t.renorm(x, 2, 0, -1.0)), (X, lambda t, x: t.dist(x, x[0], INF)), (X, lambda t, x: t.dist(x, 3)),
    (XI, lambda t, x: t.dist(x, x)), (XI, lambda t, x: t.nansum(x)), (XI, lambda t, x: t.nanmean(x)),
    (torch.tensor([NAN, 1.0]), lambda t, x: t.nansum(x, dtype=t.int64)), (B, lambda t, x: t.nansum(x)),
    (torch.tensor([NAN, 1.0]), lambda t, x: t.nanmean(x, 0, True)), (torch.tensor([NAN]), lambda t, x: t.nanmean(x)),
    (X, lambda t, x: repr(x.max(0))), (X, lambda t, x: repr(x.aminmax(dim=0))), (X, lambda t, x: str(type(x.min(1)))),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(CALLS)))
def test_calls(k):
    x, f = CALLS[k]
    same(f, x)


def test_gradient_of_another_dtype():
    x = cygrad.ones(3, dtype=cygrad.float32, requires_grad=True)
    x.sum(dtype=cygrad.float64).backward()
    assert x.grad.dtype == cygrad.float32 and x.grad.tolist() == [1, 1, 1]
    h = cygrad.ones(3, dtype=cygrad.float16, requires_grad=True)
    h.mean(dtype=cygrad.float32).backward()
    assert h.grad.dtype == cygrad.float16


def test_named_results():
    r = cygrad.tensor([1.0, 3.0, 2.0]).max(0)
    assert (r.values.item(), r.indices.item()) == (3.0, 1)
    assert r[0] is r.values and len(r) == 2
    values, indices = r
    assert type(r).__name__ == "max" and type(r).__module__ == "torch.return_types"
    with pytest.raises(AttributeError):
        r.values = 1
    with pytest.raises(TypeError):
        type(r)([values])
    from cygrad import return_types as _return_types

    again = pickle.loads(pickle.dumps(_return_types.named("max", ("values", "indices"), (1, 2))))
    assert again.values == 1 and type(again) is type(r)
    assert _return_types.max is type(r)


def test_warns_of_degrees_of_freedom():
    with pytest.warns(UserWarning, match=r"var\(\): degrees of freedom is <= 0"):
        assert math.isnan(cygrad.tensor([1.0]).var().item())


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 2, 0)])
def test_two_empty_dimensions(shape):
    """Several reduced dimensions of size 0 are no division by zero."""
    x = cygrad.ones(shape)
    assert x.prod().item() == 1 and x.isfinite().all().item() and not x.any().item()


def test_sum_to_size_of_numbers_is_a_sum():
    assert cygrad.tensor(True).sum_to_size(()).dtype == cygrad.int64
    assert cygrad.tensor(3, dtype=cygrad.int32).sum_to_size(()).dtype == cygrad.int64
    assert cygrad.ones(2, 2, dtype=cygrad.bool).sum_to_size(2, 2).dtype == cygrad.bool
