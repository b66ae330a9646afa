"""The names of what Valgrind would count."""

from ..timer import CallgrindStats, CopyIfCallgrind, FunctionCount, FunctionCounts

__all__ = ["CallgrindStats", "CopyIfCallgrind", "FunctionCount", "FunctionCounts"]
