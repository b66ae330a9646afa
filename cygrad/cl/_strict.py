"""`torch.opencl.strict`: makes hidden computation on the host an error.

Every copy between host memory and a device is judged by the public functions that the program is in.  A copy is the
program's own where the program itself called what copies (`cpu`, `tolist`, `print`, `tensor`, ...).  Within an operator
one number may travel: the size of a result, an error, a kernel may depend on it.  More is what `_devices/host.py` lists
with its reason, or an error.
"""

import os
import sys

from cygrad import _dispatch, _ops
from cygrad._devices import host
from cygrad.cl import _rows

# Public functions whose work is to copy, or to show.
TRANSFERS = frozenset(
    """item tolist __float__ __int__ __complex__ __index__ __bool__ is_nonzero numpy __array__ cpu cuda to type type_as
    copy_ __repr__ __str__ __format__ __deepcopy__ __reduce_ex__ __setstate__ data set_ share_memory_ new new_tensor
    tensor as_tensor asarray Tensor.__iter__ __dlpack__""".split()
)
# Modules of the library, outside operators, that copy for the same reasons: they show, save, send or compare tensors.
MOVERS = (
    "cygrad._files", "cygrad._tensor", "cygrad._tensor_str", "cygrad.autograd", "cygrad.cl", "cygrad.distributed",
    "cygrad.multiprocessing", "cygrad.nn.module", "cygrad.nn.parallel", "cygrad.nn.parameter", "cygrad.nn.utils.rnn",
    "cygrad.profiler", "cygrad.serialization", "cygrad.storage", "cygrad.testing", "cygrad.utils",
    "cygrad.vision.transforms", "cygrad.vision.utils",
)  # fmt: skip
HOOKS = ("cygrad.autograd.graph", "cygrad.utils.checkpoint")  # what they copy within an operator the program asked for
MOST = 64  # numbers that a primitive of the device may ask for: how often values occur, say


def _name(public):
    return _dispatch.public_name(public).removeprefix("torch.").removeprefix("Tensor.")


def _module(frame):
    return frame.f_globals.get("__name__", "")


def _ours(frame):
    return _module(frame).partition(".")[0] == "cygrad"


def verdict(tensor, onward):
    """None where a copy between `tensor`, which is on a device, and the host may be, else the name of who makes it."""
    calls, count = _dispatch.calls(), tensor.numel()
    if count <= 1 or host.under_way():
        return None
    frame = sys._getframe(2)
    if not onward and count <= MOST and _module(frame).startswith("cygrad.cl."):
        return None
    while calls and _name(calls[-1][0]) in TRANSFERS:
        function, frame = calls.pop()
        # A compiled operator has no frame: what it calls has the frame of who called it.
        if not _ours(frame) and not (calls and calls[-1][1] is frame) or _module(frame).startswith(HOOKS):
            return None
    if calls:
        name = _name(calls[-1][0])
        return None if name in (host.GIVEN if onward else host.LOOKS) else _dispatch.public_name(calls[-1][0])
    if onward or not _ours(frame) or _module(frame).startswith(MOVERS):
        return None
    return f"{_module(frame)}.{frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name}"


def _watch(tensor, onward):
    name = verdict(tensor, onward)
    if name is not None:
        way = "from host memory to" if onward else "to host memory from"
        raise RuntimeError(
            f"{name} copies {tensor.numel()} elements {way} {tensor.device}: it would compute on the host, which "
            "torch.opencl.strict forbids (torch.opencl.host_operators() are those that may)"
        )


_on = False


class strict:
    """Forbids (or, with False, allows again) operators on tensors of a device to compute on the host: RuntimeError.

    As a context manager for a while.  CYGRAD_CL_STRICT=1 in the environment forbids it from the start.  LAPACK's and
    Fourier's operators (`torch.opencl.host_operators()`) go on.  Calls take longer while it is on.
    """

    def __init__(self, enabled=True):
        self.before = _on
        self._set(enabled)

    def _set(self, enabled):
        global _on
        _on = bool(enabled)
        _dispatch.follow_calls(_on)
        _rows.watch(_watch if _on else None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._set(self.before)


_ops.set_mover(host.moved)
if os.environ.get("CYGRAD_CL_STRICT", "0") not in ("", "0"):
    strict()
