"""torch.amp: which operators compute in which precision, and the scaler. Expected values are PyTorch 2.13's."""

import pickle
import threading
import warnings

import pytest

import cygrad as torch
import cygrad.nn.functional as F

BF16, F16, F32, F64 = torch.bfloat16, torch.float16, torch.float32, torch.float64


def square(dtype=F32):
    return (torch.arange(16.0).reshape(4, 4) / 16).to(dtype)


def image(x):
    return torch.ones(1, 2, 8, 8, dtype=x.dtype)


CLASSES = torch.tensor([0, 1, 2, 3])
DOWN = {
    "linear": lambda x: F.linear(x, x, x[0]),
    "module": lambda x: torch.nn.Linear(4, 4).to(x.dtype)(x),
    "conv1d": lambda x: F.conv1d(x[None], x[:, :, None]),
    "conv2d": lambda x: F.conv2d(image(x), torch.ones(2, 2, 3, 3, dtype=x.dtype)),
    "conv_transpose2d": lambda x: F.conv_transpose2d(
        image(x), torch.ones(2, 2, 3, 3, dtype=x.dtype)
    ),
    "matmul": lambda x: torch.matmul(x, x),
    "operator": lambda x: x @ x,
    "method": lambda x: x.mm(x),
    "bmm": lambda x: torch.bmm(x[None], x[None]),
    "addmm": lambda x: torch.addmm(x, x, x),
    "baddbmm": lambda x: torch.baddbmm(x[None], x[None], x[None]),
    "einsum": lambda x: torch.einsum("ij,jk", x, x),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "multihead": lambda x: torch.nn.MultiheadAttention(4, 2).to(x.dtype)(x[None], x[None], x[None])[
        0
    ],
}
KEEP = {
    "relu": F.relu,
    "add": lambda x: x + x,
    "sum": lambda x: x.sum(),
    "softmax": lambda x: x.softmax(1),
    "exp": lambda x: x.exp(),
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "max_pool2d": lambda x: F.max_pool2d(image(x), 2),
    "dropout": lambda x: F.dropout(x),
    "mv": lambda x: torch.mv(x, x[0]),
    "bilinear": lambda x: F.bilinear(x, x, x[None], None),
    "embedding": lambda x: F.embedding(torch.tensor([0]), x),
    "std": lambda x: x.std(),
}
FLOAT32 = {
    "prod": lambda x: x.prod(),
    "cross_entropy": lambda x: F.cross_entropy(x, CLASSES),
    "nll_loss": lambda x: F.nll_loss(x, CLASSES),
    "mse_loss": lambda x: F.mse_loss(x, x),
    "l1_loss": lambda x: F.l1_loss(x, x),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x),
    "bce": lambda x: F.binary_cross_entropy(x, x),
    "bce_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, x),
    "kl_div": lambda x: F.kl_div(x, x, reduction="sum"),
    "triplet": lambda x: F.triplet_margin_loss(x, x, x),
    "max_pool3d": lambda x: F.max_pool3d(image(x)[None], 1),
    "grid_sample": lambda x: F.grid_sample(
        image(x), torch.zeros(1, 2, 2, 2, dtype=x.dtype), align_corners=False
    ),
    "trace": lambda x: x.trace(),
}


@pytest.mark.parametrize("region", [BF16, F16])
@pytest.mark.parametrize("dtype", [F32, BF16, F16, F64])
@pytest.mark.parametrize("name", [*DOWN, *KEEP, *FLOAT32])
def test_dtype_of_results(name, dtype, region):
    with torch.autocast("cpu", dtype=region):
        x = square(dtype)
        if name in DOWN:
            assert DOWN[name](x).dtype is (F64 if dtype is F64 else region)
        elif name in FLOAT32:
            assert FLOAT32[name](x).dtype is (F64 if dtype is F64 else F32)
        else:
            assert KEEP[name](x).dtype is dtype


def test_values_are_those_of_the_lower_precision():
    x = torch.tensor([[1 / 3, 2.0], [0.1, 7.0]])
    with torch.autocast("cpu"):
        product = x @ x
    assert product.equal(x.bfloat16() @ x.bfloat16())
    assert product.tolist() == [[0.3125, 14.6875], [0.734375, 49.25]]


def test_mixed_arguments():
    x, low = square(), square(BF16)
    with torch.autocast("cpu"):
        assert (x @ low).dtype is BF16
        assert torch.cat([x, low]).dtype is F32 and torch.stack([low, low]).dtype is BF16
        assert torch.index_copy(x, 0, torch.tensor([0]), low[:1]).dtype is F32
        assert torch.mm(x, x, out=torch.empty(4, 4)).dtype is F32
    with pytest.raises(RuntimeError):
        x @ low


