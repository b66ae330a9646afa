"""The type objects `torch.FloatTensor` and its fellows: constructors, and names of dtypes."""

import warnings

from cygrad import _core
from cygrad._creation import factories as _creation
from cygrad._types import strided

Tensor = _core.Tensor
_NAMES = _core.SCALAR_TYPE_NAMES


class tensortype(type):
    """Calls construct plain tensors, `isinstance` looks at dtype and device."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.is_cpu

    def __call__(cls, *args):
        return _creation.construct(args, cls.dtype)


tensortype.__module__ = "torch"


def _make(name, dtype):
    body = {
        "__module__": "torch",
        "dtype": dtype,
        "layout": strided,
        "is_cuda": False,
        "is_sparse": False,
    }
    return tensortype(name, (), body)


TYPES = {
    f"{name}Tensor": _make(f"{name}Tensor", dtype) for name, dtype in zip(_NAMES, _core.DTYPES[:10])
}


def tensor_type(self, dtype=None, non_blocking=False):
    """The name of this tensor's type; or the tensor converted to a dtype, type object or name."""
    if dtype is None:
        return _core.type_name(self)
    if isinstance(dtype, str):
        *place, name = dtype.split(".")
        if (
            name not in TYPES
            or place[:1] != ["torch"]
            or place[1:] not in ([], ["cuda"], ["opencl"])
        ):
            raise ValueError(f"invalid type: '{dtype}'")
        return self.to(place[1] if place[1:] else "cpu", TYPES[name].dtype)
    if isinstance(dtype, tensortype):
        return self.to("cpu", dtype.dtype)
    if dtype is Tensor:
        return self.to(_core.get_default_dtype())
    if not isinstance(dtype, _core.dtype) and dtype not in (float, int, bool):
        raise TypeError("dtype must be a type, str, or dtype object")
    return self.to(dtype)


tensor_type.__name__ = tensor_type.__qualname__ = "type"


def set_default_tensor_type(t):
    """Makes the dtype of a type object (or its name) the default dtype; deprecated."""
    if isinstance(t, str):
        name = t.rpartition(".")[2]
        if name not in TYPES:
            raise AttributeError(f"module 'torch' has no attribute '{name}'")
        t = TYPES[name]
    if not isinstance(t, tensortype):
        raise TypeError("invalid type object")
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    _core.set_default_dtype(t.dtype)


FUNCTIONS = {**TYPES, "set_default_tensor_type": set_default_tensor_type}
METHODS = {"type": tensor_type}
