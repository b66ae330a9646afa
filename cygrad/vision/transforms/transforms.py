"""The v1 transforms: callable objects on PIL images and tensors (..., C, H, W), one image at a time.

Every random transform draws its numbers from the default generator, by the same calls in the same order as PyTorch's;
`RandomChoice` and `RandomOrder` draw from Python's `random`.
"""

import math
import numbers
import random
from collections.abc import Sequence

import cygrad
from cygrad import Tensor, nn

from . import functional as F
from ._geometry import as_mode, pair
from .functional import InterpolationMode

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform", "FiveCrop", "GaussianBlur",
    "Grayscale", "InterpolationMode", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "Pad",
    "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop",
    "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder",
    "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation", "RandomSolarize",
    "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor",
]  # fmt: skip


def uniform(low, high):
    """One draw from [low, high), as a float."""
    return cygrad.empty(1).uniform_(float(low), float(high)).item()


def randint(low, high, size=(1,)):
    """One draw from [low, high), as an int."""
    return int(cygrad.randint(low, high, size=size).item())


class _Shown:
    """Prints as its class and the attributes that ``_shown``, a text for str.format, names."""

    _shown = ""

    def __repr__(self):
        return f"{type(self).__name__}({self._shown.format(self)})"


class _Transform(_Shown, nn.Module):
    pass


class Compose:
    """One transform after another."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for t in self.transforms:
            img = t(img)
        return img

    def __repr__(self):
        return _lines(self, self.transforms)


def _lines(self, transforms, head=""):
    inner = "".join(f"\n    {t}" for t in transforms)
    return f"{type(self).__name__}({head}{inner}\n)"


class ToTensor(_Shown):
    """A PIL image or array (H, W, C) of bytes to a float tensor (C, H, W) in [0, 1]."""

    def __call__(self, pic):
        return F.to_tensor(pic)


class PILToTensor(_Shown):
    """A PIL image to a tensor (C, H, W) of the same values."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)


class ConvertImageDtype(nn.Module):
    """Another dtype, the values scaled to its range."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """A tensor (C, H, W) or array (H, W, C) to a PIL image."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"


class Normalize(_Transform):
    """(image - mean) / std, channel by channel."""

    _shown = "mean={0.mean}, std={0.std}"

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class Resize(_Transform):
    """To (h, w), or so that the shorter edge is ``size`` and the longer at most ``max_size``."""

    _shown = (
        "size={0.size}, interpolation={0.interpolation.value}, max_size={0.max_size}, "
        "antialias={0.antialias}"
    )

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = as_mode(interpolation)

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Transform):
    """The middle, with zeros around it where the image is smaller."""

    _shown = "size={0.size}"

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def forward(self, img):
        return F.center_crop(img, self.size)


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


class Pad(_Transform):
    """More on every side: a ``fill``, the edge, or the image reflected (with or without its edge)."""

    _shown = "padding={0.padding}, fill={0.fill}, padding_mode={0.padding_mode}"

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        check_padding(padding, fill, padding_mode)
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Lambda(_Shown):
    """A function as a transform."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)


class RandomApply(nn.Module):
    """All of the transforms with probability ``p``, or none."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms, self.p = transforms, p
        iter(transforms)

    def forward(self, img):
        if self.p < cygrad.rand(1).item():
            return img
        for t in self.transforms:
            img = t(img)
        return img

    def __repr__(self):
        return _lines(self, self.transforms, f"\n    p={self.p}")


class _Several:
    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self):
        return _lines(self, self.transforms)


class RandomOrder(_Several):
    """All of the transforms, in random order."""

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(_Several):
    """One of the transforms, with weights ``p``."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, img):
        return random.choices(self.transforms, weights=self.p)[0](img)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"


class RandomCrop(_Transform):
    """``size`` anywhere in the image, which is padded before."""

    _shown = "size={0.size}, padding={0.padding}"

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = pair(size)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img, output_size):
        """top, left, height, width of a random crop."""
        _, h, w = F.get_dimensions(img)
        th, tw = output_size
        if h < th or w < tw:
            raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(h, w)}")
        if (w, h) == (tw, th):
            return 0, 0, h, w
        top = randint(0, h - th + 1)
        return top, randint(0, w - tw + 1), th, tw

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed:
            th, tw = self.size
            for padding in ([max(tw - width, 0), 0], [0, max(th - height, 0)]):
                if any(padding):
                    img = F.pad(img, padding, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class _WithProbability(_Transform):
    """Does ``_apply`` with probability ``p``."""

    _shown = "p={0.p}"

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self._apply_to(img) if cygrad.rand(1).item() < self.p else img


class RandomHorizontalFlip(_WithProbability):
    """The mirror image, left for right."""

    def _apply_to(self, img):
        return F.hflip(img)


class RandomVerticalFlip(_WithProbability):
    """The mirror image, upside down."""

    def _apply_to(self, img):
        return F.vflip(img)


class RandomInvert(_WithProbability):
    """The negative."""

    def _apply_to(self, img):
        return F.invert(img)


class RandomAutocontrast(_WithProbability):
    """Each channel stretched over the whole range."""

    def _apply_to(self, img):
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """Each channel's histogram made flat."""

    def _apply_to(self, img):
        return F.equalize(img)


