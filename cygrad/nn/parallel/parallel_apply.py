"""Calling modules side by side."""

from cygrad import Tensor

__all__ = ["get_a_var", "parallel_apply"]


def get_a_var(obj):
    """A tensor among an object and what it holds, or None."""
    if isinstance(obj, Tensor):
        return obj
    items = obj.items() if isinstance(obj, dict) else obj if isinstance(obj, (list, tuple)) else ()
    for item in items:
        found = get_a_var(item)
        if isinstance(found, Tensor):
            return found
    return None


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The modules called one after the other on their inputs."""
    kwargs_tup = ({},) * len(modules) if kwargs_tup is None else kwargs_tup
    return [
        m(*(x if isinstance(x, (list, tuple)) else (x,)), **k)
        for m, x, k in zip(modules, inputs, kwargs_tup, strict=False)
    ]
