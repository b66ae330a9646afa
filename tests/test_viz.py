"""cygrad.viz: what its drawings and tables say."""

import doctest
import io
import shutil

import numpy as np
import pytest

import cygrad as torch
from cygrad import nn, viz


@pytest.fixture
def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


def test_examples():
    failed, tried = doctest.testmod(viz, extraglobs={"torch": torch, "viz": viz})
    assert not failed and tried > 5


def test_graph_has_operators_and_variables(net):
    loss = net(torch.rand(2, 3, 8, 8)).logsumexp(1).mean()
    g = viz.graph(loss, net)
    labels = sorted(label for kind, label in g.nodes.values() if kind == "variable")
    assert labels == ["0.bias\n4", "0.weight\n4×3×3×3", "3.bias\n10", "3.weight\n10×256", "result\nscalar"]
    operators = [label for kind, label in g.nodes.values() if kind == "operator"]
    assert {"mean", "logsumexp", "relu"} <= set(operators)
    assert 'label="0.bias\\n4", shape=ellipse' in g.dot and "shape=box" in g.dot


def test_graph_of_what_is_used_twice():
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    assert str(viz.graph(y * y, {"x": x})) == "result 2\n  mul\n    exp\n      x 2\n    exp (...)"


def test_deep_graphs_have_a_text():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1
    assert str(viz.graph(y)).count("\n") == 3001


def test_graph_of_nothing():
    with pytest.raises(ValueError, match="no graph"):
        viz.graph(torch.ones(2))


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graph_draws(tmp_path):
    x = torch.ones(2, requires_grad=True)
    viz.graph(x.exp()).save(tmp_path / "g.svg")
    assert "<svg" in (tmp_path / "g.svg").read_text()


def test_graph_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    g = viz.graph(torch.ones(2, requires_grad=True).exp())
    assert g._repr_svg_() is None
    g.save(tmp_path / "g.txt")
    with pytest.raises(RuntimeError, match="graphviz"):
        g.save(tmp_path / "g.png")


def test_summary(net):
    net.train()
    s = viz.summary(net, torch.rand(2, 3, 8, 8))
    assert [layer["kind"] for layer in s.layers] == ["Conv2d", "ReLU", "Flatten", "Linear"]
    assert s.layers[0]["shape"] == (2, 4, 8, 8) and s.layers[0]["operations"] == 2 * 27 * 2 * 4 * 64
    assert s.layers[3]["operations"] == 2 * 2560 * 2
    assert s.parameters == s.trainable == sum(p.numel() for p in net.parameters())
    assert all(m.training for m in net.modules()) and not net[0]._forward_hooks
    assert "Conv2d" in str(s) and "<table>" in s._repr_html_()


def test_images_are_png():
    picture = viz.images(torch.arange(12.0).view(3, 2, 2), columns=3, scale=1)
    assert tuple(picture.pixels.shape) == (5, 13, 3)
    assert picture.pixels[1, 1].tolist() == [0, 0, 0] and picture.pixels[2, 2].tolist() == [255, 255, 255]
    image = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(picture.png()))), picture.pixels.numpy())


@pytest.mark.parametrize("shape", [(3,), (0, 2, 2), (1, 1, 1, 2, 2)])
def test_images_of_other_shapes(shape):
    with pytest.raises(ValueError, match="dimensions"):
        viz.images(torch.zeros(shape))


def test_constant_image():
    assert viz.images(torch.ones(2, 2)).pixels.sum() == 0


def test_curves(tmp_path):
    pytest.importorskip("tensorboard")
    with torch.utils.tensorboard.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", 1 / (step + 1), step)
    steps, values = viz.curves(tmp_path)["loss"]
    assert steps == [0, 1, 2] and values == pytest.approx([1, 1 / 2, 1 / 3])
