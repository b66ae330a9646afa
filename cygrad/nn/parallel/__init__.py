"""Data parallelism: over ranks by DistributedDataParallel; DataParallel calls the module on its one device."""

from ..._standins import submodule as _submodule
from . import comm
from .data_parallel import DataParallel, data_parallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

__all__ = ["DataParallel", "DistributedDataParallel", "comm", "data_parallel", "gather", "parallel_apply", "replicate",
           "scatter"]  # fmt: skip


def __getattr__(name):  # it brings torch.distributed, which few programs need
    if name == "DistributedDataParallel":
        from .distributed import DistributedDataParallel

        return DistributedDataParallel
    return _submodule("nn.parallel", name)
