"""PyTorch's module of ZeroRedundancyOptimizer."""

from . import __getattr__  # noqa: F401
