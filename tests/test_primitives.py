"""Each primitive of `_devices/primitives.py` on each OpenCL device, by an operator that calls it, against the CPU."""

import os
import subprocess
import sys

import pytest

import cygrad as torch
from cygrad import _core, _ops, cl
from cygrad._devices import primitives
from cygrad._table import rows as _table

F = torch.nn.functional
COUNT = cl.device_count("opencl")
if not COUNT:
    pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)", allow_module_level=True)
pytestmark = pytest.mark.usefixtures("strict")
DEVICES = [f"opencl:{i}" for i in range(COUNT)]


def x(d, *shape, dtype=torch.float32):
    """Numbers from -3.75 to 3.75, with repetitions beyond 31 elements."""
    n = torch.Size(shape).numel()
    return ((torch.arange(n) * 7 % 31 - 15) / 4).reshape(shape).to(d, dtype)


def i(d, *numbers):
    return torch.tensor(numbers, device=d)


def with_gradients(f, *operands):
    """The result, and the gradients of the floating operands."""
    operands = [t.requires_grad_() if t.is_floating_point() else t for t in operands]
    y = f(*operands)
    y.backward(x(y.device, *y.shape) + 5)
    return [y.detach(), *(t.grad for t in operands if t.is_floating_point())]


def drawn(f):
    """Two draws, which differ, from one state; then the first one again."""
    generator = torch.Generator(f.device).manual_seed(7)
    first, second = f(generator), f(generator)
    again = f(generator.manual_seed(7))
    assert first.tolist() == again.tolist() != second.tolist()
    return [torch.tensor(first.shape)]  # no device draws another's numbers


def draws(make):
    def case(d):
        f = lambda generator: make(d, generator)  # noqa: E731
        f.device = d
        return drawn(f)

    return case


def seeded(make):
    """A draw from the device's own stream: its shape, and whether a seed gives it again."""

    def case(d):
        torch.manual_seed(3)
        first = make(d)
        torch.manual_seed(3)
        assert first.tolist() == make(d).tolist()
        return [torch.tensor(first.shape), first.isnan().any()]

    return case


def of_shapes(distribution, *others):
    """A sample's gradient by its shapes."""

    def make(d):
        shapes = (x(d, 4) + 5).requires_grad_()
        distribution(shapes, *(t.to(d) for t in others)).rsample().backward(x(d, 4))
        return shapes.grad

    return seeded(make)


def stepped(d):
    w = x(d, 5).requires_grad_()
    adam = torch.optim.Adam([w], lr=0.1)
    for _ in range(3):
        (w * w).sum().backward()
        adam.step()
    return [w.detach()]


def bytes_copied(d):
    a = x(d, 6)
    a.resize_(9)
    return [a[:6]]


