"""Looking up rows of tables: embedding, embedding bags, one-hot."""

import warnings

import cygrad
from cygrad._fronts import nn as _nn

from ._common import is_tensor


def _wrapped_padding_idx(padding_idx, weight, text="Padding_idx must be within num_embeddings"):
    if padding_idx is None:
        return -1
    if not -weight.size(0) <= padding_idx < weight.size(0):
        raise AssertionError(text)
    return padding_idx + weight.size(0) if padding_idx < 0 else padding_idx


def _renorm_(weight, input, max_norm, norm_type):
    """Scale down, in place, the looked-up rows whose norm is above ``max_norm``."""
    with cygrad.no_grad():
        index = cygrad.unique(input.reshape(-1))
        rows = weight.detach().index_select(0, index)
        norms = rows.norm(norm_type, 1, keepdim=True)
        scale = cygrad.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0).to(rows.dtype)
        weight.detach().index_copy_(0, index, rows * scale)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
              scale_grad_by_freq=False, sparse=False):
    """Rows of ``weight`` at the indices ``input``; the row ``padding_idx`` gets no gradient."""
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    padding_idx = _wrapped_padding_idx(padding_idx, weight)
    if max_norm is not None:
        input = input.contiguous()
        _renorm_(weight, input, max_norm, norm_type)
    if input.dtype not in (cygrad.int64, cygrad.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar "
            f"types: Long, Int; but got {input.type()} instead (while checking arguments for "
            "embedding)"
        )
    return _nn.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def embedding_bag(input, weight, offsets=None, max_norm=None, norm_type=2,
                  scale_grad_by_freq=False, mode="mean", sparse=False, per_sample_weights=None,
                  include_last_offset=False, padding_idx=None):
    """Sums, means or maxima of bags of rows of ``weight``.

    A 2-d ``input`` is one bag a row; a 1-d one is cut at ``offsets``.
    """
    if weight.dtype == cygrad.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. "
            "Usage `embedding_bag(weight, input, ...)` is deprecated, "
            "and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    weighted = per_sample_weights is not None
    if weighted and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, "
            f"then it must have the same shape as the input ({input.shape})"
        )
    if input.dim() == 2:
        if offsets is not None:
            kind = str(type(offsets)) if is_tensor(offsets) else type(offsets).__name__
            raise ValueError(
                "if input is 2D, then offsets has to be None"
                ", as input is treated is a mini-batch of"
                f" fixed length sequences. However, found offsets of type {kind}"
            )
        counts = cygrad.full((input.size(0),), input.size(1), device=input.device)
        input = input.reshape(-1)
    elif input.dim() == 1:
        counts = _bag_counts(input, offsets, include_last_offset)
        if include_last_offset and offsets.numel():  # what comes after is of no bag
            input = input[: int(offsets[-1])]
            per_sample_weights = per_sample_weights[: len(input)] if weighted else None
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if weighted and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if max_norm is not None:
        _renorm_(weight, input, max_norm, norm_type)

    bags = counts.numel()
    bag = cygrad.repeat_interleave(cygrad.arange(bags, device=input.device), counts)
    try:
        rows = _nn.embedding(weight, input, -1, scale_grad_by_freq, sparse)
    except IndexError:
        place = int(((input < 0) | (input >= weight.size(0))).nonzero()[0])
        raise RuntimeError(
            f"Index {place} of input takes value {int(input[place])} which is not in the valid "
            f"range [0, {weight.size(0)})"
        ) from None
    if weighted:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if padding_idx is not None:
        text = "padding_idx must be within the number of embeddings"
        keep = (input != _wrapped_padding_idx(padding_idx, weight, text)).nonzero().squeeze(1)
        rows, bag = rows.index_select(0, keep), bag.index_select(0, keep)
        counts = cygrad.zeros_like(counts).index_add(0, bag, cygrad.ones_like(bag))
    if mode == "max":
        return _bag_max(rows, bag, counts)
    total = rows.new_zeros((bags, rows.size(1))).index_add(0, bag, rows)
    return total if mode == "sum" else total / counts.clamp(min=1).unsqueeze(1).to(total.dtype)


def _bag_counts(input, offsets, include_last_offset):
    if not is_tensor(offsets):
        raise ValueError(f"offsets has to be a 1D Tensor but got {offsets}")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if offsets.numel():
        if int(offsets[0]) != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {int(offsets[0])}\n[ {offsets.type()}{{}} ]"
            )
        if int(offsets[-1]) > input.size(0):
            raise RuntimeError(
                "offsets[-1] can not be greater than input's length "
                f"{input.size(0)} but got offsets[-1] of {int(offsets[-1])}"
            )
    if not include_last_offset:
        offsets = cygrad.cat([offsets, offsets.new_full((1,), input.size(0))])
    return (offsets[1:] - offsets[:-1]).long()


def _bag_max(rows, bag, counts):
    """Maxima of bags: a table (bag, place in bag, feature) with -inf where a bag is short."""
    bags, width = counts.numel(), int(counts.max()) if counts.numel() else 0
    if width == 0:
        return rows.new_zeros((bags, rows.size(1)))
    starts = counts.cumsum(0) - counts
    place = cygrad.arange(bag.numel(), device=bag.device) - starts.index_select(0, bag)
    table = rows.new_full((bags * width, rows.size(1)), float("-inf"))
    table = table.index_copy(0, bag * width + place, rows)
    best = table.reshape(bags, width, -1).max(1)[0]
    return best.masked_fill((counts == 0).unsqueeze(1), 0.0)


def one_hot(tensor, num_classes=-1):
    """int64 tensor of shape (*, num_classes) that is 1 at the class and 0 elsewhere."""
    if tensor.dtype != cygrad.int64:
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor."
        )
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_empty((*tensor.shape, num_classes))
    if int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(tensor.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    result = cygrad.zeros(
        (*tensor.shape, num_classes), dtype=cygrad.int64, device=tensor.device
    )
    return result.scatter_(-1, tensor.unsqueeze(-1), 1)