def test_gradients_and_the_cache():
    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        first, second = torch.mm(w, torch.ones(2, 2)), torch.mm(w, torch.ones(2, 2))
        cast, again = first.grad_fn.next_functions[0][0], second.grad_fn.next_functions[0][0]
        assert type(cast).__name__ == "ToCopyBackward0" and cast is again
        loss = F.mse_loss(first, torch.zeros(2, 2))
        assert loss.dtype is F32
    loss.backward()
    assert w.grad.dtype is F32 and w.grad.tolist() == [[2, 2], [2, 2]]
    with torch.autocast("cpu", cache_enabled=False):
        first, second = torch.mm(w, w), torch.mm(w, w)
    assert first.grad_fn.next_functions[0][0] is not second.grad_fn.next_functions[0][0]
    with torch.autocast("cpu"):
        (g,) = torch.autograd.grad((w @ w).sum(), w, create_graph=True)
    assert g.dtype is F32


def test_training_step():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 3),
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 3
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        with torch.amp.autocast("cpu", dtype=BF16):
            out = net(x)
            loss = F.cross_entropy(out, y)
        assert out.dtype is BF16 and loss.dtype is F32
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert all(p.grad.dtype is F32 for p in net.parameters())


def test_nesting_and_state():
    def state():
        return torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    assert (
        state() == (False, BF16)
        and not torch.is_autocast_enabled()
        and torch.get_autocast_dtype("cuda") is F16
    )
    with torch.autocast("cpu", dtype=F16):
        assert state() == (True, F16)
        with torch.autocast("cpu", enabled=False):
            assert (square() @ square()).dtype is F32 and not torch.is_autocast_enabled("cpu")
        with torch.autocast("cpu", dtype=BF16):
            assert (square() @ square()).dtype is BF16
        assert (square() @ square()).dtype is F16
    assert state() == (False, BF16) and (square() @ square()).dtype is F32
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        raise ZeroDivisionError
    assert state() == (False, BF16)


def test_settings():
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", F16)
    assert (square() @ square()).dtype is F16
    torch.set_autocast_enabled("cpu", False)
    torch.set_autocast_dtype("cpu", BF16)
    assert (square() @ square()).dtype is F32
    assert torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    assert not torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(True)
    torch.clear_autocast_cache()
    assert torch.autocast_increment_nesting() == 1 and torch.autocast_decrement_nesting() == 0
    with pytest.warns(
        DeprecationWarning, match=r"torch.get_autocast_cpu_dtype\(\) is deprecated. Please use"
    ):
        assert torch.get_autocast_cpu_dtype() is BF16


def test_of_its_thread():
    seen = []
    with torch.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append((square() @ square()).dtype))
        thread.start()
        thread.join()
    assert seen == [F32]


def test_decorator():
    @torch.autocast("cpu")
    def product(x):
        """Docs."""
        return x @ x

    assert (
        product(square()).dtype is BF16
        and product.__name__ == "product"
        and product.__doc__ == "Docs."
    )


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"Expected `device_type` of type `str`, got: `<class 'int'>`"
    ):
        torch.autocast(3)
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda"):
        torch.autocast("nothing")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'device_type'"):
        torch.autocast()
    with pytest.warns(
        UserWarning,
        match="In CPU autocast, but the target dtype is not supported. Disabling autocast.",
    ):
        region = torch.autocast("cpu", dtype=F64)
    with region:
        assert (square() @ square()).dtype is F32
    assert torch.amp.is_autocast_available("cpu")


def test_older_names():
    with pytest.warns(
        FutureWarning,
        match=r"`torch.cpu.amp.autocast\(args...\)` is deprecated. Please use `torch.amp",
    ):
        region = torch.cpu.amp.autocast()
    with region:
        assert (square() @ square()).dtype is BF16
    if torch.cuda.is_available():
        pytest.skip("warnings of a machine without a GPU")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        region, scaler = torch.cuda.amp.autocast(), torch.cuda.amp.GradScaler()
    first_words = [str(w.message).split(".")[0] for w in caught]
    assert first_words == [
        "`torch",
        "CUDA is not available or torch_xla is imported",
        "`torch",
        "torch",
    ]
    assert "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling." in str(
        caught[-1].message
    )
    with region:
        assert (square() @ square()).dtype is F32
    assert not scaler.is_enabled() and scaler.state_dict() == {}


