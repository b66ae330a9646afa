"""torch.opencl: OpenCL devices of every type, GPUs first, by the functions of torch.cuda."""

from .._fronts.devices import DeviceFunctions

functions = DeviceFunctions("opencl", "there is no OpenCL device")
globals().update(functions.published())


def __getattr__(name):
    if name == "OutOfMemoryError":
        from ..cl import OutOfMemoryError

        return OutOfMemoryError
    raise AttributeError(f"module 'torch.opencl' has no attribute '{name}'")
