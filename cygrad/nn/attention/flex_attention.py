"""Attention with a user's function of the scores and a user's mask, as a composite.

PyTorch calls the functions once for each score (by vmap). Here they are called once, with all
indices as tensors that broadcast to (B, H, L, S): the same for functions that work elementwise
or look values up in tensors.
"""

import itertools
import math
from typing import NamedTuple, TypedDict

import cygrad

from .. import functional as F

_DEFAULT_SPARSE_BLOCK_SIZE = 128
__all__ = [
    "BlockMask", "flex_attention", "AuxOutput", "AuxRequest", "FlexKernelOptions", "create_block_mask", "create_mask",
    "or_masks", "and_masks", "noop_mask",
]  # fmt: skip


class AuxRequest(NamedTuple):
    """What `flex_attention` is to give besides its output."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an `AuxRequest`; None for the rest."""

    lse: cygrad.Tensor | None = None
    max_scores: cygrad.Tensor | None = None


class FlexKernelOptions(TypedDict, total=False):
    """Options of PyTorch's generated kernels, of which there are none here."""

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    BACKEND: str


def noop_mask(batch, head, token_q, token_kv):
    """Every query sees every key."""
    return batch.new_ones((), dtype=cygrad.bool)


def _indices(batch, heads, length, source, device):
    shapes = ((batch, (-1, 1, 1, 1)), (heads, (-1, 1, 1)), (length, (-1, 1)), (source, (-1,)))
    return [
        cygrad.arange(size, dtype=cygrad.int32, device=device).reshape(shape)
        for size, shape in shapes
    ]


def _ordered(dense):
    """(counts, indices) of the blocks in each row: those that are there first, in order."""
    dense = dense.to(cygrad.int32)
    counts = dense.sum(-1).to(cygrad.int32)
    return counts, dense.argsort(dim=-1, descending=True, stable=True).to(cygrad.int32)


def _dense(counts, indices, columns):
    """The opposite of `_ordered`: bool (B, H, rows, columns)."""
    taken = cygrad.arange(indices.size(-1), device=indices.device) < counts.unsqueeze(-1)
    dense = cygrad.zeros((*counts.shape, columns + 1), dtype=cygrad.bool, device=indices.device)
    where = cygrad.where(taken, indices.long(), columns)
    return dense.scatter(-1, where, True)[..., :columns]


def _sliced_mask_mod_error(*args):
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask. When you slice a BlockMask using [], the mask_mod function "
        "is not adjusted for the slice: set it by yourself."
    )


