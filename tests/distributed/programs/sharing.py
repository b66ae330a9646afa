"""Stores that all ranks see, and meshes of ranks."""

import datetime
import os
import sys
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
everyone = list(range(size))


def refused(kind, text, function, *args, **kw):
    try:
        function(*args, **kw)
    except kind as error:
        assert text in str(error), error
    else:
        raise SystemExit(f"no error: {text}")


name = [tempfile.mktemp() if rank == 0 else None]
dist.broadcast_object_list(name)
port = [20000 + os.getpid() % 10000]
dist.broadcast_object_list(port)
stores = [
    dist.FileStore(name[0], size),
    dist.TCPStore("127.0.0.1", port[0], size, rank == 0, datetime.timedelta(seconds=20)),
]
assert (stores[1].host, stores[1].port) == ("127.0.0.1", port[0])
stores.append(dist.PrefixStore("part", stores[1]))
for store in stores:
    store.set(f"from {rank}", str(rank))
    assert [store.get(f"from {r}") for r in everyone] == [str(r).encode() for r in everyone]
    for _ in range(50):
        store.add("count", 1)
    store.add("done", 1)
    while int(store.get("done")) < size:
        pass
    assert store.get("count") == str(50 * size).encode() and store.check(["count"])
    store.append("all", "x")
    store.add("appended", 1)
    while int(store.get("appended")) < size:
        pass
    assert store.get("all") == b"x" * size
    if rank == 0:
        store.queue_push("queue", b"\0\xff")
    if rank == size - 1:
        assert store.queue_pop("queue") == b"\0\xff" and store.queue_len("queue") == 0
    dist.barrier()
assert stores[1].check(["part/count"]) and not stores[2].check(["part/count"])
stores[1].set_timeout(datetime.timedelta(seconds=0.1))
refused(dist.DistStoreError, "wait timeout after 100ms, keys: /nothing", stores[1].get, "nothing")
dist.barrier()
if rank == 0:
    os.unlink(name[0])

# Meshes.
shape = (2, size // 2) if size > 1 else (1, 1)
mesh = init_device_mesh("cpu", shape, mesh_dim_names=("dp", "tp"))
assert mesh.shape == shape and mesh.size() == size and mesh.ndim == 2 and mesh.get_rank() == rank
place = (rank // shape[1], rank % shape[1])
assert mesh.get_coordinate() == place and mesh.get_local_rank("dp") == place[0] and mesh.get_local_rank(1) == place[1]
column = [r for r in everyone if r % shape[1] == place[1]]
assert dist.get_process_group_ranks(mesh.get_group("dp")) == column == mesh["dp"].mesh.tolist()
dist.all_reduce(x := torch.tensor([float(rank)]), group=mesh.get_group("tp"))
assert x.item() == sum(r for r in everyone if r // shape[1] == place[0])
assert mesh["dp", "tp"] is mesh and mesh._flatten().mesh.tolist() == everyone
if size == 4:
    assert repr(mesh) == "DeviceMesh((dp=2, tp=2), 'cpu', stride=(2, 1))"
refused(KeyError, "Valid mesh_dim_names are ['dp', 'tp'].", lambda: mesh["pp"])
refused(RuntimeError, "Optional kwarg `mesh_dim` needs to be specified", mesh.get_group)
refused(RuntimeError, "Mesh should not be bigger than default world size", init_device_mesh, "cpu", (size + 1,))
refused(RuntimeError, "Only 1D device mesh is supported", DDP, nn.Linear(2, 2), device_mesh=mesh)
assert DeviceMesh("cpu", everyone) == init_device_mesh("cpu", (size,))

net = nn.Linear(2, 1, bias=False)
model = DDP(net, device_mesh=mesh["dp"])
model(torch.full((1, 2), float(rank))).sum().backward()
assert torch.allclose(net.weight.grad, torch.full((1, 2), sum(column) / len(column)))
dist.destroy_process_group()
print("passed", rank, file=sys.stderr)
