"""A module's graph for TensorBoard, from what autograd recorded of one call.

Every recorded operation is a node, named after its place in the tree of modules; so are parameters, buffers that take
part in gradients, inputs and outputs.  What autograd does not record (integer inputs, comparisons) is not shown.
"""

from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.versions_pb2 import VersionDef

from ..._core import Tensor
from ...autograd.grad_mode import enable_grad
from .._pytree import tree_leaves, tree_map


def _tensors(x):
    return [t for t in tree_leaves(x) if isinstance(t, Tensor)]


def _scopes(module):
    """For each module its path, "Net/Sequential[body]/Linear[0]"."""
    found = {id(module): type(module).__name__}

    def visit(parent):
        for name, child in parent.named_children():
            if id(child) not in found:
                found[id(child)] = f"{found[id(parent)]}/{type(child).__name__}[{name}]"
                visit(child)

    visit(module)
    return found


class _Builder:
    def __init__(self, model):
        self.graph = GraphDef(versions=VersionDef(producer=22))
        self.scopes = _scopes(model)
        self.names = {}  # graph node, or id of a leaf, to the name in the graph
        self.used = set()
        self.leaves = {}
        for module in model.modules():
            members = [
                *module.named_parameters(recurse=False),
                *module.named_buffers(recurse=False),
            ]
            for name, x in members:
                self.leaves.setdefault(id(x), (f"{self.scopes[id(module)]}/{name}", x))

    def unique(self, name):
        candidate, n = name, 0
        while candidate in self.used:
            n += 1
            candidate = f"{name}_{n}"
        self.used.add(candidate)
        return candidate

    def add(self, name, op, inputs=(), shape=None):
        name = self.unique(name)
        node = self.graph.node.add(name=name, op=op, input=list(inputs))
        node.attr["attr"].s = b""
        if shape is not None:
            sizes = TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in shape])
            node.attr["_output_shapes"].CopyFrom(AttrValue(list=AttrValue.ListValue(shape=[sizes])))
        return name

    def leaf(self, x):
        if id(x) not in self.names:
            name, x = self.leaves.get(id(x), ("constant", x))
            self.names[id(x)] = self.add(
                name, "Parameter" if x.requires_grad else "Buffer", (), x.shape
            )
        return self.names[id(x)]

    def place(self, output, scope):
        """Adds the operations that lead to a tensor and are not there yet, under `scope`; returns its node's name."""
        if output.grad_fn is None:
            return self.leaf(output)
        waiting = [output.grad_fn]
        while waiting:  # producers first
            node = waiting[-1]
            parents = [n for n, _ in node.next_functions if n is not None]
            missing = [n for n in parents if n not in self.names and not hasattr(n, "variable")]
            if missing and node not in self.names:
                waiting += missing
                continue
            waiting.pop()
            if node not in self.names:
                inputs = [
                    self.leaf(n.variable) if hasattr(n, "variable") else self.names[n]
                    for n in parents
                ]
                op = node.name().rstrip("0123456789").removesuffix("Backward")
                shape = output.shape if node is output.grad_fn else None
                self.names[node] = self.add(f"{scope}/{op}", op, inputs, shape)
        return self.names[output.grad_fn]


def graph(model, args, verbose=False):
    """(GraphDef, RunMetadata) of model(*args); the model is called once, with gradients recorded."""
    builder = _Builder(model)

    def given(x):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        x = x.detach().requires_grad_()
        builder.leaves[id(x)] = (f"input/input.{len(inputs) + 1}", x)
        inputs.append(x)
        builder.names[id(x)] = builder.add(f"input/input.{len(inputs)}", "IO Node", (), x.shape)
        return x

    inputs = []

    scopes = []  # of the modules that are running

    def entered(module, arguments):
        # What is not placed yet was done by the caller, between its modules.
        for x in _tensors(arguments):
            if scopes and x.requires_grad:
                builder.place(x, scopes[-1])
        scopes.append(builder.scopes[id(module)])

    def left(module, _, output):
        for x in _tensors(output):
            if x.requires_grad:
                builder.place(x, scopes[-1])
        scopes.pop()

    args = tree_map(given, args if isinstance(args, (tuple, list)) else (args,))
    hooks = []
    for module in model.modules():
        hooks += [module.register_forward_pre_hook(entered), module.register_forward_hook(left)]
    try:
        with enable_grad():
            outputs = _tensors(model(*args))
    except RuntimeError as e:
        print(e)
        print("Error occurs, No graph saved")
        raise
    finally:
        for hook in hooks:
            hook.remove()
    for i, x in enumerate(outputs, 1):
        source = [builder.place(x, type(model).__name__)] if x.requires_grad else []
        builder.add(f"output/output.{i}", "IO Node", source, x.shape)
    if verbose:
        print(builder.graph)
    device = StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")])
    return builder.graph, RunMetadata(step_stats=device)
