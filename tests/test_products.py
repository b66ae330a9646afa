"""Matrix products on every device kind against the CPU: dtypes, layouts, batches, sizes of no elements, gradients.

The schedule of the OpenCL device's kind is tested in this process, the other one by a second process at the end.
"""

import itertools
import os
import subprocess
import sys

import pytest

import cygrad as torch
from cygrad import cl
from cygrad.cl import _launch
from cygrad.cl.gemm import real_parts

DTYPES = ["float32", "float64", "float16", "bfloat16", "uint8", "int16", "int32", "int64"]
CLOSE = {"float32": 1e-4, "float64": 1e-10, "float16": 2e-2, "bfloat16": 0.2}
OTHER = "(opencl or complex64) and not int and not bfloat and not float64"  # what the other schedule is tested with
# Sizes (m, n, k): vectors, few rows, tiles with and without a rest, several blocks of k.
SIZES = [(1, 1, 9), (1, 37, 5), (37, 1, 50), (5, 7, 3), (64, 10, 84), (97, 49, 300), (140, 260, 37)]


def numbers(dtype, *shape):
    if dtype.startswith(("float", "bfloat")):
        return torch.randn(shape).to(getattr(torch, dtype))
    return torch.randint(0, 8, shape).to(getattr(torch, dtype))


def laid_out(t, way, device):
    """`t` on the device: contiguous, with rows and columns exchanged in memory, or every other element of a larger."""
    if way == "rows":
        return t.to(device)
    if way == "columns":
        return t.mT.contiguous().to(device).mT
    large = torch.zeros(*t.shape[:-2], 2 * t.shape[-2], 3 * t.shape[-1], dtype=t.dtype)
    large[..., ::2, ::3] = t
    return large.to(device)[..., ::2, ::3]


