"""Image files. Sizes, dtypes and errors are torchvision 0.28's."""

import io as bytes_io

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

import cygrad as torch
from cygrad.vision import io, utils
from cygrad.vision.io import ImageReadMode

RGB = np.random.RandomState(0).randint(0, 256, (6, 7, 3)).astype(np.uint8)
GRAY = RGB[..., 0]
# As torchvision computes it for PNG files.
FROM_RGB = (RGB.astype(int) @ [9794, 19234, 3740]) >> 15


def chw(array):
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


def png(array):
    file = bytes_io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def test_png_round_trip(tmp_path):
    image = chw(RGB)
    path = str(tmp_path / "a.png")
    io.write_png(image, path)
    for read in (
        io.read_image(path),
        io.decode_image(path),
        io.decode_image(io.read_file(path)),
        io.decode_png(io.encode_png(image, compression_level=0)),
    ):
        assert read.dtype == torch.uint8 and torch.equal(read, image)
    assert torch.equal(io.decode_png(io.encode_png(image[:1])), image[:1])


def test_modes():
    data = png(RGB)
    assert torch.equal(io.decode_image(data, ImageReadMode.RGB), chw(RGB))
    assert io.decode_image(data, "gray")[0].tolist() == FROM_RGB.tolist()
    gray_alpha = io.decode_image(data, ImageReadMode.GRAY_ALPHA)
    assert gray_alpha[0].tolist() == FROM_RGB.tolist() and (gray_alpha[1] == 255).all()
    assert io.decode_image(data, ImageReadMode.RGB_ALPHA).shape == (4, 6, 7)
    assert io.decode_image(png(GRAY), ImageReadMode.RGB).shape == (3, 6, 7)
    alpha = np.dstack([RGB, GRAY])
    assert torch.equal(io.decode_image(png(alpha)), chw(alpha))
    assert torch.equal(io.decode_image(png(alpha), ImageReadMode.RGB), chw(RGB))
    assert io.decode_image(png(GRAY > 100)).tolist() == [((GRAY > 100) * 255).tolist()]
    with pytest.raises(KeyError):
        io.decode_image(data, "x")


def test_palette():
    file = bytes_io.BytesIO()
    palette = Image.fromarray(RGB).convert("P")
    palette.save(file, "PNG")
    data = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
    assert io.decode_png(data)[0].tolist() == np.asarray(palette).tolist()  # the indices
    assert torch.equal(
        io.decode_png(data, ImageReadMode.RGB), chw(np.asarray(palette.convert("RGB")))
    )


def test_jpeg(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8)
    image = torch.from_numpy(np.stack([smooth, smooth, smooth]))
    path = str(tmp_path / "a.jpg")
    io.write_jpeg(image, path, quality=95)
    read = io.read_image(path)
    assert read.shape == (3, 32, 40) and (read.int() - image.int()).abs().max() <= 4
    assert io.read_image(path, ImageReadMode.GRAY).shape == (1, 32, 40)
    assert [i.shape for i in io.decode_jpeg(io.encode_jpeg([image, image[:1]]))] == [
        (3, 32, 40),
        (1, 32, 40),
    ]
    with pytest.raises(RuntimeError, match="The provided mode is not supported for JPEG files"):
        io.read_image(path, ImageReadMode.RGB_ALPHA)
    with pytest.raises(
        ValueError, match="Image quality should be a positive number between 1 and 100"
    ):
        io.encode_jpeg(image, 0)


def test_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    assert io.read_image(tmp_path / "a.jpg").shape == (3, 6, 7)
    assert io.read_image(tmp_path / "a.jpg", apply_exif_orientation=True).shape == (3, 7, 6)


def test_gif(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "one.gif")
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert io.read_image(tmp_path / "one.gif").shape == (3, 6, 7)
    assert io.decode_gif(io.read_file(tmp_path / "two.gif")).shape == (2, 3, 6, 7)


def test_errors(tmp_path):
    image = chw(RGB)
    data = io.encode_png(image)
    cases = [
        (lambda: io.read_image("none.png"), r"\[Errno 2\] No such file or directory: 'none.png'"),
        (
            lambda: io.decode_image(torch.zeros(10, dtype=torch.uint8)),
            "Unsupported image file. Only jpeg, png, webp",
        ),
        (lambda: io.decode_image(data.float()), "Expected a torch.uint8 tensor"),
        (lambda: io.decode_image(data[None]), "Expected a non empty 1-dimensional tensor"),
        (lambda: io.decode_image(data[:0]), "Expected a non empty 1-dimensional tensor"),
        (lambda: io.decode_image(data[:80]), "Probably, the input image is corrupted"),
        (lambda: io.decode_png(io.encode_jpeg(image)), "Content is not png!"),
        (lambda: io.encode_png(image.float()), "Input tensor dtype should be uint8"),
        (lambda: io.encode_png(image[0]), "Input data should be a 3-dimensional tensor"),
        (lambda: io.encode_jpeg(image[:2]), "The number of channels should be 1 or 3, got: 2"),
        (lambda: io.encode_png(image, 11), "Compression level should be between 0 and 9"),
        (
            lambda: io.write_file(str(tmp_path / "f"), torch.tensor([1])),
            "Input tensor dtype should be uint8",
        ),
    ]
    for call, message in cases:
        with pytest.raises(RuntimeError, match=message):
            call()
    with pytest.raises(AttributeError, match="read_video"):
        io.read_video  # noqa: B018


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_broken_files_raise(cut):
    data = io.encode_png(chw(RGB))
    broken = data.clone()
    broken[cut % len(data)] ^= 0xFF
    for bad in (broken, data[: cut % len(data) + 1]):
        try:
            io.decode_image(bad)
        except RuntimeError:
            pass  # never anything else, and a bit that does not matter may pass


def test_save_image(tmp_path):
    x = torch.linspace(-0.1, 1.1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    utils.save_image(x, str(tmp_path / "a.png"))
    read = io.read_image(str(tmp_path / "a.png"))
    assert torch.equal(read, utils.make_grid(x).mul(255).add(0.5).clamp(0, 255).to(torch.uint8))
    file = bytes_io.BytesIO()
    utils.save_image(x, file, format="jpeg", nrow=1, padding=0)
    file.seek(0)
    assert Image.open(file).size == (5, 8)
    with pytest.raises(ValueError, match="unknown file extension"):
        utils.save_image(x, str(tmp_path / "c"))
