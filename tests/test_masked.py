"""torch.masked: reductions with masks, and MaskedTensor."""

import copy
import math
import pickle
import warnings

import pytest

import cygrad as T
from cygrad import masked as M
from cygrad.autograd import gradcheck, gradgradcheck
from cygrad.masked import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

pytestmark = pytest.mark.filterwarnings(
    "ignore:The PyTorch API of MaskedTensors", "ignore:It is not recommended"
)

inf, nan = math.inf, math.nan
VALUES = [[-3.0, -2, -1], [0, 1, 2], [4, 5, 6]]
MASK = [[True, False, True], [False, False, False], [True, True, True]]


def close(got, expected, dtype=None):
    assert got.dtype == (dtype or T.float32)
    assert T.allclose(
        got.double(), T.tensor(expected, dtype=T.float64), atol=1e-4, equal_nan=True
    ), got


@pytest.fixture
def x():
    return T.tensor(VALUES)


@pytest.fixture
def m():
    return T.tensor(MASK)


@pytest.fixture
def a():
    """[[-2, --, 0], [--, --, --]]"""
    mask = T.tensor([[True, False, True], [False, False, False]])
    return masked_tensor(T.arange(6.0).reshape(2, 3) - 2, mask)


# ---- functions; all expected values are PyTorch's

REDUCED = {
    "sum": [-4, 0, 15],
    "prod": [3, 1, 120],
    "amax": [-1, -inf, 6],
    "amin": [-3, inf, 4],
    "argmax": [2, 0, 2],
    "argmin": [0, 0, 0],
    "mean": [-2, nan, 5],
    "median": [-3, nan, 5],
    "var": [2, nan, 1],
    "std": [1.4142, nan, 1],
    "logsumexp": [-0.8731, -inf, 6.4076],
}


@pytest.mark.parametrize("name", REDUCED)
def test_reductions_leave_elements_out_and_define_empty_lanes(name, x, m):
    close(getattr(M, name)(x, 1, mask=m), REDUCED[name])
    kept = getattr(M, name)(x, 1, keepdim=True, mask=m)
    assert kept.shape == (3, 1)


def test_along_a_dimension_and_norms(x, m):
    close(M.cumsum(x, 1, mask=m), [[-3, -3, -4], [0, 0, 0], [4, 9, 15]])
    close(M.cumprod(x, 1, mask=m), [[-3, -3, 3], [1, 1, 1], [4, 20, 120]])
    close(M.softmax(x, 1, mask=m), [[0.1192, 0, 0.8808], [nan] * 3, [0.0900, 0.2447, 0.6652]])
    close(M.softmin(x, 1, mask=m), [[0.8808, 0, 0.1192], [nan] * 3, [0.6652, 0.2447, 0.0900]])
    close(
        M.log_softmax(x, 1, mask=m),
        [[-2.1269, -inf, -0.1269], [nan] * 3, [-2.4076, -1.4076, -0.4076]],
    )
    for ord, expected in {
        0: [2, 0, 3],
        1: [4, 0, 15],
        2.0: [3.1623, 0, 8.7750],
        inf: [3, 0, 6],
        -inf: [1, inf, 4],
    }.items():
        close(M.norm(x, ord, 1, mask=m), expected)
    close(
        M.normalize(x, 2.0, 1, mask=m),
        [[-0.9487, 0, -0.3162], [0, 0, 0], [0.4558, 0.5698, 0.6838]],
    )
    close(
        M.logaddexp(x, x, input_mask=m, other_mask=m),
        [[-2.3069, -inf, -0.3069], [-inf] * 3, [4.6931, 5.6931, 6.6931]],
    )


def test_masks_broadcast_and_dims_are_checked(x, m):
    close(M.sum(x, 1, mask=m[0]), [-4, 2, 10])
    close(M.mean(x, 1, mask=m[:, :1]), [-2, nan, 5])
    close(M.sum(x, (), mask=m), 11)
    close(M.sum(x, mask=m, keepdim=True), [[11]])
    close(M.amax(T.tensor(3.0), 0, mask=T.tensor(False)), -inf)
    with pytest.raises(IndexError, match="_input_mask expected broadcastable mask"):
        M.sum(x, 1, mask=m[None])
    with pytest.raises(IndexError, match=r"expected to be in range of \[-2, 1\], but got 5"):
        M.amax(x, 5)
    with pytest.raises(RuntimeError, match="dim=0 appears multiple times"):
        M.sum(x, (0, 0))


