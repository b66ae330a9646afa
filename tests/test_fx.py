"""Tracing, graphs and their code, rewriting: as PyTorch's where it is installed, and by themselves."""

import copy
import math
import operator
import pickle
import traceback

import pytest

import cygrad as torch
from cygrad import fx, nn

F = nn.functional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(3, 4))
        self.linear = nn.Linear(4, 5)
        self.layers = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Dropout(0.1))
        self.register_buffer("shift", torch.ones(5))

    def forward(self, x, y=None, *, k=2.0):
        z = self.layers(self.linear(x + self.scale).clamp(min=0.0, max=1.0)) + self.shift
        z = torch.cat([z, z], dim=1)[:, 1:3]
        rows, _ = z.shape
        z = F.relu(z, inplace=False).view(rows, -1)
        z = z * k - 1 + math.sqrt(2) ** -z
        return {"out": z, "turned": [z, (z.T,)]}


def test_a_module():
    net = Net().eval()
    traced = fx.symbolic_trace(net)
    x = torch.rand(3, 4)
    assert torch.equal(traced(x)["out"], net(x)["out"]) and traced(x, k=3.0)["turned"][1][0].shape == (2, 3)
    assert isinstance(traced, fx.GraphModule) and type(traced).__name__ == "Net" and not traced.training
    assert dict(traced.named_parameters()).keys() == dict(net.named_parameters()).keys()
    assert traced.get_submodule("layers.0") is net.layers[0]
    traced(x)["out"].sum().backward()
    assert net.scale.grad is not None
    called = [n.name for n in traced.graph.nodes if n.op == "call_module"]
    assert called == ["linear", "layers_0", "layers_1", "layers_2"]
    traced.graph.lint()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies(copied):
    traced = fx.symbolic_trace(Net().eval())
    x = torch.rand(3, 4)
    again = copied(traced)
    assert again.code == traced.code and torch.equal(again(x)["out"], traced(x)["out"])
    assert again.linear.weight is not traced.linear.weight and again.graph is not traced.graph
    assert not again.training


def wrapped_length(x):
    return len(x)


