"""What the transforms of v2 share: samples are taken apart, transformed leaf by leaf, and put together again."""

import enum
import numbers
from collections import OrderedDict, defaultdict
from collections.abc import Sequence

import numpy as np
from PIL import Image as _PILImage

import cygrad
from cygrad import Tensor, nn

from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video, plain
from . import functional as F
from .functional import is_pure_tensor

PIL = _PILImage.Image


# ---- nested samples


def tree_flatten(tree):
    """The leaves of nested dicts, lists and tuples, and a function that builds such a thing from others."""
    if isinstance(tree, (dict, list, tuple)):
        mapping = isinstance(tree, dict)
        parts = [tree_flatten(part) for part in (tree.values() if mapping else tree)]
        counts = [len(leaves) for leaves, _ in parts]

        def build(leaves):
            start, built = 0, []
            for (_, build_part), count in zip(parts, counts):
                built.append(build_part(leaves[start : start + count]))
                start += count
            if not mapping:
                return type(tree)(*built) if hasattr(tree, "_fields") else type(tree)(built)
            items = zip(tree, built)
            if isinstance(tree, defaultdict):
                return defaultdict(tree.default_factory, items)
            return OrderedDict(items) if isinstance(tree, OrderedDict) else dict(items)

        return [leaf for leaves, _ in parts for leaf in leaves], build
    return [tree], lambda leaves: leaves[0]


def check_type(obj, types_or_checks):
    """Whether ``obj`` is of one of the types, or passes one of the functions."""
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs, *types_or_checks):
    """Whether some leaf passes `check_type`."""
    return any(check_type(leaf, types_or_checks) for leaf in flat_inputs)


def has_all(flat_inputs, *types_or_checks):
    """Whether for each type or function there is a leaf."""
    return all(has_any(flat_inputs, t) for t in types_or_checks)


def _only(flat_inputs, kind, what):
    for leaf in flat_inputs:
        if isinstance(leaf, kind):
            return leaf
    raise ValueError(f"No {what} were found in the sample")


def get_bounding_boxes(flat_inputs):
    """The boxes of a sample."""
    return _only(flat_inputs, BoundingBoxes, "bounding boxes")


def get_keypoints(flat_inputs):
    """The points of a sample."""
    return _only(flat_inputs, KeyPoints, "keypoints")


def _the_one(sizes, missing, what):
    if not sizes:
        raise TypeError(f"No {missing} was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple {what} dimensions in the sample: {repr(sorted(map(str, sizes)))[1:-1]}")
    return sizes.pop()


def query_chw(flat_inputs):
    """(channels, height, width) of the images of a sample."""
    sizes = {
        tuple(F.get_dimensions(leaf))
        for leaf in flat_inputs
        if check_type(leaf, (is_pure_tensor, Image, PIL, Video))
    }
    return _the_one(sizes, "image or video", "CxHxW")


def query_size(flat_inputs):
    """(height, width) of everything in a sample."""
    sizes = set()
    for leaf in flat_inputs:
        if check_type(leaf, (is_pure_tensor, Image, PIL, Video, Mask, BoundingBoxes, KeyPoints)):
            if isinstance(leaf, Tensor) and not isinstance(leaf, (BoundingBoxes, KeyPoints)) and leaf.ndim < 2:
                raise TypeError(
                    f"Input tensor should have at least two dimensions, but got {leaf.ndim}"
                )
            sizes.add(tuple(F.get_size(leaf)))
    return _the_one(sizes, "image, video, mask, bounding box of keypoint", "HxW")


# ---- arguments


def check_fill(fill):
    """A number, a sequence, or a dict of types to these."""
    if not isinstance(fill, (numbers.Number, tuple, list, dict, type(None))) or isinstance(fill, str):
        raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return fill


def fill_for(fill, kind):
    """What ``fill`` says for a type."""
    if not isinstance(fill, dict):
        return fill
    return fill[kind] if kind in fill else fill.get("others")


