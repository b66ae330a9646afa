"""The v2 transforms of values: colours, dtypes, noise, erasing, mixing; and those of boxes and points alone."""

import math
import numbers
import warnings

import numpy as np

import cygrad
from cygrad import Tensor

from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video, plain, wrap
from .. import _draws, transforms as v1
from . import functional as F
from ._transform import (
    PIL,
    RandomApplyTransform,
    Transform,
    get_bounding_boxes,
    get_keypoints,
    has_any,
    is_pure_tensor,
    numbers_of,
    query_chw,
    query_size,
    tree_flatten,
)

# ---- colours


class Grayscale(Transform):
    """The luminance, in one channel or three."""

    _v1_transform_cls = v1.Grayscale

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RandomGrayscale(RandomApplyTransform):
    """Gray, in as many channels as there were."""

    _v1_transform_cls = v1.RandomGrayscale

    def __init__(self, p=0.1):
        super().__init__(p=p)

    def make_params(self, flat_inputs):
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class RGB(Transform):
    """Gray pictures in three channels."""

    def transform(self, inpt, params):
        return self._call_kernel(F.grayscale_to_rgb, inpt)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order."""

    _v1_transform_cls = v1.ColorJitter

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", center=0, bound=(-0.5, 0.5), clip=False)

    @staticmethod
    def _range(value, name, **kw):
        texts = (" and increasing", f"{name}={value} should be a single number or a sequence with length 2.")
        return None if value is None else _draws.jitter_range(value, name, texts=texts, **kw)

    def make_params(self, flat_inputs):
        order, *factors = v1.ColorJitter.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt, params):
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(adjust[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """The channels in random order."""

    def make_params(self, flat_inputs):
        return {"permutation": cygrad.randperm(query_chw(flat_inputs)[0]).tolist()}

    def transform(self, inpt, params):
        return self._call_kernel(F.permute_channels, inpt, **params)


class RandomPhotometricDistort(Transform):
    """Each of brightness, contrast, saturation, hue and the order of channels changed with probability ``p`` (SSD)."""

    def __init__(self, brightness=(0.875, 1.125), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.05, 0.05), p=0.5):
        super().__init__()
        self.brightness, self.contrast, self.hue, self.saturation, self.p = brightness, contrast, hue, saturation, p

    def make_params(self, flat_inputs):
        channels = query_chw(flat_inputs)[0]
        params = {
            name: _draws.uniform(*getattr(self, name)) if cygrad.rand(1).item() < self.p else None
            for name in ("brightness", "contrast", "saturation", "hue")
        }
        params["early"] = cygrad.rand(()).item() < 0.5
        permuted = cygrad.rand(1).item() < self.p
        params["permutation"] = cygrad.randperm(channels).tolist() if permuted else None
        return params

    def transform(self, inpt, params):
        contrast = (F.adjust_contrast, params["contrast"])
        steps = [(F.adjust_brightness, params["brightness"]), (F.adjust_saturation, params["saturation"]),
                 (F.adjust_hue, params["hue"]), (F.permute_channels, params["permutation"])]  # fmt: skip
        steps.insert(1 if params["early"] else 3, contrast)
        for function, value in steps:
            if value is not None:
                inpt = self._call_kernel(function, inpt, value)
        return inpt


class RandomInvert(RandomApplyTransform):
    """The negative."""

    _v1_transform_cls = v1.RandomInvert

    def transform(self, inpt, params):
        return self._call_kernel(F.invert, inpt)


class RandomEqualize(RandomApplyTransform):
    """Each channel's histogram made flat."""

    _v1_transform_cls = v1.RandomEqualize

    def transform(self, inpt, params):
        return self._call_kernel(F.equalize, inpt)


class RandomAutocontrast(RandomApplyTransform):
    """Each channel stretched over the whole range."""

    _v1_transform_cls = v1.RandomAutocontrast

    def transform(self, inpt, params):
        return self._call_kernel(F.autocontrast, inpt)


class RandomPosterize(RandomApplyTransform):
    """Only ``bits`` bits of each value kept."""

    _v1_transform_cls = v1.RandomPosterize

    def __init__(self, bits, p=0.5):
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt, params):
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(RandomApplyTransform):
    """Values from ``threshold`` on inverted."""

    _v1_transform_cls = v1.RandomSolarize

    def __init__(self, threshold, p=0.5):
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt, params):
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAdjustSharpness(RandomApplyTransform):
    """Sharper (factor above 1) or smoother."""

    _v1_transform_cls = v1.RandomAdjustSharpness

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt, params):
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)


