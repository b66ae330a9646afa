"""torch.accelerator.graphs."""

from . import Graph

__all__ = ["Graph"]
