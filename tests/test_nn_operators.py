"""Softmax, losses, normalisation, pooling, distances and optimizer steps on every device kind against the CPU.

The schedule of the OpenCL device's kind is tested in this process, the other one by a second process at the end.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import cygrad as torch
from cygrad import cl

F = torch.nn.functional
DTYPES = {torch.float32: 5e-6, torch.float64: 1e-12, torch.float16: 4e-3, torch.bfloat16: 3e-2}
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def same(ours, cpu, tolerance=None):
    assert ours.dtype == cpu.dtype and ours.shape == cpu.shape
    tolerance = DTYPES.get(cpu.dtype, 0) if tolerance is None else tolerance
    a, b = (t.detach().cpu().to(torch.float64).numpy() for t in (ours, cpu))
    scale = 1 + (np.abs(b[np.isfinite(b)]).max() if np.isfinite(b).any() else 0)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def agree(device, function, *operands, tolerance=None, order=1):
    """The function gives the same on the device and on the CPU, and so do its gradients of that order."""
    results = []
    for place in (device, torch.device("cpu")):
        leaves = [t.detach().clone().to(place).requires_grad_() for t in operands]
        out = function(*leaves)
        g = draw(*out.shape, dtype=out.dtype, seed=1).to(place)
        grads = torch.autograd.grad(out, leaves, g, create_graph=order == 2)
        if order == 2:
            total = sum((x * draw(*x.shape, dtype=x.dtype, seed=2).to(place)).sum() for x in grads)
            grads += torch.autograd.grad(total, leaves, allow_unused=True)
        results.append((out, *grads))
        assert all(t is None or t.device.type == place.type for t in results[-1])
    for a, b in zip(*results, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            same(a, b, tolerance)


# ------------------------------------------------------------------ softmax and losses


@dtypes
def test_softmax(device, dtype):
    for shape, dim in (((5, 10), 1), ((3, 1000), 1), ((3, 20, 150), 1), ((2, 9000), 1), ((9,), 0), ((), 0),
                       ((3, 4, 5), 0)):  # fmt: skip
        x = draw(*shape, dtype=dtype)
        agree(device, lambda t, d=dim: torch.softmax(t, d), x)
        agree(device, lambda t, d=dim: torch.log_softmax(t, d), x)
    x = draw(6, 40, dtype=dtype).t()
    agree(device, lambda t: torch.softmax(t, 0), x)
    assert torch.softmax(torch.empty(0, 3, dtype=dtype, device=device), 1).shape == (0, 3)


def test_softmax_of_infinities(device):
    x = torch.tensor([[-np.inf] * 3, [1, np.nan, 2], [np.inf, 1, 2], [1, -np.inf, 2]])
    for t in (x, x.t().contiguous()):
        for dim in (0, 1):
            same(torch.softmax(t.to(device), dim), torch.softmax(t, dim))
            same(torch.log_softmax(t.to(device), dim), torch.log_softmax(t, dim))


@dtypes
def test_class_losses(device, dtype):
    rng = np.random.default_rng(0)
    for shape in ((4, 10), (40, 300), (5,), (3, 5, 4), (2, 5, 3, 4)):
        x = draw(*shape, dtype=dtype)
        classes = shape[min(len(shape) - 1, 1)]
        target = torch.from_numpy(rng.integers(0, classes, (shape[0], *shape[2:]) if len(shape) > 1 else ()))
        if target.dim():
            target.view(-1)[1] = -100
        weight = torch.from_numpy(rng.random(classes)).to(dtype)
        for loss in (F.cross_entropy, F.nll_loss):
            for reduction in ("mean", "sum", "none"):
                for w in (None, weight):
                    agree(device, lambda t, f=loss, r=reduction, w=w, y=target: f(
                        t, y.to(t.device), None if w is None else w.to(t.device), reduction=r), x)


def test_class_losses_of_the_second_order(device):
    target, weight = torch.tensor([1, 3, 0]), torch.tensor([1.0, 2, 3, 4])
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.2, "weight": weight}, {"reduction": "none"}):
        agree(device, lambda t, o=options: F.cross_entropy(t, target.to(t.device), **{
            k: v.to(t.device) if isinstance(v, torch.Tensor) else v for k, v in o.items()}), draw(3, 4), order=2)


def test_targets_out_of_range(device):
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(IndexError, match="Target 4 is out of bounds."):
            x = torch.zeros(3, 4, device=device, requires_grad=True)
            y = loss(x, torch.tensor([1, 4, 2], device=device))
            y.backward()  # a device says it when the host next waits for it
            x.grad.tolist()
    if device.type != "cpu":
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            F.cross_entropy(torch.zeros(3, 4, device=device), torch.tensor([1, 0, 2]))


def test_no_targets(device):
    x, y = torch.empty(0, 4, device=device), torch.empty(0, dtype=torch.int64, device=device)
    assert F.cross_entropy(x, y).isnan() and F.cross_entropy(x, y, reduction="sum") == 0
    assert F.nll_loss(x, y).isnan() and F.nll_loss(x, y, reduction="none").shape == (0,)


def test_squared_error(device):
    x, y = draw(4, 5), draw(4, 5, seed=3)
    for reduction in ("mean", "sum", "none"):
        agree(device, lambda a, b, r=reduction: F.mse_loss(a, b, reduction=r), x, y, order=2)
    x = x.to(device).requires_grad_()
    assert F.mse_loss(x, y.to(device)).grad_fn.name() == "MseLossBackward0"


# ------------------------------------------------------------------ normalisation


@dtypes
def test_layer_norm(device, dtype):
    tolerance = 2 * DTYPES[dtype]
    for shape, n in (((4, 10), 1), ((3, 1000), 1), ((6, 4, 5), 2), ((300, 64), 1), ((7,), 1), ((2000, 8), 1)):
        size = shape[-n:]
        x, w, b = (draw(*s, dtype=dtype, seed=i) for i, s in enumerate((shape, size, size)))
        agree(device, lambda x, s=size: F.layer_norm(x, s), x, tolerance=tolerance)
        agree(device, lambda x, w, s=size: F.layer_norm(x, s, w), x, w, tolerance=tolerance)
        agree(device, lambda x, b, s=size: F.layer_norm(x, s, None, b), x, b, tolerance=tolerance)
        agree(device, lambda x, w, b, s=size: F.layer_norm(x, s, w, b), x, w, b, tolerance=tolerance)
    agree(device, lambda x: F.layer_norm(x, (4,)), draw(4, 6, dtype=dtype).t(), tolerance=tolerance)


@dtypes
def test_group_norm(device, dtype):
    for shape, groups in (((3, 6, 5), 2), ((2, 4, 7, 9), 4), ((2, 6), 3), ((2, 16, 8, 8), 4), ((5, 8), 1)):
        x, w, b = (draw(*s, dtype=dtype, seed=i) for i, s in enumerate((shape, shape[1:2], shape[1:2])))
        agree(device, lambda x, g=groups: F.group_norm(x, g), x, tolerance=2 * DTYPES[dtype])
        agree(device, lambda x, w, b, g=groups: F.group_norm(x, g, w, b), x, w, b, tolerance=2 * DTYPES[dtype])


@dtypes
@pytest.mark.parametrize("train", [True, False])
def test_batch_norm(device, dtype, train):
    tolerance = 3 * DTYPES[dtype]
    for shape in ((8, 5), (3, 6, 5), (4, 16, 14, 14), (2, 3, 4, 5, 6), (300, 64), (2, 3, 1, 1), (700, 3)):
        x, w, b, m, v = (draw(*s, dtype=dtype, seed=i) for i, s in enumerate((shape, *[shape[1:2]] * 4)))
        running = {}

        def function(x, *affine, m=m, v=v, running=running):
            running[x.device.type] = pair = [t.detach().clone().to(x.device) for t in (m, v.abs() + 0.5)]
            return F.batch_norm(x, *pair, *affine, training=train)

        agree(device, function, x, tolerance=tolerance)
        agree(device, function, x, w, b, tolerance=tolerance)
        for ours, cpu in zip(running[device.type], running["cpu"], strict=True):
            same(ours, cpu)


def test_normalisation_of_the_second_order(device):
    x, w, b = draw(3, 4, 5), draw(5, seed=1), draw(5, seed=2)
    agree(device, lambda x, w, b: F.layer_norm(x, (5,), w, b), x, w, b, order=2, tolerance=1e-4)
    w, b = draw(4, seed=1), draw(4, seed=2)
    agree(device, lambda x, w, b: F.group_norm(x, 2, w, b), x, w, b, order=2, tolerance=1e-4)
    agree(device, lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), x, w, b, order=2, tolerance=1e-4)


def test_long_rows_keep_their_digits(device):
    x = np.random.default_rng(0).random(1 << 21).astype("float32") + 100
    wide = x.astype("float64")
    right = (wide - wide.mean()) / np.sqrt(wide.var() + 1e-5)
    t = torch.from_numpy(x).to(device)
    for y in (F.layer_norm(t, t.shape), F.group_norm(t.view(1, 4, -1), 1)):
        assert np.abs(y.cpu().numpy().ravel() - right).max() < 1e-5
    t = torch.from_numpy(np.ones((1 << 18, 2), "float32") * 0.1).to(device)
    w = torch.ones(2, device=device, requires_grad=True)
    b = torch.zeros(2, device=device, requires_grad=True)
    F.layer_norm(t, (2,), w, b).backward(t)
    np.testing.assert_allclose(b.grad.cpu().numpy(), 0.1 * (1 << 18), rtol=5e-6)


# ------------------------------------------------------------------ pooling


@dtypes
@pytest.mark.parametrize("nd", [1, 2, 3])
def test_pooling(device, dtype, nd):
    x = draw(2, 3, *(9, 12, 7)[:nd], dtype=dtype)
    most, mean = getattr(F, f"max_pool{nd}d"), getattr(F, f"avg_pool{nd}d")
    for window in ((2, 2, 0, 1, False), (3, 2, 1, 1, False), (3, 1, 1, 2, True), (2, 3, 1, 1, True)):
        agree(device, lambda t, w=window: most(t, *w), x)
        cpu = most(x, *window, return_indices=True)[1]
        assert torch.equal(most(x.to(device), *window, return_indices=True)[1].cpu(), cpu)
        k, s, p, d, ceil = window
        if d == 1:
            agree(device, lambda t, a=(k, s, p, ceil, False): mean(t, *a), x)
            agree(device, lambda t, a=(k, s, p, ceil, True, *((5,) if nd > 1 else ())): mean(t, *a), x)
    if dtype == torch.float32:
        agree(device, lambda t: mean(t, 3, 2, 1).square(), x, order=2)
    for size in (1, 5, 13):
        agree(device, lambda t, s=size: getattr(F, f"adaptive_max_pool{nd}d")(t, s), x)
        agree(device, lambda t, s=size: getattr(F, f"adaptive_avg_pool{nd}d")(t, s), x)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_pooling_of_integers(device, dtype):
    x = (draw(1, 2, 6, 6) * 20).abs().to(dtype)
    for args in ((2,), (3, 2, 1)):
        same(F.max_pool2d(x.to(device), *args), F.max_pool2d(x, *args))


def test_pooling_of_nan_and_of_padding(device):
    x = torch.tensor([[[[1, np.nan, 3, 4], [np.nan, 2, 4, 4], [0, 0, -np.inf, -np.inf], [0, 0, -np.inf, -np.inf]]]])
    for args in ((2,), (3, 2, 1)):
        for ours, cpu in zip(F.max_pool2d(x.to(device), *args, return_indices=True),
                             F.max_pool2d(x, *args, return_indices=True), strict=True):  # fmt: skip
            same(ours, cpu)
    # Windows that lie in the padding alone, on both sides of the input.
    x = torch.arange(15.0, device=device).view(1, 1, 5, 3).requires_grad_()
    y = F.max_pool2d(x, (1, 2), 1, (0, 1), (1, 4))
    assert y.shape == (1, 1, 5, 1) and bool((y == -np.inf).all())


# ------------------------------------------------------------------ distances, optimizers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_distances(device, dtype):
    a, b = draw(2, 5, 7, dtype=dtype), draw(2, 6, 7, dtype=dtype, seed=1)
    for p in (0.0, 1.0, 2.0, 3.5, np.inf, 0.7):
        agree(device, lambda a, b, p=p: torch.cdist(a, b, p), a, b, tolerance=1e-4 if dtype == torch.float32 else 1e-10)


STEPS = {
    "SGD": [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}],
    "Adam": [{}, {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "maximize": True}],
    "AdamW": [{}],
    "RMSprop": [{"momentum": 0.9, "centered": True}],
    "Adagrad": [{"lr_decay": 0.1}],
    "Adadelta": [{}],
    "Adamax": [{}],
    "NAdam": [{}],
    "RAdam": [{}],
    "Rprop": [{}],
    "ASGD": [{}],
}


@pytest.mark.parametrize("name", STEPS)
def test_optimizers(device, name):
    for options in STEPS[name]:
        start = [draw(5, 7), draw(3000), draw(4, 3).t()]
        results = []
        for place in (device, torch.device("cpu")):
            params = [x.clone().to(place).requires_grad_() for x in start]
            optimizer = getattr(torch.optim, name)(params, **options)
            for step in range(4):
                for i, p in enumerate(params):
                    p.grad = draw(*p.shape, seed=step * 3 + i).to(place)
                torch.nn.utils.clip_grad_norm_(params, 10.0)
                optimizer.step()
            state = [v for p in params for v in optimizer.state[p].values() if isinstance(v, torch.Tensor) and v.dim()]
            assert all(v.device.type == place.type for v in state)
            results.append(params + state)
        for ours, cpu in zip(*results, strict=True):
            same(ours, cpu)


def test_gradient_scaler(device):
    x = torch.ones(3, device=device, requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.1)
    scaler = torch.amp.GradScaler(device.type, init_scale=4.0)
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((x * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.state[x]["step"] == 2 and scaler.get_scale() == 2.0


def test_training(device):
    """A model with what a transformer and a recurrent network are made of gives the CPU's losses."""
    nn, losses = torch.nn, []
    torch.manual_seed(0)
    lstm, layer = nn.LSTM(8, 16, batch_first=True), nn.TransformerEncoderLayer(16, 4, 32, 0.0, batch_first=True)
    start = nn.ModuleList([lstm, layer, nn.Linear(16, 5)])
    state = {k: v.clone() for k, v in start.state_dict().items()}
    x, y = torch.randn(3, 6, 8), torch.tensor([0, 4, 2])
    for place in (device, torch.device("cpu")):
        start.load_state_dict(state)
        lstm, layer, last = model = start.to(place)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(4):
            optimizer.zero_grad()
            loss = F.cross_entropy(last(layer(lstm(x.to(place))[0]).mean(1)), y.to(place))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    np.testing.assert_allclose(losses[:4], losses[4:], rtol=1e-4)
    assert losses[3] < losses[0]


