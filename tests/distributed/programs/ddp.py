"""Training on all ranks: the losses of one process with the whole batch, the same in each run, and DDP's options."""

import copy
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.set_default_dtype(torch.float64)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.classify = nn.Sequential(nn.Linear(400, 84), nn.ReLU(), nn.Linear(84, 10))

    def forward(self, x):
        return self.classify(self.features(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, x):
        return self.out(self.layer(self.embed(x)).mean(1))


def mlp():
    return nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 10))


CASES = {
    "lenet": (LeNet, (1, 28, 28), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "mlp": (mlp, (20,), lambda p: torch.optim.Adam(p, lr=0.01)),
    "transformer": (Transformer, (5, 6), lambda p: torch.optim.AdamW(p, lr=0.01)),
}


def batches(shape, steps=6, batch=8):
    generator = torch.Generator().manual_seed(3)
    return [
        (torch.randn(batch, *shape, generator=generator), torch.randint(10, (batch,), generator=generator))
        for _ in range(steps)
    ]


def train(model, make, shape, part=slice(None), mean=False):
    losses, optimizer = [], make(model.parameters())
    for x, y in batches(shape):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[part]), y[part])
        loss.backward()
        optimizer.step()
        loss = loss.detach().clone()
        if mean:
            dist.all_reduce(loss, op=dist.ReduceOp.AVG)
        losses.append(loss.item())
    return losses


for name, (make_model, shape, make_optimizer) in CASES.items():
    torch.manual_seed(0)
    alone = make_model()
    whole = train(copy.deepcopy(alone), make_optimizer, shape)
    for options in ({}, {"gradient_as_bucket_view": True, "bucket_cap_mb": 0.001}, {"static_graph": True}):
        model = DDP(copy.deepcopy(alone), **options)
        mine = train(model, make_optimizer, shape, slice(rank, None, size), mean=True)
        worst = max(abs(a - b) for a, b in zip(mine, whole))
        assert worst < 1e-6, (name, options, worst)
        again = DDP(copy.deepcopy(alone), **options)
        assert train(again, make_optimizer, shape, slice(rank, None, size), mean=True) == mine, name
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters()))
    if size > 1:
        assert len(DDP(alone, bucket_cap_mb=0.001).reducer.buckets) > 1

# Ranks begin with the parameters and buffers of rank 0; buffers follow it.
torch.manual_seed(rank)
model = DDP(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)))
sums = [torch.zeros(1) for _ in range(size)]
dist.all_gather(sums, model.module[0].weight.sum().detach().reshape(1))
assert all(torch.equal(s, sums[0]) for s in sums)
model(torch.randn(8, 4) + rank)
model(torch.randn(8, 4) + rank)
mean = model.module[1].running_mean
model.eval()
with torch.no_grad():
    model(torch.randn(8, 4))
dist.all_gather(sums, mean.sum().reshape(1))
assert all(torch.equal(s, sums[0]) for s in sums)
assert list(model.state_dict())[:2] == ["module.0.weight", "module.0.bias"]
model.module.load_state_dict({k.removeprefix("module."): v for k, v in model.state_dict().items()})
copy.deepcopy(model)

# no_sync: gradients add up on the rank and are averaged with the next pass.
net = nn.Linear(3, 1, bias=False)
model = DDP(net)
x = torch.full((1, 3), float(rank + 1))
with model.no_sync():
    model(x).sum().backward()
assert torch.equal(net.weight.grad, x)
model(x).sum().backward()
assert torch.allclose(net.weight.grad, torch.full((1, 3), 2 * sum(range(1, size + 1)) / size))


# Parameters that are used on no rank, or on one only.
class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.a(x) if rank else self.b(self.a(x))


model = DDP(Branches(), find_unused_parameters=True)
for _ in range(2):
    model.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
assert model.module.c.weight.grad is None and model.module.b.weight.grad is not None
total = model.module.b.weight.grad.clone()
dist.broadcast(total, 0)
assert torch.equal(total, model.module.b.weight.grad)
if size > 1:
    model = DDP(Branches())
    model(torch.ones(1, 2)).sum().backward()
    try:
        model(torch.ones(1, 2))
        raise SystemExit("no error")
    except RuntimeError as error:
        assert "Expected to have finished reduction in the prior iteration" in str(error)
        assert f"did not receive grad for rank {rank}: " in str(error), error

# Communication hooks.
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks  # noqa: E402

for hook, error in (
    (default_hooks.allreduce_hook, 1e-12), (default_hooks.fp16_compress_hook, 1e-2), (default_hooks.bf16_compress_hook, 1e-1),
    (default_hooks.fp16_compress_wrapper(default_hooks.allreduce_hook), 1e-2),
):  # fmt: skip
    torch.manual_seed(0)
    net = mlp()
    reference, hooked = DDP(copy.deepcopy(net)), DDP(net)
    hooked.register_comm_hook(None, hook)
    x = torch.randn(4, 20, generator=torch.Generator().manual_seed(rank))
    for model in (reference, hooked):
        model(x).square().sum().backward()
    for a, b in zip(reference.parameters(), hooked.parameters()):
        assert torch.allclose(a.grad, b.grad, rtol=error, atol=error), hook
try:
    hooked.register_comm_hook(None, hook)
    raise SystemExit("no error")
except RuntimeError:
    pass

# Buckets are reduced while the backward pass goes on: with the first one, other gradients are still to come.
if size > 1:
    seen = []
    model = DDP(mlp(), bucket_cap_mb=0.001)

    def look(state, bucket):
        seen.append((bucket.index(), bucket.is_last(), model.module[0].weight.grad is None))
        return default_hooks.allreduce_hook(None, bucket)

    model.register_comm_hook(None, look)
    model(torch.randn(4, 20)).sum().backward()
    assert seen[0] == (0, False, True) and seen[-1][1:] == (True, False), seen

# Ranks with different numbers of inputs.
for whole_world in (True, False):
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    model = DDP(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with model.join(divide_by_initial_world_size=whole_world):
        for _ in range(2 + rank):
            optimizer.zero_grad()
            model(torch.ones(1, 1)).sum().backward()
            optimizer.step()
    steps = [float(sum(r + 2 > i for r in range(size))) for i in range(size + 1)]
    expected = -sum(s / size if whole_world else 1.0 for s in steps)
    assert abs(net.weight.item() - expected) < 1e-12, (net.weight, expected)
from torch.distributed.algorithms.join import Join  # noqa: E402

model = DDP(nn.Linear(1, 1))
try:
    with Join([model], throw_on_early_termination=True):
        for _ in range(1 + rank):
            model(torch.ones(1, 1)).sum().backward()
    assert size == 1
except RuntimeError as error:
    wanted = f"Rank {rank} exhausted all inputs." if rank == 0 else "Detected at least one rank that exhausted inputs."
    assert wanted in str(error), error

dist.barrier()
dist.destroy_process_group()
print("passed", rank, file=sys.stderr)
