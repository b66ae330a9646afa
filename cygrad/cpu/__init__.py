"""torch.cpu: the CPU in the words of torch.cuda."""

import contextlib

from .. import _standins
from .._standins import answer
from . import amp

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "is_available",
    "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip

is_available = is_initialized = answer(True)
device_count = answer(1)
current_device = answer("cpu")
set_device = synchronize = answer(None)


class Stream:
    """The CPU's only stream: work is done when a call returns."""

    def __init__(self, priority=-1):
        pass

    def wait_stream(self, stream):
        """Nothing is ever waiting."""

    def record_event(self):
        """Nothing is ever waiting."""

    def wait_event(self, event):
        """Nothing is ever waiting."""


class Event:
    """A point in the work of the CPU."""

    def query(self):
        return True

    def record(self, stream=None):
        """Nothing is ever waiting."""

    def synchronize(self):
        """Nothing is ever waiting."""

    def wait(self, stream=None):
        """Nothing is ever waiting."""


_only = Stream()
current_stream = answer(_only)


class StreamContext(contextlib.nullcontext):
    """A `with` block on a stream: it changes nothing."""


def stream(stream):
    """A `with` block on a stream."""
    return StreamContext()


def __getattr__(name):
    return _standins.submodule(__name__, name)
