"""Data parallelism: over ranks by DistributedDataParallel; DataParallel calls the module on its one device."""

import warnings

import cygrad
from cygrad import Tensor

from ..._standins import submodule as _submodule
from ..module import Module


class DataParallel(Module):
    """Holds ``module`` and calls it on its one device; kept so that checkpoints fit.

    module: a module
    dim: the dimension, counted from the last where it is negative
    """

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


def replicate(network, devices, detach=False):
    """Replicas of a module that share its parameters, one for each device."""
    if len(devices) > 1:
        raise NotImplementedError("replicate onto several devices is not available in cygrad")
    return [network._replicate_for_data_parallel() for _ in devices]


def scatter(inputs, target_gpus, dim=0):
    """Cut every tensor along ``dim`` into one piece for each device."""
    count = len(target_gpus)

    def cut(value):
        if isinstance(value, Tensor):
            pieces = value.chunk(count, dim)
            return [c.to(d) for c, d in zip(pieces, target_gpus, strict=False)]
        if isinstance(value, tuple) and value:
            return list(zip(*map(cut, value), strict=False))
        if isinstance(value, list) and value:
            return [list(part) for part in zip(*map(cut, value), strict=False)]
        if isinstance(value, dict) and value:
            return [type(value)(part) for part in zip(*map(cut, value.items()), strict=False)]
        return [value] * count

    return cut(inputs)


def gather(outputs, target_device, dim=0):
    """Join the outputs of the devices along ``dim`` on one of them."""
    first = outputs[0]
    if isinstance(first, Tensor):
        if first.dim() == 0:
            outputs = [o.reshape(1) for o in outputs]
        return cygrad.cat([o.to(target_device) for o in outputs], dim)
    if first is None:
        return None
    if isinstance(first, dict):
        return type(first)((k, gather([o[k] for o in outputs], target_device, dim)) for k in first)
    return type(first)(
        gather(list(parts), target_device, dim) for parts in zip(*outputs, strict=True)
    )


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The modules called one after the other on their inputs."""
    kwargs_tup = ({},) * len(modules) if kwargs_tup is None else kwargs_tup
    return [
        m(*(x if isinstance(x, (list, tuple)) else (x,)), **k)
        for m, x, k in zip(modules, inputs, kwargs_tup, strict=False)
    ]


def __getattr__(name):  # it brings torch.distributed, which few programs need
    if name == "DistributedDataParallel":
        from .distributed import DistributedDataParallel

        return DistributedDataParallel
    return _submodule("nn.parallel", name)
