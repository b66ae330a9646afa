"""autograd.functional and gradcheck: values, graphs, and every error text."""

import pytest

import cygrad
from cygrad import autograd
from cygrad.autograd import Function, functional as F, gradcheck, gradgradcheck
from cygrad.autograd.gradcheck import GradcheckError

pytestmark = pytest.mark.usefixtures("everywhere")

PRODUCTS = ("vjp", "jvp", "vhp", "hvp")
ALL = (*PRODUCTS, "jacobian", "hessian")
SECOND = ("vhp", "hvp", "hessian")


def ones(n=3):
    return cygrad.ones(n)


def run(name, f, inputs, v=None, **options):
    arguments = () if name in ("jacobian", "hessian") else (v,)
    return getattr(F, name)(f, inputs, *arguments, **options)


def square_sum(x):
    return (x * x).sum()


def test_values_of_two_inputs():
    def f(x, y):
        return (x * y * y).sum()

    a, b = ones(), cygrad.full((3,), 2.0)
    value, (gx, gy) = F.vjp(f, (a, b), cygrad.tensor(2.0))
    assert (value.item(), gx.tolist(), gy.tolist()) == (12, [8] * 3, [8] * 3)
    assert F.jvp(f, (a, b), (a, b))[1].item() == 36
    gx, gy = F.jacobian(f, (a, b))
    assert (gx.tolist(), gy.tolist()) == ([4] * 3, [4] * 3)
    (xx, xy), (yx, yy) = F.hessian(f, (a, b))
    eye = cygrad.eye(3)
    assert xx.tolist() == (eye * 0).tolist() and yy.tolist() == (eye * 2).tolist()
    assert xy.tolist() == yx.tolist() == (eye * 4).tolist()
    for product in (F.vhp, F.hvp):
        value, (px, py) = product(f, (a, b), (a, b))
        assert (value.item(), px.tolist(), py.tolist()) == (12, [8] * 3, [8] * 3)


def test_shapes_of_a_jacobian():
    result = F.jacobian(lambda x, y: (x @ y, x.sum(1)), (cygrad.ones(2, 3), cygrad.ones(3, 4)))
    assert [[tuple(t.shape) for t in row] for row in result] == [
        [(2, 4, 2, 3), (2, 4, 3, 4)],
        [(2, 2, 3), (2, 3, 4)],
    ]
    assert F.jacobian(lambda x: x.exp(), cygrad.zeros(2), vectorize=True).tolist() == [
        [1, 0],
        [0, 1],
    ]
    assert F.jacobian(
        lambda x: x.exp(), cygrad.zeros(2), vectorize=True, strategy="forward-mode"
    ).shape == (2, 2)


@pytest.mark.parametrize("name", ALL)
def test_create_graph(name):
    x = cygrad.tensor([0.5, 1.5], requires_grad=True)
    result = run(
        name,
        lambda t: (t**3).sum(),
        x,
        ones(2) if name != "vjp" else cygrad.ones(()),
        create_graph=True,
    )
    result = result[1] if name in PRODUCTS else result
    assert result.requires_grad
    autograd.grad(result.sum(), x)
    plain = run(name, lambda t: (t**3).sum(), x, ones(2) if name != "vjp" else cygrad.ones(()))
    assert not (plain[1] if name in PRODUCTS else plain).requires_grad


@pytest.mark.parametrize("name", ALL)
def test_errors_of_arguments(name):
    v = ones()
    for inputs, text in (
        ([3], f"The inputs given to {name} must be either a Tensor or a tuple of Tensors but the "
              "given inputs has type <class 'list'>."),
        ((ones(), 3), f"The inputs given to {name} must be either a Tensor or a tuple of Tensors "
                      "but the value at index 1 has type <class 'int'>."),
    ):  # fmt: skip
        with pytest.raises(TypeError) as caught:
            run(name, square_sum, inputs, v)
        assert str(caught.value) == text
    with pytest.raises(TypeError) as caught:
        run(name, lambda x: 3, ones(), v)
    assert str(caught.value) == (
        f"The outputs of the user-provided function given to {name} must be either a Tensor or a "
        "tuple of Tensors but the given outputs of the user-provided function has type <class "
        "'int'>."
    )
    if name in SECOND:
        with pytest.raises(
            RuntimeError, match=f"The function given to {name} should return a single Tensor"
        ):
            run(name, lambda x: (x.sum(), x.sum()), ones(), v)
        with pytest.raises(
            RuntimeError,
            match=f"The Tensor returned by the function given to {name} should contain a",
        ):
            run(name, lambda x: x * x, ones(), v)


