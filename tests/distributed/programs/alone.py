"""A world of one, which no mpiexec started; and arguments that are wrong."""

import datetime
import os
import sys

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data.distributed import DistributedSampler

assert dist.is_available() and dist.is_mpi_available() and not dist.is_nccl_available()
assert not dist.is_initialized() and "mpi4py" not in sys.modules
x = torch.ones(3)


def refused(error, text, function, *args, **kw):
    with pytest.raises(error) as raised:
        function(*args, **kw)
    assert str(raised.value) == text, str(raised.value)


nothing = "Default process group has not been initialized, please make sure to call init_process_group."
for function in (dist.get_rank, dist.get_world_size, dist.get_backend, dist.barrier, dist.new_group):
    refused(ValueError, nothing, function)
refused(ValueError, nothing, dist.all_reduce, x)
refused(AssertionError, "Process group cannot be None", dist.destroy_process_group)
env = "Error initializing torch.distributed using env:// rendezvous: environment variable {} expected, but not set"
os.environ["RANK"] = "0"
refused(ValueError, env.format("WORLD_SIZE"), dist.init_process_group, "gloo")
os.environ["WORLD_SIZE"] = "1"
refused(ValueError, env.format("MASTER_ADDR"), dist.init_process_group, "gloo")
del os.environ["RANK"], os.environ["WORLD_SIZE"]
refused(
    ValueError, "Error initializing torch.distributed using file:// rendezvous: rank parameter missing",
    dist.init_process_group, "gloo", init_method="file:///tmp/x",
)  # fmt: skip
refused(RuntimeError, "No rendezvous handler for foo://", dist.init_process_group, "gloo", init_method="foo://x")
refused(
    TypeError, "Expected timeout argument to be of type datetime.timedelta, got 3",
    dist.init_process_group, "gloo", timeout=3,
)  # fmt: skip

dist.init_process_group("nccl", timeout=datetime.timedelta(seconds=20))
assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "nccl")
refused(ValueError, "trying to initialize the default process group twice!", dist.init_process_group, "gloo")
dist.all_reduce(x, op=dist.ReduceOp.AVG)
not_tensor = "Invalid function argument. Expected parameter `{}` of type {}\n             but got <class 'int'> instead."
refused(TypeError, not_tensor.format("tensor", "torch.Tensor"), dist.all_reduce, 3)
refused(TypeError, not_tensor.format("tensor_list", "List[torch.Tensor]"), dist.all_gather, 3, x)
refused(
    ValueError, "all_reduce does not support RedOpType.MAX on complex tensors",
    dist.all_reduce, torch.ones(1, dtype=torch.complex64), dist.ReduceOp.MAX,
)  # fmt: skip
refused(RuntimeError, "Cannot use ReduceOp.BAND with non-integral dtype", dist.all_reduce, x, dist.ReduceOp.BAND)
refused(
    RuntimeError, "result type Float can't be cast to the desired output type Long",
    dist.all_reduce, torch.tensor([1]), dist.ReduceOp.AVG,
)  # fmt: skip
refused(ValueError, "Must specify global_rank or group_rank", dist.broadcast, x)
refused(ValueError, "Can't specify both group_rank and global_rank", dist.broadcast, x, 0, group_src=0)
refused(ValueError, "Argument ``scatter_list`` must be specified on source rank.", dist.scatter, x, None, 0)
refused(ValueError, "Argument ``gather_list`` must be specified on destination rank.", dist.gather, x, None, 0)
refused(RuntimeError, "invalid input tensor list size, must be world size", dist.reduce_scatter, x, [x, x])
refused(RuntimeError, "Split sizes doesn't match total dim 0 size", dist.all_to_all_single, x.clone(), x, [2], [3])
refused(RuntimeError, "Number of tensor splits not equal to group size", dist.all_to_all_single, x, x, [2, 1], [3])
refused(
    ValueError,
    "Invalid destination rank: destination rank should not be the same as the rank of the current process.",
    dist.send, x, 0,
)  # fmt: skip
refused(
    ValueError, "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or ``torch.distributed.irecv``.",
    dist.P2POp, dist.send, x, 0,
)  # fmt: skip
refused(ValueError, "Rank 5 is out of range. Valid ranks are 0 to 0 (world_size=1)", dist.new_group, [5])
refused(ValueError, "ranks list must not contain duplicate entries, got [0, 0]", dist.new_group, [0, 0])
refused(ValueError, "The arg 'group_size' (2) must not exceed the world size (1)", dist.new_subgroups, 2)
refused(
    RuntimeError, "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient.",
    DDP, nn.ReLU(),
)  # fmt: skip
refused(ValueError, "device_ids can only be None or contain a single element.", DDP, nn.Linear(1, 1), device_ids=[0, 1])
refused(TypeError, "Communication hook must be callable.", DDP(nn.Linear(1, 1)).register_comm_hook, None, 3)
with pytest.raises(NotImplementedError, match="^torch.distributed.rpc.init_rpc is not in cygrad: "):
    dist.rpc.init_rpc("worker")
with pytest.raises(NotImplementedError, match="^torch.distributed.fsdp.FullyShardedDataParallel is not in cygrad: "):
    dist.fsdp.FullyShardedDataParallel(nn.Linear(1, 1))
model = DDP(nn.Linear(2, 2))
assert repr(model).startswith("DistributedDataParallel(\n  (module): Linear(")
model(torch.ones(1, 2)).sum().backward()
assert len(DistributedSampler(range(5))) == 5
dist.destroy_process_group()
print("passed", file=sys.stderr)
