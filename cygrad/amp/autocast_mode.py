"""Regions in which operators choose the precision that they compute in (`_dispatch.pyx` casts their arguments)."""

import functools
import warnings

import cygrad
from cygrad import Tensor, _dispatch

from . import _lists

_CASTS_DOWN_TO = (cygrad.bfloat16, cygrad.float16)
_dispatch.set_policy(_lists.policy)


def _kind(device_type):
    """0 for the CPU, 1 for other devices; RuntimeError for what is no device type."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return 0 if cygrad.device(device_type).type == "cpu" else 1


def is_autocast_available(device_type):
    """Whether there is autocast for the type of device: "cpu", "cuda" or "opencl"."""
    _kind(device_type)
    return device_type.partition(":")[0] in ("cpu", "cuda", "opencl")


class autocast:
    """A context, or a decorator, in which operators cast their arguments as the lists of `torch.amp` say.

    Products are computed in `dtype` (by default bfloat16 on the CPU, float16 elsewhere), losses and
    what else needs the range in float32.  With `cache_enabled` a weight is cast once.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        self._kind = _kind(device_type)
        self.device = cygrad.device(device_type).type
        if not is_autocast_available(self.device):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{self.device}'"
            )
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = (
            _dispatch.get_autocast_cache() if cache_enabled is None else cache_enabled
        )
        self._enabled = bool(enabled)
        if not enabled:
            return
        if self.device == "cuda" and not cygrad.cuda.is_available():
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2
            )
            self._enabled = False
        elif self.device == "cpu" and self.fast_dtype not in _CASTS_DOWN_TO:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            self._enabled = False

    def __enter__(self):
        self._before = (*_dispatch.get_autocast(self._kind), _dispatch.get_autocast_cache())
        self._inside = _dispatch.set_autocast_inside(False)
        _dispatch.set_autocast(self._kind, self._enabled, self.fast_dtype)
        _dispatch.set_autocast_cache(self._cache_enabled)
        _dispatch.add_autocast_depth(1)
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if _dispatch.add_autocast_depth(-1) == 0:
            _dispatch.clear_autocast_cache()
        enabled, dtype, cache = self._before
        _dispatch.set_autocast(self._kind, enabled, dtype)
        _dispatch.set_autocast_cache(cache)
        _dispatch.set_autocast_inside(self._inside)
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def decorated(*args, **kwargs):
            with autocast(self.device, self.fast_dtype, self._enabled, self._cache_enabled):
                return function(*args, **kwargs)

        return decorated


def autocast_decorator(autocast_instance, func):
    """The function, run inside an `autocast`."""
    return autocast_instance(func)


# ---- the state of the thread, one setting at a time


def is_autocast_enabled(device_type="cuda"):
    """Whether autocast is on for the type of device in this thread."""
    return _dispatch.get_autocast(_kind(device_type))[0]


def set_autocast_enabled(device_type, enabled):
    """Turns autocast on or off for the type of device in this thread."""
    _dispatch.set_autocast(_kind(device_type), enabled)


def get_autocast_dtype(device_type):
    """The dtype that autocast computes products in on the type of device."""
    return _dispatch.get_autocast(_kind(device_type))[1]


def set_autocast_dtype(device_type, dtype):
    """Sets what `get_autocast_dtype` returns."""
    kind = _kind(device_type)
    _dispatch.set_autocast(kind, _dispatch.get_autocast(kind)[0], dtype)


def is_autocast_cache_enabled():
    """Whether a weight is cast once in an autocast region."""
    return _dispatch.get_autocast_cache()


def set_autocast_cache_enabled(enabled):
    """Sets what `is_autocast_cache_enabled` returns."""
    _dispatch.set_autocast_cache(enabled)


def clear_autocast_cache():
    """Forgets the weights that were cast."""
    _dispatch.clear_autocast_cache()


def autocast_increment_nesting():
    """Counts one more autocast region; returns how many there are."""
    return _dispatch.add_autocast_depth(1)


def autocast_decrement_nesting():
    """Counts one autocast region less; returns how many there are."""
    return _dispatch.add_autocast_depth(-1)


def _of_device(name, spelled, device_type, function):
    """The older function for one type of device, which warns."""

    def older(*args):
        warnings.warn(
            f"torch.{name}() is deprecated. Please use torch.{spelled}('{device_type}') instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return function(device_type, *args)

    older.__name__ = older.__qualname__ = name
    return older


get_autocast_cpu_dtype = _of_device(
    "get_autocast_cpu_dtype", "get_autocast_dtype", "cpu", get_autocast_dtype
)
get_autocast_gpu_dtype = _of_device(
    "get_autocast_gpu_dtype", "get_autocast_dtype", "cuda", get_autocast_dtype
)
set_autocast_cpu_dtype = _of_device(
    "set_autocast_cpu_dtype", "set_autocast_dtype", "cpu", set_autocast_dtype
)
set_autocast_gpu_dtype = _of_device(
    "set_autocast_gpu_dtype", "set_autocast_dtype", "cuda", set_autocast_dtype
)
is_autocast_cpu_enabled = _of_device(
    "is_autocast_cpu_enabled", "is_autocast_enabled", "cpu", is_autocast_enabled
)
set_autocast_cpu_enabled = _of_device(
    "set_autocast_cpu_enabled", "set_autocast_enabled", "cpu", set_autocast_enabled
)


# ---- autograd.Function


def _cast(value, device_type, dtype):
    if isinstance(value, Tensor):
        of_device = value.device.type == device_type
        eligible = value.is_floating_point() and of_device and value.dtype is not cygrad.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, dict):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        values = [_cast(v, device_type, dtype) for v in value]
        return type(value)(*values) if hasattr(value, "_fields") else type(value)(values)
    return value


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """A decorator of the forward of an autograd.Function.

    It remembers the state of autocast for `custom_bwd`. With `cast_inputs` floating point arguments
    are cast to that dtype, where autocast is on, and the forward runs without autocast.
    """
    _kind(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(ctx, *args, **kwargs):
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if not on or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args, kwargs = (
                _cast(args, device_type, cast_inputs),
                _cast(kwargs, device_type, cast_inputs),
            )
            return fwd(ctx, *args, **kwargs)

    return decorated


def custom_bwd(bwd=None, *, device_type):
    """A decorator of the backward of an autograd.Function: autocast is as it was in the forward."""
    _kind(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(ctx, *args, **kwargs):
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return decorated
