"""Image files.  Videos are not read, as in torchvision itself since version 0.26."""

from .image import (
    ImageReadMode,
    decode_avif,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    decode_webp,
    encode_jpeg,
    encode_png,
    read_file,
    read_image,
    write_file,
    write_jpeg,
    write_png,
)

__all__ = [
    "ImageReadMode",
    "decode_avif",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


def __getattr__(name):
    raise AttributeError(
        f"module 'torchvision.io' has no attribute '{name}': cygrad does not have it"
    )
