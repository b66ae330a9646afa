"""Python's multiprocessing with tensors that travel as shared memory: `torch.multiprocessing`.

A tensor that is sent to another process, or given to one, moves to shared memory, which both then see; the memory is
freed with its last user. `Tensor.share_memory_()` and `Module.share_memory()` do so beforehand.
"""

import multiprocessing
from multiprocessing import *  # noqa: F403

from .. import _shared_memory
from . import reductions
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
    *multiprocessing.__all__,
]

_all_sharing_strategies = {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy):
    """Sets how memory is shared from now on.

    "file_descriptor": files without names, whose descriptors are sent; nothing stays behind however
    processes end, and each shared storage keeps descriptors open. "file_system": named files under
    /dev/shm, which a process that is killed leaves behind.
    """
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(
            f"invalid sharing strategy '{new_strategy}', expected one of {_all_sharing_strategies}"
        )
    _shared_memory.strategy = new_strategy


def get_sharing_strategy():
    """How memory is shared: "file_descriptor" or "file_system"."""
    return _shared_memory.strategy


def get_all_sharing_strategies():
    """The set of names that `set_sharing_strategy` takes."""
    return _all_sharing_strategies


reductions.init_reductions()
