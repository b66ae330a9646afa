"""Ranks for processes that mpiexec did not start, as those of torch.multiprocessing.spawn, on one machine.

Rank 0 has mpiexec start as many idle processes, the seats. Each writes down what its launcher told it, so that a process
of the program can take its place: it starts MPI as if it were the seat. A seat ends when its process does, and if that did
not end well mpiexec ends all seats, and they their processes.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from . import _mpiexec
from ._types import DistNetworkError

_taken = None  # the path of this process's seat


def _folder(address):
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"cygrad-{os.getuid()}-{name}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        raise DistNetworkError(f"{path} belongs to another user")
    return path


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _write(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def _read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def take(rank, world_size, address, seconds):
    """Makes this process rank `rank` of those that meet at the address; to be called before MPI starts."""
    global _taken
    folder = _folder(address)
    if rank == 0:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        command = [_mpiexec.find(), "-n", str(world_size), sys.executable, "-m", __name__, folder]
        paths = os.pathsep.join(filter(None, sys.path))
        settings = {**os.environ, **_mpiexec.environment(), "PYTHONPATH": paths}
        subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL)
    path, end = os.path.join(folder, str(rank)), time.monotonic() + seconds
    while True:
        seat = _read(path)
        if seat and _alive(seat["process"]) and not os.path.exists(path + ".taken"):
            break
        if time.monotonic() > end:
            raise DistNetworkError(
                f"rank {rank} found no place at {address} within {seconds:.0f} s: rank 0 has not come, or runs on "
                "another machine; `python -m cygrad.distributed.run` starts ranks on several machines"
            )
        time.sleep(0.02)
    _write(path + ".taken", {"process": os.getpid()})
    os.environ.update(seat["environment"])
    _taken = path


def leave():
    """Says that this process has ended well."""
    if _taken is not None:
        _write(_taken + ".done", {})


def _serve(folder):
    """The program of a seat."""
    from . import _environment

    rank = _environment.told()["RANK"]
    path = os.path.join(folder, rank)
    settings = {n: v for n, v in os.environ.items() if n.startswith(("OMPI_", "PMIX_", "PMI_", "PRTE_"))}
    _write(path, {"process": os.getpid(), "environment": settings})
    end = time.monotonic() + 300
    while (taken := _read(path + ".taken")) is None:
        if time.monotonic() > end:
            sys.exit(f"[rank {rank}] did not come within 300 s")
        time.sleep(0.02)
    process = taken["process"]

    def end_process(*_):
        if _alive(process):
            os.kill(process, signal.SIGKILL)
        os._exit(1)

    signal.signal(signal.SIGTERM, end_process)
    while _alive(process) and not os.path.exists(path + ".done"):
        time.sleep(0.05)
    if not os.path.exists(path + ".done"):
        time.sleep(1)  # who raised the error is to say so first
        print(f"[rank {rank}, process {process}] ended without leaving the group; the job ends", file=sys.stderr)
        os._exit(1)
    for name in ("", ".taken", ".done"):
        os.unlink(path + name)


if __name__ == "__main__":
    _serve(sys.argv[1])
