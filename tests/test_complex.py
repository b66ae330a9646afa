"""complex64 and complex128: rows of the table with complex kernels, creation, printing, promotion, views, products."""

import copy
import io
import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import cygrad as torch
from cygrad import _ops
from cygrad._table import rows as _table

ROWS = [r for r in _table.rows() if r.complexes and not r.step]
SMOOTH = [r for r in ROWS if r.gradients]
rng = np.random.default_rng(0)


def numbers(*shape):
    """Complex numbers off the axes, where the branch cuts lie, of moderate size."""
    return rng.uniform(0.2, 0.9, shape) + 1j * rng.uniform(0.2, 0.9, shape)


def params_of(row):
    given = {"alpha": 0.5 + 1j, "value": 2 - 0.5j, "weight": 0.3 + 0.4j, "exponent": 1.5 - 0.5j}
    return tuple(given.get(name, default) for name, default in row.params) or None


def parts(t):
    return torch.view_as_real(t) if t.is_complex() else t


def numeric_gradient(loss, z, h=1e-6):
    """dloss/dRe z + i dloss/dIm z, by central differences."""
    g = np.zeros_like(z)
    for i in np.ndindex(z.shape):
        for unit in (1.0, 1j) if z.dtype.kind == "c" else (1.0,):
            up, down = z.copy(), z.copy()
            up[i] += h * unit
            down[i] -= h * unit
            g[i] += unit * (loss(up) - loss(down)) / (2 * h)
    return g


def check_gradients(f, *arrays, second=True, tol=1e-6):
    """First and second derivatives of sum(w . parts(f(*arrays))) against differences."""
    w = None

    def run(*given, grad=False):
        nonlocal w
        x = [torch.from_numpy(a.copy()).requires_grad_() for a in given]
        y = parts(f(*x))
        if w is None:
            w = torch.from_numpy(rng.uniform(0.5, 1.5, tuple(y.shape)))
        loss = (y * w).sum()
        return (x, torch.autograd.grad(loss, x, create_graph=True)) if grad else loss.item()

    run(*arrays)
    x, grads = run(*arrays, grad=True)
    for i, g in enumerate(grads):
        want = numeric_gradient(lambda a, i=i: run(*arrays[:i], a, *arrays[i + 1 :]), arrays[i])
        assert g.dtype == x[i].dtype
        np.testing.assert_allclose(g.detach().numpy(), want, rtol=tol, atol=tol)
    if not second or not any(g.requires_grad for g in grads):
        return
    v = [rng.uniform(0.5, 1.5, tuple(parts(g).shape)) for g in grads]

    def loss2(*given):
        grads = run(*given, grad=True)[1]
        return sum((parts(g) * torch.from_numpy(u)).sum() for g, u in zip(grads, v))

    def value(i, a):
        return loss2(*arrays[:i], a, *arrays[i + 1 :]).item()

    total = sum((parts(g) * torch.from_numpy(u)).sum() for g, u in zip(grads, v))
    twice = torch.autograd.grad(total, x, allow_unused=True)
    for i, g in enumerate(twice):
        want = numeric_gradient(lambda a, i=i: value(i, a), arrays[i])
        got = np.zeros_like(want) if g is None else g.numpy()
        np.testing.assert_allclose(got, want, rtol=20 * tol, atol=20 * tol)


