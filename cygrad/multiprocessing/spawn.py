"""Functions run by several processes, whose errors come back: `spawn`."""

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from multiprocessing import connection

_log = logging.getLogger(__name__)


class ProcessException(Exception):
    """What `ProcessContext.join` raises for a process that failed."""

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg)
        self.msg, self.error_index = msg, error_index
        self.pid = self.error_pid = error_pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process raised an exception; the message holds its traceback."""

    def __init__(self, msg, error_index, error_pid):
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process ended with an exit code other than 0, or by a signal."""

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self):
        return type(self), (
            self.msg, self.error_index, self.pid, self.exit_code, self.signal_name,
        )  # fmt: skip


for _type in (ProcessException, ProcessRaisedException, ProcessExitedException):
    _type.__module__ = "torch.multiprocessing.spawn"


def _die_with_parent():
    """Has the kernel interrupt this process when the one that started it ends (Linux alone)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _run(fn, index, args, error_file):
    _die_with_parent()
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # of the process that started this one
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """The processes that `start_processes` has started."""

    def __init__(self, processes, error_files):
        self.processes = processes
        self.error_files = error_files
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self):
        """The process identifiers."""
        return [process.pid for process in self.processes]

    def join(self, timeout=None, grace_period=None):
        """Waits until a process ends or `timeout` seconds have passed; True when all have ended well.

        When one has failed, ends the others (after `grace_period` seconds, SIGKILL) and raises
        ProcessRaisedException or ProcessExitedException.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in connection.wait(self.sentinels.keys(), timeout=timeout):
            index = self.sentinels.pop(sentinel)
            process = self.processes[index]
            process.join()
            if process.exitcode != 0:
                failed = index
                break
        if failed is None:
            return not self.sentinels
        self._end_others(grace_period)
        raise self._error(failed)

    def _end_others(self, grace_period):
        for process in self.processes:
            if process.is_alive():
                _log.warning("Terminating process %s via signal %s", process.pid, "SIGTERM")
                process.terminate()
        end = time.monotonic() + (30 if grace_period is None else grace_period)
        for process in self.processes:
            process.join(max(0, end - time.monotonic()))
            if process.is_alive():
                _log.warning(
                    "Unable to shutdown process %s via SIGTERM, using SIGKILL", process.pid
                )
                process.kill()
                process.join()

    def _error(self, index):
        process, error_file = self.processes[index], self.error_files[index]
        if os.path.exists(error_file) and os.path.getsize(error_file):
            with open(error_file, "rb") as file:
                text = pickle.load(file)
            os.unlink(error_file)
            message = f"\n\n-- Process {index} terminated with the following error:\n{text}"
            return ProcessRaisedException(message, index, process.pid)
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            message = f"process {index} terminated with signal {name}"
            return ProcessExitedException(message, index, process.pid, code, name)
        message = f"process {index} terminated with exit code {code}"
        return ProcessExitedException(message, index, process.pid, code)


class SpawnContext(ProcessContext):
    """The processes that `spawn` has started."""


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Starts `nprocs` processes that run ``fn(index, *args)``.

    Waits for them, or with ``join=False`` returns their ProcessContext. When one fails the others
    are ended and ProcessRaisedException or ProcessExitedException says why.
    """
    context = multiprocessing.get_context(start_method)
    folder = tempfile.TemporaryDirectory(prefix="cygrad_spawn_")
    processes, error_files = [], []
    for i in range(nprocs):
        error_file = os.path.join(folder.name, str(i))
        process = context.Process(target=_run, args=(fn, i, args, error_file), daemon=daemon)
        process.start()
        processes.append(process)
        error_files.append(error_file)
    started = ProcessContext(processes, error_files)
    started._folder = folder  # lives as long
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """`start_processes` with processes that begin anew: `fn` must be importable by its name."""
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n"
            "\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")