# ---- values


class GaussianBlur(Transform):
    """Blurred with a sigma from the range."""

    _v1_transform_cls = v1.GaussianBlur

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = _draws.check_kernel_size(kernel_size)
        self.sigma = numbers_of(sigma, "sigma", (1, 2))
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                f"sigma values should be positive and of the form (min, max). Got {self.sigma}"
            )

    def make_params(self, flat_inputs):
        sigma = _draws.uniform(*self.sigma)
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Normal noise added; in units of the full range for bytes too."""

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)


class JPEG(Transform):
    """Through JPEG of a quality from the range."""

    def __init__(self, quality):
        super().__init__()
        if isinstance(quality, int):
            quality = [quality, quality]
        else:
            _draws.check_pair(quality, "quality")
        if not (1 <= quality[0] <= quality[1] <= 100 and all(isinstance(q, int) for q in quality)):
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={quality}")
        self.quality = quality

    def make_params(self, flat_inputs):
        return {"quality": _draws.randint(self.quality[0], self.quality[1] + 1, ())}

    def transform(self, inpt, params):
        return self._call_kernel(F.jpeg, inpt, **params)


class Normalize(Transform):
    """(image - mean) / std, channel by channel."""

    _v1_transform_cls = v1.Normalize

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs):
        if has_any(flat_inputs, PIL):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt, params):
        return self._call_kernel(F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace)


class LinearTransformation(Transform):
    """(image as a row - mean_vector) @ transformation_matrix, as whitening does."""

    _v1_transform_cls = v1.LinearTransformation
    _transformed_types = (is_pure_tensor, Image, Video)

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        _draws.check_whitening(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    check_inputs = Normalize.check_inputs

    def transform(self, inpt, params):
        values = inpt if is_pure_tensor(inpt) else plain(inpt)
        whitened = v1.LinearTransformation.forward(self, values)
        return whitened if is_pure_tensor(inpt) else wrap(whitened, like=inpt)


class ConvertImageDtype(Transform):
    """Another dtype, the values of images and videos scaled to its range."""

    _v1_transform_cls = v1.ConvertImageDtype
    _transformed_types = (Tensor,)

    def __init__(self, dtype=cygrad.float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt, params):
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


class ToDtype(Transform):
    """Another dtype for images and videos, or one for each type; ``scale`` scales images and videos to its range."""

    _transformed_types = (Tensor,)

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, (dict, cygrad.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        if isinstance(dtype, dict) and Tensor in dtype and any(k in dtype for k in (Image, Video)):
            warnings.warn(
                "Got `dtype` values for `torch.Tensor` and either `tv_tensors.Image` or "
                "`tv_tensors.Video`. Note that a plain `torch.Tensor` will *not* be transformed by "
                "this (or any other transformation) in case a `tv_tensors.Image` or "
                "`tv_tensors.Video` is present in the input.",
                stacklevel=2,
            )
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt, params):
        picture = is_pure_tensor(inpt) or isinstance(inpt, (Image, Video))
        if isinstance(self.dtype, cygrad.dtype):
            if not picture:
                return inpt
            dtype = self.dtype
        elif type(inpt) in self.dtype:
            dtype = self.dtype[type(inpt)]
        elif "others" in self.dtype:
            dtype = self.dtype["others"]
        else:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}. If you only need to convert the dtype "
                "of images or videos, you can just pass e.g. dtype=torch.float32. If you're passing a "
                'dict as dtype, you can use "others" as a catch-all key e.g. dtype={tv_tensors.Mask: '
                'torch.int64, "others": None} to pass-through the rest of the inputs.'
            )
        if dtype is None:
            return inpt
        return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale and picture)


class ToTensor(Transform):
    """PIL images and arrays to float tensors in [0, 1]; deprecated for ToImage and ToDtype."""

    _transformed_types = (PIL, np.ndarray)

    def __init__(self):
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, "
            "please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`."
            "Output is equivalent up to float precision.",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt, params):
        return F.to_tensor(inpt)


class UniformTemporalSubsample(Transform):
    """``num_samples`` frames, evenly spaced."""

    def __init__(self, num_samples):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt, params):
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


class RandomErasing(RandomApplyTransform):
    """A rectangle overwritten by a value, one for each channel, or normal numbers."""

    _v1_transform_cls = v1.RandomErasing

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        super().__init__(p=p)
        _draws.check_erasing(value, scale, ratio)
        self.scale, self.ratio = scale, ratio
        if isinstance(value, numbers.Number):
            value = [float(value)]
        self.value = None if value == "random" else [float(v) for v in value]
        self.inplace = inplace

    def make_params(self, flat_inputs):
        channels, height, width = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{channels} (number of inpt channels)"
            )
        found = _draws.random_erasing_box(channels, height, width, self.scale, self.ratio, self.value)
        return {"found": found}

    def transform(self, inpt, params):
        if params["found"] is None:
            return inpt
        return self._call_kernel(F.erase, inpt, *params["found"], inplace=self.inplace)


# ---- mixing the samples of a batch


def _labels_among(flat_inputs, labels):
    """Which leaf the labels are."""
    for i, leaf in enumerate(flat_inputs):
        if leaf is labels:
            return i
    raise ValueError("labels_getter should return one of the inputs")


class _Mixing(Transform):
    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        from cygrad.distributions import Beta

        self.alpha = float(alpha)
        self._dist = Beta(cygrad.tensor([alpha]), cygrad.tensor([alpha]))
        self.num_classes = num_classes
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, build = tree_flatten(inputs)
        needs = self._needs_transform(flat)
        if has_any(flat, PIL, BoundingBoxes, Mask, KeyPoints):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        labels = self._labels_getter(inputs)
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape "
                f"(batch_size, num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        where = _labels_among(flat, labels)
        needs[where] = False
        params = self.make_params([leaf for leaf, needed in zip(flat, needs) if needed])
        params["batch"] = labels.shape[0]
        done = [self.transform(leaf, params) if needed else leaf for leaf, needed in zip(flat, needs)]
        done[where] = self._mixed_labels(labels, params["lam"])
        return build(done)

    def _mixed_labels(self, labels, lam):
        if labels.ndim == 1:
            labels = cygrad.nn.functional.one_hot(labels, num_classes=self.num_classes)
        if not labels.is_floating_point():
            labels = labels.float()
        return labels.roll(1, 0).mul_(1.0 - lam).add_(labels.mul(lam))

    def _batch(self, inpt, params):
        """A batch of pictures, checked, as a plain tensor; None for anything else."""
        if not isinstance(inpt, (Image, Video)) and not is_pure_tensor(inpt):
            return None
        expected = 5 if isinstance(inpt, Video) else 4
        if inpt.ndim != expected:
            raise ValueError(f"Expected a batched input with {expected} dims, but got {inpt.ndim} dimensions instead.")
        if inpt.shape[0] != params["batch"]:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{inpt.shape[0]} != {params['batch']}."
            )
        return inpt if is_pure_tensor(inpt) else plain(inpt)

    def transform(self, inpt, params):
        batch = self._batch(inpt, params)
        if batch is None:
            return inpt
        mixed = self._mixed(batch, batch.roll(1, 0), params)
        return mixed if is_pure_tensor(inpt) else wrap(mixed, like=inpt)


class MixUp(_Mixing):
    """Each picture and its labels mixed with the one before (Zhang et al., 2018)."""

    def make_params(self, flat_inputs):
        return {"lam": float(self._dist.sample(()))}

    def _mixed(self, batch, rolled, params):
        return rolled.mul_(1.0 - params["lam"]).add_(batch.mul(params["lam"]))


class CutMix(_Mixing):
    """A rectangle of each picture taken from the one before, the labels mixed by area (Yun et al., 2019)."""

    def make_params(self, flat_inputs):
        lam = float(self._dist.sample(()))
        height, width = query_size(flat_inputs)
        x, y = _draws.randint(0, width), _draws.randint(0, height)
        half = 0.5 * math.sqrt(1.0 - lam)
        half_width, half_height = int(half * width), int(half * height)
        x1, x2 = max(x - half_width, 0), min(x + half_width, width)
        y1, y2 = max(y - half_height, 0), min(y + half_height, height)
        return {"box": (x1, y1, x2, y2), "lam": float(1.0 - (x2 - x1) * (y2 - y1) / (width * height))}

    def _mixed(self, batch, rolled, params):
        x1, y1, x2, y2 = params["box"]
        mixed = batch.clone()
        mixed[..., y1:y2, x1:x2] = rolled[..., y1:y2, x1:x2]
        return mixed


# ---- boxes and points


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, format):
        super().__init__()
        self.format = format

    def transform(self, inpt, params):
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut at the edges of their canvas."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode="auto"):
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved to the nearest pixel of their canvas."""

    _transformed_types = (KeyPoints,)

    def transform(self, inpt, params):
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """What later transforms do to boxes that leave the canvas: "soft", "hard" or None."""

    _transformed_types = (BoundingBoxes,)

    def __init__(self, clamping_mode):
        super().__init__()
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return wrap(plain(inpt).clone(), like=inpt, clamping_mode=self.clamping_mode)


