"""Cutting arguments for devices, and joining results."""

import cygrad
from cygrad import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


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


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """The arguments by position and by name, cut for each device and filled up to the same number."""
    inputs = scatter(inputs, target_gpus, dim) if inputs else []
    kwargs = scatter(kwargs, target_gpus, dim) if kwargs else []
    inputs += [()] * (len(kwargs) - len(inputs))
    kwargs += [{}] * (len(inputs) - len(kwargs))
    return tuple(inputs), tuple(kwargs)


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
