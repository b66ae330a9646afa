"""Sliding blocks of images and back."""

from typing import Any

from .. import functional as F
from ..module import Module


class Fold(Module):
    """Sums columns of sliding blocks (N, C k, L) into (N, C, *output_size).

    output_size: the size of the result, a number or one for each dimension
    kernel_size: the size of the window, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding,
                      self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """The sliding blocks of (N, C, H, W) as columns (N, C k, L).

    kernel_size: the size of the window, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