def test_integers_bools_and_dtypes(x, m):
    i = x.long()
    close(M.sum(i.int(), 1, mask=m), [-4, 0, 15], T.int64)
    close(M.prod(x > 0, 1, mask=m), [0, 1, 1], T.int64)
    assert M.amax(i, 1, mask=m).tolist() == [-1, -(2**63), 6]
    assert M.amin(i.int(), 1, mask=m).tolist() == [-3, 2**31 - 1, 4]
    assert M.cumsum(i.int(), 1, mask=m).dtype == T.int32
    close(M.argmax(i, 1, mask=m), [2, 0, 2], T.int64)
    close(M.var(i, 1, mask=m), [2, nan, 1])
    close(M.mean(x, 1, dtype=T.float64, mask=m), [-2, nan, 5], T.float64)
    some = T.tensor([[True, False, True], [True, True, False]])
    assert M.median(T.tensor([[1, 2, 3], [4, 5, 6]]), 1, mask=some).tolist() == [1, 4]
    big = T.tensor([[2**62 + 1, 2**62 + 3, 0]])
    assert M.median(big, 1, mask=T.tensor([True, True, False])).tolist() == [2**62 + 1]
    with pytest.raises(ValueError, match="masked median expects no fully masked out rows"):
        M.median(i, 1, mask=m)
    with pytest.raises(
        ValueError, match=r"mean\(\): Could not infer output dtype.*Got: torch.int64"
    ):
        M.mean(i, 1)
    with pytest.raises(NotImplementedError, match="identity of amax on torch.bool input"):
        M.amax(x > 0, 1, mask=m)


def test_correction_of_variances(x, m):
    close(M.var(x, 1, correction=2, mask=m), [inf, nan, 2])
    close(M.var(x, 1, unbiased=False, mask=m), [1, nan, 0.6667])
    close(M.std(x, (0, 1), False, mask=m), 3.5440)
    with pytest.raises(AssertionError, match="Only one of unbiased and correction may be given"):
        M.var(x, 1, True, correction=1)


TWICE = """sum prod cumsum cumprod amax mean median var std norm normalize softmax log_softmax softmin logsumexp
    logaddexp""".split()


@pytest.mark.parametrize("name", TWICE)
def test_gradients_of_both_orders(name):
    T.manual_seed(3)
    x = T.randn(2, 4, dtype=T.float64, requires_grad=True)
    mask = T.tensor([[True, True, False, True], [False, True, True, True]])

    def f(x):
        if name == "logaddexp":
            return M.logaddexp(
                x, x * 2, input_mask=mask, other_mask=T.tensor([True, True, True, False])
            )
        ord = {"norm": (3.0,), "normalize": (2.0,)}.get(name, ())
        result = getattr(M, name)(x, *ord, 1, mask=mask)
        return result.masked_fill(~mask, 0) if name == "log_softmax" else result  # not the -inf

    assert gradcheck(f, (x,))
    assert gradgradcheck(f, (x,))


# ---- MaskedTensor


def test_printed_as_pytorch_prints(a):
    assert (
        repr(a)
        == str(a)
        == (
            "MaskedTensor(\n  [\n    [ -2.0000,       --,   0.0000],\n    [      --,       --,       --]\n  ]\n)"
        )
    )
    assert repr(a.long()[0]) == "MaskedTensor(\n  [-2,       --, 0]\n)"
    assert (
        repr(a[0, 0]) == "MaskedTensor( -2.0000, True)"
        and repr(a[0, 1]) == "MaskedTensor(--, False)"
    )
    wide = masked_tensor(T.tensor([1e6, 2]), T.tensor([True, False]))
    assert repr(wide) == "MaskedTensor(\n  [1000000.0000,           --]\n)"


def test_parts_are_copies_and_tensors(a):
    data, mask = T.ones(2), T.tensor([True, False])
    b = masked_tensor(data, mask)
    b.add_(1)
    assert data.tolist() == [1, 1] and b.get_data().tolist() == [2, 2]
    assert type(b.get_data()) is T.Tensor and b.get_mask().tolist() == [True, False]
    assert a.to_tensor(9).tolist() == [[-2, 9, 0], [9, 9, 9]] and type(a.to_tensor(9)) is T.Tensor
    assert is_masked_tensor(a) and not is_masked_tensor(data) and isinstance(a, T.Tensor)
    assert a.shape == (2, 3) and a.dtype == T.float32 and len(a) == 2 and not a.is_sparse


def test_elementwise_operators_keep_the_mask(a):
    for got, expected in [
        (a + a, -4), (1 + a, -1), (a * 2, -4), (2 / a, -1), (a // 2, -1), (a**2, 4), (-a, 2), (abs(a), 2),
        (a + T.ones(2, 1), -1), (T.ones(3) + a, -1), (T.maximum(a, -a), 2), (a.clamp(0, 1), 0),
        (T.exp(a), math.exp(-2)),
        (T.where(a.get_mask(), 5.0, a), 5), (a.clone().mul_(3), -6), (a.double(), -2), (T.ones_like(a), 1),
    ]:  # fmt: skip
        assert is_masked_tensor(got) and got.get_mask().equal(a.get_mask())
        assert got[0, 0].item() == pytest.approx(expected)
    assert (a < 0).dtype == T.bool and (a < 0)[0, 0].item() is True
    with pytest.raises(ValueError, match="Input masks must match. If you need support for this"):
        a + masked_tensor(a.get_data(), ~a.get_mask())
    with pytest.raises(TypeError, match="unsupported operand type"):
        1 - a
    with pytest.raises(ValueError, match=r"len\(kwargs\) must equal 0"):
        T.add(a, a, alpha=2)
    with pytest.raises(
        TypeError, match="MaskedTensor unary ops do not support additional Tensor arguments"
    ):
        T.pow(a, a)


def test_reductions_of_masked_tensors(a):
    for name, expected in {
        "sum": -2,
        "mean": -1,
        "prod": 0,
        "amax": 0,
        "argmax": 2,
        "var": 2,
        "std": 2**0.5,
    }.items():
        r = getattr(a, name)(1)
        assert r.get_mask().tolist() == [True, False] and r[0].item() == pytest.approx(expected)
        assert getattr(T, name)(a).item() == pytest.approx(expected)
    assert a.sum(dim=1, keepdim=True).shape == (2, 1)
    assert a.all(1).get_mask().tolist() == [True, False] and a.all().item() is False
    assert T.softmax(a, 1).to_tensor(0)[0].tolist() == pytest.approx([0.1192, 0, 0.8808], abs=1e-4)
    close(M.sum(a, 1), [-2, 0])


def test_shapes_go_with_their_masks(a):
    assert a.t().get_mask().shape == (3, 2) and a.reshape(-1)[2].item() == 0
    assert [p.get_mask().tolist() for p in a.split(1)] == [[[True, False, True]], [[False] * 3]]
    assert T.cat([a, a]).get_mask().shape == (4, 3) and T.stack([a, a]).shape == (2, 2, 3)
    assert a[a.get_mask()].get_data().tolist() == [-2, 0]


def test_gradients_of_masked_tensors(a):
    r = masked_tensor(a.get_data(), a.get_mask(), requires_grad=True)
    (r * r).sum().backward()
    assert is_masked_tensor(r.grad) and r.grad.to_tensor(0).tolist() == [[-4, 0, 0], [0, 0, 0]]
    (g,) = T.autograd.grad((r**3).sum(), r, create_graph=True)
    assert is_masked_tensor(g) and g[0, 0].item() == 12
    assert T.autograd.grad(g.sum(), r)[0][0, 0].item() == -12
    x = T.ones(2, requires_grad=True)
    as_masked_tensor(x, T.tensor([True, False])).sum().backward()
    assert x.grad.tolist() == [1, 0]
    assert masked_tensor(x, T.tensor([True, False])).requires_grad is False


def test_what_is_not_there_is_refused(a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in (
            T.relu,
            lambda a: a.max(),
            lambda a: a.cumsum(1),
            lambda a: T.mm(a, a.t()),
            lambda a: a.T,
            iter,
        ):
            with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch._ops.aten"):
                f(a)
    with pytest.warns(
        UserWarning, match="relu is not implemented in __torch_dispatch__ for MaskedTensor"
    ):
        pytest.raises(TypeError, T.relu, a)
    with pytest.raises(
        RuntimeError, match="tolist.. is not supported for tensor subclasses, got MaskedTensor"
    ):
        a.tolist()
    with pytest.raises(RuntimeError, match="numpy.. is not supported for tensor subclasses"):
        a.numpy()
    with pytest.raises(ValueError, match="expected a mask tensor"):
        a[0, 1].item()


def test_bad_parts_are_refused(a):
    data, mask = a.get_data(), a.get_mask()
    for args, error, text in [
        ((data, mask.int()), TypeError, "mask must have dtype bool."),
        ((data, mask[0]), ValueError, "data.dim.. must equal mask.dim"),
        ((data, mask[:1]), ValueError, "data.size.. must equal mask.size"),
        ((data.tolist(), mask), TypeError, "data must be a Tensor"),
        ((a, mask), TypeError, "data must be a Tensor"),
        ((data, None), TypeError, "mask must be a Tensor"),
        ((data.to(T.uint8), mask), TypeError, "torch.uint8 is not supported in MaskedTensor."),
    ]:
        with pytest.raises(error, match=text):
            MaskedTensor(*args)


def test_copied_and_pickled(a):
    for b in (copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert repr(b) == repr(a) and type(b) is MaskedTensor


def test_creation_warns_that_the_interface_is_a_prototype():
    with pytest.warns(UserWarning, match="MaskedTensors is in prototype stage"):
        masked_tensor(T.ones(1), T.tensor([True]))
