"""Deformable convolution against its definition: each sample interpolated by itself."""

import itertools
import math

import pytest

import cygrad as torch
from cygrad import nn
from cygrad.vision.ops import DeformConv2d, deform_conv2d

pytestmark = pytest.mark.usefixtures("everywhere")


def sample(image, y, x):
    """The image (H, W) at a place, by linear interpolation, with zeros around it."""
    total = 0.0
    for i in (math.floor(y), math.floor(y) + 1):
        for j in (math.floor(x), math.floor(x) + 1):
            if 0 <= i < len(image) and 0 <= j < len(image[0]):
                total += (1 - abs(y - i)) * (1 - abs(x - j)) * image[i][j]
    return total


def by_definition(input, offset, weight, bias, stride, padding, dilation, mask):
    (n, channels, _, _), (out_channels, per_group, kh, kw) = input.shape, weight.shape
    _, moves, out_h, out_w = offset.shape
    offset_groups = moves // (2 * kh * kw)
    image, moved, factors, w = input.tolist(), offset.tolist(), mask.tolist(), weight.tolist()
    out = torch.zeros(n, out_channels, out_h, out_w, dtype=input.dtype, device="cpu")
    for b, o, r, c in itertools.product(range(n), range(out_channels), range(out_h), range(out_w)):
        total = bias[o].item()
        for i, k in itertools.product(range(per_group), range(kh * kw)):
            channel = o // (out_channels * per_group // channels) * per_group + i
            group = channel // (channels // offset_groups)
            y = r * stride[0] - padding[0] + k // kw * dilation[0] + moved[b][2 * (group * kh * kw + k)][r][c]
            x = c * stride[1] - padding[1] + k % kw * dilation[1] + moved[b][2 * (group * kh * kw + k) + 1][r][c]
            factor = factors[b][group * kh * kw + k][r][c]
            total += w[o][i][k // kw][k % kw] * factor * sample(image[b][channel], y, x)
        out[b, o, r, c] = total
    return out


@pytest.mark.parametrize("stride, padding, dilation, groups, offset_groups", [
    ((1, 1), (0, 0), (1, 1), 1, 1), ((2, 1), (1, 2), (1, 2), 2, 2), ((1, 1), (1, 1), (2, 1), 1, 4),
])  # fmt: skip
def test_values(stride, padding, dilation, groups, offset_groups):
    input, weight, bias = torch.randn(2, 4, 6, 5), torch.randn(2, 4 // groups, 3, 2), torch.randn(2)
    size = nn.functional.conv2d(input, weight, None, stride, padding, dilation, groups).shape[2:]
    offset, mask = torch.randn(2, offset_groups * 12, *size) * 2, torch.rand(2, offset_groups * 6, *size)
    out = deform_conv2d(input, offset, weight, bias, stride, padding, dilation, mask)
    wanted = by_definition(input, offset, weight, bias, stride, padding, dilation, mask)
    torch.testing.assert_close(out.cpu(), wanted, atol=1e-4, rtol=1e-4)


def test_without_offsets_it_is_a_convolution():
    layer = DeformConv2d(3, 4, 3, padding=1, stride=2)
    x = torch.randn(1, 3, 8, 7, requires_grad=True)
    offset = torch.zeros(1, 18, 4, 4, requires_grad=True)
    out = layer(x, offset)
    torch.testing.assert_close(out, nn.functional.conv2d(x, layer.weight, layer.bias, 2, 1), atol=1e-5, rtol=1e-5)
    out.sum().backward()
    assert offset.grad.abs().sum() > 0 and x.grad is not None and layer.weight.grad is not None
    assert repr(layer) == "DeformConv2d(3, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))"


def test_sizes_that_do_not_fit():
    x, weight = torch.zeros(1, 2, 5, 5), torch.zeros(2, 2, 3, 3)
    with pytest.raises(RuntimeError, match="^the shape of the offset tensor at dimension 1 is not valid. It should be"):
        deform_conv2d(x, torch.zeros(1, 4, 3, 3), weight)
    with pytest.raises(RuntimeError, match=r"^offset output dims: \(4, 3\) - computed output dims: \(3, 3\)"):
        deform_conv2d(x, torch.zeros(1, 18, 4, 3), weight)
    with pytest.raises(RuntimeError, match="^mask.shape"):
        deform_conv2d(x, torch.zeros(1, 18, 3, 3), weight, mask=torch.zeros(1, 8, 3, 3))
    with pytest.raises(ValueError, match="^in_channels must be divisible by groups$"):
        DeformConv2d(3, 4, 3, groups=2)
