"""Linear maps."""

import math

import cygrad

from .. import functional as F, init
from ..module import Module
from ..parameter import UninitializedParameter
from .lazy import LazyModuleMixin
from .utils import draw_by_fan_in, make_weight_and_bias


def _said(module):
    sizes = [f"{name}={getattr(module, name)}" for name in module.__constants__]
    return ", ".join([*sizes, f"bias={module.bias is not None}"])


class Identity(Module):
    """Returns its input; arguments of the constructor are ignored."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    """y = x A^T + b; weight (out_features, in_features), both from U(-1/sqrt(in), 1/sqrt(in)).

    in_features: the size of the input's last dimension
    out_features: the size of the output's last dimension
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> net = nn.Linear(2, 3)
    >>> net(torch.ones(4, 2)).shape
    torch.Size([4, 3])
    """

    __constants__ = ["in_features", "out_features"]

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        shape = (out_features, in_features)
        make_weight_and_bias(self, shape, out_features, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        draw_by_fan_in(self.bias, math.prod(self.weight.shape[1:]))

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return _said(self)


class NonDynamicallyQuantizableLinear(Linear):
    """The Linear that MultiheadAttention prints as its output projection."""


class Bilinear(Module):
    """y = x1^T A x2 + b; weight (out_features, in1_features, in2_features).

    in1_features: the size of the first input's last dimension
    in2_features: the size of the second input's last dimension
    out_features: the size of the output's last dimension
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]

    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None,
                 dtype=None):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got ({in1_features=})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        make_weight_and_bias(self, shape, out_features, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew."""
        for tensor in (self.weight, self.bias):
            draw_by_fan_in(tensor, self.weight.size(1))

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return _said(self)


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear that takes in_features from its first input.

    out_features: the size of the output's last dimension
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    cls_to_become = Linear

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Take the shapes from ``input`` and draw the values."""
        if self.has_uninitialized_params():
            with cygrad.no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        elif self.in_features == 0:
            # Loaded from a state dict: the shape is known, the number is not yet.
            self.in_features = self.weight.shape[-1]