def same(got, want, dtype="float32", factor=1):
    if dtype not in CLOSE:
        assert torch.equal(got.cpu(), want)
    else:
        bound = CLOSE[dtype] * factor
        torch.testing.assert_close(got.cpu().double(), want.double(), rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products(device, dtype):
    for m, n, k in SIZES:
        for of_a, of_b in itertools.product(("rows", "columns", "strided"), repeat=2):
            a, b, c = numbers(dtype, m, k), numbers(dtype, k, n), numbers(dtype, m, n)
            x, y = laid_out(a, of_a, device), laid_out(b, of_b, device)
            same(x @ y, a @ b, dtype)
            want = torch.addmm(c, a, b, beta=3, alpha=2)
            same(torch.addmm(laid_out(c, of_b, device), x, y, beta=3, alpha=2), want, dtype, 10)


def test_batches(device):
    pairs = [((3, 4, 5), (3, 5, 6)), ((3, 1, 4, 5), (2, 5, 6)), ((4, 5), (3, 5, 6)), ((2, 1, 3, 4, 5), (4, 1, 5, 6)),
             ((2, 3, 4, 5), (5,)), ((5,), (2, 5, 6)), ((3, 200, 70), (3, 70, 300)), ((7, 4, 5), (1, 5, 6))]  # fmt: skip
    for a_shape, b_shape in pairs:
        a, b = torch.randn(a_shape), torch.randn(b_shape)
        same(a.to(device) @ b.to(device), a @ b)
    a, b, c = torch.randn(3, 4, 5), torch.randn(3, 5, 6), torch.randn(4, 1)
    x, y, z = a.to(device), b.to(device), c.to(device)
    same(torch.baddbmm(z, x, y, beta=0.5), torch.baddbmm(c, a, b, beta=0.5))
    same(torch.addbmm(z, x, y, alpha=2), torch.addbmm(c, a, b, alpha=2))


def test_vectors(device):
    for dtype, n in itertools.product(("float32", "float16", "int32"), (1, 50, 70_001)):
        a, b = numbers(dtype, n), numbers(dtype, n)
        if dtype == "float32":
            same(torch.dot(a.to(device)[::2], b.to(device)[::2]), torch.dot(a[::2], b[::2]), dtype, 100)
        same(torch.dot(a.to(device), b.to(device)), torch.dot(a, b), dtype, 100)
        m = numbers(dtype, 3, n)
        same(torch.mv(m.to(device), b.to(device)), torch.mv(m, b), dtype, 100)
        same(torch.mv(m.t().contiguous().to(device).t(), b.to(device)), torch.mv(m, b), dtype, 100)
        same(torch.addmv(m.to(device)[:, 0], m.to(device), b.to(device)), torch.addmv(m[:, 0], m, b), dtype, 100)
        same(m.to(device).t() @ m.to(device)[:, 0], m.t() @ m[:, 0], dtype, 10)


def test_no_elements(device):
    for m, n, k in ((0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)):
        for dtype in (torch.float32, torch.int8, torch.float16):
            a, b, c = (torch.ones(s, dtype=dtype, device=device) for s in ((m, k), (k, n), (m, n)))
            assert torch.equal((a @ b).cpu(), torch.zeros(m, n, dtype=dtype))
            beta = 2 if k else 3
            want = torch.full((m, n), beta + k, dtype=dtype)
            assert torch.equal(torch.addmm(c, a, b, beta=beta).cpu(), want)
    empty = torch.zeros(0, device=device)
    assert torch.dot(empty, empty).item() == 0
    layer = torch.nn.functional.linear
    same(layer(torch.ones(2, 0, device=device), torch.ones(3, 0, device=device), torch.ones(3, device=device)),
         torch.ones(2, 3))  # fmt: skip


def test_linear_and_its_gradients(device):
    for shape, bias in itertools.product([(30,), (4, 30), (2, 3, 30), (64, 30), (0, 30)], (True, False)):
        host = [torch.randn(shape), torch.randn(20, 30)] + ([torch.randn(20)] if bias else [])
        there = [t.to(device).requires_grad_() for t in host]
        host = [t.requires_grad_() for t in host]
        results = [torch.nn.functional.linear(*ts) for ts in (there, host)]
        same(*results)
        grads = []
        for r, ts in zip(results, (there, host), strict=True):
            first = torch.autograd.grad((r * r).sum(), ts, create_graph=True)
            grads.append((first, torch.autograd.grad(sum((g * g).sum() for g in first), ts)))
        for got, want in zip(*grads, strict=True):
            for g, w in zip(got, want, strict=True):
                torch.testing.assert_close(g.cpu(), w, rtol=1e-3, atol=1e-2)


def test_out_in_place_and_bits(device):
    a, b = torch.randn(70, 300), torch.randn(300, 90)
    x, y = a.to(device), b.to(device)
    out = torch.empty(70, 90, device=device)
    assert torch.mm(x, y, out=out) is out
    same(out, a @ b)
    total = torch.ones(70, 90, device=device)
    same(total.addmm_(x, y, alpha=2), 1 + 2 * (a @ b))
    assert all(torch.equal((x @ y).cpu(), out.cpu()) for _ in range(3))


def test_non_finite(device):
    a, b = torch.zeros(3, 4), torch.zeros(4, 5)
    a[0, 0], a[1, 1], b[1, 2] = float("nan"), float("inf"), 1
    got = (a.to(device) @ b.to(device)).cpu()
    assert torch.equal(got.isnan(), (a @ b).isnan()) and torch.equal(got.isinf(), (a @ b).isinf())
    c = torch.full((3, 5), float("nan"), device=device)
    assert not torch.addmm(c, torch.ones(3, 4, device=device), b.to(device), beta=0).isnan().any().item()


def test_every_half(device):
    every = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.float16).reshape(-1, 1)
    for factor in (1, 0.3331, 2.0, 1e-3):
        f = torch.tensor([[factor]], dtype=torch.float16)
        got, want = (every.to(device) @ f.to(device)).cpu(), (every.float() * f.float()).half()
        assert torch.equal(got.isnan(), want.isnan())
        assert torch.equal(got.nan_to_num(0), want.nan_to_num(0))


