"""torch.ops: PyTorch's inner operators by name, `torch.ops.aten.mm`; names, to compare and print, not to call."""

import functools

from ._standins import error

_WHY = "the inner operators are not there; call the function of torch that uses it"


class OpOverload:
    """One form of an operator: `torch.ops.aten.add.Tensor`."""

    def __init__(self, op, overload):
        self._op, self._overloadname = op, overload

    def __call__(self, *args, **kwargs):
        raise error(f"ops.{self._op}.{self._overloadname}", _WHY)

    def __repr__(self):
        return f"<OpOverload(op='{self._op}', overload='{self._overloadname}')>"

    def __str__(self):
        return f"{self._op}.{self._overloadname}"


class OpOverloadPacket:
    """An operator in all its forms: `torch.ops.aten.add`."""

    def __init__(self, op):
        self._op = op

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        form = OpOverload(self._op, name)
        setattr(self, name, form)
        return form

    def __call__(self, *args, **kwargs):
        raise error(f"ops.{self._op}", _WHY)

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self._op}')>"

    def __str__(self):
        return self._op


class _Namespace:
    """The operators of one library: `torch.ops.aten`. Other libraries have none here."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__") or self._name not in ("aten", "prims", "profiler", "torchvision"):
            raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")
        packet = OpOverloadPacket(f"{self._name}.{name}")
        setattr(self, name, packet)
        return packet

    def __repr__(self):
        return f"<module 'torch.ops.{self._name}' from 'torch.ops'>"


loaded_libraries = set()


def load_library(path):
    """Not in cygrad: there is no C++ interface."""
    raise error("ops.load_library", "there is no C++ interface")


@functools.cache
def _namespace(name):
    return _Namespace(name)


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _namespace(name)
