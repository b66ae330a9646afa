"""torch.utils._pytree: nested containers as a flat list of leaves and a description of their structure.

Containers are tuples, lists, dictionaries, named tuples, deques, the named results of operators, and what
`register_pytree_node` adds. Everything else is a leaf, None too.
"""

import collections
import dataclasses
import functools
import json
import sys
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any, NamedTuple

from .. import Size
from ..return_types import NamedResult

Context = PyTree = Any


class MappingKey(NamedTuple):
    """A step of a path: the value of a key."""

    key: Any

    def __str__(self):
        return f"[{self.key!r}]"

    def __repr__(self):
        return f"MappingKey(key={self.key!r})"

    def get(self, mapping):
        return mapping[self.key]


class SequenceKey(NamedTuple):
    """A step of a path: the item at an index."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def __repr__(self):
        return f"SequenceKey(idx={self.idx!r})"

    def get(self, sequence):
        return sequence[self.idx]


class GetAttrKey(NamedTuple):
    """A step of a path: an attribute."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def __repr__(self):
        return f"GetAttrKey(name={self.name!r})"

    def get(self, obj):
        return getattr(obj, self.name)


class NodeDef(NamedTuple):
    """How a kind of container is taken apart and put together."""

    type: Any
    flatten_fn: Any  # container -> (children, context)
    unflatten_fn: Any  # (children, context) -> container
    flatten_with_keys_fn: Any = None  # container -> ([(key, child)], context)
    serialized_type_name: str | None = None
    to_dumpable_context: Any = None
    from_dumpable_context: Any = None


SUPPORTED_NODES = {}


def _register(
    cls, flatten_fn, unflatten_fn, keys=None, serialized_type_name=None, to_dumpable=None, from_dumpable=None
):
    with_keys = None
    if keys is not None:

        def with_keys(tree):
            children, context = flatten_fn(tree)
            return list(zip(keys(tree, context), children)), context

    SUPPORTED_NODES[cls] = NodeDef(
        cls, flatten_fn, unflatten_fn, with_keys, serialized_type_name, to_dumpable, from_dumpable
    )


def register_pytree_node(
    cls, flatten_fn, unflatten_fn, *, serialized_type_name=None, to_dumpable_context=None,
    from_dumpable_context=None, flatten_with_keys_fn=None,
):  # fmt: skip
    """Makes a class a container: `flatten_fn(obj)` gives (children, context), `unflatten_fn` the reverse."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls!r} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered."
        )
    SUPPORTED_NODES[cls] = NodeDef(
        cls, flatten_fn, unflatten_fn, flatten_with_keys_fn, serialized_type_name, to_dumpable_context,
        from_dumpable_context,
    )  # fmt: skip


_register_pytree_node = register_pytree_node


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Makes a dataclass a container of its fields."""
    if field_names is None:
        if not dataclasses.is_dataclass(cls):
            raise ValueError(
                f"field_names must be specified with a list of all fields used to initialize {cls}, as it is not "
                "a dataclass."
            )
        dropped = drop_field_names or ()
        field_names = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in dropped]

    def split(obj):
        named = [(name, getattr(obj, name)) for name in field_names]
        full = [(name, value) for name, value in named if value is not None]
        return full, [[name for name, _ in full], [n for n, value in named if value is None]]

    def flatten(obj):
        full, context = split(obj)
        return [value for _, value in full], context

    def flatten_with_keys(obj):
        full, context = split(obj)
        return [(GetAttrKey(name), value) for name, value in full], context

    def unflatten(values, context):
        return cls(**dict(zip(context[0], values)), **dict.fromkeys(context[1]))

    register_pytree_node(
        cls, flatten, unflatten, serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=flatten_with_keys,
    )  # fmt: skip


def register_constant(cls):
    """Makes a class a container without children: its objects belong to the structure."""
    register_pytree_node(cls, lambda obj: ([], obj), lambda _, obj: obj)


