"""What a detector does to its images before, and to its boxes after."""

import math

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from .image_list import ImageList


def resize_boxes(boxes, original_size, new_size):
    """Boxes (N, 4) of (x1, y1, x2, y2) scaled from an image of one size (height, width) to another."""
    ratios = [
        cygrad.tensor(new, dtype=cygrad.float32, device=boxes.device)
        / cygrad.tensor(old, dtype=cygrad.float32, device=boxes.device)
        for new, old in zip(new_size, original_size)
    ]
    ratio_height, ratio_width = ratios
    return boxes * cygrad.stack((ratio_width, ratio_height, ratio_width, ratio_height))


class GeneralizedRCNNTransform(nn.Module):
    """Normalises, resizes, and pads to one batch; `postprocess` takes the results back to the images' sizes.

    The shorter side becomes ``min_size`` (in training one of them at random), unless the longer would exceed
    ``max_size``; ``fixed_size`` (width, height) is used as it is.
    """

    def __init__(
        self,
        min_size,
        max_size,
        image_mean,
        image_std,
        size_divisible=32,
        fixed_size=None,
        **kwargs,
    ):
        super().__init__()
        self.min_size = tuple(min_size) if isinstance(min_size, (list, tuple)) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(self, images, targets=None):
        images = list(images)
        targets = None if targets is None else [dict(target) for target in targets]
        for i, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    f"images is expected to be a list of 3d tensors of shape [C, H, W], got {image.shape}"
                )
            target = None if targets is None else targets[i]
            images[i], target = self.resize(self.normalize(image), target)
            if targets is not None:
                targets[i] = target
        sizes = [tuple(image.shape[-2:]) for image in images]
        return ImageList(self.batch_images(images, self.size_divisible), sizes), targets

    def normalize(self, image):
        if not image.is_floating_point():
            raise TypeError(
                "Expected input images to be of floating type (in range [0, 1]), but found type "
                f"{image.dtype} instead"
            )
        mean, std = (
            cygrad.as_tensor(values, dtype=image.dtype, device=image.device)[:, None, None]
            for values in (self.image_mean, self.image_std)
        )
        return (image - mean) / std

    def torch_choice(self, k):
        """One of `k`, by torch's generator."""
        return k[int(cygrad.empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(self, image, target=None):
        old = image.shape[-2:]
        if self.training and self._skip_resize:
            return image, target
        size = float(self.torch_choice(self.min_size) if self.training else self.min_size[-1])
        if self.fixed_size is not None:
            how = {"size": (self.fixed_size[1], self.fixed_size[0])}
        else:
            scale = min(size / min(old), self.max_size / max(old))
            how = {"scale_factor": scale, "recompute_scale_factor": True}
        image = F.interpolate(image[None], mode="bilinear", align_corners=False, **how)[0]
        if target is None:
            return image, target
        target["boxes"] = resize_boxes(target["boxes"], old, image.shape[-2:])
        if "masks" in target:
            masks = F.interpolate(target["masks"][:, None].float(), **how)[:, 0]
            target["masks"] = masks.byte()
        return image, target

    def batch_images(self, images, size_divisible=32):
        """Images of several sizes, padded with zeros to the largest, as one tensor."""
        channels, height, width = (max(image.shape[i] for image in images) for i in range(3))
        height, width = (
            int(math.ceil(size / size_divisible) * size_divisible) for size in (height, width)
        )
        batch = images[0].new_zeros((len(images), channels, height, width))
        for place, image in zip(batch, images):
            place[: image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        return batch

    def postprocess(self, result, image_shapes, original_image_sizes):
        if self.training:
            return result
        for found, size, original in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], size, original)
            if "masks" in found:
                from .roi_heads import paste_masks_in_image

                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], original)
        return result

    def __repr__(self):
        indent = "\n    "
        return (
            f"{type(self).__name__}({indent}Normalize(mean={self.image_mean}, std={self.image_std})"
            f"{indent}Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )
