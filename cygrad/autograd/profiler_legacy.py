"""The profiler's older form: the same events."""

import warnings

from . import profiler as _profiler

__all__ = ["profile"]


class profile(_profiler.profile):
    """Deprecated: use `torch.profiler`."""

    def __init__(self, enabled=True, *, use_cuda=False, record_shapes=False, with_flops=False, profile_memory=False,
                 with_stack=False, with_modules=False):  # fmt: skip
        warnings.warn("`torch.autograd.profiler_legacy.profile` is deprecated and will be removed in a future release. "
                      "Please use `torch.profiler` instead.", FutureWarning, stacklevel=2)  # fmt: skip
        super().__init__(enabled, record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory,
                         with_stack=with_stack, with_modules=with_modules)
