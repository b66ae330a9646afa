"""Printed tensors: stored PyTorch texts, and random tensors against PyTorch where it is there."""

import math
import random

import pytest

import cygrad
from cygrad._tensor_str import _str, get_printoptions, printoptions, set_printoptions

INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def _default_options():
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


@pytest.mark.parametrize(
    "values, text",
    [
        ([], "tensor([])"),
        ([[]], "tensor([], size=(1, 0))"),
        (1, "tensor(1)"),
        (True, "tensor(True)"),
        (1.5, "tensor(1.5000)"),
        (2.0, "tensor(2.)"),
        (1e10, "tensor(1.0000e+10)"),
        (0.00012, "tensor(0.0001)"),
        (0.00009, "tensor(9.0000e-05)"),
        ([0.0, 0.0], "tensor([0., 0.])"),
        ([-0.0, 0.0], "tensor([-0., 0.])"),
        ([INF, 0.0], "tensor([inf, 0.])"),
        ([NAN, 1.5], "tensor([   nan, 1.5000])"),
        ([INF, -1.25, 100.0], "tensor([     inf,  -1.2500, 100.0000])"),
        ([-INF, NAN, -3.0], "tensor([-inf, nan, -3.])"),
        ([1.0, 1000.0], "tensor([   1., 1000.])"),
        ([1.0, 1001.0], "tensor([1.0000e+00, 1.0010e+03])"),
        ([1.5, 1001.0], "tensor([   1.5000, 1001.0000])"),
        ([1e8], "tensor([100000000.])"),
        ([2e8], "tensor([2.0000e+08])"),
        ([1, 2, 300], "tensor([  1,   2, 300])"),
        ([True, False], "tensor([ True, False])"),
        ([[1, 2], [3, 4]], "tensor([[1, 2],\n        [3, 4]])"),
        (
            [[[1, 2], [3, 4]]] * 2,
            "tensor([[[1, 2],\n         [3, 4]],\n\n        [[1, 2],\n         [3, 4]]])",
        ),
    ],
)
def test_values(values, text):
    assert _str(cygrad.tensor(values)) == text


@pytest.mark.skipif(not hasattr(cygrad, "complex64"), reason="cygrad has no complex dtypes yet")
@pytest.mark.parametrize(
    "text", ["[1.+2.j]", "[1.5000-2.j, 3.0000+0.j]", "[   nan+1.j, 2.5000-infj]"]
)
def test_complex(text):
    values = {
        "[1.+2.j]": [1 + 2j],
        "[1.5000-2.j, 3.0000+0.j]": [1.5 - 2j, 3 + 0j],
        "[   nan+1.j, 2.5000-infj]": [complex(NAN, 1), complex(2.5, -INF)],
    }[text]
    assert _str(cygrad.tensor(values)) == f"tensor({text})"


def test_dtype_and_size_suffix():
    assert _str(cygrad.tensor([1, 2], dtype=cygrad.int8)) == "tensor([1, 2], dtype=torch.int8)"
    assert _str(cygrad.tensor([1.0], dtype=cygrad.float64)) == "tensor([1.], dtype=torch.float64)"
    assert _str(cygrad.tensor([1.5], dtype=cygrad.float16)) == (
        "tensor([1.5000], dtype=torch.float16)"
    )
    assert _str(cygrad.tensor([], dtype=cygrad.int64)) == "tensor([], dtype=torch.int64)"
    assert _str(cygrad.zeros(0, 3, dtype=cygrad.int32)) == (
        "tensor([], size=(0, 3), dtype=torch.int32)"
    )


