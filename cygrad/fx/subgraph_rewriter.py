"""Finding a pattern in a graph, and putting something else in its place."""

from typing import NamedTuple

from .graph import Graph
from .graph_module import GraphModule
from .node import Node

__all__ = ["Match", "replace_pattern"]


class Match(NamedTuple):
    """Where a pattern was found: the node that gives its result, and {node of the pattern: node of the graph}."""

    anchor: Node
    nodes_map: dict


def _graph_of(thing):
    from ._symbolic_trace import symbolic_trace

    if isinstance(thing, Graph):
        return thing
    return thing.graph if isinstance(thing, GraphModule) else symbolic_trace(thing).graph


def _same_module(gm, pattern_root, node, pattern):
    """Whether two call_module or get_attr nodes mean the like: equal paths, or modules of one class."""
    if node.target == pattern.target:
        return True
    try:
        found, wanted = gm.get_submodule(node.target), pattern_root.get_submodule(pattern.target)
    except AttributeError:
        return False
    return type(found) is type(wanted)


def _match(gm, pattern_root, pattern, node, found):
    """Whether `node` and what it uses are as `pattern` and what it uses; fills `found`."""
    if pattern in found:
        return found[pattern] is node
    if not isinstance(node, Node):
        return False
    if pattern.op == "placeholder":
        found[pattern] = node
        return True
    if pattern.op != node.op:
        return False
    if pattern.op in ("call_module", "get_attr"):
        if not _same_module(gm, pattern_root, node, pattern):
            return False
    elif pattern.target != node.target:
        return False
    found[pattern] = node

    def same(a, b):
        if isinstance(a, Node):
            if isinstance(b, Node):
                return _match(gm, pattern_root, a, b, found)
            if a.op == "placeholder" and a not in found:  # a number where the pattern has an input
                found[a] = b
                return True
            return a in found and found[a] == b
        if isinstance(a, tuple | list):
            return isinstance(b, tuple | list) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, dict):
            return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
        if isinstance(a, slice):
            return isinstance(b, slice) and same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
        return type(a) is type(b) and a == b

    return same(pattern.args, node.args) and same(pattern.kwargs, node.kwargs)


def replace_pattern(gm, pattern, replacement):
    """Puts `replacement` in the place of each non-overlapping `pattern` in `gm.graph`; the Matches.

    Both are functions or modules of as many inputs, which are traced. A match has the pattern's functions, methods and
    modules with equal other arguments; no inner value of it may be used elsewhere.
    """
    graph, wanted, new = gm.graph, _graph_of(pattern), _graph_of(replacement)
    pattern_root = pattern if isinstance(pattern, GraphModule) else wanted.owning_module or gm
    returned = wanted.output_node().args[0]
    anchors = [returned] if isinstance(returned, Node) else [n for n in returned if isinstance(n, Node)]
    inputs = [n for n in wanted.nodes if n.op == "placeholder"]
    new_inputs = [n for n in new.nodes if n.op == "placeholder"]
    taken, matches = set(), []
    for node in list(graph.nodes):
        found = {}
        if len(anchors) != 1 or not _match(gm, pattern_root, anchors[0], node, found):
            continue
        inner = [found[n] for n in wanted.nodes if n.op not in ("placeholder", "output") and n in found]
        if any(n in taken for n in inner):
            continue
        if any(user not in inner for n in inner if n is not node for user in n.users):
            continue
        taken.update(inner)
        matches.append((node, found, inner))
    done, replaced = [], {}  # replaced: results of earlier matches, which later ones may have as inputs
    for node, found, inner in matches:
        values = {}
        for new_input, input in zip(new_inputs, inputs, strict=True):
            value = found.get(input)
            values[new_input] = replaced.get(value, value) if isinstance(value, Node) else value
        with graph.inserting_before(node):
            result = graph.graph_copy(new, values)
        _bring_modules(gm, replacement, new, values)
        node.replace_all_uses_with(result)
        replaced[node] = result
        for dead in reversed(inner):
            graph.erase_node(dead)
        done.append(Match(anchor=node, nodes_map=found))
    gm.recompile()
    return done


def _bring_modules(gm, replacement, new, values):
    """Gives `gm` the modules and parameters that the replacement names and it lacks."""
    root = replacement if isinstance(replacement, GraphModule) else new.owning_module
    if root is None:
        return
    for node in new.nodes:
        if node in values and node.op == "call_module":
            try:
                gm.get_submodule(node.target)
            except AttributeError:
                gm.add_submodule(node.target, root.get_submodule(node.target))
