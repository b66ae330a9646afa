"""A layer of an LSTM as one operator, against the same steps composed of operators."""

import pytest

import cygrad
from cygrad import nn
from cygrad.nn.modules import rnn
from cygrad.nn.utils.rnn import pack_sequence

pytestmark = pytest.mark.usefixtures("everywhere")


def grads_of(network, input, seed):
    """Outputs and gradients of weights and inputs for one random gradient of each output."""
    cygrad.manual_seed(seed)
    data = input.data if isinstance(input, tuple) else input
    state = tuple(
        cygrad.randn(n, 5, 6, dtype=cygrad.float64, requires_grad=True) for n in (network.num_layers * 2,) * 2
    )
    out, (h, c) = network(input, state)
    outs = [out.data if isinstance(out, tuple) else out, h, c]
    wanted = [*network.parameters(), data, *state]
    return outs, cygrad.autograd.grad(outs, wanted, [cygrad.randn_like(o) for o in outs])


def inputs(kind):
    cygrad.manual_seed(1)
    if kind == "packed":
        sequences = [cygrad.randn(n, 4, dtype=cygrad.float64) for n in (3, 7, 1, 7, 2)]
        packed = pack_sequence(sequences, enforce_sorted=False)
        return packed._replace(data=packed.data.requires_grad_())
    x = cygrad.randn(7, 5, 4, dtype=cygrad.float64)
    if kind == "strided":
        x = cygrad.randn(5, 4, 7, dtype=cygrad.float64).permute(2, 0, 1)
    return x.requires_grad_()


@pytest.fixture
def composed(monkeypatch):
    """Takes the operator away."""
    return lambda: monkeypatch.setattr(rnn._nn, "lstm_suits", lambda *args: False)


@pytest.mark.parametrize("kind", ["dense", "strided", "packed"])
@pytest.mark.parametrize("bias", [True, False])
def test_against_composed_steps(composed, kind, bias):
    cygrad.manual_seed(0)
    network = nn.LSTM(4, 6, 2, bias=bias, bidirectional=True, dtype=cygrad.float64)
    one = grads_of(network, inputs(kind), 2)
    composed()
    two = grads_of(network, inputs(kind), 2)
    for a, b in zip((*one[0], *one[1]), (*two[0], *two[1]), strict=True):
        cygrad.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_gradients_of_one_output(composed, which):
    """The other outputs have none."""
    cygrad.manual_seed(0)
    network, x = nn.LSTM(3, 4, dtype=cygrad.float64), cygrad.randn(5, 2, 3, dtype=cygrad.float64)

    def find():
        out, (h, c) = network(x)
        return cygrad.autograd.grad((out, h, c)[which].square().sum(), list(network.parameters()))

    one = find()
    composed()
    for a, b in zip(one, find(), strict=True):
        cygrad.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_second_derivatives():
    cygrad.manual_seed(0)
    network = nn.LSTM(2, 3, bidirectional=True, dtype=cygrad.float64)
    weights = [p.detach().requires_grad_() for p in network.parameters()]
    names = [name for name, _ in network.named_parameters()]
    x = cygrad.randn(3, 2, 2, dtype=cygrad.float64, requires_grad=True)
    h = cygrad.randn(2, 2, 3, dtype=cygrad.float64, requires_grad=True)

    def run(x, h, *weights):
        out, (last, cell) = cygrad.func.functional_call(network, dict(zip(names, weights, strict=True)), (x, (h, h)))
        return out, last, cell

    assert cygrad.autograd.gradcheck(run, (x, h, *weights))
    first = cygrad.autograd.grad(run(x, h, *weights)[0].pow(2).sum(), (x, h, weights[1]), create_graph=True)
    for p in (x, h, weights[1]):
        (second,) = cygrad.autograd.grad(sum(g.pow(2).sum() for g in first), p, retain_graph=True)
        flat, step = p.detach().clone(), 1e-6
        at = (0,) * p.dim()
        values = []
        for sign in (1, -1):
            moved = flat.clone()
            moved[at] += sign * step
            swap = [moved.requires_grad_() if q is p else q for q in (x, h, *weights)]
            found = cygrad.autograd.grad(run(*swap)[0].pow(2).sum(), (swap[0], swap[1], swap[3]))
            values.append(sum(g.pow(2).sum() for g in found).item())
        assert second[at].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


def test_what_is_not_recorded_gives_the_same():
    cygrad.manual_seed(0)
    network, x = nn.LSTM(8, 16), cygrad.randn(6, 3, 8)
    recorded = network(x)
    with cygrad.no_grad():
        for a, b in zip((recorded[0], *recorded[1]), (lambda o, s: (o, *s))(*network(x)), strict=True):
            assert cygrad.equal(a, b)


@pytest.mark.parametrize("shape", [(5, 0, 4), (1, 1, 4)])
def test_edges(shape):
    network, x = nn.LSTM(4, 3), cygrad.zeros(shape, requires_grad=True)
    out, (h, c) = network(x)
    assert out.shape == (*shape[:2], 3) and h.shape == c.shape == (1, shape[1], 3)
    out.sum().backward()
    assert x.grad.shape == x.shape


def test_saved_tensors_are_guarded():
    network, x = nn.LSTM(4, 3), cygrad.randn(2, 2, 4)
    out, _ = network(x)
    with cygrad.no_grad():
        network.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    out = network(x)[0].sum()
    out.backward()
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()
