"""What all tests share: the same random numbers in any order of tests, and a `device` to run on."""

import random

import numpy as np
import pytest

import cygrad
from cygrad import _warnings


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(0)
    np.random.seed(0)
    cygrad.manual_seed(0)


@pytest.fixture(autouse=True)
def _warnings_given():
    _warnings.forget_given()


@pytest.fixture(params=["cpu", "opencl"])
def device(request):
    """Each device kind of this machine: the CPU, and OpenCL's first device where there is one."""
    if request.param == "opencl":
        from cygrad import cl

        if not cl.device_count("opencl"):
            pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)")
    return cygrad.device(request.param)
