"""What all tests share: the same random numbers in any order of tests, and a `device` to run on.

A file that says `pytestmark = pytest.mark.usefixtures("everywhere")` runs as it stands on each device: it is the
default one, where a test makes its tensors.  A test that is about the CPU alone is marked `cpu_only` there.
"""

import os
import random

import numpy as np
import pytest

# In this process `strict` is on while tests run on a device; in those that tests start, from the first use of one.
_strict_elsewhere = os.environ.pop("CYGRAD_CL_STRICT", "1")

import cygrad  # noqa: E402  which reads it
from cygrad import _warnings, cl  # noqa: E402

os.environ["CYGRAD_CL_STRICT"] = _strict_elsewhere


_FRESH = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seeds(request):
    random.seed(0)
    np.random.seed(0)
    cygrad.manual_seed(0)
    for value in vars(request.module).values():
        if isinstance(value, np.random.Generator):
            value.bit_generator.state = _FRESH.bit_generator.state


@pytest.fixture(autouse=True)
def _warnings_given():
    _warnings.forget_given()


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


@pytest.fixture
def everywhere(device):
    """Makes each device kind in turn the default one."""
    if device.type == "cpu":
        yield
        return
    cygrad.set_default_device(device)
    yield
    cygrad.set_default_device(None)


def pytest_configure(config):
    config.addinivalue_line("markers", "cpu_only: what it tests is the CPU's alone")


def pytest_collection_modifyitems(config, items):
    def elsewhere(item):
        on = item.callspec.params.get("device") if hasattr(item, "callspec") else None
        return on == "opencl" and item.get_closest_marker("cpu_only") is not None

    config.hook.pytest_deselected(items=[item for item in items if elsewhere(item)])
    items[:] = [item for item in items if not elsewhere(item)]