def _default_labels(inputs):
    """The second of two things if it is a tensor; else what a dict calls labels."""
    candidate = inputs[1] if isinstance(inputs, (tuple, list)) and len(inputs) > 1 else inputs
    if isinstance(candidate, Tensor) and candidate is not inputs:
        return candidate
    if not isinstance(candidate, dict):
        if is_pure_tensor(inputs):
            return inputs
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a "
            f"two-tuple whose second item is a dictionary or a tensor, but got {inputs} instead."
        )
    names = [key for key in candidate if isinstance(key, str) and "label" in key.lower()]
    exact = [key for key in names if key.lower() == "labels"]
    if not names:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the "
            "labels_getter parameter?If there are no labels in the sample by design, pass "
            "labels_getter=None."
        )
    return candidate[(exact or names)[0]]


def _no_labels(inputs):
    return None


def labels_getter_of(labels_getter):
    """The function that finds the labels in a sample."""
    if labels_getter == "default":
        return _default_labels
    if labels_getter is None:
        return _no_labels
    if callable(labels_getter):
        return labels_getter
    raise ValueError(f"labels_getter should either be 'default', a callable, or None, but got {labels_getter}.")


class _Sanitizing(Transform):
    """Removes what is not valid, and the labels with it."""

    _what = ""

    def _labels(self, inputs, count, shape):
        labels = self._labels_getter(inputs)
        if labels is None:
            return []
        several = labels if isinstance(labels, (tuple, list)) else (labels,)
        for label in several:
            if label is not None and not isinstance(label, Tensor):
                raise ValueError(
                    f"The labels in the input to forward() must be a tensor or None, got {type(label)} instead."
                )
            if isinstance(label, Tensor) and label.shape[0] != count:
                raise ValueError(
                    f"Number of {self._what} (shape={shape}) and must match the number of labels."
                    f"Found labels with shape={label.shape})."
                )
        return [id(label) for label in several]