def test_gradient_suffix():
    x = cygrad.ones(2, requires_grad=True)
    assert _str(x) == "tensor([1., 1.], requires_grad=True)"
    assert _str(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert _str(x.detach()) == "tensor([1., 1.])"


def test_suffix_begins_a_line_where_it_does_not_fit():
    x = cygrad.ones(7, requires_grad=True, dtype=cygrad.float64) * 1.23
    assert _str(x) == (
        "tensor([1.2300, 1.2300, 1.2300, 1.2300, 1.2300, 1.2300, 1.2300],\n"
        "       dtype=torch.float64, grad_fn=<MulBackward0>)"
    )


def test_long_lines_are_wrapped():
    assert _str(cygrad.arange(40)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,\n"
        "        36, 37, 38, 39])"
    )


def test_summary():
    assert _str(cygrad.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    assert _str(cygrad.arange(2000).view(20, 100)) == (
        "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n"
        "        [ 100,  101,  102,  ...,  197,  198,  199],\n"
        "        [ 200,  201,  202,  ...,  297,  298,  299],\n"
        "        ...,\n"
        "        [1700, 1701, 1702,  ..., 1797, 1798, 1799],\n"
        "        [1800, 1801, 1802,  ..., 1897, 1898, 1899],\n"
        "        [1900, 1901, 1902,  ..., 1997, 1998, 1999]])"
    )
    assert _str(cygrad.zeros(1).expand(1001)) == "tensor([0., 0., 0.,  ..., 0., 0., 0.])"


def test_options():
    x = cygrad.tensor([1.12345, 2.0])
    set_printoptions(precision=2)
    assert _str(x) == "tensor([1.12, 2.00])"
    set_printoptions(precision=1, sci_mode=True)
    assert _str(x) == "tensor([1.1e+00, 2.0e+00])"
    set_printoptions(profile="default", threshold=5)
    assert _str(cygrad.arange(10)) == "tensor([0, 1, 2,  ..., 7, 8, 9])"
    set_printoptions(edgeitems=1)
    assert _str(cygrad.arange(10)) == "tensor([0,  ..., 9])"
    set_printoptions(edgeitems=0)
    assert _str(cygrad.arange(10)) == "tensor([...], size=(10,))"
    set_printoptions(profile="full")
    assert _str(cygrad.arange(1001)).count(",") == 1000
    set_printoptions(profile="default", linewidth=1)
    assert _str(cygrad.arange(2)) == "tensor([0,\n        1])"
    set_printoptions(profile="short")
    assert get_printoptions() == {
        "precision": 2,
        "threshold": 1000,
        "edgeitems": 2,
        "linewidth": 80,
        "sci_mode": None,
    }


def test_options_are_restored_by_the_context_manager():
    with printoptions(precision=1, sci_mode=True):
        assert _str(cygrad.tensor(1.25)) == "tensor(1.2e+00)"
    assert _str(cygrad.tensor(1.25)) == "tensor(1.2500)"


def test_tensor_contents_replaces_the_values():
    x = cygrad.ones(2, requires_grad=True)
    assert _str(x, tensor_contents="hello") == "tensor(hello, requires_grad=True)"


def test_parameter_and_repr():
    p = cygrad.nn.Parameter(cygrad.ones(2))
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(cygrad.ones(2)) == str(cygrad.ones(2)) == "tensor([1., 1.])"


def _random_values(rnd: random.Random, n: int) -> list[float]:
    """n floats of one of several kinds: small, huge, mixed magnitudes, integers, edges of rules."""
    kind = rnd.randrange(6)
    if kind == 0:
        values = [round(rnd.gauss(0, 10 ** rnd.uniform(-1, 4))) * 1.0 for _ in range(n)]
    elif kind == 1:
        scale = 10 ** rnd.uniform(-8, 8)
        values = [rnd.gauss(0, scale) for _ in range(n)]
    elif kind == 2:
        values = [rnd.gauss(0, 1) * 10 ** rnd.uniform(-6, 6) for _ in range(n)]
    elif kind == 3:
        values = [rnd.choice([0.0, 1.0, 1000.0, 1e-4, 12345.0])] * n
    elif kind == 4:
        values = rnd.choices([1.0, 10, 1000, 1001, 1e-3, 1e-4, 1e8, 0.1, 100, 1 / 3], k=n)
    else:
        values = [rnd.gauss(0, 1) for _ in range(n)]
    if n and rnd.random() < 0.3:
        values[rnd.randrange(n)] = rnd.choice([NAN, INF, -INF, 0.0, -0.0])
    return values


@pytest.mark.parametrize("seed", range(6))
def test_random_tensors_print_as_in_pytorch(seed):
    torch = pytest.importorskip("torch")
    rnd = random.Random(seed)
    for _ in range(100):
        shape = [rnd.choice([1, 2, 3, 5, 8, 40]) for _ in range(rnd.choice([0, 1, 1, 2, 2, 3, 4]))]
        if math.prod(shape) > 20000:
            continue
        if rnd.random() < 0.1:
            shape.append(0)
        values = _random_values(rnd, math.prod(shape))
        name = rnd.choice(["float32"] * 4 + ["float64", "float16", "bfloat16", "int64", "bool"])
        if name in ("int64", "bool"):
            values = [int(v) if math.isfinite(v) else 0 for v in values]
        options = {"profile": "default"}
        if rnd.random() < 0.4:
            options["threshold"] = rnd.choice([5, 100, 1000])
            options["edgeitems"] = rnd.choice([0, 1, 2, 3])
            options["linewidth"] = rnd.choice([20, 40, 80, 120])
            options["precision"] = rnd.choice([0, 2, 4, 7])
            options["sci_mode"] = rnd.choice([None, None, True, False])
        try:
            torch.set_printoptions(**options)
            want = repr(torch.tensor(values, dtype=getattr(torch, name)).reshape(shape))
        finally:
            torch.set_printoptions(profile="default")
        set_printoptions(**options)
        got = _str(cygrad.tensor(values, dtype=getattr(cygrad, name)).reshape(shape))
        assert got == want
