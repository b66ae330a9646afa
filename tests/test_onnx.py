"""torch.onnx.export: the models that it writes compute, under onnxruntime, what the networks do."""

import io

import numpy as np
import pytest

import cygrad as torch
import cygrad.nn as nn
import cygrad.nn.functional as F

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def check(net, *inputs, tolerance=1e-4, **options):
    net.eval()
    file = io.BytesIO()
    torch.onnx.export(net, inputs, file, **options)
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    given = dict(zip([i.name for i in session.get_inputs()], [x.numpy() for x in inputs]))
    with torch.no_grad():
        expected = net(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for ours, theirs in zip(expected, session.run(None, given), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=tolerance)
    return session


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2), nn.Softmax(1)), (3, 4)),
    "lenet": (lambda: nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                    nn.Linear(864, 10)),
              (2, 1, 28, 28)),
    "norms": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3, padding="same"), nn.BatchNorm1d(4), nn.LayerNorm(6), nn.GELU(),
                                    nn.Dropout(), nn.AvgPool1d(2)), (2, 2, 6)),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(2, 3, 2, stride=2), nn.LeakyReLU(), nn.SiLU()),
                   (1, 2, 4, 4)),
    "activations": (lambda: nn.Sequential(nn.ELU(), nn.Hardtanh(), nn.PReLU(), nn.ReLU6(), nn.Softplus(),
                                          nn.Mish()), (3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name):
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    check(make(), torch.randn(shape))


FUNCTIONS = {
    "arithmetic": lambda x: 2 * x + x / 3 - (1 - x) ** 2,
    "shapes": lambda x: torch.cat([x.transpose(0, 1), x.t() * 2], 1)[1:, ::2].unsqueeze(0).flatten(),
    "parts": lambda x: torch.stack(x.chunk(2, 1)).sum(0) + x[:, :2].mean(1, keepdim=True),
    "choice": lambda x: x.argmax(1).float() + x.clamp(-0.5, 0.5).amax(1),
    "several": lambda x: (x.exp(), x.relu().sum(dim=1)),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    torch.manual_seed(0)
    check(Function(FUNCTIONS[name]), torch.randn(3, 4))


def test_embedding():
    check(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)), torch.tensor([[1, 4, 0]]))


def test_resnet():
    torch.manual_seed(0)
    check(torch.vision.models.resnet18(num_classes=5), torch.randn(1, 3, 32, 32), tolerance=1e-3)


def test_sizes_that_may_differ():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    session = check(net, torch.randn(2, 1, 8, 8), input_names=["x"], output_names=["y"],
                    dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})  # fmt: skip
    x = torch.randn(5, 1, 8, 8)
    np.testing.assert_allclose(session.run(["y"], {"x": x.numpy()})[0], net(x).detach().numpy(), rtol=1e-4, atol=1e-4)


def test_what_is_not_written():
    with pytest.raises(NotImplementedError, match="erfinv"):
        torch.onnx.export(Function(torch.erfinv).eval(), torch.rand(2))
    with pytest.raises(NotImplementedError, match="training"):
        torch.onnx.export(nn.Linear(1, 1), torch.rand(1, 1))
    assert not torch.onnx.is_in_onnx_export()
