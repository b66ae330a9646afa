"""What the launchers of MPI tell a process, and PyTorch's names of it: RANK, LOCAL_RANK, WORLD_SIZE, ...

As a program (`python -m cygrad.distributed._environment COMMAND`) it sets these and becomes the command.
"""

import os
import sys

_LAUNCHERS = {  # Open MPI, then MPICH and its relatives; variables that hold the value, the first that is set counts
    "RANK": ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK"),
    "WORLD_SIZE": ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"),
    "LOCAL_RANK": ("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK"),
    "LOCAL_WORLD_SIZE": (
        "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_LOCAL_SIZE",
    ),
}  # fmt: skip


def launched():
    """Whether mpiexec, or what stands for it, started this process."""
    return any(name in os.environ for name in _LAUNCHERS["WORLD_SIZE"])


def told():
    """{PyTorch's name: value} of what the launcher says."""
    found = {}
    for name, theirs in _LAUNCHERS.items():
        value = next((os.environ[t] for t in theirs if t in os.environ), None)
        if value is not None:
            found[name] = value
    if found:
        size, local = (int(found.get(n, 1)) for n in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        if local and size % local == 0:
            found["GROUP_WORLD_SIZE"] = str(size // local)
            found["GROUP_RANK"] = str(int(found["RANK"]) // local)
        found["MASTER_ADDR"], found["MASTER_PORT"] = "127.0.0.1", "29500"
    return found


def fill():
    """Sets PyTorch's variables, where a launcher of MPI has started this process and they are not set."""
    for name, value in told().items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    fill()
    os.execvp(sys.argv[1], sys.argv[1:])
