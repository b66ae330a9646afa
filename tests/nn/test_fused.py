"""Functions that are one kernel agree with their plain forms, gradients too."""

import oracles
import pytest

import cygrad as torch
from cygrad.nn import functional as F

pytestmark = pytest.mark.usefixtures("everywhere")

X = (5, 8)
# name: (shapes of the tensors, further arguments)
FUSED = {
    "threshold": ([X], (0.1, 2.0)),
    "hardtanh": ([X], (-0.5, 0.7)),
    "elu": ([X], (1.1,)),
    "selu": ([X], ()),
    "celu": ([X], (1.3,)),
    "leaky_relu": ([X], (0.2,)),
    "prelu": ([X, (8,)], ()),
    "silu": ([X], ()),
    "mish": ([X], ()),
    "softplus": ([X], (2.0, 3.0)),
    "logsigmoid": ([X], ()),
    "hardsigmoid": ([X], ()),
    "hardswish": ([X], ()),
    "hardshrink": ([X], (0.3,)),
    "softshrink": ([X], (0.3,)),
}
LOSSES = {
    "mse_loss": {},
    "smooth_l1_loss": {"beta": 0.5},
    "huber_loss": {"delta": 0.5},
    "binary_cross_entropy": {},
    "binary_cross_entropy_with_logits": {},
}


def agree(fused, plain, inputs):
    values = []
    for function in (fused, plain):
        out = function(*inputs)
        values.append([out, *torch.autograd.grad((out * out).sum(), inputs)])
    for a, b in zip(*values, strict=True):
        assert torch.allclose(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FUSED)
def test_activation(name):
    shapes, rest = FUSED[name]
    fused, plain = getattr(F, name), getattr(oracles, name)
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    agree(lambda *x: fused(*x, *rest), lambda *x: plain(*x, *rest), inputs)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    x = torch.randn(X, requires_grad=True)
    agree(lambda x: F.gelu(x, approximate), lambda x: oracles.gelu(x, approximate), [x])


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    fused, plain, given = getattr(F, name), getattr(oracles, name), LOSSES[name]
    inputs = [(torch.rand(X) * 0.9 + 0.05).requires_grad_() for _ in range(2)]
    agree(lambda x, y: fused(x, y, reduction="none", **given), lambda x, y: plain(x, y, **given), inputs)


def test_binary_cross_entropy_with_weights_of_the_positive():
    x, y, weight = torch.randn(X, requires_grad=True), torch.rand(X), torch.rand(8)
    agree(lambda x: F.binary_cross_entropy_with_logits(x, y, pos_weight=weight, reduction="none"),
          lambda x: oracles.binary_cross_entropy_with_logits(x, y, weight), [x])  # fmt: skip
