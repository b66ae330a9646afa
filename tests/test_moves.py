"""Moving elements on each device: against the CPU, in both schedules of OpenCL; and on meta, which has shapes alone."""

import os
import subprocess
import sys

import pytest

import cygrad as torch

X = (torch.arange(60) * 7 % 31 - 15).reshape(5, 4, 3) / 4
MASK = X > 0
INDEX = torch.tensor([[0, 2, -1], [-3, 1, 1]])
ALONG = torch.arange(45).reshape(3, 5, 3) * 5 % 4
ROW = torch.tensor([2, 0, 2, 1])


def at(dev, *tensors):
    return [t.to(dev) for t in tensors] if len(tensors) > 1 else tensors[0].to(dev)


def assigned(x, d):
    x = x.clone()
    x[INDEX.to(d)] = 1
    x[MASK.to(d)] = 0
    x[:, ROW.to(d)] = x[0]
    x[..., -1] = 3
    x[1:3, 0] = torch.tensor(2.0)
    x[MASK[:, :, 0].to(d)] = 1
    return x


MOVES = {
    "index": lambda x, d: (x[at(d, INDEX)], x[:, at(d, INDEX)], x.transpose(0, 2)[:, at(d, INDEX)], x[INDEX]),
    "indices": lambda x, d: (x[at(d, INDEX), at(d, INDEX)], x[at(d, INDEX), :, at(d, INDEX)], x[None, 1:, at(d, ROW)]),
    "masks": lambda x, d: (x[at(d, MASK)], x[at(d, MASK[:, :, 0])], x[at(d, MASK[:, 0, 0]), at(d, ROW[:1])]),
    "index_select": lambda x, d: (x.index_select(1, at(d, ROW).int()), x.transpose(0, 1).index_select(0, at(d, ROW))),
    "gather": lambda x, d: (x.gather(1, at(d, ALONG)), x.take(at(d, INDEX))),
    "scatter": lambda x, d: (x.scatter(1, at(d, ALONG)[:, :1], 1), x.scatter(1, at(d, ALONG)[:, :1], x[:3])),
    "scatter_add": lambda x, d: [x.scatter_add(k, at(d, ALONG)[:, :4], x) for k in (0, 1)],
    "the last wins": lambda x, d: (
        x.scatter(1, at(d, ALONG)[:, :4], x), x.index_copy(0, at(d, ROW), x[:4]),
        x.index_put((at(d, ROW), at(d, ROW)), x[0, :, :]), x.put(at(d, ROW), x[0, :, 0]),
    ),
    "index_add": lambda x, d: [
        x.index_add(k, torch.arange(n, device=d) * 2 % 3, x, alpha=2) for k, n in enumerate(x.shape)
    ],
    "index_copy": lambda x, d: (x.index_copy(1, at(d, ROW[:2]), x[:, :2]), x.index_fill(1, at(d, ROW) - 3, 1)),
    "index_put": lambda x, d: (
        x.index_put((at(d, INDEX),), x[0, 0], accumulate=True),
        x.index_put((at(d, INDEX), at(d, ROW[:1]), at(d, ROW[:1])), x[0, 0], accumulate=True),
        x.index_put((None, at(d, INDEX)), x[0, 0], accumulate=True),
        x.index_put((torch.tensor(1, device=d),), x[0]),
    ),
    "put": lambda x, d: (x.put(at(d, ROW), x[0, :, 0], True), x.put(at(d, ROW[:2]), x[0, :2, 0])),
    "assignment": assigned,
    "masked": lambda x, d: (
        x.masked_fill(at(d, MASK), 1), x[0].masked_fill(at(d, MASK), 1), x.masked_scatter(at(d, MASK), x.flip(0)),
        x.transpose(0, 1).masked_select(at(d, MASK).transpose(0, 1)), torch.where(at(d, MASK), x, x[0]),
    ),
    "nonzero": lambda x, d: (x.nonzero(), *x.nonzero(as_tuple=True), x[0, 0].nonzero(), x[:0].nonzero()),
    "flip": lambda x, d: (x.flip(0, 2), x.roll((1, -2), (0, 1)), x.roll(4), x.repeat(2, 1, 3), x.rot90(3)),
    "triangles": lambda x, d: (x.tril(-1), x.transpose(0, 2).triu(1), torch.diag_embed(x, 1)),
    "cat": lambda x, d: (torch.cat([x, x[:, :2]], 1), torch.stack([x, x], 1), torch.block_diag(x[0], x[1])),
    "regions": lambda x, d: (
        x[0].diagonal_scatter(x[1, :3, 0]), x.select_scatter(x[0], 0, 2), x.slice_scatter(x[:2], 0, 1, 5, 2),
        x.unfold(0, 2, 1).contiguous(),
    ),
    "repeats": lambda x, d: (x.repeat_interleave(at(d, ROW), 1), x.repeat_interleave(2, 0)),
    "combinations": lambda x, d: (
        torch.combinations(x[0, :, 0], 3), torch.combinations(x[0, 0], 2, with_replacement=True),
    ),
    "strided": lambda x, d: x.as_strided((2, 3, 2), (1, 2, 3), 1),
    "embedding": lambda x, d: torch.nn.functional.embedding(at(d, ROW), x[0]),
}  # fmt: skip


