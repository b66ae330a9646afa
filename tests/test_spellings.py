"""Arguments as NumPy spells them, and the deprecated orders with numbers before tensors."""

import warnings

import pytest

import cygrad as torch
from cygrad import _warnings


@pytest.fixture(autouse=True)
def warn_again():
    _warnings.forget_given()
    yield
    _warnings.forget_given()


def x():
    return torch.arange(6.0).reshape(2, 3)


class Plain(torch.Tensor):
    pass


@pytest.mark.parametrize("kind", [torch.Tensor, Plain])
@pytest.mark.parametrize(
    "foreign, own",
    [
        (lambda t: torch.cumsum(t, axis=0), lambda t: torch.cumsum(t, dim=0)),
        (lambda t: t.heaviside(values=t), lambda t: t.heaviside(t)),
        (lambda t: torch.isin(element=2, test_elements=t), lambda t: torch.isin(2, t)),
        (lambda t: torch.isin(t, test_element=2), lambda t: torch.isin(t, 2)),
        (lambda t: torch.zeros(2, 3).copy_(other=t), lambda t: t),
        (lambda t: torch.linalg.tensorsolve(torch.eye(2), other=t[:, 0]), lambda t: t[:, 0]),
        (lambda t: torch.linalg.matrix_rank(input=t), lambda t: torch.linalg.matrix_rank(t)),
        (lambda t: t.cumsum(axis=0), lambda t: t.cumsum(0)),
        (lambda t: torch.sum(x=t, axis=1, keepdims=True), lambda t: t.sum(1, True)),
        (lambda t: torch.mean(a=t), lambda t: t.mean()),
        (lambda t: torch.add(x1=t, x2=t), lambda t: t + t),
        (lambda t: t.mul(x2=t), lambda t: t * t),
        (lambda t: torch.maximum(x1=t, x2=2 - t), lambda t: torch.maximum(t, 2 - t)),
        (lambda t: torch.linalg.norm(t, axis=0), lambda t: torch.linalg.norm(t, dim=0)),
        (lambda t: torch.softmax(t, axis=1), lambda t: torch.softmax(t, 1)),
        (lambda t: t.logsumexp(axis=0, keepdims=True), lambda t: t.logsumexp(0, True)),
        (lambda t: torch.stack([t, t], axis=1), lambda t: torch.stack([t, t], 1)),
        (lambda t: t.split(split_size=1)[1], lambda t: t.split(1)[1]),
        (lambda t: t.tensor_split(sections=2)[0], lambda t: t.tensor_split(2)[0]),
        (lambda t: torch.addmm(x=t, mat1=t, mat2=torch.ones(3, 3)), lambda t: torch.addmm(t, t, torch.ones(3, 3))),
    ],
)
def test_foreign_names_do_as_own_ones(kind, foreign, own):
    t = x().as_subclass(kind)
    result = foreign(t)
    assert type(result) is kind and torch.equal(result, own(t))


def test_foreign_names_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.mm(x(), mat2=x().t()).dtype is torch.bfloat16
        assert torch.matmul(x1=x(), x2=x().t()).dtype is torch.bfloat16


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: torch.exp(), 'exp() missing 1 required positional arguments: "input"'),
        (lambda: torch.exp(x(), 1), "exp() takes 1 positional argument but 2 were given"),
        (lambda: torch.exp(x(), axis=1), "exp() got an unexpected keyword argument 'axis'"),
        (lambda: torch.transpose(x(), axis0=0), 'transpose() missing 2 required positional argument: "dim0", "dim1"'),
        (lambda: torch.cumsum(x(), dim=0, axis=0), "cumsum() got an unexpected keyword argument 'axis'"),
        (lambda: x().matmul(), 'matmul() missing 1 required positional arguments: "other"'),
        (lambda: x().addmm_(x()), 'addmm_() missing 1 required positional arguments: "mat2"'),
        (lambda: torch.nn.functional.softmax(x(), axis=1), "softmax() got an unexpected keyword argument 'axis'"),
    ],
)
def test_errors_name_the_operator(call, text):
    with pytest.raises(TypeError) as raised:
        call()
    assert str(raised.value) == text


def test_a_type_error_from_within_is_left_alone():
    class Odd(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            (lambda: None)(axis=1)

    with pytest.raises(TypeError, match="lambda"):
        torch.sum(x().as_subclass(Odd), axis=0)


M, V, B = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 5.0]), torch.arange(8.0).reshape(2, 2, 2)


@pytest.mark.parametrize(
    "old, new",
    [
        (lambda: torch.add(M, 3, M), lambda: torch.add(M, M, alpha=3)),
        (lambda: torch.sub(M, 3, other=M), lambda: torch.sub(M, M, alpha=3)),
        (lambda: M.clone().add_(3, M), lambda: M + 3 * M),
        (lambda: torch.addcmul(M, 2, M, M), lambda: torch.addcmul(M, M, M, value=2)),
        (lambda: M.clone().addcdiv_(2, M, M), lambda: M + 2),
        (lambda: torch.addmm(2, M, 3, M, M), lambda: torch.addmm(M, M, M, beta=2, alpha=3)),
        (lambda: torch.addmm(2, M, M, M), lambda: torch.addmm(M, M, M, beta=2)),
        (lambda: M.addmm(2, 3, M, M), lambda: torch.addmm(M, M, M, beta=2, alpha=3)),
        (lambda: M.clone().addmm_(2, M, M), lambda: torch.addmm(M, M, M, beta=2)),
        (lambda: V.addmv(2, 3, M, V), lambda: torch.addmv(V, M, V, beta=2, alpha=3)),
        (lambda: torch.addr(2, M, 3, V, V), lambda: torch.addr(M, V, V, beta=2, alpha=3)),
        (lambda: torch.addbmm(2, M, 3, B, B), lambda: torch.addbmm(M, B, B, beta=2, alpha=3)),
        (lambda: torch.baddbmm(2, B, B, B, out=torch.empty(2, 2, 2)), lambda: torch.baddbmm(B, B, B, beta=2)),
    ],
)
def test_numbers_before_tensors_warn_and_work(old, new):
    with pytest.warns(UserWarning, match="This overload of .* is deprecated") as given:
        result = old()
    assert torch.equal(result, new())
    assert given[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old()  # once a program


def test_the_warning_shows_both_orders():
    with pytest.warns(UserWarning) as given:
        torch.addmm(2, M, M, M)
    assert str(given[0].message) == (
        "This overload of addmm is deprecated:\n"
        "\taddmm(Number beta, Tensor input, Tensor mat1, Tensor mat2, *, Tensor out = None)\n"
        "Consider using one of the following signatures instead:\n"
        "\taddmm(Tensor input, Tensor mat1, Tensor mat2, *, Number beta = 1, Number alpha = 1, Tensor out = None)\n"
        "\taddmm(Tensor input, Tensor mat1, Tensor mat2, torch.dtype out_dtype, *, Number beta = 1, Number alpha = 1, "
        "Tensor out = None)"
    )
