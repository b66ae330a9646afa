"""Boxes and points under the transforms of v2: every geometric transform is a map of points.

Boxes are read as corners, the corners are mapped, and the result is written in the boxes' own format: for upright
formats the upright box around them. Rotated boxes are mapped where a parallelogram stays one.
"""

import math

import cygrad
from cygrad import Tensor

from ...tv_tensors import (
    BoundingBoxes,
    BoundingBoxFormat,
    KeyPoints,
    as_format,
    is_rotated_bounding_format,
    plain,
    wrap,
)
from .. import _geometry
from .._tensor import identity_grid

_XYXY, _XYWH, _CXCYWH = (BoundingBoxFormat[n] for n in ("XYXY", "XYWH", "CXCYWH"))
_XYWHR, _CXCYWHR, _CORNERS = (BoundingBoxFormat[n] for n in ("XYWHR", "CXCYWHR", "XYXYXYXY"))


# ---- formats


def _halved(size):
    return size / 2 if size.is_floating_point() else size.div(2, rounding_mode="floor")


def _to_xyxy(boxes, format):
    if format == _XYXY:
        return boxes
    a, b, w, h = boxes.unbind(-1)
    if format == _CXCYWH:
        # Of whole numbers the left half is the larger.
        a, b = (a - w / 2, b - h / 2) if boxes.is_floating_point() else (a - _ceil_half(w), b - _ceil_half(h))
    return cygrad.stack([a, b, a + w, b + h], -1)


def _ceil_half(size):
    return (size + 1).div(2, rounding_mode="floor")


def _from_xyxy(boxes, format):
    if format == _XYXY:
        return boxes
    x1, y1, x2, y2 = boxes.unbind(-1)
    w, h = x2 - x1, y2 - y1
    if format == _XYWH:
        return cygrad.stack([x1, y1, w, h], -1)
    return cygrad.stack([_halved(x1 + x2), _halved(y1 + y2), w, h], -1)


def _turned(angle):
    angle = angle * (cygrad.pi / 180)
    return angle.cos(), angle.sin()


def _to_corners(boxes, format):
    """(..., 4, 2) of rotated boxes."""
    if format == _CORNERS:
        return boxes.reshape(*boxes.shape[:-1], 4, 2)
    x, y, w, h, r = boxes.unbind(-1)
    cos, sin = _turned(r)
    along = cygrad.stack([w * cos, -w * sin], -1)
    down = cygrad.stack([h * sin, h * cos], -1)
    first = cygrad.stack([x, y], -1)
    if format == _CXCYWHR:
        first = first - (along + down) / 2
    return cygrad.stack([first, first + along, first + along + down, first + down], -2)


def _from_corners(corners, format):
    if format == _CORNERS:
        return corners.flatten(-2)
    first, second, third, fourth = corners.unbind(-2)
    along, down = second - first, fourth - first
    size = [along.square().sum(-1).sqrt(), down.square().sum(-1).sqrt()]
    angle = cygrad.atan2(-along[..., 1], along[..., 0]) * (180 / cygrad.pi)
    place = first if format == _XYWHR else (first + third) / 2
    return cygrad.stack([*place.unbind(-1), *size, angle], -1)


def _converted(boxes, old, new):
    if is_rotated_bounding_format(old) != is_rotated_bounding_format(new):
        raise ValueError("Cannot convert between rotated and unrotated bounding boxes.")
    if old == new:
        return boxes.clone()
    if is_rotated_bounding_format(old):
        return _from_corners(_to_corners(boxes, old), new)
    return _from_xyxy(_to_xyxy(boxes, old), new)


def convert_bounding_box_format(inpt, old_format=None, new_format=None, inplace=False):
    """Boxes in another format; ``old_format`` only for plain tensors."""
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    new_format = as_format(new_format)
    if isinstance(inpt, BoundingBoxes):
        if old_format is not None:
            raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
        converted = _converted(plain(inpt), inpt.format, new_format)
        converted = inpt.copy_(converted) if inplace else converted
        return wrap(converted, like=inpt, format=new_format)
    if not isinstance(inpt, Tensor):
        raise TypeError(
            "Input can either be a plain tensor or a bounding box tv_tensor, but got "
            f"{type(inpt)} instead."
        )
    if old_format is None:
        raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
    converted = _converted(inpt, as_format(old_format), new_format)
    return inpt.copy_(converted) if inplace else converted


