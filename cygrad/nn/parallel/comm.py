"""Copies between devices, one after the other."""

import cygrad

__all__ = ["broadcast", "broadcast_coalesced", "gather", "reduce_add", "reduce_add_coalesced", "scatter"]


def broadcast(tensor, devices=None, *, out=None):
    """The tensor on each device, the first of which has it already; or copied into the tensors `out`."""
    if (devices is None) == (out is None):
        raise RuntimeError(f"Exactly one of 'devices' and 'out' must be specified, but got devices={devices} and "
                           f"out={out}")
    if devices is not None:
        return tuple(tensor.to(device) for device in devices)
    for t in out:
        t.copy_(tensor)
    return tuple(out)


def broadcast_coalesced(tensors, devices, buffer_size=10485760):
    """Several tensors on each device: a list of them for each."""
    return tuple([t.to(device) for t in tensors] for device in devices)


def reduce_add(inputs, destination=None):
    """The sum of one tensor per device, on one of them (by default the first)."""
    inputs = list(inputs)
    destination = inputs[0].device if destination is None else destination
    for i, x in enumerate(inputs):
        if x.shape != inputs[0].shape:
            got, expected = "x".join(map(str, x.shape)), "x".join(map(str, inputs[0].shape))
            raise ValueError(f"input {i} has invalid size: got {got}, but expected {expected}")
    total = inputs[0].to(destination, copy=len(inputs) > 1)
    for x in inputs[1:]:
        total += x.to(destination)
    return total


def reduce_add_coalesced(inputs, destination=None, buffer_size=10485760):
    """`reduce_add` for each place of lists of tensors, one list per device."""
    return tuple(reduce_add(parts, destination) for parts in zip(*inputs, strict=True))


def scatter(tensor, devices=None, chunk_sizes=None, dim=0, streams=None, *, out=None):
    """Pieces of a tensor along a dimension, one on each device; or copied into the tensors `out`."""
    if out is not None:
        if devices is not None:
            raise RuntimeError(f"'devices' must not be specified when 'out' is specified, but got devices={devices}")
        pieces = tensor.split([t.size(dim) for t in out], dim)
        return tuple(t.copy_(piece) for t, piece in zip(out, pieces, strict=True))
    pieces = tensor.chunk(len(devices), dim) if chunk_sizes is None else tensor.split(list(chunk_sizes), dim)
    return tuple(piece.to(device) for piece, device in zip(pieces, devices, strict=False))


def gather(tensors, dim=0, destination=None, *, out=None):
    """Tensors of several devices joined along a dimension, on one device."""
    if out is not None:
        if destination is not None:
            raise RuntimeError(f"'destination' must not be specified when 'out' is specified, but got "
                               f"destination={destination}")
        return out.copy_(gather(tensors, dim, out.device))
    destination = tensors[0].device if destination is None else destination
    return cygrad.cat([t.to(destination) for t in tensors], dim)
