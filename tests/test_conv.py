"""Convolutions against PyTorch, and their gradients of two orders by finite differences."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from families import check_gradients, compare, compare_errors, peer

import cygrad
from cygrad import cl
from cygrad._fronts import nn as _nn

CASES = [
    # dimensions, batch, in, out, size, kernel, stride, padding, dilation, groups
    (2, 4, 3, 6, (32, 32), (5, 5), 1, 0, 1, 1),
    (2, 64, 6, 16, (14, 14), (5, 5), 1, 0, 1, 1),
    (2, 1, 64, 64, (28, 28), (3, 3), 1, 1, 1, 1),
    (2, 3, 16, 32, (15, 17), (3, 3), 2, 1, 1, 1),
    (2, 2, 32, 32, (14, 14), (3, 3), 1, 1, 1, 32),
    (2, 2, 24, 40, (9, 9), (1, 1), 2, 0, 1, 1),
    (2, 2, 300, 33, (7, 7), (3, 3), 1, 1, 1, 1),
    (1, 3, 4, 5, (50,), (7,), 2, 3, 2, 1),
    (3, 2, 3, 4, (5, 8, 9), (3, 2, 3), 1, 1, 1, 1),
]


def both(stride, padding, dilation, transposed, output_padding, groups):
    args = (stride, padding, dilation, transposed, output_padding, groups)
    return (
        lambda x, w, b=None: _nn.convolution(x, w, b, *args),
        lambda x, w, b=None: peer().convolution(x, w, b, *args),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_forward_and_gradients(case, dtype):
    nd, n, cin, cout, size, kernel, stride, padding, dilation, groups = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, cin, *size)).astype(dtype)
    w = rng.standard_normal((cout, cin // groups, *kernel)).astype(dtype)
    b = rng.standard_normal(cout).astype(dtype)
    functions = both([stride] * nd, [padding] * nd, [dilation] * nd, False, [0] * nd, groups)
    compare(*functions, x, w, b)
    compare(*functions, x, w)


def random_case(rng):
    nd, groups = rng.choice([1, 2, 2, 3]), rng.choice([1, 1, 2, 3])
    transposed = rng.random() < 0.4
    return {
        "nd": nd,
        "groups": groups,
        "transposed": transposed,
        "channels": (groups * rng.choice([1, 2, 5]), groups * rng.choice([1, 3, 4, 9])),
        "batch": rng.choice([1, 2, 3]),
        "size": [rng.choice([1, 2, 5, 9, 12]) for _ in range(nd)],
        "kernel": [rng.choice([1, 2, 3, 5]) for _ in range(nd)],
        "stride": [rng.choice([1, 1, 2, 3]) for _ in range(nd)],
        "padding": [rng.choice([0, 1, 2]) for _ in range(nd)],
        "dilation": [rng.choice([1, 1, 2]) for _ in range(nd)],
        "output_padding": [rng.choice([0, 0, 1]) if transposed else 0 for _ in range(nd)],
    }


@pytest.mark.parametrize("seed", range(60))
def test_random_shapes(seed):
    torch = peer()
    c = random_case(random.Random(seed))
    rng = np.random.default_rng(seed)
    cin, cout = c["channels"]
    x = rng.standard_normal((c["batch"], cin, *c["size"]))
    shape = (cin, cout // c["groups"]) if c["transposed"] else (cout, cin // c["groups"])
    w = rng.standard_normal((*shape, *c["kernel"]))
    b = rng.standard_normal(cout)
    functions = both(c["stride"], c["padding"], c["dilation"], c["transposed"], c["output_padding"], c["groups"])
    try:
        functions[1](torch.from_numpy(x), torch.from_numpy(w))
    except RuntimeError:
        pytest.skip("not a shape that PyTorch takes")
    compare(*functions, x, w, b)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 1, 1, 1), (2, 1, 1, 2), (2, 0, 2, 1)])
def test_gradients_of_two_orders(transposed, stride, padding, dilation, groups):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 2, 4, 5))
    w = rng.standard_normal((2, 2 // groups, 2, 3))
    b = rng.standard_normal(2)
    ours, _ = both([stride] * 2, [padding] * 2, [dilation] * 2, transposed, [0] * 2, groups)
    check_gradients(ours, x, w, b)


def test_integers_and_half():
    rng = np.random.default_rng(4)
    x, w = rng.integers(-5, 5, (1, 2, 6, 6)), rng.integers(-5, 5, (3, 2, 3, 3))
    functions = both([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    compare(*functions, x, w)
    compare(*functions, x.astype("float16"), w.astype("float16"))


@pytest.mark.parametrize(
    "x, w, b, extra",
    [
        ((4, 1, 32, 32), (6, 3, 5, 5), None, {}),
        ((4, 3, 2, 2), (6, 3, 5, 5), None, {}),
        ((1, 3, 8, 8), (6, 3, 5, 5), (5,), {}),
        ((1, 3, 8, 8), (6, 3, 5, 5), None, {"stride": [0, 1]}),
        ((1, 3, 8, 8), (6, 3, 5, 5), None, {"padding": [-1, 0]}),
        ((1, 3, 8, 8), (6, 3, 5, 5), None, {"dilation": [0, 1]}),
        ((1, 4, 8, 8), (5, 2, 5, 5), None, {"groups": 2}),
        ((1, 4, 8, 8), (4, 2, 5, 5), None, {"groups": 0}),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"transposed": True}),
        ((1, 3, 8, 8), (3, 4, 3, 3), (3,), {"transposed": True}),
        ((1, 3, 8, 8), (3, 4, 3, 3), None, {"transposed": True, "output_padding": [1, 1]}),
    ],
)
def test_errors(x, w, b, extra):
    args = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "transposed": False,
            "output_padding": [0, 0], "groups": 1, **extra}  # fmt: skip
    arrays = [np.zeros(s, "float32") for s in (x, w) + (() if b is None else (b,))]
    compare_errors(*both(*args.values()), *arrays)


# ------------------------------------------------------------------ many channels: panels and transforms

WIDE = {  # images, channels, outputs, height, width, kernel, stride, padding, dilation, groups
    "transformed": (3, 40, 33, 8, 9, 3, 1, 1, 1, 1),
    "transformed, one image": (1, 64, 96, 17, 16, 3, 1, 1, 1, 1),
    "transformed, unpadded": (2, 32, 32, 7, 7, 3, 1, 0, 1, 1),
    "transformed, padded twice": (5, 48, 64, 5, 6, 3, 1, 2, 1, 1),
    "strided": (3, 20, 70, 9, 11, 3, 2, 1, 1, 1),
    "dilated": (2, 24, 40, 12, 10, 3, 1, 2, 2, 1),
    "pointwise": (4, 50, 48, 6, 5, 1, 1, 0, 1, 1),
    "pointwise, strided": (4, 50, 48, 6, 5, 1, 2, 0, 1, 1),
    "wide kernel": (2, 16, 32, 11, 10, 5, 1, 2, 1, 1),
    "groups": (3, 64, 96, 7, 8, 3, 1, 1, 1, 2),
    "more taps than a panel holds": (2, 300, 32, 3, 3, 3, 1, 1, 1, 1),
}


@pytest.mark.parametrize("dtype", [cygrad.float32, cygrad.float64], ids=str)
@pytest.mark.parametrize("name", WIDE)
def test_many_channels(name, dtype):
    n, c, o, h, w, k, stride, padding, dilation, groups = WIDE[name]
    F = cygrad.nn.functional
    x = cygrad.randn(n, c, h, w, dtype=cygrad.float64).to(dtype)
    weight = (cygrad.randn(o, c // groups, k, k, dtype=cygrad.float64) / (c * k * k) ** 0.5).to(dtype)
    bias = cygrad.randn(o, dtype=dtype)

    def results(convolve, dtype, threads):
        cygrad.set_num_threads(threads)
        tensors = [t.to(dtype).requires_grad_() for t in (x, weight, bias)]
        y = convolve(*tensors)
        g = cygrad.randn(y.shape, dtype=cygrad.float64, generator=cygrad.Generator().manual_seed(5)).to(dtype)
        return [y.detach(), *cygrad.autograd.grad(y, tensors, g)]

    def by_product(x, weight, bias):
        columns = F.unfold(x, k, dilation, padding, stride).unflatten(1, (groups, -1))
        y = (weight.reshape(groups, o // groups, -1) @ columns).flatten(1, 2) + bias[:, None]
        return y.unflatten(2, ((h + 2 * padding - dilation * (k - 1) - 1) // stride + 1, -1))

    def by_convolution(x, weight, bias):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    before = cygrad.get_num_threads()
    try:
        wanted = results(by_product, cygrad.float64, 1)
        got = results(by_convolution, dtype, 1)
        assert all(map(cygrad.equal, got, results(by_convolution, dtype, 3)))
    finally:
        cygrad.set_num_threads(before)
    bound = 3e-6 if dtype == cygrad.float32 else 1e-14
    for a, b in zip(got, wanted, strict=True):
        assert float((a.double() - b).abs().max() / b.abs().max()) < bound


# ------------------------------------------------------------------ other devices

ACCURACY = {"float32": 1e-4, "float64": 1e-11, "float16": 5e-3}


def results(x, w, b, options, device, orders):
    """A convolution on the device, its gradients, and the gradients of those, on the host as float64."""
    operands = [t.to(device).requires_grad_(orders > 0) for t in (x, w, b) if t is not None]
    y = _nn.convolution(*operands, *([None] if b is None else []), *options)
    found = [y]
    if orders:
        first = cygrad.autograd.grad((y * y).sum(), operands, create_graph=orders > 1)
        found += first
    if orders > 1:
        found += cygrad.autograd.grad(sum((g * g).sum() for g in first), operands)
    return [t.detach().cpu().double() for t in found]


def on_the_device(x, w, b, options, device, orders):
    dtype = x.dtype.name if x.dtype.is_floating_point else None
    pairs = zip(results(x, w, b, options, device, orders), results(x, w, b, options, "cpu", orders), strict=True)
    for got, want in pairs:
        if dtype is None:
            assert cygrad.equal(got, want)
        else:
            scale = want.abs().max().item() if want.numel() else 0
            cygrad.testing.assert_close(got, want, rtol=0, atol=ACCURACY[dtype] * (scale + 1e-6))


@pytest.mark.parametrize("dtype", list(ACCURACY))
def test_devices(device, dtype):
    if device.type == "cpu":
        pytest.skip("what the others are compared with")
    done, seed = 0, 100
    while done < (24 if dtype == "float32" else 6):
        seed += 1
        c = random_case(random.Random(seed))
        options = [c[n] for n in ("stride", "padding", "dilation", "transposed", "output_padding", "groups")]
        cin, cout = c["channels"]
        shape = (cin, cout // c["groups"]) if c["transposed"] else (cout, cin // c["groups"])
        x, w, b = (cygrad.randn(s).to(getattr(cygrad, dtype)) for s in (
            (c["batch"], cin, *c["size"]), (*shape, *c["kernel"]), (cout,)))  # fmt: skip
        if done % 3 == 1:               # neither operand contiguous
            x, w = x.mT.contiguous().mT, w.transpose(0, 1).contiguous().transpose(0, 1)
        try:
            _nn.convolution(x, w, None, *options)
        except RuntimeError:
            continue
        on_the_device(x, w, b if done % 2 else None, options, device, 2 if dtype == "float32" else 1)
        done += 1


def test_larger_on_devices(device):
    if device.type == "cpu":
        pytest.skip("what the others are compared with")
    for nd, n, cin, cout, size, kernel, stride, padding, dilation, groups in CASES[:7]:
        x, w, b = cygrad.randn(n, cin, *size), cygrad.randn(cout, cin // groups, *kernel), cygrad.randn(cout)
        options = ([stride] * nd, [padding] * nd, [dilation] * nd, False, [0] * nd, groups)
        on_the_device(x, w, b, options, device, 1)
    same = [results(x, w, b, options, device, 1) for _ in range(2)]
    assert all(cygrad.equal(*pair) for pair in zip(*same, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_weight_gradients_of_many_channels_on_devices(device, dtype, monkeypatch):
    if device.type == "cpu":
        pytest.skip("what the others are compared with")
    x, w = (cygrad.randn(s).to(getattr(cygrad, dtype)) for s in ((5, 24, 7, 9), (200, 12, 3, 3)))
    options = ([1, 1], [1, 1], [1, 1], False, [0, 0], 2)
    on_the_device(x, w, None, options, device, 1)
    monkeypatch.setattr("cygrad.cl.conv.PANEL_BYTES", 1 << 20)      # two images at a time
    on_the_device(x, w, None, options, device, 1)


def test_integers_and_no_elements_on_devices(device):
    options = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    x, w = (cygrad.randint(0, 3, size).to(cygrad.uint8) for size in ((2, 2, 6, 6), (3, 2, 3, 3)))
    on_the_device(x, w, None, options, device, 0)
    on_the_device(cygrad.ones(0, 2, 6, 6), cygrad.ones(3, 2, 3, 3), cygrad.ones(3), options, device, 1)
    on_the_device(cygrad.ones(2, 6, 6), cygrad.ones(3, 2, 3, 3), cygrad.ones(3), options, device, 1)


def test_meta():
    x, w = cygrad.empty(2, 4, 9, 9, device="meta"), cygrad.empty(6, 2, 3, 3, device="meta")
    y = cygrad.nn.functional.conv2d(x, w.requires_grad_(), stride=2, groups=2)
    assert y.shape == (2, 6, 4, 4) and y.device.type == "meta"
    y.sum().backward()
    assert w.grad.shape == w.shape and w.grad.device.type == "meta"
    t = cygrad.nn.functional.conv_transpose2d(x, cygrad.empty(4, 3, 2, 2, device="meta"), stride=2)
    assert t.shape == (2, 3, 18, 18)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        cygrad.nn.functional.conv2d(x, cygrad.empty(6, 4, 3, 3))


def test_the_other_schedule():
    if os.environ.get("CYGRAD_CL_SCHEDULE") or not cl.device_count("opencl"):
        pytest.skip("this is the other schedule, or there is no device")
    other = "gpu" if cl.device_properties(1).type & 2 else "cpu"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", "opencl-float32 or larger_on_devices",
         __file__], env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
