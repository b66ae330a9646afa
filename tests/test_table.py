"""Tests made from the table: whatever is a row is tested here, a new one too."""

import functools

import numpy as np
import pytest

import cygrad as torch
from cygrad import _ops
from cygrad._table import rows as _table

ELEMENTWISE = [r for r in _table.rows() if r.name in _ops.OPS and r.text]  # test_complex.py has the others
SMOOTH = [r for r in ELEMENTWISE if r.gradients and not r.name.startswith("_isclose")]
rng = np.random.default_rng(0)


def op(row):
    return _ops.OPS[row.name]


def default_params(row):
    values = []
    for name, default in row.params:
        values.append({"eps": 0.05, "n": 1, "exponent": 3.0, "decimals": 1, "min": -0.5, "max": 0.5}.get(name, default))
    return tuple(values) or None


def draw(row, shape, dtype=np.float64):
    """An operand for each place, inside the row's domain, away from kinks."""
    domain = row.domain
    if not isinstance(domain[0], tuple):
        domain = (domain,) * row.arity
    return [rng.uniform(lo, hi, shape).astype(dtype) for lo, hi in domain[: row.arity]]


def same(a, b):
    """Whether two tensors agree to the last bits, NaN at the same places (a strip's tail may round differently)."""
    rtol = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 1e-2}.get(a.dtype, 0)
    values = [(t.float() if t.dtype is torch.bfloat16 else t).detach().numpy() for t in (a, b)]
    np.testing.assert_allclose(*values, rtol=rtol, atol=rtol * 1e-3)
    return True


def ids(row):
    return row.name


def floating(row):
    return row.kind != "bits"


@pytest.mark.parametrize("row", [r for r in ELEMENTWISE if floating(r)], ids=ids)
def test_strides_dtypes_and_out(row):
    """Contiguous, transposed, sliced, broadcast, in-place, out= and half all agree with the plain call."""
    params = default_params(row)
    arrays = draw(row, (5, 7))
    plain = [torch.from_numpy(a) for a in arrays]
    want = _ops.call(op(row), tuple(plain), params).detach()
    transposed = [torch.from_numpy(np.ascontiguousarray(a.T)).t() for a in arrays]
    assert same(_ops.call(op(row), tuple(transposed), params), want)
    wide = [torch.from_numpy(np.repeat(a, 2, axis=1))[:, ::2] for a in arrays]
    assert same(_ops.call(op(row), tuple(wide), params), want)
    out = torch.empty(5, 7, dtype=want.dtype)
    assert _ops.call(op(row), tuple(plain), params, out) is out
    assert same(out, want)
    if want.dtype is torch.float64:
        mine = plain[0].clone()
        assert _ops.call_(op(row), mine, tuple(plain[1:]), params) is mine
        assert same(mine, want)
    empty = _ops.call(op(row), tuple(torch.empty(0, 3, dtype=torch.float64) for _ in arrays), params)
    assert empty.shape == (0, 3)
    scalar = _ops.call(op(row), tuple(p[0, 0] for p in plain), params)
    assert scalar.shape == () and same(scalar, want[0, 0])
    if row.arity == 2:
        rows = _ops.call(op(row), (plain[0], plain[1][:1]), params)
        assert same(rows[0], want[0])
    single = _ops.call(op(row), tuple(p.float() for p in plain), params)
    if want.dtype is torch.float64 and not row.rare:
        np.testing.assert_allclose(single.numpy(), want.numpy(), rtol=2e-3, atol=2e-4)
    if row.half and want.dtype is torch.float64:
        low = [p.to(torch.bfloat16) for p in plain]
        rounded = _ops.call(op(row), tuple(low), params)
        assert rounded.dtype is torch.bfloat16
        again = _ops.call(op(row), tuple(p.float() for p in low), params).to(torch.bfloat16)
        assert same(rounded, again)


