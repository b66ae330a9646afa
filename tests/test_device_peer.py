"""Every operator on an OpenCL device: results live there and have the CPU's values, for samples of PyTorch's table."""

import numpy as np
import pytest

import cygrad

torch = pytest.importorskip("torch")
from opinfo import NAMES, OPERATORS, function_of, mirrored  # noqa: E402

pytestmark = pytest.mark.usefixtures("strict")
DEVICE = "opencl:0"
# What draws from the device's own stream, or leaves memory as it is.
RANDOM = {
    "bernoulli", "cauchy", "empty", "empty_like", "empty_permuted", "empty_strided", "exponential", "geometric",
    "log_normal", "multinomial", "new_empty", "new_empty_strided", "nn.functional.alpha_dropout",
    "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "nn.functional.feature_alpha_dropout", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "nn.functional.rrelu", "normal", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "uniform",
}  # fmt: skip
# Signs of vectors are free.
FREE = ("linalg.eig", "linalg.svd", "svd", "linalg.eigh", "linalg.qr", "qr")
# The table calls them in a way of its own, or they name a device, or complex32.
OTHERWISE = (
    "einsum", "where", "polygamma", "special.polygamma", "svd_lowrank", "pca_lowrank", "to", "chalf",
    "nn.functional.embedding", "nn.functional.triplet_margin_with_distance_loss",
)  # fmt: skip


def tensors_of(x):
    if isinstance(x, cygrad.Tensor):
        return [x]
    if isinstance(x, (list, tuple)):
        return [t for v in x for t in tensors_of(v)]
    return []


def given(function, sample, device):
    args = mirrored((sample.input, *sample.args), device)
    options = mirrored(sample.kwargs, device)
    if "device" in options:
        options["device"] = device
    with cygrad.device(device):  # for what makes tensors of nothing
        return tensors_of(function(*args, **options))


@pytest.mark.parametrize("name", NAMES)
def test_results_are_on_the_device(name):
    if not cygrad.opencl.is_available():
        pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)")
    op = OPERATORS[name]
    ours = function_of(cygrad, op.name)
    if ours is None:
        pytest.skip("cygrad does not have it")
    if op.name in OTHERWISE:
        pytest.skip("is called otherwise")
    samples = iter(op.sample_inputs("cpu", torch.float32, requires_grad=False))
    sample = next((s for s in samples if not isinstance(s.input, torch.Tensor) or s.input.numel() > 1), None)
    if sample is None:
        pytest.skip("no sample of more than one element")
    wanted, got = given(ours, sample, "cpu"), given(ours, sample, DEVICE)
    assert [str(t.device) for t in got] == [DEVICE] * len(wanted)
    assert [(t.shape, t.dtype) for t in got] == [(t.shape, t.dtype) for t in wanted]
    if op.name in RANDOM or name in FREE:
        return
    for a, b in zip(got, wanted, strict=True):
        plain = cygrad.float32 if b.dtype is cygrad.bfloat16 else b.dtype  # NumPy has none
        a, b = a.cpu().to(plain).numpy(), b.to(plain).numpy()
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5, equal_nan=True)
