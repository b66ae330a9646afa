"""Channels to pixels and back."""

from .. import functional as F
from ..module import Module


class PixelShuffle(Module):
    """(*, C r^2, H, W) to (*, C, H r, W r).

    upscale_factor: by how much both sizes grow

    >>> nn.PixelShuffle(2)(torch.zeros(1, 4, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(*, C, H r, W r) to (*, C r^2, H, W).

    downscale_factor: by how much both sizes shrink
    """

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"
