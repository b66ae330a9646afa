"""The devices behind torch.cuda: the backend, and its numbers for what programs name."""

from .. import _core


def backend():
    return _core.backend("cuda")


def index_of(device):
    if device is None:
        return backend().current_device("cuda")
    if isinstance(device, int):
        return device
    return _core.device(device).index or 0


def code_of(device):
    return backend().device_code("cuda", index_of(device))
