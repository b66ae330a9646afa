"""torch.return_types: the classes of results with named fields."""

from ._return_types import __getattr__  # noqa: F401
