"""A second backward pass raises where PyTorch's does, in the same words: where a node has let go of what it saved.

All of PyTorch's table of operators that differentiate, in float64.
"""

import pytest

import cygrad

pytest.importorskip("torch")
from opinfo import NAMES, OPERATORS, function_of, mirrored, torch  # noqa: E402

# Operators whose graphs differ for a reason.
OTHERWISE = {
    "nn.functional.linear_cross_entropy.chunked": "PyTorch runs it again in the backward pass, chunk by chunk",
    "nn.functional.triplet_margin_with_distance_loss": "its sample brings a module of PyTorch's",
    "zero_": "is a method that writes to a leaf",
    "chalf": "there is no complex32 arithmetic here",
}
CHECKED = [n for n in NAMES if OPERATORS[n].supports_autograd and torch.float64 in OPERATORS[n].dtypes
           and n not in OTHERWISE and function_of(cygrad, OPERATORS[n].name) is not None]  # fmt: skip
SAMPLES = 2


def leaves(x, library):
    if isinstance(x, library.Tensor):
        return x.detach().clone().requires_grad_() if x.is_floating_point() or x.is_complex() else x
    return [leaves(v, library) for v in x] if isinstance(x, list) else x


def second(library, call, args, kwargs):
    """What a second backward pass raises; None if nothing, "?" where there is none to run."""
    try:
        result = call(*leaves(list(args), library), **kwargs)
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        outputs = [t for t in outputs if isinstance(t, library.Tensor) and t.grad_fn is not None]
        library.autograd.backward(outputs, [library.ones_like(t) for t in outputs])
    except Exception:
        return "?"
    try:
        library.autograd.backward(outputs, [library.ones_like(t) for t in outputs])
    except RuntimeError as e:
        return str(e)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHECKED)
def test_a_second_backward_raises_where_pytorchs_does(name):
    op = OPERATORS[name]
    torch.manual_seed(1)
    for _, sample in zip(range(SAMPLES), op.sample_inputs("cpu", torch.float64), strict=False):
        args = (sample.input, *sample.args)
        ours = [mirrored(x, "cpu") for x in args], {k: mirrored(v, "cpu") for k, v in sample.kwargs.items()}
        theirs = second(torch, op.op, args, sample.kwargs)
        got = second(cygrad, function_of(cygrad, op.name), *ours)
        assert got == theirs or "?" in (got, theirs)


def test_what_a_node_keeps_is_to_stay_what_it_was():
    for f in (lambda x: cygrad.nn.functional.avg_pool2d(x, 2), lambda x: cygrad.fft.rfft(x).real,
              lambda x: cygrad.div(x, x + 1, rounding_mode="trunc"), cygrad.sgn, cygrad.angle,
              lambda x: cygrad.complex(x, x).real):  # fmt: skip
        x = cygrad.rand(1, 1, 4, 4, requires_grad=True) * 1
        y = f(x)
        with cygrad.no_grad():
            x.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
