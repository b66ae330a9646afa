"""Softmax, losses, normalisation, embedding and optimizer steps against PyTorch."""

import numpy as np
import oracles
import pytest
from families import assert_same, check_gradients, compare, compare_errors, peer, to_cygrad, to_peer

import cygrad as torch
from cygrad._fronts import nn as _nn
from cygrad._operators import optim as _optim

REDUCTIONS = ("none", "mean", "sum")


def functional():
    return peer().nn.functional


def arrays(*shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(
    "shape", [(4, 10), (64, 1000), (3, 5, 7), (2, 33, 17, 3), (7,), (3, 1), (40, 50, 60), (), (0, 3)]
)
def test_softmax(shape, dtype):
    (x,) = arrays(shape, dtype=dtype)
    x = np.asarray(4 * x)
    for dim in range(max(x.ndim, 1)):
        compare(lambda t, d=dim: _nn.softmax(t, d), lambda t, d=dim: t.softmax(d), x)
        compare(lambda t, d=dim: _nn.log_softmax(t, d), lambda t, d=dim: t.log_softmax(d), x)


def test_softmax_of_infinities():
    x = np.array([[np.inf, 1, 2], [-np.inf, -np.inf, -np.inf], [-np.inf, 0, 1], [np.nan, 0, 1], [1e4, -1e4, 0]])
    for f in (_nn.softmax, _nn.log_softmax):
        assert_same(f(to_cygrad(x), 1), getattr(to_peer(x), f.__name__)(1))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", range(3))
@pytest.mark.parametrize("shape", [(4, 10), (64, 1000), (5,), (3, 5, 4), (2, 5, 3, 4), (2, 5, 3, 2, 2)])
def test_class_losses(shape, reduction, weighted):
    x, w = arrays(shape, (shape[0 if len(shape) == 1 else 1],))
    w = np.abs(w)
    target = np.random.default_rng(1).integers(0, len(w), [n for i, n in enumerate(shape) if i != (len(shape) > 1)])
    target = np.asarray(target)
    if target.size > 3:
        target.flat[1] = -100
    ours = (to_cygrad(target), to_cygrad(w) if weighted else None, -100, reduction)
    theirs = {"weight": to_peer(w) if weighted else None, "reduction": REDUCTIONS[reduction]}
    t = to_peer(target)
    compare(lambda x: _nn.nll_loss(x, *ours), lambda x: functional().nll_loss(x, t, **theirs), x) \
        if len(shape) in (1, 2, 4) else None
    for smoothing in (0.0, 0.1):
        f = functional().cross_entropy
        expected = f(to_peer(x), t, label_smoothing=smoothing, **theirs)
        assert_same(_nn.cross_entropy(to_cygrad(x), *ours, smoothing), expected)
    if len(shape) <= 2:
        compare(lambda x: _nn.cross_entropy(x, *ours, 0.0), lambda x: functional().cross_entropy(x, t, **theirs), x)


def test_probabilities():
    x, p = arrays((4, 5), (4, 5))
    p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
    for r, name in enumerate(REDUCTIONS):
        assert_same(_nn.cross_entropy(to_cygrad(x), to_cygrad(p), None, -100, r, 0.1),
                    functional().cross_entropy(to_peer(x), to_peer(p), reduction=name, label_smoothing=0.1))


@pytest.mark.parametrize(
    "target, kind", [([0, 1, 5, 2], int), ([0, -1, 1, 2], int), ([0, 1, 2], int), ([0, 1, 2, 3], float)]
)
def test_target_errors(target, kind):
    (x,) = arrays((4, 5))
    t = np.array(target, dtype="int64" if kind is int else "float32")
    compare_errors(_nn.cross_entropy, functional().cross_entropy, x, t)


@pytest.mark.parametrize("reduction", range(3))
def test_mse(reduction):
    for shapes in [((9, 33), (9, 33)), ((2, 3), (3,))]:
        compare(lambda x, y: _nn.mse_loss(x, y, reduction) * 1,
                lambda x, y: ((x - y) ** 2 if reduction == 0 else
                              getattr((x - y) ** 2, REDUCTIONS[reduction])()) * 1, *arrays(*shapes))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(
    "shape, normalized", [((64, 512), (512,)), ((3, 4, 5), (4, 5)), ((2, 70, 33), (33,)), ((5,), (5,))]
)
def test_layer_norm(shape, normalized, dtype):
    x, w, b = arrays(shape, normalized, normalized, dtype=dtype)
    tolerance = {"float32": 1e-4, "float64": 1e-9, "float16": 2e-2}[dtype]
    for extra in ((), (w,), (w, b)):
        compare(lambda t, *p: _nn.layer_norm(t, normalized, *p),
                lambda t, *p: functional().layer_norm(t, normalized, *p), x, *extra, tolerance=tolerance)


@pytest.mark.parametrize("shape, groups", [((3, 6, 5), 2), ((2, 4, 7, 9), 4), ((2, 6), 3), ((4, 32, 8, 8), 8)])
def test_group_norm(shape, groups):
    x, w, b = arrays(shape, shape[1:2], shape[1:2])
    for extra in ((), (w, b)):
        compare(lambda t, *p: _nn.group_norm(t, groups, *p),
                lambda t, *p: functional().group_norm(t, groups, *p), x, *extra)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(8, 5), (3, 6, 5), (4, 16, 14, 14), (2, 3, 4, 5, 6), (300, 64)])