# ---- rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row):
    """Transposed, sliced, broadcast, complex64, in-place and out= agree with the plain call."""
    op, params = _ops.OPS[row.name], params_of(row)
    if row.name == "_isclose":
        params = (1e-5, 1e-8, 0)
    arrays = [numbers(5, 7) for _ in range(row.arity)]
    plain = [torch.from_numpy(a) for a in arrays]
    want = _ops.call(op, tuple(plain), params)
    real = row.real_result or row.kind == "test"
    assert want.is_complex() != real
    for layout in (lambda a: torch.from_numpy(np.ascontiguousarray(a.T)).t(),
                   lambda a: torch.from_numpy(np.repeat(a, 2, axis=1))[:, ::2]):  # fmt: skip
        np.testing.assert_array_equal(_ops.call(op, tuple(map(layout, arrays)), params).numpy(), want.numpy())
    long = [torch.from_numpy(np.tile(a, (200, 1))).t() for a in arrays]  # over the executor's blocks
    got = _ops.call(op, tuple(long), params).t()
    np.testing.assert_allclose(got[-5:].numpy(), want.numpy(), rtol=1e-14)
    single = _ops.call(op, tuple(t.to(torch.complex64) for t in plain), params)
    assert single.dtype == {torch.complex128: torch.complex64, torch.float64: torch.float32}.get(want.dtype, want.dtype)
    np.testing.assert_allclose(single.numpy(), want.numpy(), rtol=2e-5, atol=1e-5)
    out = torch.empty(0, dtype=want.dtype)
    np.testing.assert_array_equal(_ops.call(op, tuple(plain), params, out).numpy(), want.numpy())
    if not real:
        target = plain[0].clone()
        _ops.call_(op, target, tuple(plain[1:]), params)
        np.testing.assert_array_equal(target.numpy(), want.numpy())


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.name)
def test_gradient_of_row(row):
    op, params = _ops.OPS[row.name], params_of(row)
    arrays = [numbers(2) for _ in range(row.arity)]
    check_gradients(lambda *x: _ops.call(op, x, params), *arrays)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_agrees_with_pytorch(row):
    peer = pytest.importorskip("torch")
    name = row.name if row.forms else row.aliases.split()[0] if row.aliases else None
    if row.params or name is None:
        pytest.skip("has a signature of its own")
    arrays = [numbers(4, 3) for _ in range(row.arity)]
    arrays[0] *= np.exp(1j * rng.uniform(0, 6, (4, 3)))  # the whole plane
    where = (peer, torch) if hasattr(peer, name) else (peer.nn.functional, torch.nn.functional)
    for dtype in (np.complex64, np.complex128):
        a = [x.astype(dtype) for x in arrays]
        want = getattr(where[0], name)(*map(peer.from_numpy, a))
        got = getattr(where[1], name)(*map(torch.from_numpy, a))
        assert str(got.dtype) == str(want.dtype)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=3e-5 if dtype is np.complex64 else 1e-10)


def test_real_operands_get_real_gradients():
    check_gradients(lambda a, b: a * b + a / b, rng.uniform(0.5, 1, 3), numbers(3))
    check_gradients(lambda a, b: a**b, rng.uniform(0.5, 1, (2, 1)), numbers(3))
    check_gradients(lambda a: a * (2 - 1j), rng.uniform(0.5, 1, 3))
    check_gradients(lambda a: torch.addcmul(a, a, a, value=1j) + torch.add(a, a, alpha=2j), numbers(3))


@pytest.mark.parametrize(
    "call",
    [
        lambda z: z < z, lambda z: z % 2, lambda z: z // 2, lambda z: z.floor(), lambda z: z.sign(), lambda z: z.max(),
        lambda z: z.clamp(0, 1), lambda z: torch.relu(z), lambda z: z.sort(), lambda z: z.argmax(), lambda z: z.erf(),
        lambda z: z.topk(1), lambda z: torch.unique(z), lambda z: torch.bernoulli(z), lambda z: z.median(),
        lambda z: torch.maximum(z, z), lambda z: torch.arange(3, dtype=torch.complex64), lambda z: z.cummax(0),
        lambda z: z.scatter_reduce(0, torch.tensor([0, 0]), z, "amax"), lambda z: torch.searchsorted(z, z),
        lambda z: torch.histc(z), lambda z: torch.nansum(z), lambda z: z.bitwise_not(),
        lambda z: z.abs_(), lambda z: z.float().mul_(z), lambda z: z.exponential_(), lambda z: z.softmax(0),
        lambda z: torch.isposinf(z), lambda z: z.quantile(0.5), lambda z: z.multinomial(1), lambda z: torch.poisson(z),
        lambda z: torch.nn.functional.layer_norm(z, (2,)), lambda z: torch.nn.functional.mse_loss(z, z),
        lambda z: torch.nn.functional.max_pool1d(z.reshape(1, 2), 2), lambda z: torch.view_as_complex(z),
        lambda z: torch.ones(2).fill_(1j), lambda z: torch.full((2,), 1j, dtype=torch.float32),
        lambda z: torch.zeros(2, dtype=torch.complex32), lambda z: z.half() * 1j,
    ],
)  # fmt: skip
def test_refused(call):
    z = torch.tensor([1 + 2j, 3 - 1j])
    with pytest.raises((RuntimeError, NotImplementedError)):
        call(z)


