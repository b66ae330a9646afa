"""torch.return_types: the types of results with named fields."""

from ._return_types import __getattr__  # noqa: F401
