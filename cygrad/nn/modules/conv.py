"""Convolutions and transposed convolutions in one, two and three dimensions."""

import math
from typing import Any

from .. import functional as F, init
from ..module import Module
from ..parameter import UninitializedParameter
from .lazy import LazyModuleMixin
from .utils import (
    OwnInit,
    _ntuple,
    _reverse_repeat_tuple,
    draw_by_fan_in,
    make_weight_and_bias,
)

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share. ``_nd`` is the number of spatial dimensions."""

    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
                     "in_channels", "out_channels", "kernel_size"]

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation,
                 transposed, output_padding, groups, bias, padding_mode, device=None, dtype=None):
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of {{'valid', 'same'}}"
                )
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, "
                f"but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        # What F.pad takes for the padding modes that the convolution cannot do itself.
        if isinstance(padding, str):
            amounts = []
            for d, k in zip(reversed(dilation), reversed(kernel_size), strict=False):
                total = d * (k - 1) if padding == "same" else 0
                amounts += [total // 2, total - total // 2]
            self._reversed_padding_repeated_twice = amounts
        else:
            self._reversed_padding_repeated_twice = _reverse_repeat_tuple(padding, 2)
        pair = (in_channels, out_channels // groups)
        if not transposed:
            pair = (out_channels, in_channels // groups)
        shape = (*pair, *kernel_size)
        make_weight_and_bias(self, shape, out_channels, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew, from U(-k, k) with k = 1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if fan_in:
            draw_by_fan_in(self.bias, fan_in)

    def extra_repr(self):
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        n = len(self.kernel_size)
        if self.padding != (0,) * n:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * n:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * n:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


class _Conv(OwnInit, _ConvNd):
    def __init__(self, in_channels, out_channels, kernel_size, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups=1, bias=True, padding_mode="zeros", device=None, dtype=None):
        parse = _ntuple(self._nd)
        super().__init__(
            in_channels, out_channels, parse(kernel_size), parse(stride),
            padding if isinstance(padding, str) else parse(padding), parse(dilation), False,
            parse(0), groups, bias, padding_mode, device, dtype,
        )

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = (0,) * self._nd
        return self._function(input, weight, bias, self.stride, padding, self.dilation,
                              self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution over (N, C, L) or (C, L).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.Conv1d(3, 8, 3)(torch.zeros(1, 3, 6)).shape
    torch.Size([1, 8, 4])
    """

    _nd = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution over (N, C, H, W) or (C, H, W).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.Conv2d(3, 8, 3, padding=1)(torch.zeros(1, 3, 6, 6)).shape
    torch.Size([1, 8, 6, 6])
    """

    _nd = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution over (N, C, D, H, W) or (C, D, H, W).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.Conv3d(1, 2, 3)(torch.zeros(1, 1, 5, 5, 5)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    _nd = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(OwnInit, _ConvNd):
    def __init__(self, in_channels, out_channels, kernel_size, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups=1, bias=True, dilation: Any = 1, padding_mode="zeros",
                 device=None, dtype=None):
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}'
            )
        parse = _ntuple(self._nd)
        super().__init__(
            in_channels, out_channels, parse(kernel_size), parse(stride), parse(padding),
            parse(dilation), True, parse(output_padding), groups, bias, padding_mode, device,
            dtype,
        )

    def _output_padding(self, input, output_size):
        if output_size is None:
            return self.output_padding
        n = self._nd
        wanted = tuple(output_size)
        leading = 2 if input.dim() == n + 2 else 1
        if len(wanted) == n + leading:
            wanted = wanted[leading:]
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or "
                f"{leading + n} elements (got {len(wanted)})"
            )
        sizes = input.size()[leading:]
        low = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, k, d in zip(sizes, self.stride, self.padding, self.kernel_size,
                                        self.dilation, strict=False)
        ]
        high = [m + s - 1 for m, s in zip(low, self.stride, strict=False)]
        if any(not a <= w <= b for a, w, b in zip(low, wanted, high, strict=False)):
            raise ValueError(
                f"requested an output size of {tuple(output_size)}, but valid sizes range "
                f"from {low} to {high} (for an input of {sizes})"
            )
        return tuple(w - m for w, m in zip(wanted, low, strict=False))

    def forward(self, input, output_size=None):
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding,
            self._output_padding(input, output_size), self.groups, self.dilation,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution over (N, C, L) or (C, L).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    _nd = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution over (N, C, H, W) or (C, H, W).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.ConvTranspose2d(3, 8, 2, stride=2)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 8, 8, 8])
    """

    _nd = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution over (N, C, D, H, W) or (C, D, H, W).

    in_channels: channels of the input
    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    _nd = 3
    _function = staticmethod(F.conv_transpose3d)


class _LazyConv(LazyModuleMixin):
    """Takes in_channels from the first input."""

    def _make_lazy(self, out_channels, bias, device, dtype):
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        """Take the shapes from ``input`` and draw the values."""
        if self.has_uninitialized_params():
            self.in_channels = self._channels_of(input)
            if self.in_channels % self.groups:
                raise ValueError("in_channels must be divisible by groups")
            pair = (self.out_channels, self.in_channels // self.groups)
            if self.transposed:
                pair = (self.in_channels, self.out_channels // self.groups)
            self.weight.materialize((*pair, *self.kernel_size))
            if self.bias is not None:
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()
        elif self.in_channels == 0:
            width = self.weight.shape[0 if self.transposed else 1]
            self.in_channels = width if self.transposed else width * self.groups

    def _channels_of(self, input):
        n = self._nd
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return input.shape[1] if input.dim() == n + 2 else input.shape[0]


class _LazyConvForward(_LazyConv):
    def __init__(self, out_channels, kernel_size, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1,
                 bias=True, padding_mode="zeros", device=None, dtype=None):
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False,
                         padding_mode)
        self._make_lazy(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConv):
    def __init__(self, out_channels, kernel_size, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups=1,
                 bias=True, dilation: Any = 1, padding_mode="zeros", device=None, dtype=None):
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False,
                         dilation, padding_mode)
        self._make_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvForward, Conv1d):
    """A Conv1d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvForward, Conv2d):
    """A Conv2d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvForward, Conv3d):
    """A Conv3d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes in_channels from its first input.

    out_channels: channels of the output
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    output_padding: how many elements are added at one end of the result
    groups: how many groups the channels form; channels meet those of their group alone
    bias: whether a bias is learned, which is added to the result
    dilation: the distance of the window's elements, a number or one for each dimension
    padding_mode: what stands outside: 'zeros', 'border', 'reflect', 'replicate' or 'circular'
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = ConvTranspose3d
