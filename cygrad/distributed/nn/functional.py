"""Collectives that gradients flow through: the backward pass of each is the collective that sends the other way."""

import cygrad

from ...autograd import Function
from .. import _checks, _collectives
from .._types import ReduceOp

__all__ = [
    "all_gather",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "broadcast",
    "gather",
    "reduce",
    "reduce_scatter",
    "scatter",
]


class _AllReduce(Function):
    @staticmethod
    def forward(ctx, op, group, tensor):
        ctx.op, ctx.group = op, group
        result = tensor.clone()
        _collectives.all_reduce(result, op, group)
        return result

    @staticmethod
    def backward(ctx, grad):
        return None, None, _AllReduce.apply(ctx.op, ctx.group, grad)


class _AllToAll(Function):
    """Tensors to all ranks, as many as there are; what comes has the shapes of `outputs`."""

    @staticmethod
    def forward(ctx, group, shapes, *tensors):
        ctx.group, ctx.shapes = group, [t.shape for t in tensors]
        outputs = [cygrad.empty(s, dtype=tensors[0].dtype, device=tensors[0].device) for s in shapes]
        _collectives.all_to_all(outputs, list(tensors), group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        return None, None, *_AllToAll.apply(ctx.group, ctx.shapes, *[g.contiguous() for g in grads])


class _AllGather(Function):
    @staticmethod
    def forward(ctx, group, tensor):
        ctx.group = group
        outputs = [cygrad.empty_like(tensor) for _ in range(group.size())]
        _collectives.all_gather(outputs, tensor, group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        return None, _ReduceScatter.apply(ReduceOp.SUM, ctx.group, *grads)


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx, op, group, *tensors):
        ctx.group = group
        output = cygrad.empty_like(tensors[group.rank()])
        _collectives.reduce_scatter(output, list(tensors), op, group)
        return output

    @staticmethod
    def backward(ctx, grad):
        return None, None, *_AllGather.apply(ctx.group, grad)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx, src, group, tensor):
        ctx.src, ctx.group = src, group
        result = tensor.clone()
        _collectives.broadcast(result, src, group)
        return result

    @staticmethod
    def backward(ctx, grad):
        return None, None, _Reduce.apply(ctx.src, ReduceOp.SUM, ctx.group, grad)


class _Reduce(Function):
    """The sum on one rank; the others get zeros."""

    @staticmethod
    def forward(ctx, dst, op, group, tensor):
        ctx.dst, ctx.group = dst, group
        result = tensor.clone()
        _collectives.reduce(result, dst, op, group)
        if group.rank() != _checks.place(group, dst, None):
            result.zero_()
        return result

    @staticmethod
    def backward(ctx, grad):
        return None, None, None, _Broadcast.apply(ctx.dst, ctx.group, grad)


class _Gather(Function):
    """All tensors on one rank; the others get zeros."""

    @staticmethod
    def forward(ctx, dst, group, tensor):
        ctx.dst, ctx.group = dst, group
        outputs = [cygrad.zeros_like(tensor) for _ in range(group.size())]
        mine = group.rank() == _checks.place(group, dst, None)
        _collectives.gather(tensor, outputs if mine else None, dst, group)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        return None, None, _Scatter.apply(ctx.dst, ctx.group, *grads)


class _Scatter(Function):
    @staticmethod
    def forward(ctx, src, group, *tensors):
        ctx.src, ctx.group = src, group
        output = cygrad.empty_like(tensors[0])
        mine = group.rank() == _checks.place(group, src, None)
        _collectives.scatter(output, list(tensors) if mine else None, src, group)
        return output

    @staticmethod
    def backward(ctx, grad):
        return None, None, *_Gather.apply(ctx.src, ctx.group, grad)


def _contiguous(tensors):
    return [t.contiguous() for t in tensors]


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """The combination of the tensors of all ranks."""
    return _AllReduce.apply(op, _checks.the_group(group), tensor)


def all_gather(tensor, group=None):
    """The tensors of all ranks."""
    return _AllGather.apply(_checks.the_group(group), tensor.contiguous())


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """The combination of the tensors of this rank's place."""
    return _ReduceScatter.apply(op, _checks.the_group(group), *_contiguous(input_list))


def broadcast(tensor, src, group=None):
    """The tensor of `src`."""
    return _Broadcast.apply(src, _checks.the_group(group), tensor)


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """The combination of the tensors on `dst`, zeros on the others."""
    return _Reduce.apply(dst, op, _checks.the_group(group), tensor)


def gather(tensor, dst=0, group=None):
    """The tensors of all ranks on `dst`, zeros on the others."""
    return _Gather.apply(dst, _checks.the_group(group), tensor.contiguous())


def scatter(tensors, src=0, group=None):
    """This rank's tensor of those of `src`."""
    return _Scatter.apply(src, _checks.the_group(group), *_contiguous(tensors))


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """What each rank sends to this one."""
    shapes = [t.shape for t in output_tensor_list]
    return _AllToAll.apply(_checks.the_group(group), shapes, *_contiguous(input_tensor_list))


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None):
    """As `all_to_all`, of parts of the first dimension, joined."""
    group = _checks.the_group(group)
    size = group.size()
    sent = input.split(input_split_sizes or input.shape[0] // size)
    shapes = [t.shape for t in output.split(output_split_sizes or output.shape[0] // size)]
    return cygrad.cat(_AllToAll.apply(group, shapes, *_contiguous(sent)))
