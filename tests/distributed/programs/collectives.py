"""Every collective, with all dtypes and layouts, waited for at once and later; messages, objects and groups."""

import datetime
import sys
import warnings

import torch
import torch.distributed as dist

dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
rank, size = dist.get_rank(), dist.get_world_size()
everyone = range(size)
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
COMPLEX = [torch.complex64, torch.complex128]
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
Op = dist.ReduceOp


def make(r, dtype, shape):
    """What rank r gives: small numbers, so that sums are exact."""
    x = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape) % 3 + r % 2 + 1
    return x % 2 == 0 if dtype == torch.bool else x.to(dtype) * (1 + 1j) if dtype.is_complex else x.to(dtype)


def layouts(r, dtype):
    """Tensors of all kinds of layouts with the same numbers, as functions of the rank."""
    yield make(r, dtype, (3, 4))
    yield make(r, dtype, (4, 3)).t().contiguous().t()
    yield torch.stack([make(r, dtype, (3, 4))] * 2, 2)[..., 1]
    yield make(r, dtype, ())
    yield make(r, dtype, (0, 2))
    if dtype.is_complex:
        yield make(r, dtype, (3,)).conj()


def same(got, expected):
    assert got.dtype == expected.dtype and got.shape == expected.shape, (got, expected)
    assert torch.equal(got, expected), (got, expected)


def call(name, *args, **kw):
    assert getattr(dist, name)(*args, **kw) is None


def later(name, *args, **kw):
    work = getattr(dist, name)(*args, async_op=True, **kw)
    assert work.wait() and work.is_completed() and work.is_success() and work.exception() is None


COMBINE = {
    Op.SUM: lambda a, b: a | b if a.dtype == torch.bool else a + b,
    Op.PRODUCT: lambda a, b: a & b if a.dtype == torch.bool else a * b,
    Op.MIN: lambda a, b: a & b if a.dtype == torch.bool else torch.minimum(a, b),
    Op.MAX: lambda a, b: a | b if a.dtype == torch.bool else torch.maximum(a, b),
    Op.BAND: torch.bitwise_and, Op.BOR: torch.bitwise_or, Op.BXOR: torch.bitwise_xor,
}  # fmt: skip


def operations(dtype):
    if dtype.is_complex:
        return [Op.SUM, Op.PRODUCT]
    return [Op.SUM, Op.PRODUCT, Op.MIN, Op.MAX, *((Op.BAND, Op.BOR, Op.BXOR) if not dtype.is_floating_point else ())]


def combined(op, tensors):
    result = tensors[0]
    for tensor in tensors[1:]:
        result = COMBINE[op](result, tensor)
    return result


for run in (call, later):
    for dtype in [*FLOATS, *COMPLEX, *INTS, torch.bool]:
        for op in operations(dtype):
            for given in zip(*(layouts(r, dtype) for r in everyone)):
                x = given[rank]
                expected = combined(op, given).resolve_conj().clone()
                x = x.clone() if x.is_conj() else x
                run("all_reduce", x, op)
                same(x, expected)
        for given in zip(*(layouts(r, dtype) for r in everyone)):
            x, last = given[rank], size - 1
            plain = [t.resolve_conj().clone() for t in given]
            outputs = [torch.empty_like(plain[0]) for _ in everyone]
            run("all_gather", outputs, x)
            for got, expected in zip(outputs, plain):
                same(got, expected)
            run("gather", x, room := [torch.empty_like(p) for p in plain] if rank == last else None, last)
            for got, expected in zip(room or (), plain):
                same(got, expected)
            y = torch.empty_like(plain[0])
            run("scatter", y, list(given) if rank == last else None, last)
            same(y, plain[rank])
            got = torch.empty((size, *x.shape), dtype=dtype)
            run("all_gather_into_tensor", got, x)
            same(got, torch.stack(plain))
            run("all_to_all", outputs, [p + 0 for p in plain] if dtype != torch.bool else plain)
            for got in outputs:
                same(got, plain[rank])
            x = x.resolve_conj().clone() if x.is_conj() else x
            run("broadcast", x, last)
            same(x, plain[last])
    for dtype in (*FLOATS, *COMPLEX, torch.int64):
        parts = [[make(r + k, dtype, (2, 3)) for k in everyone] for r in everyone]
        out = torch.empty(3, 2, dtype=dtype).t()
        run("reduce_scatter", out, parts[rank])
        same(out, combined(Op.SUM, [p[rank] for p in parts]))
        out = torch.empty(2, 3, dtype=dtype)
        run("reduce_scatter_tensor", out, torch.stack(parts[rank]))
        same(out, combined(Op.SUM, [p[rank] for p in parts]))
        x = make(rank, dtype, (3,))
        run("reduce", x, size - 1)
        if rank == size - 1:
            same(x, combined(Op.SUM, [make(r, dtype, (3,)) for r in everyone]))
    for dtype in (*FLOATS, *COMPLEX):
        x = torch.full((3,), rank + 1, dtype=dtype)
        run("all_reduce", x, Op.AVG)
        same(x, torch.full((3,), (size + 1) / 2, dtype=dtype))
    xs = [torch.ones(2) * rank, torch.ones(2, 2).t()]
    run("all_reduce_coalesced", xs)
    same(xs[0], torch.full((2,), float(sum(everyone))))
    same(xs[1], torch.full((2, 2), float(size)))
    out = torch.empty(2 * size)
    run("all_to_all_single", out, torch.arange(2.0 * size) + 100 * rank)
    same(out, torch.cat([torch.arange(2.0 * rank, 2.0 * rank + 2) + 100 * r for r in everyone]))
    mine = [r + 1 for r in everyone]
    out = torch.empty(size * (rank + 1), 2)
    run("all_to_all_single", out, torch.full((sum(mine), 2), float(rank)), [rank + 1] * size, mine)
    same(out[:, 0], torch.arange(float(size)).repeat_interleave(rank + 1))
    if run is call:
        dist.barrier()
        dist.monitored_barrier()

