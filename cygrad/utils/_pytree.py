"""Nested tuples, lists and dictionaries as a flat list of leaves and a description of their structure."""

from collections import OrderedDict, defaultdict

__all__ = ["TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_map_only", "tree_unflatten"]


def _kind(x):
    """The container type by which `x` is taken apart, or None for a leaf."""
    cls = type(x)
    if cls in (tuple, list, dict, OrderedDict, defaultdict):
        return cls
    return (
        tuple
        if isinstance(x, tuple) and (hasattr(x, "_fields") or cls.__name__ == "Size")
        else None
    )


class TreeSpec:
    """What `tree_unflatten` needs beside the leaves: the container's type, its keys, its children's specs."""

    __slots__ = ("type", "context", "children_specs", "num_leaves")

    def __init__(self, type=None, context=None, children_specs=()):
        self.type, self.context, self.children_specs = type, context, list(children_specs)
        self.num_leaves = sum(c.num_leaves for c in self.children_specs) if type is not None else 1

    def is_leaf(self):
        return self.type is None

    def __eq__(self, other):
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type, other.context, other.children_specs)  # fmt: skip

    __hash__ = None

    def __repr__(self, indent=0):
        if self.is_leaf():
            return "*"
        step = indent + 2
        children = (",\n" + " " * step).join(c.__repr__(step) for c in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


LEAF = TreeSpec()


def tree_flatten(tree):
    """(leaves, spec)"""
    leaves = []
    return leaves, _take_apart(tree, leaves)


def _take_apart(tree, leaves):
    kind = _kind(tree)
    if kind is None:
        leaves.append(tree)
        return LEAF
    if issubclass(kind, dict):
        keys, values = list(tree), list(tree.values())
        context = [tree.default_factory, keys] if kind is defaultdict else keys
    else:
        context, values = None, tree
        if type(tree) not in (tuple, list):
            kind = type(tree)  # a named tuple or a size
    return TreeSpec(kind, context, [_take_apart(v, leaves) for v in values])


def tree_unflatten(leaves, treespec):
    """The tree of a spec with new leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree "
            f"that holds {treespec.num_leaves} items ({treespec})."
        )
    return _put_together(iter(leaves), treespec)


def _put_together(leaves, spec):
    if spec.is_leaf():
        return next(leaves)
    values = [_put_together(leaves, c) for c in spec.children_specs]
    if spec.type is defaultdict:
        return defaultdict(spec.context[0], zip(spec.context[1], values, strict=True))
    if issubclass(spec.type, dict):
        return spec.type(zip(spec.context, values, strict=True))
    return spec.type(*values) if hasattr(spec.type, "_fields") else spec.type(values)


def tree_leaves(tree):
    return tree_flatten(tree)[0]


def tree_map(func, tree, *rests):
    """`func` of every leaf, and of the leaves in the same places of the other trees."""
    leaves, spec = tree_flatten(tree)
    return tree_unflatten(
        [func(*x) for x in zip(leaves, *map(tree_leaves, rests), strict=True)], spec
    )


def tree_map_only(cls, func, tree):
    """`func` of every leaf that is an instance of `cls`; the others stay."""
    return tree_map(lambda x: func(x) if isinstance(x, cls) else x, tree)


def pprint(spec):
    """The structure as Python writes it, with * for leaves."""
    star = type("Star", (), {"__repr__": lambda self: "*"})()
    return repr(tree_unflatten([star] * spec.num_leaves, spec))
