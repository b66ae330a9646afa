"""torch.masked.maskedtensor: the class MaskedTensor."""

from .core import MaskedTensor, is_masked_tensor

__all__ = ["MaskedTensor", "is_masked_tensor"]
