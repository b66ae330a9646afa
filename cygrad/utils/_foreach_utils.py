"""Lists of tensors put together by device and dtype, as optimizers that work on lists at once take them."""

from .._core import Tensor

__all__ = []


def _get_foreach_kernels_supported_devices():
    """The kinds of device for which working on lists at once is the default."""
    return ["cuda"]


def _get_fused_kernels_supported_devices():
    """The kinds of device on which a whole step is one kernel."""
    return ["cuda", "cpu"]


def _device_has_foreach_support(device):
    return device.type in (*_get_foreach_kernels_supported_devices(), "cpu")


def _has_foreach_support(tensors, device):
    return _device_has_foreach_support(device) and all(t is None or type(t) is Tensor for t in tensors)


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """``{(device, dtype): ([part of each list], [indices])}`` by the tensors of the first list.

    The others are as long; None may stand in them.  The indices are left out without `with_indices`.
    """
    groups = {}
    for i, first in enumerate(tensorlistlist[0]):
        parts, indices = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for part, tensors in zip(parts, tensorlistlist, strict=True):
            part.append(tensors[i])
        if with_indices:
            indices.append(i)
    return groups