class SanitizeBoundingBoxes(_Sanitizing):
    """Boxes that are too small or not inside of the image removed, with their labels and masks."""

    _what = "boxes"

    def __init__(self, min_size=1.0, min_area=1.0, labels_getter="default"):
        super().__init__()
        for name, value in (("min_size", min_size), ("min_area", min_area)):
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}.")
        self.min_size, self.min_area = min_size, min_area
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, build = tree_flatten(inputs)
        boxes = get_bounding_boxes(flat)
        count = boxes.shape[0]
        labels = self._labels(inputs, count, boxes.shape)
        kept_boxes, valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)

        def kept(leaf):
            if leaf is boxes:
                return kept_boxes
            if isinstance(leaf, Mask):
                mask = leaf.ndim == 3 and leaf.shape[0] == count
                return wrap(plain(leaf)[valid], like=leaf) if mask else leaf
            return leaf[valid] if id(leaf) in labels else leaf

        return build([kept(leaf) for leaf in flat])


class SanitizeKeyPoints(_Sanitizing):
    """Points, or groups of points, outside of the image removed, with their labels."""

    _what = "keypoints"

    def __init__(self, labels_getter=None):
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, build = tree_flatten(inputs)
        points = get_keypoints(flat)
        labels = self._labels(inputs, points.shape[0], points.shape)
        kept_points, valid = F.sanitize_keypoints(points)
        return build(
            [kept_points if leaf is points else leaf[valid] if id(leaf) in labels else leaf for leaf in flat]
        )


