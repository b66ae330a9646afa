"""Normalisation layers."""

import math

import cygrad
from cygrad._fronts import nn as _nn

from ._common import not_differentiable, shape_text
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d


def _verify_batch_size(size):
    count = size[0] * math.prod(size[2:])
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False,
               momentum=0.1, eps=1e-5):
    """Normalise every channel (dimension 1), by batch statistics in training.

    The running statistics are updated in place in training and used otherwise (Batch
    normalization, 2015). Raises RuntimeError where a per-channel tensor has a wrong size.
    """
    if training:
        _verify_batch_size(input.size())
    if running_mean is not None and (running_mean.requires_grad or running_var.requires_grad):
        not_differentiable("native_batch_norm", running_mean=running_mean, running_var=running_var)
    channels = input.size(1) if input.dim() > 1 else 0
    if not training:
        for name, value in (("running_mean", running_mean), ("running_var", running_var)):
            if value is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
    for name, value in (("running_mean", running_mean), ("running_var", running_var),
                        ("weight", weight), ("bias", bias)):
        if value is not None and value.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {value.numel()}"
            )
    if weight is not None and input.dtype != weight.dtype and weight.dtype != cygrad.float32:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    if input.dtype == cygrad.float64 and weight is not None and weight.dtype != input.dtype:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    if input.dim() < 2:
        if input.numel():
            input.size(1)  # the IndexError
        return input.clone()
    return _nn.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None,
                  use_input_stats=True, momentum=0.1, eps=1e-5):
    """Normalise every channel of every sample: batch norm over (1, N * C, ...)."""
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(
            "Expected more than 1 spatial element when training, got input size "
            f"{input.size()}"
        )
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    n, c = input.shape[:2]

    def for_samples(t):
        return None if t is None else t.repeat(n)

    mean, var = for_samples(running_mean), for_samples(running_var)
    result = _nn.batch_norm(
        input.reshape(1, n * c, *input.shape[2:]), for_samples(weight), for_samples(bias),
        mean, var, use_input_stats, momentum, eps,
    )
    if use_input_stats:
        with cygrad.no_grad():
            for running, samples in ((running_mean, mean), (running_var, var)):
                if running is not None:
                    running.copy_(samples.reshape(n, c).mean(0))
    return result.reshape(input.shape)


def _check_normalized_shape(name, input, normalized_shape, weight, bias, star):
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
            "one element, but got normalized_shape = []"
        )
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None and list(value.shape) != shape:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of "
                f"shape {shape_text(value)} and normalized_shape = {shape}"
            )
    if list(input.shape[-len(shape):]) != shape:
        listed = ", ".join(map(str, shape))
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*{star}{listed}], "
            f"but got input of size{shape_text(input)}"
        )


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over the last dimensions (Layer normalization, 2016)."""
    _check_normalized_shape("layer_norm", input, normalized_shape, weight, bias, ", ")
    return _nn.layer_norm(input, tuple(normalized_shape), weight, bias, eps)


def _rms_norm(input, normalized_shape, weight, eps):
    dims = tuple(range(-len(normalized_shape), 0))
    # Half precision is too narrow for the sum of squares.
    wide = input.float() if input.dtype in (cygrad.float16, cygrad.bfloat16) else input
    scaled = wide * cygrad.rsqrt(wide.pow(2).mean(dims, keepdim=True) + eps)
    result = scaled if weight is None else scaled * weight
    return result.to(input.dtype)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions; eps None is the dtype's."""
    _check_normalized_shape("rms_norm", input, normalized_shape, weight, None, "")
    if eps is None:
        half = input.dtype in (cygrad.float16, cygrad.bfloat16)
        eps = cygrad.finfo(cygrad.float32 if half else input.dtype).eps
    return _rms_norm(input, tuple(normalized_shape), weight, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalise over groups of channels (Group normalization, 2018)."""
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    n, channels = input.shape[:2]
    if n * channels // num_groups * math.prod(input.shape[2:]) == 1:
        raise ValueError(
            "Expected more than 1 value per channel when training, got input size "
            f"{[n * channels // num_groups, num_groups, *input.shape[2:]]}"
        )
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input "
            f"of shape {shape_text(input)} and num_groups={num_groups}"
        )
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None and (value.dim() != 1 or value.numel() != channels):
            raise RuntimeError(
                f"Expected {what} to be a vector of size equal to the number of channels in "
                f"input, but got {what} of shape {shape_text(value)} and input of shape "
                f"{shape_text(input)}"
            )
    return _nn.group_norm(input, num_groups, weight, bias, eps)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha * mean of x^2 over ``size`` neighbouring channels)^beta."""
    if input.dim() < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality"
            f"                          input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    around = (size // 2, (size - 1) // 2)
    if input.dim() == 3:
        squares = pad(squares.unsqueeze(1), (0, 0, *around))
        mean = avg_pool2d(squares, (size, 1), stride=1).squeeze(1)
    else:
        n, c, h = input.shape[:3]
        squares = pad(squares.reshape(n, 1, c, h, -1), (0, 0, 0, 0, *around))
        mean = avg_pool3d(squares, (size, 1, 1), stride=1).reshape(input.shape)
    return input / mean.mul(alpha).add(k).pow(beta)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(||x||_p, eps) along ``dim``."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return input / norm.expand_as(input) if out is None else cygrad.div(
        input, norm.expand_as(input), out=out
    )
