"""torch.autograd.grad, which functions of other modules of autograd are made of."""

import warnings

import cygrad

from .. import _dispatch, _engine
from .._core import Tensor


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The sums of the gradients of `outputs` with respect to each of `inputs`, as a tuple.

    `grad_outputs` are the vectors of the vector-Jacobian product, one per output; None for an
    output of one element.  An input that no output depends on raises unless `allow_unused` (its
    gradient is then None) or `materialize_grads` (then zeros).  With `is_grads_batched` the vectors
    have a leading dimension, over which the results are stacked.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs = (
        (outputs,) if isinstance(outputs, Tensor) or _engine.is_edge(outputs) else tuple(outputs)
    )
    inputs = (inputs,) if isinstance(inputs, Tensor) or _engine.is_edge(inputs) else tuple(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for x in inputs:
        _engine.check_input(x)
    for x in outputs:
        if not isinstance(x, Tensor) and not _engine.is_edge(x):
            raise AssertionError("Expected output to be a torch.Tensor")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if grad_outputs is None:
        grad_outputs = (None,) * len(outputs)
    else:
        grad_outputs = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    grad_outputs = grad_outputs[: len(outputs)] + (None,) * (len(outputs) - len(grad_outputs))
    if retain_graph is None:
        retain_graph = create_graph
    if is_grads_batched:
        result = _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused)
    else:
        result = _engine.run_backward(
            outputs, grad_outputs, retain_graph, create_graph, inputs, False, allow_unused
        )
    if materialize_grads:
        if any(
            g is None and not isinstance(x, Tensor) for g, x in zip(result, inputs, strict=True)
        ):
            raise RuntimeError(
                "materialize_grads cannot be used when the given input is a GradientEdge"
            )
        result = tuple(
            [x.new_zeros(x.shape) if g is None else g for g, x in zip(result, inputs, strict=True)]
        )
    return result


def _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused):
    """One run per entry of the leading dimension."""
    sizes = set()
    for i, (g, out) in enumerate(zip(grad_outputs, outputs, strict=True)):
        if g is None:
            continue
        if g.dim() == 0 or g.shape[1:] != out.shape:
            row = g.shape[2:]  # as PyTorch prints it
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                "as the batch dimension. The sizes of the remaining dimensions are expected to "
                "match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {row} and output[{i}] has a shape of "
                f"{out.shape}. If you only want some tensors in `grad_output` to be considered "
                "batched, consider using vmap."
            )
        sizes.add(g.shape[0])
    if len(sizes) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes}"
        )
    n = sizes.pop() if sizes else 1
    runs = [
        _engine.run_backward(
            outputs,
            tuple([None if g is None else g[i] for g in grad_outputs]),
            retain_graph or i + 1 < n,
            create_graph,
            inputs,
            False,
            allow_unused,
        )
        for i in range(n)
    ]
    return tuple(
        [None if column[0] is None else cygrad.stack(column) for column in zip(*runs, strict=True)]
    )


grad = _dispatch.function("grad", grad, __package__)
