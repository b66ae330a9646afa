"""In the manner of "Getting started with DDP": ranks by torch.multiprocessing, a checkpoint, a model in two parts."""

import os
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.optim as optim
from torch.nn.parallel import DistributedDataParallel as DDP


def setup(rank, world_size):
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = sys.argv[1]
    # With an accelerator its backend would be asked for by name: torch.accelerator.current_accelerator().
    if torch.accelerator.is_available() and torch.accelerator.current_accelerator().type == "cuda":
        backend = torch.distributed.get_default_backend_for_device(torch.accelerator.current_accelerator())
    else:
        backend = "gloo"
    dist.init_process_group(backend, rank=rank, world_size=world_size)


def cleanup():
    dist.destroy_process_group()


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(10, 10)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


def demo_checkpoint(rank, world_size):
    print(f"Running DDP checkpoint example on rank {rank}.\n", end="")
    setup(rank, world_size)
    model = ToyModel()
    ddp_model = DDP(model)
    path = os.path.join(tempfile.gettempdir(), f"model-{sys.argv[1]}.checkpoint")
    if rank == 0:
        torch.save(ddp_model.state_dict(), path)
    dist.barrier()
    ddp_model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    loss_fn = nn.MSELoss()
    optimizer = optim.SGD(ddp_model.parameters(), lr=0.001)
    optimizer.zero_grad()
    outputs = ddp_model(torch.randn(20, 10))
    labels = torch.randn(20, 5)
    loss_fn(outputs, labels).backward()
    optimizer.step()
    dist.barrier()
    if rank == 0:
        os.remove(path)
    cleanup()
    print(f"Finished running DDP checkpoint example on rank {rank}.\n", end="")


class ToyMpModel(nn.Module):
    def __init__(self, dev0, dev1):
        super().__init__()
        self.dev0, self.dev1 = dev0, dev1
        self.net1 = torch.nn.Linear(10, 10).to(dev0)
        self.relu = torch.nn.ReLU()
        self.net2 = torch.nn.Linear(10, 5).to(dev1)

    def forward(self, x):
        x = self.relu(self.net1(x.to(self.dev0)))
        return self.net2(x.to(self.dev1))


def demo_model_parallel(rank, world_size):
    print(f"Running DDP with model parallel example on rank {rank}.\n", end="")
    setup(rank, world_size)
    mp_model = ToyMpModel("cpu", "cpu")
    ddp_mp_model = DDP(mp_model)
    loss_fn = nn.MSELoss()
    optimizer = optim.SGD(ddp_mp_model.parameters(), lr=0.001)
    optimizer.zero_grad()
    outputs = ddp_mp_model(torch.randn(20, 10))
    labels = torch.randn(20, 5).to("cpu")
    loss_fn(outputs, labels).backward()
    optimizer.step()
    cleanup()
    print(f"Finished running DDP with model parallel example on rank {rank}.\n", end="")


def run_demo(demo_fn, world_size):
    mp.spawn(demo_fn, args=(world_size,), nprocs=world_size, join=True)


if __name__ == "__main__":
    run_demo(demo_checkpoint, 2)
    run_demo(demo_model_parallel, 2)
