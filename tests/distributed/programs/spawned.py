"""Ranks that torch.multiprocessing started, as "Getting started with DDP" does."""

import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.optim as optim
from torch.nn.parallel import DistributedDataParallel as DDP


def setup(rank, world_size):
    if sys.argv[1] in ("tcp", "file"):
        if sys.argv[1] == "tcp":
            store = dist.TCPStore("localhost", int(sys.argv[2]), world_size, rank == 0)
        else:
            store = dist.FileStore(sys.argv[2], world_size)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
        return
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = sys.argv[1]
    dist.init_process_group("gloo", rank=rank, world_size=world_size)


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(10, 10)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


def demo_basic(rank, world_size):
    setup(rank, world_size)
    ddp_model = DDP(ToyModel())
    loss_fn = nn.MSELoss()
    optimizer = optim.SGD(ddp_model.parameters(), lr=0.001)
    optimizer.zero_grad()
    outputs = ddp_model(torch.randn(20, 10))
    loss_fn(outputs, torch.randn(20, 5)).backward()
    if sys.argv[-1] == "fail" and rank == 1:
        raise ValueError("a rank that fails")
    optimizer.step()
    total = ddp_model.module.net1.weight.detach().clone()
    dist.all_reduce(total, op=dist.ReduceOp.AVG)
    assert torch.allclose(total, ddp_model.module.net1.weight)
    print(f"rank {dist.get_rank()} of {dist.get_world_size()}\n", end="")
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(demo_basic, args=(2,), nprocs=2, join=True)
