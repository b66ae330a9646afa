"""Automatic augmentation: AutoAugment, RandAugment, TrivialAugmentWide and AugMix; v2 takes its tables from here."""

import math
from enum import Enum

import cygrad
from cygrad import Tensor

from . import functional as F
from .functional import InterpolationMode
from .transforms import _Transform, randint

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


class AutoAugmentPolicy(Enum):
    """The data set that an AutoAugment policy was learned on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Cubuk et al., AutoAugment (2019), appendix: pairs of operation, probability and, where it has one, magnitude of 0...9.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8, Rotate 0.6 9; Solarize 0.6 5, AutoContrast 0.6; Equalize 0.8, Equalize 0.6;
        Posterize 0.6 6, Posterize 0.6 6; Equalize 0.4, Solarize 0.2 4; Equalize 0.4, Rotate 0.8 8;
        Solarize 0.6 3, Equalize 0.6; Posterize 0.8 4, Equalize 1; Rotate 0.2 3, Solarize 0.6 8;
        Equalize 0.6, Posterize 0.4 6; Rotate 0.8 8, Color 0.4 0; Rotate 0.4 9, Equalize 0.6;
        Equalize 0, Equalize 0.8; Invert 0.6, Equalize 1; Color 0.6 4, Contrast 1 8; Rotate 0.8 8, Color 1 2;
        Color 0.8 8, Solarize 0.8 7; Sharpness 0.4 7, Invert 0.6; ShearX 0.6 5, Equalize 1;
        Color 0.4 0, Equalize 0.6; Equalize 0.4, Solarize 0.2 4; Solarize 0.6 5, AutoContrast 0.6;
        Invert 0.6, Equalize 1; Color 0.6 4, Contrast 1 8; Equalize 0.8, Equalize 0.6""",
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1, Contrast 0.2 6; Rotate 0.7 2, TranslateX 0.3 9; Sharpness 0.8 1, Sharpness 0.9 3;
        ShearY 0.5 8, TranslateY 0.7 9; AutoContrast 0.5, Equalize 0.9; ShearY 0.2 7, Posterize 0.3 6;
        Color 0.4 3, Brightness 0.6 7; Sharpness 0.3 9, Brightness 0.7 9; Equalize 0.6, Equalize 0.5;
        Contrast 0.6 7, Sharpness 0.6 5; Color 0.7 7, TranslateX 0.5 8; Equalize 0.3, AutoContrast 0.4;
        TranslateY 0.4 3, Sharpness 0.2 6; Brightness 0.9 6, Color 0.2 8; Solarize 0.5 2, Invert 0;
        Equalize 0.2, AutoContrast 0.6; Equalize 0.2, Equalize 0.6; Color 0.9 9, Equalize 0.6;
        AutoContrast 0.8, Solarize 0.2 8; Brightness 0.1 3, Color 0.7 0; Solarize 0.4 5, AutoContrast 0.9;
        TranslateY 0.9 9, TranslateY 0.7 9; AutoContrast 0.9, Solarize 0.8 3; Equalize 0.8, Invert 0.1;
        TranslateY 0.7 9, AutoContrast 0.9""",
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4, Invert 0.2; ShearY 0.9 8, Invert 0.7; Equalize 0.6, Solarize 0.6 6;
        Invert 0.9, Equalize 0.6; Equalize 0.6, Rotate 0.9 3; ShearX 0.9 4, AutoContrast 0.8;
        ShearY 0.9 8, Invert 0.4; ShearY 0.9 5, Solarize 0.2 6; Invert 0.9, AutoContrast 0.8;
        Equalize 0.6, Rotate 0.9 3; ShearX 0.9 4, Solarize 0.3 3; ShearY 0.8 8, Invert 0.7;
        Equalize 0.9, TranslateY 0.6 6; Invert 0.9, Equalize 0.6; Contrast 0.3 3, Rotate 0.8 4;
        Invert 0.8, TranslateY 0 2; ShearY 0.7 6, Solarize 0.4 8; Invert 0.6, Rotate 0.8 4;
        ShearY 0.3 7, TranslateX 0.9 3; ShearX 0.1 6, Invert 0.6; Solarize 0.7 2, TranslateY 0.6 7;
        ShearY 0.8 4, Invert 0.8; ShearX 0.7 9, TranslateY 0.8 3; ShearY 0.8 5, AutoContrast 0.7;
        ShearX 0.7 2, Invert 0.1""",
}


def _policy(text):
    """[((operation, probability, magnitude or None), twice), ...]"""
    pairs = []
    for row in text.split(";"):
        steps = [step.split() for step in row.split(",")]
        pairs.append(tuple((s[0], float(s[1]), int(s[2]) if s[2:] else None) for s in steps))
    return pairs


