"""Pooling against PyTorch."""

import random

import numpy as np
import pytest
from families import assert_same, check_gradients, compare, peer, to_cygrad, to_peer

import cygrad
from cygrad._fronts import nn as _nn
from cygrad._operators import pool as _pool


def functions(kind, nd):
    f = peer().nn.functional
    return getattr(f, f"{kind}_pool{nd}d")


def random_window(rng, nd):
    kernel = [rng.choice([1, 2, 3]) for _ in range(nd)]
    return (kernel, [rng.choice([1, 2, 3]) for _ in range(nd)], [rng.randint(0, k // 2) for k in kernel],
            [rng.choice([1, 1, 2]) for _ in range(nd)], rng.random() < 0.4)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nd", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_windows(seed, nd, dtype):
    rng = random.Random(seed)
    size = [rng.choice([4, 5, 8, 13]) for _ in range(nd)]
    # Rounded, so that there are ties.
    x = np.random.default_rng(seed).standard_normal((rng.choice([1, 3]), 2, *size)).round(1).astype(dtype)
    plain = ([2] * nd, [2] * nd, [0] * nd, [1] * nd, False)
    kernel, stride, padding, dilation, ceil = random_window(rng, nd) if seed else plain
    theirs = functions("max", nd)
    try:
        values, indices = theirs(to_peer(x), kernel, stride, padding, dilation, ceil, return_indices=True)
    except RuntimeError as e:
        with pytest.raises(RuntimeError) as info:
            _nn.max_pool(to_cygrad(x), kernel, stride, padding, dilation, ceil)
        assert str(info.value) == str(e)
        return
    ours = _nn.max_pool(to_cygrad(x), kernel, stride, padding, dilation, ceil)
    assert_same(ours[0], values, 0)
    assert_same(ours[1], indices, 0)
    compare(lambda t: _nn.max_pool(t, kernel, stride, padding, dilation, ceil)[0],
            lambda t: theirs(t, kernel, stride, padding, dilation, ceil), x)
    include = rng.random() < 0.5
    compare(lambda t: _nn.avg_pool(t, kernel, stride, padding, ceil, include),
            lambda t: functions("avg", nd)(t, kernel, stride, padding, ceil, include), x)
    if nd > 1:
        compare(lambda t: _nn.avg_pool(t, kernel, stride, padding, ceil, include, 3),
                lambda t: functions("avg", nd)(t, kernel, stride, padding, ceil, include, 3), x)
    out = [rng.choice([2, 3, 7]) for _ in range(nd)]
    size = out if nd > 1 else out[0]
    compare(lambda t: _nn.adaptive_avg_pool(t, out), lambda t: functions("adaptive_avg", nd)(t, size), x)
    compare(lambda t: _nn.adaptive_max_pool(t, out)[0], lambda t: functions("adaptive_max", nd)(t, size), x)
    assert_same(_nn.adaptive_max_pool(to_cygrad(x), out)[1],
                functions("adaptive_max", nd)(to_peer(x), size, return_indices=True)[1])


def test_nan_wins():
    x = np.array([[[[1, np.nan, 3, 4], [np.nan, 2, 4, 4]]]], "float32")
    ours = _nn.max_pool(to_cygrad(x), [2, 2], [2, 2], [0, 0], [1, 1], False)
    theirs = functions("max", 2)(to_peer(x), 2, return_indices=True)
    for a, b in zip(ours, theirs, strict=True):
        assert_same(a, b)


def test_windows_of_padding_alone():
    for dtype in ("float32", "float64", "int32", "uint8", "int64"):
        x = np.arange(15, dtype=dtype).reshape(1, 1, 5, 3)
        ours = _nn.max_pool(to_cygrad(x), [1, 2], [1, 1], [0, 1], [1, 4], False)
        theirs = functions("max", 2)(to_peer(x), (1, 2), 1, (0, 1), (1, 4), return_indices=True)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)


def test_gradients_of_two_orders():
    x = np.random.default_rng(0).permutation(2 * 2 * 5 * 6).reshape(2, 2, 5, 6) / 10.0
    check_gradients(lambda t: _nn.max_pool(t, [2, 3], [2, 2], [1, 1], [1, 1], False)[0] ** 2, x)
    check_gradients(lambda t: _nn.avg_pool(t, [2, 3], [1, 2], [0, 1]) ** 2, x)
    check_gradients(lambda t: _nn.adaptive_avg_pool(t, [3, 2]) ** 2, x)


@pytest.mark.parametrize(
    "args",
    [(7, None, 0, 1), (2, 0, 0, 1), (2, None, 2, 1), (2, None, -1, 1), (2, None, 0, 0), ((2, 2, 2), None, 0, 1),
     (2, None, 2, 4), ((1, 2), None, (0, 2), (1, 5))],
)
def test_errors(args):
    x = np.zeros((1, 2, 6, 6), "float32")
    with pytest.raises(RuntimeError) as theirs:
        functions("max", 2)(to_peer(x), *args)
    with pytest.raises(RuntimeError) as ours:
        _pool.max_pool(to_cygrad(x), *args, False, 2)
    assert str(ours.value) == str(theirs.value)


def test_padding_of_more_than_half_a_kernel_is_refused_in_three_dimensions():
    x = np.zeros((1, 2, 6, 6, 6), "float32")
    args = ((1, 2, 3), None, (0, 2, 1), (1, 4, 1))
    with pytest.raises(RuntimeError) as theirs:
        functions("max", 3)(to_peer(x), *args)
    for ours in (lambda: _pool.max_pool(to_cygrad(x), *args, False, 3),
                 lambda: cygrad.nn.functional.max_pool3d(to_cygrad(x), *args)):  # fmt: skip
        with pytest.raises(RuntimeError) as info:
            ours()
        assert str(info.value) == str(theirs.value)
