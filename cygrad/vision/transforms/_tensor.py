"""The transforms of tensors (..., C, H, W): what v1 and v2 share, and what boxes, masks and videos are built on."""

import io

import cygrad
from cygrad.nn import functional as nnf

from ._convert import convert_image_dtype, max_value, pil_to_tensor, to_pil_image
from ._geometry import (
    InterpolationMode,
    affine_matrix,
    as_mode,
    blur_arguments,
    expanded_size,
    perspective_coefficients,
    resized,
    sides,
)

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def get_dimensions(image):
    """[channels, height, width]; a tensor (H, W) has one channel."""
    channels = 1 if image.ndim == 2 else image.shape[-3]
    return [channels, *image.shape[-2:]]


def horizontal_flip(image):
    return image.flip(-1)


def vertical_flip(image):
    return image.flip(-2)


def _batched(image):
    """As (N, C, H, W)."""
    return image.reshape(-1, *image.shape[-3:])


def _in_float(image, kernel):
    """``kernel`` of (N, C, H, W) in floating point; whole numbers are rounded back."""
    shape, dtype = image.shape, image.dtype
    batch = _batched(image)
    result = kernel(batch if batch.is_floating_point() else batch.to(cygrad.float32))
    result = result.reshape(*shape[:-2], *result.shape[-2:])
    if not dtype.is_floating_point:
        result = result.round().clamp(0, max_value(dtype)).to(dtype)
    return result


def resize(image, size, interpolation=BILINEAR, max_size=None, antialias=True):
    """To ``size``: (h, w), or the length of the shorter edge; of no more than ``max_size``."""
    mode = as_mode(interpolation, names=True)
    filtered = mode in (BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.LANCZOS)
    if mode == InterpolationMode.LANCZOS and not antialias:
        raise ValueError("InterpolationMode.LANCZOS requires antialias=True")
    size = resized(tuple(image.shape[-2:]), size, max_size)
    if size == tuple(image.shape[-2:]):
        return image
    if image.numel() == 0:
        return image.reshape(*image.shape[:-2], *size) if 0 in image.shape[:-2] else image

    def kernel(batch):
        return nnf.interpolate(
            batch, size, mode=mode.value, align_corners=False if filtered else None,
            antialias=bool(antialias) and filtered,
        )  # fmt: skip

    return _in_float(image, kernel)


def crop(image, top, left, height, width):
    """The rectangle; what lies outside of the image is zero."""
    h, w = image.shape[-2:]
    bottom, right = top + height, left + width
    inside = image[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if top < 0 or left < 0 or bottom > h or right > w:
        x = [min(max(0, -left), width), min(max(0, right - max(w, left)), width)]
        y = [min(max(0, -top), height), min(max(0, bottom - max(h, top)), height)]
        return nnf.pad(inside, x + y)
    return inside


def _padded_index(size, before, after, mode, axis, image):
    """Which of ``size`` places each of the padded places shows."""
    if mode == "symmetric" and max(before, after) > size:
        raise IndexError(f"index {max(before, after) - 1} is out of bounds for dimension 0 with size {size}")
    if mode == "reflect" and max(before, after) >= size:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({before}, {after}) at dimension {axis} of input {list(_batched(image).shape)}"
        )
    index = cygrad.arange(-before, size + after, device=image.device)
    if mode == "edge":
        return index.clamp(0, size - 1)
    low = -1 if mode == "symmetric" else 0  # the mirror stands before the first place, or on it
    index = cygrad.where(index < 0, low - index, index)
    return cygrad.where(index >= size, 2 * size - 2 - low - index, index)


