"""Tensors of an OpenCL device, through the host's memory."""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("cpu:gloo,cuda:nccl")
rank, size = dist.get_rank(), dist.get_world_size()
device = torch.device("opencl")
x = torch.full((2, 3), rank + 1.0, device=device).t()
assert dist.all_reduce(x) is None and x.device.type == "opencl"
assert torch.equal(x.cpu(), torch.full((3, 2), float(sum(range(1, size + 1)))))
work = dist.all_reduce(x, async_op=True)
work.wait()
assert (x.cpu() == size * sum(range(1, size + 1))).all()
outputs = [torch.empty(2, device=device) for _ in range(size)]
dist.all_gather(outputs, torch.full((2,), float(rank), device=device))
assert [o[0].item() for o in outputs] == list(range(size))
parts = [torch.full((2,), float(r), device=device) for r in range(size)] if rank == 0 else None
dist.scatter(outputs[0], parts)
assert (outputs[0].cpu() == rank).all()
dist.all_to_all(outputs, [torch.full((2,), float(rank), device=device)] * size)
assert [o[0].item() for o in outputs] == list(range(size))
if size > 1:
    y = torch.empty(3, device=device)
    works = [dist.isend(torch.ones(3, device=device) * rank, 1 - rank), dist.irecv(y, 1 - rank)]
    for work in works:
        work.wait()
    assert (y.cpu() == 1 - rank).all()


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.weight * x


model = DDP(Scale().to(device))
model(torch.full((4,), rank + 1.0, device=device)).sum().backward()
assert torch.allclose(model.module.weight.grad.cpu(), torch.full((4,), sum(range(1, size + 1)) / size))
print("passed", rank, file=sys.stderr)
