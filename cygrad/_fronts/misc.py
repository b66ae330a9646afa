"""Public names that belong to no family."""

import warnings

from cygrad._core import Storage, Tensor
from cygrad._types import CONSTANTS

legacy_contiguous_format = CONSTANTS["contiguous_format"]


def typename(obj):
    """The type of an object as PyTorch's messages name it: "torch.FloatTensor", "int"."""
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def stay_at_one_thread():
    """What a forked child does: OpenMP would wait for threads of its parent, which it does not have.

    Returns what stands for `set_num_threads` there.
    """
    from cygrad._threads import set_num_threads

    set_num_threads(1)

    def set_num_threads_of_child(num):
        if num != 1:
            warnings.warn(
                "a forked process runs on one thread, since OpenMP's threads stayed behind in its parent; "
                "the start method 'spawn' makes processes that can have more",
                stacklevel=2,
            )

    set_num_threads_of_child.__name__ = "set_num_threads"
    return set_num_threads_of_child


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


def fill_diagonal_(self, fill_value, wrap=False):
    """Writes a number on the main diagonal; with `wrap`, of a tall matrix, again below each square and an empty row."""
    if not isinstance(fill_value, (int, float, complex, Tensor)):
        kind = type(fill_value).__name__
        raise TypeError(f"fill_diagonal_(): argument 'fill_value' (position 1) must be Number, not {kind}")
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2:
        n = self.shape[0]
        if any(size != n for size in self.shape):
            raise RuntimeError("all dimensions of input must be of equal length")
        self.as_strided((n,), (sum(self.stride()),), self.storage_offset()).fill_(fill_value)
        return self
    rows, columns = self.shape
    for start in range(0, rows if wrap and columns else 1, columns + 1):
        self[start:].diagonal().fill_(fill_value)
    return self


def _storage_size(self):
    """What sys.getsizeof counts: the object and its memory."""
    return object.__sizeof__(self) + self.nbytes()


Storage.__sizeof__ = _storage_size
FUNCTIONS = ("typename", "is_same_size", "legacy_contiguous_format")
METHODS = ("get_device", "is_same_size", "apply_", "map_", "fill_diagonal_")
