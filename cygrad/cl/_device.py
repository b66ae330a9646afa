"""Which OpenCL devices there are, in what order, and what each can do.  The one place that imports pyopencl."""

import ctypes
import functools
import os
import re

NO_DRIVER = "no OpenCL driver: pip install pocl-binary-distribution, or install your vendor's driver"
clock = None  # while devices are profiled: the host's
LIMIT = 16  # device codes: 1 + i is "opencl:i", 17 + i is "cuda:i"


@functools.cache
def pyopencl():
    """The pyopencl module; RuntimeError where it is not installed."""
    try:
        import pyopencl as cl
    except ImportError as error:
        raise RuntimeError('OpenCL devices need pyopencl: pip install "pyopencl[pocl]"') from error
    return cl


def _kind(cl, device):
    types = cl.device_type
    return 0 if device.type & types.GPU else 1 if device.type & types.ACCELERATOR else 2


def _chosen(text, device, position):
    """Whether CYGRAD_DEVICE names the device: by number, by type, or by part of its or its platform's name."""
    number = re.fullmatch(r"(?:(?:opencl|cuda):)?(\d+)", text)
    if number:
        return int(number[1]) == position
    if text in ("cpu", "gpu"):
        return _kind(pyopencl(), device) == {"gpu": 0, "cpu": 2}[text]
    return text in ("cuda", "opencl", "any") or text in f"{device.platform.name} {device.name}".lower()


@functools.cache
def found():
    """(pyopencl devices in the order of "opencl:i", how many of them are "cuda:i" too): GPUs come first.

    With CYGRAD_DEVICE set, the devices it names come first and are the "cuda" devices, CPUs included.
    """
    cl = pyopencl()
    try:
        platforms = cl.get_platforms()
    except cl.LogicError as error:
        raise RuntimeError(NO_DRIVER) from error
    devices = []
    for platform in platforms:
        try:
            devices += platform.get_devices()
        except cl.Error:  # a platform without devices is an error to some loaders
            continue
    if not devices:
        raise RuntimeError(NO_DRIVER)
    devices.sort(key=lambda d: _kind(cl, d))
    text = os.environ.get("CYGRAD_DEVICE", "").strip().lower()
    if not text:
        return devices[:LIMIT], sum(_kind(cl, d) == 0 for d in devices[:LIMIT])
    first = [d for k, d in enumerate(devices) if _chosen(text, d, k)]
    if not first:
        names = ", ".join(d.name for d in devices)
        raise RuntimeError(f"CYGRAD_DEVICE={text!r} names no OpenCL device; there are: {names}")
    return (first + [d for d in devices if d not in first])[:LIMIT], len(first[:LIMIT])


def addresses(functions):
    """{name: address} in the OpenCL loader that pyopencl mapped; None where they are not found, or not wanted."""
    names = ["libOpenCL.so.1", "OpenCL.dll", "/System/Library/Frameworks/OpenCL.framework/OpenCL"]
    try:
        with open("/proc/self/maps") as maps:
            mapped = re.findall(r"\S*libOpenCL[^/\s]*\.so\S*", maps.read())
        names = mapped[:1]  # another loader would not know pyopencl's handles
    except OSError:
        pass
    if os.environ.get("CYGRAD_CL_LAUNCH") == "pyopencl":
        return None
    for name in names:
        try:
            library = ctypes.CDLL(name)
            return {f: ctypes.cast(getattr(library, f), ctypes.c_void_p).value for f in functions}
        except (OSError, AttributeError):
            continue
    return None


def opened(index):
    """What the launcher's device for "opencl:index" is made of: its context, its in-order queue, its limits."""
    cl = pyopencl()
    handle = found()[0][index]
    context = cl.Context([handle])
    queue = new_queue(context, handle)
    schedule = os.environ.get("CYGRAD_CL_SCHEDULE") or ("cpu" if _kind(cl, handle) == 2 else "gpu")
    if schedule not in ("cpu", "gpu"):
        raise RuntimeError(f"CYGRAD_CL_SCHEDULE must be cpu or gpu, not {schedule!r}")
    limit = int(os.environ.get("CYGRAD_CL_MEMORY_LIMIT", 0)) or handle.global_mem_size
    group = 256
    while group > handle.max_work_group_size:
        group //= 2
    return {
        "handle": handle, "context": context, "queue": queue, "schedule": schedule, "limit": limit,
        "fp64": bool(handle.double_fp_config), "max_alloc": handle.max_mem_alloc_size,
        "units": handle.max_compute_units, "group": group,
    }  # fmt: skip


def start_profile(device):
    device.start_profile(new_queue(device.context, device.handle, profiling=True), clock)


def new_queue(context, handle, profiling=False):
    """Another queue of a device; one with `profiling` takes the time of everything."""
    cl = pyopencl()
    return cl.CommandQueue(context, handle, cl.command_queue_properties.PROFILING_ENABLE if profiling else 0)
