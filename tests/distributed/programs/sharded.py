"""SyncBatchNorm, gradients through collectives, ZeroRedundancyOptimizer: as one process with the whole batch."""

import copy
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.nn import functional as DF
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP

torch.set_default_dtype(torch.float64)
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()

# SyncBatchNorm
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
synced = DDP(nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(net)))
x = torch.randn(4 * size, 2, 6, 6)
for _ in range(2):
    alone = net(x).square().mean()
    together = synced(x[rank::size]).square().mean()
    alone.backward()
    together.backward()
for (name, a), b in zip(net.named_parameters(), synced.module.parameters()):
    assert torch.allclose(a.grad, b.grad, rtol=1e-8, atol=1e-10), (name, a.grad, b.grad)
for (name, a), b in zip(net.named_buffers(), synced.module.buffers()):
    assert torch.allclose(a, b), name
assert torch.allclose(net.eval()(x), synced.eval()(x))

# Gradients through collectives
x = torch.full((2,), rank + 1.0, requires_grad=True)
(DF.all_reduce(x) * (rank + 1)).sum().backward()
assert (x.grad == sum(range(1, size + 1))).all()
x.grad = None
sum((part * (r + 1)).sum() for r, part in enumerate(DF.all_gather(x))).backward()
assert (x.grad == size * (rank + 1)).all()
x.grad = None
parts = [x * (r + 1) for r in range(size)]
(DF.reduce_scatter(torch.empty(2), parts) * (rank + 2)).sum().backward()
assert (x.grad == sum((r + 1) * (r + 2) for r in range(size))).all()
x.grad = None
(DF.broadcast(x, 0) * (rank + 1)).sum().backward()
assert (x.grad == (sum(range(1, size + 1)) if rank == 0 else 0)).all()
x.grad = None
(DF.scatter([x * (r + 1) for r in range(size)], 0) * (rank + 1)).sum().backward()
assert (x.grad == (sum((r + 1) ** 2 for r in range(size)) if rank == 0 else 0)).all()
x.grad = None
sum((part * (r + 1)).sum() for r, part in enumerate(DF.gather(x, 0))).backward()
assert (x.grad == rank + 1).all()
x.grad = None
out = DF.all_to_all([torch.empty(2)] * size, [x * (r + 1) for r in range(size)])
sum(o.sum() for o in out).backward()
assert (x.grad == sum(range(1, size + 1))).all() and torch.equal(out[0].detach(), torch.full((2,), rank + 1.0))
y = torch.arange(float(size), requires_grad=True)
DF.all_to_all_single(torch.empty(size), y).mul(rank + 1).sum().backward()
assert torch.equal(y.grad, torch.arange(1.0, size + 1))


# ZeroRedundancyOptimizer
def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 1))


def step(model, optimizer, seed, part=slice(None)):
    x = torch.randn(4 * size, 8, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    loss = model(x[part]).square().mean()
    loss.backward()
    optimizer.step()


for kind, options in ((torch.optim.Adam, {"lr": 0.01}), (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9})):
    plain, model = mlp(), DDP(mlp())
    reference = kind(plain.parameters(), **options)
    zero = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=kind, **options)
    scheduler = torch.optim.lr_scheduler.StepLR(zero, 2, 0.5)
    expected = torch.optim.lr_scheduler.StepLR(reference, 2, 0.5)
    for i in range(4):
        step(plain, reference, i)
        step(model, zero, i, slice(rank, None, size))
        scheduler.step()
        expected.step()
    for a, b in zip(plain.parameters(), model.parameters()):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
    assert sum(len(g["params"]) for g in zero.optim.param_groups) < len(list(plain.parameters())) or size == 1
    try:
        zero.state_dict()
        raise SystemExit("no error")
    except RuntimeError as error:
        assert str(error).startswith("Optimizer state has not been consolidated on this rank.")
    zero.consolidate_state_dict(to=0)
    saved = [zero.state_dict() if rank == 0 else None]
    if rank == 0:
        theirs = reference.state_dict()
        assert saved[0]["param_groups"] == theirs["param_groups"], (saved[0]["param_groups"], theirs["param_groups"])
        for number, state in theirs["state"].items():
            for name, value in state.items():
                assert torch.allclose(value, saved[0]["state"][number][name]), (number, name)
    dist.broadcast_object_list(saved)
    again = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=kind, **options)
    again.load_state_dict(saved[0])
    for i in range(4, 6):
        step(plain, reference, i)
        step(model, again, i, slice(rank, None, size))
    for a, b in zip(plain.parameters(), model.parameters()):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)

for wrong, kind, text in (
    ([], ValueError, "ZeroRedundancyOptimizer got an empty parameter list"),
    (3, TypeError, "`params` argument should be an iterable of Tensors or dicts, but got int"),
    ([torch.ones(2), 3], TypeError, "`params` argument should be an iterable of Tensors or dicts"),
):
    try:
        ZeroRedundancyOptimizer(wrong, torch.optim.SGD, lr=0.1)
        raise SystemExit("no error")
    except kind as error:
        assert str(error) == text, error
print("passed", rank, file=sys.stderr)
