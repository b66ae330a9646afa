"""Pooling modules, in one, two and three dimensions."""

from typing import Any

from .. import functional as F
from ..module import Module
from .utils import OwnInit, _ntuple


class _MaxPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]

    def __init__(self, kernel_size, stride=None, padding: Any = 0, dilation: Any = 1, return_indices=False,
                 ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(input, self.kernel_size, self.stride, self.padding, self.dilation,
                              self.ceil_mode, self.return_indices)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest value of each window of (N, C, L).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    ceil_mode: whether a window that reaches over the end counts
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest value of each window of (N, C, H, W).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    ceil_mode: whether a window that reaches over the end counts

    >>> nn.MaxPool2d(2)(torch.arange(4.0).view(1, 2, 2))
    tensor([[[3.]]])
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest value of each window of (N, C, D, H, W).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    dilation: the distance of the window's elements, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    ceil_mode: whether a window that reaches over the end counts
    """

    _function = staticmethod(F.max_pool3d)


class _MaxUnpoolNd(OwnInit, Module):
    def __init__(self, kernel_size, stride=None, padding: Any = 0):
        super().__init__()
        parse = _ntuple(self._nd)
        self.kernel_size = parse(kernel_size)
        self.stride = parse(kernel_size if stride is None else stride)
        self.padding = parse(padding)

    def forward(self, input, indices, output_size=None):
        return self._function(input, indices, self.kernel_size, self.stride, self.padding,
                              output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the values of MaxPool1d back at their indices.

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the values of MaxPool2d back at their indices.

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the values of MaxPool3d back at their indices.

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 3
    _function = staticmethod(F.max_unpool3d)


class _AvgPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of (N, C, L).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    count_include_pad: whether padding counts in an average
    """

    def __init__(self, kernel_size, stride=None, padding: Any = 0, ceil_mode=False,
                 count_include_pad=True):
        super().__init__()
        parse = _ntuple(1)
        self.kernel_size = parse(kernel_size)
        self.stride = parse(kernel_size if stride is None else stride)
        self.padding = parse(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad)


class _AvgPoolDivisor(OwnInit, _AvgPoolNd):
    def __init__(self, kernel_size, stride=None, padding: Any = 0, ceil_mode=False,
                 count_include_pad=True, divisor_override=None):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return self._function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                              self.count_include_pad, self.divisor_override)


class AvgPool2d(_AvgPoolDivisor):
    """The mean of each window of (N, C, H, W).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    count_include_pad: whether padding counts in an average
    divisor_override: what an average divides by, instead of the window's size

    >>> nn.AvgPool2d(2)(torch.arange(4.0).view(1, 2, 2))
    tensor([[[1.5000]]])
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolDivisor):
    """The mean of each window of (N, C, D, H, W).

    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    padding: how many elements are added at both ends, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    count_include_pad: whether padding counts in an average
    divisor_override: what an average divides by, instead of the window's size
    """

    _function = staticmethod(F.avg_pool3d)


class _FractionalMaxPoolNd(OwnInit, Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False,
                 _random_samples=None):
        super().__init__()
        parse = _ntuple(self._nd)
        name = type(self).__name__
        self.kernel_size = parse(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else parse(output_size)
        self.output_ratio = None if output_ratio is None else parse(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(
                f"output_ratio must be between 0 and 1 (got {output_ratio})"
            )

    def forward(self, input):
        return self._function(input, self.kernel_size, self.output_size, self.output_ratio,
                              self.return_indices, self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Max pooling over windows at random places (Graham, 2014).

    kernel_size: the size of the window, a number or one for each dimension
    output_size: the size of the result, a number or one for each dimension
    output_ratio: the size of the result as a share of the input's
    return_indices: whether the places of the results are returned as well
    """

    _nd = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """Max pooling over windows at random places (Graham, 2014).

    kernel_size: the size of the window, a number or one for each dimension
    output_size: the size of the result, a number or one for each dimension
    output_ratio: the size of the result as a share of the input's
    return_indices: whether the places of the results are returned as well
    """

    _nd = 3
    _function = staticmethod(F.fractional_max_pool3d)


class _LPPoolNd(Module):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride,
                              self.ceil_mode)

    def extra_repr(self):
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(sum of x^p)^(1/p) of each window.

    norm_type: the exponent of the norm
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """(sum of x^p)^(1/p) of each window.

    norm_type: the exponent of the norm
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """(sum of x^p)^(1/p) of each window.

    norm_type: the exponent of the norm
    kernel_size: the size of the window, a number or one for each dimension
    stride: the step of the window, a number or one for each dimension
    ceil_mode: whether a window that reaches over the end counts
    """

    _function = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPoolNd(Module):
    __constants__ = ["output_size"]

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension
    """

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension

    >>> nn.AdaptiveAvgPool2d(1)(torch.ones(1, 8, 5, 7)).shape
    torch.Size([1, 8, 1, 1])
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension
    """

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input):
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Largest values of windows chosen to give ``output_size`` outputs.

    output_size: the size of the result, a number or one for each dimension
    return_indices: whether the places of the results are returned as well
    """

    _function = staticmethod(F.adaptive_max_pool3d)
