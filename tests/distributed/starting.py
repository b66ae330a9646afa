"""Starting programs of tests/distributed/programs on several ranks, by the mpiexec that cygrad finds."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from cygrad.distributed import _mpiexec

PROGRAMS = pathlib.Path(__file__).parent / "programs"


def find_mpiexec():
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed (the extra cygrad[mpi])")
    try:
        return _mpiexec.find()
    except RuntimeError as error:
        pytest.skip(str(error))


class Job:
    """What a program on several ranks has written, and its exit code."""

    def __init__(self, done):
        self.code, self.output, self.errors = done.returncode, done.stdout, done.stderr

    def passed(self, size):
        assert self.code == 0, self.errors[-5000:]
        assert self.errors.count("passed") == size, self.errors[-5000:]
        return self


TOLD = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCH_DISTRIBUTED_DEBUG")


def run(command, seconds=60, cwd=None, **settings):
    """The command, in an environment that tells it nothing of ranks but what `settings` say."""
    base = {name: value for name, value in os.environ.items() if name not in TOLD}
    paths = os.pathsep.join(filter(None, sys.path))
    settings = {
        **base, **_mpiexec.environment(), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "PYTHONPATH": paths,
        **settings,
    }  # fmt: skip
    done = subprocess.run(
        command, env=settings, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=seconds
    )
    return Job(done)