def test_texts_of_errors():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    for call, kind, text in (
        (lambda: z < z, NotImplementedError, "\"lt_cpu\" not implemented for 'ComplexFloat'"),
        (lambda: z.sum().backward(), RuntimeError,
         "grad can be implicitly created only for real scalar outputs but got torch.complex64"),
        (lambda: z.sum().backward(torch.tensor(1.0)), RuntimeError,
         "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
         "grad_output[0] has a dtype of torch.float32 and output[0] has a dtype of torch.complex64."),
        (lambda: float(z[0]), RuntimeError, "value cannot be converted to type double without overflow"),
        (lambda: torch.tensor([1j], dtype=torch.float32), TypeError, "must be real number, not complex"),
        (lambda: torch.tensor([1j], dtype=torch.int64), TypeError,
         "'complex' object cannot be interpreted as an integer"),
        (lambda: torch.ones(2).mul_(z), RuntimeError,
         "result type ComplexFloat can't be cast to the desired output type Float"),
        (lambda: torch.ones(2).imag, RuntimeError, "imag is not implemented for tensors with non-complex dtypes."),
        (lambda: torch.complex(torch.ones(2), torch.ones(2).double()), RuntimeError,
         "Expected object of scalar type Float but got scalar type Double for second argument"),
        (lambda: torch.view_as_complex(torch.zeros(2, 3)), RuntimeError, "Tensor must have a last dimension of size 2"),
        (lambda: torch.view_as_complex(torch.zeros(2, 2).t()), RuntimeError,
         "Tensor must have a last dimension with stride 1"),
        (lambda: torch.int64.to_complex(), RuntimeError, "Unknown Complex ScalarType for Long"),
    ):  # fmt: skip
        with pytest.raises(kind) as error:
            call()
        assert str(error.value) == text


# ---- creation, printing, promotion


def test_creation():
    assert torch.tensor([1 + 2j]).dtype is torch.complex64 is torch.cfloat
    assert torch.tensor([1, 2.5, 1j]).tolist() == [1, 2.5, 1j]
    assert torch.tensor(np.array([1j])).dtype is torch.complex128 is torch.cdouble
    assert torch.tensor(np.complex64(2j)).item() == 2j
    assert torch.tensor([1j, 0], dtype=torch.bool).tolist() == [True, False]
    assert torch.full((2,), 1j).tolist() == [1j, 1j]
    assert torch.ones(2, dtype=torch.complex128).tolist() == [1, 1]
    assert torch.eye(2, dtype=torch.cfloat).tolist() == [[1, 0], [0, 1]]
    assert torch.zeros_like(torch.ones(2), dtype=torch.cfloat).sum().item() == 0
    assert torch.ones(300, dtype=torch.cdouble).fill_(2 - 1j).sum().item() == 600 - 300j
    assert torch.linspace(0, 1j, 3).tolist() == [0, 0.5j, 1j]
    assert torch.tensor([1 + 1j]).new_tensor([2j]).dtype is torch.complex64
    with pytest.raises(TypeError):
        torch.set_default_dtype(torch.complex64)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor(1j).dtype is torch.complex128
    finally:
        torch.set_default_dtype(torch.float32)
    d = torch.complex64
    assert (d.is_complex, d.is_floating_point, d.is_signed, d.itemsize) == (True, False, True, 8)
    assert d.to_real() is torch.float32 and torch.bfloat16.to_complex() is d
    assert torch.half.to_complex() is torch.complex32
    assert torch.finfo(torch.complex128).eps == torch.finfo(torch.float64).eps
    assert torch.tensor([1j]).type() == "torch.ComplexFloatTensor"


