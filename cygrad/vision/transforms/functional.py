"""The functions under the v1 transforms: one kernel for PIL images, one for tensors, PyTorch's checks before them."""

import functools
import inspect

import cygrad
from cygrad import Tensor

from . import _geometry, _pil, _tensor
from ._convert import (
    convert_image_dtype as _convert_image_dtype,
    is_pil as _is_pil,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from ._geometry import InterpolationMode, pil_modes_mapping

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "affine", "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic_transform",
    "equalize", "erase", "five_crop", "gaussian_blur", "get_dimensions", "get_image_num_channels", "get_image_size",
    "hflip", "invert", "normalize", "pad", "perspective", "pil_modes_mapping", "pil_to_tensor", "posterize", "resize",
    "resized_crop", "rgb_to_grayscale", "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image", "to_tensor",
    "vflip",
]  # fmt: skip


def _channels_checked(img):
    _plane_checked(img)
    if img.shape[-3] not in (1, 3):
        raise TypeError(
            f"Input image tensor permitted channel values are [1, 3], but found {img.shape[-3]}"
        )


def _bytes_checked(img):
    if img.dtype != cygrad.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    _channels_checked(img)


def _plane_checked(img):
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def _run(name, img, check, *args, tensor_only=None, **kw):
    """The kernel ``name`` for what ``img`` is; ``tensor_only`` are arguments of the tensors' kernel alone."""
    if isinstance(img, Tensor):
        check(img)
        return getattr(_tensor, name)(img, *args, **kw, **(tensor_only or {}))
    if not _is_pil(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    return getattr(_pil, name)(img, *args, **kw)


def _function(name, kernel=None, check=_channels_checked, **tensor_only):
    """A function of ``img`` and what the kernel takes besides."""
    kernel = kernel or name
    likeness = getattr(_pil, kernel)

    @functools.wraps(likeness)
    def function(img, *args, **kw):
        return _run(kernel, img, check, *args, tensor_only=tensor_only, **kw)

    first, *rest = inspect.signature(likeness).parameters.values()
    function.__signature__ = inspect.Signature([first.replace(name="img"), *rest])
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = getattr(_tensor, kernel).__doc__
    return function


hflip = _function("hflip", "horizontal_flip", _plane_checked)
vflip = _function("vflip", "vertical_flip", _plane_checked)
crop = _function("crop", check=_plane_checked)
adjust_brightness = _function("adjust_brightness")
adjust_saturation = _function("adjust_saturation", legacy=True)
adjust_hue = _function("adjust_hue")
adjust_gamma = _function("adjust_gamma", legacy=True)
adjust_sharpness = _function("adjust_sharpness", legacy=True)
autocontrast = _function("autocontrast", legacy=True)
equalize = _function("equalize", check=_bytes_checked)
invert = _function("invert")


def adjust_contrast(img, contrast_factor):
    """Between the mean of the gray image and the image."""
    if isinstance(img, Tensor) and img.ndim > 2 and img.shape[-3] not in (1, 3):
        raise TypeError(
            f"Input image tensor permitted channel values are [3, 1], but found {img.shape[-3]}"
        )
    return _run(
        "adjust_contrast", img, _plane_checked, contrast_factor, tensor_only={"legacy": True}
    )


def posterize(img, bits):
    """Keep ``bits`` bits of each value of a uint8 or PIL image."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _run("posterize", img, _bytes_checked, bits)


def solarize(img, threshold):
    """Invert what is not below ``threshold``."""

    def check(img):
        _channels_checked(img)
        bound = 255 if img.dtype == cygrad.uint8 else 1 if img.is_floating_point() else None
        if bound is not None and threshold > bound:
            raise TypeError("Threshold should be less than bound of img.")

    return _run("solarize", img, check, threshold)


def rgb_to_grayscale(img, num_output_channels=1):
    """The luminance, in one channel or repeated in three."""
    _tensor.check_gray_channels(num_output_channels, "num_output_channels should be either 1 or 3")
    if isinstance(img, Tensor) and img.ndim > 2 and img.shape[-3] == 1:
        return img.expand(img.shape)
    return _run("rgb_to_grayscale", img, _channels_checked, num_output_channels)


def to_grayscale(img, num_output_channels=1):
    """`rgb_to_grayscale` of PIL images only."""
    if not _is_pil(img):
        raise TypeError("Input should be PIL Image")
    return rgb_to_grayscale(img, num_output_channels)


def get_dimensions(img):
    """[channels, height, width]"""
    if isinstance(img, Tensor):
        _plane_checked(img)
        return _tensor.get_dimensions(img)
    if not _is_pil(img):
        raise TypeError(f"Unexpected type {type(img)}")
    return _pil.get_dimensions(img)


def get_image_size(img):
    """[width, height]"""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img):
    """How many channels the image has."""
    return get_dimensions(img)[0]


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To ``size``: (h, w), or the length of the shorter edge, the longer being at most ``max_size``."""
    mode = _geometry.as_mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(
                "Size must be an int or a 1 or 2 element tuple/list, not a "
                f"{len(size)} element tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
    get_dimensions(img)
    if isinstance(img, Tensor) and mode == InterpolationMode.LANCZOS:
        raise ValueError("Lanczos mode requires antialias=True")
    return _run(
        "resize", img, _plane_checked, size, mode, max_size, tensor_only={"antialias": antialias, "legacy": True},
    )


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR,
                 antialias=True):  # fmt: skip
    """`crop`, then `resize`."""
    return resize(
        crop(img, top, left, height, width), size, interpolation, antialias=antialias
    )


def pad(img, padding, fill=0, padding_mode="constant"):
    """``padding`` on all sides, on (left and right, top and bottom), or on left, top, right and bottom."""
    if isinstance(img, Tensor):
        if not isinstance(padding, (int, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if fill is not None and not isinstance(fill, (int, float)):
            raise TypeError("Got inappropriate fill arg")
        if not isinstance(padding_mode, str):
            raise TypeError("Got inappropriate padding_mode arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            _geometry.sides(padding)
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return _run("pad", img, _plane_checked, padding, fill, padding_mode)


def center_crop(img, output_size):
    """The middle; zeros around it where the image is smaller."""
    size = _geometry.pair(output_size)
    _, height, width = get_dimensions(img)
    top, left, padding = _geometry.center_crop_box((height, width), size)
    if padding:
        img = pad(img, padding, fill=0)
    return crop(img, top, left, *size)


def five_crop(img, size):
    """The corners (top left, top right, bottom left, bottom right) and the middle, of ``size``."""
    h, w = _geometry.pair(size)
    _, height, width = get_dimensions(img)
    if w > width or h > height:
        raise ValueError(
            f"Requested crop size {(h, w)} is bigger than input size {(height, width)}"
        )
    corners = ((0, 0), (0, width - w), (height - h, 0), (height - h, width - w))
    return (*(crop(img, top, left, h, w) for top, left in corners), center_crop(img, [h, w]))


def ten_crop(img, size, vertical_flip=False):
    """`five_crop` of the image and of its mirror image."""
    size = _geometry.pair(size)
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """By ``angle`` degrees against the clock; ``expand`` makes room for the corners."""
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    mode = _geometry.as_mode(interpolation)
    return _run("rotate", img, _plane_checked, angle, mode, expand, center, fill)


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
           center=None):  # fmt: skip
    """Shear and turn (degrees, clockwise), scale and move about the middle or ``center``."""
    mode = _geometry.as_mode(interpolation)
    angle, translate, scale, shear, center = _geometry.check_affine(
        angle, translate, scale, shear, center
    )
    return _run(
        "affine", img, _plane_checked, angle, translate, scale, shear, mode, fill, center
    )


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The map that takes four corners (x, y) to four others."""
    mode = _geometry.as_mode(interpolation)
    return _run("perspective", img, _plane_checked, startpoints, endpoints, mode, fill)


def gaussian_blur(img, kernel_size, sigma=None):
    """With a Gaussian of ``kernel_size`` pixels; without ``sigma``, 0.15 of the size and 0.35."""
    return _run("gaussian_blur", img, _plane_checked, *_geometry.blur_arguments(kernel_size, sigma))


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Every pixel from where ``displacement`` (1, H, W, 2) leads, in units of half the image."""
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, height, width = get_dimensions(img)
    if displacement.shape != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {cygrad.Size([1, height, width, 2])}, but given "
            f"{displacement.shape}"
        )
    mode = _geometry.as_mode(interpolation)
    return _run("elastic", img, _plane_checked, displacement, mode, fill)


def _tensor_image(img):
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel; of floating point tensors (..., C, H, W)."""
    _tensor_image(tensor)
    _plane_checked(tensor)
    if tensor.is_floating_point() and (cygrad.as_tensor(std, dtype=tensor.dtype) == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    return _tensor.normalize(tensor, mean, std, inplace)


def erase(img, i, j, h, w, v, inplace=False):
    """Put ``v`` into the rectangle of h rows from i and w columns from j."""
    _tensor_image(img)
    _plane_checked(img)
    return _tensor.erase(img, i, j, h, w, v, inplace)


def convert_image_dtype(image, dtype=cygrad.float32):
    """Change the dtype and scale the values to its range; RuntimeError where a float cannot hold it."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return _convert_image_dtype(image, dtype)
