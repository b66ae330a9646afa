"""torch.onnx: writes a network as an ONNX model, by running it once and noting the operators that it calls.

Needs the package `onnx`.  What a network computes of sizes (`x.size(0)`) is written down as the number it was.
Operators that have no counterpart here raise an error that names them, and so do networks in training mode.
"""

import inspect

import numpy as np

import cygrad as torch

from .. import _standins
from ..overrides import TorchFunctionMode
from . import _operators

__all__ = ["export", "is_in_onnx_export"]

_exporting = False


def is_in_onnx_export():
    """Whether `export` is running the network.

    Returns a bool.
    """
    return _exporting


class _Recorder(TorchFunctionMode):
    """Notes each operator on tensors that come from the inputs as nodes of an ONNX graph."""

    def __init__(self, onnx, opset, parameters):
        super().__init__()
        self.onnx, self.opset = onnx, opset
        self.nodes, self.constants = [], {}
        self.names = {}  # id of a tensor that depends on the inputs: its name in the graph
        self.parameters = {id(p): name for name, p in parameters}
        self.kept = []  # ids stay theirs as long as the tensors live

    def name(self, tensor):
        """The name of a tensor in the graph; what does not depend on the inputs becomes a constant."""
        if id(tensor) in self.names:
            return self.names[id(tensor)]
        name = self.parameters.get(id(tensor), f"constant_{len(self.constants)}")
        if name not in self.constants:
            array = tensor.detach().cpu().numpy()
            array = np.ascontiguousarray(array).reshape(array.shape)
            self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        self.kept.append(tensor)
        return self.names.setdefault(id(tensor), name)

    def constant(self, value, like=None):
        """The name of a number, or of a list of them: int64, or of the dtype of the tensor `like`."""
        if isinstance(value, torch.Tensor):
            return self.name(value)
        return self.name(torch.tensor(value, dtype=torch.int64 if like is None else like.dtype))

    def is_traced(self, x):
        if isinstance(x, (list, tuple)):
            return any(map(self.is_traced, x))
        return isinstance(x, torch.Tensor) and id(x) in self.names and self.names[id(x)] not in self.constants

    def node(self, kind, inputs, outputs=1, **attributes):
        """Adds a node; returns the name of its result, or their list."""
        made = [f"{kind.lower()}_{len(self.nodes)}" + f"_{i}" * (outputs > 1) for i in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, made, **attributes))
        return made if outputs > 1 else made[0]

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function.__name__
        result = function(*args, **kwargs)
        traced = any(map(self.is_traced, args)) or any(map(self.is_traced, kwargs.values()))
        tensors = result if isinstance(result, (list, tuple)) else [result]
        if not traced or not all(isinstance(t, torch.Tensor) for t in tensors) or name == "__get__" and not tensors:
            return result
        handler = _operators.HANDLERS.get(name)
        if handler is None:
            raise NotImplementedError(f"torch.onnx.export: the operator {name} is not written as ONNX yet")
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        values = list(bound.arguments.values())
        names = handler(self, result, dict(bound.arguments), *values[:1])
        for tensor, made in zip(tensors, names if isinstance(names, list) else [names]):
            self.names[id(tensor)] = made
            self.kept.append(tensor)
        return result


def export(model, args=(), f=None, *, input_names=None, output_names=None, opset_version=20, dynamic_axes=None,
           export_params=True, do_constant_folding=True, verbose=None, kwargs=None, dynamo=False):  # fmt: skip
    """Writes a network as an ONNX model.

    model: an ``nn.Module`` in evaluation mode
    args: what it is called with: a tensor or a tuple of them
    f: the file, a path or a binary file; None: none is written
    input_names, output_names: names in the model
    opset_version: of ONNX's operators, 20 or later
    dynamic_axes: {name: {dimension: its name}} of inputs and outputs whose sizes may differ from those of args
    export_params, do_constant_folding, verbose, dynamo: accepted
    Returns the ``onnx.ModelProto``. Raises ImportError without the package onnx, and NotImplementedError for operators
    that are not written yet, and for networks in training mode.
    """
    import onnx

    global _exporting
    if any(module.training for module in model.modules()):
        raise NotImplementedError("torch.onnx.export: the network is in training mode; call eval() first")
    if opset_version < 20:
        raise ValueError(f"torch.onnx.export: opset_version must be 20 or later, not {opset_version}")
    args = args if isinstance(args, tuple) else (args,)
    given = [a for a in args if isinstance(a, torch.Tensor)]
    recorder = _Recorder(onnx, opset_version, [*model.named_parameters(), *model.named_buffers()])
    input_names = list(input_names or (f"input_{i}" if len(given) > 1 else "input" for i in range(len(given))))
    for tensor, name in zip(given, input_names):
        recorder.names[id(tensor)] = name
    _exporting = True
    try:
        with torch.no_grad(), recorder:
            result = model(*args, **(kwargs or {}))
    finally:
        _exporting = False
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    output_names = list(output_names or (f"output_{i}" if len(results) > 1 else "output" for i in range(len(results))))
    for tensor, name in zip(results, output_names):
        recorder.nodes.append(onnx.helper.make_node("Identity", [recorder.name(tensor)], [name]))

    def described(name, tensor):
        sizes = [(dynamic_axes or {}).get(name, {}).get(i, n) for i, n in enumerate(tensor.shape)]
        kind = onnx.helper.np_dtype_to_tensor_dtype(tensor.detach().cpu().numpy().dtype)
        return onnx.helper.make_tensor_value_info(name, kind, sizes)

    graph = onnx.helper.make_graph(
        recorder.nodes, type(model).__name__, [described(n, t) for n, t in zip(input_names, given)],
        [described(n, t) for n, t in zip(output_names, results)], list(recorder.constants.values()),
    )  # fmt: skip
    made = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset_version)], producer_name="cygrad", ir_version=9
    )
    onnx.checker.check_model(made)
    if f is not None:
        onnx.save(made, f)
    return made


globals().update(
    _standins.made(
        "onnx",
        "models are written by export alone",
        """ONNXProgram(); register_custom_op_symbolic; unregister_custom_op_symbolic; select_model_mode_for_export;
        OnnxExporterError(RuntimeError); TrainingMode(EVAL, PRESERVE, TRAINING);
        OperatorExportTypes(ONNX, ONNX_ATEN, ONNX_ATEN_FALLBACK, ONNX_FALLTHROUGH);
        .producer_name = "pytorch"; .producer_version = "2.13.0" """,
    )
)
