"""Helpers of the tests of the compiled families: the same call on cygrad and on PyTorch, and finite differences."""

import numpy as np
import pytest

import cygrad


def peer():
    return pytest.importorskip("torch")


def to_cygrad(a, grad=False):
    t = cygrad.from_numpy(np.array(a, order="C"))
    return t.requires_grad_() if grad and a.dtype.kind == "f" else t


def to_peer(a, grad=False):
    t = peer().from_numpy(np.array(a, order="C"))
    return t.requires_grad_() if grad and a.dtype.kind == "f" else t


def values(t):
    return t.detach().numpy()


def assert_same(ours, theirs, tolerance=None):
    a, b = values(ours), values(theirs)
    assert a.shape == b.shape and a.dtype == b.dtype
    if tolerance is None:
        tolerance = {"f": {2: 2e-3, 4: 3e-5, 8: 1e-10}}.get(a.dtype.kind, {}).get(a.dtype.itemsize, 0)
    scale = 1 + (np.abs(b[np.isfinite(b)]).max() if np.isfinite(b).any() else 0)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def compare(ours, theirs, *arrays, tolerance=None, seed=0):
    """Runs both functions on the arrays; compares first results, names of grad_fn and all gradients."""
    torch = peer()
    x = [to_cygrad(a, True) for a in arrays]
    y = [to_peer(a, True) for a in arrays]
    a, b = ours(*x), theirs(*y)
    assert_same(a, b, tolerance)
    assert (a.grad_fn is None) == (b.grad_fn is None)
    if b.grad_fn is None:
        return
    assert a.grad_fn.name() == b.grad_fn.name()
    g = np.random.default_rng(seed).standard_normal(tuple(b.shape)).astype(values(b).dtype)
    x, y = ([t for t in ts if t.requires_grad] for ts in (x, y))
    ours = cygrad.autograd.grad(a, x, to_cygrad(g))
    theirs = torch.autograd.grad(b, y, to_peer(g))
    for p, q in zip(ours, theirs, strict=True):
        assert_same(p, q, None if tolerance is None else 10 * tolerance)


def compare_errors(ours, theirs, *arrays):
    """Both functions raise the same exception with the same text."""
    with pytest.raises(Exception) as theirs_info:
        theirs(*[to_peer(a) for a in arrays])
    with pytest.raises(theirs_info.type) as ours_info:
        ours(*[to_cygrad(a) for a in arrays])
    assert str(ours_info.value) == str(theirs_info.value)


def check_gradients(f, *arrays, second=True, step=1e-5, tolerance=1e-6):
    """Gradients of f (float64) by central differences, and with `second` those of the gradients too."""
    rng = np.random.default_rng(1)
    xs = [to_cygrad(a, True) for a in arrays]
    y = f(*xs)
    v = to_cygrad(rng.standard_normal(tuple(y.shape)))
    grads = cygrad.autograd.grad(y, xs, v, create_graph=second)
    for i, a in enumerate(arrays):
        numeric = np.zeros_like(a)
        for at in np.ndindex(a.shape):
            ends = []
            for s in (step, -step):
                moved = [np.array(b) for b in arrays]
                moved[i][at] += s
                ends.append(float((values(f(*[to_cygrad(b) for b in moved])) * values(v)).sum()))
            numeric[at] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(values(grads[i]), numeric, rtol=tolerance, atol=tolerance)
    if second:
        weights = [to_cygrad(rng.standard_normal(a.shape)) for a in arrays]

        def directional(*inputs):
            first = cygrad.autograd.grad(f(*inputs), inputs, v, create_graph=True)
            total = None
            for g, w in zip(first, weights, strict=True):
                term = (g * w).sum()
                total = term if total is None else total + term
            return total

        xs = [to_cygrad(a, True) for a in arrays]
        seconds = cygrad.autograd.grad(directional(*xs), xs, allow_unused=True)
        for i, a in enumerate(arrays):
            numeric = np.zeros_like(a)
            for at in np.ndindex(a.shape):
                ends = []
                for s in (step, -step):
                    moved = [np.array(b) for b in arrays]
                    moved[i][at] += s
                    ends.append(float(values(directional(*[to_cygrad(b, True) for b in moved]))))
                numeric[at] = (ends[0] - ends[1]) / (2 * step)
            ours = np.zeros_like(a) if seconds[i] is None else values(seconds[i])
            np.testing.assert_allclose(ours, numeric, rtol=10 * tolerance, atol=10 * tolerance)
