"""Dropout: by elements, by channels, and the forms that keep the statistics of SELU."""

import math
import warnings

from cygrad._fronts import nn as _nn
from cygrad._table.rows import SELU_ALPHA, SELU_SCALE


def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero elements with probability ``p`` in training and scale the rest by 1 / (1 - p)."""
    _check_p(p)
    if not inplace:
        return _nn.dropout(input, p, training)
    if not training or p == 0 or input.numel() == 0:
        return input
    return input.mul_(_noise(input, input.shape, p))


def _noise(input, shape, p):
    if p == 1:
        return input.new_zeros(shape)
    return input.new_empty(shape).bernoulli_(1 - p).div_(1 - p)


def _by_feature(input, p, training, inplace):
    """Drop whole channels of (N, C, ...)."""
    if not training or p == 0 or input.numel() == 0:
        return input
    shape = (*input.shape[:2], *[1] * (input.dim() - 2))
    noise = _noise(input, shape, p)
    return input.mul_(noise) if inplace else input * noise


def _alpha(input, shape, p, training, inplace):
    """Drop to the negative saturation value of SELU, keeping mean and variance."""
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    saturation = SELU_ALPHA * SELU_SCALE
    a = 1 / math.sqrt((saturation * saturation * p + 1) * (1 - p))
    keep = input.new_empty(shape).bernoulli_(1 - p)
    shift = (keep - 1).mul_(saturation * a).add_(saturation * a * p)
    keep.mul_(a)
    return input.mul_(keep).add_(shift) if inplace else input * keep + shift


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout for SELU networks (Self-normalizing neural networks, 2017)."""
    _check_p(p)
    return _alpha(input, input.shape, p, training, inplace)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels."""
    _check_p(p)
    shape = (*input.shape[:2], *[1] * (input.dim() - 2))
    return _alpha(input, shape, p, training, inplace)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L)."""
    _check_p(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    if input.dim() == 3:
        return _by_feature(input, p, training, inplace)
    if inplace:
        _by_feature(input.unsqueeze(0), p, training, True)
        return input
    return _by_feature(input.unsqueeze(0), p, training, False).squeeze(0)


def _warn_dims(name, dim, count, expected):
    warnings.warn(
        f"{name}: Received a {dim}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs "
        f"with {count} spatial dimensions, a channel dimension, and an optional batch dimension "
        f"(i.e. {expected} inputs).",
        stacklevel=3,
    )


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W)."""
    _check_p(p)
    if input.dim() not in (3, 4):
        _warn_dims("dropout2d", input.dim(), 2, "3D or 4D")
    elif input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise "
            "1D dropout behavior is desired - input is interpreted as shape (N, C, L), where C "
            "is the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _by_feature(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _check_p(p)
    if input.dim() not in (4, 5):
        _warn_dims("dropout3d", input.dim(), 3, "4D or 5D")
    if input.dim() != 4:
        return _by_feature(input, p, training, inplace)
    if inplace:
        _by_feature(input.unsqueeze(0), p, training, True)
        return input
    return _by_feature(input.unsqueeze(0), p, training, False).squeeze(0)