@pytest.mark.parametrize("row", SMOOTH, ids=ids)
def test_gradient(row):
    """The fused gradient is that of finite differences; the differentiable one says the same, and so does its own."""
    params = default_params(row)
    xs = [torch.from_numpy(a).requires_grad_(k in row.gradients) for k, a in zip("abc", draw(row, (6,)), strict=False)]
    wanted = [x for x in xs if x.requires_grad]

    def f(*inputs):
        given = iter(inputs)
        return _ops.call(op(row), tuple(next(given) if x.requires_grad else x for x in xs), params)

    y = f(*wanted)
    g = torch.from_numpy(rng.uniform(0.5, 1.5, 6))
    fused = torch.autograd.grad(y, wanted, g, retain_graph=True)
    recorded = torch.autograd.grad(y, wanted, g, create_graph=True)
    eps = 1e-6
    for i, (x, a, b) in enumerate(zip(wanted, fused, recorded, strict=True)):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)
        with torch.no_grad():
            up = f(*[w + eps if j == i else w for j, w in enumerate(wanted)])
            down = f(*[w - eps if j == i else w for j, w in enumerate(wanted)])
            slope = (up - down) / (2 * eps)
        if row.name not in ("round", "_round_decimals", "ceil", "floor", "fmod", "remainder", "frac"):
            np.testing.assert_allclose(a.numpy(), (slope * g).numpy(), rtol=2e-4, atol=2e-6, err_msg=f"operand {i}")
        if b.requires_grad and not row.rare:
            second = torch.autograd.grad(b.sum(), x, retain_graph=True, allow_unused=True)[0]
            if second is not None:
                moved = []
                for s in (1e-5, -1e-5):
                    inputs = [(w.detach() + s if j == i else w.detach()).requires_grad_() for j, w in enumerate(wanted)]
                    moved.append(torch.autograd.grad(f(*inputs), inputs[i], g)[0])
                slope = (moved[0] - moved[1]) / 2e-5
                np.testing.assert_allclose(second.numpy(), slope.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("row", [r for r in ELEMENTWISE if r.kind != "float"], ids=ids)
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64], ids=str)
def test_integer_dtypes(row, dtype):
    """Rows that PyTorch has for integers run on every one of them; the others say so."""
    arrays = [torch.from_numpy(rng.integers(1, 5, (4, 3))).to(dtype) for _ in range(row.arity)]
    if row.formula(dtype.name if hasattr(dtype, "name") else str(dtype)[6:]) is None:
        with pytest.raises((RuntimeError, NotImplementedError)):
            _ops.call(op(row), tuple(arrays), row.params and tuple(1 for _ in row.params) or None)
        return
    got = _ops.call(op(row), tuple(arrays), row.params and tuple(1 for _ in row.params) or None)
    assert got.dtype is (torch.bool if row.kind == "test" else dtype)
    turned = _ops.call(op(row), tuple(a.t().contiguous().t() for a in arrays),
                       row.params and tuple(1 for _ in row.params) or None)  # fmt: skip
    assert got.tolist() == turned.tolist()


PUBLIC = [(name, row, forms) for name, (row, forms) in _table.aliases().items() if row in _ops.OPS]


def call_with(function, more, *operands):
    return function(*operands, *more)


@pytest.mark.parametrize("name, row, forms", PUBLIC, ids=[p[0] for p in PUBLIC])
def test_agrees_with_pytorch(name, row, forms):
    """The public function on the row's domain, parameters at their defaults; values and nodes."""
    peer = pytest.importorskip("torch")
    row = _table.by_name[row]
    if row.signature is None or row.kind == "bits":
        pytest.skip("has a front of its own")
    where = (peer.special, torch.special) if name.startswith("special.") or "s" in forms else (peer, torch)
    if not set("fms") & set(forms):
        where = peer.nn.functional, torch.nn.functional
    short = name.removeprefix("special.")
    required = (0.5, -2.0) if short == "threshold" else ()
    theirs, ours = (functools.partial(call_with, getattr(w, short), required) for w in where)
    arrays = draw(row, (6, 5))
    for dtype in (np.float32, np.float64):
        a = [x.astype(dtype) for x in arrays]
        want, got = theirs(*map(peer.from_numpy, a)), ours(*map(torch.from_numpy, a))
        assert str(got.dtype) == str(want.dtype)
        rtol = 2e-5 if dtype is np.float32 else 1e-9
        atol = rtol / 10
        if short == "airy_ai":  # PyTorch's own is off by up to 3e-6 (mpmath agrees with ours)
            rtol, atol = 1e-6, 3e-6
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=rtol * (50 if row.rare else 1), atol=atol)
    if row.gradients and "g" not in row.missing:
        x = [peer.from_numpy(v).requires_grad_() for v in arrays]
        z = [torch.from_numpy(v.copy()).requires_grad_() for v in arrays]
        y, w = theirs(*x), ours(*z)
        assert type(w.grad_fn).__name__ == type(y.grad_fn).__name__


FUNCTIONAL = [row for row in ELEMENTWISE if "F" in row.forms and row.signature is not None]


@pytest.mark.parametrize("row", FUNCTIONAL, ids=ids)
def test_functional_forms_agree_with_pytorch(row):
    """nn.functional.x with parameters by place and by name, with inplace=, and x_, where PyTorch has these."""
    peer = pytest.importorskip("torch")
    named = {name: -0.5 if name == "min_val" else abs(value) + 0.25 for name, value in row.params}
    values = draw(row, (6, 5))[0].astype(np.float32)

    def run(lib, name, *args, **kwargs):
        x = lib.from_numpy(values.copy()).requires_grad_()
        y = getattr(lib.nn.functional, name)(x * 1, *args, **kwargs)
        y.sum().backward()
        return y.detach().numpy(), x.grad.numpy(), type(y.grad_fn).__name__.replace("NoneType", "")

    calls = [(row.name, tuple(named.values()), {}), (row.name, (), named)]
    calls += [(row.name, (), named | {"inplace": True})] * ("P" in row.forms)
    calls += [(row.name + "_", tuple(named.values()), {})] * ("Q" in row.forms)
    for name, args, kwargs in calls:
        for got, want in zip(run(torch, name, *args, **kwargs), run(peer, name, *args, **kwargs), strict=True):
            if isinstance(got, str):
                assert got == want
            else:
                np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