def _indices(tree, context):
    return map(SequenceKey, range(len(tree)))


def _keys(tree, context):
    return map(MappingKey, tree)


_register(tuple, lambda t: (list(t), None), lambda v, _: tuple(v), _indices, "builtins.tuple")
_register(list, lambda t: (t, None), lambda v, _: list(v), _indices, "builtins.list")
_register(
    dict, lambda t: (list(t.values()), list(t)), lambda v, c: dict(zip(c, v)), _keys, "builtins.dict"
)
_register(
    namedtuple,
    lambda t: (list(t), type(t)),
    lambda v, c: c(*v),
    lambda t, c: map(GetAttrKey, t._fields),
    "collections.namedtuple",
    lambda c: f"{c.__module__}.{c.__qualname__}",
    lambda name: functools.reduce(
        getattr, name.rpartition(".")[2:], sys.modules[name.rpartition(".")[0]]
    ),
)
_register(
    OrderedDict,
    lambda t: (list(t.values()), list(t)),
    lambda v, c: OrderedDict(zip(c, v)),
    _keys,
    "collections.OrderedDict",
)
_register(
    defaultdict,
    lambda t: (list(t.values()), [t.default_factory, list(t)]),
    lambda v, c: defaultdict(c[0], zip(c[1], v)),
    _keys,
    "collections.defaultdict",
)
_register(
    deque, lambda t: (list(t), t.maxlen), lambda v, c: deque(v, maxlen=c), _indices, "collections.deque"
)
_register(Size, lambda t: (list(t), None), lambda v, _: Size(v), _indices, "torch.Size")
BUILTIN_TYPES = frozenset([tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque])
for _kind in BUILTIN_TYPES:  # `_dict_flatten` and its kind, which libraries register for their own dictionaries
    _node = SUPPORTED_NODES[_kind]
    globals().update({
        f"_{_kind.__name__.lower()}_flatten": _node.flatten_fn,
        f"_{_kind.__name__.lower()}_unflatten": _node.unflatten_fn,
        f"_{_kind.__name__.lower()}_flatten_with_keys": _node.flatten_with_keys_fn,
    })  # fmt: skip
STANDARD_DICT_TYPES = frozenset([dict, OrderedDict, defaultdict])


def is_namedtuple_class(cls):
    """Whether a class was made by namedtuple."""
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type) and issubclass(cls, tuple) and isinstance(fields, tuple)
        and all(isinstance(field, str) for field in fields)
    )  # fmt: skip


def is_namedtuple_instance(obj):
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj):
    """Whether an object or a class is one of a named tuple."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq(obj):
    """Whether an object or a class is a named result of an operator."""
    cls = obj if isinstance(obj, type) else type(obj)
    return issubclass(cls, NamedResult)


def is_structseq_instance(obj):
    """Whether an object is a named result of an operator."""
    return isinstance(obj, NamedResult)


def _get_node_type(tree):
    cls = type(tree)
    if cls in SUPPORTED_NODES or not isinstance(tree, tuple):
        return cls
    if issubclass(cls, NamedResult):
        _register(cls, lambda t: (list(t), None), lambda v, _: cls(v), _indices)
        return cls
    return namedtuple if is_namedtuple_class(cls) else cls


def tree_is_leaf(tree, is_leaf=None):
    """Whether something has no children."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf


class TreeSpec:
    """The structure of a tree: the container's type, its context (such as keys), and its children's structures."""

    def __init__(self, type, context, children_specs):
        self.type, self.context, self._children = type, context, list(children_specs)
        if type is None:
            self.num_nodes = self.num_leaves = 1
        else:
            self.num_nodes = 1 + sum(child.num_nodes for child in self._children)
            self.num_leaves = sum(child.num_leaves for child in self._children)
        self.num_children = len(self._children)

    @property
    def children_specs(self):
        return self._children

    def children(self):
        """The structures of the children."""
        return list(self._children)

    def child(self, index):
        """The structure of one child."""
        return self._children[index]

    def is_leaf(self):
        """Whether this is the structure of a leaf."""
        return self.type is None

    def _same_node(self, other):
        return self.type == other.type and self.context == other.context

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self._same_node(other) and self._children == other._children

    def __hash__(self):
        context = self.context
        if isinstance(context, list):
            context = repr(context)
        return hash((self.type, context, tuple(self._children)))

    def __repr__(self, indent=0):
        if self.is_leaf():
            return "*"
        step = indent + 2
        children = (",\n" + " " * step).join(child.__repr__(step) for child in self._children)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"

    def flatten_up_to(self, tree):
        """The parts of `tree` in the places of this structure's leaves; ValueError where it is of another form."""
        parts = []
        self._flatten_up_to(tree, parts)
        return parts

    def _flatten_up_to(self, tree, parts):
        if self.is_leaf():
            parts.append(tree)
            return
        kind = _get_node_type(tree)
        both_dicts = kind in STANDARD_DICT_TYPES and self.type in STANDARD_DICT_TYPES
        if kind != self.type and not both_dicts:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        if both_dicts:
            keys = self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(tree):
                missing, extra = set(keys) - set(tree), set(tree) - set(keys)
                text = f"; missing key(s): {missing}" if missing else ""
                text += f"; extra key(s): {extra}" if extra else ""
                raise ValueError(f"Node keys mismatch{text}.")
            children = [tree[key] for key in keys]
        else:
            children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
            if len(children) != self.num_children:
                raise ValueError(
                    f"Node arity mismatch; expected {self.num_children}, but got {len(children)}."
                )
            if self.type is not deque and context != self.context:
                raise ValueError(
                    f"Node context mismatch for custom node type {self.type!r}; expected {self.context!r}, "
                    f"but got {context!r}."
                )
        for spec, child in zip(self._children, children):
            spec._flatten_up_to(child, parts)

    def unflatten(self, leaves):
        """The tree of this structure with these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree "
                f"that holds {self.num_leaves} items ({self})."
            )
        return self._put_together(iter(leaves))

    def _put_together(self, leaves):
        if self.is_leaf():
            return next(leaves)
        children = [child._put_together(leaves) for child in self._children]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self.context)


PyTreeSpec = TreeSpec
_LEAF = TreeSpec(None, None, [])


class LeafSpec(TreeSpec):
    """The structure of a leaf."""

    def __init__(self):
        super().__init__(None, None, [])


def treespec_leaf():
    """The structure of a leaf."""
    return _LEAF


def treespec_tuple(iterable=(), /):
    """The structure of a tuple of these structures."""
    return TreeSpec(tuple, None, iterable)


def treespec_dict(mapping=(), /, **kwargs):
    """The structure of a dict of these structures."""
    children = dict(mapping, **kwargs)
    return TreeSpec(dict, list(children), children.values())


def tree_flatten(tree, is_leaf=None):
    """(the leaves, the structure) of a tree; where `is_leaf(part)` holds, the part is a leaf."""
    leaves = []
    return leaves, _take_apart(tree, leaves, is_leaf)


def _take_apart(tree, leaves, is_leaf):
    kind = _get_node_type(tree)
    if (is_leaf is not None and is_leaf(tree)) or kind not in SUPPORTED_NODES:
        leaves.append(tree)
        return _LEAF
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_take_apart(child, leaves, is_leaf) for child in children])


def tree_unflatten(leaves, treespec):
    """The tree of a structure with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree, is_leaf=None):
    """The leaves, one after the other."""
    yield from tree_leaves(tree, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree, is_leaf=None):
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args, **kwargs):
    """The leaves of all arguments."""
    return tree_leaves((args, kwargs))