def test_batch_norm(shape, training):
    x, w, b, mean, var = arrays(shape, *[shape[1:2]] * 4)
    ours, theirs = [[f(a) for a in (mean, np.abs(var) + 0.1)] for f in (to_cygrad, to_peer)]
    for extra in ((), (w, b)):
        compare(lambda t, *p: _nn.batch_norm(t, *(p or (None, None)), *ours, training, 0.3, 1e-5),
                lambda t, *p: functional().batch_norm(t, *theirs, *p, training=training, momentum=0.3), x, *extra)
    for a, c in zip(ours, theirs, strict=True):
        assert_same(a, c)


def test_batch_norm_of_vectors():
    empty, some = torch.ones(0), torch.ones(3)
    for training in (True, False):
        x = torch.ones(0, requires_grad=True)
        assert torch.nn.functional.batch_norm(x, empty, empty, training=training).shape == (0,)
        with pytest.raises(RuntimeError, match="running_mean should contain 0 elements not 3"):
            torch.nn.functional.batch_norm(some, some, some, training=training)
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.nn.functional.batch_norm(some, None, None, training=True)


@pytest.mark.parametrize("pad, by_frequency", [(-1, False), (2, False), (2, True)])
def test_embedding(pad, by_frequency):
    (w,) = arrays((11, 5))
    index = np.random.default_rng(0).integers(0, 11, (3, 4))
    compare(lambda t: _nn.embedding(t, to_cygrad(index), pad, by_frequency),
            lambda t: functional().embedding(to_peer(index), t, None if pad < 0 else pad,
                                             scale_grad_by_freq=by_frequency), w)
    with pytest.raises(IndexError, match="^index out of range in self$"):
        _nn.embedding(to_cygrad(w), to_cygrad(np.array([11])))


def test_gradients_of_two_orders():
    x, w, b = arrays((3, 4), (4,), (4,))
    target = to_cygrad(np.array([1, 3, -100]))
    check_gradients(lambda t: _nn.softmax(t, 1), x)
    check_gradients(lambda t: _nn.log_softmax(t, 0), x)
    for reduction in range(3):
        check_gradients(lambda t, r=reduction: _nn.cross_entropy(t, target, None, -100, r), x)
        check_gradients(lambda t, r=reduction: _nn.nll_loss(t, target, None, -100, r) ** 2, x)
        check_gradients(lambda s, t, r=reduction: _nn.mse_loss(s, t, r), x, x + 1)
    check_gradients(lambda t, u, v: _nn.layer_norm(t, (4,), u, v), x, w, b)
    check_gradients(lambda t, u, v: _nn.group_norm(t, 2, u, v), x, w, b)
    check_gradients(lambda t, u, v: _nn.batch_norm(t, u, v, None, None, True), x, w, b)
    running = to_cygrad(b), to_cygrad(np.abs(w) + 1)
    check_gradients(lambda t, u, v: _nn.batch_norm(t, u, v, *running, False), x, w, b)
    check_gradients(lambda t: _nn.embedding(t, to_cygrad(np.array([1, 0, 1]))) ** 2, x)


