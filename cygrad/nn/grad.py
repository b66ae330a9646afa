"""Gradients of convolutions as functions of their own."""

from . import functional as F
from .functional._common import ints


def _input(n, input_size, weight, grad_output, stride, padding, dilation, groups):
    stride, padding, dilation = (ints(v, n) for v in (stride, padding, dilation))
    # What a strided convolution leaves over at the end comes back as output padding.
    rest = tuple(
        size - ((out - 1) * s - 2 * p + d * (k - 1) + 1)
        for size, out, s, p, d, k in zip(
            input_size[-n:], grad_output.shape[2:], stride, padding, dilation, weight.shape[2:],
            strict=True,
        )
    )
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    return function(grad_output, weight, None, stride, padding, rest, groups, dilation)


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its input."""
    return _input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its input."""
    return _input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its input."""
    return _input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def _weight(n, input, weight_size, grad_output, stride, padding, dilation, groups):
    stride, padding, dilation = (ints(v, n) for v in (stride, padding, dilation))
    batch, channels = input.shape[:2]
    out = grad_output.shape[1]
    # A convolution over the batch: input channels become samples, strides become dilations.
    x = input.reshape(batch, groups, channels // groups, *input.shape[2:])
    x = x.permute(2, 1, 0, *range(3, 3 + n))
    x = x.reshape(channels // groups, groups * batch, *input.shape[2:])
    g = grad_output.transpose(0, 1)
    function = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    result = function(x, g, None, dilation, padding, stride, groups).transpose(0, 1)
    for i, size in enumerate(weight_size[2:]):
        result = result.narrow(2 + i, 0, size)
    return result.reshape(out, *weight_size[1:])


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its weight."""
    return _weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its weight."""
    return _weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its weight."""
    return _weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)
