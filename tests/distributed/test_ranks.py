"""Programs on several ranks: collectives, training, sharing; on 2 ranks, some on 4."""

import pytest

PROGRAMS = [
    ("collectives.py", 2), ("collectives.py", 4), ("ddp.py", 2), ("ddp.py", 4), ("reducing.py", 2), ("reducing.py", 4),
    ("sharded.py", 2), ("sharing.py", 2), ("sharing.py", 4),
]  # fmt: skip


@pytest.mark.parametrize("program, size", PROGRAMS)
def test_program(ranks, program, size):
    ranks(size, program).passed(size)


def test_collectives_compared(ranks):
    """With DETAIL the ranks compare what they run, and find nothing."""
    ranks(2, "collectives.py", TORCH_DISTRIBUTED_DEBUG="DETAIL").passed(2)


def test_opencl(ranks):
    from cygrad import cl

    if not cl.device_count("opencl"):
        pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)")
    ranks(2, "opencl.py").passed(2)