def policies(policy):
    """The 25 pairs of steps of a policy."""
    if policy not in _POLICIES:
        raise ValueError(f"The provided policy {policy} is not recognized.")
    return _policy(_POLICIES[policy])


_ENHANCED = ("Brightness", "Color", "Contrast", "Sharpness")


def space(bins, shear=0.3, shift=(1.0, 1.0), rotate=30.0, enhance=0.9, posterize=(8, 4), invert=True, identity=True):
    """{operation: (its magnitudes or None, whether the sign is drawn)}, in the order that they are drawn in."""
    magnitudes = {} if not identity else {"Identity": (None, False)}
    magnitudes |= {name: (cygrad.linspace(0.0, shear, bins), True) for name in ("ShearX", "ShearY")}
    magnitudes |= {
        f"Translate{axis}": (cygrad.linspace(0.0, reach, bins), True) for axis, reach in zip("XY", shift)
    }
    magnitudes["Rotate"] = (cygrad.linspace(0.0, rotate, bins), True)
    magnitudes |= {name: (cygrad.linspace(0.0, enhance, bins), True) for name in _ENHANCED}
    most, lost = posterize
    bits = most - (cygrad.arange(bins) / ((bins - 1) / lost)).round().int()
    magnitudes["Posterize"] = (bits, False)
    magnitudes["Solarize"] = (cygrad.linspace(255.0, 0.0, bins), False)
    magnitudes["AutoContrast"] = magnitudes["Equalize"] = (None, False)
    if invert:
        magnitudes["Invert"] = (None, False)
    return magnitudes


def auto_space(bins, height, width):
    """AutoAugment's; the shifts are those of pictures 331 pixels wide."""
    return space(bins, shift=(150.0 / 331.0 * width, 150.0 / 331.0 * height), identity=False)


def rand_space(bins, height, width):
    """RandAugment's."""
    return space(bins, shift=(150.0 / 331.0 * width, 150.0 / 331.0 * height), invert=False)


def trivial_space(bins):
    """TrivialAugmentWide's."""
    return space(
        bins, shear=0.99, shift=(32.0, 32.0), rotate=135.0, enhance=0.99, posterize=(8, 6),
        invert=False,
    )  # fmt: skip


def mix_space(bins, height, width, all_ops):
    """AugMix's: without `all_ops`, nothing that its test set does."""
    all_of_them = space(
        bins, shift=(width / 3.0, height / 3.0), posterize=(4, 4), invert=False, identity=False
    )
    early = {name: v for name, v in all_of_them.items() if name not in _ENHANCED}
    return early | ({name: all_of_them[name] for name in _ENHANCED} if all_ops else {})


def augment(functions, img, name, magnitude, interpolation, fill):
    """One operation, by the functions of v1 or v2."""

    def affine(translate=(0, 0), shear=(0.0, 0.0), center=None):
        return functions.affine(
            img, angle=0.0, translate=list(translate), scale=1.0, shear=list(shear),
            interpolation=interpolation, fill=fill, center=center,
        )  # fmt: skip

    # A shear is given as a slope, and moves everything but the top left corner.
    slope = math.degrees(math.atan(magnitude)) if name.startswith("Shear") else 0.0
    match name:
        case "ShearX":
            return affine(shear=[slope, 0.0], center=[0, 0])
        case "ShearY":
            return affine(shear=[0.0, slope], center=[0, 0])
        case "TranslateX":
            return affine(translate=[int(magnitude), 0])
        case "TranslateY":
            return affine(translate=[0, int(magnitude)])
        case "Rotate":
            return functions.rotate(img, magnitude, interpolation=interpolation, fill=fill)
        case "Brightness":
            return functions.adjust_brightness(img, 1.0 + magnitude)
        case "Color":
            return functions.adjust_saturation(img, 1.0 + magnitude)
        case "Contrast":
            return functions.adjust_contrast(img, 1.0 + magnitude)
        case "Sharpness":
            return functions.adjust_sharpness(img, 1.0 + magnitude)
        case "Posterize":
            return functions.posterize(img, int(magnitude))
        case "Solarize":
            return functions.solarize(img, magnitude)
        case "AutoContrast":
            return functions.autocontrast(img)
        case "Equalize":
            return functions.equalize(img)
        case "Invert":
            return functions.invert(img)
        case "Identity":
            return img
    raise ValueError(f"The provided operator {name} is not recognized.")


