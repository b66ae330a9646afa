"""What an all_reduce costs beside MPI's own calls: mpiexec -n 2 python -m bench.all_reduce [floats ...].

Columns: mpi4py's Allreduce; dist.all_reduce; mpi4py's Iallreduce and Wait at once; dist.all_reduce with async_op, also
waited for at once: a blocking call in a thread (see `cygrad/distributed/_work.py`), which wins where tensors are large.
"""

import sys
import time

import numpy as np
from mpi4py import MPI

import cygrad
from cygrad import distributed as dist


def best(calls, count, rounds=7):
    """The least time of each call, in seconds; all take turns, so that a busy machine is as hard on each."""
    least = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            dist.barrier()
            began = time.perf_counter()
            for _ in range(count):
                call()
            least[i] = min(least[i], (time.perf_counter() - began) / count)
    return least


def main(sizes):
    """Prints a line for each number of floats."""
    dist.init_process_group("mpi")
    comm = MPI.COMM_WORLD.Dup()
    if dist.get_rank() == 0:
        print(f"{'floats':>9} {'Allreduce':>11} {'all_reduce':>11} {'ratio':>6} {'Iallreduce':>11} {'async_op':>11}")
    for size in sizes:
        tensor, array = cygrad.zeros(size), np.zeros(size, dtype=np.float32)
        calls = [
            lambda: comm.Allreduce(MPI.IN_PLACE, array),  # noqa: B023 - called in this round
            lambda: dist.all_reduce(tensor),  # noqa: B023
            lambda: comm.Iallreduce(MPI.IN_PLACE, array).Wait(),  # noqa: B023
            lambda: dist.all_reduce(tensor, async_op=True).wait(),  # noqa: B023
        ]
        raw, ours, theirs, later = (1e6 * t for t in best(calls, max(3, min(1000, 1_000_000 // size))))
        if dist.get_rank() == 0:
            print(
                f"{size:9} {raw:8.1f} us {ours:8.1f} us {ours / raw:6.2f} {theirs:8.1f} us {later:8.1f} us",
                flush=True,
            )


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [1, 1000, 10_000, 100_000, 300_000, 1_000_000])