def pad(image, padding, fill=None, padding_mode="constant"):
    """``padding`` more on the sides (one, two or four numbers); ``fill`` for all or each channel."""
    left, top, right, bottom = sides(padding)
    if padding_mode != "constant":
        for axis, before, after in ((-1, left, right), (-2, top, bottom)):
            index = _padded_index(image.shape[axis], before, after, padding_mode, 4 + axis, image)
            image = image.index_select(axis, index)
        return image
    if isinstance(fill, (list, tuple)) and len(set(fill)) == 1:
        fill = fill[0]
    if not isinstance(fill, (list, tuple)):
        return nnf.pad(image, [left, right, top, bottom], value=float(fill or 0))
    padded = nnf.pad(image, [left, right, top, bottom])
    fill = cygrad.tensor(fill, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
    for axis, before, after in ((-2, top, bottom), (-1, left, right)):
        n = padded.shape[axis]
        for start, count in ((0, before), (n - after, after)):
            if count > 0:
                edge = padded.narrow(axis, start, count)
                edge.copy_(fill.expand_as(edge))
    return padded


# ---- maps of the plane: where each pixel of the result looks


def _middles(count, shift, like):
    return cygrad.arange(count, device=like.device, dtype=like.dtype) + (0.5 - shift)


def _base(width, height, like, about_middle):
    """(1, height * width, 3): x, y, 1 of every pixel's middle."""
    x = _middles(width, width / 2 if about_middle else 0, like)
    y = _middles(height, height / 2 if about_middle else 0, like)
    plane = cygrad.stack(
        [x.expand(height, width), y.unsqueeze(1).expand(height, width),
         cygrad.ones(height, width, dtype=like.dtype, device=like.device)], -1,
    )  # fmt: skip
    return plane.reshape(1, height * width, 3)


def _affine_grid(matrix, size, out_size, like):
    (width, height), (out_width, out_height) = size, out_size
    half = cygrad.tensor([0.5 * width, 0.5 * height], dtype=like.dtype, device=like.device)
    theta = cygrad.tensor(matrix, dtype=like.dtype, device=like.device).reshape(1, 2, 3)
    base = _base(out_width, out_height, like, True)
    return base.bmm(theta.transpose(1, 2) / half).reshape(1, out_height, out_width, 2)


def _perspective_grid(coefficients, width, height, like):
    a = cygrad.tensor([*coefficients, 1.0], dtype=like.dtype, device=like.device).reshape(3, 3)
    half = cygrad.tensor([0.5 * width, 0.5 * height], dtype=like.dtype, device=like.device)
    base = _base(width, height, like, False)
    upper = base.bmm((a[:2].t() / half).unsqueeze(0))
    lower = base.bmm(a[2:].t().unsqueeze(0))
    return (upper / lower - 1.0).reshape(1, height, width, 2)


def _fill_values(fill, image):
    """``fill`` as (1, C or 1, 1, 1), or None."""
    if fill is None:
        return None
    if not isinstance(fill, (int, float, list, tuple)):
        raise ValueError("Argument fill should be either int, float, tuple or list")
    fill = [float(v) for v in fill] if isinstance(fill, (list, tuple)) else [float(fill)]
    if len(fill) not in (1, image.shape[-3]):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {image.shape[-3]})"
        )
    return fill


def _sampled(image, make_grid, interpolation, fill, modes=(NEAREST, BILINEAR)):
    """The values of the image where the grid points; ``fill`` outside."""
    mode = as_mode(interpolation, names=True)
    if mode not in modes:
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    fill = _fill_values(fill, image)

    def kernel(batch):
        grid = make_grid(batch)
        grid = grid.expand(batch.shape[0], *grid.shape[1:])
        if fill is not None:
            inside = cygrad.ones_like(batch[:, :1])
            batch = cygrad.cat([batch, inside], 1)
        values = nnf.grid_sample(
            batch, grid, mode=mode.value, padding_mode="zeros", align_corners=False
        )
        if fill is None:
            return values
        values, inside = values[:, :-1], values[:, -1:]
        outer = cygrad.tensor(fill, dtype=values.dtype, device=values.device).reshape(1, -1, 1, 1)
        if mode == NEAREST:
            return cygrad.where(inside < 0.5, outer.expand_as(values), values)
        return values * inside + (1.0 - inside) * outer

    return _in_float(image, kernel)


def _from_middle(center, width, height):
    return [0.0, 0.0] if center is None else [center[0] - width * 0.5, center[1] - height * 0.5]


def affine(image, angle, translate, scale, shear, interpolation=NEAREST, fill=None, center=None):
    height, width = image.shape[-2:]
    matrix = affine_matrix(
        _from_middle(center, width, height), angle, translate, scale, shear
    )

    def grid(like):
        return _affine_grid(matrix, (width, height), (width, height), like)

    return _sampled(image, grid, interpolation, fill)


def rotate(image, angle, interpolation=NEAREST, expand=False, center=None, fill=None):
    """By ``angle`` degrees against the clock."""
    height, width = image.shape[-2:]
    matrix = affine_matrix(_from_middle(center, width, height), -angle, [0, 0], 1.0, [0, 0])
    out = expanded_size(matrix, width, height) if expand else (width, height)
    return _sampled(image, lambda like: _affine_grid(matrix, (width, height), out, like), interpolation, fill)


