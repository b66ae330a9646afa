"""__torch_function__, modes, and the names of public functions, as libraries written for PyTorch use them."""

import copy
import inspect
import pickle
import threading
import weakref
from types import SimpleNamespace

import pytest

import cygrad as torch
import cygrad.nn.functional as F
from cygrad.overrides import (
    BaseTorchFunctionMode,
    TorchFunctionMode,
    get_default_nowrap_functions,
    get_ignored_functions,
    get_overridable_functions,
    get_testing_overrides,
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
    is_tensor_like,
    is_tensor_method_or_property,
    redispatch_function,
    resolve_name,
    wrap_torch_function,
)

calls = []


@pytest.fixture(autouse=True)
def forget():
    calls.clear()


class Plain(torch.Tensor):
    """A subclass that leaves `__torch_function__` alone."""


class Logging(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        calls.append((func, types, args, kwargs))
        return super().__torch_function__(func, types, args, kwargs)


def logging():
    return torch.tensor([[1.0, 2.0], [3.0, 4.0]]).as_subclass(Logging)


def names():
    return [func.__name__ for func, *_ in calls]


# ---- subclasses


def test_results_are_of_the_subclass():
    t = torch.arange(4.0).as_subclass(Plain)
    results = [t + 1, 1 - t, torch.add(t, 1), t.view(2, 2), t[0], t.data, t.T, t.clone(), torch.stack([t, t]),
               t.to(torch.float64), t.sum(), t.split(2)[1], t.max(0).values, t.unsqueeze(0), t.add_(1), t.detach(),
               torch.sigmoid(t), F.relu(t), torch.zeros_like(t), *t]  # fmt: skip
    assert {type(r) for r in results} == {Plain}
    assert (
        type(t.numpy()).__name__ == "ndarray"
        and type(t.shape) is torch.Size
        and t.dtype is torch.float32
    )
    assert type(torch.arange(4.0) + t) is Plain
    assert type(torch.tensor(t)) is torch.Tensor
    assert repr(t) == "Plain([1., 2., 3., 4.])"
    assert type(pickle.loads(pickle.dumps(torch.ones(1)))) is torch.Tensor
    assert type(copy.deepcopy(t)) is Plain


def test_subclass_in_the_graph():
    leaf = torch.ones(2, requires_grad=True)
    t = leaf.as_subclass(Plain)
    assert repr(t) == "Plain([1., 1.], grad_fn=<AliasBackward0>)"
    product = t * 3
    assert type(product) is Plain and not product.is_leaf
    product.sum().backward()
    assert leaf.grad.tolist() == [3, 3] and type(leaf.grad) is torch.Tensor
    (g,) = torch.autograd.grad((t * 2).sum(), t)
    assert type(g) is Plain and g.tolist() == [2, 2]
    t = torch.zeros(3).as_subclass(Plain)
    t += 1
    t[0] = 5
    assert type(t) is Plain and t._base.tolist() == [5, 1, 1] and type(t._base) is torch.Tensor


def test_own_constructor():
    class WithData(torch.Tensor):
        def __new__(cls, data, extra=None):
            made = super().__new__(cls, data)
            made.extra = extra
            return made

    t = WithData([1.0, 2.0], extra=3)
    assert t.extra == 3 and type(t * t) is WithData and (t * t).tolist() == [1, 4]
    assert not hasattr(t * t, "extra")
    made = torch.Tensor._make_subclass(Plain, torch.ones(2), True)
    assert type(made) is Plain and made.requires_grad and made.is_leaf


@pytest.mark.parametrize(
    "make", [lambda x: x.as_subclass(int), lambda x: torch.Tensor._make_subclass(int, x)]
)
def test_not_a_subclass(make):
    with pytest.raises(
        TypeError, match="Creating a Tensor subclass from a class that does not inherit from Tensor"
    ):
        make(torch.ones(2))
    with pytest.raises(TypeError, match="Plain must define __torch_dispatch__"):
        torch.Tensor._make_wrapper_subclass(Plain, (2, 3))


def test_parameters_take_no_part():
    p = torch.nn.Parameter(torch.ones(2))
    assert type(p + 1) is torch.Tensor and type(p * p) is torch.Tensor

    class Mine(torch.nn.Parameter):
        pass

    assert type(Mine(torch.ones(2)) + 1) is torch.Tensor
    assert not has_torch_function((p, Mine(torch.ones(1))))

    class Off(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

    assert type(torch.ones(2).as_subclass(Off) + 1) is torch.Tensor


# ---- what a handler is told; the expected values are what PyTorch 2.13 tells


Tensor = torch.Tensor
TOLD = [
    (lambda s, x: s + x, Tensor.add, ("s", "x"), None),
    (lambda s, x: x + s, Tensor.add, ("x", "s"), None),
    (lambda s, x: x - s, Tensor.sub, ("x", "s"), None),
    (lambda s, x: 2 * s, Tensor.mul, ("s", 2), None),
    (lambda s, x: 2 - s, Tensor.__rsub__, ("s", 2), {}),
    (lambda s, x: s / 2, Tensor.div, ("s", 2), None),
    (lambda s, x: s // 2, Tensor.__floordiv__, ("s", 2), {}),
    (lambda s, x: x @ s, Tensor.matmul, ("x", "s"), None),
    (lambda s, x: s**2, Tensor.pow, ("s", 2), {}),
    (lambda s, x: s == x, Tensor.__eq__, ("s", "x"), None),
    (lambda s, x: s < 2, Tensor.lt, ("s", 2), None),
    (lambda s, x: -s, Tensor.neg, ("s",), None),
    (lambda s, x: abs(s), Tensor.abs, ("s",), None),
    (lambda s, x: s[0], Tensor.__getitem__, ("s", 0), None),
    (lambda s, x: s.__setitem__(0, 1.0), Tensor.__setitem__, ("s", 0, 1.0), None),
    (lambda s, x: len(s), Tensor.__len__, ("s",), {}),
    (lambda s, x: torch.add(x, s, alpha=2), torch.add, ("x", "s"), {"alpha": 2}),
    (lambda s, x: s.add(x), Tensor.add, ("s", "x"), None),
    (lambda s, x: torch.sum(s), torch.sum, ("s",), None),
    (lambda s, x: torch.where(x > 1, s, 0), torch.where, ..., None),
    (lambda s, x: torch.cat([x, s]), torch.cat, ..., None),
    (lambda s, x: torch.stack((x, s), dim=1), torch.stack, ..., {"dim": 1}),
    (lambda s, x: torch.add(x, x, out=s), torch.add, ("x", "x"), ...),
    (lambda s, x: F.relu(s), F.relu, ("s",), {}),
    (lambda s, x: F.linear(s, x), F.linear, ("s", "x"), None),
    (lambda s, x: torch.nn.Linear(2, 2)(s), F.linear, ..., None),
    (lambda s, x: torch.nn.Sequential(torch.nn.ReLU())(s), F.relu, ..., {}),
    (lambda s, x: torch.einsum("ij,jk", s, x), torch.einsum, ..., {}),
    (lambda s, x: F.cross_entropy(s, torch.tensor([0, 1])), F.cross_entropy, ..., {}),
    (lambda s, x: s.shape, Tensor.shape.__get__, ("s",), None),
    (lambda s, x: s.grad, Tensor.grad.__get__, ("s",), None),
    (lambda s, x: s.T, Tensor.T.__get__, ("s",), None),
    (lambda s, x: setattr(s, "grad", None), Tensor.grad.__set__, ("s", None), None),
    (lambda s, x: s.numpy(), Tensor.numpy, ("s",), None),
    (lambda s, x: s.tolist(), Tensor.tolist, ("s",), None),
    (lambda s, x: s.to(torch.float64), Tensor.to, ("s", torch.float64), None),
    (lambda s, x: torch.special.erf(s), torch.special.erf, ("s",), None),
]


@pytest.mark.parametrize("number", range(len(TOLD)))
def test_what_a_handler_is_told(number):
    call, func, args, kwargs = TOLD[number]
    s, x = logging(), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    call(s, x)
    assert len(calls) == 1
    told_func, told_types, told_args, told_kwargs = calls[0]
    assert told_func == func and told_types == (Logging,)
    if args is not ...:
        assert len(told_args) == len(args)
        for told, expected in zip(told_args, args, strict=True):
            expected = (
                {"s": s, "x": x}.get(expected, expected) if isinstance(expected, str) else expected
            )
            assert told is expected or told == expected
    if kwargs is not ...:
        assert told_kwargs == kwargs


def test_calls_inside_a_call_are_not_told():
    F.cross_entropy(logging(), torch.tensor([0, 1]), label_smoothing=0.1)
    F.normalize(logging())
    assert names() == ["cross_entropy", "normalize"]


def test_iteration_is_told_as_unbind():
    rows = list(logging())
    assert all(type(row) is Logging for row in rows) and names()[0] == "unbind"


def test_disabling():
    s = logging()
    with torch._C.DisableTorchFunctionSubclass():
        assert type(s + 1) is torch.Tensor and not has_torch_function((s,))
    with torch._C.DisableTorchFunction():
        assert type(s + 1) is torch.Tensor
    assert not calls and type(s + 1) is Logging


# ---- duck types


class Scalar:
    """The tutorial's ScalarTensor: a diagonal matrix that is no Tensor."""

    handled = {}

    def __init__(self, n, value):
        self.n, self.value = n, value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in cls.handled or not all(issubclass(t, (torch.Tensor, Scalar)) for t in types):
            return NotImplemented
        return cls.handled[func](*args, **(kwargs or {}))


def implements(*functions):
    def register(f):
        for function in functions:
            Scalar.handled[function] = f
        return f

    return register


@implements(torch.mean)
def _mean(input):
    return input.value / input.n


@implements(torch.add, torch.Tensor.add)
def _add(input, other, *, alpha=1):
    return "added"


@implements(torch.cat)
def _cat(tensors, dim=0):
    return [type(t).__name__ for t in tensors], dim


def test_duck_type():
    d, x = Scalar(5, 2), torch.ones(2)
    assert torch.mean(d) == 0.4
    assert (
        torch.add(d, x)
        == torch.add(x, d)
        == x + d
        == d + x
        == x.add(d)
        == torch.add(x, other=d)
        == "added"
    )
    assert torch.cat([x, d], dim=1) == (["Tensor", "Scalar"], 1)
    with pytest.raises(TypeError) as error:
        torch.mul(d, x)
    assert str(error.value) == (
        "Multiple dispatch failed for 'torch.mul'; all __torch_function__ handlers returned NotImplemented:\n\n"
        f"  - tensor subclass {Scalar!r}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )
    with pytest.raises(TypeError) as error:
        F.softmax(d, dim=0)
    assert str(error.value) == (
        "no implementation found for 'torch.nn.functional.softmax' on types that implement __torch_function__: "
        f"[{Scalar!r}]"
    )
    with pytest.raises(
        TypeError, match=r"unsupported operand type\(s\) for \*: 'Tensor' and 'Scalar'"
    ):
        x * d
    assert (x == d) is False


def test_functions_imported_earlier_are_seen():
    from cygrad import relu, sub

    class Duck:
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func

    assert relu(Duck()) is torch.relu and sub(1.0, Duck()) is torch.sub


def test_subclasses_are_asked_before_their_bases():
    order = []

    class A(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            order.append((cls.__name__, [t.__name__ for t in types]))
            return super().__torch_function__(func, types, args, kwargs)

    class B(A):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            order.append((cls.__name__, [t.__name__ for t in types]))
            return NotImplemented

    a, b = torch.ones(2).as_subclass(A), torch.ones(2).as_subclass(B)
    with pytest.raises(TypeError):  # A is no subclass of B, so neither takes it
        torch.add(a, b)
    assert order == [("B", ["B", "A"]), ("A", ["B", "A"])]
    with pytest.raises(TypeError, match="unsupported operand"):
        a + torch.ones(2).as_subclass(Plain)


# ---- modes


class Seen(TorchFunctionMode):
    def __init__(self):
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_mode():
    x = torch.ones(2)
    with Seen() as mode:
        torch.zeros(2)
        torch.tensor([1.0])
        torch.randn(1)
        x + x
        _ = x.shape
        F.relu(x)
        torch.nn.functional.linear(x, x)
        torch.is_tensor(x)
        torch.manual_seed(0)
    x - x
    assert mode.names == ["zeros", "tensor", "randn", "add", "__get__", "relu", "linear"]


def test_modes_nest():
    with Seen() as outer, Seen() as inner:
        torch.ones(2).neg()
    assert outer.names == inner.names == ["ones", "neg"]
    with Seen() as mode, BaseTorchFunctionMode():
        assert type(logging() + 1) is Logging  # after the modes the arguments are asked
    assert mode.names == ["tensor", "add"] and names() == ["add"]


def test_mode_refuses():
    class Refuse(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return NotImplemented

        def __repr__(self):
            return "MODE"

    x = torch.ones(2)
    with Refuse():
        with pytest.raises(
            TypeError,
            match="all __torch_function__ handlers returned NotImplemented:\n\n  - mode obj",
        ):
            torch.add(x, x)
        with pytest.raises(
            TypeError, match=r"unsupported operand type\(s\) for \+: 'Tensor' and 'Tensor'"
        ):
            x + x
        with pytest.raises(
            TypeError, match=r"'torch.nn.functional.relu' on types .*: \[\] nor in mode MODE"
        ):
            F.relu(x)
    assert (x + x).tolist() == [2, 2]
    with pytest.raises(NotImplementedError):
        TorchFunctionMode().__torch_function__(torch.add, (), (x, x))


def test_mode_is_of_its_thread():
    seen = []

    def other():
        torch.ones(1)
        with Seen() as mode:
            torch.zeros(1)
        seen.append(mode.names)

    with Seen() as mode:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert mode.names == [] and seen == [["zeros"]]


def test_mode_leaves_after_an_error():
    with pytest.raises(RuntimeError), Seen():
        torch.ones(2) + torch.ones(3)
    with Seen() as mode:
        torch.ones(1)
    assert mode.names == ["ones"]


# ---- torch.overrides


def test_helpers():
    x, d, s = torch.ones(2), Scalar(2, 1), torch.ones(2).as_subclass(Plain)
    assert [is_tensor_like(v) for v in (x, d, 3)] == [True, True, False]
    assert [has_torch_function((v,)) for v in (x, d, s, 1)] == [False, True, True, False]
    assert has_torch_function_unary(d) and has_torch_function_variadic(x, d)
    assert handle_torch_function(torch.add, (d, x), d, x) == "added"
    assert handle_torch_function(torch.add, (x,), x, x).tolist() == [2, 2]
    with pytest.raises(
        TypeError, match="no implementation found for 'torch.mul' on types that implement"
    ):
        handle_torch_function(torch.mul, (d, x), d, x)


def test_overridable_function_of_ones_own():
    @wrap_torch_function(lambda a: (a,))
    def doubled(a):
        return a * 2

    assert doubled(torch.ones(1)).tolist() == [2]
    assert type(doubled(logging())) is Logging and calls[0][0] is doubled and names() == ["doubled"]
    calls.clear()
    assert (
        redispatch_function(torch.add, (), (logging(), 1), {}).tolist() == [[2, 3], [4, 5]]
        and not calls
    )


@pytest.mark.parametrize(
    ("f", "name", "of_tensor"),
    [
        (torch.add, "torch.add", False),
        (torch.Tensor.add, "torch.Tensor.add", True),
        (torch.nn.functional.relu, "torch.nn.functional.relu", False),
        (torch.Tensor.__len__, "torch.Tensor.__len__", True),
        (torch.Tensor.shape.__get__, "torch.Tensor.shape.__get__", True),
        (torch.zeros, "torch.zeros", False),
        (torch.special.erf, "torch.special.erf", False),
        (len, None, False),
    ],
)
def test_names(f, name, of_tensor):
    assert resolve_name(f) == name and is_tensor_method_or_property(f) is of_tensor


def test_lists_of_functions():
    overridable = get_overridable_functions()
    assert torch.add in overridable[torch] and torch.Tensor.add in overridable[torch.Tensor]
    assert torch.nn.functional.linear in overridable[torch.nn.functional]
    assert torch.Tensor.shape.__get__ in overridable[torch.Tensor.shape]
    ignored = get_ignored_functions()
    assert torch.zeros in ignored and torch.add not in ignored and torch.is_tensor in ignored
    dummies = get_testing_overrides()
    assert dummies[torch.add](1, 2) == -1
    assert list(inspect.signature(dummies[torch.add]).parameters)[:2] == ["input", "other"]
    assert torch.Tensor.grad.__get__ in get_default_nowrap_functions()


def test_every_overridable_function_asks_its_argument():
    """Any public function or method hands a foreign argument to the handler, before it looks at it."""

    class Duck:
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func

    missed = []
    for functions in get_overridable_functions().values():
        for f in functions:
            if isinstance(f, type(torch.Tensor.shape.__get__)):
                continue
            told = f(Duck())
            if told is not f and told.__name__ not in _alias(f):
                missed.append((resolve_name(f), told))
    assert not missed


def _alias(f):
    """Python's operators are told under the methods' names."""
    from cygrad import _dispatch

    return {_dispatch._TOLD.get(f.__name__)}


# ---- the objects themselves


def test_public_objects():
    assert torch.relu is torch.relu and torch.Tensor.add is torch.Tensor.add
    assert torch.conv2d is F.conv2d and torch.add is not torch.Tensor.add
    assert torch.add.__name__ == "add" and torch.divide.__name__ == "divide"
    assert torch.Tensor.add.__qualname__ == "Tensor.add" and torch.sigmoid.__doc__
    assert list(inspect.signature(torch.add).parameters) == ["input", "other", "alpha", "out"]
    assert weakref.ref(torch.add)() is torch.add
    for f in (torch.relu, torch.Tensor.relu, F.relu):
        assert pickle.loads(pickle.dumps(f)) is f and copy.deepcopy(f) is f
    bound = torch.ones(2).add
    assert bound(1).tolist() == [2, 2] and bound.__name__ == "add"
    assert SimpleNamespace(f=torch.relu).f(torch.ones(1)).item() == 1

    class Net:
        activation = torch.relu  # a function, not a method: it is not bound

    assert Net().activation(torch.tensor(-1.0)).item() == 0
    torch.add.note = "kept"
    assert torch.add.note == "kept"
    del torch.add.note


def test_methods_can_be_replaced(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "__add__", lambda self, other: "mine")
    assert torch.ones(1) + 1 == "mine" and torch.ones(1) + torch.ones(1) == "mine"
    monkeypatch.undo()
    assert (torch.ones(1) + 1).item() == 2


def test_operators_of_a_subclass():
    class Mine(torch.Tensor):
        def __add__(self, other):
            return "mine"

    class Reflected(torch.Tensor):
        def __rsub__(self, other):
            return "reflected"

    mine, reflected = torch.ones(1).as_subclass(Mine), torch.ones(1).as_subclass(Reflected)
    assert mine + 1 == "mine" and (mine - 1).item() == 0
    assert 1 - reflected == torch.ones(1) - reflected == "reflected"
    assert type(1 + reflected) is Reflected
    with pytest.raises(TypeError, match="unsupported operand"):
        reflected + "text"  # a TypeError in a handler of an operator is NotImplemented


def test_redispatch_asks_what_the_function_calls():
    calls = []

    def scaled_mul(a, b):
        if torch.overrides.has_torch_function((a, b)):
            return torch.overrides.handle_torch_function(scaled_mul, (a, b), a, b)
        return a * b + 1

    class Logging(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            calls.append(func.__name__)
            with self:
                return torch.overrides.redispatch_function(func, types, args, kwargs)

    a, b = torch.tensor([3.0]), torch.tensor([4.0])
    with Logging():
        result = scaled_mul(a, b)
    assert result.tolist() == [13]
    assert calls[0] == "scaled_mul" and calls.count("scaled_mul") == 1 and "mul" in calls
