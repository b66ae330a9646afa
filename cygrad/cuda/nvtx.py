"""torch.cuda.nvtx: marks for Nvidia's profiler. There is none to see them, so they do nothing."""

import contextlib
import threading

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]
_thread = threading.local()


def range_push(msg):
    """Opens a range; returns how deep it lies, from 0."""
    _thread.depth = getattr(_thread, "depth", 0) + 1
    return _thread.depth - 1


def range_pop():
    """Closes the innermost range; returns how deep it lay."""
    _thread.depth = max(getattr(_thread, "depth", 0) - 1, -1)
    return _thread.depth


def range_start(msg):
    """Opens a range of the process; returns what closes it."""
    return 0


def range_end(range_id):
    """Closes a range of the process."""


def mark(msg):
    """Marks a point."""


@contextlib.contextmanager
def range(msg, *args, **kwargs):  # noqa: A001 - PyTorch's name
    """A context, or a decorator, inside a range."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