@pytest.mark.parametrize(
    ("t", "text"),
    [
        ([1 + 2j], "tensor([1.+2.j])"),
        (1j, "tensor(0.+1.j)"),
        ([1, 2.5, 1j], "tensor([1.0000+0.j, 2.5000+0.j, 0.0000+1.j])"),
        ([1e10 + 1j, 1e-5j], "tensor([1.0000e+10+1.0000e+00j, 0.0000e+00+1.0000e-05j])"),
        ([1.5 + 2.25j, -3.125 - 0.5j, complex("nan"), complex("inf")],
         "tensor([ 1.5000+2.2500j, -3.1250-0.5000j,     nan+0.0000j,     inf+0.0000j])"),
        ([[1000.5 + 2j]], "tensor([[1000.5000+2.j]])"),
        ([1, 100000000 + 2j], "tensor([1.0000e+00+0.j, 1.0000e+08+2.j])"),
    ],
)  # fmt: skip
def test_printing(t, text):
    assert repr(torch.tensor(t, dtype=torch.complex64)) == text


def test_printing_of_dtypes():
    assert repr(torch.tensor([1 + 2j], dtype=torch.complex128)) == "tensor([1.+2.j], dtype=torch.complex128)"
    assert repr(torch.tensor([], dtype=torch.complex64)) == "tensor([], dtype=torch.complex64)"
    z = torch.tensor([1 + 2j], requires_grad=True)
    assert repr(z) == "tensor([1.+2.j], requires_grad=True)"
    assert repr(torch.view_as_real(z)) == "tensor([[1., 2.]], grad_fn=<ViewAsRealBackward0>)"
    assert repr(z.conj()) == "tensor([1.-2.j], grad_fn=<ConjBackward0>)"
    assert repr(z.real) == "tensor([1.], grad_fn=<SelectBackward0>)"


def test_promotion():
    x, d, i, b = torch.ones(2), torch.ones(2).double(), torch.ones(2).long(), torch.ones(2).bool()
    z, z0 = torch.ones(2, dtype=torch.complex64), torch.tensor(1j)
    for a, other, want in (
        (x, 1j, "complex64"), (d, 1j, "complex128"), (i, 1j, "complex64"), (b, 1j, "complex64"), (x, z, "complex64"),
        (d, z, "complex128"), (d, z0, "complex128"), (i, z, "complex64"), (z, 2, "complex64"), (z, 2.5, "complex64"),
        (z, z.to(torch.complex128), "complex128"), (z, torch.tensor(1.0).double(), "complex64"),
        (x.half(), z, "complex64"), (x.bfloat16(), 1j, "complex64"),
    ):  # fmt: skip
        assert (a * other).dtype is (other * a).dtype is torch.result_type(a, other) is getattr(torch, want)
    assert torch.promote_types(torch.float64, torch.complex64) is torch.complex128
    assert torch.can_cast(torch.float64, torch.complex64) and torch.can_cast(torch.complex128, torch.complex64)
    assert not torch.can_cast(torch.complex64, torch.float64)
    assert (i / z).dtype is torch.complex64
    assert (2**z).dtype is (x**1j).dtype is (1j**x).dtype is torch.complex64
    assert str(z / 0) == "tensor([inf+nanj, inf+nanj])"
    assert (x == 1j).tolist() == [False, False] and (z0 == 1j).item() is True


def test_casts(monkeypatch):
    z = torch.tensor([1.5 + 2j, -3 - 1j])
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert z.float().tolist() == [1.5, -3]
        assert z.int().tolist() == [1, -3] and z.to(torch.half).tolist() == [1.5, -3]
        assert torch.zeros(2).copy_(z).tolist() == [1.5, -3]
    assert z.bool().tolist() == [True, True] and z.cdouble().cfloat().tolist() == z.tolist()
    assert torch.tensor([1, 2], dtype=torch.uint8).to(torch.complex128).tolist() == [1, 2]
    assert (complex(z[0]), z[0].item(), bool(z[0]), int(torch.tensor(2 + 0j))) == (1.5 + 2j, 1.5 + 2j, True, 2)


