"""What all tests share: the same random numbers in any order of tests, and a `device` to run on."""

import os
import random

import numpy as np
import pytest

import cygrad
from cygrad import cl

# In this process `strict` is on while tests run on a device; in those that tests start, from the first use of one.
os.environ.setdefault("CYGRAD_CL_STRICT", "1")


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(0)
    np.random.seed(0)
    cygrad.manual_seed(0)


@pytest.fixture
def strict():
    """No operator may compute on the host."""
    with cl.strict():
        yield


@pytest.fixture(params=["cpu", "opencl"])
def device(request):
    """Each device kind of this machine: the CPU, and OpenCL's first device where there is one."""
    if request.param == "opencl":
        if not cl.device_count("opencl"):
            pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)")
        request.getfixturevalue("strict")
    return cygrad.device(request.param)
