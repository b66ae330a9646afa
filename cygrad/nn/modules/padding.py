"""Padding modules, in one, two and three dimensions."""

from .. import functional as F
from ..module import Module
from .utils import OwnInit, _ntuple


class _Padding(OwnInit, Module):
    """``_nd`` spatial dimensions; ``_mode`` as functional.pad names it."""

    __constants__ = ["padding"]

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(2 * self._nd)(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPadNd(_Padding):
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads the last dimension with a value.

    padding: how many elements are added at both ends, a number or one for each dimension
    value: a number
    """

    _nd = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads the last two dimensions with a value.

    padding: how many elements are added at both ends, a number or one for each dimension
    value: a number
    """

    _nd = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads the last three dimensions with a value.

    padding: how many elements are added at both ends, a number or one for each dimension
    value: a number
    """

    _nd = 3


class ZeroPad1d(ConstantPad1d):
    """Pads the last dimension with zeros.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads the last two dimensions with zeros.

    padding: how many elements are added at both ends, a number or one for each dimension

    >>> nn.ZeroPad2d(1)(torch.ones(1, 1, 1)).sum()
    tensor(1.)
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads the last three dimensions with zeros.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPadNd(_Padding):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads the last dimension by reflection at the edge.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pads the last two dimensions by reflection at the edges.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pads the last three dimensions by reflection at the edges.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 3


class _ReplicationPadNd(_Padding):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads the last dimension with its edge values.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pads the last two dimensions with their edge values.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pads the last three dimensions with their edge values.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 3


class _CircularPadNd(_Padding):
    _mode = "circular"

    def forward(self, input):
        low = self._nd + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(
                f"expected {low}D or {low + 1}D input (got {input.dim()}D input)"
            )
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pads the last dimension from its other end.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 1


class CircularPad2d(_CircularPadNd):
    """Pads the last two dimensions from their other ends.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 2


class CircularPad3d(_CircularPadNd):
    """Pads the last three dimensions from their other ends.

    padding: how many elements are added at both ends, a number or one for each dimension
    """

    _nd = 3
