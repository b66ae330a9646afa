"""The functions under the v2 transforms: each finds the kernel for what it is given.

`_TABLE` says which kernel does what for PIL images, tensors and images, masks, boxes and points. A kernel takes plain
tensors, and of the function's arguments those that it names; what it gives is wrapped like the input.  The kernels are
public as ``resize_image``, ``resize_mask``, ``resize_bounding_boxes`` and so on.
"""

import inspect

from PIL import Image as _PILImage

import cygrad
from cygrad import Tensor

from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, plain, wrap
from .. import _convert, _geometry, _pil, _tensor, functional as _v1
from .._convert import pil_to_tensor, to_pil_image
from .._geometry import InterpolationMode
from . import _boxes
from ._boxes import (
    clamp_bounding_boxes,
    clamp_keypoints,
    convert_bounding_box_format,
    sanitize_bounding_boxes,
    sanitize_keypoints,
)

_PIL = _PILImage.Image
_KERNELS = {}  # function -> {type: kernel(inpt, *args of the function)}


def is_pure_tensor(inpt):
    """Whether ``inpt`` is a tensor that does not say what it holds."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


def kernel_for(function, kind, passthrough=False):
    """The kernel of ``function`` for a type; None where it has none and may pass the input on."""
    registry = _KERNELS[function]
    for base in kind.__mro__:
        if base is Tensor and issubclass(kind, TVTensor):
            break  # that a subclass has no kernel does not make it an image
        if base in registry:
            return registry[base]
    if passthrough:
        return None
    raise TypeError(
        f"Functional F.{function.__name__} supports inputs of type {registry.keys()}, but got "
        f"{kind} instead."
    )


def _register(function, kind, kernel):
    """Makes ``kernel`` take the arguments of ``function``, by position or by name."""
    names = [*inspect.signature(function).parameters][1:]
    accepted = [*inspect.signature(kernel).parameters][1:]
    wanted = [(name, name in accepted) for name in names]
    fields = [name for name in getattr(kind, "_fields", ()) if name in accepted]

    def adapted(inpt, *args, **kw):
        call = {name: value for (name, takes), value in zip(wanted, args) if takes}
        for name, value in kw.items():
            if name not in names:
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument '{name}'")
            if name in accepted:
                call[name] = value
        if not issubclass(kind, TVTensor):
            return kernel(inpt, **call)
        for name in fields:
            call[name] = getattr(inpt, name)
        found = kernel(plain(inpt), **call)
        if issubclass(kind, (BoundingBoxes, KeyPoints)) and isinstance(found, tuple):
            return wrap(found[0], like=inpt, canvas_size=tuple(found[1]))
        if isinstance(found, tuple):
            return type(found)(wrap(f, like=inpt) for f in found)
        return wrap(found, like=inpt) if isinstance(found, Tensor) else found

    _KERNELS[function][kind] = adapted


def register_kernel(functional, tv_tensor_cls):
    """A decorator: the kernel of ``functional`` for a TVTensor class of one's own; it is given the TVTensor itself."""
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, TVTensor)):
        raise ValueError(
            "Kernels can only be registered for subclasses of torchvision.tv_tensors.TVTensor, but "
            f"got {tv_tensor_cls}."
        )
    if isinstance(functional, str):
        functional = globals().get(functional, functional)
    if functional not in _KERNELS:
        raise ValueError(
            "Kernels can only be registered on functionals from the "
            f"torchvision.transforms.v2.functional namespace, but got {functional}."
        )
    if tv_tensor_cls in (Image, Video, Mask, BoundingBoxes, KeyPoints):
        raise ValueError(
            f"Kernels cannot be registered for the builtin tv_tensor classes, but got {tv_tensor_cls}"
        )

    def decorator(kernel):
        _KERNELS[functional][tv_tensor_cls] = kernel
        return kernel

    return decorator


# ---- kernels of masks: the values stay what they are

_NEAREST = InterpolationMode.NEAREST
_HIDDEN = ("legacy",)  # what only v1 asks of a kernel


def _of_mask(kernel):
    """The kernel of images for masks (..., H, W), by the nearest pixel."""
    shown = inspect.signature(kernel).parameters
    fixed = {"interpolation": _NEAREST} if "interpolation" in shown else {}

    def mask_kernel(mask, *args, **kw):
        layers = mask.unsqueeze(0) if mask.ndim < 3 else mask
        done = kernel(layers, *args, **kw, **fixed)
        return done.squeeze(0) if mask.ndim < 3 else done

    kept = [p for name, p in shown.items() if name not in ("interpolation", "antialias", *_HIDDEN)]
    mask_kernel.__signature__ = inspect.Signature([kept[0].replace(name="mask"), *_free(kept[1:], kernel)])
    mask_kernel.__doc__ = f"`{kernel.__name__}` of masks (..., H, W)."
    return mask_kernel


