"""Channels last is a layout that operators keep, with the values that they have in the contiguous one."""

import pytest

import cygrad as torch
from cygrad import nn
from cygrad.nn import functional as F

pytestmark = pytest.mark.usefixtures("everywhere")
LAST = torch.channels_last


def weights(*shape):
    return torch.linspace(-1, 1, torch.Size(shape).numel()).view(shape).sin()


POINTWISE = {
    "neg": lambda x: -x,
    "number": lambda x: 2 - x,
    "contiguous second": lambda x: x * weights(2, 4, 5, 6),
    "broadcast first": lambda x: weights(4, 1, 1) - x,
    "row": lambda x: x + weights(6),
    "comparison": lambda x: x > 0,
    "to": lambda x: x.half(),
    "where": lambda x: torch.where(x > 0, x, weights(2, 4, 5, 6)),
    "addcmul": lambda x: torch.addcmul(x, x, weights(2, 4, 5, 6)),
    "lerp": lambda x: x.lerp(weights(2, 4, 5, 6), 0.5),
    "softmax of gaps": lambda x: x[:, :, ::2].relu(),
    "clone": lambda x: x.clone(),
    "zeros_like": lambda x: torch.zeros_like(x),
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(1, 2),
    "glu": lambda x: F.glu(x, 1),
    "prelu": lambda x: F.prelu(x, weights(4)),
    "mse": lambda x: F.mse_loss(x, weights(2, 4, 5, 6), reduction="none"),
    "dropout": lambda x: F.dropout(x, 0.0),
    "cat": lambda x: torch.cat([x, x], 1),
}
LAYERS = {
    "conv": lambda x: F.conv2d(x, weights(6, 4, 3, 3), weights(6), padding=1),
    "conv 1x1": lambda x: F.conv2d(x, weights(6, 4, 1, 1)),
    "conv groups": lambda x: F.conv2d(x, weights(4, 1, 3, 3), groups=4),
    "conv_transpose": lambda x: F.conv_transpose2d(x, weights(4, 6, 3, 3), stride=2),
    "max_pool": lambda x: F.max_pool2d(x, 2),
    "avg_pool": lambda x: F.avg_pool2d(x, 2, padding=1),
    "adaptive_avg_pool": lambda x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_max_pool": lambda x: F.adaptive_max_pool2d(x, 3),
    "batch_norm": lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4), weights(4), weights(4), training=True),
    "batch_norm eval": lambda x: F.batch_norm(x, weights(4), torch.ones(4)),
    "group_norm": lambda x: F.group_norm(x, 2, weights(4), weights(4)),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, size=(7, 9), mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
    "reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
}
OPERATORS = POINTWISE | LAYERS


@pytest.fixture
def x():
    return weights(2, 4, 5, 6).contiguous(memory_format=LAST)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_keep_channels_last(name, x):
    operator = OPERATORS[name]
    here, there = operator(x), operator(x.contiguous())
    assert here.is_contiguous(memory_format=LAST), here.stride()
    assert there.is_contiguous()
    torch.testing.assert_close(here, there, check_stride=False)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_contiguous_inputs(name, x):
    found = []
    for t in (x, x.contiguous()):
        t = t.detach().requires_grad_()
        out = LAYERS[name](t)
        out.backward(weights(*out.shape).contiguous(memory_format=LAST))
        found.append(t.grad)
    torch.testing.assert_close(*found, check_stride=False)
    assert found[0].stride() == x.stride() and found[1].is_contiguous()


def test_the_weight_decides_too():
    y, w = weights(2, 4, 5, 6), weights(6, 4, 3, 3)
    for out in (F.conv2d(y, w.contiguous(memory_format=LAST)), F.conv2d(y.contiguous(memory_format=LAST), w)):
        assert out.is_contiguous(memory_format=LAST)
        torch.testing.assert_close(out, F.conv2d(y, w), check_stride=False)


def test_shapes_that_say_nothing_are_contiguous():
    for shape in ((2, 4, 1, 1), (1, 1, 1, 1), (2, 1, 5, 6), (0, 4, 5, 6)):
        x = torch.ones(shape)
        assert F.avg_pool2d(x, 1).stride() == x.stride()
    x = torch.ones(2, 1, 5, 6).contiguous(memory_format=LAST)
    assert F.max_pool2d(x, 2).is_contiguous()


def test_lists_of_different_layouts_are_joined_contiguously(x):
    assert torch.cat([x, x.contiguous()]).is_contiguous()
    strides = [(240, 120, 1, 24, 4), (240, 4, 1, 48, 8), (240, 1, 120, 24, 4), (240, 1, 48, 24, 4), (240, 60, 12, 2, 1)]
    for d, wanted in enumerate(strides):
        stacked = torch.stack([x, -x], d)
        assert stacked.stride() == wanted
        assert torch.equal(stacked.select(d, 0), x) and torch.equal(stacked.select(d, 1), -x)


def test_other_orders():
    t = weights(3, 4, 5).permute(1, 2, 0)
    for out in (-t, t + 1, t + t, t > 0, torch.where(t > 0, t, t), t.flip(0), t + weights(4, 1, 1), t.clone()):
        assert out.stride() == t.stride()
    assert (t + weights(4, 5, 3)).stride() == t.stride() and (weights(4, 5, 3) + t).is_contiguous()
    assert (t[::2] * 2).stride() == (5, 1, 10)
    assert (weights(5, 3) + t).stride() == (15, 3, 1) and (t.sum() + t).stride() == t.stride()


def test_three_dimensions_of_space():
    x = weights(1, 2, 3, 4, 5).contiguous(memory_format=torch.channels_last_3d)
    for out in (
        x.relu(), F.conv3d(x, weights(4, 2, 2, 2, 2)), F.max_pool3d(x, 2), F.batch_norm(x, None, None, training=True),
        F.interpolate(x, scale_factor=2), F.pad(x, (1, 1)), torch.cat([x, x], 1),
    ):  # fmt: skip
        assert out.is_contiguous(memory_format=torch.channels_last_3d)


def test_a_network_trains_as_in_the_contiguous_layout():
    def losses(memory_format):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                            nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))  # fmt: skip
        net = net.to(memory_format=memory_format)
        assert net[0].weight.is_contiguous(memory_format=memory_format)
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        images, labels = weights(4, 3, 12, 12).to(memory_format=memory_format), torch.tensor([0, 1, 2, 0])
        for _ in range(4):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(images), labels)
            loss.backward()
            assert net[0].weight.grad.stride() == net[0].weight.stride()
            optimizer.step()
            yield loss.item()

    assert list(losses(LAST)) == pytest.approx(list(losses(torch.contiguous_format)), abs=1e-5)


def test_the_order_of_several_that_a_format_has():
    x = torch.empty(1, 2, 3, 4)
    both = [torch.contiguous_format, LAST]
    assert x.dim_order(ambiguity_check=both) == (0, 1, 2, 3)
    assert x.to(memory_format=LAST).dim_order(ambiguity_check=both) == (0, 2, 3, 1)
    assert torch.empty(2, 3, 4, 5).dim_order(ambiguity_check=[LAST]) == (0, 1, 2, 3)
    for t, given, message in (
        (x, [LAST], "unique dim order, or cannot map to exact one of the given memory formats.$"),
        (x, True, "unique dim order, or cannot map"),
        (torch.empty(1, 1, 3, 1), both, "unique dim order, or cannot map"),
        (torch.empty(1, 1, 3, 1), [LAST], "does not have unique dim order.$"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=message):
            t.dim_order(ambiguity_check=given)
