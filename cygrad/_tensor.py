"""How tensors stand in files, and what PyTorch's files name `torch._tensor._rebuild_...`."""

from collections import OrderedDict

from . import _core, _utils
from .storage import TypedStorage


def _rebuild_from_type_v2(func, new_type, args, state):
    """A tensor of a subclass, or one with attributes."""
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = _core.Tensor._make_subclass(new_type, tensor, tensor.requires_grad)
    # Tensor's own, which Cython makes, refuses.
    if new_type.__setstate__ is not _core.Tensor.__setstate__:
        tensor.__setstate__(state)
        return tensor
    return _utils._set_state(tensor, state)


def reduce_tensor(tensor):
    """(function, arguments) that make the tensor anew, as they stand in PyTorch's files."""
    _, args = _core.Tensor.__reduce_ex__(tensor, 2)
    storage, dtype, offset, size, stride, requires_grad, *rest = args
    made = (TypedStorage._of(storage, dtype), offset, size, stride, requires_grad, OrderedDict())
    if not rest:
        return _utils._rebuild_tensor_v2, made
    cls, attributes = rest
    return _rebuild_from_type_v2, (
        _utils._rebuild_tensor_v2,
        _core.Tensor if cls is None else cls,
        made,
        attributes or {},
    )
