"""torch.cuda: OpenCL GPUs under the name that programs ask for; honest where there is none."""

import importlib

from .. import _core

device_type = "cuda"


def _backend():
    return _core.backend("cuda")


def is_available():
    """Whether an OpenCL GPU is present (or a device was chosen by CYGRAD_DEVICE)."""
    return device_count() > 0


def device_count():
    return _backend().device_count("cuda")


def _index(device):
    if device is None:
        return _backend().current_device("cuda")
    if isinstance(device, int):
        return device
    return _core.device(device).index or 0


def _code(device):
    return _backend().device_code("cuda", _index(device))


def current_device():
    _code(None)
    return _index(None)


def set_device(device):
    """Makes a device what "cuda" without an index means."""
    _backend().set_device("cuda", _index(device))


def get_device_name(device=None):
    return _backend().device_name(_code(device))


def get_device_properties(device=None):
    return _backend().device_properties(_code(device))


def synchronize(device=None):
    """Waits until the device has done all it was given."""
    _backend().synchronize(_code(device))


def memory_allocated(device=None):
    return _backend().memory_allocated(_code(device)) if is_available() else 0


def memory_reserved(device=None):
    return _backend().memory_reserved(_code(device)) if is_available() else 0


def max_memory_allocated(device=None):
    return _backend().max_memory_allocated(_code(device)) if is_available() else 0


def empty_cache():
    if is_available():
        _backend().empty_cache()


def manual_seed(seed):
    """Seeds the device's generator; without a device it does nothing, as in PyTorch."""


def manual_seed_all(seed):
    """Seeds the generators of all devices; without a device it does nothing, as in PyTorch."""


def is_initialized():
    return _core.backend_loaded()


def init():
    _code(None)


def __getattr__(name):
    if name == "OutOfMemoryError":
        from ..cl import OutOfMemoryError

        return OutOfMemoryError
    if name == "amp":
        return importlib.import_module(".amp", __name__)
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}': cygrad does not have it yet")
