"""Layer, group, root mean square and local response normalisation."""

import numbers

import cygrad

from .. import functional as F, init
from ..module import Module
from ..parameter import Parameter


def make_affine(module, shape, device, dtype, **wanted):
    """Gives a module the parameters of this shape that are wanted, of "weight" and "bias"; None for the others."""
    for name, there in wanted.items():
        made = Parameter(cygrad.empty(shape, device=device, dtype=dtype)) if there else None
        module.register_parameter(name, made)


def reset_affine(module):
    """Weight 1, bias 0, where there are."""
    if module.weight is not None:
        init.ones_(module.weight)
        if getattr(module, "bias", None) is not None:
            init.zeros_(module.bias)


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of x^2 over neighbouring channels)^beta.

    size: the sizes, as numbers or in a tuple
    alpha: a factor
    beta: a factor
    k: how many
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """The older local response norm: a window of odd size, divided by ``size`` all the same.

    Its running sum never drops channel 0 again; results of trained models rest on that.
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        if input.dim() != 4:
            raise ValueError(
                f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead."
            )
        n, c, h, w = input.shape
        half = (self.size - 1) // 2
        squares = input * input
        padded = F.pad(squares.reshape(n, 1, c, h, w), (0, 0, 0, 0, half, half))
        mean = F.avg_pool3d(padded, (2 * half + 1, 1, 1), stride=1, divisor_override=self.size)
        mean = mean.reshape(input.shape)
        beyond = cygrad.arange(c, device=input.device).reshape(1, c, 1, 1) > half
        mean = mean + cygrad.where(beyond, squares[:, :1] / self.size, 0.0)
        return input * (mean * self.alpha + self.k).pow(-self.beta)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _shape(value):
    return (value,) if isinstance(value, numbers.Integral) else tuple(value)


class LayerNorm(Module):
    """Normalises over the last dimensions, whose shape is ``normalized_shape``.

    normalized_shape: the sizes of the last dimensions, over which is normalised
    eps: a small number that keeps a divisor from zero
    elementwise_affine: whether each element has a weight (and a bias) of its own
    bias: whether a bias is learned, which is added to the result
    device: the device of the parameters
    dtype: the dtype of the parameters

    >>> nn.LayerNorm(2)(torch.tensor([1.0, 3.0])).detach()
    tensor([-1.0000,  1.0000])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None,
                 dtype=None):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        wanted = {"weight": elementwise_affine, "bias": elementwise_affine and bias}
        make_affine(self, self.normalized_shape, device, dtype, **wanted)
        self.reset_parameters()

    def reset_parameters(self):
        """Weight 1, bias 0."""
        reset_affine(self)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Normalises over groups of channels.

    num_groups: how many groups of channels
    eps: a small number that keeps a divisor from zero
    affine: whether each channel has a weight and a bias of its own
    device: the device of the parameters
    dtype: the dtype of the parameters
    bias: whether a bias is learned, which is added to the result

    >>> nn.GroupNorm(2, 4)(torch.rand(1, 4, 3, 3)).shape
    torch.Size([1, 4, 3, 3])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None,
                 *, bias=True):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        make_affine(self, num_channels, device, dtype, weight=affine, bias=affine and bias)
        self.reset_parameters()

    def reset_parameters(self):
        """Weight 1, bias 0."""
        reset_affine(self)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions.

    normalized_shape: the sizes of the last dimensions, over which is normalised
    eps: a small number that keeps a divisor from zero
    elementwise_affine: whether each element has a weight (and a bias) of its own
    device: the device of the parameters
    dtype: the dtype of the parameters
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None,
                 dtype=None):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        make_affine(self, self.normalized_shape, device, dtype, weight=elementwise_affine)
        self.reset_parameters()

    def reset_parameters(self):
        """Weight 1."""
        reset_affine(self)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )
