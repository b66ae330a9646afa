"""Edges of operators that once gave something else in silence, or the wrong complaint, each a kind of its own."""

import copy
from collections import namedtuple

import pytest

import cygrad as torch

F, nn, nan = torch.nn.functional, torch.nn, float("nan")
SHARED = "single memory location"


def test_grad_by_its_private_name_is_the_grad():
    p = torch.zeros(2, requires_grad=True)
    p._grad = torch.ones(2)
    assert p.grad.tolist() == [1, 1] and p._grad is p.grad
    with pytest.raises(RuntimeError, match="attempting to assign a gradient of size"):
        p._grad = torch.ones(3)


def test_the_scale_of_an_integer_index_add_is_cast_first():
    got = torch.zeros(3, dtype=torch.int64).index_add(0, torch.tensor([0]), torch.tensor([2]), alpha=1.5)
    assert got.tolist() == [2, 0, 0]


def test_a_determinant_is_taken_by_columns():
    assert torch.linalg.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).item() == -2.0


def test_rows_with_nan_equal_no_other():
    x = torch.tensor([[nan, 1.0], [nan, 1.0], [0.0, 1.0], [0.0, 1.0]])
    rows, inverse, counts = x.unique(dim=0, return_inverse=True, return_counts=True)
    assert rows.shape == (3, 2) and sorted(counts.tolist()) == [1, 1, 2]
    assert inverse[0] != inverse[1] and inverse[2] == inverse[3]
    assert torch.unique_consecutive(x, dim=0, return_counts=True)[1].tolist() == [1, 1, 2]


def test_a_deepcopy_keeps_a_tensor_and_its_storage_together():
    t = torch.ones(3)
    for pair in ([t, t.untyped_storage()], [t.untyped_storage(), t]):
        a, b = copy.deepcopy(pair)
        at = [x.untyped_storage().data_ptr() if isinstance(x, torch.Tensor) else x.data_ptr() for x in (a, b)]
        assert at[0] == at[1] != t.data_ptr()


def test_bytes_of_a_bool_other_than_one_become_one():
    odd = torch.tensor([2, 0, 255, 1], dtype=torch.uint8).view(torch.bool)
    assert odd.clone().view(torch.uint8).tolist() == [1, 0, 1, 1]
    assert odd.sort()[0].view(torch.uint8).tolist() == [0, 1, 1, 1]
    assert odd.argsort(stable=True).tolist() == [1, 0, 2, 3]
    assert odd.unique().view(torch.uint8).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: torch.heaviside(torch.ones(1), torch.ones(1, dtype=torch.float64)), "different dtypes"),
        (lambda: torch.nonzero(torch.ones(2), out=torch.empty(0)), "scalar type Long but got scalar typeFloat"),
        (lambda: torch.all(torch.ones(2), out=torch.empty(0)), "all only supports bool tensor for result, got: Float"),
        (lambda: torch.isposinf(torch.ones(2), out=torch.empty(2)), "does not support non-boolean outputs"),
        (lambda: torch.neg(torch.ones(2), out=torch.empty(2).double()), "Found dtype Double but expected Float"),
        (lambda: torch.gather(torch.ones(2), 0, torch.tensor([0, 1]), out=torch.empty(2).double()), "to have dtype"),
        (lambda: torch.sort(torch.ones(2), out=(torch.empty(2), torch.empty(2))), "dtype long int, but got float"),
        (lambda: torch.amax(torch.ones(2), 0, out=torch.empty(0).int()), "dtype for input and out to match"),
        (lambda: torch.repeat_interleave(torch.ones(2), 2, output_size=5), "expected 4 but got 5"),
        (lambda: torch.unique(torch.ones(2)).unfold(0, -2, 1), "size is -2 but must be >= 0"),
        (lambda: F.max_unpool2d(torch.ones(1, 0, 2, 2), torch.ones(1, 0, 2, 2).long(), 2), "dimension 1 being empty"),
        (lambda: F.fractional_max_pool2d(torch.ones(1, 0, 4, 4), 2, output_size=2), "dimension 1 being empty"),
        (lambda: F.soft_margin_loss(torch.ones(2), torch.ones(2, requires_grad=True)), "argument 'target'"),
    ],
)
def test_what_has_to_be_refused_is(call, text):
    with pytest.raises(RuntimeError, match=text):
        call()


