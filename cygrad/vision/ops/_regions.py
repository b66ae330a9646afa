"""Parts of feature maps, cut out by boxes and brought to one size."""

import numpy as np

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


def _weights(start, length, cells, sampling_ratio, size):
    """How much each of `size` pixels counts in each cell: (K, cells, size), and the first and last that do (K,) each.

    The mean over a grid of bilinear samples is a product of such weights for the rows and for the columns.
    """
    step = (length / cells)[:, None, None]
    if sampling_ratio > 0:
        counts = cygrad.full_like(step, float(sampling_ratio))
    else:
        counts = step.ceil().clamp(min=0)
    samples = cygrad.arange(int(counts.max().item()) if len(counts) else 0, device=start.device)
    at_cell = cygrad.arange(cells, device=start.device)[:, None] * step
    at = start[:, None, None] + at_cell + (samples + 0.5) * step / counts.clamp(min=1)
    # A sample more than a pixel outside counts as 0.
    counted = (samples < counts) & (at >= -1) & (at <= size)
    at = at.clamp(min=0, max=size - 1)
    low = at.floor()
    part = at - low
    low = low.long()
    high = (low + 1).clamp(max=size - 1)
    share = counted.to(start.dtype) / counts.clamp(min=1)
    weights = start.new_zeros((len(start), cells, size))
    weights.scatter_add_(2, low, (1 - part) * share).scatter_add_(2, high, part * share)
    used = weights.amax(dim=1) > 0
    places = cygrad.arange(size, device=start.device)
    first = cygrad.where(used, places, size).amin(dim=1)
    last = cygrad.where(used, places, -1).amax(dim=1)
    return weights, first.tolist(), last.tolist()


class _Plan:
    """The weights of the rows and columns of every box, and the part of the image that it reads."""

    def __init__(self, rois, shape, output_size, spatial_scale, sampling_ratio, aligned):
        offset = 0.5 if aligned else 0.0
        self.images = rois[:, 0].long().tolist()
        x1, y1, x2, y2 = (rois[:, 1:] * spatial_scale - offset).unbind(1)
        height, width = y2 - y1, x2 - x1
        if not aligned:
            height, width = height.clamp(min=1.0), width.clamp(min=1.0)
        self.shape = tuple(shape)
        self.output_size = rows, columns = output_size
        self.rows, self.top, self.bottom = _weights(y1, height, rows, sampling_ratio, shape[2])
        self.columns, self.left, self.right = _weights(x1, width, columns, sampling_ratio, shape[3])

    def parts(self):
        """For each box that reads anything: its number and image, slices of the image, and the weights there.

        The image has its channels last and side by side, so that each part is one matrix.
        """
        channels = self.shape[1]
        for k, image in enumerate(self.images):
            y, x = slice(self.top[k], self.bottom[k] + 1), slice(self.left[k], self.right[k] + 1)
            if y.stop > y.start and x.stop > x.start:
                flat = slice(x.start * channels, x.stop * channels)
                yield k, image, y, flat, self.rows[k, :, y], self.columns[k, :, x]


class _Gather(cygrad.autograd.Function):
    """(K, rows, columns, C) means from (N, H, W * C); linear, so that its gradient is `_Spread` and the reverse."""

    @staticmethod
    def forward(ctx, input, plan):
        ctx.plan = plan
        channels = plan.shape[1]
        out = input.new_zeros((len(plan.images), *plan.output_size, channels))
        for k, image, y, x, by_row, by_column in plan.parts():
            rows = by_row @ input[image, y, x]
            out[k] = by_column @ rows.view(len(rows), -1, channels)
        return out

    @staticmethod
    def backward(ctx, grad):
        return _Spread.apply(grad, ctx.plan), None


class _Spread(cygrad.autograd.Function):
    """The transpose of `_Gather`."""

    @staticmethod
    def forward(ctx, grad, plan):
        ctx.plan = plan
        n, channels, height, width = plan.shape
        out = grad.new_zeros((n, height, width * channels))
        for k, image, y, x, by_row, by_column in plan.parts():
            rows = by_column.T @ grad[k]
            out[image, y, x] += by_row.T @ rows.reshape(len(rows), -1)
        return out

    @staticmethod
    def backward(ctx, grad):
        return _Gather.apply(grad, ctx.plan), None


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Means of bilinear samples in a grid over each box (He et al., "Mask R-CNN", 2017), as (K, C, *output_size).

    ``input`` is (N, C, H, W); ``boxes`` (K, 5) of (image, x1, y1, x2, y2), or a list of (L, 4) for each image, in
    coordinates that times ``spatial_scale`` are those of the input.  ``sampling_ratio`` squared samples count in each
    cell; where it is not positive, about as many as there are pixels.  ``aligned`` shifts the boxes by half a pixel.
    """
    rois = _with_index(boxes).detach().to(input.dtype)
    n, channels, height, width = input.shape
    if not len(rois):
        return input.new_zeros((0, channels, *_pair(output_size)))
    size = _pair(output_size)
    plan = _Plan(rois, input.shape, size, spatial_scale, sampling_ratio, aligned)
    flat = input.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    return _Gather.apply(flat, plan).permute(0, 3, 1, 2).contiguous()


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Maxima over a grid of whole pixels in each box (Girshick, "Fast R-CNN", 2015), as (K, C, *output_size).

    Arguments as of `roi_align`; an empty cell gives 0.
    """
    rois = _with_index(boxes)
    rows, columns = _pair(output_size)
    n, channels, height, width = input.shape
    shape = (len(rois), channels, rows, columns)
    pixels = np.ascontiguousarray(input.detach().cpu().numpy().transpose(0, 2, 3, 1))
    chosen = np.zeros(shape, np.int64)  # the place of each maximum in the whole input
    empty = np.zeros(shape, bool)
    start = np.arange(channels) * (height * width)
    for k, (index, *box) in enumerate(rois.tolist()):
        # Rounded half away from zero, as C does.
        x1, y1, x2, y2 = (
            int(value * spatial_scale + (0.5 if value >= 0 else -0.5)) for value in box
        )
        image = pixels[int(index)]
        across = list(_cells(x1, x2, columns, width))
        for i, (top, bottom) in enumerate(_cells(y1, y2, rows, height)):
            for j, (left, right) in enumerate(across):
                if bottom <= top or right <= left:
                    empty[k, :, i, j] = True
                    continue
                best = image[top:bottom, left:right].reshape(-1, channels).argmax(axis=0)
                y, x = np.divmod(best, right - left)
                place = start + (top + y) * width + left + x
                chosen[k, :, i, j] = int(index) * channels * height * width + place
    values = input.reshape(-1)[cygrad.from_numpy(chosen).to(input.device)]
    return values.masked_fill(cygrad.from_numpy(empty).to(input.device), 0)


def _cells(start, end, count, size):
    """The first pixel and the one after the last of `count` cells between two pixels, in an image of `size`."""
    step = max(end - start + 1, 1) / count
    for i in range(count):
        low = min(max(int(i * step // 1) + start, 0), size)
        yield low, min(max(-int(-(i + 1) * step // 1) + start, 0), size)


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

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for blocks in ("inner_blocks", "layer_blocks"):
            for i in range(len(self.inner_blocks)):
                for kind in ("weight", "bias"):  # as older files name them
                    old = f"{prefix}{blocks}.{i}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{blocks}.{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)

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
