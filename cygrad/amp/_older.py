"""The classes of torch.cpu.amp and torch.cuda.amp: those of torch.amp for one type of device, with a warning."""

import warnings

import cygrad
from cygrad import amp


def _warn(old, new):
    warnings.warn(
        f"`{old}` is deprecated. Please use `{new}` instead.", FutureWarning, stacklevel=3
    )


def classes(device_type, default_dtype):
    """(autocast, GradScaler) of the type of device."""
    module = f"torch.{device_type}.amp"

    class autocast(amp.autocast):
        """`torch.amp.autocast` for one type of device."""

        def __init__(self, enabled=True, dtype=default_dtype, cache_enabled=True):
            _warn(f"{module}.autocast(args...)", f"torch.amp.autocast('{device_type}', args...)")
            super().__init__(device_type, enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)

    class GradScaler(amp.GradScaler):
        """`torch.amp.GradScaler` for one type of device."""

        def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
                     enabled=True):  # fmt: skip
            _warn(
                f"{module}.GradScaler(args...)", f"torch.amp.GradScaler('{device_type}', args...)"
            )
            super().__init__(
                device_type, init_scale, growth_factor, backoff_factor, growth_interval, enabled
            )

    return autocast, GradScaler


def _decorator(name):
    def older(function=None, **kwargs):
        """The decorator of torch.amp for CUDA devices."""
        _warn(f"torch.cuda.amp.{name}(args...)", f"torch.amp.{name}(args..., device_type='cuda')")
        return getattr(amp, name)(function, device_type="cuda", **kwargs)

    older.__name__ = older.__qualname__ = name
    return older


custom_fwd, custom_bwd = _decorator("custom_fwd"), _decorator("custom_bwd")
cpu_autocast, CpuGradScaler = classes("cpu", cygrad.bfloat16)
cuda_autocast, CudaGradScaler = classes("cuda", cygrad.float16)
