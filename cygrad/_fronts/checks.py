"""Small public names: `torch._check` and its kind, `torch.sym_int`, `Tensor.resize`."""

import math
import warnings

from cygrad._core import DTYPES, Tensor
from cygrad._standins import Member, stand_in

_UNEXPLAINED = (
    "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an "
    "enhancement request to PyTorch.)"
)


def _checker(name, kind):
    def check(cond, message=None):
        if not isinstance(cond, bool):
            raise TypeError(f"cond must be a bool, but got {type(cond)}")
        if cond:
            return
        if message is None:
            raise kind(_UNEXPLAINED)
        if not callable(message):
            raise TypeError("message must be a callable")
        raise kind(str(message()))

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raises {kind.__name__} with the text that `message()` returns, unless `cond`."
    return check


_check = _checker("_check", RuntimeError)
_check_index = _checker("_check_index", IndexError)
_check_value = _checker("_check_value", ValueError)
_check_type = _checker("_check_type", TypeError)
_check_not_implemented = _checker("_check_not_implemented", NotImplementedError)


def _check_is_size(i, message=None, *, max=None):
    """Raises RuntimeError if a size is negative, or above `max`."""
    _check(i >= 0 and (max is None or i <= max), message)


def _check_tensor_all(cond, message=None):
    """Raises RuntimeError unless all elements of a tensor of bools are true."""
    _check(bool(cond.all()), message)


def _assert(condition, message):
    """assert as a function."""
    assert condition, message


def sym_int(a):
    """The integer next to `a`, towards zero."""
    return math.trunc(a)


def sym_float(a):
    """`a` as a float."""
    return float(a)


def sym_not(a):
    """Whether `a` is false."""
    return not a


def sym_max(a, b):
    """The larger of two numbers, a float if one of them is."""
    return float(max(a, b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a, b):
    """The smaller of two numbers, a float if one of them is."""
    return float(min(a, b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_ite(b, t, f):
    """`t` if `b` else `f`."""
    return t if b else f


def sym_sqrt(a):
    """The square root."""
    return math.sqrt(a)


def sym_sum(args):
    """The sum of a list of numbers."""
    return sum(args)


def compiled_with_cxx11_abi():
    """Whether C++ extensions would use the new ABI; there are none."""
    return True


def is_vulkan_available():
    """Whether there is Vulkan: no."""
    return False


def is_distributed(input):
    """Whether a tensor is spread over processes: no."""
    return False


def is_inference(input):
    """Whether a tensor was made in inference mode."""
    return input.is_inference()


def _resized(self, sizes):
    if math.prod(sizes) != self.numel():
        ours, theirs = ("x".join(map(str, s)) for s in (sizes, self.shape))
        raise RuntimeError(
            f"requested resize to {ours} ({math.prod(sizes)} elements in total), but the given tensor has a size of "
            f"{theirs} ({self.numel()} elements). autograd's resize can only change the shape of a given tensor, "
            "while preserving the number of elements. "
        )
    return self.reshape(sizes)


def resize(self, *sizes):
    """Deprecated: `reshape`."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return _resized(self, sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes)


def resize_as(self, tensor):
    """Deprecated: `reshape_as`."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return _resized(self, tensor.shape)


def reinforce(self, reward):
    """Removed from PyTorch."""
    raise RuntimeError("reinforce() was removed.\nUse torch.distributions instead.")


def record_stream(self, stream):
    """Does nothing: a device has one queue. RuntimeError for a tensor on the CPU."""
    if self.is_cpu:
        raise RuntimeError("record_stream(): the tensor must be on a GPU")


def module_load(self, other, assign=False):
    """What `load_state_dict` puts in the place of `self`: `other`, or without `assign` itself with its values."""
    return other.detach() if assign else self.copy_(other).detach()


AcceleratorError = type("AcceleratorError", (RuntimeError,), {"__module__": "torch"})
_CLASSES = {
    name: stand_in(f"{name}()", why)
    for name, why in (
        ("SymInt", "programs are not traced"),
        ("SymFloat", "programs are not traced"),
        ("SymBool", "programs are not traced"),
        ("ScriptObject", "there is no TorchScript"),
        ("TensorType", "there is no TorchScript"),
        ("DeviceObjType", "there is no TorchScript"),
        ("ScriptModule", "there is no TorchScript"),
        ("ScriptFunction", "there is no TorchScript"),
        ("PyTorchFileReader", "torch.load reads files"),
        ("PyTorchFileWriter", "torch.save writes files"),
    )
}
# Names of dtypes that no tensor has, and of schemes of quantization: to be keys and to be compared with.
_NAMES = {
    name: Member(f"torch.{name}")
    for name in (
        "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
        "float8_e8m0fnu", "float4_e2m1fn_x2", "bits8", "bits16",
        "qint8", "quint8", "qint32", "quint4x2", "quint2x4", "per_tensor_affine", "per_channel_affine",
        "per_tensor_symmetric", "per_channel_symmetric", "per_channel_affine_float_qparams",
    )
    if name not in [dtype.name for dtype in DTYPES]
}  # fmt: skip
FUNCTIONS = {
    f.__name__: f
    for f in (
        _check, _check_index, _check_value, _check_type, _check_not_implemented, _check_is_size, _check_tensor_all,
        _assert, sym_int, sym_float, sym_not, sym_max, sym_min, sym_ite, sym_sqrt, sym_sum, compiled_with_cxx11_abi,
        is_vulkan_available, is_distributed, is_inference,
    )
} | _CLASSES | _NAMES | {"AcceleratorError": AcceleratorError}  # fmt: skip
PROPERTIES = {
    name: lambda self: False
    for name in ("is_ipu", "is_maia", "is_mps", "is_mtia", "is_vulkan", "is_xla", "is_xpu", "is_hpu")
    if not hasattr(Tensor, name)
}
METHODS = ("resize", "resize_as", "reinforce", "record_stream", "module_load", "is_distributed")
