"""Hooks that add the gradients up as they are, or with fewer bits."""

import cygrad

from ... import _checks, _collectives

__all__ = [
    "allreduce_hook",
    "bf16_compress_hook",
    "bf16_compress_wrapper",
    "fp16_compress_hook",
    "fp16_compress_wrapper",
]


def _mean(group, tensor):
    """A future of the mean of the tensors of all ranks, in place."""
    group = _checks.the_group(group)
    tensor.div_(group.size())
    work = _collectives.all_reduce(tensor, group=group, async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


def allreduce_hook(process_group, bucket):
    """The mean of the gradients of all ranks, which is what is done without a hook."""
    return _mean(process_group, bucket.buffer())


def _compress(dtype, process_group, bucket):
    buffer = bucket.buffer()
    future = _mean(process_group, buffer.to(dtype))
    return future.then(lambda done: buffer.copy_(done.value()))


def fp16_compress_hook(process_group, bucket):
    """The mean of the gradients, sent as float16."""
    return _compress(cygrad.float16, process_group, bucket)


def bf16_compress_hook(process_group, bucket):
    """The mean of the gradients, sent as bfloat16."""
    return _compress(cygrad.bfloat16, process_group, bucket)


def _wrapper(dtype, hook):
    def compressed(state, bucket):
        buffer = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))
        return hook(state, bucket).then(lambda done: buffer.copy_(done.value()))

    return compressed


def fp16_compress_wrapper(hook):
    """The hook, which is given the gradients as float16."""
    return _wrapper(cygrad.float16, hook)


def bf16_compress_wrapper(hook):
    """The hook, which is given the gradients as bfloat16."""
    return _wrapper(cygrad.bfloat16, hook)