def _free(parameters, kernel):
    """What follows a removed argument can only be named."""
    names = [*inspect.signature(kernel).parameters]
    removed = min((names.index(n) for n in ("interpolation", "antialias") if n in names), default=len(names))
    return [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY) if names.index(p.name) > removed else p
        for p in parameters
    ]


def _pad_mask(mask, padding, fill=None, padding_mode="constant"):
    if isinstance(fill, (tuple, list)):
        raise ValueError("Non-scalar fill value is not supported")
    return pad_image(mask, padding, fill, padding_mode)


# ---- kernels of images that check their arguments as v2 does


def pad_image(image, padding, fill=None, padding_mode="constant"):
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError(f"`padding` should be an integer or tuple or list of integers, but got {padding}")
    if not isinstance(padding, int) and len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple or list. Found {len(padding)}"
        )
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "`padding_mode` should be either `'constant'`, `'edge'`, `'reflect'` or `'symmetric'`, but "
            f"got `'{padding_mode}'`."
        )
    return _tensor.pad(image, padding, fill, padding_mode)


def _affine_checked(kernel):
    def affine(image, angle, translate, scale, shear, interpolation=_NEAREST, fill=None, center=None):
        angle, translate, scale, shear, center = _geometry.check_affine(
            angle, translate, scale, shear, center
        )
        return kernel(image, angle, translate, scale, shear, interpolation, fill, center)

    return affine


def _center_crop(crop, pad, dimensions):
    def center_crop(image, output_size):
        size = _geometry.pair(output_size)
        top, left, padding = _geometry.center_crop_box(tuple(dimensions(image)[1:]), size)
        return crop(pad(image, padding) if padding else image, top, left, *size)

    return center_crop


