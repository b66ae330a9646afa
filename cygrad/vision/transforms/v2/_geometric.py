"""The v2 transforms that move pixels, and with them masks, boxes and points."""

from collections.abc import Sequence

import cygrad

from ...tv_tensors import BoundingBoxes, BoundingBoxFormat, Mask, Video, wrap
from .. import _draws, transforms as v1
from .._geometry import pair, sides
from . import functional as F
from ._boxes import _to_xyxy
from ._transform import (
    PIL,
    RandomApplyTransform,
    Transform,
    check_fill,
    fill_for,
    get_bounding_boxes,
    has_all,
    has_any,
    is_pure_tensor,
    numbers_of,
    query_size,
)


class RandomHorizontalFlip(RandomApplyTransform):
    """The mirror image, left for right."""

    _v1_transform_cls = v1.RandomHorizontalFlip

    def transform(self, inpt, params):
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """The mirror image, upside down."""

    _v1_transform_cls = v1.RandomVerticalFlip

    def transform(self, inpt, params):
        return self._call_kernel(F.vertical_flip, inpt)


class _Resampling(Transform):
    """Resizes to what `make_params` says."""

    def _set(self, interpolation, antialias):
        self.interpolation, self.antialias = interpolation, antialias

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resize, inpt, params["size"], interpolation=self.interpolation, max_size=params.get("max_size"),
            antialias=self.antialias,
        )  # fmt: skip


class Resize(_Resampling):
    """To (h, w), or so that the shorter edge is ``size`` and the longer at most ``max_size``."""

    _v1_transform_cls = v1.Resize

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        super().__init__()
        if isinstance(size, int):
            size = [size]
        elif isinstance(size, Sequence) and len(size) in (1, 2):
            size = list(size)
        elif size is not None:
            raise ValueError(
                "size can be an integer, a sequence of one or two integers, or None, but got "
                f"{size} instead."
            )
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def make_params(self, flat_inputs):
        return {"size": self.size, "max_size": self.max_size}


class RandomResize(_Resampling):
    """The shorter edge to a random length in [min_size, max_size)."""

    def __init__(self, min_size, max_size, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size, self.max_size = min_size, max_size
        self._set(interpolation, antialias)

    def make_params(self, flat_inputs):
        return {"size": [_draws.randint(self.min_size, self.max_size, ())]}


class RandomShortestSize(_Resampling):
    """The shorter edge to one of the sizes, the longer at most ``max_size``."""

    def __init__(self, min_size, max_size=None, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self._set(interpolation, antialias)

    def make_params(self, flat_inputs):
        canvas = query_size(flat_inputs)
        ratio = self.min_size[_draws.randint(0, len(self.min_size), ())] / min(canvas)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(canvas))
        return {"size": [int(edge * ratio) for edge in canvas]}


class ScaleJitter(_Resampling):
    """To fit ``target_size`` times a random factor."""

    def __init__(self, target_size, scale_range=(0.1, 2.0), interpolation="bilinear", antialias=True):
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self._set(interpolation, antialias)

    def make_params(self, flat_inputs):
        canvas = query_size(flat_inputs)
        low, high = self.scale_range
        scale = low + cygrad.rand(1).item() * (high - low)
        # As documented, the first target counts for the width.
        ratio = min(self.target_size[0] / canvas[1], self.target_size[1] / canvas[0]) * scale
        return {"size": [int(edge * ratio) for edge in canvas]}


class CenterCrop(Transform):
    """The middle, with zeros around it where the image is smaller."""

    _v1_transform_cls = v1.CenterCrop

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt, params):
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class RandomResizedCrop(Transform):
    """A part of random area and aspect ratio, resized to ``size``."""

    _v1_transform_cls = v1.RandomResizedCrop

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3.0 / 4.0, 4.0 / 3.0), interpolation="bilinear",
                 antialias=True):  # fmt: skip
        super().__init__()
        self.size = pair(size)
        for name, value in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(value, Sequence) or len(value) != 2:
                raise TypeError(f"{name} should be a sequence of two floats.")
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    def make_params(self, flat_inputs):
        box = _draws.random_resized_box(*query_size(flat_inputs), self.scale, self.ratio)
        return dict(zip(("top", "left", "height", "width"), box))

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resized_crop, inpt, **params, size=self.size, interpolation=self.interpolation,
            antialias=self.antialias,
        )  # fmt: skip


class _Crops(Transform):
    _transformed_types = (is_pure_tensor, F.Image, PIL, Video)

    def check_inputs(self, flat_inputs):
        if has_any(flat_inputs, BoundingBoxes, Mask):
            raise TypeError(f"BoundingBoxes'es and Mask's are not supported by {type(self).__name__}()")


