"""Causal masks for attention, aligned to the first or to the last position."""

import enum

import cygrad


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask starts."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


def causal_upper_left(*size):
    """Boolean (L, S): query i sees keys 0..i."""
    return _causal(size, 0, "causal_upper_left")


def causal_lower_right(*size):
    """Boolean (L, S): query i sees keys 0..i + S - L."""
    return _causal(size, None, "causal_lower_right")


def _causal(size, diagonal, name):
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    length, source = size
    diagonal = source - length if diagonal is None else diagonal
    return cygrad.ones((length, source), dtype=cygrad.bool).tril(diagonal)