def _with_rests(tree, rests, is_leaf):
    leaves, spec = tree_flatten(tree, is_leaf)
    return [leaves, *(spec.flatten_up_to(rest) for rest in rests)], spec


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree of `func(leaf, ...)`, with the parts in the same places of the other trees."""
    columns, spec = _with_rests(tree, rests, is_leaf)
    return spec.unflatten(map(func, *columns))


def tree_map_(func, tree, *rests, is_leaf=None):
    """Calls `func(leaf, ...)` for its effect; returns the tree."""
    columns, _ = _with_rests(tree, rests, is_leaf)
    collections.deque(map(func, *columns), maxlen=0)
    return tree


def _selects(kinds):
    if isinstance(kinds, type | tuple) or not callable(kinds):
        return lambda x: isinstance(x, kinds)
    return kinds


def map_only(type_or_types_or_pred, /):
    """A decorator of functions of one argument: what is not of these types (or fails the test) stays as it is."""
    selects = _selects(type_or_types_or_pred)
    return lambda func: functools.wraps(func)(lambda x: func(x) if selects(x) else x)


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map` over leaves of some types, or that pass a test; the others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map_` over leaves of some types, or that pass a test."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether a test holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether a test holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether a test holds for all leaves of some types."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether a test holds for some leaf of some types."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))


def tree_leaves_with_path(tree, is_leaf=None):
    """[(path, leaf)]; a path is a tuple of keys."""
    return list(_paths((), tree, is_leaf))


def _paths(path, tree, is_leaf):
    kind = _get_node_type(tree)
    if (is_leaf is not None and is_leaf(tree)) or kind not in SUPPORTED_NODES:
        yield path, tree
        return
    take_apart = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if take_apart is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument "
            "to register_pytree_node."
        )
    for key, child in take_apart(tree)[0]:
        yield from _paths((*path, key), child, is_leaf)


def tree_flatten_with_path(tree, is_leaf=None):
    """([(path, leaf)], the structure)"""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """The tree of `func(path, leaf, ...)`."""
    columns, spec = _with_rests(tree, rests, is_leaf)
    paths = [path for path, _ in tree_leaves_with_path(tree, is_leaf)]
    return spec.unflatten(map(func, paths, *columns))


def keystr(kp):
    """A path as Python writes it: "['a'][0].b"."""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What lies at the end of a path."""
    return functools.reduce(lambda part, key: key.get(part), kp, obj)


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """The leaves of a tree that may end above the structure's leaves, repeated; None if it is of another form."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _get_node_type(tree)
    if treespec.is_leaf() or kind != treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    leaves = []
    for child, spec in zip(children, treespec.children_specs):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        leaves += part
    return leaves


def treespec_dumps(treespec, protocol=None):
    """The structure as JSON."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be an instance of TreeSpec but got item of "
            f"type {type(treespec)}."
        )
    return json.dumps([1, _dump(treespec)])


def _dump(spec):
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    node = SUPPORTED_NODES[spec.type]
    if node.serialized_type_name is None:
        raise NotImplementedError(
            f"No registered serialization name for {spec.type} found. Please update your _register_pytree_node call "
            "with a `serialized_type_name` kwarg."
        )
    dump = node.to_dumpable_context or json.dumps
    return {
        "type": node.serialized_type_name,
        "context": dump(spec.context),
        "children_spec": [_dump(child) for child in spec.children_specs],
    }


def treespec_loads(serialized):
    """The structure that `treespec_dumps` wrote."""
    protocol, data = json.loads(serialized)
    if protocol != 1:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return _load(data)


def _load(data):
    if data["type"] is None:
        return _LEAF
    for kind, node in SUPPORTED_NODES.items():
        if node.serialized_type_name == data["type"]:
            load = node.from_dumpable_context or json.loads
            return TreeSpec(kind, load(data["context"]), map(_load, data["children_spec"]))
    raise NotImplementedError(f"No registered pytree node is called {data['type']!r}.")


class _Star:
    def __repr__(self):
        return "*"


def treespec_pprint(treespec):
    """The structure as Python writes it, with * for leaves."""
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))