def test_long_sums_are_accurate(device):
    for m, n in ((1, 1), (3, 5), (40, 40)):
        a, b = torch.rand(m, 40_001), torch.rand(40_001, n)
        want = a.double() @ b.double()
        assert ((a.to(device) @ b.to(device)).cpu().double() / want - 1).abs().max().item() < 4e-6


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_complex_products(dtype):
    """The product of the parts, in the memory of real tensors: no complex tensor lives on a device yet."""
    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device")

    def there(t, turned=False):
        """Memory of the elements, and strides along rows, columns and the batch dimension."""
        device, *of, _, steps = _launch.place(torch.view_as_real(t.mT.contiguous() if turned else t).to("opencl"))
        row, column, step = steps[-3] // 2, 1, steps[0] // 2 if t.dim() == 3 else 0
        return device, of, (column, row, step, 0) if turned else (row, column, step, 0)

    for batch, (m, n, k) in itertools.product([(), (3,)], [(5, 7, 3), (1, 1, 40), (40, 50, 60)]):
        a, b, c = (torch.randn(*batch, *s, dtype=dtype) for s in ((m, k), (k, n), (m, n)))
        for turned in (False, True):
            device, of_a, a_steps = there(a, turned)
            _, of_b, b_steps = there(b)
            _, of_c, c_steps = there(c)
            out = torch.view_as_real(c).to("opencl")
            count = batch[0] if batch else 1
            to = _launch.place(out)[1:3]
            real_parts(device, dtype.code, (m, n, k), count, count, to, of_a, of_b, of_c, a_steps, b_steps,
                       c_steps, 2, 3).launch()  # fmt: skip
            torch.testing.assert_close(torch.view_as_complex(out.cpu()), 3 * c + 2 * (a @ b), rtol=1e-4, atol=1e-4)


def test_meta():
    a, b = torch.empty(3, 1, 4, 5, device="meta"), torch.empty(2, 5, 6, device="meta", dtype=torch.float32)
    assert (a @ b).shape == (3, 2, 4, 6) and (a @ b).device.type == "meta"
    assert torch.nn.functional.linear(a, torch.empty(7, 5, device="meta")).shape == (3, 1, 4, 7)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        a @ torch.ones(2, 5, 6)


def test_products_of_known_sizes_take_the_operands_given(device):
    for m, k, n in [(1, 9, 30), (30, 9, 1), (20, 9, 30)]:
        for seed in range(3):  # the second time the device knows the sizes
            torch.manual_seed(seed)
            a, b, c = torch.randn(2, m, k), torch.randn(2, k, n), torch.randn(m, n)
            for i, beta in [(0, 0), (1, 1), (0, 2), (1, 1)]:
                x, y, z = a.to(device)[i], b.to(device)[1 - i], c.to(device)
                plain = a[i] @ b[1 - i]
                assert torch.allclose((x @ y).cpu(), plain, atol=1e-4)
                assert torch.allclose(torch.addmm(z, x, y, beta=beta, alpha=2).cpu(), beta * c + 2 * plain, atol=1e-4)
                assert torch.allclose(torch.addmm(z, x, y).cpu(), c + plain, atol=1e-4)
                for bias in (None, torch.full((n,), float(seed))):
                    r = torch.nn.functional.linear(x, y.t(), bias if bias is None else bias.to(device))
                    assert torch.allclose(r.cpu(), plain if bias is None else plain + bias, atol=1e-4)


def test_the_other_schedule():
    if os.environ.get("CYGRAD_CL_SCHEDULE") or not cl.device_count("opencl"):
        pytest.skip("this is the other schedule, or there is no device")
    other = "gpu" if cl.device_properties(1).type & 2 else "cpu"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", OTHER, __file__],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