# ---- clamping


def _clamped(boxes, format, canvas_size, clamping_mode):
    if clamping_mode is None:
        return boxes
    height, width = canvas_size
    if not boxes.is_floating_point():
        return _clamped(boxes.to(cygrad.float32), format, canvas_size, clamping_mode).to(boxes.dtype)
    if is_rotated_bounding_format(format):
        corners = _to_corners(boxes, format)
        limit = corners.new_tensor([width, height]) + 1e-3
        if bool(((corners < -1e-3) | (corners > limit)).any()):
            raise NotImplementedError(
                "cygrad does not clamp rotated bounding boxes that leave the canvas: set their "
                "clamping_mode to None (v2.SetClampingMode(None))"
            )
        return boxes
    corners = _to_xyxy(boxes, format)
    x1, y1, x2, y2 = corners.unbind(-1)
    kept = [x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)]
    return _from_xyxy(cygrad.stack(kept, -1), format)


def clamp_bounding_boxes(inpt, format=None, canvas_size=None, clamping_mode="auto"):
    """Boxes cut at the edges of their canvas; "auto" takes the mode from the boxes."""
    if isinstance(inpt, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError(
                "For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed."
            )
        mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
        return wrap(_clamped(plain(inpt), inpt.format, inpt.canvas_size, mode), like=inpt)
    if not isinstance(inpt, Tensor):
        raise TypeError(
            "Input can either be a plain tensor or a bounding box tv_tensor, but got "
            f"{type(inpt)} instead."
        )
    if format is None or canvas_size is None or clamping_mode == "auto":
        raise ValueError(
            "For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed."
        )
    return _clamped(inpt, as_format(format), canvas_size, clamping_mode)


def clamp_keypoints(inpt, canvas_size=None):
    """Points moved to the nearest pixel of their canvas."""
    if isinstance(inpt, KeyPoints):
        if canvas_size is not None:
            raise ValueError("For keypoints tv_tensor inputs, `canvas_size` must not be passed.")
        return wrap(_clamped_points(plain(inpt), inpt.canvas_size), like=inpt)
    if not isinstance(inpt, Tensor):
        raise TypeError(
            f"Input can either be a plain tensor or a keypoints tv_tensor, but got {type(inpt)} instead."
        )
    if canvas_size is None:
        raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    return _clamped_points(inpt, canvas_size)


def _clamped_points(points, canvas_size):
    height, width = canvas_size
    x, y = points.unbind(-1)
    return cygrad.stack([x.clamp(0, width - 1), y.clamp(0, height - 1)], -1)


# ---- maps of points


def _mapped(boxes, format, points_map, canvas_size, clamping_mode, rigid=True):
    """Boxes whose corners went through ``points_map``, on the new canvas.

    Where it is not ``rigid``, rotated boxes become parallelograms, and of these rectangles again.
    """
    format, dtype = as_format(format), boxes.dtype
    values = boxes if boxes.is_floating_point() else boxes.to(cygrad.float32)
    if is_rotated_bounding_format(format):
        corners = points_map(_to_corners(values, format))
        result = _from_corners(corners if rigid else _rectangular(corners), format)
        return _clamped(result, format, canvas_size, clamping_mode)
    corners = _to_xyxy(values, format)
    corners = corners[..., [0, 1, 2, 1, 2, 3, 0, 3]].reshape(*corners.shape[:-1], 4, 2)
    corners = points_map(corners)
    result = cygrad.cat([corners.amin(-2), corners.amax(-2)], -1)
    return _from_xyxy(_clamped(result, _XYXY, canvas_size, clamping_mode), format).to(dtype)


def _rectangular(corners):
    """The rectangles on the longer diagonals of parallelograms, along their first edges."""
    first, second, third, fourth = corners.unbind(-2)
    along = second - first
    along = along / along.square().sum(-1, keepdim=True).sqrt()
    kept = (third - first).square().sum(-1) >= (fourth - second).square().sum(-1)
    start = cygrad.where(kept.unsqueeze(-1), first, fourth)
    diagonal = cygrad.where(kept.unsqueeze(-1), third, second) - start
    along = along * (diagonal * along).sum(-1, keepdim=True)
    across = diagonal - along
    # `along` leads from the start of the diagonal to one of the other corners, `across` to the other.
    a, b = start + along, start + across
    upper, lower = (start, a, a + across, b), (b, b + along, a, start)
    return cygrad.where(kept[..., None, None], cygrad.stack(upper, -2), cygrad.stack(lower, -2))


def _moved(points, x, y):
    return points + points.new_tensor([x, y])


def _flipped(points, axis, size):
    parts = list(points.unbind(-1))
    parts[axis] = size - parts[axis]
    return cygrad.stack(parts, -1)


def _flip_boxes(boxes, format, canvas_size, axis):
    size, format = canvas_size[1 - axis], as_format(format)
    if not is_rotated_bounding_format(format):
        return _mapped(boxes, format, lambda p: _flipped(p, axis, size), canvas_size, None)
    # The mirror image of a corner's neighbour takes its place.
    corners = _flipped(_to_corners(boxes, format), axis, size)[..., [1, 0, 3, 2], :]
    flipped = _from_corners(corners, format)
    if format == _CORNERS:
        return flipped
    angle = -boxes[..., 4:] if axis == 0 else 180 - boxes[..., 4:]
    return cygrad.cat([flipped[..., :2], boxes[..., 2:4], angle], -1)


def horizontal_flip_bounding_boxes(bounding_boxes, format, canvas_size):
    return _flip_boxes(bounding_boxes, format, canvas_size, 0)


def vertical_flip_bounding_boxes(bounding_boxes, format, canvas_size):
    return _flip_boxes(bounding_boxes, format, canvas_size, 1)


def horizontal_flip_keypoints(keypoints, canvas_size):
    return _flipped(keypoints, 0, canvas_size[1] - 1)


def vertical_flip_keypoints(keypoints, canvas_size):
    return _flipped(keypoints, 1, canvas_size[0] - 1)


def _resize_map(canvas_size, size, max_size):
    new = _geometry.resized(canvas_size, size, max_size)
    ratios = [new[1] / canvas_size[1], new[0] / canvas_size[0]]
    return new, lambda points: points * points.new_tensor(ratios)


def resize_bounding_boxes(bounding_boxes, canvas_size, size, max_size=None, format=_XYXY, clamping_mode="soft"):
    new, points_map = _resize_map(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return bounding_boxes, tuple(canvas_size)
    format = as_format(format)
    if is_rotated_bounding_format(format):
        return _mapped(bounding_boxes, format, points_map, new, clamping_mode, rigid=False), new
    ratios = [new[1] / canvas_size[1], new[0] / canvas_size[0]] * 2
    scaled = bounding_boxes * bounding_boxes.new_tensor(ratios, dtype=cygrad.float32)
    return scaled.to(bounding_boxes.dtype), new


def resize_keypoints(keypoints, size, canvas_size, max_size=None):
    new, points_map = _resize_map(canvas_size, size, max_size)
    return points_map(keypoints.to(cygrad.float32)).to(keypoints.dtype), new


def crop_bounding_boxes(bounding_boxes, format, top, left, height, width, clamping_mode="soft"):
    canvas = (height, width)
    return _mapped(bounding_boxes, format, lambda p: _moved(p, -left, -top), canvas, clamping_mode), canvas


def crop_keypoints(keypoints, top, left, height, width):
    return _moved(keypoints, -left, -top), (height, width)


def _check_pad_mode(padding_mode, what):
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with {what}")


def _padded_canvas(canvas_size, padding):
    left, top, right, bottom = _geometry.sides(padding)
    return left, top, (canvas_size[0] + top + bottom, canvas_size[1] + left + right)


def pad_bounding_boxes(bounding_boxes, format, canvas_size, padding, padding_mode="constant", clamping_mode="soft"):
    _check_pad_mode(padding_mode, "bounding boxes")
    left, top, canvas = _padded_canvas(canvas_size, padding)
    return _mapped(bounding_boxes, format, lambda p: _moved(p, left, top), canvas, clamping_mode), canvas


def pad_keypoints(keypoints, canvas_size, padding, padding_mode="constant"):
    _check_pad_mode(padding_mode, "KeyPoints (supported modes are constant)")
    left, top, canvas = _padded_canvas(canvas_size, padding)
    return _moved(keypoints, left, top), canvas


def center_crop_bounding_boxes(bounding_boxes, format, canvas_size, output_size, clamping_mode="soft"):
    size = _geometry.pair(output_size)
    top, left = (int(round((c - s) / 2.0)) for c, s in zip(canvas_size, size))
    return crop_bounding_boxes(bounding_boxes, format, top, left, *size, clamping_mode=clamping_mode)


def center_crop_keypoints(inpt, canvas_size, output_size):
    size = _geometry.pair(output_size)
    top, left = (int(round((c - s) / 2.0)) for c, s in zip(canvas_size, size))
    return crop_keypoints(inpt, top, left, *size)


def resized_crop_bounding_boxes(bounding_boxes, format, top, left, height, width, size, clamping_mode="soft"):
    cropped, canvas = crop_bounding_boxes(bounding_boxes, format, top, left, height, width, clamping_mode)
    return resize_bounding_boxes(cropped, canvas, size, format=format, clamping_mode=clamping_mode)


def resized_crop_keypoints(keypoints, top, left, height, width, size):
    moved, canvas = crop_keypoints(keypoints, top, left, height, width)
    return resize_keypoints(moved, size, canvas)


def _affine_map(canvas_size, angle, translate, scale, shear, center, expand=False):
    """The map of points, and the canvas after it."""
    height, width = canvas_size
    center = [width * 0.5, height * 0.5] if center is None else center
    m = _geometry.affine_matrix(center, angle, translate, scale, shear, inverse=False)

    def points_map(points):
        matrix = points.new_tensor(m).reshape(2, 3)
        return points @ matrix[:, :2].t() + matrix[:, 2]

    if not expand:
        return points_map, canvas_size
    edges = points_map(cygrad.tensor([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]))
    (x, y), (right, bottom) = edges.amin(0).tolist(), edges.amax(0).tolist()
    canvas = tuple(math.ceil(round(extent, 4)) for extent in (bottom - y, right - x))
    return lambda points: _moved(points_map(points), -x, -y), canvas


def affine_bounding_boxes(bounding_boxes, format, canvas_size, angle, translate, scale, shear, center=None,
                          clamping_mode="soft"):  # fmt: skip
    args = _geometry.check_affine(angle, translate, scale, shear, center)
    points_map, canvas = _affine_map(canvas_size, *args)
    rigid = list(args[3]) == [0.0, 0.0]
    return _mapped(bounding_boxes, format, points_map, canvas, clamping_mode, rigid)


def affine_keypoints(keypoints, canvas_size, angle, translate, scale, shear, center=None):
    args = _geometry.check_affine(angle, translate, scale, shear, center)
    return _map_points(keypoints, _affine_map(canvas_size, *args)[0])


def _map_points(keypoints, points_map):
    if keypoints.is_floating_point():
        return points_map(keypoints)
    return points_map(keypoints.to(cygrad.float32)).to(keypoints.dtype)


def _rotation(canvas_size, angle, expand, center):
    return _affine_map(canvas_size, -angle, [0, 0], 1.0, [0, 0], None if expand else center, expand)


def rotate_bounding_boxes(bounding_boxes, format, canvas_size, angle, expand=False, center=None, clamping_mode="soft"):
    points_map, canvas = _rotation(canvas_size, angle, expand, center)
    return _mapped(bounding_boxes, format, points_map, canvas, clamping_mode), canvas


def rotate_keypoints(keypoints, canvas_size, angle, expand=False, center=None):
    points_map, canvas = _rotation(canvas_size, angle, expand, center)
    return _map_points(keypoints, points_map), canvas


def _only_upright(format, name):
    if is_rotated_bounding_format(format):
        raise NotImplementedError(f"cygrad has no {name} transform of rotated bounding boxes")


def _perspective_map(startpoints, endpoints, coefficients):
    """From input to output: the coefficients themselves lead from output to input."""
    if coefficients is None:
        coefficients = _geometry.perspective_coefficients(startpoints, endpoints)
    elif len(coefficients) != 8:
        raise ValueError("Argument coefficients should have 8 float values")
    backward = cygrad.tensor([*coefficients, 1.0], dtype=cygrad.float64).reshape(3, 3)
    a, b, c = backward.unbind(0)
    # The inverse of a 3 x 3 matrix, up to a factor, has the cross products of its rows as columns.
    cross = [cygrad.stack([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]])
             for u, v in ((b, c), (c, a), (a, b))]  # fmt: skip
    forward = cygrad.stack(cross, 1)

    def points_map(points):
        m = forward.to(points)
        h = cygrad.cat([points, cygrad.ones_like(points[..., :1])], -1) @ m.t()
        return h[..., :2] / h[..., 2:]

    return points_map


def perspective_bounding_boxes(bounding_boxes, format, canvas_size, startpoints, endpoints, coefficients=None,
                               clamping_mode="soft"):  # fmt: skip
    _only_upright(format, "perspective")
    points_map = _perspective_map(startpoints, endpoints, coefficients)
    return _mapped(bounding_boxes, format, points_map, canvas_size, clamping_mode)


def perspective_keypoints(keypoints, canvas_size, startpoints, endpoints, coefficients=None):
    return _map_points(keypoints, _perspective_map(startpoints, endpoints, coefficients))


def _elastic_map(canvas_size, displacement):
    """Points go against the displacement of the pixel that they are in: its inverse where it is smooth."""
    height, width = canvas_size

    def points_map(points):
        places = identity_grid(height, width, points) - displacement.to(points)
        index = points.ceil().long()
        x, y = index[..., 0].clamp(0, width - 1), index[..., 1].clamp(0, height - 1)
        size = points.new_tensor([width, height])
        return (places[0, y, x] + 1) * (0.5 * size) - 0.5

    return points_map


def elastic_bounding_boxes(bounding_boxes, format, canvas_size, displacement, clamping_mode="soft"):
    _only_upright(format, "elastic")
    points_map = _elastic_map(canvas_size, displacement)
    return _mapped(bounding_boxes, format, points_map, canvas_size, clamping_mode)


def elastic_keypoints(keypoints, canvas_size, displacement):
    return _map_points(keypoints, _elastic_map(canvas_size, displacement))


# ---- what is worth keeping


def sanitize_bounding_boxes(bounding_boxes, format=None, canvas_size=None, min_size=1.0, min_area=1.0):
    """The boxes inside of their canvas that are not too small, and the mask that says which these are."""
    if isinstance(bounding_boxes, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError(
                "format and canvas_size must be None when bounding_boxes is a tv_tensors.BoundingBoxes "
                f"instance. Got format={format} and canvas_size={canvas_size}. Leave those to None or "
                "pass bounding_boxes as a pure tensor."
            )
        valid = _valid_boxes(plain(bounding_boxes), bounding_boxes.format, bounding_boxes.canvas_size,
                             min_size, min_area)  # fmt: skip
        return wrap(plain(bounding_boxes)[valid], like=bounding_boxes), valid
    if format is None or canvas_size is None:
        raise ValueError(
            "format and canvas_size cannot be None if bounding_boxes is a pure tensor. Got "
            f"format={format} and canvas_size={canvas_size}.Set those to appropriate values or pass "
            "bounding_boxes as a tv_tensors.BoundingBoxes object."
        )
    valid = _valid_boxes(bounding_boxes, as_format(format), canvas_size, min_size, min_area)
    return bounding_boxes[valid], valid


def _valid_boxes(boxes, format, canvas_size, min_size, min_area):
    height, width = canvas_size
    if is_rotated_bounding_format(format):
        corners = _to_corners(boxes, format)
        sized = _from_corners(corners, _XYWHR)
        w, h = sized[..., 2], sized[..., 3]
    else:
        corners = _to_xyxy(boxes, format).reshape(-1, 2, 2)
        w, h = (corners[:, 1] - corners[:, 0]).unbind(-1)
    inside = (corners >= 0) & (corners <= corners.new_tensor([width, height]))
    return (w >= min_size) & (h >= min_size) & (w * h >= min_area) & inside.flatten(-2).all(-1)


def sanitize_keypoints(key_points, canvas_size=None):
    """The points (or groups of points) inside of their canvas, and the mask that says which these are."""
    tagged = isinstance(key_points, KeyPoints)
    if tagged and canvas_size is not None:
        raise ValueError(
            "canvas_size must be None when key_points is a tv_tensors.KeyPoints instance. Got "
            f"canvas_size={canvas_size}. Leave it to None or pass key_points as a pure tensor."
        )
    if not tagged and canvas_size is None:
        raise ValueError(
            "canvas_size cannot be None if key_points is a pure tensor. Set it to an appropriate value "
            "or pass key_points as a tv_tensors.KeyPoints object."
        )
    height, width = key_points.canvas_size if tagged else canvas_size
    points = plain(key_points) if tagged else key_points
    inside = (points >= 0) & (points < points.new_tensor([width, height]))
    valid = inside.reshape(points.shape[0], -1).all(-1)
    return (wrap(points[valid], like=key_points) if tagged else points[valid]), valid
