"""Regularisation that drops whole samples or blocks."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F


def stochastic_depth(input, p, mode, training=True):
    """Zeroes all of the input ("batch") or each sample ("row") with probability ``p``, and scales what is left.

    Huang et al., "Deep Networks with Stochastic Depth" (2016).
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    shape = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    noise = cygrad.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    if p < 1.0:
        noise.div_(1.0 - p)
    return input * noise


class StochasticDepth(nn.Module):
    """`stochastic_depth` as a module."""

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def _drop_block(input, p, block_size, inplace, eps, training, ndim, max_pool):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != ndim + 2:
        raise ValueError(f"input should be {ndim + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block_size = min(block_size, *sizes)
    # The chance of a block's centre, so that the expected part of what is dropped is p.
    gamma = p / block_size**ndim
    for size in sizes:
        gamma *= size / (size - block_size + 1)
    shape = (*input.shape[:2], *(size - block_size + 1 for size in sizes))
    centers = cygrad.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(gamma)
    centers = F.pad(centers, [block_size // 2] * (2 * ndim), value=0)
    kept = 1 - max_pool(centers, stride=1, kernel_size=block_size, padding=block_size // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


def drop_block2d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """Zeroes squares of (N, C, H, W), the part ``p`` of it (Ghiasi et al., "DropBlock", 2018)."""
    return _drop_block(input, p, block_size, inplace, eps, training, 2, F.max_pool2d)


def drop_block3d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """Zeroes cubes of (N, C, D, H, W)."""
    return _drop_block(input, p, block_size, inplace, eps, training, 3, F.max_pool3d)


class DropBlock2d(nn.Module):
    """`drop_block2d` as a module."""

    def __init__(self, p, block_size, inplace=False, eps=1e-6):
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input):
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` as a module."""

    def forward(self, input):
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