fx.wrap("wrapped_length")
PROGRAMS = {
    "arithmetic": "lambda x: 2 - x / 3 // 1 % 5 @ x + (x & 1 | ~x ^ x << 2)",
    "comparison": "lambda x: (x == 1, x < 2)",
    "indices": "lambda x: x[..., None, 1:2, [1, 2]]",
    "methods": "lambda x, y: torch.stack((x, y)).mean((0, 1), keepdim=True)",
    "functions": "lambda x: torch.add(x, 3, alpha=2).sum().item()",
    "sizes": "lambda x: x.view(x.shape[0] // 2, x.size(1))",
    "dtypes": "lambda x: x.to(torch.float16).type(torch.int32)",
    "constants": "lambda x: torch.zeros(3) + x",
    "in place": "lambda x: x.add_(1).mul_(2)",
    "attributes": "lambda x: x.grad.T.foo(1)",
    "math": "lambda x: math.floor(x)",
    "nothing": "lambda x: None",
    "names": "lambda input, lambda_, sum: input + lambda_ - sum.max().pow(2).pow(3)",
    "variable": "lambda x, *args, **named: x.neg() + args[0] + named['a']",
    "branch": "lambda x: x if x.sum() > 0 else -x",
    "loop": "lambda x: [i for i in x]",
    "length": "lambda x: len(x)",
    "number": "lambda x: int(x)",
    "truth": "lambda x: not x",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_code_is_as_in_pytorch(name):
    peer = pytest.importorskip("torch")
    import torch.fx  # noqa: F401

    def outcome(library):
        program = eval(PROGRAMS[name], {"torch": library, "math": math})
        try:
            traced = library.fx.symbolic_trace(program)
        except Exception as error:
            return type(error).__name__, str(error)
        return traced.code, str(traced.graph)

    assert outcome(torch) == outcome(peer)


def test_arguments_that_are_fixed():
    traced = fx.symbolic_trace(lambda x, more: x + 1 if more else x - 1, concrete_args={"more": True})
    assert traced(torch.ones(1), True) == 2 and "more_1 == True" in traced.code
    with pytest.raises(AssertionError, match="more has been specialized to have value True but got another value"):
        traced(torch.ones(1), False)


def test_building_and_changing_a_graph():
    graph = fx.Graph()
    x = graph.placeholder("x")
    relu = graph.call_function(torch.relu, (x,))
    added = graph.call_method("add", (relu, 1), {"alpha": 2})
    graph.output(added)
    graph.lint()
    module = fx.GraphModule(nn.Module(), graph)
    assert module(torch.tensor([-1.0, 2.0])).tolist() == [2, 4]
    with pytest.raises(RuntimeError, match=r"Tried to erase Node relu but it still had 1 users in the graph"):
        graph.erase_node(relu)
    with graph.inserting_after(relu):
        tanh = graph.call_function(torch.tanh, relu.args, relu.kwargs)
    relu.replace_all_uses_with(tanh)
    graph.erase_node(relu)
    module.recompile()
    assert torch.allclose(module(torch.tensor([1.0])), torch.tensor([1.0]).tanh() + 2)
    assert list(graph.nodes) == [x, tanh, added, graph.output_node()] and added.args == (tanh, 1)
    assert tanh.users == {added: None} and x.all_input_nodes == [] and tanh.prev is x and tanh.next is added
    with pytest.raises(NotImplementedError, match="'immutable_list' object does not support mutation"):
        graph.call_function(torch.cat, ([x],)).args[0].append(x)
    assert graph.eliminate_dead_code() and len(graph.nodes) == 4
    other = fx.Graph().placeholder("other")
    graph.call_function(torch.sin, (other,))
    with pytest.raises(RuntimeError, match="Argument 'other' of Node 'sin' does not belong to this Graph"):
        graph.lint()


def test_dead_code_goes_and_effects_stay():
    def program(x):
        torch.sin(x)
        x.add_(1)
        return x

    traced = fx.symbolic_trace(program)
    assert traced.graph.eliminate_dead_code()
    assert [n.target for n in traced.graph.nodes] == ["x", "add_", "output"]


def test_interpreting_and_transforming():
    traced = fx.symbolic_trace(lambda x: torch.tanh(x).add(1))
    called = []

    class Telling(fx.Interpreter):
        def call_function(self, target, args, kwargs):
            called.append(target)
            return super().call_function(target, args, kwargs)

    x = torch.tensor([1.0, 2.0])
    assert torch.equal(Telling(traced).run(x), x.tanh() + 1) and called == [torch.tanh]
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter x, but one was not passed in!"):
        fx.Interpreter(traced).run()

    class Sigmoid(fx.Transformer):
        def call_function(self, target, args, kwargs):
            return super().call_function(torch.sigmoid if target is torch.tanh else target, args, kwargs)

    assert torch.equal(Sigmoid(traced).transform()(x), x.sigmoid() + 1)


def test_replacing_patterns():
    class Program(nn.Module):
        def forward(self, x, y):
            return torch.relu(x + y) * torch.relu(y + x).sum() + torch.relu(x)

    traced = fx.symbolic_trace(Program())
    x, y = torch.randn(3), torch.randn(3)
    matches = fx.replace_pattern(traced, lambda a, b: torch.relu(a + b), lambda a, b: torch.sigmoid(a) - b)
    assert [match.anchor.name for match in matches] == ["relu", "relu_1"]
    wanted = (x.sigmoid() - y) * (y.sigmoid() - x).sum() + x.relu()
    assert torch.allclose(traced(x, y), wanted)
    traced.graph.lint()


def test_leaves_and_shapes():
    class Through(fx.Tracer):
        def is_leaf_module(self, module, name):
            return False

    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    graph = Through().trace(net)
    inner = ["get_attr", "get_attr", "call_function", "call_function"]
    assert [n.op for n in graph.nodes] == ["placeholder", *inner, "output"]
    traced = fx.GraphModule(net, graph)
    x = torch.rand(5, 2)
    assert torch.equal(traced(x), net(x))
    torch.fx.passes.shape_prop.ShapeProp(traced).propagate(x)
    assert [tuple(n.meta["tensor_meta"].shape) for n in graph.nodes] == [(5, 2), (3, 2), (3,), (5, 3), (5, 3), (5, 3)]


def test_functions_of_a_module_that_are_wrapped():
    traced = fx.symbolic_trace(lambda x: wrapped_length(x) + 1)
    assert 'torch.fx._symbolic_trace.wrap("' in traced.code and traced(torch.ones(4)) == 5
    with pytest.raises(NotImplementedError, match="wrap must be called at the top level of a module"):
        fx.wrap("wrapped_length")


def test_tracing_leaves_nothing_behind():
    before = nn.Module.__call__, nn.Module.__dict__["__getattr__"], math.floor
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(lambda x: math.floor(x) if x else x)
    assert (nn.Module.__call__, nn.Module.__dict__["__getattr__"], math.floor) == before
    assert not fx._symbolic_trace.is_fx_tracing()


def test_a_fault_shows_the_generated_line():
    traced = fx.symbolic_trace(lambda x, y: operator.matmul(x, y))
    try:
        traced(torch.ones(2, 3), torch.ones(2, 3))
    except RuntimeError:
        assert "matmul = x @ y" in traceback.format_exc()
    else:
        pytest.fail("no error")
