"""MaskedTensor: a tensor together with a mask of the elements that count.

The elements, masked out or not, are those of the tensor itself, so that history and devices are as for any tensor;
the mask is an attribute.  `__torch_function__` finds by name what an operator means to the mask.
"""

import textwrap
import warnings

import cygrad as torch
from cygrad import Tensor, _dispatch
from cygrad.autograd import _operator_names

from .. import _ops
from .._masks import WithMask, is_masked_tensor, mask_of

_PROTOTYPE = (
    "The PyTorch API of MaskedTensors is in prototype stage and will change in the near future. Please open a Github "
    "issue for features requests and see our documentation on the torch.masked module for further information about "
    "the project."
)
_REQUIRES_GRAD = (
    "It is not recommended to create a MaskedTensor with a tensor that requires_grad. To avoid this, you can use "
    "data.detach().clone()"
)
_DTYPES = "float16 float32 float64 bool int8 int16 int32 int64".split()

# What is asked of the tensor itself, or done to its history.
_ABOUT = frozenset(
    """shape size dim ndim ndimension numel nelement dtype device layout is_floating_point is_complex is_signed
    element_size itemsize nbytes is_cuda is_cpu is_meta is_mps is_xpu is_quantized is_sparse is_sparse_csr get_device
    __len__ __hash__ stride storage_offset _version is_inference is_contiguous requires_grad requires_grad_ grad_fn
    is_leaf retain_grad retains_grad register_hook backward output_nr _base is_tensor is_conj is_neg data_ptr""".split()
)
_UNARY = """abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh bitwise_not
    ceil clamp clip conj conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expit expm1 fix float_power
    floor frac gammaln i0 isfinite isnan isreal lgamma log log10 log1p log2 logit nan_to_num neg negative positive pow
    psi rad2deg real reciprocal round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc __abs__
    __neg__ __pos__ __pow__ __invert__""".split()
_BINARY = """add arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor div divide
    eq floor_divide fmax fmin fmod ge greater greater_equal gt isclose le less less_equal logaddexp
    logaddexp2 lt maximum minimum mul multiply ne nextafter not_equal remainder sub subtract true_divide""".split()
_BINARY += [
    f"__{r}{name}__"
    for name in "add sub mul truediv floordiv mod and or xor".split()
    for r in ("", "r", "i")
]
_BINARY += [f"__{name}__" for name in "eq ne lt le gt ge div rdiv idiv".split()]
_NO_OPERATORS = frozenset("__rsub__ __rpow__ __lshift__ __rshift__ __matmul__ __rmatmul__".split())
# Where elements go, and their masks with them.
_BOTH = frozenset(
    """view reshape flatten unsqueeze transpose t swapaxes swapdims expand expand_as broadcast_to view_as reshape_as
    split chunk __getitem__ select narrow unfold clone contiguous detach""".split()
)
_CASTS = frozenset(
    """to double float half long int short bool type_as cpu cuda data grad ones_like to_dense""".split()
)
_REDUCTIONS = frozenset("sum mean prod amax amin argmax argmin var std all".split())
_KEYWORD_ONLY = {"out", "alpha", "decimals", "rounding_mode", "dtype"}


def _masks_match(a, b):
    return a is b or a.shape == b.shape and bool((a == b).all())


def _wrapped(result, mask):
    """A tensor, or the tensors of a tuple, with their masks."""
    if isinstance(result, (tuple, list)):
        return type(result)(_wrapped(r, m) for r, m in zip(result, mask, strict=True))
    masked = result.as_subclass(MaskedTensor)
    masked._masked_mask = mask if mask.device == result.device else mask.to(result.device)
    return masked


def _unary(func, args, kwargs):
    if _KEYWORD_ONLY & kwargs.keys():
        raise ValueError(
            "MaskedTensor unary ops require that len(kwargs) == 0. If you need support for this, please open an issue "
            "on Github."
        )
    if not is_masked_tensor(args[0]) or any(isinstance(x, Tensor) for x in args[1:]):
        raise TypeError("MaskedTensor unary ops do not support additional Tensor arguments")
    return func(*args, **kwargs), mask_of(args[0])


def _binary(func, args, kwargs):
    if _KEYWORD_ONLY & kwargs.keys():
        raise ValueError("len(kwargs) must equal 0")
    masks = [mask_of(x) for x in (*args, *kwargs.values()) if is_masked_tensor(x)]
    if not all(_masks_match(masks[0], m) for m in masks[1:]):
        raise ValueError(
            "Input masks must match. If you need support for this, please open an issue on Github."
        )
    result = func(*args, **kwargs)
    return result, masks[0] if result is NotImplemented else torch.broadcast_to(
        masks[0], result.shape
    )


