"""DataParallel, which calls its module on one device."""

import warnings

import cygrad

from ..module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Holds ``module`` and calls it on its one device; kept so that checkpoints fit."""

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        ids = [] if device_ids is None else list(device_ids)
        if len(ids) > 1 and cygrad.cuda.device_count() > 1:
            warnings.warn(
                "cygrad runs DataParallel on the first of the given devices only", stacklevel=2
            )
        self.module = module
        self.dim = dim
        self.device_ids = ids
        self.output_device = output_device

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    def replicate(self, module, device_ids):
        """One replica for each device, which may only be one."""
        return replicate(module, device_ids)

    def scatter(self, inputs, kwargs, device_ids):
        """The inputs, cut for the devices, of which there may only be one."""
        return scatter(inputs, device_ids, self.dim), scatter(kwargs, device_ids, self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """The outputs of the replicas."""
        return parallel_apply(replicas, inputs, kwargs)

    def gather(self, outputs, output_device):
        """The outputs on one device."""
        return gather(outputs, output_device, self.dim)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call ``module`` on its one device."""
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
