"""Calls that have begun: `Work`, and the thread that runs a group's collectives in the order in which they were begun.

MPI's own non-blocking collectives would need no thread, but move on only while somebody calls MPI, so that nothing
would overlap with a backward pass; take about twice as long for large tensors (Open MPI 5, two ranks, a million floats:
1.9 ms for Iallreduce, 1.0 ms this way; `bench/all_reduce.py` measures it); and do not match blocking ones, while
PyTorch's programs may wait on one rank and not on another.
"""

import queue
import threading

from ..futures import Future


class Work:
    """A call that has begun; `wait` returns when it is done and raises what went wrong."""

    def __init__(self, call=None, finish=None, outputs=()):
        self._call, self._finish, self._outputs = call, finish, outputs
        self._event = threading.Event()
        self._error = self._value = self._future = None
        self._finished = False
        self._lock = threading.Lock()

    def _run(self):
        """Runs the call, in any thread."""
        try:
            self._value = self._call()
        except BaseException as error:  # `wait` raises it
            self._error = error
        self._call = None
        self._event.set()

    def _complete(self):
        """Writes the results, once, in the thread that asks for them."""
        with self._lock:
            if self._finished:
                return
            if self._error is None and self._finish is not None:
                try:
                    self._finish(self._value)
                except Exception as error:
                    self._error = error
            self._finish, self._finished = None, True
        if self._future is not None:
            self._settle()

    def _settle(self):
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self.result())

    def _come(self, timeout):
        """Waits; whether it is done."""
        return self._event.wait(timeout)

    def wait(self, timeout=None):
        """Waits until it is done; True. `timeout` is a timedelta."""
        if not self._come(timeout.total_seconds() if timeout else None):
            raise RuntimeError(f"Wait timeout: not done in {timeout}")
        self._complete()
        if self._error is not None:
            raise self._error
        return True

    def synchronize(self):
        """Waits."""
        self.wait()

    def is_completed(self):
        """Whether it is done."""
        if not self._come(0):
            return False
        self._complete()
        return True

    def is_success(self):
        """Whether it is done and nothing went wrong."""
        return self.is_completed() and self._error is None

    def exception(self):
        """What went wrong, or None."""
        return self._error

    def result(self):
        """The tensors that it has written."""
        return list(self._outputs)

    def source_rank(self):
        """The rank that a message came from."""
        raise RuntimeError(
            "sourceRank() may only be called on work objects that correspond to a recv or recv-from-any call."
        )

    _source_rank = source_rank

    def get_future(self):
        """A future of the results. Waiting for it, or for what follows from it, waits for the work."""
        if self._future is None:
            self._future = _WorkFuture(self)
            if self._finished:
                self._settle()
        return self._future


Work.__module__ = "torch.distributed"


class _WorkFuture(Future):
    """A future that is done when the work is, or whatever its callbacks return."""

    def __init__(self, work):
        super().__init__()
        self._work = work

    def done(self):
        self._work.is_completed()
        return super().done()

    def wait(self):
        self._work._come(None)
        self._work._complete()
        return super().wait()

    def value(self):
        return super().value() if self.done() else super().value()

    def then(self, callback):
        after = super().then(callback)
        follower = _WorkFuture(self._work)
        after.add_done_callback(lambda f: _follow(follower, f))
        return follower


def _follow(follower, future):
    try:
        follower.set_result(future.value())
    except Exception as error:
        follower.set_exception(error)


class Queue:
    """Runs work in the order in which it was put, in a thread that starts with the first."""

    def __init__(self, name):
        self._name = name
        self._works = queue.SimpleQueue()
        self._thread = None
        self._last = None  # the work that was put last

    def put(self, work):
        """Begins the work."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        self._last = work
        self._works.put(work)

    def idle(self):
        """Whether all that was put is done."""
        if self._last is not None and self._last._event.is_set():
            self._last = None
        return self._last is None

    def _serve(self):
        while (work := self._works.get()) is not None:
            work._run()

    def close(self):
        """Waits for what has been put and ends the thread."""
        if self._thread is not None:
            self._works.put(None)
            self._thread.join()
            self._thread = None
