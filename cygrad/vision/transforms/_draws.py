"""What the random transforms draw, in PyTorch's order, and the checks of their arguments: for v1 and v2."""

import math
import numbers
from collections.abc import Sequence

import cygrad

from ._geometry import pair
from ._tensor import gaussian_blur


def uniform(low, high):
    """One draw from [low, high), as a float."""
    return cygrad.empty(1).uniform_(float(low), float(high)).item()


def randint(low, high, size=(1,)):
    """One draw from [low, high), as an int."""
    return int(cygrad.randint(low, high, size=size).item())


def check_padding(padding, fill, padding_mode, kinds=(numbers.Number, str, tuple, list)):
    """The arguments of Pad; PyTorch's errors."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if isinstance(fill, str) or not isinstance(fill, kinds):
        raise TypeError("Got inappropriate fill arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
        )


def four_corners(width, height):
    """Top left, top right, bottom right, bottom left, each (x, y)."""
    return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]


def random_corners(width, height, distortion_scale):
    """`four_corners`, each moved inwards by up to ``distortion_scale`` of half the image."""
    x = int(distortion_scale * (width // 2)) + 1
    y = int(distortion_scale * (height // 2)) + 1
    left, right = (0, x), (width - x, width)
    top, bottom = (0, y), (height - y, height)
    places = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [[randint(*horizontal), randint(*vertical)] for horizontal, vertical in places]


def random_resized_box(height, width, scale, ratio):
    """top, left, h, w of a crop of a random part of the area and a random aspect ratio; the middle after ten misses."""
    log_ratio = cygrad.log(cygrad.tensor(ratio))
    low, high = log_ratio[0].item(), log_ratio[1].item()
    for _ in range(10):
        area = height * width * uniform(*scale)
        aspect = cygrad.exp(cygrad.empty(1).uniform_(low, high)).item()
        w, h = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
        if 0 < w <= width and 0 < h <= height:
            top = randint(0, height - h + 1)
            return top, randint(0, width - w + 1), h, w
    whole = float(width) / float(height)
    w, h = width, height
    if whole < min(ratio):
        h = int(round(w / min(ratio)))
    elif whole > max(ratio):
        w = int(round(h * max(ratio)))
    return (height - h) // 2, (width - w) // 2, h, w


def check_whitening(matrix, mean):
    """The arguments of LinearTransformation; PyTorch's errors."""
    if matrix.size(0) != matrix.size(1):
        raise ValueError(
            f"transformation_matrix should be square. Got {tuple(matrix.size())} rectangular matrix."
        )
    if mean.size(0) != matrix.size(0):
        raise ValueError(
            f"mean_vector should have the same length {mean.size(0)} as any one of the dimensions "
            f"of the transformation_matrix [{tuple(matrix.size())}]"
        )
    for what, one, two in (("be on the same device", matrix.device, mean.device),
                           ("have the same dtype", matrix.dtype, mean.dtype)):  # fmt: skip
        if one != two:
            raise ValueError(f"Input tensors should {what}. Got {one} and {two}")


def jitter_range(value, name, center=1, bound=(0, math.inf), clip=True, texts=None):
    """(low, high) around ``center`` from a number, or as given; None where nothing is to change."""
    increasing, wrong = texts or ("", f"{name} should be a single number or a list/tuple with length 2.")
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        value = [center - float(value), center + float(value)]
        if clip:
            value[0] = max(value[0], 0.0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        value = [float(value[0]), float(value[1])]
    else:
        raise TypeError(wrong)
    if not bound[0] <= value[0] <= value[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}{increasing}, but got {value}.")
    return None if value[0] == value[1] == center else tuple(value)


def angles(value, name, lengths=(2,)):
    """[low, high] in degrees from a positive number or a sequence."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        value = [-value, value]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    return [float(v) for v in value]


def check_pair(value, name):
    """A sequence of two."""
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length 2.")
    if len(value) != 2:
        raise ValueError(f"{name} should be a sequence of length 2.")


def check_affine_ranges(degrees, translate, scale, shear):
    """The ranges of RandomAffine; PyTorch's errors."""
    degrees = angles(degrees, "degrees")
    if translate is not None:
        check_pair(translate, "translate")
        if not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
    if scale is not None:
        check_pair(scale, "scale")
        if any(s <= 0 for s in scale):
            raise ValueError("scale values should be positive")
    return degrees, translate, scale, None if shear is None else angles(shear, "shear", (2, 4))


def random_affine(degrees, translate, scale, shears, size):
    """angle, (x, y), scale, (shear x, shear y) for an image of ``size`` (width, height)."""
    angle = uniform(*degrees)
    moved = (0, 0)
    if translate is not None:
        reach = [float(t * s) for t, s in zip(translate, size)]
        moved = tuple(int(round(uniform(-r, r))) for r in reach)
    factor = 1.0 if scale is None else uniform(*scale)
    shear_x = shear_y = 0.0
    if shears is not None:
        shear_x = uniform(*shears[:2])
        if len(shears) == 4:
            shear_y = uniform(*shears[2:])
    return angle, moved, factor, (shear_x, shear_y)


def check_erasing(value, scale, ratio):
    """The arguments of RandomErasing; PyTorch's errors."""
    if not isinstance(value, (numbers.Number, str, tuple, list)):
        raise TypeError("Argument value should be either a number or str or a sequence")
    if isinstance(value, str) and value != "random":
        raise ValueError("If value is str, it should be 'random'")
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] < 0 or scale[1] > 1:
        raise ValueError("Scale should be between 0 and 1")


def random_erasing_box(channels, height, width, scale, ratio, value=None):
    """top, left, h, w and what to put there; None after ten misses. Without ``value``, normal numbers."""
    low, high = cygrad.log(cygrad.tensor(ratio)).tolist()
    for _ in range(10):
        area = height * width * uniform(*scale)
        aspect = cygrad.exp(cygrad.empty(1).uniform_(low, high)).item()
        h, w = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
        if not (h < height and w < width):
            continue
        if value is None:
            v = cygrad.empty([channels, h, w], dtype=cygrad.float32).normal_()
        else:
            v = cygrad.tensor(value)[:, None, None]
        top = randint(0, height - h + 1)
        return top, randint(0, width - w + 1), h, w, v
    return None


def check_kernel_size(kernel_size):
    """Two odd numbers."""
    kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
    if any(k <= 0 or k % 2 == 0 for k in kernel_size):
        raise ValueError("Kernel size value should be an odd and positive number.")
    return kernel_size


def random_displacement(alpha, sigma, size):
    """Noise in [-1, 1], ``alpha`` strong and smoothed by ``sigma`` pixels, in units of half the image: (1, H, W, 2)."""
    layers = []
    for axis in (0, 1):
        noise = cygrad.rand(1, 1, *size) * 2 - 1
        if sigma[axis] > 0.0:
            k = int(8 * sigma[axis] + 1)
            noise = gaussian_blur(noise, [k + 1 - k % 2] * 2, [float(s) for s in sigma])
        layers.append(noise * alpha[axis] / size[1 - axis])
    return cygrad.cat(layers, 1).permute(0, 2, 3, 1)


def two_floats(value, name):
    if not isinstance(value, (float, Sequence)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) == 1 and not isinstance(value, str):
        value = [value[0], value[0]]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for v in value:
        if not isinstance(v, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(v)}")
    return list(value)
