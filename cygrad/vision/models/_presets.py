"""What the publishers of weights do to an image before the model sees it."""

import cygrad
from cygrad import Tensor, nn


def _functional():
    from ..transforms import functional  # not before it is needed: the models stand without it

    return functional


class _Preset(nn.Module):
    """Resize, cut if `crop_size` is given, make it floats in [0, 1], normalise."""

    crop_size = None

    def __init__(self, resize_size, mean, std, interpolation, antialias):
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation or _functional().InterpolationMode.BILINEAR
        self.antialias = antialias

    def forward(self, img):
        F = _functional()
        if self.resize_size is not None:
            img = F.resize(
                img,
                self.resize_size,
                interpolation=self.interpolation,
                antialias=self.antialias,
            )
        if self.crop_size is not None:
            img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        img = F.convert_image_dtype(img, dtype=cygrad.float)
        return F.normalize(img, mean=self.mean, std=self.std)

    def __repr__(self):
        lines = [type(self).__name__ + "("]
        if self.crop_size is not None:
            lines.append(f"    crop_size={self.crop_size}")
        lines += [
            f"    resize_size={self.resize_size}",
            f"    mean={self.mean}",
            f"    std={self.std}",
            f"    interpolation={self.interpolation}",
            ")",
        ]
        return "\n".join(lines)

    def describe(self):
        crop = (
            ""
            if self.crop_size is None
            else f", followed by a central crop of ``crop_size={self.crop_size}``"
        )
        return (
            "Accepts ``PIL.Image``, batched ``(B, C, H, W)`` and single ``(C, H, W)`` image ``torch.Tensor`` objects. "
            f"The images are resized to ``resize_size={self.resize_size}`` using "
            f"``interpolation={self.interpolation}``{crop}. Finally the values are first rescaled to ``[0.0, 1.0]`` "
            f"and then normalized using ``mean={self.mean}`` and ``std={self.std}``."
        )


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's images


class ImageClassification(_Preset):
    """Resizes the shorter side to ``resize_size`` and cuts out the middle square of ``crop_size``."""

    def __init__(
        self,
        *,
        crop_size,
        resize_size=256,
        mean=_MEAN,
        std=_STD,
        interpolation=None,
        antialias=True,
    ):
        super().__init__(resize_size, mean, std, interpolation, antialias)
        self.crop_size = [crop_size]


class SemanticSegmentation(_Preset):
    """Resizes the shorter side to ``resize_size``, or leaves the size where that is None."""

    def __init__(self, *, resize_size, mean=_MEAN, std=_STD, interpolation=None, antialias=True):
        super().__init__(resize_size, mean, std, interpolation, antialias)


class ObjectDetection(nn.Module):
    """Only makes the image a tensor of floats in [0, 1]: detectors resize by themselves."""

    def forward(self, img):
        F = _functional()
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.convert_image_dtype(img, cygrad.float)

    def __repr__(self):
        return type(self).__name__ + "()"

    def describe(self):
        return (
            "Accepts ``PIL.Image``, batched ``(B, C, H, W)`` and single ``(C, H, W)`` image ``torch.Tensor`` objects. "
            "The images are rescaled to ``[0.0, 1.0]``."
        )