class BlockMask:
    """Which blocks of the scores are to be computed, and, of those in part, which scores.

    `kv_indices[..., i, :kv_num_blocks[..., i]]` are the columns of blocks of row i that `mask_mod` is asked about,
    `full_kv_indices` those that are wanted whole; `q_indices` and `full_q_indices` are the same by columns.
    """

    def __init__(
        self, seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, q_num_blocks, q_indices,
        full_q_num_blocks, full_q_indices, BLOCK_SIZE=(_DEFAULT_SPARSE_BLOCK_SIZE,) * 2, mask_mod=noop_mask, *,
        dq_write_order=None, dq_write_order_full=None, dq_kv_order=None, dq_kv_order_spt=None,
    ):  # fmt: skip
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if kv_num_blocks is None or kv_indices is None:
            raise AssertionError("kv_num_blocks and kv_indices must be provided")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod
        self.dq_write_order, self.dq_write_order_full = dq_write_order, dq_write_order_full
        self.dq_kv_order, self.dq_kv_order_spt = dq_kv_order, dq_kv_order_spt
        self._mask = None

    @classmethod
    def from_kv_blocks(
        cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None,
        BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, mask_mod=None, seq_lengths=None, compute_q_blocks=True, *,
        dq_write_order=None, dq_write_order_full=None, dq_kv_order=None,
    ):  # fmt: skip
        """A BlockMask of the blocks in each row; those in each column follow from them."""
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
        columns = kv_indices.size(-1)
        if seq_lengths is None:
            seq_lengths = (kv_indices.size(-2) * block[0], columns * block[1])
        by_column = full_by_column = (None, None)
        if compute_q_blocks:
            by_column = _ordered(_dense(kv_num_blocks, kv_indices, columns).transpose(-2, -1))
            if full_kv_num_blocks is not None:
                full_by_column = _ordered(_dense(full_kv_num_blocks, full_kv_indices, columns).transpose(-2, -1))
        return cls(
            seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *by_column, *full_by_column,
            block, noop_mask if mask_mod is None else mask_mod, dq_write_order=dq_write_order,
            dq_write_order_full=dq_write_order_full, dq_kv_order=dq_kv_order,
        )  # fmt: skip

    def as_tuple(self, flatten=True):
        """All that it holds, in the order of the constructor; flattened, with the sizes as numbers."""
        block, lengths = (self.BLOCK_SIZE, self.seq_lengths)
        return (
            *(lengths if flatten else (lengths,)), self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks,
            self.full_kv_indices, self.q_num_blocks, self.q_indices, self.full_q_num_blocks, self.full_q_indices,
            self.dq_write_order, self.dq_write_order_full, self.dq_kv_order, self.dq_kv_order_spt,
            *(block if flatten else (block,)), self.mask_mod,
        )  # fmt: skip

    @property
    def shape(self):
        """(B, H, L, S), or with what leading dimensions there are."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """How many scores there are, computed or not."""
        return math.prod(self.shape)

    def _blocks(self):
        """bool (B, H, row blocks, column blocks): those in part, and those in full (or None)."""
        columns = self.kv_indices.size(-1)
        part = _dense(self.kv_num_blocks, self.kv_indices, columns)
        if self.full_kv_num_blocks is None:
            return part, None
        return part, _dense(self.full_kv_num_blocks, self.full_kv_indices, columns)

    def to_dense(self):
        """int32 (B, H, row blocks, column blocks): 1 where a block has anything to compute."""
        part, full = self._blocks()
        return (part if full is None else part | full).int()

    def sparsity(self):
        """Percentage of the scores that lie in blocks without anything to compute."""
        used = int(self.to_dense().sum()) * math.prod(self.BLOCK_SIZE)
        return 100 * (1 - used / self.numel())

    def wanted(self):
        """bool (B, H, L, S): which scores count."""
        if self._mask is None:
            length, source = self.seq_lengths
            part, full = [
                x if x is None else x.repeat_interleave(self.BLOCK_SIZE[0], -2).repeat_interleave(
                    self.BLOCK_SIZE[1], -1)[..., :length, :source]
                for x in self._blocks()
            ]  # fmt: skip
            b, h = self.kv_indices.shape[:2]
            mask = part & create_mask(self.mask_mod, b, h, length, source, self.kv_indices.device)
            self._mask = mask if full is None else mask | full
        return self._mask

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in index)
        tensors = (self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices)
        return BlockMask.from_kv_blocks(
            *(None if t is None else t[index] for t in tensors), BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_sliced_mask_mod_error, seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )  # fmt: skip

    def _adjust(self, new_q_len, new_kv_len):
        """The mask for other lengths: as many blocks as they need."""
        rows, columns = -(-new_q_len // self.BLOCK_SIZE[0]), -(-new_kv_len // self.BLOCK_SIZE[1])
        part, full = self._blocks()
        ordered = _ordered(part[..., :rows, :columns])
        full_ordered = (None, None) if full is None else _ordered(full[..., :rows, :columns])
        return BlockMask.from_kv_blocks(
            *ordered, *full_ordered, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
        )  # fmt: skip

    def to(self, device):
        """The mask with its tensors on another device."""
        *parts, mask_mod = self.as_tuple(flatten=False)
        lengths, *tensors, block = [x.to(device) if isinstance(x, cygrad.Tensor) else x for x in parts]
        write, write_full, order, spt = tensors[8:]
        return BlockMask(
            lengths, *tensors[:8], block, mask_mod, dq_write_order=write, dq_write_order_full=write_full,
            dq_kv_order=order, dq_kv_order_spt=spt,
        )  # fmt: skip

    def to_string(self, grid_size=(20, 20), limit=4):
        """A picture of the blocks for each batch and head: whole cells, cells in part, empty ones."""
        dense = self.to_dense()
        *leading, rows, columns = dense.shape
        grid = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        height, width = (max(1, -(-n // g)) if g != -1 else 1 for n, g in zip((rows, columns), grid, strict=True))
        parts = []
        for k, place in enumerate(itertools.product(*map(range, leading))):
            if k == limit:
                parts.append("...\nTo print out more, set BlockMask.to_string(grid_size=grid_size, limit=limit)")
                break
            lines = [str(place)]
            for i in range(0, rows, height):
                cells = [dense[place][i : i + height, j : j + width].float().mean() for j in range(0, columns, width)]
                lines.append("".join("  " if c == 0 else "██" if c == 1 else "░░" for c in map(float, cells)))
            parts.append("\n".join(lines) + "\n")
        return "\n".join(parts)

    def __str__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"

    def __repr__(self):
        shapes = "".join(
            f"    {name}={getattr(self, name) if getattr(self, name) is None else getattr(self, name).shape},\n"
            for name in ("kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks",
                         "q_indices", "full_q_num_blocks", "full_q_indices")
        )  # fmt: skip
        mask_mod = getattr(self.mask_mod, "__name__", self.mask_mod)
        return (
            f"BlockMask(\n{shapes}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
            f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={mask_mod}\n)"
        )


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The boolean mask (B, H, Q_LEN, KV_LEN) of a mask function."""
    b, h = 1 if B is None else B, 1 if H is None else H
    mask = mod_fn(*_indices(b, h, Q_LEN, KV_LEN, device))
    return mask.expand(b, h, Q_LEN, KV_LEN)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
                      _compile=False, separate_full_blocks=True, compute_dq_write_order=False, dq_kv_order=True):
    """A BlockMask of a mask function of (batch, head, query, key) indices."""
    if compute_dq_write_order:
        raise NotImplementedError("create_block_mask: cygrad has no kernels that compute_dq_write_order is for")
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    b, h, length, source = mask.shape
    padded = F.pad(mask.int(), (0, -source % columns, 0, -length % rows))
    counts = padded.reshape(b, h, padded.size(-2) // rows, rows, padded.size(-1) // columns, columns).sum((3, 5))
    full = counts == rows * columns
    some = counts > 0
    by_row = _ordered(some & ~full if separate_full_blocks else some)
    full_by_row = _ordered(full) if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(*by_row, *full_by_row, BLOCK_SIZE=(rows, columns), mask_mod=mask_mod,
                                    seq_lengths=(Q_LEN, KV_LEN))


def and_masks(*mask_mods):
    """The mask function that allows what all of the given ones allow."""
    return lambda *index: ~or_masks(*[lambda *i, m=m: ~m(*i) for m in mask_mods])(*index)


def or_masks(*mask_mods):
    """The mask function that allows what any of the given ones allows."""
    return lambda *index: sum(m(*index).int() for m in mask_mods).bool()


def _check_lengths(block_mask, length, source):
    rows, columns = block_mask.seq_lengths
    if (rows, columns) == (length, source):
        return
    text = (
        f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={length} and "
        f"kv_len={source}. "
    )
    if rows < length or columns < source:
        raise ValueError(text + "As the block mask was created for a smaller length than you're using it for, you "
                         "likely need to create a new block mask.")
    raise ValueError(
        text + "As the block mask was created for a larger length than you're using it for, you can either 1. create "
        "a new block mask with the correct length, or 2. 'adjust' the existing block mask to the correct length by "
        "calling block_mask._adjust(q_len, kv_len). This essentially 'crops' the block mask to the upper left corner, "
        "which does not work for all mask_mods!"
    )


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None,
                   enable_gqa=False, return_lse=False, kernel_options=None, *, return_aux=None):
    """Attention whose scores go through ``score_mod(score, b, h, q, kv)`` and ``block_mask``.

    query (B, H, L, E), key (B, Hkv, S, E), value (B, Hkv, S, Ev). A row that may look nowhere
    gives zeros. ``return_lse`` adds the log-sum-exp of the scores (B, H, L), ``return_aux`` what it asks for.
    """
    if return_lse and return_aux is not None:
        raise ValueError("return_lse and return_aux cannot both be given")
    if enable_gqa:
        key = key.repeat_interleave(query.size(1) // key.size(1), 1)
        value = value.repeat_interleave(query.size(1) // value.size(1), 1)
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * scale).matmul(key.transpose(-2, -1))
    if score_mod is not None:
        scores = score_mod(scores, *_indices(*scores.shape, query.device))
    if block_mask is not None:
        _check_lengths(block_mask, query.size(-2), key.size(-2))
        scores = scores.masked_fill(~block_mask.wanted(), float("-inf"))
    nowhere = (scores == float("-inf")).all(-1, keepdim=True)
    weights = F.softmax(scores.masked_fill(nowhere, 0.0), -1).masked_fill(nowhere, 0.0)
    output = weights.matmul(value)
    if return_aux is not None:
        lse = scores.logsumexp(-1) if return_aux.lse else None
        return output, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)
    return (output, scores.logsumexp(-1)) if return_lse else output
