"""Convolution whose kernel's positions are moved by offsets (Dai et al., Deformable convolutional networks, 2017; with
a mask: Zhu et al., Deformable ConvNets v2, 2018)."""

import math

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from ._regions import _pair


def deform_conv2d(input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None):
    """Convolution of an image sampled at moved positions, by linear interpolation; outside the image are zeros.

    input: (N, C, H, W)
    offset: (N, 2 * groups_of_offsets * kh * kw, out_h, out_w): for each position of the kernel how far down and how
        far to the right it is moved, in pixels
    weight: (out_channels, C / groups, kh, kw)
    bias: (out_channels,)
    mask: (N, groups_of_offsets * kh * kw, out_h, out_w), factors of the samples
    gives (N, out_channels, out_h, out_w)
    RuntimeError: sizes that don't fit
    """
    (sh, sw), (ph, pw), (dh, dw) = _pair(stride), _pair(padding), _pair(dilation)
    out_channels, per_group, kh, kw = weight.shape
    n, channels, height, width = input.shape
    taps = kh * kw
    out_h = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    out_w = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    offset_groups = offset.shape[1] // (2 * taps)
    if offset_groups == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * "
            f"weight.size[2] * weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * "
            f"weight.size[3]={2 * taps}"
        )
    groups = channels // per_group
    if offset.shape != (n, offset_groups * 2 * taps, out_h, out_w) or channels % offset_groups:
        raise RuntimeError(f"offset output dims: ({offset.shape[2]}, {offset.shape[3]}) - computed output dims: "
                           f"({out_h}, {out_w})")  # fmt: skip
    if mask is not None and mask.shape != (n, offset_groups * taps, out_h, out_w):
        raise RuntimeError(f"mask.shape[1] is not valid: got: {mask.shape[1]} expected: {offset_groups * taps}")

    def ticks(count, step, start=0):
        return cygrad.arange(count, dtype=input.dtype, device=input.device) * step + start

    moved = offset.reshape(n * offset_groups, taps, 2, out_h, out_w)
    kernel_y, kernel_x = ticks(kh, dh).repeat_interleave(kw), ticks(kw, dw).repeat(kh)
    y = moved[:, :, 0] + kernel_y.view(-1, 1, 1) + ticks(out_h, sh, -ph).view(-1, 1)
    x = moved[:, :, 1] + kernel_x.view(-1, 1, 1) + ticks(out_w, sw, -pw)
    # From pixels to what grid_sample calls them.
    grid = cygrad.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).flatten(1, 2)
    image = input.reshape(n * offset_groups, channels // offset_groups, height, width)
    samples = F.grid_sample(image, grid, align_corners=False)
    if mask is not None:
        samples = samples * mask.reshape(n * offset_groups, 1, taps * out_h, out_w)
    columns = samples.reshape(n, groups, per_group * taps, out_h * out_w)
    out = weight.reshape(1, groups, out_channels // groups, per_group * taps) @ columns
    out = out.reshape(n, out_channels, out_h, out_w)
    return out if bias is None else out + bias.view(-1, 1, 1)


class DeformConv2d(nn.Module):
    """`deform_conv2d` with a weight and a bias of its own; ``forward(input, offset, mask=None)``."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True
    ):  # fmt: skip
        super().__init__()
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.weight = nn.Parameter(cygrad.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(cygrad.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draws weight and bias as a convolution does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        return deform_conv2d(
            input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask
        )  # fmt: skip

    def __repr__(self):
        text = f"{type(self).__name__}({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
        text += f"stride={self.stride}"
        for name, usual in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text + (", bias=False)" if self.bias is None else ")")
