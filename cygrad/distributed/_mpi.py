"""MPI itself: its start when the first group is initialised, its end, and how a rank that fails ends the job."""

import multiprocessing.util
import os
import socket
import sys
import time

MPI = None  # the module mpi4py.MPI, from `start` on
notices = None  # a communicator of all processes, for what ranks tell each other besides the program's messages
threads = False  # whether several threads may call MPI at once


def start(rank=None):
    """Imports mpi4py, which starts MPI; from now on a rank that fails ends the job.

    `rank` is the place of this process in the world, of those that the launcher gave unless it is said.
    """
    global MPI, notices, threads
    if MPI is not None:
        if rank not in (None, notices.rank):
            raise ValueError(f"this process has been rank {notices.rank}, it cannot become rank {rank}")
        return
    try:
        from mpi4py import MPI as loaded
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py without a library of MPI
        raise RuntimeError(
            "Distributed package doesn't have MPI built in: mpi4py cannot be imported "
            f'({error}); `pip install "cygrad[mpi]"` brings it'
        ) from error
    MPI = loaded
    threads = MPI.Query_thread() == MPI.THREAD_MULTIPLE
    notices = MPI.COMM_WORLD.Split(0, MPI.COMM_WORLD.rank if rank is None else rank)
    if MPI.COMM_WORLD.size > 1:
        _end_job_on_errors()
    # Of multiprocessing rather than atexit: processes that it forked run no atexit functions.
    multiprocessing.util.Finalize(None, _leave, exitpriority=-100)


def abort(message):
    """Prints the message with this rank's name and ends all processes of the job."""
    sys.stdout.flush()
    me = f"rank {notices.rank}, process {os.getpid()} on {socket.gethostname()}"
    print(f"[{me}] {message}", file=sys.stderr, flush=True)
    MPI.COMM_WORLD.Abort(1)
    os._exit(1)


def _end_job_on_errors():
    """Has an exception that nothing catches end the job: the other ranks would wait for this one for ever."""
    before = sys.excepthook

    def end_job(kind, error, traceback):
        before(kind, error, traceback)
        if issubclass(kind, KeyboardInterrupt):
            abort("was interrupted; the job ends")
        first = (str(error).splitlines() or [""])[0]
        abort(f"raised {kind.__name__}: {first}; the job ends")

    sys.excepthook = end_job


LEFT, WAITING = 1, 2  # tags of notices
_at_leave = []  # functions to be called before this process leaves


def at_leave(function):
    """Has the function called, once, before this process ends MPI; the last to ask is the first."""
    if function not in _at_leave:
        _at_leave.append(function)


def _leave():
    """Tells the others that this process ends, waits for them to end as well, and ends MPI."""
    if MPI is None or MPI.Is_finalized():
        return
    error = sys.exc_info()[1]  # multiprocessing ends a process while what it raised is still under way
    if isinstance(error, SystemExit) and error.code in (None, 0):
        error = None
    if error is not None and notices.size > 1:
        abort("ends with an error; the job ends")
    for function in reversed(_at_leave):
        function()
    if notices.size > 1:
        sent = [notices.isend(None, r, LEFT) for r in range(notices.size) if r != notices.rank]
        ended, pause = notices.Ibarrier(), 1e-4
        while not ended.Test():
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        for request in sent:
            request.Free()
    MPI.Finalize()
    from . import _seats

    _seats.leave()
