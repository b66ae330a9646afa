"""Ranks for processes that mpiexec did not start, as those of torch.multiprocessing.spawn, on one machine.

Rank 0 has mpiexec start as many idle processes, the seats (`_seat`). Each writes down what its launcher told it, so
that a process of the program can take its place: it starts MPI as if it were the seat. A seat ends when its process
does; if that did not end well, mpiexec ends all seats, and they their processes.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time

from . import _mpiexec, _seat
from ._types import DistNetworkError

_taken = None  # the path of this process's seat
_mpiexec_process = None


def _folder(address):
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f"cygrad-{os.getuid()}-{name}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        raise DistNetworkError(f"{path} belongs to another user")
    return path


def take(rank, world_size, address, seconds):
    """Makes this process rank `rank` of those that meet at the address; to be called before MPI starts."""
    global _taken, _mpiexec_process
    folder = _folder(address)
    if rank == 0:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        command = [_mpiexec.find(), "-n", str(world_size), sys.executable, "-I", _seat.__file__, folder]
        settings = {**os.environ, **_mpiexec.environment()}
        _mpiexec_process = subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL)
    path, end = os.path.join(folder, str(rank)), time.monotonic() + seconds
    while True:
        seat = _seat.read(path)
        if seat and _seat.alive(seat["process"]) and not os.path.exists(path + ".taken"):
            break
        if _mpiexec_process is not None and _mpiexec_process.poll() is not None:
            raise DistNetworkError(f"mpiexec ended with code {_mpiexec_process.returncode} at its start")
        if time.monotonic() > end:
            raise DistNetworkError(
                f"rank {rank} found no place at {address} within {seconds:.0f} s: rank 0 has not come, or runs on "
                "another machine; `python -m cygrad.distributed.run` starts ranks on several machines"
            )
        time.sleep(0.02)
    _seat.write(path + ".taken", {"process": os.getpid()})
    os.environ.update(seat["environment"])
    _taken = path


def leave():
    """Says that this process has ended well."""
    if _taken is not None:
        _seat.write(_taken + ".done", {})
    if _mpiexec_process is not None:
        _mpiexec_process.wait()
