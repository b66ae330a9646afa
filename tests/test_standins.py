"""The parts of PyTorch that are not in cygrad: they can be named, and say so when they are used."""

import importlib
import typing
import warnings

import pytest

import cygrad as torch
from cygrad import nn
from cygrad._as_torch import standins as _standins

MODULES = sorted(_standins._entries())


@pytest.mark.parametrize("name", MODULES)
def test_module(name):
    """Every module can be imported, and reached by attributes; every name in it has a value."""
    module = importlib.import_module(f"cygrad.{name}")
    found = torch
    for part in name.split("."):
        found = getattr(found, part)
    assert found is module
    for line in _standins._entries()[name][1].split(";"):
        attribute = line.split("=")[0].strip().lstrip("@.").partition("(")[0].strip()
        if attribute and attribute != "*":
            getattr(module, attribute)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: torch.distributed.rpc.init_rpc("a"), "distributed.rpc.init_rpc"),
        (lambda: torch.fx.experimental.proxy_tensor.make_fx(abs), "fx.experimental.proxy_tensor.make_fx"),
        (lambda: torch.onnx.ONNXProgram(), "onnx.ONNXProgram"),
        (lambda: torch.export.export(nn.Linear(1, 1), ()), "export.export"),
        (lambda: torch.ao.quantization.QuantStub(), "ao.quantization.QuantStub"),
        (lambda: torch.quantization.prepare(nn.Linear(1, 1)), "ao.quantization.prepare"),
        (lambda: torch.jit.trace(nn.Linear(1, 1), ()), "jit.trace"),
        (lambda: torch.jit.load("file"), "jit.load"),
        (lambda: torch.ops.aten.add(1, 2), "ops.aten.add"),
        (lambda: torch.ops.aten.add.Tensor(1, 2), "ops.aten.add.Tensor"),
        (lambda: torch.library.opcheck(None, ()), "library.opcheck"),
        (lambda: torch.distributed.split_group(), "distributed.split_group"),
        (lambda: torch._higher_order_ops.scan(abs, 0, 0), "_higher_order_ops.scan"),
        (lambda: torch.utils.cpp_extension.load(name="x", sources=[]), "utils.cpp_extension.load"),
    ],
)
def test_use_raises_and_names_it(call, name):
    with pytest.raises(NotImplementedError) as raised:
        call()
    assert str(raised.value).startswith(f"torch.{name} is not in cygrad: ")


def test_names_that_no_line_lists():
    """Parts that are missing as a whole have every name, and every module inside."""
    from cygrad.distributed.tensor.placement_types import _StridedShard
    from cygrad.onnx._internal.exporter import ONNXProgram

    assert torch.distributed.tensor.placement_types._StridedShard is not torch.Tensor
    assert not isinstance(torch.ones(1), (_StridedShard, ONNXProgram))
    with pytest.raises(NotImplementedError, match="^torch.distributed.tensor.placement_types._StridedShard is not in"):
        _StridedShard(1)


def test_branches_and_loops():
    x = torch.tensor([1.0, -4.0], requires_grad=True)
    torch.cond(x.sum() > 0, torch.sin, lambda x: x * 3, (x,)).sum().backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="^Expected pred to be bool or single-element tensor, but got tensor"):
        torch.cond(torch.tensor([True, False]), torch.sin, torch.cos, (x,))
    n, y = torch.while_loop(lambda n, y: n < 3, lambda n, y: (n + 1, y * 2), (torch.tensor(0), torch.ones(2)))
    assert n == 3 and y.tolist() == [8, 8]
    with pytest.raises(RuntimeError, match="^Expect cond_fn and body_fn to be callable.$"):
        torch.while_loop(3, torch.cos, (x,))


