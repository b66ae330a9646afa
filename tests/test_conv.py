"""Convolutions against PyTorch, and their gradients of two orders by finite differences."""

import random

import numpy as np
import pytest
from families import check_gradients, compare, compare_errors, peer

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
