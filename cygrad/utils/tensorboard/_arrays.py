"""Tensors, arrays and numbers as NumPy arrays; images in any layout as height x width x channels."""

import numpy as np

from ..._core import Tensor


def as_array(x):
    """A number, array or tensor on any device as an array of at least one dimension."""
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        x = x.float().numpy() if str(x.dtype) == "torch.bfloat16" else x.numpy()
        return np.atleast_1d(x)
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, str) or np.isscalar(x):
        return np.array([x])
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")


def grid(images, columns=8):
    """(n, c, h, w) side by side in rows of at most `columns`, as (h, w, 3); missing ones are black."""
    if images.shape[1] == 1:
        images = np.repeat(images, 3, 1)
    n, channels, height, width = images.shape
    columns = min(n, columns)
    rows = -(-n // columns)
    canvas = np.zeros((channels, height * rows, width * columns), dtype=images.dtype)
    for i, image in enumerate(images):
        y, x = i // columns * height, i % columns * width
        canvas[:, y : y + height, x : x + width] = image
    return canvas.transpose(1, 2, 0)


def as_hwc(array, layout):
    """An image, or several as a grid, whose dimensions the letters of `layout` name (N, C, H, W), as (h, w, c)."""
    if len(set(layout)) != len(layout):
        raise AssertionError(
            f"You can not use the same dimension shorthand twice.             input_format: {layout}"
        )
    if len(array.shape) != len(layout):
        raise AssertionError(
            "size of input tensor and input format are different.         "
            f"tensor shape: {array.shape}, input_format: {layout}"
        )
    layout = layout.upper()
    order = [
        layout.find(c)
        for c in ("NCHW" if len(layout) == 4 else "HWC" if len(layout) == 3 else "HW")
    ]
    array = array.transpose(order)
    if len(layout) == 4:
        return grid(array)
    if len(layout) == 2:
        array = array[:, :, None]
    return np.repeat(array, 3, 2) if array.shape[2] == 1 else array


def as_bytes(image):
    """Pixel values as uint8: floating ones are in [0, 1]."""
    if image.dtype == np.uint8:
        return image
    return (image.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)