def _resized_crop(crop, resize):
    filtered = "antialias" in inspect.signature(resize).parameters  # Pillow always does

    def resized_crop(image, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
        more = {"antialias": antialias} if filtered else {}
        return resize(crop(image, top, left, height, width), size, interpolation=interpolation, **more)

    return resized_crop


def _five_crop(crop, center_crop, dimensions):
    def five_crop(image, size):
        h, w = _geometry.pair(size)
        _, height, width = dimensions(image)
        if w > width or h > height:
            raise ValueError(f"Requested crop size {size} is bigger than input size {(height, width)}")
        corners = ((0, 0), (0, width - w), (height - h, 0), (height - h, width - w))
        return (*(crop(image, *corner, h, w) for corner in corners), center_crop(image, [h, w]))

    return five_crop


def _ten_crop(five_crop, horizontal_flip, vertical_flip_):
    def ten_crop(image, size, vertical_flip=False):
        size = _geometry.pair(size)
        mirrored = (vertical_flip_ if vertical_flip else horizontal_flip)(image)
        return five_crop(image, size) + five_crop(mirrored, size)

    return ten_crop


def _cropping(kernels):
    """center_crop, resized_crop, five_crop and ten_crop from the simpler kernels of a module."""
    center = _center_crop(kernels.crop, kernels.pad, kernels.get_dimensions)
    five = _five_crop(kernels.crop, center, kernels.get_dimensions)
    return {
        "center_crop": center,
        "resized_crop": _resized_crop(kernels.crop, kernels.resize),
        "five_crop": five,
        "ten_crop": _ten_crop(five, kernels.horizontal_flip, kernels.vertical_flip),
    }


def _size(image):
    return _tensor.get_dimensions(image)[1:]


def _pil_size(image):
    return [image.height, image.width]


def _canvas(boxes, canvas_size):
    return list(canvas_size)


def _to_dtype_any(mask, dtype=cygrad.float32, scale=False):
    return mask.to(dtype)


# ---- the table

_IMAGE_CROPS, _PIL_CROPS = _cropping(_tensor), _cropping(_pil)
_TABLE = {}


def _row(name, image=None, pil=None, **kinds):
    """A function and its kernels; of the ``kinds`` mask, bounding_boxes and keypoints it may have none."""
    _TABLE[name] = {
        "image": image or _IMAGE_CROPS.get(name) or getattr(_tensor, name),
        "pil": pil or _PIL_CROPS.get(name) or getattr(_pil, name, None),
        **kinds,
    }


_GEOMETRIC = "horizontal_flip vertical_flip resize crop center_crop resized_crop pad affine rotate perspective elastic"
for _name in _GEOMETRIC.split():
    _given = {"pad": pad_image, "affine": _affine_checked(_tensor.affine)}.get(_name)
    _kernel = _given or _IMAGE_CROPS.get(_name) or getattr(_tensor, _name)
    _row(
        _name, _kernel, _affine_checked(_pil.affine) if _name == "affine" else None,
        mask=_pad_mask if _name == "pad" else
        _of_mask(_resized_crop(_tensor.crop, _tensor.resize)) if _name == "resized_crop" else _of_mask(_kernel),
        bounding_boxes=getattr(_boxes, f"{_name}_bounding_boxes"),
        keypoints=getattr(_boxes, f"{_name}_keypoints"),
    )  # fmt: skip
for _name in (
    "adjust_brightness adjust_contrast adjust_saturation adjust_hue adjust_gamma adjust_sharpness rgb_to_grayscale "
    "grayscale_to_rgb invert posterize solarize autocontrast equalize gaussian_blur permute_channels gaussian_noise "
    "jpeg erase normalize five_crop ten_crop get_dimensions"
).split():
    _row(_name)
_row("to_dtype", mask=_to_dtype_any, bounding_boxes=_to_dtype_any, keypoints=_to_dtype_any)
_row("get_size", _size, _pil_size, mask=_size, bounding_boxes=_canvas, keypoints=_canvas)
_row("get_num_channels", lambda image: _tensor.get_dimensions(image)[0], lambda image: len(image.getbands()))
_VIDEO_ONLY = {
    "uniform_temporal_subsample": _tensor.uniform_temporal_subsample,
    "get_num_frames": lambda video: video.shape[-4],
}
_KINDS = {"mask": Mask, "bounding_boxes": BoundingBoxes, "keypoints": KeyPoints}


def _function(name, model):
    """A function with the arguments of the kernel ``model``."""

    def function(inpt, *args, **kw):
        return kernel_for(function, type(inpt))(inpt, *args, **kw)

    first, *rest = inspect.signature(model).parameters.values()
    rest = [p for p in rest if p.name not in _HIDDEN]
    function.__signature__ = inspect.Signature([first.replace(name="inpt"), *rest])
    function.__name__ = function.__qualname__ = name
    function.__doc__ = model.__doc__
    _KERNELS[function] = {}
    return function


def _named(kernel, name):
    """The kernel under its public name."""

    def public(*args, **kw):
        return kernel(*args, **kw)

    parameters = inspect.signature(kernel).parameters.values()
    public.__signature__ = inspect.Signature([p for p in parameters if p.name not in _HIDDEN])
    public.__name__ = public.__qualname__ = name
    public.__doc__ = kernel.__doc__
    return public


for _name, _kernels in _TABLE.items():
    _f = globals()[_name] = _function(_name, _kernels["image"])
    for _kind in (Image, Tensor):
        _register(_f, _kind, _kernels["image"])
    if _kernels["pil"] is not None:
        _register(_f, _PIL, _kernels["pil"])
    _register(_f, Video, _kernels["image"])
    for _suffix in ("image", "video"):
        globals().setdefault(f"{_name}_{_suffix}", _named(_kernels["image"], f"{_name}_{_suffix}"))
    for _suffix, _kind in _KINDS.items():
        if _suffix in _kernels:
            _register(_f, _kind, _kernels[_suffix])
            globals()[f"{_name}_{_suffix}"] = _named(_kernels[_suffix], f"{_name}_{_suffix}")
for _name, _kernel in _VIDEO_ONLY.items():
    _f = globals()[_name] = _function(_name, _kernel)
    globals()[f"{_name}_video"] = _named(_kernel, f"{_name}_video")
    for _kind in (Video, Tensor):
        _register(_f, _kind, _kernel)

hflip, vflip = horizontal_flip, vertical_flip  # noqa: F821
elastic_transform = elastic  # noqa: F821
get_image_num_channels = get_num_channels  # noqa: F821


def get_image_size(inpt):
    """[width, height] of an image."""
    return _v1.get_image_size(inpt)


def to_grayscale(inpt, num_output_channels=1):
    """`rgb_to_grayscale`."""
    return rgb_to_grayscale(inpt, num_output_channels)  # noqa: F821


def convert_image_dtype(image, dtype=cygrad.float32):
    """`to_dtype` with the values scaled."""
    return _tensor.to_dtype(image, dtype, scale=True)


def to_image(inpt):
    """A tensor, array (H, W[, C]) or PIL image as a tv_tensors.Image."""
    if isinstance(inpt, _PIL):
        return Image(pil_to_tensor(inpt))
    if is_pure_tensor(inpt) or isinstance(inpt, Image):
        return Image(inpt)
    if type(inpt).__module__ == "numpy":
        array = inpt[..., None] if inpt.ndim == 2 else inpt
        return Image(cygrad.from_numpy(array).permute(2, 0, 1).contiguous())
    raise TypeError(
        "Input can either be a pure Tensor, a numpy array, or a PIL image, but got "
        f"{type(inpt)} instead."
    )


def to_tensor(inpt):
    """As v1's `to_tensor`."""
    return _convert.to_tensor(inpt)


__all__ = [
    "InterpolationMode", "clamp_bounding_boxes", "clamp_keypoints", "convert_bounding_box_format",
    "convert_image_dtype", "elastic_transform", "get_image_num_channels", "get_image_size", "hflip", "is_pure_tensor",
    "pil_to_tensor", "register_kernel", "sanitize_bounding_boxes", "sanitize_keypoints", "to_grayscale", "to_image",
    "to_pil_image", "to_tensor", "vflip", *_TABLE, *_VIDEO_ONLY,
]  # fmt: skip