# ------------------------------------------------------------------ shapes without memory, the other schedule


def test_meta():
    x = torch.empty(2, 6, 9, 9, device="meta", requires_grad=True)
    target = torch.empty(2, 9, 9, dtype=torch.int64, device="meta")
    w = torch.empty(6, device="meta")
    for y, shape in (
        (torch.softmax(x, 1), x.shape),
        (F.cross_entropy(x, target), ()),
        (F.nll_loss(x, target, w, reduction="none"), target.shape),
        (F.layer_norm(x, (9, 9)), x.shape),
        (F.group_norm(x, 3, w, w), x.shape),
        (F.batch_norm(x, w.clone(), w.clone(), w, w, True), x.shape),
        (F.max_pool2d(x, 2), (2, 6, 4, 4)),
        (F.avg_pool2d(x, 3, 2, 1), (2, 6, 5, 5)),
        (F.adaptive_avg_pool2d(x, (1, 3)), (2, 6, 1, 3)),
        (torch.cdist(x, x, 1.0), (2, 6, 9, 9)),
    ):
        assert y.shape == shape and y.device.type == "meta"
        (g,) = torch.autograd.grad(y.sum(), x)
        assert g.shape == x.shape and g.device.type == "meta"
    x.grad = torch.empty_like(x)
    torch.optim.Adam([x]).step()


def test_the_other_schedule():
    if os.environ.get("CYGRAD_CL_SCHEDULE") or not cl.device_count("opencl"):
        pytest.skip("this is the other schedule, or there is no device")
    other = "gpu" if cl.device_properties(1).type & 2 else "cpu"
    chosen = "opencl and not (float64 or bfloat or second_order or training or integers) and (not float16 or softmax)"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", chosen, __file__],
        env=os.environ | {"CYGRAD_CL_SCHEDULE": other}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
