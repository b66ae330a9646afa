"""Join, for ranks with different numbers of inputs, and communication hooks of DistributedDataParallel."""

from ..._standins import submodule as _submodule
from .join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]


def __getattr__(name):
    return _submodule("distributed.algorithms", name)
