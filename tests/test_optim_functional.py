"""The functional forms of optimizers, against PyTorch's."""

import importlib
import inspect

import numpy as np
import pytest

import cygrad
from cygrad.optim._functional import _TABLE

torch = pytest.importorskip("torch")

_NUMBERS = {
    "lr": 0.1, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.01, "maximize": False, "lr_decay": 0.1, "amsgrad": True,
    "beta1": 0.8, "beta2": 0.95, "lambd": 1e-4, "t0": 1.0, "alpha": 0.75, "momentum_decay": 0.004, "momentum": 0.9,
    "centered": True, "step_size_min": 1e-6, "step_size_max": 50.0, "etaminus": 0.5, "etaplus": 1.2,
    "dampening": 0.0, "nesterov": True,
}  # fmt: skip
_ONES = ("mus", "mu_products")
_TENTHS = ("etas", "step_sizes")


def _run(m, name):
    function = getattr(importlib.import_module(f"{m.__name__}.optim.{name}"), name)
    lists, _, numbers = _TABLE[name]
    shapes = [(3, 2), (4,)]
    params = [m.arange(float(np.prod(s))).reshape(s).cos() for s in shapes]

    def state(n, p):
        if n == "state_steps":
            return m.tensor(1.0)
        if n in ("mus", "etas", "mu_products"):
            return m.tensor(1.0 if n in _ONES else 0.1)
        return m.full_like(p, 0.1) if n in _TENTHS else m.ones_like(p)

    states = {n: [state(n, p) for p in params] for n in lists}
    for k in range(3):
        grads = [(p + k).sin() for p in params]
        function(params, grads, *states.values(), **{n: _NUMBERS[n] for n in numbers.split()})
    return [params, *states.values()]


@pytest.mark.parametrize("name", _TABLE)
def test_three_steps_as_pytorch(name):
    for ours, theirs in zip(_run(cygrad, name), _run(torch, name), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", _TABLE)
def test_signature_as_pytorch(name):
    def names(m):
        function = getattr(importlib.import_module(f"{m.__name__}.optim.{name}"), name)
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert names(cygrad) == names(torch)


def test_a_buffer_that_is_not_there_is_made():
    p, buffers = cygrad.ones(2), [None]
    cygrad.optim.sgd.sgd([p], [cygrad.ones(2)], buffers, weight_decay=0.0, momentum=0.9, lr=0.5, dampening=0.0,
                         nesterov=False, maximize=False)
    assert p.tolist() == [0.5, 0.5] and buffers[0].tolist() == [1.0, 1.0]
