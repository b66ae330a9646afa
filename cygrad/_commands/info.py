"""`python -m cygrad info`: what a report of an error needs to say of the machine."""

import os
import platform
import sys
from importlib import metadata


def _installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def _memory():
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    except (ValueError, OSError, AttributeError):
        return "unknown"


def _blas():
    import scipy_openblas32

    text = scipy_openblas32.get_openblas_config()
    return text.decode() if isinstance(text, bytes) else str(text)


def opencl():
    """Lines about OpenCL's platforms and devices, or about why there are none."""
    from ..cl import _device

    try:
        cl = _device.pyopencl()
    except RuntimeError as error:
        return [f"none: {error}"]
    try:
        platforms = cl.get_platforms()
    except cl.LogicError:
        return [f"none: {_device.NO_DRIVER}"]
    lines = []
    for found in platforms:
        lines.append(f"platform {found.name}, {found.version}")
        try:
            devices = found.get_devices()
        except cl.Error as error:
            devices = []
            lines.append(f"  no device: {error}")
        for device in devices:
            kind = cl.device_type.to_string(device.type, "%d")
            lines.append(f"  {device.name}: {kind}, {device.max_compute_units} units, "
                         f"{device.global_mem_size / 2**30:.1f} GiB, driver {device.driver_version}, "
                         f"float64 {'yes' if device.double_fp_config else 'no'}")  # fmt: skip
    try:
        found, cuda = _device.found()
    except RuntimeError as error:
        return [*lines, f"none is used: {error}"]
    names = [f'"opencl:{i}"{f" and cuda:{i}" if i < cuda else ""} is {d.name}' for i, d in enumerate(found)]
    if not cuda:
        names.append('no "cuda" device: none is a GPU, and CYGRAD_DEVICE names none')
    return lines + names


def report():
    """The text, one `name: value` a line."""
    import cygrad

    level = cygrad.backends.cpu.get_cpu_capability()
    lines = [
        f"cygrad: {cygrad.version.cygrad} in {os.path.dirname(cygrad.__file__)}",
        f"interface: PyTorch {cygrad.__version__}",
        f"Python: {sys.version.split()[0]}, {platform.python_implementation()}, {sys.executable}",
        f"system: {platform.platform()}",
        f"processor: {_processor()}, {os.cpu_count()} cores, kernels for {level}",
        f"memory: {_memory()}",
        f"threads: {cygrad.get_num_threads()}",
        f"BLAS: {_blas()}",
    ]
    packages = "numpy scipy-openblas32 pyopencl mpi4py pillow torch".split()
    lines.append("packages: " + ", ".join(f"{name} {_installed(name)}" for name in packages))
    ours = ("CYGRAD_", "OMP_", "OPENBLAS_", "POCL_", "MKL_")
    settings = sorted(name for name in os.environ if name.startswith(ours))
    lines += [f"environment: {name}={os.environ[name]}" for name in settings]
    found = opencl()
    return lines + [f"OpenCL: {found[0]}"] + [f"        {line}" for line in found[1:]]


def main(arguments):
    print("\n".join(report()))