@pytest.mark.parametrize("size", [(0, 1, 2, 2), (1, 1, 0, 2)])
def test_a_grid_has_a_size(size):
    with pytest.raises(ValueError, match="non-zero, positive output size"):
        F.affine_grid(torch.ones(size[0], 2, 3), size, align_corners=False)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.index_reduce_(0, torch.tensor([0]), torch.ones(1), "amax"),
        lambda x: x.scatter_reduce_(0, torch.tensor([0]), torch.ones(1), "sum"),
        lambda x: x.cumsum_(0),
        lambda x: torch.gather(torch.ones(3), 0, torch.tensor([0, 1, 2]), out=x),
        lambda x: torch.cat([torch.ones(3)], out=x),
        lambda x: torch.take(torch.ones(3), torch.tensor([0, 1, 2]), out=x),
    ],
)
def test_elements_that_are_one_place_are_not_written(write):
    with pytest.raises(RuntimeError, match=SHARED):
        write(torch.zeros(1).expand(3))


def test_an_expanded_tensor_is_filled_with_a_warning():
    mask = torch.tensor([True, False, False])
    for fill in (lambda x: x.masked_fill_(mask, 1.0), lambda x: x.index_fill_(0, torch.tensor([0]), 1.0)):
        x = torch.zeros(1).expand(3)
        with pytest.warns(UserWarning, match="on expanded tensors is deprecated"):
            fill(x)
        assert x.tolist() == [1, 1, 1]


def test_an_output_does_not_share_memory_with_what_is_read():
    x, places = torch.arange(4.0), torch.tensor([0, 1])
    for call in (
        lambda: torch.gather(x, 0, places, out=x[:2]),
        lambda: torch.index_select(x, 0, places, out=x[1:3]),
        lambda: torch.cat([x[:2], x[2:]], out=x),
        lambda: torch.take(x, places, out=x[2:]),
    ):
        with pytest.raises(RuntimeError, match=SHARED):
            call()


def test_attention_over_nothing():
    shapes = [(0, 2, 3, 4), (2, 0, 3, 4), (1, 1, 2, 0)]
    for shape in shapes:
        x = torch.ones(shape)
        assert F.scaled_dot_product_attention(x, x, x).shape == shape
    got = F.scaled_dot_product_attention(torch.ones(1, 2, 0), torch.ones(1, 2, 0), torch.ones(1, 2, 3))
    assert got.tolist() == torch.ones(1, 2, 3).tolist()


@pytest.mark.parametrize("part", ["real", "imag"])
def test_a_part_written_in_place_has_its_gradient(part):
    def program(in_place):
        x = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        y = x * 1
        if in_place:
            getattr(y, part).mul_(3).sin_()
        else:
            parts = {p: getattr(y, p) for p in ("real", "imag")}
            parts[part] = (parts[part] * 3).sin()
            y = torch.complex(parts["real"], parts["imag"])
        (g,) = torch.autograd.grad((y * y.conj()).real.sum(), x, create_graph=True)
        (h,) = torch.autograd.grad((g * g.conj()).real.sum(), x)
        return g.detach(), h

    for got, expected in zip(program(True), program(False), strict=True):
        torch.testing.assert_close(got, expected)


def test_a_real_tensor_written_through_its_complex_view_has_its_gradient():
    x = torch.arange(4.0).reshape(2, 2).requires_grad_()
    y = x * 1
    torch.view_as_complex(y).mul_(2j)
    y[:, 0].sum().backward()
    assert x.grad.tolist() == [[0, -2], [0, -2]]


def test_full_backward_hooks_see_a_named_tuple():
    Pair = namedtuple("Pair", "a b")

    class Twice(nn.Module):
        def forward(self, x):
            return Pair(x, x * 2)

    seen, m = [], Twice()
    m.register_full_backward_hook(lambda module, inputs, outputs: seen.append(len(outputs)))
    out = m(torch.ones(2, requires_grad=True))
    assert isinstance(out, Pair)
    (out.a + out.b).sum().backward()
    assert seen == [2]


def test_a_custom_function_has_default_arguments_and_runs_again_if_it_reads_nothing():
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(x, p=2):
            return x**p

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.p = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.p, None

    y = Power.apply(torch.tensor(3.0, requires_grad=True))
    y.backward()
    y.backward()
    assert y.item() == 9


def test_a_running_logsumexp_of_complex_numbers():
    x = torch.tensor([0.3 + 1j, -2.0 + 0.5j, 1.0 - 2j], dtype=torch.complex128, requires_grad=True)
    torch.testing.assert_close(x.logcumsumexp(0), x.exp().cumsum(0).log())
    assert torch.autograd.gradcheck(lambda x: x.logcumsumexp(0), (x,))
