"""The program of a seat (see `_seats`); of the standard library alone, so that it starts at once."""

import json
import os
import shutil
import signal
import sys
import time


def alive(pid):
    """Whether there is such a process, and not only its remains."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def write(path, value):
    """Writes the file at one go: who reads it finds all of it or nothing."""
    with open(path + ".new", "w") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def read(path):
    """What `write` has written, or None."""
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def serve(folder):
    """Lets a process take this one's rank, and ends with it."""
    rank = next(os.environ[n] for n in ("OMPI_COMM_WORLD_RANK", "PMI_RANK") if n in os.environ)
    path = os.path.join(folder, rank)
    told = {n: v for n, v in os.environ.items() if n.startswith(("OMPI_", "OPAL_", "PMIX_", "PMI_", "PRTE_"))}
    write(path, {"process": os.getpid(), "environment": told})
    end = time.monotonic() + 300
    while (taken := read(path + ".taken")) is None:
        if time.monotonic() > end:
            sys.exit(f"[rank {rank}] did not come within 300 s")
        time.sleep(0.02)
    process = taken["process"]

    def end_process(*_):
        if alive(process):
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    signal.signal(signal.SIGTERM, end_process)
    while alive(process) and not os.path.exists(path + ".done"):
        time.sleep(0.05)
    if not os.path.exists(path + ".done"):
        print(f"[rank {rank}, process {process}] ended without leaving; the job ends", file=sys.stderr, flush=True)
        time.sleep(1)  # torch.multiprocessing is to find that one first
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
    for name in ("", ".taken", ".done"):
        os.unlink(path + name)
    try:
        os.rmdir(folder)  # the last does
    except OSError:
        pass


if __name__ == "__main__":
    serve(sys.argv[1])