@pytest.mark.parametrize("name", PRODUCTS)
def test_errors_of_the_vector(name):
    def f(x):
        return x * x if name in ("vjp", "jvp") else (x * x).sum()

    which = (
        "user-provided function returns"
        if name == "vjp"
        else "input to the user-provided function is"
    )
    for v, error, text in (
        (None, RuntimeError, f"The vector v can only be None if the {which} a single Tensor with a "
                             f"single element."),
        (ones(2), RuntimeError, "v has invalid size: should be torch.Size([3]) but got "
                                "torch.Size([2])."),
        ((ones(), ones()), RuntimeError, "The given v should contain a single Tensor."),
        (3, TypeError, f"The v given to {name} must be either a Tensor or a tuple of Tensors but "
                       "the given v has type <class 'int'>."),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            run(name, f, ones(), v)
        assert str(caught.value) == text
    assert run(name, lambda x: (x * x).sum(), ones(1))[1].tolist() in (2, [2])


@pytest.mark.parametrize("name", ALL)
def test_strict(name):
    v = cygrad.ones(()) if name == "vjp" else ones()
    with pytest.raises(
        RuntimeError,
        match="Output 0 of the user-provided function does not require gradients. The out",
    ):
        run(name, lambda x: cygrad.ones(()), ones(), v, strict=True)
    text = {
        "jacobian": "Output 0 of the user-provided function is independent of input 1. This is not "
        "allowed in strict mode.",
        "hessian": "While computing the hessian, found that the jacobian of the user-provided "
        "function with respect to input 1 is independent of the input.",
    }.get(
        name,
        "The output of the user-provided function is independent of input 1. This is not allowed "
        "in strict mode.",
    )
    two = v if name == "vjp" else (ones(), ones())
    with pytest.raises(RuntimeError) as caught:
        run(name, lambda x, y: (x * x).sum(), (ones(), ones()), two, strict=True)
    assert str(caught.value).startswith(text)
    text = (
        "While computing the hessian, found that the jacobian of the user-provided function with "
        "respect to input 0 is"
        if name in SECOND
        else "The jacobian of the user-provided function is independent of input 0. This is not "
        "allowed in strict mode when create_graph=True."
    )
    with pytest.raises(RuntimeError) as caught:
        run(name, lambda x: x.sum(), ones(), v, strict=True, create_graph=True)
    assert str(caught.value).startswith(text)
    run(name, lambda x: x.sum(), ones(), v)


def test_strategies():
    with pytest.raises(
        AssertionError, match='Expected strategy to be either "forward-mode" or "reverse-mode".'
    ):
        F.jacobian(square_sum, ones(), strategy="other")
    with pytest.raises(NotImplementedError, match="only implemented for `vectorize=True`"):
        F.jacobian(square_sum, ones(), strategy="forward-mode")
    with pytest.raises(
        RuntimeError, match="`strict=True` and `vectorized=True` are not supported together"
    ):
        F.jacobian(square_sum, ones(), strict=True, vectorize=True)


# ---- gradcheck


def double(*values, **options):
    return cygrad.tensor(values, dtype=cygrad.double, requires_grad=True, **options)


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


def test_gradcheck():
    x, y = double(0.3, -1.2), double(2.0, 0.7)
    assert gradcheck(lambda a, b: (a * b, a.sin()), (x, y))
    assert gradgradcheck(lambda a, b: a.exp() * b**2, (x, y))
    assert gradcheck(lambda a: a * a, x, fast_mode=True)
    assert gradcheck(lambda a: a * a, x, check_batched_grad=True)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(Wrong.apply, (x,))
    assert str(caught.value).replace("device='opencl:0', ", "") == (
        "Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor([[2.0000, "
        "0.0000],\n        [0.0000, 2.0000]], dtype=torch.float64)\nanalytical:tensor([[3., 0.],\n"
        "        [0., 3.]], dtype=torch.float64)\n"
    )
    assert gradcheck(Wrong.apply, (x,), raise_exception=False) is False


def test_gradcheck_of_bad_input():
    with pytest.raises(
        ValueError,
        match="gradcheck expects at least one input tensor to require gradient, but none of",
    ):
        gradcheck(lambda a: a, (cygrad.ones(2),))
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda a: a.detach(), (double(1.0),))
    with pytest.warns(
        UserWarning, match="Input #0 requires gradient and is not a double precision floating point"
    ):
        gradcheck(lambda a: a * 1, (cygrad.ones(1, requires_grad=True),), atol=0.1)
    with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
        gradcheck(lambda a: a, (double(1.0).detach().expand(3).requires_grad_(),))
    with pytest.raises(AssertionError, match="requires check_forward_ad to be True"):
        gradcheck(lambda a: a, (double(1.0),), check_batched_forward_grad=True)
    with pytest.raises(AssertionError, match="requires check_rev_over_rev to be True"):
        gradgradcheck(lambda a: a, (double(1.0),), check_fwd_over_rev=True, check_rev_over_rev=False)


def test_gradcheck_of_tangents():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * 1

    x, y = double(0.3, 0.7), double(1.0, 2.0)
    z = cygrad.tensor([1 + 2j], dtype=cygrad.complex128, requires_grad=True)
    assert gradcheck(lambda a, b: (a * b, a > 0, b.sum()), (x, y), check_forward_ad=True)
    assert gradcheck(cygrad.abs, (z,), check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(cygrad.sin, (x,), check_fwd_over_rev=True)
    with pytest.raises(GradcheckError, match="computed with forward mode mismatch for output 0"):
        gradcheck(Wrong.apply, (x,), check_forward_ad=True, check_backward_ad=False)


def test_gradcheck_of_a_random_gradient():
    class Unsteady(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * (2 + cygrad.rand(g.shape, dtype=g.dtype) * 1e-6)

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Unsteady.apply, (double(1.0, 2.0),))
    assert gradcheck(
        Unsteady.apply, (double(1.0, 2.0),), nondet_tol=1e-3, check_undefined_grad=False
    )
