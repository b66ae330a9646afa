"""Functions that make masked tensors."""

from .core import MaskedTensor, _copied

__all__ = ["as_masked_tensor", "masked_tensor"]


def masked_tensor(data, mask, requires_grad=False):
    """A MaskedTensor of a copy of `data`, a leaf.

    `mask` is boolean, True for elements that count, of the shape of `data`; TypeError or ValueError if not.
    """
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data, mask):
    """A MaskedTensor whose gradient flows to `data`."""
    return _copied(data, mask)