CASES = {
    "allocate": lambda d: [torch.empty(3, 4, device=d).fill_(2)],
    "data_ptr": lambda d: [torch.tensor(x(d, 4)[1:].data_ptr() != 0)],
    "copy": lambda d: [x("cpu", 3, 4).t().to(d), x(d, 3, 4).t().contiguous(), x(d, 3, 4).to(torch.int32)],
    "copy_bytes": bytes_copied,
    "fill": lambda d: [torch.full((3, 4), 2.5, device=d), x(d, 4, 4).fill_diagonal_(0)],
    "elementwise": lambda d: [x(d, 3, 4) * x(d, 4) + 1, x(d, 40).exp(), x(d, 40).clamp(-1, 2), x(d, 40) > 0],
    "where": lambda d: [torch.where(x(d, 40) > 0, x(d, 40), x(d, 1)), x(d, 40).masked_fill(x(d, 40) > 1, 0)],
    "reduce": lambda d: [x(d, 3, 4, 5).sum(1), x(d, 3, 4, 5).amax((0, 2)), x(d, 300).mean(), (x(d, 9) > 0).all()],
    "arg_reduce": lambda d: [x(d, 3, 4).argmax(), *x(d, 3, 4).min(1)],
    "gemm": lambda d: with_gradients(torch.matmul, x(d, 2, 3, 4), x(d, 2, 4, 5)),
    "gemv": lambda d: [x(d, 3, 4) @ x(d, 4)],
    "dot": lambda d: [x(d, 40) @ x(d, 40)],
    "linear": lambda d: [F.linear(x(d, 3, 4), x(d, 5, 4), x(d, 5))],
    "gather": lambda d: [x(d, 3, 4).gather(1, i(d, [0, 3], [1, 1], [2, 0])), x(d, 6, 2).index_select(0, i(d, 4, 1))],
    "scatter": lambda d: [x(d, 3, 4).scatter_add(1, i(d, [0, 0], [1, 3]), x(d, 2, 2)),
                          x(d, 4).index_copy(0, i(d, 3, 1), x(d, 2))],
    "require": lambda d: [F.binary_cross_entropy(x(d, 5).sigmoid(), x(d, 5).abs() / 4)],
    "linear_index": lambda d: [x(d, 3, 4)[i(d, 2, 0), i(d, -1, 1)]],
    "positions": lambda d: [(x(d, 40) > 0).nonzero(), x(d, 40)[x(d, 40) > 1]],
    "compress": lambda d: [x(d, 40).masked_select(x(d, 40) > 0)],
    "masked_put": lambda d: [x(d, 40).masked_scatter(x(d, 40) > 0, x(d, 40).flip(0))],
    "interleave": lambda d: [x(d, 3).repeat_interleave(i(d, 2, 0, 3))],
    "coordinates": lambda d: [x(d, 3, 4, 5).clamp(min=0).nonzero()],
    "sequence": lambda d: [torch.arange(5, device=d), torch.linspace(0, 1, 7, device=d), torch.eye(3, device=d)],
    "triangle": lambda d: [x(d, 2, 4, 4).tril(-1), x(d, 3, 5).triu(1)],
    "triangle_indices": lambda d: [torch.tril_indices(4, 3, 1, device=d), torch.triu_indices(4, 3, device=d)],
    "convolve": lambda d: [F.conv2d(x(d, 2, 4, 7, 6), x(d, 6, 2, 3, 3), x(d, 6), 2, 1, groups=2),
                           F.conv1d(x(d, 1, 2, 9), x(d, 3, 2, 2), dilation=2)],
    "convolve_input": lambda d: [F.conv_transpose2d(x(d, 1, 3, 4, 4), x(d, 3, 2, 3, 3), x(d, 2), 2, 1, 1)],
    "convolve_weight": lambda d: with_gradients(F.conv2d, x(d, 2, 3, 6, 6), x(d, 4, 3, 3, 3), x(d, 4)),
    "sort": lambda d: [*x(d, 3, 40).sort(-1, stable=True), *x(d, 40).sort(descending=True, stable=True)],
    "choose": lambda d: [x(d, 3, 31).topk(4).values, x(d, 3, 31).kthvalue(2)[0], x(d, 40).median(), x(d, 40).mode()[0]],
    "order_rows": lambda d: [torch.unique(x(d, 40).reshape(20, 2).round(), dim=0)],
    "runs": lambda d: [x(d, 40).round().unique(), x(d, 40).trunc().unique_consecutive()],
    "run_places": lambda d: [*x(d, 40).round().unique(return_inverse=True, return_counts=True)],
    "search": lambda d: [torch.searchsorted(x(d, 31).sort()[0], x(d, 3, 4)), torch.bucketize(x(d, 5), i(d, -1, 0, 2))],
    "bincount": lambda d: [i(d, 3, 1, 1, 7).bincount()],
    "histc": lambda d: [x(d, 40).histc(5, -3, 3)],
    "scan": lambda d: [x(d, 3, 40).cumsum(1), (x(d, 9) / 2).cumprod(0), *x(d, 40).cummax(0), x(d, 9).logcumsumexp(0)],
    "generator": draws(lambda d, g: torch.rand(5, device=d, generator=g)),
    "random": draws(lambda d, g: torch.randn(5, device=d, generator=g)),
    "random_of": draws(lambda d, g: torch.bernoulli(torch.full((40,), 0.5, device=d), generator=g)),
    "randperm": draws(lambda d, g: torch.randperm(40, device=d, generator=g)),
    "dropout": seeded(lambda d: F.dropout(x(d, 40), 0.5)),
    "gamma_gradients": of_shapes(torch.distributions.Gamma, torch.ones(4)),
    "dirichlet_gradients": of_shapes(torch.distributions.Dirichlet),
    "softmax": lambda d: [x(d, 3, 40).softmax(1), x(d, 3, 40).log_softmax(0)],
    "softmax_gradient": lambda d: with_gradients(lambda t: t.softmax(1), x(d, 3, 40)),
    "cross_entropy": lambda d: [F.cross_entropy(x(d, 3, 5), i(d, 4, 0, 2), x(d, 5) + 5, reduction=r)
                                for r in ("none", "mean", "sum")],
    "cross_entropy_gradient": lambda d: with_gradients(F.cross_entropy, x(d, 3, 5), i(d, 4, 0, 2)),
    "nll": lambda d: [F.nll_loss(x(d, 3, 5), i(d, 4, 0, -100)), F.nll_loss(x(d, 1, 3, 2), i(d, [2, 0]))],
    "nll_gradient": lambda d: with_gradients(F.nll_loss, x(d, 3, 5), i(d, 4, 0, 2)),
    "normalize": lambda d: [F.layer_norm(x(d, 3, 8), (8,), x(d, 8), x(d, 8)), F.group_norm(x(d, 2, 4, 3), 2)],
    "normalize_gradient": lambda d: with_gradients(lambda t, w, b: F.layer_norm(t, (8,), w, b), x(d, 3, 8), x(d, 8),
                                                   x(d, 8)),
    "batch_norm": lambda d: [F.batch_norm(x(d, 4, 3, 5), None, None, x(d, 3), x(d, 3), True),
                             F.batch_norm(x(d, 4, 3), x(d, 3), x(d, 3) + 5)],
    "batch_norm_gradient": lambda d: with_gradients(lambda t, w, b: F.batch_norm(t, None, None, w, b, True),
                                                    x(d, 4, 3, 5), x(d, 3), x(d, 3)),
    "pool_max": lambda d: [*F.max_pool2d(x(d, 1, 2, 7, 6), 3, 2, 1, return_indices=True)],
    "pool_max_gradient": lambda d: with_gradients(lambda t: F.max_pool2d(t, 2), x(d, 1, 2, 6, 6)),
    "pool_average": lambda d: [F.avg_pool2d(x(d, 1, 2, 7, 6), 3, 2, 1), F.adaptive_avg_pool1d(x(d, 1, 2, 7), 3)],
    "pool_average_gradient": lambda d: with_gradients(lambda t: F.avg_pool2d(t, 2), x(d, 1, 2, 6, 6)),
    "distances": lambda d: [torch.cdist(x(d, 3, 4), x(d, 5, 4), p) for p in (0.0, 1.0, 3.0, float("inf"))],
    "distances_gradient": lambda d: with_gradients(lambda a, b: torch.cdist(a, b, 1.0), x(d, 3, 4), x(d, 5, 4) + 9),
    "optimizer_step": stepped,
}  # fmt: skip


