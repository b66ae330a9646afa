"""autograd.Function: what forward may do, what backward must return, and the errors."""

import warnings

import pytest

import cygrad
from cygrad import autograd
from cygrad.autograd import Function
from cygrad.autograd.function import InplaceFunction, once_differentiable

pytestmark = pytest.mark.usefixtures("everywhere")


class Exp(Function):
    @staticmethod
    def forward(ctx, i):
        result = i.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class Cube(Function):
    @staticmethod
    def forward(x):
        return x**3, 3 * x**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx, g, g2):
        x, _ = ctx.saved_tensors
        return g * 3 * x * x


def leaf(*values):
    return cygrad.tensor(list(map(float, values)), requires_grad=True)


def make(backward=None, forward=None):
    """A Function of two arguments, by default their product with the gradients `backward`."""

    class MyFn(Function):
        @staticmethod
        def forward(ctx, x, w):
            return forward(ctx, x, w) if forward else x * w

        @staticmethod
        def backward(ctx, *grads):
            return backward(ctx, *grads) if callable(backward) else backward

    return MyFn


def test_values_names_and_second_use():
    x = leaf(0, 1)
    y = Exp.apply(x)
    node = y.grad_fn
    assert node.name() == "ExpBackward" and repr(node).startswith(
        "<torch.autograd.function.ExpBackward object at 0x"
    )
    assert repr(y).endswith("grad_fn=<ExpBackward>)")
    assert type(node).__module__ == "torch.autograd.function"
    assert node.saved_tensors[0].tolist() == y.tolist()
    assert isinstance(node, autograd.graph.Node) and isinstance(node, autograd.function.FunctionCtx)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.sum().backward()
    assert Exp.apply(i=x).requires_grad


def test_double_backward():
    x = cygrad.tensor([0.5, -0.3], dtype=cygrad.double, requires_grad=True)
    assert autograd.gradcheck(Exp.apply, (x,)) and autograd.gradgradcheck(Exp.apply, (x,))
    assert autograd.gradcheck(lambda t: Cube.apply(t)[0], (x,))
    assert autograd.gradgradcheck(lambda t: Cube.apply(t)[0], (x,))


def test_setup_context():
    x = leaf(2)
    cube, slope = Cube.apply(x)
    assert cube.requires_grad and not slope.requires_grad
    cube.backward()
    assert x.grad.tolist() == [12]


@pytest.mark.parametrize(
    ("grads", "error", "text"),
    [
        (
            1,
            RuntimeError,
            "function MyFnBackward returned an incorrect number of gradients (expected 2, got 1)",
        ),
        (
            3,
            RuntimeError,
            "function MyFnBackward returned an incorrect number of gradients (expected 2, got 3)",
        ),
        (
            "shape",
            RuntimeError,
            "Function MyFnBackward returned an invalid gradient at index 0 - got [4] but expected "
            "shape compatible with [2]",
        ),
        ("number", RuntimeError, "expected Variable or None (got float)"),
    ],
)
def test_bad_gradients(grads, error, text):
    g = cygrad.ones(2)
    results = {1: g, 3: (g, g, g), "shape": (cygrad.ones(4), g), "number": (1.0, g)}[grads]
    with pytest.raises(error) as caught:
        make(results).apply(leaf(1, 2), leaf(3, 4)).sum().backward()
    assert str(caught.value) == text


def test_gradient_for_an_argument_that_is_no_tensor():
    with pytest.raises(
        RuntimeError,
        match="returned a gradient different than None at position 2, but the corresponding",
    ):
        make((cygrad.ones(2), cygrad.ones(2))).apply(leaf(1, 2), 2.0).sum().backward()


def test_gradients_are_made_to_fit():
    x, w = leaf(1, 2), leaf(3, 4)
    make((cygrad.ones(3, 2), cygrad.ones(2, dtype=cygrad.double), None)).apply(
        x, w
    ).sum().backward()
    assert x.grad.tolist() == [3, 3] and w.grad.dtype is cygrad.float32
    x.grad = w.grad = None
    make((None, None)).apply(x, w).sum().backward()
    assert x.grad is None and w.grad is None


def test_missing_methods():
    class Nothing(Function):
        pass

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Both(NoBackward):
        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    class OnlyVjp(NoBackward):
        @staticmethod
        def vjp(ctx, g):
            return g * 2

    with pytest.raises(
        NotImplementedError, match="You must implement the forward function for custom"
    ):
        Nothing.apply(leaf(1))
    with pytest.raises(
        NotImplementedError, match="You must implement either the backward or vjp method for your"
    ):
        NoBackward.apply(leaf(1)).sum().backward()
    with pytest.raises(
        RuntimeError, match="Implementing both 'backward' and 'vjp' for a custom Function is not"
    ):
        Both.apply(leaf(1)).sum().backward()
    x = leaf(1)
    OnlyVjp.apply(x).sum().backward()
    assert x.grad.tolist() == [2]