def test_named_without_use():
    assert torch.distributed.rpc.is_available() is False and torch.distributed.is_initialized() is False
    assert not isinstance(nn.Linear(1, 1), torch.jit.ScriptModule)
    assert repr(torch.distributed.pipelining.SplitPoint.END) == "SplitPoint.END"
    assert torch.distributed.fsdp.ShardingStrategy is torch.distributed.fsdp.api.ShardingStrategy
    assert torch.quantization.prepare is torch.ao.quantization.prepare
    assert str(torch.ops.aten.add.Tensor) == "aten.add.Tensor"
    assert torch.ops.aten.mm is torch.ops.aten.mm

    class Stage(torch.distributed.pipelining.PipelineStage):
        pass

    with pytest.raises(NotImplementedError, match="PipelineStage is not in cygrad"):
        Stage()


def test_custom_op():
    @torch.library.custom_op("tests::scaled_sine", mutates_args=())
    def sine(x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        return scale * x.sin()

    @sine.register_fake
    def _(x, scale=2.0):
        return torch.empty_like(x)

    x = torch.ones(2, requires_grad=True)
    assert torch.equal(sine(x, scale=3.0), 3 * x.sin()) and torch.ops.tests.scaled_sine is sine
    with pytest.raises(RuntimeError, match="^Trying to backward through tests::scaled_sine but no autograd formula"):
        sine(x).sum().backward()

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.scale = inputs[1]

    def backward(ctx, grad):
        return grad * ctx.scale * ctx.saved_tensors[0].cos(), None

    torch.library.register_autograd("tests::scaled_sine", backward, setup_context=setup_context)
    sine(x).sum().backward()
    torch.testing.assert_close(x.grad, 2 * torch.ones(2).cos())


def test_library():
    library = torch.library.Library("tests_library", "DEF")
    assert library.define("scaled(Tensor x, *, float scale=2.0) -> Tensor") == "scaled"
    scaled, x = torch.ops.tests_library.scaled, torch.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="^Could not run 'tests_library::scaled' with arguments from"):
        scaled(x)
    library.impl("scaled", lambda x, scale: x * scale, "CPU")
    assert scaled(x).tolist() == [2, 2] and scaled.default(x, scale=3.0).tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        scaled(x).sum().backward()

    @torch.library.impl(library, "scaled", "Autograd")
    def differentiable(x, scale):
        return x * scale

    scaled(x, scale=5.0).sum().backward()
    assert x.grad.tolist() == [5, 5]
    torch.library.define("tests_library::negated", "(Tensor x) -> Tensor")
    torch.library.impl("tests_library::negated", "default", torch.neg)
    assert torch.ops.tests_library.negated(torch.ones(1)).item() == -1
    torch.library.register_kernel("tests_library::negated", "cpu", torch.abs)
    assert torch.ops.tests_library.negated(-torch.ones(1)).item() == 1
    with pytest.raises(ValueError, match="Unsupported kind"):
        torch.library.Library("tests_library", "NEW")
    with pytest.raises(RuntimeError, match="^could not parse dispatch key: Abacus$"):
        library.impl("scaled", torch.neg, "Abacus")
    with pytest.raises(TypeError, match="^Input function is required to be a callable but found type <class 'int'>$"):
        library.impl("scaled", 3)


def test_what_is_not_even_named():
    for statement, message in (
        ("torch.distributed.no_such", "module 'torch.distributed' has no attribute 'no_such'"),
        ("torch.nn.no_such", "module 'torch.nn' has no attribute 'no_such'"),
        ("torch.jit.no_such", "module 'torch.jit' has no attribute 'no_such'"),
        ("torch.distributed.pipelining.SplitPoint.NO", "type object 'SplitPoint' has no attribute 'NO'"),
        ("torch.ops.mine.f", "'_OpNamespace' 'mine' object has no attribute 'f'"),
    ):
        with pytest.raises(AttributeError) as raised:
            eval(statement)
        assert str(raised.value).startswith(message)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("cygrad.distributed.no_such")


def test_decorators_return_what_they_decorate():
    def f(x):
        return x

    for decorator in (
        torch._dynamo.disable, torch._dynamo.disable(), torch.jit.ignore, torch.jit.ignore(drop=True),
        torch.jit.unused, torch.jit.export, torch.jit.interface, torch.compiler.disable,
        torch.compiler.disable(recursive=False), torch.compiler.allow_in_graph,
    ):  # fmt: skip
        assert decorator(f) is f