def test_functions_of_ones_own():
    seen = []

    def function(cast_inputs):
        class Product(torch.autograd.Function):
            @staticmethod
            @torch.amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs)
            def forward(ctx, a):
                seen.append((a.dtype, torch.is_autocast_enabled("cpu")))
                ctx.save_for_backward(a)
                return a @ a

            @staticmethod
            @torch.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                seen.append(torch.is_autocast_enabled("cpu"))
                return g

        return Product.apply

    with torch.autocast("cpu"):
        a = function(F32)(torch.ones(2, 2, requires_grad=True).bfloat16())
        b = function(None)(torch.ones(2, 2, requires_grad=True))
    assert (a.dtype, b.dtype) == (F32, BF16)
    a.sum().backward()
    b.sum().backward()
    assert seen == [(F32, False), (F32, True), False, True]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'device_type'"):
        torch.amp.custom_fwd(lambda ctx, a: a)


# ---- the scaler


def parameter_and_scaler(**kwargs):
    p = torch.ones(2, requires_grad=True)
    options = {"init_scale": 4.0, "growth_interval": 2} | kwargs
    return p, torch.optim.SGD([p], lr=1.0), torch.amp.GradScaler("cpu", **options)


def test_scaler():
    p, optimizer, scaler = parameter_and_scaler()
    scaler.scale((p * 2).sum()).backward()
    assert p.grad.tolist() == [8, 8]
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [2, 2]
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [-1, -1] and scaler.get_scale() == 4
    optimizer.zero_grad()
    scaler.scale((p * float("inf")).sum()).backward()
    assert scaler.step(optimizer) is None
    scaler.update()
    assert p.tolist() == [-1, -1] and scaler.get_scale() == 2  # skipped, and backed off
    for _ in range(2):
        optimizer.zero_grad()
        scaler.scale(p.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert p.tolist() == [-3, -3] and scaler.state_dict() == {
        "scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2, "_growth_tracker": 0,
    }  # fmt: skip
    scaler.update(8.0)
    assert scaler.get_scale() == 8
    assert [t.tolist() for t in scaler.scale([torch.ones(1), torch.zeros(1)])] == [[8], [0]]


def test_scaler_refuses():
    p, optimizer, scaler = parameter_and_scaler()
    for call, name in ((scaler.update, "update"), (lambda: scaler.step(optimizer), "step"),
                       (lambda: scaler.unscale_(optimizer), "unscale_")):  # fmt: skip
        with pytest.raises(
            AssertionError, match=f"Attempted {name} but _scale is None.  This may indicate"
        ):
            call()
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(3)
    scaler.scale(p.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(
        RuntimeError, match=r"unscale_\(\) has already been called on this optimizer since the last"
    ):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step\(\)."):
        scaler.unscale_(optimizer)
    with pytest.raises(
        RuntimeError, match=r"step\(\) has already been called since the last update\(\)."
    ):
        scaler.step(optimizer)
    with pytest.raises(
        RuntimeError, match="Closure use is not currently supported if GradScaler is enabled."
    ):
        scaler.step(optimizer, closure=lambda: 1)
    with pytest.raises(AssertionError, match="The growth factor must be > 1.0."):
        torch.amp.GradScaler("cpu", growth_factor=0.5)
    with pytest.raises(AssertionError, match="The backoff factor must be < 1.0."):
        torch.amp.GradScaler("cpu", backoff_factor=2.0)
    half = torch.ones(2, dtype=F16, requires_grad=True)
    half.grad = torch.ones(2, dtype=F16)
    scaler.update()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients."):
        scaler.unscale_(torch.optim.SGD([half], lr=1.0))


def test_scaler_state():
    _, _, scaler = parameter_and_scaler()
    state = {
        "scale": 2.0,
        "growth_factor": 3.0,
        "backoff_factor": 0.25,
        "growth_interval": 5,
        "_growth_tracker": 1,
    }
    scaler.load_state_dict(state)
    assert scaler.state_dict() == state and pickle.loads(pickle.dumps(scaler)).state_dict() == state
    assert scaler.scale(torch.ones(1)).tolist() == [2] and scaler.state_dict() == state
    with pytest.raises(
        RuntimeError,
        match="The source state dict is empty, possibly because it was saved",
    ):
        scaler.load_state_dict({})
    p, optimizer, off = parameter_and_scaler(enabled=False)
    assert (
        off.state_dict() == {}
        and off.get_scale() == 1.0
        and off.scale(3) == 3
        and not off.is_enabled()
    )
    p.sum().backward()
    off.unscale_(optimizer)
    off.step(optimizer)
    off.update()
    assert p.tolist() == [0, 0]
