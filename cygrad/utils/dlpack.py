"""torch.utils.dlpack: tensors shared with other libraries."""

import enum

import cygrad

from .. import from_dlpack as _from_dlpack, to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of an object with `__dlpack__`, or of a capsule; moved or copied where asked."""
    made = _from_dlpack(ext_tensor)
    if device is not None:
        device = cygrad.device(device)
        if made.device.type != device.type:
            if copy is False:
                raise ValueError("cannot move a tensor to another device without a copy")
            return made.to(device)
    return made.clone() if copy else made


class DLDeviceType(enum.IntEnum):
    """The kinds of devices of the DLPack standard."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17
