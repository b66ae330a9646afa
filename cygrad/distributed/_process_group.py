"""A group of ranks, with its communicators of MPI and its queue of collectives."""

import time

from .. import _dispatch
from . import _mpi, _watch
from ._types import Backend, DebugLevel, DistBackendError, get_debug_level
from ._work import Queue, Work

_DETAIL = DebugLevel.DETAIL


class ProcessGroup:
    """Ranks that work together; `init_process_group` and `new_group` make them."""

    def __init__(self, comm, ranks, name, desc, backend, timeout):
        self._comm = comm  # of the collectives and messages of the program
        self._control = comm.Dup()  # of what ranks compare
        self._ranks = tuple(ranks)  # of the world
        self._places = {rank: place for place, rank in enumerate(ranks)}
        self.group_name, self.group_desc = name, desc
        self._backend = Backend(backend)
        self._timeout = timeout
        self._sequence = 0
        self._queue = Queue(f"cygrad.distributed group {name}")
        self._outstanding = []  # messages whose tensors must stay where they are

    def rank(self):
        """The rank of this process in the group."""
        return self._comm.rank

    def size(self):
        """The number of ranks."""
        return self._comm.size

    def name(self):
        """The name of the backend that was asked for."""
        return str(self._backend)

    def set_timeout(self, timeout):
        """Sets the time limit of each call, a timedelta."""
        self._timeout = timeout

    def _run(self, call, what, others=None, any_of=False):
        """`call()`, watched (see `_watch.Wait`); what MPI raises it raises as DistBackendError."""
        try:
            with _watch.Wait(self, what, others, any_of):
                return call()
        except _mpi.MPI.Exception as error:
            raise self._failure(_watch.call_text(self, what), error) from error

    def _failure(self, what, error):
        text = f"[Rank {self.rank()}] {what} failed: {error}"
        if error.Get_error_class() == _mpi.MPI.ERR_TRUNCATE:
            text += (
                ". The ranks gave tensors of different sizes or dtypes, or called in a different order; "
                "with TORCH_DISTRIBUTED_DEBUG=DETAIL the error says which"
            )
        return DistBackendError(text)

    def _begin(self, name, call, finish=None, outputs=(), async_op=False, sent=None):
        """Runs `call()`, a collective of MPI, and then `finish` of its value; a Work with async_op.

        `sent` is the tensor by which the ranks are compared, where they are.
        """
        self._sequence += 1
        what = name, self._sequence
        if get_debug_level() is _DETAIL and self.size() > 1:
            from . import _debug

            call = _debug.compared(self, name, sent, call)
        recorder = _dispatch.get_recorder()
        if recorder is not None:
            call = self._timed(recorder, name, call)
        if not async_op and self._queue.idle():
            value = self._run(call, what)
            if finish is not None:
                finish(value)
            return None
        work = Work(lambda: self._run(call, what), finish, outputs)
        if _mpi.threads:
            self._queue.put(work)
        else:
            work._run()
        if async_op:
            return work
        work.wait()
        return None

    def _timed(self, recorder, name, call):
        """The call, reported to a profiler: its trace has a row for each group."""

        def timed():
            began = time.perf_counter_ns()
            try:
                return call()
            finally:
                where = f"group {self.group_name} ({self.group_desc})"
                recorder.rows.append((where, f"{self._backend}:{name}", began, time.perf_counter_ns()))

        return timed

    def _keep(self, message):
        """Keeps the tensor of a message until it has gone."""
        self._outstanding = [m for m in self._outstanding if not m._come(0)]
        self._outstanding.append(message)

    def _close(self):
        """Waits for the collectives that have begun. MPI frees the communicators at its end."""
        self._queue.close()


ProcessGroup.__module__ = "torch.distributed.distributed_c10d"


class _Meta(type):
    """`GroupMember.WORLD` and `group.WORLD` are the default group."""

    @property
    def WORLD(cls):  # noqa: N802  PyTorch's name
        return _Meta._world

    @WORLD.setter
    def WORLD(cls, value):  # noqa: N802
        _Meta._world = value

    _world = None


class GroupMember(metaclass=_Meta):
    """What `new_group` returns to ranks that are not in the group."""

    NON_GROUP_MEMBER = -100


class group(metaclass=_Meta):  # noqa: N801  PyTorch's name
    """`group.WORLD` is the default group, or None."""
