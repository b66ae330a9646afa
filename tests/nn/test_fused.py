"""Where a function has a compiled form, it and its composite must agree, gradients too."""

import pytest

import cygrad as torch
from cygrad.nn.functional import activation, attention, loss, norm

X = (5, 8)
# name in cygrad._nn: (module, shapes of the tensors, other arguments)
FUSED = {
    "threshold": (activation, [X], (0.1, 2.0)),
    "hardtanh": (activation, [X], (-0.5, 0.7)),
    "elu": (activation, [X], (1.1, 1.2, 1.3)),
    "leaky_relu": (activation, [X], (0.2,)),
    "prelu": (activation, [X, (1, 8)], ()),
    "gelu": (activation, [X], ("tanh",)),
    "silu": (activation, [X], ()),
    "mish": (activation, [X], ()),
    "softplus": (activation, [X], (2.0, 3.0)),
    "logsigmoid": (activation, [X], ()),
    "hardsigmoid": (activation, [X], ()),
    "hardswish": (activation, [X], ()),
    "hardshrink": (activation, [X], (0.3,)),
    "softshrink": (activation, [X], (0.3,)),
    "glu": (activation, [X], (1,)),
    "l1": (loss, [X, X], ()),
    "smooth_l1": (loss, [X, X], (0.5,)),
    "huber": (loss, [X, X], (0.5,)),
    "binary_cross_entropy_with_logits": (loss, [X, X], (None,)),
    "kl_div": (loss, [X, X], (True,)),
    "rms_norm": (norm, [X], ((8,), None, 1e-5)),
    "scaled_dot_product_attention": (attention, [X, X, X], (None, 0.0, False, 0.3)),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_agrees_with_composite(name):
    module, shapes, rest = FUSED[name]
    compiled = getattr(module, "_" + name)
    composite = getattr(compiled, "__wrapped__", None)
    if composite is None:
        pytest.skip("no compiled form")
    torch.manual_seed(0)
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    values = []
    for function in (compiled, composite):
        out = function(*inputs, *rest)
        grads = torch.autograd.grad((out * out).sum(), inputs)
        values.append([out, *grads])
    for a, b in zip(*values, strict=True):
        assert torch.allclose(a, b, atol=1e-5, rtol=1e-4)