def test_cast_warns_once():
    code = (
        "import warnings, cygrad\n"
        "with warnings.catch_warnings(record=True) as w:\n"
        "    warnings.simplefilter('always')\n"
        "    z = cygrad.tensor([1j]); z.real.sum(); z.float(); z.double()\n"
        "print([str(x.message) for x in w])"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['Casting complex values to real discards the imaginary part']"


# ---- views and parts


def test_views_share_memory():
    z = torch.tensor([[1 + 2j, 3 - 1j], [0.5j, 2]])
    r = torch.view_as_real(z.t())
    assert r.shape == (2, 2, 2) and r.stride() == (2, 4, 1) and r._base is not None
    z.real.mul_(10)
    z.imag = torch.zeros(2, 2)
    assert z.tolist() == [[10, 30], [0, 20]]
    z[1].real = 7.0 * torch.ones(2)
    assert z[1].tolist() == [7, 7]
    w = torch.view_as_complex(torch.arange(8.0).reshape(2, 2, 2))
    assert w.tolist() == [[0 + 1j, 2 + 3j], [4 + 5j, 6 + 7j]]
    w.mul_(1j)
    assert w._base[:2].tolist() == [-1, 0]
    assert torch.ones(2).real is not None and torch.real(torch.ones(1)).item() == 1
    assert z.view(torch.float32).shape == (2, 4)
    assert torch.ones(2, 4).view(torch.complex64).tolist() == [[1 + 1j] * 2] * 2
    assert z.mH.tolist() == z.conj().t().tolist() == z.H.tolist() == z.adjoint().tolist()
    assert not z.conj().is_conj() and z.conj().resolve_conj().is_complex()
    assert torch.isreal(torch.tensor([1 + 0j, 1j])).tolist() == [True, False]


def test_gradients_of_views():
    check_gradients(lambda z: torch.view_as_real(z) ** 2, numbers(3))
    check_gradients(lambda z: z.real * z.imag + z.imag**2, numbers(2, 2))
    check_gradients(lambda x: torch.view_as_complex(x) ** 2, rng.uniform(0.5, 1, (3, 2)))
    check_gradients(lambda a, b: torch.complex(a, b) ** 2, rng.uniform(0.5, 1, (3, 1)), rng.uniform(0.5, 1, 2))
    check_gradients(lambda a, b: torch.polar(a, b) ** 2, rng.uniform(0.5, 1, 3), rng.uniform(0.5, 1, 3))
    check_gradients(lambda z: z.angle() * z.abs() + z.sgn().real, numbers(3))
    check_gradients(lambda z: z.mH @ z, numbers(2, 3))
    z = torch.tensor([0j, 1j], requires_grad=True)
    (z.abs() + z.angle() + z.sgn().real).sum().backward()
    assert z.grad[0].item() == 0


# ---- elements that only move


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_movement(dtype):
    a = numbers(4, 5).astype(dtype)
    z, index = torch.from_numpy(a.copy()), torch.tensor([2, 0, 3])
    mask = torch.from_numpy(a.real > 0.5)
    at = index.unsqueeze(1).expand(3, 5)
    for got, want in (
        (torch.cat([z, z], 1), np.concatenate([a, a], 1)),
        (torch.stack([z.t(), z.t()]), np.stack([a.T, a.T])),
        (torch.cat([torch.ones(1, 5), z]), np.concatenate([np.ones((1, 5)), a])),
        (z[index], a[[2, 0, 3]]), (z[:, index], a[:, [2, 0, 3]]), (z[1:, ::2], a[1:, ::2]), (z[mask], a[mask.numpy()]),
        (z.index_select(1, index), a[:, [2, 0, 3]]), (z.gather(0, at), np.take_along_axis(a, at.numpy(), 0)),
        (torch.where(mask, z, 1j), np.where(mask.numpy(), a, 1j)), (z.flip(0), a[::-1]),
        (z.roll(2, 1), np.roll(a, 2, 1)), (z.unfold(1, 2, 1)[..., 1], a[:, 1:]),
        (z.masked_fill(mask, 2 - 1j), np.where(mask.numpy(), 2 - 1j, a)), (z.tril(), np.tril(a)),
        (z.repeat(2, 3), np.tile(a, (2, 3))), (z.diagonal(), a.diagonal()), (z.t().contiguous(), a.T),
        (z.expand(2, 4, 5).clone(), np.stack([a, a])), (z.take(index), a.ravel()[[2, 0, 3]]),
        (torch.diag(z[0, :3]), np.diag(a[0, :3])),
    ):  # fmt: skip
        np.testing.assert_array_equal(got.numpy(), np.asarray(want).astype(dtype))
    want = a.copy()
    want[mask.numpy()] = (a * 2).ravel()[: mask.sum().item()]
    np.testing.assert_array_equal(z.masked_scatter(mask, z * 2).numpy(), want)
    got = z.clone()
    got[index, 1] = torch.tensor([1j, 2j, 3j]).to(z.dtype)
    want = a.copy()
    want[[2, 0, 3], 1] = [1j, 2j, 3j]
    np.testing.assert_array_equal(got.numpy(), want)
    got = torch.zeros(2, 5, dtype=z.dtype).index_add(0, torch.tensor([0, 1, 0, 1]), z)
    np.testing.assert_allclose(got.numpy(), np.stack([a[0] + a[2], a[1] + a[3]]), rtol=1e-6)
    got = torch.zeros(1, 5, dtype=z.dtype).scatter_add(0, torch.zeros(4, 5, dtype=torch.int64), z)
    np.testing.assert_allclose(got.numpy(), a.sum(0, keepdims=True), rtol=1e-6)
    assert torch.equal(z, z.clone()) and torch.allclose(z, z + 1e-9) and z.nonzero().shape == (20, 2)


def test_gradients_of_movement():
    index = torch.tensor([1, 0, 1])
    check_gradients(lambda z: z[index] ** 2, numbers(2, 2))
    check_gradients(lambda z: torch.where(torch.tensor([True, False]), z, z * z), numbers(2, 2))
    check_gradients(lambda z: torch.cat([z, z.t() * 1j]).cumsum(0), numbers(2, 2))
    check_gradients(lambda z, x: torch.stack([z, x.to(z.dtype)]) ** 2, numbers(2), rng.uniform(0.5, 1, 2))


def test_bridges():
    a = numbers(2, 3).astype(np.complex64)
    z = torch.from_numpy(a)
    z[0, 0] = 5j
    assert a[0, 0] == 5j and np.asarray(z).dtype == np.complex64
    np.testing.assert_array_equal(z.t().numpy(), a.T)
    assert np.from_dlpack(z).dtype == np.complex64
    assert torch.equal(torch.from_dlpack(torch.from_numpy(a.astype(np.complex128))), z.to(torch.complex128))
    for other in (pickle.loads(pickle.dumps(z)), copy.deepcopy(z), copy.copy(z)):
        assert other.dtype is z.dtype and torch.equal(other, z)
    assert pickle.loads(pickle.dumps(torch.complex32)) is torch.complex32


def test_save_and_load():
    z = torch.tensor([[1 + 2j, 3]], dtype=torch.complex128)
    file = io.BytesIO()
    torch.save(z, file)
    file.seek(0)
    got = torch.load(file)
    assert got.dtype is torch.complex128 and torch.equal(got, z)


def test_random():
    torch.manual_seed(0)
    assert str(torch.randn(3, dtype=torch.complex64)) == "tensor([ 1.0896-0.2075j, -1.5406+0.4019j, -0.7669-0.9890j])"
    torch.manual_seed(0)
    assert str(torch.rand(3, dtype=torch.complex64)) == "tensor([0.4963+0.7682j, 0.0885+0.1320j, 0.3074+0.6341j])"
    torch.manual_seed(0)
    z = torch.zeros(3, dtype=torch.complex64).normal_(1, 2)
    assert str(z) == "tensor([ 3.1793+0.5850j, -2.0813+1.8039j, -0.5337-0.9779j])"
    torch.manual_seed(0)
    z = torch.zeros(3, dtype=torch.complex64).uniform_(1, 2)
    assert str(z) == "tensor([1.4963+1.7682j, 1.0885+1.1320j, 1.3074+1.6341j])"
    torch.manual_seed(0)
    z = torch.randn(20, dtype=torch.complex64)
    assert str(z[:3]) == "tensor([-0.7961-0.8148j, -0.1772-0.3068j,  0.6001+0.4893j])"
    assert abs(torch.randn(20000, dtype=torch.complex128).var().item() - 1) < 0.05


# ---- reductions and products


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("dim", [None, 0, 1, 2])
def test_reductions(dtype, dim):
    a = numbers(3, 40, 5).astype(dtype)
    rtol = 1e-5 if dtype is np.complex64 else 1e-12
    for z in (torch.from_numpy(a), torch.from_numpy(np.ascontiguousarray(a.T)).permute(2, 1, 0)):
        for got, want in (
            (z.sum(dim), a.sum(dim)), (z.mean(dim), a.mean(dim)), (z.var(dim), a.var(dim, ddof=1)),
            (z.prod(dim) if dim is not None else z.prod(), a.prod(dim)), (z.std(dim), a.std(dim, ddof=1)),
            (z.norm(dim=dim), np.sqrt((abs(a) ** 2).sum(dim))),
            (torch.linalg.vector_norm(z, 3, dim), (abs(a) ** 3).sum(dim) ** (1 / 3)),
            (torch.linalg.vector_norm(z, math.inf, dim), abs(a).max(dim)),
        ):  # fmt: skip
            np.testing.assert_allclose(got.numpy(), want, rtol=rtol)
        assert (z.any(dim) if dim is not None else z.any()).all() and z.all() and not (z * 0).any()
        assert (torch.count_nonzero(z, dim) == (a.size if dim is None else a.shape[dim])).all()
    if dim is not None:
        np.testing.assert_allclose(z.cumsum(dim).numpy(), a.cumsum(dim), rtol=rtol)
        np.testing.assert_allclose(z.cumprod(dim).numpy(), a.cumprod(dim), rtol=20 * rtol)
        np.testing.assert_allclose(z.logsumexp(dim).exp().numpy(), np.exp(a).sum(dim), rtol=rtol)


def test_small_and_large_sums():
    assert torch.tensor([1 + 2j, 3 - 1j]).sum().item() == 4 + 1j
    assert torch.tensor([], dtype=torch.complex128).sum().item() == 0
    assert torch.ones(100003, dtype=torch.complex64).mul_(1 + 2j).sum().item() == 100003 * (1 + 2j)
    assert torch.sum(torch.ones(3), dtype=torch.complex64).dtype is torch.complex64


@pytest.mark.parametrize(
    "f",
    [
        lambda z: z.sum(0) ** 2, lambda z: z.mean() ** 2, lambda z: z.prod(0), lambda z: z.prod(), lambda z: z.norm(),
        lambda z: z.var(0), lambda z: z.std(), lambda z: torch.linalg.vector_norm(z, 3), lambda z: z.cumsum(1) ** 2,
        lambda z: z.cumprod(1), lambda z: torch.dist(z, z[:1] * 2), lambda z: z.logsumexp(1),
    ],
)  # fmt: skip
def test_gradients_of_reductions(f):
    check_gradients(f, numbers(2, 3), tol=1e-5)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_products(dtype):
    a, b, v = (numbers(*s).astype(dtype) for s in ((3, 4), (4, 5), (4,)))
    A, B, V = map(torch.from_numpy, (a, b, v))
    c, batch = numbers(2, 3, 4).astype(dtype), numbers(3, 5).astype(dtype)
    for got, want in (
        (A @ B, a @ b), (A.t().contiguous().t() @ B, a @ b), (A.conj() @ B, a.conj() @ b), (A @ V, a @ v),
        (V @ V, v @ v), (torch.cov(A), np.cov(a)), (torch.corrcoef(A), np.corrcoef(a)),
        (torch.vdot(V, V), np.vdot(v, v)), (torch.from_numpy(c) @ B, c @ b), (torch.outer(V, V), np.outer(v, v)),
        (torch.addmm(torch.from_numpy(batch), A, B, beta=2, alpha=3), 2 * batch + 3 * (a @ b)),
        (torch.bmm(torch.from_numpy(c), torch.from_numpy(c).mH), c @ c.conj().transpose(0, 2, 1)),
        (torch.einsum("ij,jk->ik", A, B), a @ b),
    ):  # fmt: skip
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5 if dtype is np.complex64 else 1e-12)


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda a, b: a @ b, ((2, 3), (3, 2))), (lambda a, b: a @ b, ((2, 3), (3,))),
        (lambda a, b: a @ b, ((3,), (3,))),
        (lambda a, b: a @ b, ((3,), (3, 2))), (lambda a, b: a @ b, ((2, 2, 3), (3, 2))), (torch.vdot, ((3,), (3,))),
        (lambda a, b: a @ b, ((2, 2, 3), (2, 3, 2))), (torch.bmm, ((2, 2, 3), (2, 3, 2))),
        (lambda a, b: torch.nn.functional.linear(a, b), ((2, 3), (2, 3))),
        (lambda a, b, c: torch.nn.functional.linear(a, b, c), ((2, 2, 3), (2, 3), (2,))),
        (lambda a, b, c: torch.addmm(c, a, b, alpha=2), ((2, 3), (3, 2), (2,))),
        (lambda a, b, c: torch.addmv(c, a, b, beta=2), ((2, 3), (3,), (2,))),
        (lambda a, b, c: torch.addmm(c, a, b, alpha=2 - 1j, beta=0.5j), ((2, 3), (3, 2), (2,))),
        (lambda a, b: torch.outer(a, b), ((2,), (3,))),
    ],
)  # fmt: skip
def test_gradients_of_products(f, shapes):
    check_gradients(f, *(numbers(*s) for s in shapes))