def numbers_of(value, name, counts=(2,), single=True):
    """A list of floats from a number (twice) or a sequence."""
    if isinstance(value, numbers.Number):
        return [float(value)] * 2
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} should be a sequence of numbers. Got {type(value)}")
    if len(value) not in counts:
        text = " or ".join(map(str, counts))
        raise ValueError(f"If {name} is a sequence its length should be {text}. Got {len(value)}")
    return [float(v) for v in value] * (2 // len(value))


# ---- the base


class Transform(nn.Module):
    """A transform of samples: tensors, tv_tensors, PIL images, and dicts, lists and tuples of them.

    Override `transform` (one leaf and the parameters), `make_params` (drawn once for the sample) and
    `check_inputs`. Of several plain tensors only the first is an image, and none is where there is an
    Image, a Video or a PIL image.
    """

    _transformed_types = (Tensor, PIL)
    _v1_transform_cls = None

    def __init__(self):
        super().__init__()

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        if cls._v1_transform_cls is not None and hasattr(cls._v1_transform_cls, "get_params"):
            cls.get_params = staticmethod(cls._v1_transform_cls.get_params)

    def check_inputs(self, flat_inputs):
        """Raises where the sample cannot be transformed."""

    def make_params(self, flat_inputs):
        """What `transform` needs to know, the same for the whole sample."""
        return {}

    def transform(self, inpt, params):
        """One leaf, transformed."""
        raise NotImplementedError

    def _call_kernel(self, functional, inpt, *args, **kw):
        """The function's kernel for ``inpt``; what has none stays as it is."""
        kernel = F.kernel_for(functional, type(inpt), passthrough=True)
        return inpt if kernel is None else kernel(inpt, *args, **kw)

    def _needs_transform(self, flat_inputs):
        pure = not has_any(flat_inputs, Image, Video, PIL)
        needs = []
        for leaf in flat_inputs:
            wanted = check_type(leaf, self._transformed_types)
            if wanted and is_pure_tensor(leaf):
                wanted, pure = pure, False
            needs.append(wanted)
        return needs

    def forward(self, *inputs):
        flat, build = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        if self._stays(flat):
            return inputs if len(inputs) > 1 else inputs[0]
        needs = self._needs_transform(flat)
        params = self.make_params([leaf for leaf, needed in zip(flat, needs) if needed])
        return build([self.transform(leaf, params) if needed else leaf for leaf, needed in zip(flat, needs)])

    def _stays(self, flat_inputs):
        """Whether the sample is passed on as it is."""
        return False

    def extra_repr(self):
        kinds = (bool, int, float, str, tuple, list, enum.Enum)
        return ", ".join(
            f"{name}={value}"
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, kinds)
        )


class RandomApplyTransform(Transform):
    """Transforms with probability ``p``."""

    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def _stays(self, flat_inputs):
        return cygrad.rand(1).item() >= self.p


# ---- containers


class _Container(Transform):
    def __init__(self, transforms):
        super().__init__()
        if not isinstance(transforms, (Sequence, nn.ModuleList)):
            raise TypeError(f"Argument transforms should be a sequence of callables{self._also}")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    _also = ""


class Compose(_Container):
    """One transform after another."""

    def forward(self, *inputs):
        several = len(inputs) > 1
        for t in self.transforms:
            outputs = t(*inputs)
            inputs = outputs if several else (outputs,)
        return outputs

    def extra_repr(self):
        return "\n".join(f"    {t}" for t in self.transforms)


class RandomApply(_Container):
    """All of the transforms with probability ``p``, or none."""

    _also = " or a `nn.ModuleList`"

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs):
        several = len(inputs) > 1
        outputs = inputs if several else inputs[0]
        if cygrad.rand(1).item() >= self.p:
            return outputs
        for t in self.transforms:
            outputs = t(*inputs)
            inputs = outputs if several else (outputs,)
        return outputs

    extra_repr = Compose.extra_repr


class RandomChoice(_Container):
    """One of the transforms, with weights ``p``."""

    def __init__(self, transforms, p=None):
        if p is None and isinstance(transforms, Sequence):
            p = [1] * len(transforms)
        elif isinstance(transforms, Sequence) and len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        super().__init__(transforms)
        self.p = [weight / sum(p) for weight in p]

    def forward(self, *inputs):
        which = int(cygrad.multinomial(cygrad.tensor(self.p), 1).item())
        return self.transforms[which](*inputs)


class RandomOrder(_Container):
    """All of the transforms, in random order."""

    def forward(self, *inputs):
        several = len(inputs) > 1
        for i in cygrad.randperm(len(self.transforms)).tolist():
            outputs = self.transforms[i](*inputs)
            inputs = outputs if several else (outputs,)
        return outputs


# ---- types


class Identity(Transform):
    """The sample as it is."""

    def transform(self, inpt, params):
        return inpt


class Lambda(Transform):
    """A function as a transform, of the leaves of given types."""

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd, self.types = lambd, types or (object,)
        self._transformed_types = self.types

    def transform(self, inpt, params):
        return self.lambd(inpt)

    def extra_repr(self):
        name = getattr(self.lambd, "__name__", "")
        types = f"types={[t.__name__ for t in self.types]}"
        return f"{name}, {types}" if name else types


class PILToTensor(Transform):
    """PIL images to tensors (C, H, W) of the same values."""

    _transformed_types = (PIL,)

    def transform(self, inpt, params):
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """Tensors, arrays (H, W, C) and PIL images to tv_tensors.Image of the same values."""

    _transformed_types = (is_pure_tensor, PIL, np.ndarray)

    def transform(self, inpt, params):
        return F.to_image(inpt)


class ToPILImage(Transform):
    """Tensors (C, H, W) and arrays (H, W, C) to PIL images."""

    _transformed_types = (is_pure_tensor, Image, np.ndarray)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt, params):
        return F.to_pil_image(plain(inpt) if isinstance(inpt, Image) else inpt, mode=self.mode)


class ToPureTensor(Transform):
    """tv_tensors to plain tensors."""

    _transformed_types = (Image, Video, Mask, BoundingBoxes, KeyPoints)

    def transform(self, inpt, params):
        return plain(inpt)