def perspective(image, startpoints, endpoints, interpolation=BILINEAR, fill=None, coefficients=None):
    height, width = image.shape[-2:]
    matrix = coefficients or perspective_coefficients(startpoints, endpoints)
    return _sampled(image, lambda like: _perspective_grid(matrix, width, height, like), interpolation, fill)


def identity_grid(height, width, like):
    """(1, height, width, 2): the grid of `grid_sample` that changes nothing."""
    x = (2 * cygrad.arange(width, device=like.device, dtype=like.dtype) + 1) / width - 1
    y = (2 * cygrad.arange(height, device=like.device, dtype=like.dtype) + 1) / height - 1
    return cygrad.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)], -1).unsqueeze(0)


def elastic(image, displacement, interpolation=BILINEAR, fill=None):
    """Every pixel from where ``displacement`` (1, H, W, 2) leads, in units of half the image."""
    if not isinstance(displacement, cygrad.Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    height, width = image.shape[-2:]
    if displacement.shape != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be (1, {height}, {width}, 2), but given "
            f"{displacement.shape}"
        )

    def grid(like):
        return identity_grid(height, width, like) + displacement.to(like)

    return _sampled(image, grid, interpolation, fill, modes=tuple(InterpolationMode)[:4])


# ---- colours


def _check_factor(value, name):
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def check_hue(hue_factor):
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")


def check_gamma(gamma):
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")


def check_gray_channels(count, text="num_output_channels must be 1 or 3, got {}."):
    if count not in (1, 3):
        raise ValueError(text.format(count))


def _check_channels(image, text="Input image tensor permitted channel values are 1 or 3, but found {}"):
    if image.shape[-3] not in (1, 3):
        raise TypeError(text.format(image.shape[-3]))


def _mixed(image, other, ratio):
    """``ratio`` of the image and the rest of the other, within the range of the dtype."""
    mixed = image * float(ratio) + other * (1.0 - float(ratio))
    return mixed.clamp(0, max_value(image.dtype)).to(image.dtype)


def _luma(image):
    """ITU-R 601-2, as Pillow's mode L; in floating point."""
    r, g, b = image.unbind(-3)
    return (0.2989 * r + 0.587 * g + 0.114 * b).unsqueeze(-3)


def rgb_to_grayscale(image, num_output_channels=1):
    check_gray_channels(num_output_channels)
    if image.shape[-3] != 1:
        if image.shape[-3] != 3:
            raise ValueError(f"not enough values to unpack (expected 3, got {image.shape[-3]})")
        image = _luma(image).to(image.dtype)
    return _spread(image, num_output_channels)


def _spread(gray, channels):
    return gray.expand(*gray.shape[:-3], channels, *gray.shape[-2:]) if channels > 1 else gray


def grayscale_to_rgb(image):
    if image.shape[-3] >= 3:
        return image
    if image.shape[-3] != 1:
        raise ValueError(f"not enough values to unpack (expected 3, got {image.shape[-3]})")
    return _spread(image, 3)


def adjust_brightness(image, brightness_factor):
    _check_factor(brightness_factor, "brightness_factor")
    _check_channels(image)
    bound = max_value(image.dtype)
    return (image * float(brightness_factor)).clamp(0, bound).to(image.dtype)


