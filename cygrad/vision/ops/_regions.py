"""Parts of feature maps, cut out by boxes and brought to one size."""

import cygrad
from cygrad import nn
from cygrad.nn import functional as F

from .boxes import box_area
from .misc import Conv2dNormActivation


def _pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def _with_index(boxes):
    """Boxes (K, 5) with the image's index in front, from these or from a list of (L, 4), one for each image."""
    if isinstance(boxes, (list, tuple)):
        for each in boxes:
            if each.size(1) != 4:
                raise AssertionError(
                    "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]"
                )
        return cygrad.cat(
            [
                cygrad.cat([each.new_full((len(each), 1), i), each], 1)
                for i, each in enumerate(boxes)
            ]
        )
    if not isinstance(boxes, cygrad.Tensor):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    if boxes.size(1) != 5:
        raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes


def _interpolated(image, y, x):
    """`image` (C, H, W) at the points y (P,), x (Q,) bilinearly, as (C, P, Q); 0 beyond one pixel outside."""
    height, width = image.shape[1:]

    def weights(at, size):
        inside = ((at >= -1) & (at <= size)).to(image.dtype)
        at = at.clamp(min=0)
        low = at.floor().long().clamp(max=size - 1)
        high = (low + 1).clamp(max=size - 1)
        part = cygrad.where(low >= size - 1, cygrad.zeros_like(at), at - low)
        return low, high, (1 - part) * inside, part * inside

    y0, y1, wy0, wy1 = weights(y, height)
    x0, x1, wx0, wx1 = weights(x, width)
    rows = image[:, y0] * wy0[:, None] + image[:, y1] * wy1[:, None]
    return rows[:, :, x0] * wx0 + rows[:, :, x1] * wx1


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Means of bilinear samples in a grid over each box (He et al., "Mask R-CNN", 2017), as (K, C, *output_size).

    ``input`` is (N, C, H, W); ``boxes`` (K, 5) of (image, x1, y1, x2, y2), or a list of (L, 4) for each image, in
    coordinates that times ``spatial_scale`` are those of the input.  ``sampling_ratio`` squared samples count in each
    cell; where it is not positive, about as many as there are pixels.  ``aligned`` shifts the boxes by half a pixel.
    """
    rois = _with_index(boxes).to(input.dtype)
    rows, columns = _pair(output_size)
    offset = 0.5 if aligned else 0.0
    results = []
    for index, *box in rois.tolist():
        x1, y1, x2, y2 = (value * spatial_scale - offset for value in box)
        height, width = y2 - y1, x2 - x1
        if not aligned:
            height, width = max(height, 1.0), max(width, 1.0)

        def points(start, length, cells):
            count = sampling_ratio if sampling_ratio > 0 else max(-int(-(length / cells) // 1), 0)
            steps = cygrad.arange(cells * count, dtype=input.dtype, device=input.device) + 0.5
            return start + steps * (length / cells / max(count, 1)), count

        y, per_row = points(y1, height, rows)
        x, per_column = points(x1, width, columns)
        image = input[int(index)]
        if not (per_row and per_column):
            results.append(image.new_zeros((len(image), rows, columns)))
            continue
        samples = _interpolated(image, y, x)
        samples = samples.reshape(len(image), rows, per_row, columns, per_column)
        results.append(samples.mean(dim=(2, 4)))
    if not results:
        return input.new_zeros((0, input.shape[1], rows, columns))
    return cygrad.stack(results)


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Maxima over a grid of whole pixels in each box (Girshick, "Fast R-CNN", 2015), as (K, C, *output_size).

    Arguments as of `roi_align`; an empty cell gives 0.
    """
    rois = _with_index(boxes)
    rows, columns = _pair(output_size)
    results = []
    for index, *box in rois.tolist():
        # Rounded half away from zero, as C does.
        x1, y1, x2, y2 = (
            int(value * spatial_scale + (0.5 if value >= 0 else -0.5)) for value in box
        )
        image = input[int(index)]
        height, width = image.shape[1:]

        def cells(start, end, count, size):
            step = max(end - start + 1, 1) / count
            for i in range(count):
                low = min(max(int(i * step // 1) + start, 0), size)
                yield low, min(max(-int(-(i + 1) * step // 1) + start, 0), size)

        empty = image.new_zeros(len(image))
        values = [
            image[:, y_low:y_high, x_low:x_high].amax(dim=(1, 2))
            if y_high > y_low and x_high > x_low
            else empty
            for y_low, y_high in cells(y1, y2, rows, height)
            for x_low, x_high in cells(x1, x2, columns, width)
        ]
        results.append(cygrad.stack(values, dim=1).reshape(len(image), rows, columns))
    if not results:
        return input.new_zeros((0, input.shape[1], rows, columns))
    return cygrad.stack(results)


class RoIAlign(nn.Module):
    """`roi_align` as a module."""

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input, rois):
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def __repr__(self):
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


class RoIPool(nn.Module):
    """`roi_pool` as a module."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class MultiScaleRoIAlign(nn.Module):
    """`roi_align` on that level of a feature pyramid which suits the size of the box (Lin et al., 2016, eq. 1).

    ``featmap_names`` are the maps of the input dict to use, ``canonical_scale`` the size of a box that belongs to level
    ``canonical_level``.
    """

    def __init__(
        self,
        featmap_names,
        output_size,
        sampling_ratio,
        *,
        canonical_scale=224,
        canonical_level=4,
    ):
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = _pair(output_size)
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def forward(self, x, boxes, image_shapes):
        """(K, C, *output_size) from {name: (N, C, H, W)}, boxes (L, 4) for each image and the images' sizes."""
        maps = [value for name, value in x.items() if name in self.featmap_names]
        rois = _with_index(boxes)
        height = max(shape[0] for shape in image_shapes)
        width = max(shape[1] for shape in image_shapes)
        scales = []
        for each in maps:  # a power of two, whatever the rounding of the sizes
            ratios = [each.shape[-2] / height, each.shape[-1] / width]
            powers = [2.0 ** round(cygrad.tensor(r).log2().item()) for r in ratios]
            scales.append(powers[0])
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, scales[0], self.sampling_ratio)
        first, last = (-int(cygrad.tensor(s).log2().item()) for s in (scales[0], scales[-1]))
        size = cygrad.sqrt(box_area(rois[:, 1:]))
        level = (self.canonical_level + cygrad.log2(size / self.canonical_scale) + 1e-6).floor()
        level = level.clamp(min=first, max=last).long() - first
        result = None
        for index, (each, scale) in enumerate(zip(maps, scales)):
            places = cygrad.where(level == index)[0]
            part = roi_align(each, rois[places], self.output_size, scale, self.sampling_ratio)
            if result is None:
                result = part.new_zeros((len(rois), *part.shape[1:]))
            result = result.index_put((places,), part)
        return result

    def __repr__(self):
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )


class ExtraFPNBlock(nn.Module):
    """Makes more levels from those of a `FeaturePyramidNetwork`: (results, x, names) to (results, names)."""

    def forward(self, results, x, names):
        raise NotImplementedError


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds "pool", each second pixel of the last level."""

    def forward(self, x, y, names):
        return [*x, F.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds "p6" and "p7" by convolutions of stride 2 (RetinaNet)."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.constant_(module.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        return [*p, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]


class FeaturePyramidNetwork(nn.Module):
    """A pyramid of maps with the same number of channels, from the coarsest down (Lin et al., 2016).

    Takes and returns an ordered dict, from the finest map to the coarsest.
    """

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        for in_channels in in_channels_list:
            if in_channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            plain = {"norm_layer": norm_layer, "activation_layer": None}
            self.inner_blocks.append(
                Conv2dNormActivation(in_channels, out_channels, kernel_size=1, padding=0, **plain)
            )
            self.layer_blocks.append(
                Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **plain)
            )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}"
            )
        self.extra_blocks = extra_blocks

    def forward(self, x):
        names, maps = list(x), list(x.values())
        inner = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](inner)]
        for index in range(len(maps) - 2, -1, -1):
            lateral = self.inner_blocks[index](maps[index])
            inner = lateral + F.interpolate(inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[index](inner))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return type(x)(zip(names, results))
