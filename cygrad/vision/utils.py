"""Images side by side, images to files, and boxes, masks, keypoints and flows drawn as images."""

import math
import warnings

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

import cygrad
from cygrad import Tensor

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]


@cygrad.no_grad()
def make_grid(
    tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0
):
    """Images side by side, ``nrow`` in a row, as one image of 3 channels.

    ``tensor`` is (N, channels, height, width), a list of images, or one image of two or three dimensions, which is not
    framed.  ``normalize`` shifts and scales to [0, 1] from ``value_range`` or else from the least and greatest number,
    of all images or (``scale_each``) of each.  Frames are ``padding`` wide and of ``pad_value``.
    """
    if not isinstance(tensor, Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for item in tensor:
            if not isinstance(item, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(item)}"
                )
        tensor = cygrad.stack(tensor, dim=0)
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        if tensor.size(0) == 1:
            tensor = cygrad.cat((tensor, tensor, tensor), 0)
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = cygrad.cat((tensor, tensor, tensor), 1)

    if normalize:
        tensor = tensor.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        for image in tensor if scale_each else [tensor]:
            low, high = value_range or (float(image.min()), float(image.max()))
            image.clamp_(min=low, max=high).sub_(low).div_(max(high - low, 1e-5))

    if tensor.size(0) == 1:
        return tensor.squeeze(0)
    count, channels = tensor.shape[:2]
    columns = min(nrow, count)
    rows = math.ceil(float(count) / columns)
    height, width = tensor.size(2) + padding, tensor.size(3) + padding
    grid = tensor.new_full(
        (channels, height * rows + padding, width * columns + padding), pad_value
    )
    for index, image in enumerate(tensor):
        y, x = height * (index // columns) + padding, width * (index % columns) + padding
        grid[:, y : y + height - padding, x : x + width - padding].copy_(image)
    return grid


def _to_pillow(image):
    """A uint8 image of 3 channels as a Pillow image."""
    return Image.fromarray(image.permute(1, 2, 0).contiguous().cpu().numpy())


def _from_pillow(image):
    return cygrad.from_numpy(np.array(image)).permute(2, 0, 1)


@cygrad.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Writes images with values in [0, 1] to a file, as the grid that `make_grid(tensor, **kwargs)` makes."""
    grid = make_grid(tensor, **kwargs)
    _to_pillow(grid.mul(255).add_(0.5).clamp_(0, 255).to("cpu", cygrad.uint8)).save(
        fp, format=format
    )


def _generate_color_palette(num_objects):
    palette = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [tuple(i * p % 255 for p in palette) for i in range(num_objects)]


def _parse_colors(colors, *, num_objects):
    """`num_objects` colours as (red, green, blue), from what the drawing functions accept."""
    if colors is None:
        return _generate_color_palette(num_objects)
    if isinstance(colors, list):
        if len(colors) < num_objects:
            raise ValueError(
                "Number of colors must be equal or larger than the number of objects, but got "
                f"{len(colors)} < {num_objects}."
            )
    elif not isinstance(colors, (tuple, str)):
        raise ValueError(
            f"colors must be a tuple or a string, or a list thereof, but got {colors}."
        )
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        colors = [colors] * num_objects
    return [ImageColor.getrgb(c) if isinstance(c, str) else c for c in colors]


def _check_image(image):
    if not isinstance(image, Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if image.dtype != cygrad.uint8 and not image.is_floating_point():
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")


def _as_bytes(image):
    return (image * (256 - 1e-3)).to(cygrad.uint8) if image.is_floating_point() else image


def _like(drawn, image):
    """A uint8 image in the dtype of `image`, which has values in [0, 1] if it is of floats."""
    drawn = drawn.to(image.device)
    return drawn.to(image.dtype) / 255 if image.is_floating_point() else drawn


@cygrad.no_grad()
def draw_bounding_boxes(
    image,
    boxes,
    labels=None,
    colors=None,
    fill=False,
    width=1,
    font=None,
    font_size=None,
    label_colors=None,
    label_background_colors=None,
    fill_labels=False,
):
    """The image with boxes (N, 4) of (xmin, ymin, xmax, ymax) and their labels drawn on it.

    ``image`` is (1 or 3, height, width), uint8 or of floats in [0, 1].  ``colors`` is a name, "#rrggbb", a tuple, or a
    list of these.  ``font`` is a TrueType file, ``font_size`` its size.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    _check_image(image)
    if image.size(0) not in (1, 3):
        raise ValueError("Only grayscale and RGB images are supported")
    if (boxes[..., 0] > boxes[..., 2]).any() or (boxes[..., 1] > boxes[..., 3]).any():
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    count = boxes.shape[0]
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    if labels is None:
        labels = [None] * count
    elif len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    colors = _parse_colors(colors, num_objects=count)
    label_colors = _parse_colors(label_colors, num_objects=count) if label_colors else colors.copy()
    backgrounds = colors.copy()
    if fill_labels and label_background_colors:
        backgrounds = _parse_colors(label_background_colors, num_objects=count)
    if font is None:
        if font_size is not None:
            warnings.warn(
                "Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=2
            )
        text_font = ImageFont.load_default()
    else:
        text_font = ImageFont.truetype(font=font, size=font_size or 10)

    canvas = _to_pillow(_as_bytes(image).expand(3, -1, -1))
    draw = ImageDraw.Draw(canvas, "RGBA" if fill else None)
    for box, color, label, label_color, background in zip(
        boxes.to(cygrad.int64).tolist(), colors, labels, label_colors, backgrounds
    ):
        draw.rectangle(box, width=width, outline=color, fill=(*color, 100) if fill else None)
        if label is not None:
            corner = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(corner, label, font=text_font)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=background)
            draw.text(corner, label, fill=label_color, font=text_font)
    return _like(_from_pillow(canvas), image)


