"""The data pipes that a data pipe is made of."""

from collections.abc import Mapping

from .datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["traverse", "traverse_dps"]


def _sources(thing, seen, deep):
    if isinstance(thing, (IterDataPipe, MapDataPipe)):
        yield thing
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Mapping):
        parts = thing.values()
    elif isinstance(thing, (list, tuple, set)):
        parts = thing
    elif deep and hasattr(thing, "__dict__") and not isinstance(thing, type) and not callable(thing):
        parts = vars(thing).values()
    else:
        return
    for part in parts:
        yield from _sources(part, seen, deep)


def _graph(pipe, deep, above):
    found = {}
    if id(pipe) in above:
        return found
    for value in list(vars(pipe).values()):
        for source in _sources(value, set(), deep or hasattr(value, "datapipe")):
            found.update(_graph(source, deep, above | {id(pipe)}))
    return {id(pipe): (pipe, found)}


def traverse_dps(datapipe):
    """{id: (pipe, the same of what it reads)}: of attributes that are pipes, and of collections of them."""
    return _graph(datapipe, False, frozenset())


def traverse(datapipe, only_datapipe=None):
    """`traverse_dps`, or with `only_datapipe=False` through all attributes of objects."""
    return _graph(datapipe, only_datapipe is False, frozenset())
