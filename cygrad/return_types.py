"""The types of results with named fields: `torch.return_types.max`."""

from ._return_types import __getattr__, _made

__all__ = ["__getattr__"]


def __dir__():
    return sorted(_made)
