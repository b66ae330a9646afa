"""Between PIL images, arrays and tensors, and between dtypes."""

import numpy as np
from PIL import Image

import cygrad

_WHOLE_MODES = {"I": np.int32, "I;16": np.int16, "F": np.float32}


def is_pil(pic):
    return isinstance(pic, Image.Image)


def _array(pic):
    """The pixels of a PIL image, (H, W, C)."""
    pixels = np.array(pic, dtype=_WHOLE_MODES.get(pic.mode), copy=True)
    return pixels.reshape(pic.height, pic.width, len(pic.getbands()))


def _channels_first(pixels):
    return cygrad.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of its own dtype."""
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    pixels = np.array(pic, copy=True)
    return _channels_first(pixels.reshape(pic.height, pic.width, len(pic.getbands())))


def to_tensor(pic):
    """A PIL image or array (H, W[, C]) as a tensor (C, H, W); bytes become floats in [0, 1]."""
    if not is_pil(pic) and not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    default = cygrad.get_default_dtype()
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        tensor = _channels_first(pic if pic.ndim == 3 else pic[:, :, None])
        return tensor.to(default).div(255) if tensor.dtype == cygrad.uint8 else tensor
    if pic.mode == "1":
        return _channels_first(255 * _array(pic).astype(np.uint8)).to(default).div(255)
    tensor = _channels_first(_array(pic))
    return tensor.to(default).div(255) if tensor.dtype == cygrad.uint8 else tensor


# By channels: the modes that may be asked for, and the one taken when none is.
_MODES = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}
_GRAY = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or (H, W), or an array (H, W[, C]), as a PIL image; floats are taken as in [0, 1]."""
    if not isinstance(pic, (cygrad.Tensor, np.ndarray)):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    tensor = isinstance(pic, cygrad.Tensor)
    if pic.ndim == 2:
        pic = pic.unsqueeze(0) if tensor else pic[:, :, None]
    channels = pic.shape[-3] if tensor else pic.shape[-1]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if tensor:
        pic = pic.detach().cpu().permute(1, 2, 0).numpy()
    if np.issubdtype(pic.dtype, np.floating) and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    if channels == 1:
        pixels, expected = pic[:, :, 0], _GRAY.get(str(pic.dtype))
        if mode is not None and expected is not None and mode != expected:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {np.dtype}. Should be {expected}"
            )
        mode = expected
    else:
        pixels, allowed = pic, _MODES[channels]
        if mode is not None and mode not in allowed:
            raise ValueError(f"Only modes {allowed} are supported for {channels}D inputs")
        if mode is None and pic.dtype == np.uint8:
            mode = allowed[0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    if channels > 1 or mode == "I;16":
        return Image.frombytes(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes())
    return Image.fromarray(np.ascontiguousarray(pixels))


def max_value(dtype):
    """The largest value of a dtype as an image has it: 1 for floats and booleans."""
    if dtype.is_floating_point or dtype == cygrad.bool:
        return 1
    return cygrad.iinfo(dtype).max


def convert_image_dtype(image, dtype=None, verb="cast"):
    """Change the dtype and scale the values to its range; RuntimeError where a float cannot hold it."""
    dtype = cygrad.float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        wide = (cygrad.int32, cygrad.int64)
        if (image.dtype == cygrad.float32 and dtype in wide) or (
            image.dtype == cygrad.float64 and dtype == cygrad.int64
        ):
            raise RuntimeError(
                f"The {verb} from {image.dtype} to {dtype} cannot be performed safely."
            )
        # Just below the next whole number, so that 1.0 gives the largest value and no more.
        return image.mul(max_value(dtype) + 1.0 - 1e-3).to(dtype)
    source = max_value(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / source
    target = max_value(dtype)
    if source > target:
        return cygrad.div(image, (source + 1) // (target + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((target + 1) // (source + 1))
