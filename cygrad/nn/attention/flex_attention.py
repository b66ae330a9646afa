"""Attention with a user's function of the scores and a user's mask, as a composite.

PyTorch calls the functions once for each score (by vmap). Here they are called once, with all
indices as tensors that broadcast to (B, H, L, S): the same for functions that work elementwise
or look values up in tensors.
"""

import math

import cygrad

from ..._standins import stand_in
from .. import functional as F

_DEFAULT_SPARSE_BLOCK_SIZE = 128
AuxRequest = stand_in("nn.attention.flex_attention.AuxRequest()", "flex_attention has one output")


def noop_mask(batch, head, q_idx, kv_idx):
    """Every query sees every key."""
    return batch.new_ones((), dtype=cygrad.bool)


def _indices(batch, heads, length, source, device):
    shapes = ((batch, (-1, 1, 1, 1)), (heads, (-1, 1, 1)), (length, (-1, 1)), (source, (-1,)))
    return [
        cygrad.arange(size, dtype=cygrad.int32, device=device).reshape(shape)
        for size, shape in shapes
    ]


class BlockMask:
    """A boolean mask (B, H, L, S) made from ``mask_mod``, and the shape of its blocks."""

    def __init__(self, mask_mod, mask, block_size):
        self.mask_mod = mask_mod
        self.BLOCK_SIZE = block_size
        self._mask = mask

    @property
    def shape(self):
        """(B, H, L, S)."""
        return tuple(self._mask.shape)

    def to_dense(self):
        """int32 (B, H, row blocks, column blocks): 1 where a block has anything to compute."""
        rows, columns = self.BLOCK_SIZE
        b, h, length, source = self._mask.shape
        padded = F.pad(self._mask.int(), (0, -source % columns, 0, -length % rows))
        blocks = padded.reshape(b, h, -1, rows, padded.size(-1) // columns, columns)
        return (blocks.sum((3, 5)) > 0).int()

    def sparsity(self):
        """Percentage of the scores that lie in blocks without anything to compute."""
        used = int(self.to_dense().sum()) * math.prod(self.BLOCK_SIZE)
        return 100 * (1 - used / math.prod(self.shape))

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The boolean mask (B, H, Q_LEN, KV_LEN) of a mask function."""
    b, h = 1 if B is None else B, 1 if H is None else H
    mask = mod_fn(*_indices(b, h, Q_LEN, KV_LEN, device))
    return mask.expand(b, h, Q_LEN, KV_LEN)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
                      _compile=False):
    """A BlockMask of a mask function of (batch, head, query, key) indices."""
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    return BlockMask(mask_mod, create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), block)


def and_masks(*mask_mods):
    """The mask function that allows what all of the given ones allow."""
    return lambda *index: ~or_masks(*[lambda *i, m=m: ~m(*i) for m in mask_mods])(*index)


def or_masks(*mask_mods):
    """The mask function that allows what any of the given ones allows."""
    return lambda *index: sum(m(*index).int() for m in mask_mods).bool()


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None,
                   enable_gqa=False, return_lse=False, kernel_options=None):
    """Attention whose scores go through ``score_mod(score, b, h, q, kv)`` and ``block_mask``.

    query (B, H, L, E), key (B, Hkv, S, E), value (B, Hkv, S, Ev). A row that may look nowhere
    gives zeros. ``return_lse`` adds the log-sum-exp of the scores (B, H, L).
    """
    if enable_gqa:
        key = key.repeat_interleave(query.size(1) // key.size(1), 1)
        value = value.repeat_interleave(query.size(1) // value.size(1), 1)
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * scale).matmul(key.transpose(-2, -1))
    if score_mod is not None:
        scores = score_mod(scores, *_indices(*scores.shape, query.device))
    if block_mask is not None:
        mask = block_mask._mask[..., :scores.size(-2), :scores.size(-1)]
        scores = scores.masked_fill(~mask, float("-inf"))
    nowhere = (scores == float("-inf")).all(-1, keepdim=True)
    weights = F.softmax(scores.masked_fill(nowhere, 0.0), -1).masked_fill(nowhere, 0.0)
    output = weights.matmul(value)
    return (output, scores.logsumexp(-1)) if return_lse else output