def test_convolutions():
    f = torch.nn.functional
    x, w, b = numbers(2, 2, 4), numbers(3, 2, 2), numbers(3)
    want = np.stack([sum(np.convolve(x[0, c], w[k, c, ::-1], "valid") for c in range(2)) + b[k] for k in range(3)])
    np.testing.assert_allclose(f.conv1d(*map(torch.from_numpy, (x, w, b)))[0].numpy(), want)
    check_gradients(lambda x, w, b: f.conv1d(x, w, b, 1, 1), numbers(1, 2, 3), w[:2], b[:2], second=False)
    check_gradients(lambda x, w: f.conv_transpose2d(x, w), numbers(2, 2, 2), numbers(2, 1, 2, 2), second=False)


def test_descent_on_a_complex_parameter():
    """The gradient points uphill in both parts: descent finds the least squares solution."""
    a, x = torch.eye(3) + 0.1 * torch.from_numpy(numbers(3, 3)), torch.from_numpy(numbers(3))
    b = a @ x
    w = torch.zeros(3, dtype=torch.complex128, requires_grad=True)
    for _ in range(200):
        loss = (a @ w - b).abs().square().sum()
        (g,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= 0.2 * g
    assert torch.allclose(w, x, atol=1e-4)


def test_gradcheck():
    z = torch.from_numpy(numbers(2, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: (z * z.conj() + z.exp(), z.abs()), z)
    assert torch.autograd.gradgradcheck(lambda z: z.sin() @ z, z)

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]  # lacks the conjugate

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, z)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "LBFGS"])
def test_optimizers_step_both_parts(name):
    """A complex parameter moves as its two parts do."""
    start = torch.tensor([1 + 2j, -1 + 0.5j])
    z, pair = start.clone().requires_grad_(), torch.view_as_real(start).clone().requires_grad_()
    for p, view in ((z, torch.view_as_real), (pair, lambda p: p)):
        optimizer = getattr(torch.optim, name)([p], lr=0.1)

        def closure(p=p, view=view, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((view(p) - 0.5) ** 4).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
    assert torch.allclose(torch.view_as_real(z), pair)


_WRITES = {
    "mul_": lambda v: v.mul_(3),
    "exp_": lambda v: v.exp_(),
    "zero_": lambda v: v.zero_(),
    "copy_": lambda v: v.copy_(torch.tensor([5.0, 6.0])),
    "one element": lambda v: v.__setitem__(0, 7.0),
}


@pytest.mark.parametrize("write", _WRITES)
@pytest.mark.parametrize("part", ["real", "imag"])
def test_writes_through_the_parts_of_recorded_numbers(part, write):
    """Against the same program of two real tensors."""
    start = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128)
    x = start.clone().requires_grad_()
    y = x * (2 + 1j)
    view = getattr(y, part)
    _WRITES[write](view)
    (y.real * y.imag + view).sum().backward()
    re, im = (t.clone().requires_grad_() for t in (start.real, start.imag))
    parts = {"real": 2 * re - im, "imag": 2 * im + re}
    _WRITES[write](parts[part])
    (parts["real"] * parts["imag"] + parts[part]).sum().backward()
    assert torch.allclose(x.grad, torch.complex(re.grad, im.grad))
    assert y.grad_fn.name() == "torch::autograd::CopySlices" and "grad_fn=<CopySlices>" in repr(y)
