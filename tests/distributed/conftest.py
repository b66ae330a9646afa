"""`mpi` skips where ranks cannot be started; `ranks` starts a program of tests/distributed/programs on several."""

import sys

import pytest
from starting import PROGRAMS, find_mpiexec, run


@pytest.fixture
def mpi():
    """mpiexec; skips where it, or mpi4py, is missing."""
    return find_mpiexec()


@pytest.fixture
def ranks(mpi):
    """ranks(size, program, *arguments, NAME=value) is the Job."""

    def start(size, program, *arguments, seconds=60, **settings):
        command = [mpi, "-n", str(size), sys.executable, "-m", "cygrad", str(PROGRAMS / program), *map(str, arguments)]
        return run(command, seconds, **settings)

    return start
