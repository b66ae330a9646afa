"""A rank that fails ends the job, within its time limit, with a message that names it; no process is left."""

import os
import re
import time

import pytest


@pytest.mark.parametrize(
    "kind, message",
    [
        ("raises", r"\[rank 1, process \d+ on \S+\] raised ValueError: something is wrong; the job ends"),
        ("killed", r"process rank 1 with PID \d+ on node \S+ exited on\s+signal 9"),
        ("exits", r"\[rank 0, .*waits in all_reduce .* for rank 1, which ended the program without it"),
        ("late", r"\[rank 0, .*Timed out after 2000ms in all_reduce \(sequence number 2\) .*: rank 1 did not come"),
        ("order", r"Timed out after 2000ms in .*: rank [01] waits in (recv from rank 0|all_reduce)"),
        ("message", r"\[Rank 1\] recv from rank 0 failed: MPI_ERR_TRUNCATE"),
        ("barrier", r"\[Rank 0\]: Rank 1 failed to pass monitoredBarrier in 1000 ms"),
        ("queue", r"\[rank 0, .*waits in all_reduce .* for rank 1, which ended the program without it"),
    ],
)
def test_ends_and_names_the_rank(ranks, kind, message):
    began = time.monotonic()
    job = ranks(2, "faults.py", kind)
    assert job.code != 0 and time.monotonic() - began < 30
    assert re.search(message, job.errors), job.errors[-3000:]
    for pid in map(int, re.findall(r"process (\d+)", job.output)):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    "kind, message",
    [
        ("shape", "Collectives differ in the following aspects:   Tensor Tensor shapes: [34]vs [34]"),
        ("mismatch", "Collectives differ in .*:   Op type: (BROADCASTvs BARRIER|BARRIERvs BROADCAST)"),
    ],
)
def test_detail_compares_collectives(ranks, kind, message):
    job = ranks(2, "faults.py", kind, TORCH_DISTRIBUTED_DEBUG="DETAIL")
    assert job.code != 0
    assert "Detected mismatch between collectives on ranks. Rank " in job.errors, job.errors[-3000:]
    assert re.search(message, job.errors)


def test_names_all_ranks_that_are_late(ranks):
    job = ranks(4, "faults.py", "late")
    assert re.search(r"\[rank [012], .*Timed out .*: rank 3 did not come", job.errors), job.errors[-3000:]
