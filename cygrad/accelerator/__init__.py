"""torch.accelerator: the device that is not the CPU, whatever its kind: here OpenCL's GPUs, called "cuda"."""

import warnings

from .. import _core, _standins, cuda

__all__ = [
    "Graph", "current_accelerator", "current_device_idx", "current_device_index", "current_stream", "device_count",
    "device_index", "empty_cache", "empty_host_cache", "get_device_capability", "get_memory_info", "is_available",
    "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats",
    "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx", "set_device_index", "set_stream",
    "synchronize",
]  # fmt: skip


def is_available():
    """Whether there is an accelerator."""
    return cuda.is_available()


def device_count():
    """How many there are."""
    return cuda.device_count()


def current_accelerator(check_available=False):
    """The device without an index, None where there is none."""
    return _core.device("cuda") if is_available() else None


def _needs(function):
    def checked(*args, **kwargs):
        if not is_available():
            raise RuntimeError("Cannot access accelerator device when none is available.")
        return function(*args, **kwargs)

    checked.__name__ = checked.__qualname__ = function.__name__
    checked.__doc__ = f"As torch.cuda.{function.__name__}; RuntimeError where there is no accelerator."
    return checked


_SAME = (
    "current_stream", "empty_cache", "get_device_capability", "max_memory_allocated", "max_memory_reserved",
    "memory_allocated", "memory_reserved", "memory_stats", "reset_accumulated_memory_stats",
    "reset_peak_memory_stats", "set_stream", "synchronize",
)  # fmt: skip
globals().update({name: _needs(getattr(cuda, name)) for name in _SAME})
current_device_index = _needs(cuda.current_device)
get_memory_info = _needs(cuda.mem_get_info)
set_device_index = _needs(cuda.set_device)


def current_device_idx():
    """The old name of `current_device_index`."""
    warnings.warn("Use `current_device_index` instead.", FutureWarning, stacklevel=2)
    return current_device_index()


def set_device_idx(device):
    """The old name of `set_device_index`."""
    warnings.warn("Use `set_device_index` instead.", FutureWarning, stacklevel=2)
    set_device_index(device)


class device_index:
    """A `with` block in which another device is the current one; None leaves it."""

    def __init__(self, device, /):
        self.idx = device

    def __enter__(self):
        if self.idx is not None:
            self._before = current_device_index()
            set_device_index(self.idx)

    def __exit__(self, *exc):
        if self.idx is not None:
            set_device_index(self._before)


def empty_host_cache():
    """Gives pinned memory back that nothing uses: cygrad keeps none."""
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


Graph = _standins.stand_in("accelerator.Graph()", "work of a device is not recorded to be run again")
