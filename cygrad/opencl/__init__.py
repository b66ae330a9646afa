"""torch.opencl: OpenCL devices of every type, GPUs first, by the functions of torch.cuda."""

from .._devices.host import operators as host_operators
from .._fronts.devices import DeviceFunctions

__all__ = ["functions", "host_operators", "strict"]

functions = DeviceFunctions("opencl", "there is no OpenCL device")
globals().update(functions.published())


def __getattr__(name):
    if name == "OutOfMemoryError":
        from ..cl import OutOfMemoryError

        return OutOfMemoryError
    if name == "strict":
        from ..cl._strict import strict

        return strict
    raise AttributeError(f"module 'torch.opencl' has no attribute '{name}'")