def adjust_contrast(image, contrast_factor):
    """Between the mean of the gray image and the image."""
    _check_factor(contrast_factor, "contrast_factor")
    _check_channels(image)
    gray = _luma(image) if image.shape[-3] == 3 else image
    if not image.is_floating_point():
        gray = gray.floor() if gray.is_floating_point() else gray.to(cygrad.float32)
    return _mixed(image, gray.mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(image, saturation_factor, whole=False):
    """Between the gray image (of whole numbers, if ``whole``) and the image."""
    _check_factor(saturation_factor, "saturation_factor")
    _check_channels(image)
    if image.shape[-3] == 1:
        return image
    gray = _luma(image)
    return _mixed(image, gray.to(image.dtype) if whole else gray, saturation_factor)


def _rgb_to_hsv(image):
    """As `colorsys.rgb_to_hsv`."""
    r, g, b = image.unbind(-3)
    high, low = image.amax(-3), image.amin(-3)
    span, flat = high - low, high == low
    saturation = span / cygrad.where(flat, cygrad.ones_like(high), high)
    divisor = cygrad.where(flat, cygrad.ones_like(span), span)
    rc, gc, bc = (high - r) / divisor, (high - g) / divisor, (high - b) / divisor
    hue = cygrad.where(high == r, bc - gc, cygrad.where(high == g, 2.0 + rc - bc, 4.0 + gc - rc))
    return (hue / 6.0 + 1.0).fmod(1.0), saturation, high


def _hsv_to_rgb(h, s, v):
    """As `colorsys.hsv_to_rgb`."""
    sector = (h * 6.0).floor()
    f = h * 6.0 - sector
    sector = sector.to(cygrad.int32) % 6
    p, q, t = ((v * (1.0 - x)).clamp(0.0, 1.0) for x in (s, s * f, s * (1.0 - f)))
    table = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    channels = []
    for choices in table:
        value = choices[0]
        for i in range(1, 6):
            value = cygrad.where(sector == i, choices[i], value)
        channels.append(value)
    return cygrad.stack(channels, -3)


def adjust_hue(image, hue_factor):
    """Turn the hue by a part of the circle in [-0.5, 0.5]."""
    check_hue(hue_factor)
    _check_channels(image)
    if image.shape[-3] == 1 or image.numel() == 0:
        return image
    dtype = image.dtype
    h, s, v = _rgb_to_hsv(convert_image_dtype(image))
    return convert_image_dtype(_hsv_to_rgb((h + hue_factor) % 1.0, s, v), dtype)


def adjust_gamma(image, gamma, gain=1):
    """gain * image ** gamma, of values in [0, 1]."""
    check_gamma(gamma)
    values = image if image.is_floating_point() else convert_image_dtype(image)
    return convert_image_dtype((gain * values.pow(gamma)).clamp(0, 1), image.dtype)


def _channelwise(batch, kernel):
    """Convolve each channel of (N, C, H, W) with one kernel."""
    channels = batch.shape[1]
    return nnf.conv2d(batch, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def adjust_sharpness(image, sharpness_factor):
    """Between the image smoothed by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13, edges as they are, and the image."""
    _check_factor(sharpness_factor, "sharpness_factor")
    _check_channels(image, "Input image tensor can have 1 or 3 channels, but found {}")
    if min(image.shape[-2:]) <= 2:
        return image

    def smooth(batch):
        kernel = cygrad.ones(3, 3, dtype=batch.dtype, device=batch.device)
        kernel[1, 1] = 5.0
        smoothed = batch.clone()
        smoothed[..., 1:-1, 1:-1] = _channelwise(batch, kernel / 13.0)
        return smoothed

    return _mixed(image, _in_float(image, smooth), sharpness_factor)


def gaussian_blur(image, kernel_size, sigma=None):
    """With a Gaussian of kernel_size [x, y] pixels and sigma [x, y]; the image is reflected at its edges."""
    (kx, ky), (sx, sy) = blur_arguments(kernel_size, sigma)

    def weights(count, sigma, like):
        half = (count - 1) * 0.5
        x = cygrad.linspace(-half, half, count, dtype=like.dtype, device=like.device)
        density = cygrad.exp(-0.5 * (x / sigma).pow(2))
        return density / density.sum()

    def kernel(batch):
        plane = weights(ky, sy, batch).unsqueeze(1) * weights(kx, sx, batch)
        around = [kx // 2, kx // 2, ky // 2, ky // 2]
        return _channelwise(nnf.pad(batch, around, mode="reflect"), plane)

    return _in_float(image, kernel)


def invert(image):
    if image.is_floating_point():
        return 1.0 - image
    return ~image if image.dtype in (cygrad.uint8, cygrad.bool) else max_value(image.dtype) - image


def posterize(image, bits):
    """Keep ``bits`` bits of each value."""
    if not isinstance(bits, int) or not 0 <= bits <= 8:
        raise TypeError(f"bits must be a positive integer in the range [0, 8], got {bits} instead.")
    if image.is_floating_point():
        levels = 1 << bits
        return (image * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    kept = bits if image.dtype == cygrad.uint8 else max_value(image.dtype).bit_length() - 8 + bits
    if kept >= max_value(image.dtype).bit_length():
        return image
    mask = ((1 << kept) - 1) << (max_value(image.dtype).bit_length() - kept)
    return image & mask


def solarize(image, threshold):
    """Invert what is not below ``threshold``."""
    if threshold > max_value(image.dtype):
        raise TypeError(
            "Threshold should be less or equal the maximum value of the dtype, but got "
            f"{threshold}"
        )
    return cygrad.where(image >= threshold, invert(image), image)


def autocontrast(image, whole=False):
    """Stretch each channel over the whole range; ``whole`` cuts off fractions instead of rounding."""
    _check_channels(image)
    bound = float(max_value(image.dtype))
    values = image if image.is_floating_point() else image.to(cygrad.float32)
    low, high = values.amin((-2, -1), keepdim=True), values.amax((-2, -1), keepdim=True)
    flat = low == high
    scale = cygrad.where(flat, cygrad.ones_like(low), bound / (high - low))
    low = cygrad.where(flat, cygrad.zeros_like(low), low)
    stretched = ((values - low) * scale).clamp(0, bound)
    if not image.is_floating_point() and not whole:
        stretched = stretched.round()
    return stretched.to(image.dtype)


def equalize(image):
    """Make the histogram of each channel flat, as Pillow does."""
    if image.numel() == 0:
        return image
    dtype = image.dtype
    values = convert_image_dtype(image, cygrad.uint8)
    flat = values.flatten(-2).reshape(-1, values.shape[-2] * values.shape[-1]).long()
    histogram = flat.new_zeros((flat.shape[0], 256)).scatter_add(1, flat, cygrad.ones_like(flat))
    total = histogram.cumsum(1)
    brightest = histogram.gather(1, flat.amax(1, keepdim=True))
    step = (flat.shape[1] - brightest).div(255, rounding_mode="floor")
    before = total - histogram + step.div(2, rounding_mode="floor")
    table = before.div(step.clamp(min=1), rounding_mode="floor").clamp(0, 255)
    table = cygrad.where(step == 0, cygrad.arange(256, device=image.device), table)
    result = table.gather(1, flat).to(cygrad.uint8).reshape(values.shape)
    return convert_image_dtype(result, dtype)


# ---- values


def normalize(image, mean, std, inplace=False):
    """(image - mean) / std, channel by channel."""
    if not image.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
    if image.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got {image.shape}."
        )
    mean, std = (cygrad.as_tensor(v, dtype=image.dtype, device=image.device) for v in (mean, std))
    if (std == 0).any():
        raise ValueError("std evaluated to zero, leading to division by zero.")
    mean, std = (v.reshape(-1, 1, 1) if v.ndim == 1 else v for v in (mean, std))
    return image.sub_(mean).div_(std) if inplace else image.sub(mean).div_(std)


def erase(image, i, j, h, w, v, inplace=False):
    image = image if inplace else image.clone()
    image[..., i : i + h, j : j + w] = v
    return image


def permute_channels(image, permutation):
    channels = image.shape[-3]
    if len(permutation) != channels:
        raise ValueError(
            "Length of permutation does not match number of channels: "
            f"{len(permutation)} != {channels}"
        )
    return image.index_select(-3, cygrad.tensor(permutation, device=image.device))


def gaussian_noise(image, mean=0.0, sigma=0.1, clip=True):
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.is_floating_point():
        noisy = image + (mean + cygrad.randn_like(image) * sigma)
        return noisy.clamp(0, 1) if clip else noisy
    if image.dtype != cygrad.uint8:
        raise ValueError(
            f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}"
        )
    noise = mean * 255 + cygrad.randn_like(image, dtype=cygrad.float32) * sigma * 255
    noisy = image + noise
    return (noisy.clamp(0, 255) if clip else noisy).to(cygrad.uint8)


def jpeg(image, quality):
    """Through JPEG of ``quality`` and back, each image by itself; uint8, 1 or 3 channels."""
    if image.dtype != cygrad.uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {image.dtype}")
    done = []
    for picture in _batched(image):
        packed = io.BytesIO()
        to_pil_image(picture).save(packed, format="JPEG", quality=quality)
        done.append(pil_to_tensor(_open(packed)))
    return cygrad.stack(done).reshape(image.shape)


def _open(packed):
    from PIL import Image

    return Image.open(packed)


def to_dtype(image, dtype=None, scale=False):
    dtype = cygrad.float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if not scale:
        return image.to(dtype)
    for kind in (image.dtype, dtype):
        if kind == cygrad.bool:
            raise TypeError(
                "Number of value bits is only defined for integer dtypes, but got torch.bool."
            )
    return convert_image_dtype(image, dtype, verb="conversion")


def uniform_temporal_subsample(video, num_samples):
    """``num_samples`` frames of (..., T, C, H, W), evenly spaced."""
    last = video.shape[-4] - 1
    index = cygrad.linspace(0, last, num_samples, device=video.device).long()
    return video.index_select(-4, index)
