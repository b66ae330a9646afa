"""`Variable`, from before tensors recorded by themselves."""

import warnings

from .. import _engine
from .._core import Tensor

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    def __instancecheck__(cls, other):
        return isinstance(other, Tensor)


class Variable(metaclass=VariableMeta):
    """Variable(data, requires_grad=False) is `data.detach()`, recording if asked to; every tensor
    is an instance.
    """

    _execution_engine = _engine  # of which programs use `queue_callback`

    def __new__(cls, data=None, requires_grad=False, volatile=None, name=None):
        if data is None:
            return Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        return data.detach().requires_grad_(requires_grad)
