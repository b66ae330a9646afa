"""torch.utils._pytree: structures print, compare and fail as PyTorch's."""

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import cygrad as torch
import cygrad.utils._pytree as P

Pair = namedtuple("Pair", "a b")
TREE = {
    "b": [1, (2, None)],
    "a": Pair(3, deque([4, 5], maxlen=3)),
    "c": OrderedDict(z=6, y=7),
    "d": defaultdict(list, e=8),
}


def test_flatten():
    leaves, spec = P.tree_flatten(TREE)
    assert leaves == [1, 2, None, 3, 4, 5, 6, 7, 8] == P.tree_leaves(TREE)
    assert P.tree_unflatten(leaves, spec) == TREE and spec == P.tree_structure(TREE)
    assert P.treespec_pprint(spec) == (
        "{'b': [*, (*, *)], 'a': Pair(a=*, b=deque([*, *], maxlen=3)), 'c': OrderedDict([('z', *), ('y', *)]), "
        "'d': defaultdict(<class 'list'>, {'e': *})}"
    )
    assert (spec.num_leaves, spec.num_nodes, spec.num_children, spec.type) == (9, 16, 4, dict)
    assert repr(P.tree_structure({"b": [1, (2, 3)]})) == (
        "TreeSpec(dict, ['b'], [TreeSpec(list, None, [*,\n    TreeSpec(tuple, None, [*,\n      *])])])"
    )
    assert P.tree_flatten(None)[0] == [None] and repr(P.tree_structure(3)) == "*"
    assert P.tree_flatten([])[1] != P.tree_flatten(())[1]
    result = torch.max(torch.ones(2), 0)
    leaves, spec = P.tree_flatten(result)
    assert type(P.tree_unflatten(leaves, spec)) is type(result)
    assert P.tree_unflatten([3, 4], P.tree_structure(torch.Size([1, 2]))) == torch.Size([3, 4])


def test_map():
    assert P.tree_map(lambda x, y: x + y, [1, {"a": 2}], [10, {"a": 20}]) == [11, {"a": 22}]
    assert P.tree_map_only(int, lambda x: x + 1, [1, "a", 2.0]) == [2, "a", 2.0]
    assert P.tree_map_only(lambda x: x == "a", lambda x: 2 * x, [1, "a"]) == [1, "aa"]
    assert P.tree_map(len, [[1, 2], [3]], is_leaf=lambda x: isinstance(x, list) and isinstance(x[0], int)) == [2, 1]
    seen = []
    tree = [1, 2]
    assert P.tree_map_(seen.append, tree) is tree and seen == [1, 2]
    assert P.tree_all(lambda x: x > 0, [1, 2]) and not P.tree_any(lambda x: x > 2, [1, 2])
    assert P.tree_all_only(int, lambda x: x > 0, [1, "a"]) and not P.tree_any_only(int, lambda x: x > 3, [1, "a"])
    assert P.arg_tree_leaves(1, [2], a=3) == [1, 2, 3]


@pytest.mark.parametrize(
    "other, message",
    [
        ([10, {"b": 20}], "Node keys mismatch; missing key(s): {'a'}; extra key(s): {'b'}."),
        ([10], "Node arity mismatch; expected 2, but got 1."),
        ((10, {"a": 20}), "Node type mismatch; expected <class 'list'>, but got <class 'tuple'>."),
    ],
)
def test_map_of_different_trees(other, message):
    with pytest.raises(ValueError) as raised:
        P.tree_map(lambda x, y: x + y, [1, {"a": 2}], other)
    assert str(raised.value) == message


def test_errors():
    with pytest.raises(ValueError, match=r"`leaves` has length 1 but the spec refers to a pytree that holds 2 items"):
        P.tree_unflatten([1], P.tree_structure([1, 2]))
    with pytest.raises(TypeError, match="^Expected `treespec` to be an instance of PyTreeSpec but got item of type"):
        P.tree_unflatten([1], 3)


def test_paths():
    found = [(P.keystr(path), leaf) for path, leaf in P.tree_leaves_with_path(TREE)]
    assert found[:5] == [("['b'][0]", 1), ("['b'][1][0]", 2), ("['b'][1][1]", None), ("['a'].a", 3), ("['a'].b[0]", 4)]
    for path, leaf in P.tree_leaves_with_path(TREE):
        assert P.key_get(TREE, path) is leaf
    assert P.tree_map_with_path(lambda path, x: (P.keystr(path), x), [1]) == [("[0]", 1)]
    assert repr(P.MappingKey("a")) == "MappingKey(key='a')"


def test_serialized():
    spec = P.tree_structure([1, {"a": (2,)}])
    text = P.treespec_dumps(spec)
    assert text == (
        '[1, {"type": "builtins.list", "context": "null", "children_spec": [{"type": null, "context": null, '
        '"children_spec": []}, {"type": "builtins.dict", "context": "[\\"a\\"]", "children_spec": [{"type": '
        '"builtins.tuple", "context": "null", "children_spec": [{"type": null, "context": null, "children_spec": '
        "[]}]}]}]}]"
    )
    assert P.treespec_loads(text) == spec


def test_broadcast():
    spec = P.tree_structure([1, [2, 3]])
    assert P._broadcast_to_and_flatten(3, spec) == [3, 3, 3]
    assert P._broadcast_to_and_flatten([1, 2], spec) == [1, 2, 2]
    assert P._broadcast_to_and_flatten([1, 2, 3], spec) is None


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


@dataclasses.dataclass
class Data:
    a: int
    b: int


def test_registered():
    def register():
        P.register_pytree_node(Point, lambda p: ([p.x, p.y], "context"), lambda values, _: Point(*values))

    register()
    assert P.tree_flatten(Point(1, [2]))[0] == [1, 2]
    assert vars(P.tree_map(lambda x: x + 1, Point(1, [2]))) == {"x": 2, "y": [3]}
    with pytest.raises(ValueError, match="is already registered as pytree node.$"):
        register()
    with pytest.raises(ValueError, match="^Did not find a flatten_with_keys_fn for type: "):
        P.tree_flatten_with_path(Point(1, 2))
    with pytest.raises(NotImplementedError, match="^No registered serialization name for "):
        P.treespec_dumps(P.tree_structure(Point(1, 2)))
    assert P.tree_leaves(Data(1, 2)) == [Data(1, 2)]
    P.register_dataclass(Data)
    assert P.tree_map(lambda x: x + 1, Data(1, 2)) == Data(2, 3)
    with pytest.raises(ValueError, match="^field_names must be specified with a list of all fields used"):
        P.register_dataclass(3)
