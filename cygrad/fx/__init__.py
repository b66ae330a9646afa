"""torch.fx: programs as graphs that programs can read and rewrite.

`symbolic_trace` runs a module's forward on proxies (proxy.py) and gives a GraphModule: its Graph of Nodes, and the
Python code that runs it. Interpreters run graphs node by node. Pure Python, over what the dispatch tells of calls.
"""

from . import immutable_collections, node, passes, proxy, subgraph_rewriter  # noqa: F401
from ._symbolic_trace import PH, Tracer, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "PH", "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "has_side_effect",
    "map_arg", "replace_pattern", "symbolic_trace", "wrap",
]  # fmt: skip