class FiveCrop(_Crops):
    """The corners and the middle: a tuple of five."""

    _v1_transform_cls = v1.FiveCrop

    def __init__(self, size):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt, params):
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(_Crops):
    """`FiveCrop` of the image and its mirror image: a tuple of ten."""

    _v1_transform_cls = v1.TenCrop

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = pair(size), vertical_flip

    def transform(self, inpt, params):
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)


def _check_padding(padding, padding_mode):
    if isinstance(padding, str) or not isinstance(padding, (int, Sequence)) or (
        not isinstance(padding, int) and len(padding) not in (1, 2, 4)
    ):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


class Pad(Transform):
    """More on every side: a ``fill``, the edge, or the image reflected (with or without its edge)."""

    _v1_transform_cls = v1.Pad

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        _check_padding(padding, padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill, self.padding_mode = check_fill(fill), padding_mode

    def make_params(self, flat_inputs):
        return {"padding": self.padding}

    def transform(self, inpt, params):
        fill = fill_for(self.fill, type(inpt))
        return self._call_kernel(F.pad, inpt, padding=params["padding"], fill=fill, padding_mode=self.padding_mode)


class RandomZoomOut(RandomApplyTransform):
    """The image somewhere on a canvas larger by a factor from ``side_range``."""

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__(p)
        self.fill = check_fill(fill)
        _draws.check_pair(side_range, "side_range")
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = low + cygrad.rand(1).item() * (high - low)
        new_width, new_height = int(width * factor), int(height * factor)
        x, y = cygrad.rand(2).tolist()
        left, top = int((new_width - width) * x), int((new_height - height) * y)
        return {"padding": [left, top, new_width - width - left, new_height - height - top]}

    def transform(self, inpt, params):
        return self._call_kernel(F.pad, inpt, **params, fill=fill_for(self.fill, type(inpt)))


class _Filled(Transform):
    """Calls ``_functional`` with the parameters, the interpolation and the fill for the type."""

    def transform(self, inpt, params):
        fill = fill_for(self.fill, type(inpt))
        return self._call_kernel(
            type(self)._functional, inpt, **params, interpolation=self.interpolation, fill=fill, **self._more()
        )

    def _more(self):
        return {}


class RandomRotation(_Filled):
    """By an angle from ``degrees``."""

    _v1_transform_cls = v1.RandomRotation
    _functional = F.rotate

    def __init__(self, degrees, interpolation="nearest", expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = _draws.angles(degrees, "degrees")
        self.interpolation, self.expand, self.fill = interpolation, expand, check_fill(fill)
        if center is not None:
            _draws.check_pair(center, "center")
        self.center = center

    def make_params(self, flat_inputs):
        return {"angle": _draws.uniform(*self.degrees)}

    def _more(self):
        return {"expand": self.expand, "center": self.center}


class RandomAffine(_Filled):
    """Turned, moved, scaled and sheared at random, about the middle or ``center``."""

    _v1_transform_cls = v1.RandomAffine
    _functional = F.affine

    def __init__(self, degrees, translate=None, scale=None, shear=None, interpolation="nearest", fill=0, center=None):
        super().__init__()
        self.degrees, self.translate, self.scale, self.shear = _draws.check_affine_ranges(
            degrees, translate, scale, shear
        )
        self.interpolation, self.fill = interpolation, check_fill(fill)
        if center is not None:
            _draws.check_pair(center, "center")
        self.center = center

    def make_params(self, flat_inputs):
        size = query_size(flat_inputs)[::-1]
        found = _draws.random_affine(self.degrees, self.translate, self.scale, self.shear, size)
        return dict(zip(("angle", "translate", "scale", "shear"), found))

    def _more(self):
        return {"center": self.center}


class RandomPerspective(RandomApplyTransform, _Filled):
    """The corners moved inwards by up to ``distortion_scale`` of half the image."""

    _v1_transform_cls = v1.RandomPerspective
    _functional = F.perspective

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation="bilinear", fill=0):
        super().__init__(p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation, self.fill = distortion_scale, interpolation, check_fill(fill)

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        corners = v1.RandomPerspective.get_params(width, height, self.distortion_scale)
        return dict(zip(("startpoints", "endpoints"), corners))


class ElasticTransform(_Filled):
    """Pixels moved by smooth noise: ``alpha`` its strength, ``sigma`` its smoothness."""

    _v1_transform_cls = v1.ElasticTransform
    _functional = F.elastic

    def __init__(self, alpha=50.0, sigma=5.0, interpolation="bilinear", fill=0):
        super().__init__()
        self.alpha, self.sigma = (
            numbers_of(value, name, (1, 2)) for value, name in ((alpha, "alpha"), (sigma, "sigma"))
        )
        self.interpolation, self.fill = interpolation, check_fill(fill)

    def make_params(self, flat_inputs):
        size = list(query_size(flat_inputs))
        return {"displacement": _draws.random_displacement(self.alpha, self.sigma, size)}


class RandomCrop(Transform):
    """``size`` anywhere in the sample, which is padded before."""

    _v1_transform_cls = v1.RandomCrop

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = pair(size)
        if padding is not None:
            _check_padding(padding, padding_mode)
            padding = sides(padding)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = check_fill(fill), padding_mode

    def make_params(self, flat_inputs):
        canvas = query_size(flat_inputs)
        # [before, after] of height and of width
        around = [[0, 0], [0, 0]]
        if self.padding is not None:
            left, top, right, bottom = self.padding
            around = [[top, bottom], [left, right]]
        padded = [edge + sum(two) for edge, two in zip(canvas, around)]
        if self.pad_if_needed:
            for i, wanted in enumerate(self.size):
                missing = wanted - padded[i]
                if missing > 0:
                    around[i] = [p + missing for p in around[i]]
                    padded[i] += 2 * missing
        if padded[0] < self.size[0] or padded[1] < self.size[1]:
            raise ValueError(
                f"Required crop size {tuple(self.size)} is larger than "
                f"{'padded ' if self.padding is not None else ''}input image size {tuple(padded)}."
            )
        start = [_draws.randint(0, p - s + 1, ()) if p > s else 0 for p, s in zip(padded, self.size)]
        (top, bottom), (left, right) = around
        padding = [left, top, right, bottom]
        return {"start": start, "padding": padding if any(padding) else None}

    def transform(self, inpt, params):
        if params["padding"]:
            fill = fill_for(self.fill, type(inpt))
            inpt = self._call_kernel(
                F.pad, inpt, padding=params["padding"], fill=fill, padding_mode=self.padding_mode
            )
        (top, left), (height, width) = params["start"], self.size
        if tuple(self._extent(inpt)) == (height, width):
            return inpt
        return self._call_kernel(F.crop, inpt, top=top, left=left, height=height, width=width)

    @staticmethod
    def _extent(inpt):
        return F.get_size(inpt)


class RandomIoUCrop(Transform):
    """A crop that overlaps some box by a drawn amount (SSD); boxes whose middle is outside become empty."""

    def __init__(self, min_scale=0.3, max_scale=1.0, min_aspect_ratio=0.5, max_aspect_ratio=2.0,
                 sampler_options=None, trials=40):  # fmt: skip
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs):
        if not (has_all(flat_inputs, BoundingBoxes) and has_any(flat_inputs, PIL, F.Image, is_pure_tensor)):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images and "
                "bounding boxes. Sample can also contain masks."
            )

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        boxes = get_bounding_boxes(flat_inputs)
        boxes = F.convert_bounding_box_format(boxes, new_format=BoundingBoxFormat.XYXY)
        boxes = _to_xyxy(F.plain(boxes), BoundingBoxFormat.XYXY).to(cygrad.float64)
        while True:
            least = self.options[_draws.randint(0, len(self.options))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                found = self._attempt(boxes, height, width, least)
                if found is not None:
                    return found

    def _attempt(self, boxes, height, width, least):
        x, y = (self.min_scale + (self.max_scale - self.min_scale) * cygrad.rand(2)).tolist()
        w, h = int(width * x), int(height * y)
        if not self.min_aspect_ratio <= w / h <= self.max_aspect_ratio:
            return None
        x, y = cygrad.rand(2).tolist()
        left, top = int((width - w) * x), int((height - h) * y)
        right, bottom = left + w, top + h
        if left == right or top == bottom:
            return None
        x1, y1, x2, y2 = boxes.unbind(-1)
        cx, cy = 0.5 * (x1 + x2), 0.5 * (y1 + y2)
        inside = (left < cx) & (cx < right) & (top < cy) & (cy < bottom)
        if not inside.any():
            return None
        x1, y1, x2, y2 = boxes[inside].unbind(-1)
        shared = (x2.clamp(max=right) - x1.clamp(min=left)).clamp(min=0)
        shared = shared * (y2.clamp(max=bottom) - y1.clamp(min=top)).clamp(min=0)
        overlap = shared / ((x2 - x1) * (y2 - y1) + w * h - shared)
        if overlap.max() < least:
            return None
        return {"box": {"top": top, "left": left, "height": h, "width": w}, "inside": inside}

    def transform(self, inpt, params):
        if not params:
            return inpt
        cropped = self._call_kernel(F.crop, inpt, **params["box"])
        if isinstance(cropped, BoundingBoxes):
            values = F.plain(cropped)
            kept = params["inside"].unsqueeze(-1)
            cropped = wrap(cygrad.where(kept, values, cygrad.zeros_like(values)), like=cropped)
        return cropped