def test_jit():
    net = nn.Linear(2, 2)
    with pytest.warns(DeprecationWarning, match="`torch.jit.script` is deprecated"):
        assert torch.jit.script(net) is net
    assert torch.jit.is_scripting() is False and torch.jit.is_tracing() is False
    assert torch.jit.annotate(typing.List[int], [1]) == [1]  # noqa: UP006
    assert torch.jit.annotations.List is typing.List  # noqa: UP006
    with pytest.warns(DeprecationWarning):
        assert torch.jit.wait(torch.jit.fork(lambda x: x + 1, 2)) == 3
    assert torch.jit.isinstance({"a": [1]}, dict[str, list[int]])
    assert not torch.jit.isinstance({"a": ["b"]}, dict[str, list[int]])
    assert torch.jit.isinstance(None, typing.Optional[int])  # noqa: UP045
    with pytest.raises(RuntimeError, match="^Attempted to use list without a contained type"):
        torch.jit.isinstance([1], list)


def test_futures():
    future = torch.futures.Future()
    assert not future.done()
    later = future.then(lambda f: f.wait() + 1)
    future.set_result(3)
    assert future.done() and future.value() == 3 and later.wait() == 4
    with pytest.raises(RuntimeError, match="^Attempting to mark a completed Future as complete again"):
        future.set_result(4)
    failed = torch.futures.Future()
    failed.set_exception(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        failed.wait()
    with pytest.raises(RuntimeError, match="running the callback: ValueError: wrong"):
        failed.then(lambda f: f.wait()).wait()
    assert torch.futures.wait_all([future, later]) == [3, 4]
    with pytest.raises(ValueError, match="wrong"):
        torch.futures.wait_all([future, failed])
    with pytest.raises(AssertionError, match="^3 is of type <class 'int'>, not an Exception.$"):
        torch.futures.Future().set_exception(3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def forward(self, x):
        return self.layers(x)


def test_compile_module():
    """The wrapper is PyTorch's: names in state_dict, attributes, training mode, repr."""
    net = Net()
    compiled = torch.compile(net, backend="eager")
    x = torch.ones(1, 2)
    assert torch.equal(compiled(x), net(x))
    assert list(compiled.state_dict()) == ["_orig_mod.layers.0.weight", "_orig_mod.layers.0.bias"]
    assert compiled._orig_mod is net and compiled.layers is net.layers
    assert compiled.eval().training is False and net.training is False
    compiled.extra = 3
    assert net.extra == 3
    assert repr(torch.compile(nn.ReLU(), backend="eager")) == "OptimizedModule(\n  (_orig_mod): ReLU()\n)"
    assert isinstance(compiled, torch._dynamo.OptimizedModule)
    assert len(torch.compile(nn.Sequential(nn.ReLU()), backend="eager")) == 1
    with pytest.raises(AttributeError, match="^'Net' object has no attribute 'nothing'$"):
        _ = compiled.nothing
    compiled(x).sum().backward()
    assert net.layers[0].weight.grad is not None


def test_compile_function():
    @torch.compile(fullgraph=True, backend="eager")
    def double(x):
        "Doubles."
        return 2 * x

    assert double(3) == 6 and double.__name__ == "double" and double.__doc__ == "Doubles."
    for kw, message in (
        ({"mode": "fast"}, "^Unrecognized mode=fast, should be one of: default, lite, "),
        ({"mode": "default", "options": {}}, "^Either mode or options can be specified, but both"),
    ):
        with pytest.raises(RuntimeError, match=message):
            torch.compile(double, **kw)
    with pytest.raises(AssertionError, match="^A callable function is expected, but <class 'int'> is provided.$"):
        torch.compile(3)
    assert torch.compiler.is_compiling() is False


def test_compile_warns_once():
    torch.compiler._warn.cache_clear()
    with pytest.warns(UserWarning, match="does not compile yet") as caught:
        torch.compile(nn.ReLU())
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.compile(nn.ReLU())
