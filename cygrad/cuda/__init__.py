"""torch.cuda: OpenCL GPUs under the name that programs ask for; honest where there is none."""

import warnings

from .. import _core, _standins
from .._fronts import legacy as _legacy
from .._fronts.devices import DeviceFunctions

device_type = "cuda"
functions = DeviceFunctions("cuda", "PyTorch was compiled without CUDA support")
globals().update(functions.published())


def memory_cached(device=None):
    """The old name of `memory_reserved`."""
    _renamed("memory_cached", "memory_reserved")
    return functions.memory_reserved(device)


def max_memory_cached(device=None):
    """The old name of `max_memory_reserved`."""
    _renamed("max_memory_cached", "max_memory_reserved")
    return functions.max_memory_reserved(device)


def _renamed(old, new):
    message = f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`"
    warnings.warn(message, FutureWarning, stacklevel=3)


def reset_max_memory_allocated(device=None):
    """The old name of `reset_peak_memory_stats`."""
    warnings.warn(
        "torch.cuda.reset_max_memory_allocated now calls torch.cuda.reset_peak_memory_stats, which resets "
        "/all/ peak memory stats.",
        FutureWarning,
        stacklevel=2,
    )
    functions.reset_peak_memory_stats(device)


def get_arch_list():
    """The CUDA architectures that kernels were compiled for: none."""
    return []


def get_gencode_flags():
    """The flags that CUDA kernels were compiled with: none."""
    return ""


def is_tf32_supported():
    """Whether products may be rounded to TF32: no."""
    return False


def is_current_stream_capturing():
    """Whether a CUDA graph is being recorded: no."""
    return False


class device_of(functions.device):
    """A `with` block on the device of a tensor; the CPU's leave the current one."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


_DeviceGuard = functions.device


class _TensorType(type):
    """torch.cuda.FloatTensor and its fellows: `isinstance` looks at dtype and device."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _core.Tensor) and instance.is_cuda and instance.dtype is cls.dtype

    def __call__(cls, *args):
        if not functions.is_available():
            name = f"torch.cuda.{cls.__name__}"
            raise TypeError(f"type {name} not available. Torch not compiled with CUDA enabled.")
        return _legacy.TYPES[cls.__name__](*args).cuda()


for _name, _kind in _legacy.TYPES.items():
    globals()[_name] = _TensorType(_name, (), {"dtype": _kind.dtype, "is_cuda": True, "is_sparse": False})
default_generators = ()
has_half, has_magma = True, False


def __getattr__(name):
    if name == "OutOfMemoryError":
        from ..cl import OutOfMemoryError

        return OutOfMemoryError
    if name in ("CUDAGraph", "graph", "make_graphed_callables", "graph_pool_handle"):
        return getattr(_standins.submodule(__name__, "graphs"), name)
    if name == "_initialized":
        return functions.is_initialized()
    return _standins.submodule(__name__, name)
