"""torch.utils.cpp_backtrace."""

from . import get_cpp_backtrace

__all__ = ["get_cpp_backtrace"]