class _Auto(_Transform):
    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation, self.fill = interpolation, fill

    def _filled(self, img):
        """The fill, for tensors one float for each channel."""
        if not isinstance(img, Tensor) or self.fill is None:
            return self.fill
        if isinstance(self.fill, (int, float)):
            return [float(self.fill)] * F.get_image_num_channels(img)
        return [float(f) for f in self.fill]

    def _drawn(self, img, operations, index, fill):
        """One drawn operation, its magnitude by ``index(magnitudes)``, its sign drawn."""
        names = list(operations)
        name = names[randint(0, len(names))]
        magnitudes, signed = operations[name]
        magnitude = 0.0 if magnitudes is None else magnitudes[index()].item()
        if signed and randint(0, 2):
            magnitude = -magnitude
        return augment(F, img, name, magnitude, self.interpolation, fill)


class AutoAugment(_Auto):
    """Two steps of a learned policy (Cubuk et al., 2019)."""

    _shown = "policy={0.policy}, fill={0.fill}"

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.policy, self.policies = policy, policies(policy)

    @staticmethod
    def get_params(transform_num):
        """Which policy, and for its two steps the draws against their probabilities, and their signs."""
        policy_id = randint(0, transform_num)
        return policy_id, cygrad.rand((2,)), cygrad.randint(2, (2,))

    def forward(self, img):
        fill = self._filled(img)
        which, chances, signs = self.get_params(len(self.policies))
        _, height, width = F.get_dimensions(img)
        operations = auto_space(10, height, width)
        for i, (name, p, level) in enumerate(self.policies[which]):
            if chances[i] <= p:
                magnitudes, signed = operations[name]
                magnitude = 0.0 if level is None else magnitudes[level].item()
                if signed and signs[i] == 0:
                    magnitude = -magnitude
                img = augment(F, img, name, magnitude, self.interpolation, fill)
        return img


class RandAugment(_Auto):
    """``num_ops`` operations of one magnitude (Cubuk et al., 2020)."""

    _shown = (
        "num_ops={0.num_ops}, magnitude={0.magnitude}, num_magnitude_bins={0.num_magnitude_bins}, "
        "interpolation={0.interpolation}, fill={0.fill}"
    )

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31,
                 interpolation=InterpolationMode.NEAREST, fill=None):  # fmt: skip
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def forward(self, img):
        fill = self._filled(img)
        _, height, width = F.get_dimensions(img)
        for _ in range(self.num_ops):
            operations = rand_space(self.num_magnitude_bins, height, width)
            img = self._drawn(img, operations, lambda: self.magnitude, fill)
        return img


class TrivialAugmentWide(_Auto):
    """One operation of a random magnitude (Mueller and Hutter, 2021)."""

    _shown = (
        "num_magnitude_bins={0.num_magnitude_bins}, interpolation={0.interpolation}, "
        "fill={0.fill}"
    )

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        bins = self.num_magnitude_bins
        F.get_dimensions(img)
        return self._drawn(img, trivial_space(bins), lambda: randint(0, bins), self._filled(img))


def dirichlet(alpha, count):
    """One draw (1, count) from the symmetric Dirichlet distribution."""
    from cygrad.distributions import Dirichlet

    return Dirichlet(cygrad.tensor([[float(alpha)] * count])).sample()


def check_severity(severity):
    if not 1 <= severity <= 10:
        raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")


class AugMix(_Auto):
    """Several chains of operations, mixed with the image (Hendrycks et al., 2020)."""

    _shown = (
        "severity={0.severity}, mixture_width={0.mixture_width}, chain_depth={0.chain_depth}, "
        "alpha={0.alpha}, all_ops={0.all_ops}, interpolation={0.interpolation}, fill={0.fill}"
    )

    def __init__(self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
                 interpolation=InterpolationMode.BILINEAR, fill=None):  # fmt: skip
        super().__init__(interpolation, fill)
        check_severity(severity)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def forward(self, orig_img):
        _, height, width = F.get_dimensions(orig_img)
        tensor = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        fill = self._filled(tensor)
        operations = mix_space(10, height, width, self.all_ops)
        share = dirichlet(self.alpha, 2)
        weights = (dirichlet(self.alpha, self.mixture_width) * share[:, 1:])[0].tolist()
        mixed = share[0, 0].item() * tensor
        for weight in weights:
            depth = self.chain_depth if self.chain_depth > 0 else randint(1, 4)
            chain = tensor
            for _ in range(depth):
                chain = self._drawn(chain, operations, lambda: randint(0, self.severity), fill)
            mixed = mixed + weight * chain
        mixed = mixed.to(tensor.dtype)
        return mixed if isinstance(orig_img, Tensor) else F.to_pil_image(mixed, mode=orig_img.mode)
