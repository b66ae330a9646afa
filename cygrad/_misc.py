"""Public names that belong to no family."""

from ._core import Tensor
from ._types import CONSTANTS

legacy_contiguous_format = CONSTANTS["contiguous_format"]


def typename(obj):
    """The type of an object as PyTorch's messages name it: "torch.FloatTensor", "int"."""
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def get_device(self):
    """The index of the tensor's device, -1 for the CPU."""
    return -1 if self.device.type == "cpu" else (self.device.index or 0)


def is_same_size(input, other):
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


def _host(self):
    if not self.device.type == "cpu":
        raise TypeError("apply_ is only implemented on CPU tensors")
    if self.requires_grad:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")


def apply_(self, callable):
    """Replaces each element by callable(element); slow, on the CPU alone."""
    _host(self)
    flat = [callable(x) for x in self.reshape(-1).tolist()]
    return self.copy_(self.new_tensor(flat).reshape(self.shape))


def map_(self, other, callable):
    """Replaces each element by callable(element, other's element); slow, on the CPU alone."""
    _host(self)
    pairs = zip(self.reshape(-1).tolist(), other.expand_as(self).reshape(-1).tolist(), strict=True)
    return self.copy_(self.new_tensor([callable(a, b) for a, b in pairs]).reshape(self.shape))


FUNCTIONS = ("typename", "is_same_size", "legacy_contiguous_format")
METHODS = ("get_device", "is_same_size", "apply_", "map_")
