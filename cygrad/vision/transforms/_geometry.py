"""Interpolation modes, and the arithmetic of sizes and maps that PIL images, tensors and boxes share."""

import math
from enum import Enum

import numpy as np


class InterpolationMode(Enum):
    """How values between pixels are found; BOX, HAMMING and LANCZOS as Pillow has them."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


InterpolationMode.__module__ = "torchvision.transforms.functional"
# The numbers are those of PIL.Image.Resampling.
pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.LANCZOS: 1,
}
_BY_NUMBER = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming", 1: "lanczos"}


def as_mode(interpolation, names=False):
    """An `InterpolationMode` from itself, Pillow's number, or (where ``names``) its text."""
    if isinstance(interpolation, int):
        return InterpolationMode(_BY_NUMBER[interpolation])
    if names and isinstance(interpolation, str):
        return InterpolationMode(interpolation)
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            "integer constant"
        )
    return interpolation


def pair(size, error="Please provide only two dimensions (h, w) for size."):
    """(h, w) from a number, a sequence of one or a sequence of two."""
    if isinstance(size, (int, float)):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(error)
    return tuple(size)


def resized(canvas, size, max_size=None):
    """The (h, w) that `resize` makes of ``canvas``: one number sets the shorter edge."""
    height, width = canvas
    if isinstance(size, int):
        size = [size]
    if size is not None and len(size) != 1:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size is None or specifies the length of the "
                "smaller edge, i.e. size should be an int or a sequence of length 1 in "
                "torchscript mode."
            )
        return size[0], size[1]
    short, long = sorted((height, width))
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        short, long = int(max_size * short / long), max_size
    else:
        short, long = size[0], int(size[0] * long / short)
        if max_size is not None:
            if max_size <= size[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for "
                    f"the smaller edge size = {list(size)}"
                )
            if long > max_size:
                short, long = int(max_size * short / long), max_size
    return (long, short) if width <= height else (short, long)


def sides(padding):
    """left, top, right, bottom from one, two (x, y) or four numbers."""
    if isinstance(padding, (int, float)):
        padding = [padding]
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            "Padding must be an int or a 1, 2, or 4 element tuple, not a "
            f"{len(padding)} element tuple"
        )
    padding = [int(p) for p in padding]
    return padding * (4 // len(padding))


def center_crop_box(canvas, size):
    """top, left of the middle ``size`` of ``canvas``, and the padding that must come before."""
    (height, width), (h, w) = canvas, size
    padding = None
    if w > width or h > height:
        x, y = max(w - width, 0), max(h - height, 0)
        padding = [x // 2, y // 2, (x + 1) // 2, (y + 1) // 2]
        height, width = max(height, h), max(width, w)
    return int(round((height - h) / 2.0)), int(round((width - w) / 2.0)), padding


def linear_map(angle, scale, shear):
    """The 2 x 2 matrix of a rotation (degrees, clockwise), after shears along y, then x; scaled."""
    rot, sx, sy = (math.radians(v) for v in (angle, *shear))
    turn = np.array([[math.cos(rot), -math.sin(rot)], [math.sin(rot), math.cos(rot)]])
    shears = np.array([[1, 0], [-math.tan(sy), 1]]) @ np.array([[1, -math.tan(sx)], [0, 1]])
    return scale * turn @ shears


def affine_matrix(center, angle, translate, scale, shear, inverse=True):
    """[a, b, c, d, e, f] of x' = ax + by + c, y' = dx + ey + f about ``center``; inverse: of output to input."""
    m = linear_map(angle, scale, shear)
    center, translate = np.array(center, float), np.array(translate, float)
    if inverse:
        (a, b), (c, d) = m / scale  # of determinant 1
        m = np.array([[d, -b], [-c, a]]) / scale
        offset = m @ (-center - translate) + center
    else:
        offset = center + translate - m @ center
    return [*m[0].tolist(), float(offset[0]), *m[1].tolist(), float(offset[1])]


def perspective_coefficients(startpoints, endpoints):
    """The eight numbers of the map from ``endpoints`` to ``startpoints``, four corners (x, y) each.

    x' = (ax + by + c) / (gx + hy + 1), y' = (dx + ey + f) / (gx + hy + 1), by least squares.
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    target = np.array(startpoints, np.float64).reshape(8)
    solution = np.linalg.lstsq(np.array(rows, np.float64), target, rcond=None)[0]
    return solution.astype(np.float32).tolist()


def expanded_size(matrix, width, height):
    """The (w, h) that holds a picture turned by ``matrix`` about its middle."""
    corners = np.array([[-0.5 * width, -0.5 * height], [-0.5 * width, 0.5 * height],
                        [0.5 * width, 0.5 * height], [0.5 * width, -0.5 * height]], np.float32)  # fmt: skip
    turn = np.array(matrix, np.float32).reshape(2, 3)[:, :2]
    # A pixel's middle counts; below a thousandth of a pixel it is rounding.
    ends = corners @ turn.T + np.array([width, height], np.float32) * 0.5
    low = np.floor(np.trunc(ends.min(0) * 1e3) / 1e3)
    high = np.ceil(np.trunc(ends.max(0) * 1e3) / 1e3)
    return int(high[0] - low[0]), int(high[1] - low[1])


def check_affine(angle, translate, scale, shear, center):
    """The arguments of `affine` as lists; PyTorch's errors."""
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if isinstance(shear, (int, float)):
        shear = [shear, 0.0]
    if not isinstance(shear, (list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if len(shear) == 1:
        shear = [shear[0], shear[0]]
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    return angle, list(translate), scale, list(shear), center


def _pairs(values, kinds, name, error):
    """Two of one, or the two given."""
    if isinstance(values, kinds):
        return [values, values]
    if not isinstance(values, (list, tuple)):
        raise TypeError(error.format(type(values)))
    if len(values) not in (1, 2):
        raise ValueError(f"{name} its length should be 2. Got {len(values)}")
    return list(values) * (2 // len(values))


def blur_arguments(kernel_size, sigma):
    """[kx, ky], [sx, sy] of `gaussian_blur`; without sigma, 0.15 of the kernel and 0.35."""
    kernel_size = _pairs(
        kernel_size, int, "If kernel_size is a sequence",
        "kernel_size should be int or a sequence of integers. Got {}",
    )  # fmt: skip
    if any(k % 2 == 0 or k < 0 for k in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        return kernel_size, [k * 0.15 + 0.35 for k in kernel_size]
    sigma = _pairs(
        float(sigma) if isinstance(sigma, int) else sigma, float, "If sigma is a sequence,",
        "sigma should be either float or sequence of floats. Got {}",
    )  # fmt: skip
    if any(s <= 0.0 for s in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    return kernel_size, sigma
