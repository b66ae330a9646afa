"""Shapes and dtypes of a graph's values, from one run."""

from typing import NamedTuple

import cygrad

from ..interpreter import Interpreter
from ..node import map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its elements."""

    shape: tuple
    dtype: cygrad.dtype
    requires_grad: bool
    stride: tuple
    memory_format: object
    is_quantized: bool = False
    qparams: dict = {}


def _extract_tensor_metadata(result, include_contiguity=True):
    formats = (cygrad.contiguous_format, cygrad.channels_last, cygrad.channels_last_3d) if include_contiguity else ()
    fits = {cygrad.channels_last: 4, cygrad.channels_last_3d: 5}
    memory_format = next(
        (f for f in formats if fits.get(f, result.dim()) == result.dim() and result.is_contiguous(memory_format=f)),
        None,
    )
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(), memory_format, False, {})


class ShapeProp(Interpreter):
    """Runs a GraphModule and keeps, in each node's `meta`, "tensor_meta" (TensorMetadata, nested as its value is) and
    "type".

        >>> traced = torch.fx.symbolic_trace(torch.nn.Linear(2, 3))
        >>> _ = ShapeProp(traced).propagate(torch.ones(5, 2))
        >>> [tuple(node.meta["tensor_meta"].shape) for node in traced.graph.nodes]
        [(5, 2), (3, 2), (3,), (5, 3), (5, 3)]
    """

    def __init__(self, gm, fake_mode=None):
        if fake_mode is not None:
            raise NotImplementedError("fake tensors are not there; run the module on device='meta'")
        super().__init__(gm)

    def run_node(self, n):
        """The value of a node, with what is known of it put into its meta."""
        result = super().run_node(n)
        seen = []

        def extract(value):
            if isinstance(value, cygrad.Tensor):
                seen.append(value)
                return _extract_tensor_metadata(value)
            return value

        meta = map_aggregate(result, extract)
        if seen:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args):
        """Runs the module on `args`; its result."""
        return super().run(*args)