def _reduced(name, x, dim=None, *args, **kwargs):
    mask = mask_of(x)
    data = x.as_subclass(Tensor)
    names = ("unbiased", "keepdim") if name in ("var", "std") else ("keepdim",)
    kwargs.update(zip(names, args, strict=False))
    if "correction" in kwargs and kwargs.get("unbiased") is None:
        kwargs.pop("unbiased", None)
    keepdim = bool(kwargs.get("keepdim", False))
    dims = _ops._dims(dim, data.dim())
    if name == "all":
        result = torch.where(mask, data.to(torch.bool), True).all(dims, keepdim)
    else:
        result = getattr(_ops, name)(data, dim, mask=mask, **kwargs)
    return result, mask.any(dims, keepdim)


def _softmax(name, x, dim=None, _stacklevel=3, dtype=None):
    return getattr(_ops, name)(x, dim, dtype=dtype), mask_of(x)


def _where(condition, input=None, other=None):
    if is_masked_tensor(condition) or input is None or other is None:
        raise _unsupported(torch.where)
    masks = [mask_of(x) if is_masked_tensor(x) else torch.tensor(True) for x in (input, other)]
    result = torch.where(condition, input, other)
    return result, torch.broadcast_to(torch.where(condition, *masks), result.shape)


def _joined(func, tensors, *args, **kwargs):
    if not all(is_masked_tensor(x) for x in tensors):
        raise TypeError("mask must have dtype bool.")
    return func(tensors, *args, **kwargs), func([mask_of(x) for x in tensors], *args, **kwargs)


def _item(func, x):
    if x.numel() == 1 and not mask_of(x).item():
        raise ValueError("__torch_dispatch__, aten._local_scalar_dense: expected a mask tensor")
    return func(x)


def _unsupported(func):
    name = _operator_names.operator_name(_dispatch.public_name(func)) or func.__name__
    name = name.removeprefix("aten::")
    warnings.warn(
        f"{name} is not implemented in __torch_dispatch__ for MaskedTensor.\n"
        "If you would like this operator to be supported, please file an issue for a feature request at "
        "https://github.com/pytorch/maskedtensor/issues with a minimal reproducible code snippet.\n"
        "In the case that the semantics for the operator are not trivial, it would be appreciated to also include a "
        "proposal for the semantics.",
        stacklevel=4,
    )
    return TypeError(
        f"Multiple dispatch failed for 'torch._ops.aten.{name}.default'; all __torch_dispatch__ handlers returned "
        f"NotImplemented:\n\n  - tensor subclass {MaskedTensor!r}\n\nFor more information, try re-running with "
        "TORCH_LOGS=not_implemented"
    )


def _copied(data, mask):
    """A masked copy of a tensor, a leaf or, of a tensor with history, its result."""
    if not isinstance(data, Tensor) or is_masked_tensor(data):
        raise TypeError("data must be a Tensor")
    if not isinstance(mask, Tensor) or is_masked_tensor(mask):
        raise TypeError("mask must be a Tensor")
    if data.layout != mask.layout:
        raise TypeError("data and mask must have the same layout.")
    if data.layout != torch.strided:
        raise NotImplementedError(
            f"cygrad has no MaskedTensor of layout {data.layout}; to_dense() gives a strided one"
        )
    if mask.dtype != torch.bool:
        raise TypeError("mask must have dtype bool.")
    if str(data.dtype).removeprefix("torch.") not in _DTYPES:
        raise TypeError(f"{data.dtype} is not supported in MaskedTensor.")
    if data.dim() != mask.dim():
        raise ValueError("data.dim() must equal mask.dim()")
    if data.size() != mask.size():
        raise ValueError("data.size() must equal mask.size()")
    warnings.warn(_PROTOTYPE, stacklevel=3)
    if data.requires_grad:
        warnings.warn(_REQUIRES_GRAD, stacklevel=3)
    return _wrapped(data.clone(), mask.clone())