def values(results):
    results = results if isinstance(results, (tuple, list)) else [results]
    return [(r.dtype, tuple(r.shape), r.tolist()) for r in results]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool", "complex64", "complex128"])
def test_moves_are_the_cpus(device, dtype):
    x = (X * 4).to(getattr(torch, dtype)) if dtype == "int64" else X.to(getattr(torch, dtype))
    for name, move in MOVES.items():
        results = move(x.to(device), device)
        for r in results if isinstance(results, (tuple, list)) else [results]:
            assert r.device.type == device.type, name
        assert values(results) == values(move(x, "cpu")), name


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_reductions_by_index(device, reduce):
    for x in (X, (X * 4).int()):
        for include in (True, False):

            def both(d, x=x, include=include):
                x, along, row = at(d, x, ALONG[:, :4], ROW[:3])
                r = [x.scatter_reduce(0, along, x[:3], reduce, include_self=include)]
                if reduce != "sum":
                    r.append(x.index_reduce(0, row, x[:3], reduce, include_self=include))
                return values(r)

            assert both(device) == both("cpu")


def test_many_sums_of_few_targets(device):
    for dtype in (torch.float32, torch.float64, torch.int64, torch.uint8):
        for size in (1, 10, 512, 513):
            i, v = torch.arange(9001) * 7919 % size, (torch.arange(18002) % 13).to(dtype)[::2]
            x = torch.arange(2 * size).to(dtype)[::2]
            both = [x.to(d).scatter_add(0, i.to(d), v.to(d)).cpu() for d in (device, "cpu")]
            assert torch.equal(*both), (dtype, size)
    at = torch.zeros(5000, dtype=torch.int64, device=device)
    zeros = torch.full((2,), -0.0, device=device).scatter_add(0, at, torch.full((5000,), -0.0, device=device))
    assert zeros.signbit().all()
    with pytest.raises(RuntimeError, match="index 2 is out of bounds for dimension 0 with size 2"):
        torch.zeros(2, device=device).scatter_add(0, at + 2, at.float()).tolist()


def test_gradients_of_moves(device):
    """First and second derivatives of all moves of floating tensors."""

    def derivatives(move, d):
        x = X.double().to(d).requires_grad_()
        r = move(x, d)
        r = [y for y in (r if isinstance(r, (tuple, list)) else [r]) if y.requires_grad]
        loss = sum((y * y * y.detach().cos()).sum() for y in r)
        if not r:
            return []
        (g,) = torch.autograd.grad(loss, x, create_graph=True)
        (h,) = torch.autograd.grad((g * g).sum(), x)
        return [g.detach().cpu(), h.cpu()]

    for name, move in MOVES.items():
        for ours, host in zip(derivatives(move, device), derivatives(move, "cpu"), strict=True):
            torch.testing.assert_close(ours, host, msg=name)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x, i: x[i], IndexError, "index 7 is out of bounds for dimension 0 with size 5"),
        (lambda x, i: x[:2, i], IndexError, "index 7 is out of bounds for dimension 0 with size 4"),
        (lambda x, i: x[i - 7, i], IndexError, "index 7 is out of bounds for dimension 1 with size 4"),
        (lambda x, i: x.index_put((i,), x[0], True), IndexError, "index 7 is out of bounds"),
        (lambda x, i: x.gather(1, i.reshape(1, 1, 1)), RuntimeError, "index 7 is out of bounds for dimension 1"),
        (lambda x, i: x.scatter_add(1, i.reshape(1, 1, 1), x), RuntimeError, "index 7 is out of bounds"),
        (lambda x, i: x.scatter(1, i.reshape(1, 1, 1), 1), RuntimeError, "index 7 is out of bounds for dimension 1"),
        (lambda x, i: x.index_select(0, i), IndexError, "index out of range in self"),
        (lambda x, i: x.index_copy(0, i, x[:1]), IndexError, r"index_copy_\(\): index 7 is out of bounds"),
        (lambda x, i: x.take(i * 10), IndexError, "tried to access index 70 on a tensor of 60 elements"),
        (lambda x, i: torch.nn.functional.embedding(i, x[0]), IndexError, "index out of range in self"),
        (lambda x, i: torch.repeat_interleave(-i), RuntimeError, "repeats can not be negative"),
        (lambda x, i: x.masked_scatter(x > -9, x[0]), RuntimeError, "Number of elements of source < number of ones"),
    ],
)
def test_an_index_out_of_range_is_an_error_at_the_next_wait(device, call, error, text):
    x, index = at(device, X, torch.tensor([7]))
    with pytest.raises(error, match=text):
        call(x, index).tolist()
    assert x.tolist() == X.tolist()  # and the device goes on