def test_instances():
    class Legacy(Function):
        def forward(self, x):
            return x

    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = Legacy()
    with pytest.raises(
        RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"
    ):
        instance(leaf(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert InplaceFunction(True).inplace


def test_context():
    seen = []

    def forward(ctx, x, w):
        seen.append((ctx.needs_input_grad, cygrad.is_grad_enabled()))
        ctx.save_for_backward(None, x)
        ctx.scale = 5
        return x * 1, w > 0

    def backward(ctx, g, nothing):
        assert ctx.saved_tensors[0] is None and nothing.dtype is cygrad.bool
        return g * ctx.scale, None

    x = leaf(1, 2)
    y, positive = make(backward, forward).apply(x, cygrad.ones(2))
    assert seen == [((True, False), False)] and positive.tolist() == [True, True]
    y.sum().backward()
    assert x.grad.tolist() == [5, 5]
    bad = make(None, lambda ctx, x, w: (ctx.save_for_backward(x, 3), x * 1)[1])
    with pytest.raises(
        TypeError, match="save_for_backward can only save variables, but argument 1 is of type int"
    ):
        bad.apply(x, x)


@pytest.mark.parametrize("materialize", [True, False])
def test_materialized_gradients(materialize):
    seen = []

    def forward(ctx, x, w):
        ctx.set_materialize_grads(materialize)
        return x * 1, x * 2

    def backward(ctx, g, h):
        seen.append(None if h is None else h.tolist())
        return g, None

    make(backward, forward).apply(leaf(1, 2), leaf(3, 4))[0].sum().backward()
    assert seen == ([[0, 0]] if materialize else [None])


def test_outputs_that_are_no_tensors():
    x, w = leaf(1), leaf(2)
    assert make(None, lambda ctx, x, w: None).apply(x, w) is None
    y, three, nothing = make(None, lambda ctx, x, w: (x * 1, 3, None)).apply(x, w)
    assert y.requires_grad and three == 3 and nothing is None
    (listed,) = make(None, lambda ctx, x, w: [x * 1]).apply(x, w)
    assert not listed.requires_grad


def test_returned_input():
    x, w = leaf(1, 2), leaf(3, 4)
    y = make(lambda ctx, g: (g * 7, None), lambda ctx, x, w: x).apply(x, w)
    assert y is not x and y._is_view() and y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == [7, 7]
    with pytest.raises(RuntimeError, match="This view was created inside a custom Function"):
        make(None, lambda ctx, x, w: x).apply(x * 1, w).mul_(2)
    d = x.detach()
    assert make(None, lambda ctx, x, w: x).apply(d, d).grad_fn is None


def dirty(ctx, x, w):
    ctx.mark_dirty(x)
    return x.mul_(2)


def test_dirty_inputs():
    x, w = leaf(1, 2), leaf(3, 4)
    b = x * 1
    y = make(lambda ctx, g: (g * 2, None), dirty).apply(b, w)
    assert y is b and b._version == 2 and b.grad_fn.name() == "MyFnBackward"
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(
        RuntimeError,
        match="a leaf Variable that requires grad has been used in an in-place operation.",
    ):
        make(None, dirty).apply(leaf(1, 2), w)
    with pytest.raises(
        RuntimeError,
        match="Some elements marked as dirty during the forward method were not returned",
    ):
        make(None, lambda ctx, x, w: (ctx.mark_dirty(x), w * 1)[1]).apply(x * 1, w)
    with pytest.warns(UserWarning, match="received a tensor that was not an input"):
        make(None, lambda ctx, x, w: (y := x * 1, ctx.mark_dirty(y))[0]).apply(x, w)


def test_dirty_view():
    x, w = leaf(1, 2, 3), leaf(3, 4)
    b = x * 1
    y = make(lambda ctx, g: (g * 2, None), dirty).apply(b[:2], w)
    assert y.tolist() == [2, 4] and type(b.grad_fn).__name__ == "CopySlices"
    b.sum().backward()
    assert x.grad.tolist() == [2, 2, 1]


def test_saved_output_changed():
    y = Exp.apply(leaf(1, 2))
    y.mul_(2)
    with pytest.raises(
        RuntimeError, match="which is output 0 of Exp, is at version 1; expected version 0 instead"
    ):
        y.sum().backward()


def test_once_differentiable():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(3)
    (g,) = autograd.grad((Square.apply(x) ** 2).sum(), x, create_graph=True)
    assert g.item() == 108 and g.grad_fn.name() == "torch::autograd::Error"
    with pytest.raises(
        RuntimeError,
        match="trying to differentiate twice a function that was marked with @once_diff",
    ):
        g.sum().backward()


def test_many_inputs_and_outputs():
    class Swap(Function):
        @staticmethod
        def forward(ctx, *tensors):
            return tuple(t * (i + 1) for i, t in enumerate(reversed(tensors)))

        @staticmethod
        def backward(ctx, *grads):
            return tuple(reversed([g * (i + 1) for i, g in enumerate(grads)]))

    leaves = [leaf(i) for i in range(70)]
    sum(Swap.apply(*leaves)).backward()
    assert [x.grad.item() for x in leaves] == list(range(70, 0, -1))


def test_chain_of_functions():
    x = leaf(1, 2)
    y = x
    for _ in range(5_000):
        y = Same.apply(y)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


class Same(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g
