"""Lists and dictionaries of a node's arguments: changed as a whole (`node.args = ...`), so that the uses stay known."""

__all__ = ["immutable_dict", "immutable_list"]

_TEXT = (
    "'{}' object does not support mutation. If you are attempting to modify the kwargs or args of a torch.fx.Node "
    "object,\ninstead create a new copy of it and assign the copy to the node:\n    new_args = ...  # copy and mutate "
    "args\n    node.args = new_args\n"
)


def _refuse(cls, names):
    def refused(self, *args, **kwargs):
        raise NotImplementedError(_TEXT.format(type(self).__name__))

    for name in names:
        setattr(cls, name, refused)
    return cls


class immutable_list(list):
    """A list that refuses to be changed."""

    def __reduce__(self):
        return immutable_list, (tuple(self),)

    def __hash__(self):
        return hash(tuple(self))


class immutable_dict(dict):
    """A dictionary that refuses to be changed."""

    def __reduce__(self):
        return immutable_dict, (tuple(self.items()),)

    def __hash__(self):
        return hash(frozenset(self.items()))


_refuse(immutable_list, ("__delitem__", "__iadd__", "__imul__", "__setitem__", "append", "clear", "extend", "insert",
                         "pop", "remove", "reverse", "sort"))  # fmt: skip
_refuse(immutable_dict, ("__delitem__", "__ior__", "__setitem__", "clear", "pop", "popitem", "setdefault", "update"))
