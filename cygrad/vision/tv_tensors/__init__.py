"""Tensors that say what they hold (reached as torchvision.tv_tensors): images, videos, masks, boxes, points.

The transforms of v2 treat each by its kind. An operator on one gives a plain tensor, except `clone`, `to`, `detach` and
`requires_grad_`, unless `set_return_type` says otherwise.
"""

from enum import Enum

import cygrad
from cygrad import Tensor

__all__ = [
    "BoundingBoxFormat", "BoundingBoxes", "Image", "KeyPoints", "Mask", "TVTensor", "Video",
    "is_rotated_bounding_format", "set_return_type", "wrap",
]  # fmt: skip

_keep_type = False


def _tagged(cls, tensor):
    """``tensor`` as an instance of ``cls``: the same memory, and the same history where it has one."""
    return tensor.as_subclass(cls) if tensor.requires_grad else Tensor._make_subclass(cls, tensor)


def _as_tensor(data, dtype, device, requires_grad):
    if type(data).__module__.startswith("PIL."):
        from ..transforms.functional import pil_to_tensor

        data = pil_to_tensor(data)
    if requires_grad is None:
        requires_grad = data.requires_grad if isinstance(data, Tensor) else False
    tensor = cygrad.as_tensor(data, dtype=dtype, device=device)
    return tensor if tensor.requires_grad == requires_grad else tensor.detach().requires_grad_(requires_grad)


class TVTensor(Tensor):
    """The base of all; `_fields` names what a kind carries besides its values."""

    _fields = ()
    _shows_fields = False  # an Image prints ", )", as torchvision's does

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        return _tagged(cls, _as_tensor(data, dtype, device, requires_grad))

    @classmethod
    def wrap(cls, tensor, like, **kwargs):
        """``tensor`` as ``cls``, with the fields of ``like`` or those given."""
        wrapped = _tagged(cls, tensor)
        for name in cls._fields:
            setattr(wrapped, name, kwargs[name] if name in kwargs else getattr(like, name))
        return wrapped

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        from cygrad._C import DisableTorchFunctionSubclass

        with DisableTorchFunctionSubclass():
            output = func(*args, **(kwargs or {}))
        operands = [*args, *args[0]] if args and isinstance(args[0], (tuple, list)) else args
        like = next((a for a in operands if isinstance(a, cls)), None)
        if not _keep_type or like is None:
            # What works in place returns its own argument.
            return plain(output) if isinstance(output, TVTensor) else output
        if isinstance(output, (tuple, list)):
            return type(output)(wrap(o, like=like) if type(o) is Tensor else o for o in output)
        return wrap(output, like=like) if type(output) is Tensor else output

    def clone(self, *, memory_format=cygrad.preserve_format):
        return wrap(plain(self).clone(memory_format=memory_format), like=self)

    def detach(self):
        return wrap(plain(self).detach(), like=self)

    def to(self, *args, **kwargs):
        return wrap(plain(self).to(*args, **kwargs), like=self)

    def requires_grad_(self, requires_grad=True):
        Tensor.requires_grad_(self, requires_grad)
        return self

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            copied = plain(self).detach().clone().requires_grad_(self.requires_grad)
            memo[id(self)] = wrap(copied, like=self)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        fields = {name: getattr(self, name) for name in self._fields}
        return _rebuilt, (type(self), plain(self).detach(), self.requires_grad, fields)

    def __repr__(self, *, tensor_contents=None):
        shown = Tensor.__repr__(self)
        fields = ", ".join(f"{name}={getattr(self, name)}" for name in self._fields)
        return f"{shown[:-1]}, {fields})" if self._shows_fields else shown


def _rebuilt(cls, data, requires_grad, fields):
    return cls.wrap(data.requires_grad_(requires_grad), None, **fields)


def plain(tensor):
    """The values of a TVTensor as a plain tensor, which gradients flow through."""
    return _tagged(Tensor, tensor)


class Image(TVTensor):
    """Images (..., C, H, W), from a tensor or a PIL image."""

    _shows_fields = True

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = _as_tensor(data, dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return _tagged(cls, tensor.unsqueeze(0) if tensor.ndim == 2 else tensor)


class Video(TVTensor):
    """Videos (..., T, C, H, W)."""

    _shows_fields = True

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = _as_tensor(data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError
        return _tagged(cls, tensor)


class Mask(TVTensor):
    """Masks (..., H, W), from a tensor or a PIL image."""


class BoundingBoxFormat(Enum):
    """How the numbers of a box are to be read; R is an angle in degrees, against the clock.

    XYXY: two corners. XYWH: the top left corner and the size. CXCYWH: the middle and the size. XYXYXYXY: the corners
    from the top left on, with the clock.
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


_ROTATED = frozenset((BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY))


def as_format(format):
    """A BoundingBoxFormat from itself or its name (KeyError)."""
    return BoundingBoxFormat[format.upper()] if isinstance(format, str) else format


def is_rotated_bounding_format(format):
    """Whether boxes of this format may stand askew."""
    return as_format(format) in _ROTATED


class BoundingBoxes(TVTensor):
    """Boxes (N, 4), or (N, 5) and (N, 8) for rotated formats, on a canvas (height, width).

    ``clamping_mode``: whether transforms cut boxes at the edges of the canvas ("soft", "hard") or not (None).
    """

    _fields = ("format", "canvas_size", "clamping_mode")
    _shows_fields = True

    def __new__(cls, data, *, format, canvas_size, clamping_mode="soft", dtype=None, device=None,
                requires_grad=None):  # fmt: skip
        tensor = _as_tensor(data, dtype, device, requires_grad)
        if clamping_mode is not None and clamping_mode not in ("hard", "soft"):
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        format = as_format(format)
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        elif tensor.ndim != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        if format in _ROTATED and not tensor.is_floating_point():
            raise ValueError(
                f"Rotated bounding boxes should be floating point tensors, got {tensor.dtype}."
            )
        return cls.wrap(tensor, None, format=format, canvas_size=canvas_size, clamping_mode=clamping_mode)


class KeyPoints(TVTensor):
    """Points (..., 2), x and y, on a canvas (height, width)."""

    _fields = ("canvas_size",)
    _shows_fields = True

    def __new__(cls, data, *, canvas_size, dtype=None, device=None, requires_grad=None):
        tensor = _as_tensor(data, dtype, device, requires_grad)
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        return cls.wrap(tensor, None, canvas_size=canvas_size)


def wrap(wrappee, *, like, **kwargs):
    """``wrappee`` as the kind of ``like``, with its fields or those given."""
    return type(like).wrap(wrappee, like, **kwargs)


class set_return_type:
    """Whether operators on a TVTensor give a "Tensor" (as they do) or a "TVTensor"; for good, or in a with block."""

    def __init__(self, return_type):
        global _keep_type
        choices = {"tensor": False, "tvtensor": True}
        if return_type.lower() not in choices:
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
        self.before, _keep_type = _keep_type, choices[return_type.lower()]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        global _keep_type
        _keep_type = self.before
