"""Outputs from within a model, by the names of its modules.

PyTorch traces the model's forward; here hooks on the modules collect the outputs, so that nodes are modules, not
operators between them such as "flatten" or "layer1.0.add".
"""

import re
from collections import OrderedDict

from cygrad import nn


class _AllFound(Exception):
    """Leaves the forward of a model when every output that was asked for is there."""


class _FeatureExtractor(nn.Module):
    """Calls the model and returns {new name: output}; shares the children of the model."""

    def __init__(self, model, train_nodes, eval_nodes):
        super().__init__()
        object.__setattr__(
            self, "_model", model
        )  # not as a child: the names of the state dict stay
        self._modules = model._modules
        self._parameters = model._parameters
        self._buffers = model._buffers
        self.training = model.training
        self._train_nodes = train_nodes
        self._eval_nodes = eval_nodes

    def forward(self, *args, **kwargs):
        nodes = self._train_nodes if self.training else self._eval_nodes
        found = {}
        calls = {}

        def hook(path):
            def collect(module, args, output):
                count = calls.get(path, 0)
                calls[path] = count + 1
                node = path if count == 0 else f"{path}_{count}"
                if node in nodes:
                    found[node] = output
                    if len(found) == len(nodes):
                        raise _AllFound

            return collect

        modules = dict(self._model.named_modules())
        paths = {_path(node, modules) for node in nodes}
        handles = [modules[path].register_forward_hook(hook(path)) for path in paths]
        training, self._model.training = self._model.training, self.training
        try:
            self._model(*args, **kwargs)
        except _AllFound:
            pass
        finally:
            self._model.training = training
            for handle in handles:
                handle.remove()
        missing = nodes.keys() - found.keys()
        if missing:
            raise RuntimeError(f"the model was run, but its module '{min(missing)}' was not called")
        return OrderedDict((new, found[node]) for node, new in nodes.items())


def _path(node, modules):
    """The module of a node, which for its n-th further call ends with _n; None where there is none."""
    if node in modules:
        return node
    again = re.fullmatch(r"(.+)_\d+", node)
    return again[1] if again and again[1] in modules else None


def _nodes(given, model):
    given = {name: name for name in given} if isinstance(given, (list, tuple)) else dict(given)
    nodes = {str(node): str(new) for node, new in given.items()}
    modules = dict(model.named_modules())
    for node in nodes:
        if _path(node, modules) is None or not node:
            raise ValueError(
                f"node: '{node}' is not present in model. cygrad extracts the outputs of modules, by the names of "
                "`model.named_modules()`; further calls of one module end with _1, _2, ..."
            )
    return nodes


def create_feature_extractor(
    model,
    return_nodes=None,
    train_return_nodes=None,
    eval_return_nodes=None,
    tracer_kwargs=None,
    suppress_diff_warning=False,
    concrete_args=None,
):
    """A module that runs ``model`` as far as needed and returns {name: output} of some of its modules.

    ``return_nodes`` is a list of modules' names or {name: new name}; in its place two may be given, for training and
    for evaluation.  The arguments after these are for PyTorch's tracer and have no meaning here.
    """
    if (train_return_nodes is None) != (eval_return_nodes is None):
        raise ValueError(
            "If any of `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    if (return_nodes is None) == (train_return_nodes is None):
        if return_nodes is None:
            raise ValueError(
                "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be specified"
            )
        raise ValueError(
            "If `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    train = _nodes(train_return_nodes if return_nodes is None else return_nodes, model)
    evaluate = _nodes(eval_return_nodes if return_nodes is None else return_nodes, model)
    return _FeatureExtractor(model, train, evaluate)