@cygrad.no_grad()
def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """The image (3, height, width) with the places of boolean masks (N, height, width) coloured.

    ``alpha`` is the part of the colour; where masks overlap, it is black.
    """
    _check_image(image)
    if image.size(0) != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    if masks.ndim == 2:
        masks = masks[None]
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != cygrad.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    colors = _parse_colors(colors, num_objects=masks.size(0))
    if not masks.any():
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    paint = image.clone()
    paint[:, masks.any(dim=0)] = 0
    single = masks.sum(dim=0) == 1
    for mask, color in zip(masks, colors):
        color = cygrad.tensor(color, dtype=cygrad.uint8, device=image.device)
        paint[:, mask & single] = _like(color, image)[:, None]
    return (image * (1 - alpha) + paint * alpha).to(image.dtype)


@cygrad.no_grad()
def draw_keypoints(
    image, keypoints, connectivity=None, colors=None, radius=2, width=3, visibility=None
):
    """The image (3, height, width) with keypoints (N, K, 2) as dots, and lines between the pairs of ``connectivity``.

    ``visibility`` (N, K) says which of the points are drawn.
    """
    _check_image(image)
    if image.size(0) != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = cygrad.ones(keypoints.shape[:-1], dtype=cygrad.bool)
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. Got "
            f"visibility.shape = {visibility.shape} and keypoints.shape = {keypoints.shape}"
        )
    canvas = _to_pillow(_as_bytes(image))
    draw = ImageDraw.Draw(canvas)
    for points, visible in zip(keypoints.to(cygrad.int64).tolist(), visibility.tolist()):
        for (x, y), shown in zip(points, visible):
            if shown:
                dot = (x - radius, y - radius, x + radius, y + radius)
                draw.ellipse(dot, fill=colors, outline=None, width=0)
        for start, end in connectivity or ():
            if visible[start] and visible[end]:
                draw.line((*points[start], *points[end]), width=width, fill=colors)
    return _like(_from_pillow(canvas), image)


def _color_wheel():
    """(55, 3) colours around the circle of directions, of Baker et al., "A Database and Evaluation Methodology for
    Optical Flow" (2007): ramps of given lengths between red, yellow, green, cyan, blue and magenta."""
    corners = [(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)]
    lengths = [15, 6, 4, 11, 13, 6]
    wheel = []
    for index, length in enumerate(lengths):
        start, end = np.array(corners[index]), np.array(corners[(index + 1) % 6])
        ramp = np.floor(255 * np.arange(length) / length)[:, None]
        # A channel that falls is 255 less the rounded ramp.
        wheel.append(start + np.sign(end - start) * ramp)
    return cygrad.from_numpy(np.concatenate(wheel).astype(np.float32))


@cygrad.no_grad()
def flow_to_image(flow):
    """Optical flow (2, height, width) or (N, 2, height, width) of float32 as uint8 images of 3 channels.

    The colour says the direction, its strength the length relative to the longest vector.
    """
    if flow.dtype != cygrad.float:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    shape = flow.shape
    single = flow.ndim == 3
    if single:
        flow = flow[None]
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {shape}.")
    longest = (flow[:, 0] ** 2 + flow[:, 1] ** 2).sqrt().max()
    flow = flow / (longest + cygrad.finfo(flow.dtype).eps)
    length = (flow[:, 0] ** 2 + flow[:, 1] ** 2).sqrt()
    wheel = _color_wheel().to(flow.device)
    angle = cygrad.atan2(-flow[:, 1], -flow[:, 0]) / math.pi
    place = (angle + 1) / 2 * (len(wheel) - 1)
    lower = place.floor().long()
    part = (place - lower)[..., None]
    upper = (lower + 1) % len(wheel)
    color = (1 - part) * wheel[lower] / 255 + part * wheel[upper] / 255
    color = 1 - length[..., None] * (1 - color)
    images = (255 * color).floor().to(cygrad.uint8).permute(0, 3, 1, 2)
    return images[0] if single else images