class RandomPosterize(_WithProbability):
    """Only ``bits`` bits of each value kept."""

    _shown = "bits={0.bits},p={0.p}"

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def _apply_to(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(_WithProbability):
    """Values from ``threshold`` on inverted."""

    _shown = "threshold={0.threshold},p={0.p}"

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def _apply_to(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_WithProbability):
    """Sharper (factor above 1) or smoother."""

    _shown = "sharpness_factor={0.sharpness_factor},p={0.p}"

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _apply_to(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class Grayscale(_Transform):
    """The luminance, in one channel or three."""

    _shown = "num_output_channels={0.num_output_channels}"

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomGrayscale(_WithProbability):
    """Gray, in as many channels as there were."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def _apply_to(self, img):
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


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


class RandomPerspective(_WithProbability):
    """The corners moved inwards by up to ``distortion_scale`` of half the image."""

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__(p)
        self.distortion_scale, self.interpolation = distortion_scale, as_mode(interpolation)
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(width, height, distortion_scale):
        """The four corners and where they go."""
        return four_corners(width, height), random_corners(width, height, distortion_scale)

    def forward(self, img):
        fill = _tensor_fill(self.fill, img)
        channels, height, width = F.get_dimensions(img)
        if cygrad.rand(1).item() >= self.p:
            return img
        corners = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *corners, self.interpolation, fill)


def _tensor_fill(fill, img):
    """For tensors one float for each channel."""
    if not isinstance(img, Tensor):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * F.get_image_num_channels(img)
    return [float(f) for f in fill]


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


class RandomResizedCrop(_Transform):
    """A part of random area and aspect ratio, resized to ``size``."""

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0),
                 interpolation=InterpolationMode.BILINEAR, antialias=True):  # fmt: skip
        super().__init__()
        self.size = pair(size)
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        self.interpolation, self.antialias = as_mode(interpolation), antialias
        self.scale, self.ratio = scale, ratio

    @staticmethod
    def get_params(img, scale, ratio):
        """top, left, height, width of a random crop."""
        _, height, width = F.get_dimensions(img)
        return random_resized_box(height, width, scale, ratio)

    def forward(self, img):
        box = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *box, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(v, 4) for v in values) for values in (self.scale, self.ratio))
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


class FiveCrop(CenterCrop):
    """The corners and the middle: a tuple of five."""

    def forward(self, img):
        return F.five_crop(img, self.size)


class TenCrop(CenterCrop):
    """`FiveCrop` of the image and its mirror image: a tuple of ten."""

    _shown = "size={0.size}, vertical_flip={0.vertical_flip}"

    def __init__(self, size, vertical_flip=False):
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)


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


class LinearTransformation(_Transform):
    """(image as a row - mean_vector) @ transformation_matrix, as whitening does."""

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        check_whitening(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor):
        shape = tensor.shape
        n = shape[-3] * shape[-2] * shape[-1]
        if n != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{shape[-3]} x {shape[-2]} x {shape[-1]}] != {self.transformation_matrix.shape[0]}"
            )
        rows = tensor.reshape(-1, n) - self.mean_vector
        return cygrad.mm(rows, self.transformation_matrix).reshape(shape)

    def __repr__(self):
        return (
            f"LinearTransformation(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )


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


class ColorJitter(_Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order."""

    _shown = (
        "brightness={0.brightness}, contrast={0.contrast}, saturation={0.saturation}, hue={0.hue}"
    )

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = jitter_range(brightness, "brightness")
        self.contrast = jitter_range(contrast, "contrast")
        self.saturation = jitter_range(saturation, "saturation")
        self.hue = jitter_range(hue, "hue", center=0, bound=(-0.5, 0.5), clip=False)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """The order of the four, and the factor of each (None where it has no range)."""
        order = cygrad.randperm(4)
        ranges = (brightness, contrast, saturation, hue)
        return (order, *(None if r is None else uniform(*r) for r in ranges))

    def forward(self, img):
        order, *factors = self.get_params(
            self.brightness, self.contrast, self.saturation, self.hue
        )
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = adjust[i](img, factors[i])
        return img


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


class RandomRotation(_Transform):
    """By an angle from ``degrees``."""

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_pair(center, "center")
        self.interpolation, self.expand, self.center = as_mode(interpolation), expand, center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees):
        """An angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img):
        fill = _tensor_fill(self.fill, img)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self):
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


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


class RandomAffine(_Transform):
    """Turned, moved, scaled and sheared at random, about the middle or ``center``."""

    def __init__(self, degrees, translate=None, scale=None, shear=None,
                 interpolation=InterpolationMode.NEAREST, fill=0, center=None):  # fmt: skip
        super().__init__()
        self.degrees, self.translate, self.scale, self.shear = check_affine_ranges(
            degrees, translate, scale, shear
        )
        if center is not None:
            check_pair(center, "center")
        self.interpolation, self.center = as_mode(interpolation), center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """angle, translations, scale, shears."""
        return random_affine(degrees, translate, scale_ranges, shears, img_size)

    def forward(self, img):
        fill = _tensor_fill(self.fill, img)
        _, height, width = F.get_dimensions(img)
        found = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return F.affine(img, *found, interpolation=self.interpolation, fill=fill, center=self.center)

    def __repr__(self):
        shown = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            if getattr(self, name) is not None:
                shown.append(f"{name}={getattr(self, name)}")
        if self.interpolation != InterpolationMode.NEAREST:
            shown.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            shown.append(f"fill={self.fill}")
        if self.center is not None:
            shown.append(f"center={self.center}")
        return f"RandomAffine({', '.join(shown)})"


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


class RandomErasing(_WithProbability):
    """A rectangle of a tensor overwritten by a value, one for each channel, or normal numbers."""

    _shown = (
        "p={0.p}, scale={0.scale}, ratio={0.ratio}, value={0.value}, inplace={0.inplace}"
    )

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__(p)
        check_erasing(value, scale, ratio)
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.scale, self.ratio, self.value, self.inplace = scale, ratio, value, inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """top, left, height, width of a rectangle, and its values."""
        channels, height, width = img.shape[-3:]
        found = random_erasing_box(channels, height, width, scale, ratio, value)
        return found or (0, 0, height, width, img)

    def _apply_to(self, img):
        value = self.value
        if isinstance(value, (int, float)):
            value = [float(value)]
        elif isinstance(value, str):
            value = None
        else:
            value = [float(v) for v in value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)


def check_kernel_size(kernel_size):
    """Two odd numbers."""
    kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
    if any(k <= 0 or k % 2 == 0 for k in kernel_size):
        raise ValueError("Kernel size value should be an odd and positive number.")
    return kernel_size


class GaussianBlur(_Transform):
    """Blurred with a sigma from the range."""

    _shown = "kernel_size={0.kernel_size}, sigma={0.sigma}"

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = check_kernel_size(kernel_size)
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif isinstance(sigma, Sequence) and len(sigma) == 2:
            if not 0.0 < sigma[0] <= sigma[1]:
                raise ValueError("sigma values should be positive and of the form (min, max).")
        else:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A sigma."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img):
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


def random_displacement(alpha, sigma, size):
    """(1, H, W, 2): noise in [-1, 1] smoothed by ``sigma`` pixels, ``alpha`` pixels strong; in units of half the image."""
    layers = []
    for axis in (0, 1):
        noise = cygrad.rand(1, 1, *size) * 2 - 1
        if sigma[axis] > 0.0:
            k = int(8 * sigma[axis] + 1)
            noise = F.gaussian_blur(noise, [k + 1 - k % 2] * 2, float(sigma[axis]))
        layers.append(noise * alpha[axis] / size[axis])
    return cygrad.cat(layers, 1).permute(0, 2, 3, 1)


def _two_floats(value, name):
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


class ElasticTransform(_Transform):
    """Pixels moved by smooth noise: ``alpha`` its strength, ``sigma`` its smoothness."""

    _shown = "alpha={0.alpha}, sigma={0.sigma}, interpolation={0.interpolation}, fill={0.fill}"

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha, self.sigma = _two_floats(alpha, "alpha"), _two_floats(sigma, "sigma")
        self.interpolation = as_mode(interpolation)
        self.fill = [float(f) for f in fill] if isinstance(fill, (list, tuple)) else [float(fill)]

    @staticmethod
    def get_params(alpha, sigma, size):
        """A displacement (1, H, W, 2)."""
        return random_displacement(alpha, sigma, size)

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)
