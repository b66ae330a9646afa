"""Backward passes that DDP must follow: reentrant checkpoints, a static graph, sparse gradients; what it overlaps."""

import copy
import json
import sys
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.checkpoint import checkpoint

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.set_default_dtype(torch.float64)


class Blocks(nn.Module):
    """Blocks, one used `times`; reentrant: each is a backward pass of its own, within that of the whole."""

    def __init__(self, reentrant, times=1):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.block, self.out = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 1)
        self.unused = nn.Linear(2, 2) if times > 1 else None
        self.reentrant, self.times = reentrant, times

    def forward(self, x):
        x = torch.tanh(self.first(x))
        for _ in range(self.times):
            x = checkpoint(self.block, x, use_reentrant=True) if self.reentrant else self.block(x)
        return self.out(x)


def trained(model, part, steps=4):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = torch.randn(4 * size, 4, generator=generator)[part]
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]


mine = slice(rank, None, size)
for times, options in ((1, {}), (1, {"find_unused_parameters": False, "bucket_cap_mb": 1e-4}), (3, {"static_graph": True})):
    expected = trained(Blocks(False, times), slice(None))
    for reentrant in (False, True):
        got = trained(DDP(Blocks(reentrant, times), **options), mine)
        assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(got, expected)), (times, options, reentrant)
if size > 1:  # a block used several times is ready several times, unless the graph is known to be static
    try:
        trained(DDP(Blocks(True, 3), find_unused_parameters=True), mine)
        raise SystemExit("no error")
    except RuntimeError as error:
        assert "Expected to mark a variable ready only once." in str(error), error

# Sparse gradients, by themselves and in a model.
places = torch.tensor([[rank, 0], [1, 2]])
total = torch.sparse_coo_tensor(places, torch.tensor([1.0, rank + 2.0]), (size, 4))
expected = torch.zeros(size, 4)
for r in range(size):
    expected[r, 1] += 1.0
    expected[0, 2] += r + 2.0
dist.all_reduce(total)
assert torch.equal(total.to_dense(), expected), total
work = dist.all_reduce(total, async_op=True)
assert work.wait() and torch.equal(total.to_dense(), size * expected)
try:
    dist.all_reduce(total, op=dist.ReduceOp.MAX)
    raise SystemExit("no error")
except RuntimeError as error:
    assert "sparse tensors of COO layout can be added up" in str(error)


class Words(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.out = nn.Embedding(10, 3, sparse=sparse), nn.Linear(3, 1)

    def forward(self, words):
        return self.out(self.embed(words).mean(1))


words = torch.randint(10, (2 * size, 5), generator=torch.Generator().manual_seed(2))
alone, model = Words(False), DDP(Words(True))
for _ in range(2):
    alone.zero_grad()
    model.zero_grad()
    alone(words).square().mean().backward()
    model(words[mine]).square().mean().backward()
assert model.module.embed.weight.grad.is_sparse or size == 1
assert torch.allclose(model.module.embed.weight.grad.to_dense(), alone.embed.weight.grad)
assert torch.allclose(model.module.out.weight.grad, alone.out.weight.grad)
torch.optim.SparseAdam([model.module.embed.weight]).step()

# Overlap, in a profiler's trace: buckets but the last are reduced by another thread while the backward pass computes.
if size > 1:
    torch.manual_seed(0)
    model = DDP(nn.Sequential(*[nn.Linear(300, 300) for _ in range(12)]), bucket_cap_mb=0.5)
    x = torch.randn(400, 300)
    model(x).sum().backward()
    early = torch.zeros(1)
    for _ in range(3):
        with torch.profiler.profile() as profiler:
            model(x).sum().backward()
        with tempfile.TemporaryDirectory() as folder:
            profiler.export_chrome_trace(folder + "/trace.json")
            with open(folder + "/trace.json") as file:
                events = [e for e in json.load(file)["traceEvents"] if e.get("ph") == "X"]
        reduced = [e for e in events if e["name"] == "gloo:all_reduce"]
        computed = [e for e in events if e["name"].endswith("AddmmBackward0")]
        assert len(reduced) == len(model.reducer.buckets) and computed, {e["name"] for e in events}
        assert all(e["pid"] == "group 0 (default_pg)" for e in reduced)
        end = max(e["ts"] + e["dur"] for e in computed)
        early += sum(e["ts"] + e["dur"] < end for e in reduced)
    dist.all_reduce(early)  # a rank that is ahead of all others has nothing to overlap with
    assert early >= 1, "no rank has reduced a bucket while its gradients were still to come"

copy.deepcopy(model)
dist.destroy_process_group()
print("passed", rank, file=sys.stderr)
