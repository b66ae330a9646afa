"""torch.cuda: OpenCL GPUs under the name that programs ask for; honest where there is none."""

# ruff: noqa: F401

import collections
import warnings

from .. import _core, _standins
from .._fronts import legacy as _legacy
from .._operators import generators as _generators
from ._device import backend as _backend, code_of as _code_of, index_of as _index_of
from .streams import (
    Event,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    set_stream,
    stream,
)

device_type = "cuda"


def is_available():
    """Whether an OpenCL GPU is present (or a device was chosen by CYGRAD_DEVICE)."""
    return device_count() > 0


def device_count():
    return _backend().device_count("cuda")


def current_device():
    _code_of(None)
    return _index_of(None)


def set_device(device):
    """Makes a device what "cuda" without an index means."""
    _backend().set_device("cuda", _index_of(device))


def get_device_name(device=None):
    return _backend().device_name(_code_of(device))


def get_device_properties(device=None):
    return _backend().device_properties(_code_of(device))


def synchronize(device=None):
    """Waits until the device has done all it was given."""
    _backend().synchronize(_code_of(device))


def memory_allocated(device=None):
    return _backend().memory_allocated(_code_of(device)) if is_available() else 0


def memory_reserved(device=None):
    return _backend().memory_reserved(_code_of(device)) if is_available() else 0


def max_memory_allocated(device=None):
    return _backend().max_memory_allocated(_code_of(device)) if is_available() else 0


def empty_cache():
    if is_available():
        _backend().empty_cache()


def max_memory_reserved(device=None):
    return _backend().max_memory_reserved(_code_of(device)) if is_available() else 0


def memory_cached(device=None):
    """The old name of `memory_reserved`."""
    _renamed("memory_cached", "memory_reserved")
    return memory_reserved(device)


def max_memory_cached(device=None):
    """The old name of `max_memory_reserved`."""
    _renamed("max_memory_cached", "max_memory_reserved")
    return max_memory_reserved(device)


def _renamed(old, new):
    message = f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`"
    warnings.warn(message, FutureWarning, stacklevel=3)


def reset_peak_memory_stats(device=None):
    """Starts `max_memory_allocated` and `max_memory_reserved` anew."""
    _backend().reset_peak_memory_stats(_code_of(device))


def reset_max_memory_allocated(device=None):
    """The old name of `reset_peak_memory_stats`."""
    warnings.warn(
        "torch.cuda.reset_max_memory_allocated now calls torch.cuda.reset_peak_memory_stats, which resets "
        "/all/ peak memory stats.",
        FutureWarning,
        stacklevel=2,
    )
    reset_peak_memory_stats(device)


def reset_accumulated_memory_stats(device=None):
    """Nothing is accumulated."""
    _code_of(device)


def memory_stats(device=None):
    """The figures of the memory by PyTorch's names, as far as they are kept; empty where there is no device."""
    if not is_available():
        return collections.OrderedDict()
    figures = {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": max_memory_allocated(device),
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": max_memory_reserved(device),
    }
    return collections.OrderedDict(figures)


def memory_summary(device=None, abbreviated=False):
    """The figures of `memory_stats` as lines of text."""
    _code_of(device)
    return "".join(f"{name:<32}{value:>16}\n" for name, value in memory_stats(device).items())


def mem_get_info(device=None):
    """(free, total) bytes of a device, as far as this process knows."""
    total = get_device_properties(device).global_mem_size
    return total - memory_reserved(device), total


def get_device_capability(device=None):
    """(0, 0): an OpenCL device has no version of CUDA's."""
    _code_of(device)
    return 0, 0


def get_arch_list():
    """The CUDA architectures that kernels were compiled for: none."""
    return []


def get_gencode_flags():
    """The flags that CUDA kernels were compiled with: none."""
    return ""


def is_bf16_supported(including_emulation=True):
    """Whether bfloat16 tensors work on the device."""
    return is_available()


def is_tf32_supported():
    """Whether products may be rounded to TF32: no."""
    return False


def is_current_stream_capturing():
    """Whether a CUDA graph is being recorded: no."""
    return False


def can_device_access_peer(device, peer_device):
    """Whether a device reads another's memory: no."""
    _code_of(device), _code_of(peer_device)
    return False


def ipc_collect():
    """Nothing is shared between processes."""
    _code_of(None)


def _generator(device="cuda"):
    """The default generator of a device."""
    return _generators.default_for(_code_of(device))


def manual_seed(seed):
    """Seeds the current device's generator; without a device it does nothing, as in PyTorch."""
    if is_available():
        _generator().manual_seed(int(seed))


def manual_seed_all(seed):
    """Seeds the generators of all devices; without a device it does nothing, as in PyTorch."""
    for i in range(device_count()):
        _generator(i).manual_seed(int(seed))


def seed():
    """As `manual_seed`, from the operating system; without a device it does nothing."""
    if is_available():
        _generator().seed()


def seed_all():
    """As `manual_seed_all`, from the operating system; without a device it does nothing."""
    for i in range(device_count()):
        manual_seed_all(_generator(i).seed())
        break


def initial_seed():
    """The seed of the current device's generator."""
    return _generator().initial_seed()


def get_rng_state(device="cuda"):
    """The state of a device's generator: 16 bytes, its seed and its offset."""
    return _generator(device).get_state()


def set_rng_state(new_state, device="cuda"):
    """Sets the state of the device's generator; without a device it does nothing, as in PyTorch."""
    if is_available():
        _generator(device).set_state(new_state)


def get_rng_state_all():
    """The states of the devices' generators."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state_all(new_states):
    """Sets the states of the devices' generators."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


def is_initialized():
    return is_available() and _core.backend_loaded()


def init():
    _code_of(None)


class device:
    """A `with` block in which another device is the current one; None or a negative index leaves it."""

    def __init__(self, device):
        self.idx = -1 if device is None else _index_of(device)

    def __enter__(self):
        if self.idx >= 0:
            if not is_available():
                raise RuntimeError("PyTorch was compiled without CUDA support")
            self._before = current_device()
            set_device(self.idx)

    def __exit__(self, *exc):
        if self.idx >= 0:
            set_device(self._before)


class device_of(device):
    """A `with` block on the device of a tensor; the CPU's leave the current one."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


_DeviceGuard = device


class _TensorType(type):
    """torch.cuda.FloatTensor and its fellows: `isinstance` looks at dtype and device."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _core.Tensor) and instance.is_cuda and instance.dtype is cls.dtype

    def __call__(cls, *args):
        if not is_available():
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
    return _standins.submodule(__name__, name)
