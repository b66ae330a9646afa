"""How many threads a loop gets: the one place that decides about threads.

Design
------
* `num_threads()` is what a region that is opened now may have: 1, or what `set_num_threads` said.  Its first value is
  OMP_NUM_THREADS, else the processors that this process may run on, no more than its control group pays for.
* A region ends when the last of its threads has ended.  Beside other busy processes a helper may come milliseconds late
  to microseconds of work, so each region is timed: n threads that took T while the caller's own part took P have
  gained n * P - T over one thread, or lost it.  Gains are an account of at most MOST seconds; a loss of L beyond it is
  followed by REST * L seconds at one thread, which bounds what waiting costs to one part in REST, whatever the machine
  does.
* What is computed does not depend on the number of threads, so it may change from one region to the next.
* The state is shared by all threads of a program and is not locked: an update that is lost costs a measurement.
* How long idle threads spin before they sleep is libgomp's business, set before it is loaded (`_spin.py`).
"""
cimport openmp
import math
import os

cdef extern from *:
    """
    #include <time.h>
    static double cg_seconds(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    }
    """
    double cg_seconds() noexcept nogil

cdef double MOST = 1e-3         # seconds
cdef double REST = 20           # times the loss

cdef int limit = 1
cdef double account = 0         # seconds that regions have gained
cdef double resting = 0         # until when one thread works alone, or 0


cdef int num_threads() noexcept nogil:
    global resting
    if limit == 1 or resting == 0:
        return limit
    if cg_seconds() < resting:
        return 1
    resting = 0
    return limit


cdef void open_region(Region* region, int n) noexcept nogil:
    """Before a loop that was cut for `n` threads; it has `region.n`."""
    region.opened = region.ended = cg_seconds()
    region.n = 1 if region.opened < resting else n


cdef void end_part(Region* region) noexcept nogil:
    """At the end of a thread's part (or of each of them)."""
    if openmp.omp_get_thread_num() == 0:
        region.ended = cg_seconds()


cdef void close_region(Region* region) noexcept nogil:
    global account, resting
    cdef double now
    if region.n == 1:
        return
    now = cg_seconds()
    account = min(MOST, account + region.n * (region.ended - region.opened) - (now - region.opened))
    if account < 0:
        resting = now - REST * account
        account = 0


def get_num_threads():
    """How many threads an operator may use."""
    return limit


def set_num_threads(int n):
    """Sets how many threads an operator may use; with 1 no thread is ever started."""
    global limit, account, resting
    if n <= 0:
        raise RuntimeError("Expected positive number of threads")
    limit, account, resting = n, MOST, 0


def read_line(path):
    try:
        with open(path) as file:
            return file.readline().split()
    except OSError:
        return []


def quota(root=""):
    """How many processors the control group of this process pays for, inf where it doesn't say."""
    least = math.inf
    try:
        with open(f"{root}/proc/self/cgroup") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return least
    for _, controllers, path in groups:
        if controllers and "cpu" not in controllers.split(","):
            continue
        folders = [path[:i] for i, letter in enumerate(path) if letter == "/"] + [path.rstrip("/")]
        for folder in set(folders):
            if controllers:
                files = f"{root}/sys/fs/cgroup/cpu{folder}/cpu.cfs_"
                limits = read_line(files + "quota_us") + read_line(files + "period_us")
            else:
                limits = read_line(f"{root}/sys/fs/cgroup{folder}/cpu.max")
            if len(limits) == 2 and limits[0].isdigit() and limits[1].isdigit():
                least = min(least, int(limits[0]) / int(limits[1]))
    return least


def threads_at_first():
    """The number of threads that the environment says, else what the machine gives."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if said.isdigit() and int(said):
        return int(said)
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(given, math.ceil(min(quota(), given))))


set_num_threads(threads_at_first())
