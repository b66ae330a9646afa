"""The arguments of ``to``, read as PyTorch reads them."""

import cygrad
from cygrad import Tensor

_TO_ERROR = """to() received an invalid combination of arguments - got ({}), but expected one of:
 * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, \
bool copy = False, *, torch.memory_format memory_format = None)
 * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, \
torch.memory_format memory_format = None)
 * (Tensor tensor, bool non_blocking = False, bool copy = False, *, \
torch.memory_format memory_format = None)
"""


def parse_to(*args, **kwargs):
    """The arguments of ``to`` as (device, dtype, non_blocking, memory_format)."""
    given = [*args, *kwargs.values()]
    memory_format = kwargs.pop("memory_format", None)
    if isinstance(args[0] if args else kwargs.get("tensor"), Tensor):
        names = ("tensor", "non_blocking", "copy")
    elif args and isinstance(args[0], cygrad.dtype):
        names = ("dtype", "non_blocking", "copy")
    else:
        names = ("device", "dtype", "non_blocking", "copy")
    values = dict(zip(names, args, strict=False))
    if len(args) > len(names) or not kwargs.keys() <= {*names} - values.keys():
        values = None
    else:
        values.update(kwargs)
        dtype = values.get("dtype")
        if not isinstance(dtype, cygrad.dtype | None) or not isinstance(
            values.get("non_blocking", False), bool
        ):
            values = None
    if values is None:
        kinds = (t.__name__ if isinstance(t, type) else t for t in map(_argument_kind, given))
        raise TypeError(_TO_ERROR.format(", ".join(kinds)))
    tensor = values.get("tensor")
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    else:
        device = values.get("device")
        device = None if device is None else cygrad.device(device)
    return device, dtype, values.get("non_blocking", False), memory_format


def _argument_kind(value):
    if isinstance(value, Tensor):
        return type(value).__name__
    return cygrad.typename(value) if isinstance(value, cygrad.dtype) else type(value).__name__