def test_kernels_agree_with_their_plain_forms():
    x, w, b = (to_cygrad(a) for a in arrays((3, 4, 5), (4,), (4,)))
    last = to_cygrad(np.ones(5) * 2)
    assert_same(_nn.layer_norm(x, (5,), last, last), oracles.layer_norm(x, (5,), last, last, 1e-5))
    assert_same(_nn.group_norm(x, 2, w, b), oracles.group_norm(x, 2, w, b, 1e-5))
    assert_same(_nn.batch_norm(x, w, b, None, None, True), oracles.batch_norm(x, w, b, None, None, 1e-5))


@pytest.mark.parametrize(
    "momentum, dampening, decay, nesterov, maximize",
    [(0, 0, 0, False, False), (0, 0, 0.1, False, True), (0.9, 0.1, 0.01, False, False), (0.9, 0, 0.01, True, False)],
)
def test_sgd(momentum, dampening, decay, nesterov, maximize):
    torch = peer()
    start = arrays((7, 3), (5,))
    theirs = [torch.nn.Parameter(to_peer(a)) for a in start]
    step = torch.optim.SGD(theirs, 0.1, momentum, dampening, decay, nesterov, maximize=maximize)
    ours, buffers = [to_cygrad(a) for a in start], [None] * 2
    version = ours[0]._version
    for i in range(3):
        grads = [a * (i + 1) for a in start]
        for p, g in zip(theirs, grads, strict=True):
            p.grad = to_peer(g)
        step.step()
        assert _optim.sgd(ours, [to_cygrad(g) for g in grads], buffers, 0.1, momentum, dampening, decay, nesterov,
                          maximize)
    assert ours[0]._version == version + 3
    for a, c in zip(ours, theirs, strict=True):
        assert_same(a, c)


@pytest.mark.parametrize("amsgrad, decay, decoupled, maximize", [(False, 0, False, False), (True, 0.1, False, True),
                                                                  (False, 0.1, True, False)])
def test_adam(amsgrad, decay, decoupled, maximize):
    torch = peer()
    start = arrays((7, 3), (5,))
    theirs = [torch.nn.Parameter(to_peer(a)) for a in start]
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    step = kind(theirs, 0.01, weight_decay=decay, amsgrad=amsgrad, maximize=maximize)
    ours = [to_cygrad(a) for a in start]
    moments = [[to_cygrad(np.zeros_like(a)) for a in start] for _ in range(3)]
    steps = [to_cygrad(np.zeros((), "float32")) for _ in start]
    for i in range(4):
        grads = [a * (i + 1) for a in start]
        for p, g in zip(theirs, grads, strict=True):
            p.grad = to_peer(g)
        step.step()
        assert _optim.adam(ours, [to_cygrad(g) for g in grads], *moments, steps, 0.01, 0.9, 0.999, 1e-8, decay, amsgrad,
                           maximize, decoupled)
    for a, c in zip(ours, theirs, strict=True):
        assert_same(a, c)


def test_steps_refuse_what_they_cannot_do():
    p = to_cygrad(np.ones((2, 3)))
    assert not _optim.sgd([p.t()], [p.t()], [], 0.1, 0, 0, 0, False, False)
    assert not _optim.sgd([p], [to_cygrad(np.ones((2, 3), "float32"))], [], 0.1, 0, 0, 0, False, False)
