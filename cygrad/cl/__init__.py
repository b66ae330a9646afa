"""OpenCL devices: what the core and the operators call for tensors that live on one.

Importing this module does not need OpenCL; the first use of a device does.
"""

import time

from cygrad._devices import primitives
from cygrad.cl import (
    _launch,
    _rows,
    conv,
    distance,
    gemm as _gemm,
    index,
    norm,
    optim,
    pool,
    random as _random,
    scan as _scan,
    sequence as _sequence,
    softmax as _softmax,
    sort as _sort,
)
from cygrad.cl._launch import OutOfMemoryError
from cygrad.cl._strict import strict

__all__ = [
    "OutOfMemoryError", "current_device", "device_code", "device_count", "device_name", "device_properties",
    "empty_cache", "is_available", "max_memory_allocated", "max_memory_reserved", "memory_allocated",
    "memory_limit", "memory_reserved", "reset_peak_memory_stats", "set_device", "set_memory_limit",
    "start_profile", "stop_profile", "strict", "synchronize",
]  # fmt: skip

# The column of the primitives: each module has those of its family, under their names.
for _module in (_launch, _rows, conv, distance, _gemm, index, norm, optim, pool, _random, _scan, _sequence, _softmax,
                _sort):
    globals().update({name: getattr(_module, name) for name in primitives.NAMES if hasattr(_module, name)})

_current = {"opencl": 0, "cuda": 0}


def _found(kind):
    from . import _device

    devices, gpus = _device.found()
    return devices[:gpus] if kind == "cuda" else devices


def device_count(kind="opencl"):
    """How many devices "opencl" or "cuda" has; 0 where there is no OpenCL.

    "cuda" counts the OpenCL GPUs, or the devices that the environment variable CYGRAD_DEVICE names.
    """
    try:
        return len(_found(kind))
    except RuntimeError:
        return 0


def is_available(kind="cuda"):
    """Whether there is a device of this spelling."""
    return device_count(kind) > 0


def device_code(kind, index=None):
    """The core's number for a device: 1 + i for "opencl:i", 17 + i for "cuda:i"."""
    if kind == "cuda" and not device_count("cuda"):
        raise AssertionError("Torch not compiled with CUDA enabled")
    count = len(_found(kind))
    if index is None:
        index = _current[kind]
    if not 0 <= index < count:
        raise RuntimeError(f"{kind}:{index}: invalid device ordinal, there {'is' if count == 1 else 'are'} {count}")
    return index + (17 if kind == "cuda" else 1)


def current_device(kind="cuda"):
    """The index that "cuda" or "opencl" without one means."""
    return _current[kind]


def set_device(kind, index):
    """Makes `index` what "cuda" or "opencl" without an index means."""
    device_code(kind, index)
    _current[kind] = index


def device_properties(dev):
    """What the driver says of a device: a pyopencl device, with its attributes."""
    from . import _device

    return _device.found()[0][(dev - 1) % 16]


def device_name(dev):
    return device_properties(dev).name


def synchronize(dev):
    """Waits until the device has done all its work."""
    _launch.device(dev).finish()


def memory_allocated(dev):
    """Bytes in live tensors, in blocks of 512."""
    return _launch.device(dev).allocated


def max_memory_allocated(dev):
    """The most that `memory_allocated` was since the start or the last `reset_peak_memory_stats`."""
    return _launch.device(dev).max_allocated


def memory_reserved(dev):
    """Bytes held from the driver: in tensors, or kept for the next ones."""
    return _launch.device(dev).reserved


def max_memory_reserved(dev):
    return _launch.device(dev).max_reserved


def reset_peak_memory_stats(dev):
    device = _launch.device(dev)
    device.max_allocated, device.max_reserved = device.allocated, device.reserved


def memory_limit(dev):
    """The bytes that this process may take from the driver."""
    return _launch.device(dev).limit


def set_memory_limit(dev, nbytes):
    _launch.device(dev).limit = nbytes


def empty_cache():
    """Gives the unused blocks of all devices back to their drivers."""
    for device in _launch.opened():
        device.empty_cache()


def start_profile(clock=time.perf_counter_ns):
    """Every device records its kernels and copies from now on, also one that is opened later.  clock() is the host's
    time in ns."""
    from . import _device

    _device.clock = clock
    for device in _launch.opened():
        _device.start_profile(device)


def stop_profile():
    """{device code: [(name, start, end)]} since `start_profile`, in the clock's ns."""
    from . import _device

    _device.clock = None
    return {device.index + 1: device.stop_profile() for device in _launch.opened() if device.profiling}


__getattr__ = primitives.lacking("OpenCL")
