"""The package's own forms of functions of networks, against PyTorch's."""

import numpy as np
import pytest

import cygrad

torch = pytest.importorskip("torch")


def _wave(m, *shape):
    return m.arange(float(np.prod(shape))).reshape(shape).mul(1.7).sin()


def _flat(x):
    return [x] if hasattr(x, "shape") else [z for y in x for z in _flat(y)]


def _weights(m, gates, directions, bias=True):
    shapes = [
        s
        for layer in range(2)
        for _ in range(directions)
        for s in [(gates * 3, 2 if layer == 0 else 3 * directions), (gates * 3, 3)] + [(gates * 3,)] * (2 * bias)
    ]
    return [_wave(m, *s) for s in shapes]


def _statistics(m):
    return m.ones(4), m.zeros(4), m.zeros(4), m.ones(4)


def _seeded(m, call):
    m.manual_seed(1)
    return call()


_CALLS = {
    "softmax": lambda m: m.softmax(_wave(m, 3, 4), axis=1),
    "log_softmax": lambda m: _wave(m, 3, 4).log_softmax(-1, m.float64),
    "batch_norm": lambda m: m.batch_norm(_wave(m, 3, 4), *_statistics(m), True, 0.1, 1e-5, False),
    "native_batch_norm": lambda m: m.native_batch_norm(_wave(m, 3, 4, 2), *_statistics(m), True, 0.1, 1e-5),
    "native_batch_norm-eval": lambda m: m.native_batch_norm(_wave(m, 3, 4, 2), *_statistics(m), False, 0.1, 1e-5),
    "native_layer_norm": lambda m: m.native_layer_norm(_wave(m, 3, 4, 2), (4, 2), None, None, 1e-5),
    "native_group_norm": lambda m: m.native_group_norm(_wave(m, 3, 4, 2), None, None, 3, 4, 2, 2, 1e-5),
    "instance_norm": lambda m: m.instance_norm(_wave(m, 3, 4, 2), None, None, None, None, True, 0.1, 1e-5, True),
    "embedding": lambda m: m.embedding(_wave(m, 5, 4), m.tensor([1, 2])),
    "embedding_renorm_": lambda m: m.embedding_renorm_(_wave(m, 5, 4), m.tensor([1, 2, 4]), 0.1, 2),
    "convolution": lambda m: m.convolution(
        _wave(m, 1, 2, 5, 5), _wave(m, 3, 2, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1
    ),
    "convolution-transposed": lambda m: m.convolution(
        _wave(m, 1, 2, 5, 5), _wave(m, 2, 3, 3, 3), None, [2, 2], [1, 1], [1, 1], True, [1, 0], 1
    ),
    "kl_div": lambda m: m.kl_div(_wave(m, 5, 4), _wave(m, 5, 4).exp(), 0),
    "hinge_embedding_loss": lambda m: m.hinge_embedding_loss(_wave(m, 5, 4), m.ones(5, 4), reduction=2),
    "poisson_nll_loss": lambda m: m.poisson_nll_loss(_wave(m, 5), m.ones(5), True, False, 1e-8, 1),
    "lstm_cell": lambda m: m.lstm_cell(_wave(m, 4, 2), (_wave(m, 4, 3),) * 2, _wave(m, 12, 2), _wave(m, 12, 3)),
    "gru_cell": lambda m: m.gru_cell(_wave(m, 4, 2), _wave(m, 4, 3), _wave(m, 9, 2), _wave(m, 9, 3)),
    "norm_except_dim": lambda m: [m.norm_except_dim(_wave(m, 4, 2, 3), 2, d) for d in (0, 1, -1)],
    "native_dropout": lambda m: _seeded(m, lambda: m.native_dropout(_wave(m, 4, 2), 0.5, True)),
    "alpha_dropout_": lambda m: _seeded(m, lambda: m.alpha_dropout_(_wave(m, 4, 2), 0.5, True)),
}
for _mode in range(3):
    _CALLS[f"embedding_bag-{_mode}"] = lambda m, mode=_mode: m.embedding_bag(
        _wave(m, 5, 4), m.tensor([1, 2, 4]), m.tensor([0, 2]), False, mode
    )
for _d in (1, 2):
    _CALLS |= {
        f"lstm-{_d}": lambda m, d=_d: m.lstm(
            _wave(m, 4, 4, 2), (_wave(m, 2 * d, 4, 3),) * 2, _weights(m, 4, d), True, 2, 0.0, False, d == 2, False
        ),
        f"gru-{_d}": lambda m, d=_d: m.gru(
            _wave(m, 4, 4, 2), _wave(m, 2 * d, 4, 3), _weights(m, 3, d, False), False, 2, 0.0, False, d == 2, True
        ),
        f"lstm-packed-{_d}": lambda m, d=_d: m.lstm(
            _wave(m, 7, 2), m.tensor([3, 2, 2]), (_wave(m, 2 * d, 3, 3),) * 2, _weights(m, 4, d), True, 2, 0.0,
            False, d == 2,
        ),
        f"rnn_tanh-packed-{_d}": lambda m, d=_d: m.rnn_tanh(
            _wave(m, 7, 2), m.tensor([3, 2, 2]), _wave(m, 2 * d, 3, 3), _weights(m, 1, d), True, 2, 0.0, False, d == 2
        ),
    }  # fmt: skip


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)
def test_as_pytorch(call):
    for ours, theirs in zip(_flat(call(cygrad)), _flat(call(torch)), strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5)