def test_large_moves(device):
    """Many work-items, sparse and full masks, sums of many into few."""
    n = 100_003
    x = (torch.arange(n) * 7919 % 1009).float()
    index = torch.arange(n) * 48271 % n

    def moved(d):
        y, i = at(d, x, index)
        few = i % 1000
        return values([
            y[i], y.scatter_add(0, i, y), y[:1000].scatter_add(0, few, y), y[:1000].reshape(100, 10).index_add(
                0, few % 100, y.reshape(n, 1).expand(n, 10)),
            y[y > 500], (y > 1007).nonzero(), (y[:100_000].reshape(100, 1000) > 3).nonzero().t(),
            torch.repeat_interleave(few[:2000]), torch.tril_indices(200, 150, -3, device=d),
            torch.triu_indices(200, 350, 7, device=d), torch.triu_indices(5, 3, -9, device=d),
        ])  # fmt: skip

    assert moved(device) == moved("cpu")


def test_shapes_on_meta():
    x, d = X.to("meta"), torch.device("meta")
    for name, move in MOVES.items():
        if name in ("masks", "assignment", "masked", "nonzero", "repeats"):
            continue
        ours, host = move(x, d), move(X, "cpu")
        for a, b in zip(*[r if isinstance(r, (tuple, list)) else [r] for r in (ours, host)], strict=True):
            assert (a.device.type, a.shape, a.dtype, a.stride()) == ("meta", b.shape, b.dtype, b.stride()), name
    for unknown in (x.nonzero, lambda: x[MASK.to(d)], lambda: x.masked_select(MASK.to(d))):
        with pytest.raises(NotImplementedError, match="meta"):
            unknown()
    with pytest.raises(RuntimeError, match="cannot repeat_interleave a meta tensor without output_size"):
        torch.repeat_interleave(ROW.to(d))
    assert torch.repeat_interleave(ROW.to(d), output_size=9).shape == (9,)


@pytest.mark.skipif("CYGRAD_CL_SCHEDULE" in os.environ, reason="is the run in the other schedule")
def test_the_other_schedule():
    from cygrad import cl

    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__, "-k", "opencl and not bool"],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": "gpu"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64", "complex128"])
def test_sequences(device, dtype):
    """Made on the device, with the CPU's numbers but for the last bits of its vectors; on meta, with their shapes."""
    dtype = getattr(torch, dtype)
    makers = {
        "arange": lambda d: torch.arange(37, dtype=dtype, device=d),
        "arange by less than 1": lambda d: torch.arange(3, 30.5, 0.3, dtype=dtype, device=d),
        "arange down": lambda d: torch.arange(50, 4, -2, dtype=dtype, device=d),
        "linspace": lambda d: torch.linspace(0, 40, 101, dtype=dtype, device=d),
        "linspace of one": lambda d: torch.linspace(3, 40, 1, dtype=dtype, device=d),
        "nothing": lambda d: torch.linspace(3, 40, 0, dtype=dtype, device=d),
        "logspace": lambda d: torch.logspace(0, 2, 33, dtype=dtype, device=d),
        "eye": lambda d: torch.eye(3, 5, dtype=dtype, device=d) + torch.eye(3, 5, dtype=dtype, device=d).T[:3, :1],
        "out": lambda d: torch.linspace(0, 4, 9, out=torch.empty(0, dtype=dtype, device=d)),
    }
    for name, make in makers.items():
        if dtype.is_complex and "arange" in name or not dtype.is_floating_point and "less" in name:
            continue
        ours, host, shape = make(device), make("cpu"), make("meta")
        assert ours.device.type == device.type and shape.shape == host.shape and shape.dtype is host.dtype, name
        torch.testing.assert_close(ours.cpu(), host, msg=name)
