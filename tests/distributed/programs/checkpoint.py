"""Writes a checkpoint, or loads one that another number of ranks wrote, or fails to write it."""

import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.stateful import Stateful
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP

kind, folder = sys.argv[1:]
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0 if kind == "save" else 1)
model = DDP(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)))
zero = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.01)


def step():
    zero.zero_grad()
    model(torch.ones(3, 4)).square().sum().backward()
    zero.step()


def state():
    model_state, optimizer_state = get_state_dict(model, zero)
    return {"model": model_state, "optimizer": optimizer_state, "epoch": 0}


if kind == "full":  # of a disk that is full for one rank
    from torch.distributed.checkpoint import FileSystemWriter

    class Full(FileSystemWriter):
        def write(self, name, contents):
            if rank == size - 1:
                raise OSError(28, "No space left on device")
            super().write(name, contents)

    dcp.save(state(), storage_writer=Full(folder))
class App(Stateful):
    """Model and optimizer as one, as the tutorial of distributed checkpoints has it."""

    def state_dict(self):
        model_state, optimizer_state = get_state_dict(model, zero)
        return {"model": model_state, "optimizer": optimizer_state}

    def load_state_dict(self, state_dict):
        set_state_dict(
            model, zero, model_state_dict=state_dict["model"], optim_state_dict=state_dict["optimizer"]
        )


if kind == "save":
    step()
    dcp.save({"app": App()}, checkpoint_id=folder + "/app")
    saved = {**state(), "epoch": 3}
    dcp.save(saved, checkpoint_id=folder)
    assert dcp.async_save(saved, checkpoint_id=folder + "/async").result()
    step()
    print(repr([p.tolist() for p in model.module.parameters()]) if rank == 0 else "")
if kind == "load":
    for path in (folder, folder + "/async"):
        loaded = state()
        dcp.load(loaded, checkpoint_id=path)
        assert loaded["epoch"] == 3
        set_state_dict(model, zero, model_state_dict=loaded["model"], optim_state_dict=loaded["optimizer"])
        step()
    after = [p.tolist() for p in model.module.parameters()]
    print(repr(after) if rank == 0 else "")
    dcp.load({"app": App()}, checkpoint_id=folder + "/app")
    step()
    assert [p.tolist() for p in model.module.parameters()] == after
    for wrong, text in (
        ({"nothing": torch.ones(2)}, "Missing key in checkpoint state_dict: nothing."),
        ({"model": {"0.bias": torch.ones(3)}}, "Size mismatch between saved (8,) and current: (3,) for model.0.bias"),
    ):
        try:
            dcp.load(wrong, checkpoint_id=folder)
            raise SystemExit("no error")
        except dcp.CheckpointException as error:
            assert text in str(error) and f"(RANK {size - 1})" in str(error), error
print("passed", rank, file=sys.stderr)
