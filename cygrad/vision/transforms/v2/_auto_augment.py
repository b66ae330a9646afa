"""Automatic augmentation of the one image of a sample, by the tables of v1."""

import cygrad
from cygrad import Tensor

from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video, plain, wrap
from .. import autoaugment as v1
from .._convert import max_value
from .._draws import randint
from ..autoaugment import AutoAugmentPolicy
from . import functional as F
from ._transform import (
    PIL,
    Transform,
    check_fill,
    check_type,
    fill_for,
    is_pure_tensor,
    tree_flatten,
)


class _Auto(Transform):
    _pictures = (Image, PIL, Video, is_pure_tensor)

    def __init__(self, *, interpolation="nearest", fill=None):
        super().__init__()
        self.interpolation, self.fill = interpolation, check_fill(fill)

    def forward(self, *inputs):
        flat, build = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        found = []
        for i, (leaf, needed) in enumerate(zip(flat, self._needs_transform(flat))):
            if needed and check_type(leaf, self._pictures):
                found.append(i)
            elif isinstance(leaf, (BoundingBoxes, KeyPoints, Mask)):
                raise TypeError(
                    f"Inputs of type {type(leaf).__name__} are not supported by {type(self).__name__}()"
                )
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise ValueError(
                "Auto augment transformations are only properly defined for a single image or video, but "
                f"found {len(found)}."
            )
        image = flat[found[0]]
        flat[found[0]] = self._augmented(image, *F.get_size(image))
        return build(flat)

    def _apply(self, image, name, magnitude):
        if name == "Solarize" and isinstance(image, Tensor):
            # The table's thresholds are those of bytes.
            magnitude = magnitude / 255 * max_value(image.dtype)
        return v1.augment(F, image, name, magnitude, self.interpolation, fill_for(self.fill, type(image)))

    @staticmethod
    def _signed(magnitude, signed):
        return -magnitude if signed and cygrad.rand(()).item() <= 0.5 else magnitude

    def _drawn(self, image, operations, index):
        """One drawn operation, its magnitude by ``index``, its sign drawn."""
        name = list(operations)[randint(0, len(operations), ())]
        magnitudes, signed = operations[name]
        magnitude = 0.0 if magnitudes is None else magnitudes[index()].item()
        return self._apply(image, name, self._signed(magnitude, signed))


class AutoAugment(_Auto):
    """Two steps of a learned policy (Cubuk et al., 2019)."""

    _v1_transform_cls = v1.AutoAugment

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        self.policy, self._policies = policy, v1.policies(policy)

    def _augmented(self, image, height, width):
        operations = v1.auto_space(10, height, width)
        for name, p, level in self._policies[randint(0, len(self._policies), ())]:
            if cygrad.rand(()).item() <= p:
                magnitudes, signed = operations[name]
                magnitude = 0.0 if level is None else magnitudes[level].item()
                image = self._apply(image, name, self._signed(magnitude, signed))
        return image


class RandAugment(_Auto):
    """``num_ops`` operations of one magnitude (Cubuk et al., 2020)."""

    _v1_transform_cls = v1.RandAugment

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def _augmented(self, image, height, width):
        operations = v1.rand_space(self.num_magnitude_bins, height, width)
        for _ in range(self.num_ops):
            image = self._drawn(image, operations, lambda: self.magnitude)
        return image


class TrivialAugmentWide(_Auto):
    """One operation of a random magnitude (Mueller and Hutter, 2021)."""

    _v1_transform_cls = v1.TrivialAugmentWide

    def __init__(self, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, image, height, width):
        bins = self.num_magnitude_bins
        return self._drawn(image, v1.trivial_space(bins), lambda: randint(0, bins, ()))


class AugMix(_Auto):
    """Several chains of operations, mixed with the image (Hendrycks et al., 2020)."""

    _v1_transform_cls = v1.AugMix

    def __init__(self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True, interpolation="bilinear",
                 fill=None):  # fmt: skip
        super().__init__(interpolation=interpolation, fill=fill)
        v1.check_severity(severity)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def _augmented(self, image, height, width):
        tensor = F.pil_to_tensor(image) if isinstance(image, PIL) else image if is_pure_tensor(image) else plain(image)
        operations = v1.mix_space(10, height, width, self.all_ops)
        share = v1.dirichlet(self.alpha, 2)
        weights = (v1.dirichlet(self.alpha, self.mixture_width) * share[:, 1:])[0].tolist()
        mixed = share[0, 0].item() * tensor
        for weight in weights:
            depth = self.chain_depth if self.chain_depth > 0 else randint(1, 4)
            chain = tensor
            for _ in range(depth):
                chain = self._drawn(chain, operations, lambda: randint(0, self.severity, ()))
            mixed = mixed + weight * chain
        mixed = mixed.to(tensor.dtype)
        if isinstance(image, PIL):
            return F.to_pil_image(mixed, mode=image.mode)
        return mixed if is_pure_tensor(image) else wrap(mixed, like=image)
