"""torch.cpu: the questions that programs ask of any type of device, answered for the CPU."""

import contextlib

from . import amp

__all__ = [
    "amp",
    "current_device",
    "device_count",
    "is_available",
    "set_device",
    "stream",
    "synchronize",
]


def is_available():
    """True."""
    return True


def device_count():
    """1."""
    return 1


def current_device():
    """ "cpu"."""
    return "cpu"


def set_device(device):
    """Does nothing: there is one."""


def synchronize(device=None):
    """Does nothing: operators on the CPU return when they are done."""


def stream(stream):
    """A context that does nothing: the CPU has no streams."""
    return contextlib.nullcontext(stream)
