"""Reading and writing image files by Pillow; images are uint8 tensors of (channels, height, width)."""

import io
import os
import warnings
from enum import Enum

import numpy as np
from PIL import Image, ImageOps, ImageSequence

import cygrad


class ImageReadMode(Enum):
    """The channels that a decoded image has."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_PILLOW_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
_DECODED = ("JPEG", "PNG", "WEBP", "GIF")
_UNSUPPORTED = (
    "Unsupported image file. Only jpeg, png, webp and gif are currently supported. For avif and heic format, please "
    "rely on `decode_avif` and `decode_heic` directly."
)


def read_file(path):
    """The bytes of a file as a uint8 tensor of (size,)."""
    try:
        data = np.fromfile(os.fspath(path), dtype=np.uint8)
    except OSError as error:
        raise RuntimeError(str(error)) from None
    return cygrad.from_numpy(data)


def write_file(filename, data):
    """Writes a uint8 tensor of one dimension as a file."""
    if data.dtype != cygrad.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if data.dim() != 1:
        raise RuntimeError("Input data should be a 1-dimensional tensor")
    with open(filename, "wb") as file:
        file.write(data.contiguous().numpy())


def _pixels(image, mode):
    """A Pillow image as an array of (height, width) or (height, width, channels) with the channels of `mode`."""
    deep = image.mode.startswith("I")  # 16 bits; Pillow has one channel of these
    if mode is ImageReadMode.UNCHANGED:
        if image.mode == "1":
            image = image.convert("L")
        return np.asarray(image, np.uint16 if deep else None)
    if not deep:
        if image.mode == "P":  # through the palette, which may have an alpha of its own
            image = image.convert("RGBA")
        return np.asarray(image.convert(_PILLOW_MODES[mode]))
    gray = np.asarray(image, np.uint16)
    colors = [gray] * (3 if mode in (ImageReadMode.RGB, ImageReadMode.RGB_ALPHA) else 1)
    alpha = mode in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA)
    return np.stack(colors + [np.full_like(gray, 65535)] * alpha, axis=-1)


def _tensor(pixels):
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return cygrad.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))


def _decode(input, mode, apply_exif_orientation, formats):
    if input.dtype != cygrad.uint8:
        raise RuntimeError("Expected a torch.uint8 tensor")
    if input.dim() != 1 or not input.numel():
        raise RuntimeError("Expected a non empty 1-dimensional tensor")
    if not isinstance(mode, ImageReadMode):
        mode = ImageReadMode[mode.upper()]
    data = input.contiguous().numpy().tobytes()
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
        if image.format == "GIF":  # as RGB always; of several frames all
            frames = [_tensor(np.asarray(f.convert("RGB"))) for f in ImageSequence.Iterator(image)]
            return frames[0] if len(frames) == 1 else cygrad.stack(frames)
        if image.format == "JPEG":
            if mode in (ImageReadMode.GRAY_ALPHA, ImageReadMode.RGB_ALPHA):
                raise RuntimeError("The provided mode is not supported for JPEG files")
            if mode is ImageReadMode.GRAY:
                image.draft("L", image.size)  # the luminance as the file has it
        if image.format == "WEBP" and mode in (ImageReadMode.GRAY, ImageReadMode.GRAY_ALPHA):
            warnings.warn(
                "Webp does not support grayscale conversions. The returned tensor will be in the colorspace of the "
                "original image.",
                stacklevel=3,
            )
            mode = ImageReadMode.UNCHANGED
        image.load()
        if apply_exif_orientation:
            image = ImageOps.exif_transpose(image)
    except Image.UnidentifiedImageError:
        known = formats is not None and len(formats) == 1
        raise RuntimeError(
            f"Content is not {formats[0].lower()}!" if known else _UNSUPPORTED
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise RuntimeError(f"{error}. Probably, the input image is corrupted") from None
    return _tensor(_pixels(image, mode))


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The image in a file's bytes (JPEG, PNG, WEBP or GIF), or in the file of that name.

    (channels, height, width); for a GIF of several frames (frames, 3, height, width).  uint8, or uint16 for a PNG of
    16 bits.  ``mode`` is an `ImageReadMode` or its name.
    """
    if not isinstance(input, cygrad.Tensor):
        input = read_file(input)
    return _decode(input, mode, apply_exif_orientation, _DECODED)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """`decode_image` of a file."""
    return decode_image(read_file(path), mode, apply_exif_orientation=apply_exif_orientation)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    return _decode(input, mode, apply_exif_orientation, ("PNG",))


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """The image in the bytes of a JPEG file; of a list, the list of images.  ``device`` is where the result goes."""
    if isinstance(input, list):
        return [decode_jpeg(data, mode, device, apply_exif_orientation) for data in input]
    return _decode(input, mode, apply_exif_orientation, ("JPEG",)).to(device)


def decode_gif(input):
    return _decode(input, ImageReadMode.RGB, False, ("GIF",))


def decode_webp(input, mode=ImageReadMode.UNCHANGED):
    return _decode(input, mode, False, ("WEBP",))


def decode_avif(input, mode=ImageReadMode.UNCHANGED):
    """The image in the bytes of an AVIF file, where Pillow was built with it."""
    return _decode(input, mode, False, ("AVIF",))


def _encode(input, **how):
    if input.dtype != cygrad.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if input.dim() != 3:
        raise RuntimeError("Input data should be a 3-dimensional tensor")
    if input.shape[0] not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {input.shape[0]}")
    pixels = input.cpu().permute(1, 2, 0).contiguous().numpy()
    target = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(target, **how)
    return cygrad.frombuffer(bytearray(target.getvalue()), dtype=cygrad.uint8)


def encode_png(input, compression_level=6):
    """The bytes of a PNG file with the uint8 image of 1 or 3 channels; ``compression_level`` is from 0 to 9."""
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encode(input, format="PNG", compress_level=compression_level)


def encode_jpeg(input, quality=75):
    """The bytes of a JPEG file with the uint8 image of 1 or 3 channels; of a list of images, a list."""
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        return [encode_jpeg(image, quality) for image in input]
    return _encode(input, format="JPEG", quality=quality)


def write_png(input, filename, compression_level=6):
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input, filename, quality=75):
    write_file(filename, encode_jpeg(input, quality))
