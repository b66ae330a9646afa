"""torch.cpu: the CPU in the words of torch.cuda."""

import contextlib
import os
import platform

from .. import _standins
from .._standins import answer
from . import amp

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "get_capabilities",
    "is_available",
    "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip

is_available = is_initialized = answer(True)
device_count = answer(1)
current_device = answer("cpu")
set_device = synchronize = answer(None)


class Stream:
    """The CPU's only stream: work is done when a call returns."""

    def __init__(self, priority=-1):
        pass

    def wait_stream(self, stream):
        """Nothing is ever waiting."""

    def record_event(self):
        """Nothing is ever waiting."""

    def wait_event(self, event):
        """Nothing is ever waiting."""


class Event:
    """A point in the work of the CPU."""

    def query(self):
        return True

    def record(self, stream=None):
        """Nothing is ever waiting."""

    def synchronize(self):
        """Nothing is ever waiting."""

    def wait(self, stream=None):
        """Nothing is ever waiting."""


_only = Stream()
current_stream = answer(_only)


class StreamContext(contextlib.nullcontext):
    """A `with` block on a stream: it changes nothing."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream


def stream(stream):
    """A `with` block on a stream."""
    return StreamContext(stream)


# What the kernel calls some of them by.
_FLAGS = {
    "sse3": "pni", "avx512_f": "avx512f", "avx512_dq": "avx512dq", "avx512_bw": "avx512bw", "avx512_vl": "avx512vl",
    "avx512_cd": "avx512cd", "avx512_ifma": "avx512ifma", "avx512_vbmi": "avx512vbmi", "fma3": "fma", "bmi": "bmi1",
    "lzcnt": "abm", "sha": "sha_ni",
}  # fmt: skip
_ASKED = """sse sse2 sse3 ssse3 sse4_1 sse4_2 sse4a avx avx2 f16c fma3 fma4 bmi bmi2 lzcnt aes sha clflush clflushopt
    clwb avx512_f avx512_cd avx512_dq avx512_bw avx512_vl avx512_ifma avx512_vbmi avx512_vbmi2 avx512_vnni
    avx512_vpopcntdq avx512_bf16 avx512_fp16 avx_vnni amx_bf16 amx_tile amx_int8 amx_fp16""".split()


def get_capabilities():
    """What the processor can do: {"architecture": "x86_64", "avx2": True, ...}; its flags where Linux tells them."""
    found = {
        "architecture": platform.machine(),
        "num_logical_cores": os.cpu_count(),
    }
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return found
    told = {key.strip(): value.strip() for key, _, value in reversed(lines)}
    found["cpu_name"] = told.get("model name", "")
    flags = set(told.get("flags", told.get("Features", "")).split())
    if "flags" in told:
        found.update({name: _FLAGS.get(name, name) in flags for name in _ASKED})
    return found


def __getattr__(name):
    return _standins.submodule(__name__, name)
