"""The transforms of PIL images, by Pillow. Named and called as the kernels for tensors in `_tensor`."""

import numbers

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from . import _tensor
from ._convert import pil_to_tensor, to_pil_image
from ._geometry import (
    affine_matrix,
    as_mode,
    blur_arguments,
    perspective_coefficients,
    pil_modes_mapping,
    resized,
    sides,
)

_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def _resampling(interpolation):
    return pil_modes_mapping[as_mode(interpolation, names=True)]


def get_dimensions(image):
    """[channels, height, width]"""
    return [len(image.getbands()), image.height, image.width]


def horizontal_flip(image):
    return image.transpose(Image.FLIP_LEFT_RIGHT)


def vertical_flip(image):
    return image.transpose(Image.FLIP_TOP_BOTTOM)


def crop(image, top, left, height, width):
    return image.crop((left, top, left + width, top + height))


def resize(image, size, interpolation=None, max_size=None):
    size = resized((image.height, image.width), size, max_size)
    if size == (image.height, image.width):
        return image
    return image.resize(tuple(size[::-1]), _resampling(interpolation))


def _fill(fill, image):
    """``fill`` as Pillow takes it: a number for one channel, a tuple of as many as there are."""
    channels = len(image.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)) and channels > 1:
        fill = tuple([fill] * channels)
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * channels
        elif len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the "
                f"image ({len(fill)} != {channels})"
            )
        fill = tuple(fill)
    if image.mode != "F":
        fill = tuple(int(v) for v in fill) if isinstance(fill, tuple) else int(fill)
    return fill[0] if isinstance(fill, tuple) and channels == 1 else fill


def pad(image, padding, fill=0, padding_mode="constant"):
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    left, top, right, bottom = sides(padding)
    if padding_mode not in _PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if padding_mode == "constant":
        padded = ImageOps.expand(image, border=(left, top, right, bottom), fill=_fill(fill, image))
        if image.mode == "P":
            padded.putpalette(image.getpalette())
        return padded
    if min(left, top, right, bottom) < 0:
        image = image.crop((max(-left, 0), max(-top, 0), image.width - max(-right, 0),
                            image.height - max(-bottom, 0)))  # fmt: skip
        left, top, right, bottom = (max(p, 0) for p in (left, top, right, bottom))
    border = ((top, bottom), (left, right)) + ((0, 0),) * (len(image.getbands()) > 1)
    padded = Image.fromarray(np.pad(np.asarray(image), border, mode=padding_mode))
    if image.mode == "P":
        padded.putpalette(image.getpalette())
    return padded


def rotate(image, angle, interpolation=0, expand=False, center=None, fill=None):
    return image.rotate(
        angle, _resampling(interpolation), expand, center, fillcolor=_fill(fill, image)
    )


def affine(image, angle, translate, scale, shear, interpolation=0, fill=None, center=None):
    center = [image.width * 0.5, image.height * 0.5] if center is None else center
    matrix = affine_matrix(list(center), angle, translate, scale, shear)
    return image.transform(
        image.size, Image.AFFINE, matrix, _resampling(interpolation), fillcolor=_fill(fill, image)
    )


def perspective(image, startpoints, endpoints, interpolation=2, fill=None, coefficients=None):
    matrix = coefficients or perspective_coefficients(startpoints, endpoints)
    return image.transform(
        image.size, Image.PERSPECTIVE, matrix, _resampling(interpolation),
        fillcolor=_fill(fill, image),
    )  # fmt: skip


def adjust_brightness(image, brightness_factor):
    return ImageEnhance.Brightness(image).enhance(brightness_factor)


def adjust_contrast(image, contrast_factor):
    return ImageEnhance.Contrast(image).enhance(contrast_factor)


def adjust_saturation(image, saturation_factor):
    return ImageEnhance.Color(image).enhance(saturation_factor)


def adjust_sharpness(image, sharpness_factor):
    return ImageEnhance.Sharpness(image).enhance(sharpness_factor)


def adjust_hue(image, hue_factor):
    _tensor.check_hue(hue_factor)
    if image.mode in ("L", "1", "I", "F"):
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue) + np.array(int(hue_factor * 255)).astype(np.uint8)  # round the circle
    return Image.merge("HSV", (Image.fromarray(turned, "L"), saturation, value)).convert(image.mode)


def adjust_gamma(image, gamma, gain=1):
    _tensor.check_gamma(gamma)
    table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma)) for v in range(256)] * 3
    return image.convert("RGB").point(table).convert(image.mode)


def rgb_to_grayscale(image, num_output_channels=1):
    _tensor.check_gray_channels(num_output_channels)
    gray = image.convert("L")
    return Image.merge("RGB", (gray, gray, gray)) if num_output_channels == 3 else gray


def grayscale_to_rgb(image):
    return image.convert("RGB")


def invert(image):
    return ImageOps.invert(image)


def posterize(image, bits):
    return ImageOps.posterize(image, bits)


def solarize(image, threshold):
    return ImageOps.solarize(image, threshold)


def autocontrast(image):
    return ImageOps.autocontrast(image)


def equalize(image):
    return ImageOps.equalize(image)


def permute_channels(image, permutation):
    return _through_tensor(_tensor.permute_channels, image, permutation)


def _through_tensor(kernel, image, *args, **kw):
    return to_pil_image(kernel(pil_to_tensor(image), *args, **kw), mode=image.mode)


def gaussian_blur(image, kernel_size, sigma=None):
    return _through_tensor(_tensor.gaussian_blur, image, *blur_arguments(kernel_size, sigma))


def elastic(image, displacement, interpolation=2, fill=None):
    return _through_tensor(_tensor.elastic, image, displacement, interpolation, fill)


def erase(image, i, j, h, w, v, inplace=False):
    return _through_tensor(_tensor.erase, image, i, j, h, w, v)


def jpeg(image, quality):
    return _through_tensor(_tensor.jpeg, image, quality)


def gaussian_noise(image, mean=0.0, sigma=0.1, clip=True):
    raise ValueError("Gaussian Noise is not implemented for PIL images.")