class MaskedTensor(WithMask):
    """A copy of `data` of which the elements count where the boolean `mask` of the same shape is True."""

    def __new__(cls, data, mask, requires_grad=False):
        return _copied(data, mask).detach().requires_grad_(requires_grad)

    def __init__(self, data, mask, requires_grad=False):
        pass

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        owner = getattr(func, "__self__", None)
        is_property = func.__name__ in ("__get__", "__set__") and owner is not None
        name = owner.__name__ if is_property else func.__name__
        with _dispatch.DisableTorchFunctionSubclass():
            if name in _ABOUT or is_property and func.__name__ == "__set__":
                return func(*args, **kwargs)
            in_place = name.endswith("_") and not name.startswith("_")
            done = cls._applied(func, name.removesuffix("_") if in_place else name, args, kwargs)
            if done is None:
                raise _unsupported(owner if is_property else func)
            result, mask = done
            if mask is None or result is None or result is NotImplemented:
                return result
            return args[0] if in_place or result is args[0] else _wrapped(result, mask)

    @staticmethod
    def _applied(func, name, args, kwargs):
        """(the result, its mask), the mask None for what is no tensor; None for operators without a meaning here."""
        x = args[0] if args else None
        if name in _NO_OPERATORS:
            return NotImplemented, None
        if name in _UNARY:
            return _unary(func, args, kwargs)
        if name in _BINARY:
            return _binary(func, args, kwargs)
        if name in _REDUCTIONS:
            return _reduced(name, x, *args[1:], **kwargs)
        if name in ("softmax", "softmin"):
            return _softmax(name, x, *args[1:], **kwargs)
        if name == "grad" and func.__name__ == "grad":
            return _gradients(func, args, kwargs), None
        if name in _CASTS:
            return func(*args, **kwargs), mask_of(x)
        if name in _BOTH and is_masked_tensor(x):
            return func(*args, **kwargs), func(mask_of(x), *args[1:], **kwargs)
        if name in ("item", "__bool__", "__float__", "__int__", "__index__"):
            return _item(func, x), None
        if name in ("cat", "stack", "concat", "concatenate"):
            return _joined(func, *args, **kwargs)
        if name == "where":
            return _where(*args, **kwargs)
        if name == "copy" and func.__name__ == "copy_":
            return func(*args, **kwargs), mask_of(x)
        if name == "type" and len(args) == 1 and not kwargs:
            return func(x), None
        if name == "tolist":
            raise RuntimeError(".tolist() is not supported for tensor subclasses, got MaskedTensor")
        if name in ("numpy", "__array__"):
            raise RuntimeError(".numpy() is not supported for tensor subclasses.")
        return None

    def to_tensor(self, value):
        """A tensor with `value` for masked-out elements."""
        return self.get_data().masked_fill(~self.get_mask(), value)

    def is_sparse_coo(self):
        return False

    def is_sparse_csr(self):
        return False

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol "
                "at the moment."
            )
        with _dispatch.DisableTorchFunctionSubclass():
            copy = _wrapped(self.detach().clone(), mask_of(self).clone())
            memo[id(self)] = copy.requires_grad_(self.requires_grad)
        return copy

    def __reduce_ex__(self, protocol):
        return _rebuilt, (self.get_data().detach(), self.get_mask(), self.requires_grad)

    def __repr__(self, *, tensor_contents=None):
        data, mask = self.get_data().detach(), self.get_mask()
        if not data.dim():
            return f"MaskedTensor({_element(data.item()) if mask.item() else '--'}, {mask.item()})"
        return f"MaskedTensor(\n{textwrap.indent(_lines(data, mask), '  ')}\n)"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)


def _gradients(func, args, kwargs):
    """autograd.grad, of which the gradients of masked tensors have their masks."""
    inputs = args[1] if len(args) > 1 else kwargs["inputs"]
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    grads = func(*args, **kwargs)
    return tuple(
        _wrapped(g, mask_of(x)) if is_masked_tensor(x) and g is not None else g
        for x, g in zip(inputs, grads, strict=True)
    )


def _rebuilt(data, mask, requires_grad):
    return _wrapped(data, mask).requires_grad_(requires_grad)


def _element(value):
    return f"{value:8.4f}" if isinstance(value, float) else str(value)


def _lines(data, mask):
    """The elements as PyTorch prints them: a row a line, masked-out ones as wide as the widest of their row."""
    if data.dim() > 1:
        rows = ",\n".join(_lines(d, m) for d, m in zip(data, mask, strict=True))
        return "[\n" + "\n".join("  " + line for line in rows.split("\n")) + "\n]"
    shown = [_element(x) if m else "--" for x, m in zip(data.tolist(), mask.tolist(), strict=True)]
    width = max([8, *map(len, shown)])
    return "[" + ", ".join(s.rjust(width) if s == "--" else s for s in shown) + "]"
