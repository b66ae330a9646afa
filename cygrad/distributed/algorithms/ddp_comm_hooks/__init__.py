"""Communication hooks of DistributedDataParallel: how a bucket of gradients is reduced."""

from ...._standins import submodule as _submodule


def __getattr__(name):
    return _submodule("distributed.algorithms.ddp_comm_hooks", name)
