"""Names that PyTorch's files look for in `torch._tensor`."""

from ._core import Tensor
from ._utils import _rebuild_from_type_v2

__all__ = ["Tensor", "_rebuild_from_type_v2"]