def test_every_primitive_has_a_case():
    assert set(CASES) == set(primitives.NAMES)


def hold(name, device):
    ours, wanted = CASES[name](device), CASES[name]("cpu")
    assert len(ours) == len(wanted)
    for a, b in zip(ours, wanted, strict=True):
        assert str(a.device) in (device, "cpu")
        torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=1e-5, msg=lambda text: f"{name}: {text}")


@pytest.mark.parametrize("name", primitives.NAMES)
@pytest.mark.parametrize("device", DEVICES)
def test_a_primitive_is_the_cpus(name, device, monkeypatch):
    called, primitive = [], getattr(cl, name)

    def counted(*args, **options):
        called.append(name)
        return primitive(*args, **options)

    monkeypatch.setattr(cl, name, counted)
    hold(name, device)
    assert called or name == "generator"  # which may have been made before


@pytest.mark.parametrize("device", DEVICES[1:])
def test_rows_on_further_devices(device):
    for row in _table.rows():
        if not row.text or row.params or row.start:
            continue
        low, high = row.domain[0] if isinstance(row.domain[0], tuple) else row.domain
        operands = tuple([torch.linspace(low, high, 37).roll(5 * k) for k in range(row.arity)])
        try:
            wanted = _ops.call(_ops.OPS[row.name], operands)
        except NotImplementedError:  # of integers alone
            continue
        ours = _ops.call(_ops.OPS[row.name], tuple([t.to(device) for t in operands]))
        torch.testing.assert_close(ours.cpu(), wanted, equal_nan=True)


def test_a_second_device():
    """All primitives on "opencl:1", where a driver can be asked for two devices."""
    if COUNT > 1 or _core.device("opencl").index:
        pytest.skip("there are more devices already")
    if "Portable" not in torch.opencl.get_device_properties(0).handle.platform.name:
        pytest.skip("needs PoCL")
    code = (
        "import sys; sys.path.insert(0, 'tests')\nimport test_primitives as t\n"
        "[t.hold(name, 'opencl:1') for name in t.CASES]\nprint(len(t.DEVICES))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"POCL_DEVICES": "pthread pthread"},
                          capture_output=True, text=True, cwd=os.path.dirname(os.path.dirname(__file__)))  # fmt: skip
    assert done.stdout == "2\n", done.stderr[-3000:]
