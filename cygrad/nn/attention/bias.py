"""Causal masks for attention, aligned to the first or to the last position."""

import enum
import warnings

import cygrad


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask starts."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(cygrad.Tensor):
    """A boolean causal mask (L, S) that knows its kind: an argument `attn_mask` like any other."""

    @staticmethod
    def __new__(cls, variant, seq_len_q, seq_len_kv):
        offset = seq_len_kv - seq_len_q if variant == CausalVariant.LOWER_RIGHT else 0
        mask = cygrad.ones((seq_len_q, seq_len_kv), dtype=cygrad.bool).tril(offset)
        return mask.as_subclass(cls)

    def __init__(self, variant, seq_len_q, seq_len_kv):
        if not isinstance(variant, CausalVariant):
            raise AssertionError("variant must be a CausalVariant")
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=2
            )

    __torch_function__ = cygrad._C._disabled_torch_function_impl

    def __repr__(self):
        return self.as_subclass(cygrad.Tensor).__repr__()


def causal_upper_left(*size):
    """Boolean (L, S): query i sees keys 0..i."""
    return _causal(size, CausalVariant.UPPER_LEFT, "causal_upper_left")


def causal_lower_right(*size):
    """Boolean (L, S): query i sees keys 0..i + S - L."""
    return _causal(size, CausalVariant.LOWER_RIGHT, "causal_lower_right")


def _causal(size, variant, name):
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return CausalBias(variant, *size)
