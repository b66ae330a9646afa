"""What the machine allows: its bandwidth for so many bytes, and the rate of its multipliers, as measured by NumPy."""

import concurrent.futures
import functools
import platform
import time

import numpy as np

REPEATS = 5


def processor():
    """The processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def best(work):
    """The least time of some runs."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


@functools.cache
def bandwidth(moved, threads):
    """Bytes a second that copies of arrays move, which together take `moved` bytes, over so many threads."""
    count = max(1024, moved // 2 // threads)
    pairs = [(np.ones(count, "uint8"), np.ones(count, "uint8")) for _ in range(threads)]
    calls = max(1, (64 << 20) // (2 * count))

    def copy(pair):
        for _ in range(calls):
            np.copyto(*pair)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        seconds = best(lambda: list(pool.map(copy, pairs)))
    return 2 * count * threads * calls / seconds


@functools.cache
def flops(threads):
    """Additions and multiplications a second of a float32 product of matrices, over so many threads."""
    n = 768
    pairs = [(np.ones((n, n), "float32"), np.ones((n, n), "float32")) for _ in range(threads)]
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # NumPy's own threads, then
        a, b = pairs[0]
        return 2 * n**3 / best(lambda: a @ b)
    with threadpool_limits(1), concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return 2 * n**3 * threads / best(lambda: list(pool.map(lambda pair: pair[0] @ pair[1], pairs)))


def seconds(case, threads):
    """The time that a case takes at least: its bytes at the bandwidth or its products at the rate; None if unknown."""
    if case.flops:
        return case.flops / flops(threads)
    if case.moved:
        return case.moved / bandwidth(1 << (case.moved - 1).bit_length(), threads)
    return None