# The order of works that are waited for in another order; futures.
works = [dist.all_reduce(torch.full((100,), float(i)), async_op=True) for i in range(20)]
assert [w.get_future().then(lambda f: f.value()[0][0].item()).wait() for w in reversed(works)] == [
    float(size * i) for i in reversed(range(20))
]

# Messages.
after, before = (rank + 1) % size, (rank - 1) % size
if size > 1:
    for dtype in [*FLOATS, *COMPLEX, *INTS, torch.bool]:
        x, y = make(rank, dtype, (2, 3)), torch.empty(3, 2, dtype=dtype).t()
        works = dist.batch_isend_irecv([dist.P2POp(dist.isend, x.t().contiguous().t(), after), dist.P2POp(dist.irecv, y, before)])
        for work in works:
            work.wait()
        same(y, make(before, dtype, (2, 3)))
    big = torch.full((300_000,), float(rank))
    if rank % 2 == 0:
        dist.send(big, after, tag=5)
        assert dist.recv(got := torch.empty(300_000), tag=5) == before
    else:
        assert dist.recv(got := torch.empty(300_000), tag=5) == before
        dist.send(big, after, tag=5)
    assert (got == before).all()
    work = dist.irecv(got, before)
    sent = dist.isend(big, after)
    assert work.wait() and work._source_rank() == before and sent.wait() and sent.is_completed()

# Objects.
objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "tensor": torch.ones(2) * rank})
assert [o["rank"] for o in objects] == list(everyone) and torch.equal(objects[-1]["tensor"], torch.ones(2) * (size - 1))
gathered = [None] * size if rank == 0 else None
dist.gather_object(rank, gathered)
assert gathered == (list(everyone) if rank == 0 else None)
known = ["a", {1: 2}] if rank == size - 1 else [None, None]
dist.broadcast_object_list(known, src=size - 1)
assert known == ["a", {1: 2}]
dist.scatter_object_list(one := [None], [f"for {r}" for r in everyone] if rank == 0 else None)
assert one == [f"for {rank}"]
if size > 1:
    if rank == 0:
        dist.send_object_list(["x", 3], 1)
    if rank == 1:
        assert dist.recv_object_list(pair := [None, None]) == 0 and pair == ["x", 3]

# Groups.
odd = dist.new_group([r for r in everyone if r % 2] or [0], backend="mpi")
assert dist.get_backend() == "gloo"
if rank % 2:
    assert dist.get_backend(odd) == "mpi" and dist.get_process_group_ranks(odd) == [r for r in everyone if r % 2]
    assert dist.get_rank(odd) == rank // 2 == dist.get_group_rank(odd, rank) and dist.get_global_rank(odd, 0) == 1
    dist.all_reduce(x := torch.ones(1), group=odd)
    assert x.item() == len(dist.get_process_group_ranks(odd))
    dist.broadcast(x := torch.tensor([rank]), 1, group=odd)
    assert x.item() == 1
    try:
        dist.broadcast(x, 0, group=odd)
        raise SystemExit("no error")
    except ValueError as error:
        assert str(error).startswith("Global rank 0 is not part of group ")
elif size > 1:
    assert odd is dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(odd) == dist.get_world_size(odd) == -1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert dist.all_reduce(torch.ones(1), group=odd) is None
    assert f"Running all_reduce on global rank {rank} which does not belong to the given group." in str(caught[0].message)
mine, groups = dist.new_subgroups(1)
assert len(groups) == size and dist.get_world_size(mine) == 1
dist.all_reduce(x := torch.ones(1) * rank, group=mine)
assert x.item() == rank

# Once more after the end.
dist.destroy_process_group()
assert not dist.is_initialized()
dist.init_process_group(backend="cpu:gloo,cuda:nccl", init_method="env://")
assert dist.get_backend_config() == "cpu:gloo,cuda:nccl"
dist.all_reduce(x := torch.ones(1))
assert x.item() == size
print("passed", rank, file=sys.stderr)
