"""Building programs, and the cache of their binaries on disk.

A file holds the binary, the names of the kernels that had run when it was taken (a CPU driver compiles a kernel at its
first run, and its binary then has the machine code), and a checksum: a damaged binary can crash a driver.
PoCL is left to its own cache: asked for a binary, it compiles every kernel of the program in every variant, which takes
seconds, while its cache holds just what ran.  CYGRAD_CL_CACHE=0 switches the cache off, 1 forces it,
XDG_CACHE_HOME moves it.  Processes may share it: a file appears whole, and whoever is last wins.
"""

import atexit
import hashlib
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import uuid
import warnings

from cygrad.cl import _device

MAGIC = b"cygrad-cl-1\n"


def _folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "cygrad" / "cl"


def _enabled(device):
    wanted = os.environ.get("CYGRAD_CL_CACHE")
    return wanted != "0" and (wanted == "1" or device.handle.platform.name != "Portable Computing Language")


def read(path):
    """(names of the kernels that had run, binary), or None where there is no such file or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, _, binary = data[len(MAGIC) :].partition(b"\n")
    try:
        about = json.loads(head)
        if data.startswith(MAGIC) and about["sha256"] == hashlib.sha256(binary).hexdigest():
            return set(about["ran"]), binary
    except (ValueError, KeyError, TypeError):
        pass
    return None


def write(path, ran, binary):
    """Replaces the file at once: a reader sees the old or the new one.  That it cannot be written is no error."""
    about = json.dumps({"sha256": hashlib.sha256(binary).hexdigest(), "ran": sorted(ran)}).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + about + b"\n" + binary)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
    except OSError:
        pass


def build_error(device, source, log):
    """What the compiler said, with the lines of the source that it names."""
    lines, found = source.splitlines(), []
    for said in log.splitlines():
        found.append(said)
        place = re.search(r":(\d+):\d+:", said) or re.match(r"(\d+):\d+:", said)
        if place and 0 < int(place[1]) <= len(lines):
            found.append(f"    {place[1]} | {lines[int(place[1]) - 1]}")
    text = "\n".join(found[:60])
    return f"OpenCL error: the compiler of {device!r} refuses a program of cygrad:\n{text}"


_compiling = 0.0  # seconds; infinity once it has been said


def notice(seconds):
    """Says once, to stderr, why the first run is slow: when compiling has taken a second in all."""
    global _compiling
    _compiling += seconds
    if 1 < _compiling < float("inf"):
        _compiling = float("inf")
        if os.environ.get("CYGRAD_CL_NOTICE") != "0":
            print("cygrad: compiling OpenCL kernels; the next run finds them in the cache (CYGRAD_CL_NOTICE=0 hides "
                  "this)", file=sys.stderr)  # fmt: skip


class Program:
    """A built program of one device; `kernel(name)` gives its kernels."""

    def __init__(self, device, source):
        cl = _device.pyopencl()
        handle = device.handle
        options = ["-cl-std=CL1.2", "-w"]
        if handle.single_fp_config & cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT:
            options.append("-cl-fp32-correctly-rounded-divide-sqrt")
        if handle.platform.name == "Oclgrind":  # knows the standard's functions alone
            options.append("-DCG_PLAIN")
        identity = (source, options, handle.name, handle.version, handle.driver_version, handle.platform.name,
                    handle.platform.version)  # fmt: skip
        self.path = _folder() / (hashlib.sha256(repr(identity).encode()).hexdigest() + ".bin")
        self.device, self.source, self.options = device, source, options
        self.ran, self.saved_ran = set(), set()
        self.process = os.getpid()  # drivers hang in a child that was forked
        cached = read(self.path) if _enabled(device) else None
        if cached:
            try:
                self.program = self.build(cl.Program(device.context, [handle], [cached[1]]))
                self.saved_ran = cached[0]
                return
            except cl.Error:  # made by another build of the driver: compile anew
                pass
        self.program = self.build_source(source)
        self.save()

    def build(self, program):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyopencl warns of whatever a compiler prints
            # cache_dir=False: pyopencl's own cache would keep a second copy.
            return program.build(self.options, cache_dir=False)

    def build_source(self, source):
        cl = _device.pyopencl()
        start = time.monotonic()
        try:
            return self.build(cl.Program(self.device.context, source))
        except cl.RuntimeError as error:
            raise RuntimeError(build_error(self.device, source, str(error))) from None
        finally:
            notice(time.monotonic() - start)

    def kernel(self, name):
        """A kernel object of its own for every caller: arguments are a kernel's state."""
        cl = _device.pyopencl()
        self.ran.add(name)
        if name not in self.program.kernel_names.split(";"):
            # PoCL 3.0 can read a program without its kernels from its cache; the comment makes it another program.
            self.program = self.build_source(f"{self.source}// {uuid.uuid4()}\n")
        return cl.Kernel(self.program, name)

    def save(self):
        cl = _device.pyopencl()
        if _enabled(self.device):
            binary = self.program.get_info(cl.program_info.BINARIES)[0]
            write(self.path, self.ran | self.saved_ran, binary)
            self.saved_ran |= self.ran


_programs = {}
_building = threading.RLock()  # of threads that want one program, one builds it


def program(device, key, make):
    """The program of `device` known as `key`; make() -> (source, kernel stems) where it is not there yet."""
    key = (device.index, key)
    with _building:
        if key not in _programs:
            _programs[key] = Program(device, make()[0])
        return _programs[key]


@atexit.register
def _save():
    for p in _programs.values():
        if p.process == os.getpid() and p.ran - p.saved_ran:
            p.save()
