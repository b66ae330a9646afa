"""Numbers, memory and sizes that an operator has to refuse, or to take as PyTorch takes them."""

import math

import numpy as np
import pytest

import cygrad as torch
import cygrad.nn.functional as F

INTEGERS = {torch.uint8: (-255, 255), torch.int8: (-128, 127), torch.int16: (-(2**15), 2**15 - 1),
            torch.int32: (-(2**31), 2**31 - 1), torch.int64: (-(2**63), 2**63 - 1)}  # fmt: skip
FLOATS = {torch.float16: 65504.0, torch.bfloat16: 3.3895313892515355e38, torch.float32: 3.4028234663852886e38}
OVERFLOW = "value cannot be converted to type .* without overflow"

WRITERS = {
    "fill_": lambda x, v: x.fill_(v),
    "setitem": lambda x, v: x.__setitem__(0, v),
    "setitem by index": lambda x, v: x.__setitem__(torch.tensor([0]), v),
    "setitem by mask": lambda x, v: x.__setitem__(torch.tensor([True, False]), v),
    "masked_fill": lambda x, v: x.masked_fill(torch.tensor([True, False]), v),
    "masked_fill tensor": lambda x, v: x.masked_fill(torch.tensor([True, False]), torch.tensor(v)),
    "index_fill": lambda x, v: x.index_fill(0, torch.tensor([0]), v),
    "scatter": lambda x, v: x.scatter(0, torch.tensor([0]), v),
    "new_full": lambda x, v: x.new_full((1,), v),
    "full_like": lambda x, v: torch.full_like(x, v),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_integers_hold_what_they_can(write):
    for dtype, (low, high) in INTEGERS.items():
        x = torch.zeros(2, dtype=dtype)
        for v in (low, high):
            write(x, v)
        for v in (low - 1, high + 1, 1e30, math.nan, math.inf):
            if abs(v) >= 2**63 and isinstance(v, int):  # no tensor holds it, in any dtype
                continue
            with pytest.raises(RuntimeError, match=OVERFLOW):
                write(x, v)


def test_floats_hold_what_they_can():
    for dtype, largest in FLOATS.items():
        x = torch.zeros(2, dtype=dtype)
        for v in (largest, -largest, math.inf, -math.inf, math.nan):
            assert str(x.fill_(v)[0].item()) == str(float(v))
        with pytest.raises(RuntimeError, match=OVERFLOW):
            x.fill_(1e300)
    assert torch.zeros(1, dtype=torch.float64).fill_(2**63).item() == 2.0**63
    with pytest.raises(OverflowError, match="int too big to convert"):  # no tensor's number: of at most 64 bits
        torch.zeros(1, dtype=torch.float64).fill_(2**70)
    with pytest.raises(RuntimeError, match=OVERFLOW):
        torch.zeros(1, dtype=torch.complex64).fill_(complex(1, 1e300))
    with pytest.raises(RuntimeError, match=OVERFLOW):  # of negative numbers bytes hold the integers alone
        torch.zeros(1, dtype=torch.uint8).fill_(-1.0)
    with pytest.raises(RuntimeError, match=OVERFLOW):
        torch.zeros(1).fill_(1 + 1j)


def test_arithmetic_wraps_as_before():
    assert (torch.zeros(1, dtype=torch.int8) + 300).item() == 44


@pytest.mark.parametrize("name", ["clamp", "clip"])
def test_limits_that_the_dtype_cannot_hold(name):
    with pytest.raises(RuntimeError, match=OVERFLOW):
        getattr(torch, name)(torch.zeros(2, dtype=torch.int8), max=300)


def test_bools_of_any_byte():
    b = torch.from_numpy(np.array([0, 2, 255], np.uint8).view(bool))
    true = torch.tensor([False, True, True])
    assert b.sum() == 2 and b.float().tolist() == [0, 1, 1] and b.long().cumsum(0).tolist() == [0, 1, 2]
    assert (b == true).all() and (b ^ True).view(torch.uint8).tolist() == [1, 0, 0]
    assert (b + 1).tolist() == [1, 2, 2] and (torch.ones(3) * b).tolist() == [0, 1, 1]
    assert b.count_nonzero() == 2 and b.prod() == 0 and b.to(torch.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize("write", [
    lambda b: b[1:].add_(b[:-1]), lambda b: b[1:].copy_(b[:-1]), lambda b: torch.mul(b[1:], 2, out=b[:-1]),
    lambda b: torch.exp(b[1:], out=b[:-1]), lambda b: b.view(2, 2).add_(b.view(2, 2).t()),
    lambda b: b[1:].lerp_(b[:-1], 0.5), lambda b: b[1:].scatter_(0, torch.tensor([0, 1]), b[:2]),
    lambda b: b.index_add_(0, torch.tensor([0, 1]), b[:2]),
])  # fmt: skip
def test_partial_overlap_is_refused(write):
    b = torch.arange(4.0)
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to tensor refer to a"):
        write(b)
    assert b.tolist() == [0, 1, 2, 3]


def test_overlap_that_is_none():
    b = torch.arange(4.0)
    assert b[1:].add_(b[1:]).tolist() == [2, 4, 6]
    assert b[::2].add_(b[1::2]).tolist() == [2, 10]  # apart, between each other
    assert torch.exp(b[:0], out=b[1:1]).shape == (0,)
    assert b[2:].copy_(b[:2]).tolist() == [2, 2]


def test_places_of_an_expanded_tensor():
    def written(write):
        x = torch.zeros(3, 1).expand(3, 4)
        write(x)
        return x[:, 0].tolist()

    assert written(lambda x: x.__setitem__((slice(None), 0), torch.arange(3.0))) == [0, 1, 2]
    assert written(lambda x: x.__setitem__((0, 0), 1.0)) == [1, 0, 0]
    assert written(lambda x: x.__setitem__((torch.tensor([0]), torch.tensor([1])), 1.0)) == [1, 0, 0]
    assert written(lambda x: x.index_put_((torch.tensor([2]), torch.tensor([1])), torch.tensor(1.0))) == [0, 0, 1]
    assert written(lambda x: x.index_fill_(0, torch.tensor([0]), 1.0)) == [1, 0, 0]
    for write in (lambda x: x.__setitem__(0, 1.0), lambda x: x.__setitem__((slice(None), slice(0, 2)), 1.0),
                  lambda x: x.add_(1), lambda x: x.copy_(torch.ones(3, 4))):  # fmt: skip
        with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
            written(write)


def test_resizing_a_storage():
    x = torch.ones(4)
    storage = x.untyped_storage()
    storage.resize_(0)
    assert storage.nbytes() == 0
    x.sum()  # of whatever values: the memory is still there
    storage.resize_(16)
    assert x.fill_(2).tolist() == [2, 2, 2, 2] and storage.nbytes() == 16
    with pytest.raises(RuntimeError, match="negative number"):
        storage.resize_(-5)


def test_memory_of_numpy_keeps_its_size():
    x = torch.from_numpy(np.ones(4, np.float32))
    storage = x.untyped_storage()
    for resize in (lambda: storage.resize_(0), lambda: x.resize_(8), lambda: storage.resize_(99)):
        with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
            resize()
    assert x.resize_(2).tolist() == [1, 1]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_convolutions_cost_what_their_output_does(d):
    x = torch.ones(1, 1, *[8] * d, dtype=torch.float64, requires_grad=True)
    w = torch.ones(2, 1, *[3] * d, dtype=torch.float64, requires_grad=True)
    conv = (F.conv1d, F.conv2d, F.conv3d)[d - 1]
    y = conv(x, w, stride=2**31)
    assert y.shape == (1, 2, *[1] * d) and y.flatten().tolist() == [3.0**d] * 2
    y.sum().backward()
    assert x.grad.sum() == 2 * 3**d and w.grad.sum() == 2 * 3**d
    back = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[d - 1]
    assert back(torch.ones(1, 2, *[1] * d), w.detach().float(), stride=10**6).sum() == 2 * 3**d


def test_vision_without_images():
    assert F.grid_sample(torch.ones(0, 1, 2, 2), torch.ones(0, 1, 2, 2), align_corners=False).shape == (0, 1, 1, 2)
    assert F.grid_sample(torch.ones(2, 0, 2, 2), torch.ones(2, 1, 2, 2), align_corners=False).shape == (2, 0, 1, 2)
    assert F.fold(torch.ones(0, 4, 4), (4, 4), 2, stride=2).shape == (0, 1, 4, 4)
    assert F.unfold(torch.ones(0, 1, 4, 4), 2).shape == (0, 4, 9)
    with pytest.raises(RuntimeError, match="non-empty spatial dimensions"):
        F.grid_sample(torch.ones(1, 1, 0, 2), torch.ones(1, 1, 2, 2), align_corners=False)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        assert F.interpolate(torch.ones(0, 1, 2, 2), size=3, mode=mode).shape == (0, 1, 3, 3)
        with pytest.raises(RuntimeError, match="Input and output sizes should be greater than 0"):
            F.interpolate(torch.ones(1, 1, 0, 2), size=2, mode=mode)
        with pytest.raises(RuntimeError, match="Non-empty 4D data tensor expected"):
            F.interpolate(torch.ones(1, 0, 2, 2), size=2, mode=mode)


@pytest.mark.parametrize("given, text", [
    ({"kernel_size": 0}, "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 0"),
    ({"padding": -1}, "padding should be non-negative, but got pad_height: -1 pad_width: -1"),
    ({"stride": 0}, "stride should be greater than zero, but got stride_height: 0 stride_width: 0"),
    ({"dilation": 0}, "dilation should be greater than zero, but got dilation_height: 0 dilation_width: 0"),
])  # fmt: skip
def test_windows_of_unfold_and_fold(given, text):
    given = {"kernel_size": 2} | given
    with pytest.raises(RuntimeError, match=text):
        F.unfold(torch.ones(1, 1, 4, 4), **given)
    with pytest.raises(RuntimeError, match=text):
        F.fold(torch.ones(1, 4, 4), 4, **given)


@pytest.mark.parametrize("name, lengths", [("input_lengths", ((5, -1), (2, 2))), ("target_lengths", ((5, 5), (2, -1)))])
def test_lengths_of_ctc_loss(name, lengths):
    with pytest.raises(RuntimeError, match=f"Expected {name} to have value at least 0, but got value -1"):
        F.ctc_loss(torch.zeros(5, 2, 4).log_softmax(2), torch.tensor([[1, 2], [3, 1]]), *lengths)


def test_integers_have_no_decimals_to_round_to():
    with pytest.raises(NotImplementedError, match="\"round_cpu\" not implemented for 'Long'"):
        torch.round(torch.tensor([125]), decimals=-1)
    with pytest.raises(NotImplementedError, match="\"round_cpu\" not implemented for 'Long'"):
        torch.tensor([125]).round_(decimals=-1)
    assert torch.round(torch.tensor([125])).tolist() == [125]


@pytest.mark.parametrize("kind, refused", [(torch.complex64, True), (torch.float64, False), (torch.int64, False)])
def test_gradients_of_another_kind(kind, refused):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g.to(kind)

    x = torch.ones(3, requires_grad=True)
    if refused:
        with pytest.raises(RuntimeError, match="input_is_complex == grad_is_complex"):
            Double.apply(x).sum().backward()
    else:
        Double.apply(x).sum().backward()
        assert x.grad.dtype is torch.float32
