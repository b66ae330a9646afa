"""The watch over calls that wait for other ranks: whoever waits in vain ends the job and says for whom and why.

A thread looks at them from time to time. A rank that ends its program says so to all (`_mpi.LEFT`); who waits for it
still, a moment later, waits in vain. When a time limit is over the ranks tell each other what they wait in, so that
each can name those that did not come.
"""

import itertools
import threading
import time

from . import _mpi

_TICK, _GRACE = 0.2, 1.0  # seconds between two looks; for messages that are under way
_now = time.monotonic
_waits = {}  # {number: Wait}
_numbers = itertools.count()
_thread = None
_left = {}  # {rank of the world: when it was heard to have ended}
_reports = {}  # {rank of the world: what it waits in, where its time limit is over}


class Wait:
    """`with Wait(group, call, others):` the block waits for the ranks `others` of the world, or with `any_of` for one
    of them. `call` is a text, or a collective as (name, sequence number); a text is made when somebody asks."""

    __slots__ = ("group", "call", "others", "any_of", "began", "number", "limit")

    def __init__(self, group, call, others=None, any_of=False, timeout=None):
        self.group, self.call, self.any_of, self.limit = group, call, any_of, timeout
        self.others = group._ranks if others is None else others

    def __enter__(self):
        self.began = _now()
        self.number = number = next(_numbers)
        _waits[number] = self

    def __exit__(self, kind, error, traceback):
        del _waits[self.number]

    @property
    def what(self):
        """What is waited in, in words."""
        return call_text(self.group, self.call)

    @property
    def timeout(self):
        """The time limit in seconds."""
        return self.group._timeout.total_seconds() if self.limit is None else self.limit


def call_text(group, call):
    """A call in words; of a collective with its group."""
    if isinstance(call, str):
        return call
    return f"{call[0]} (sequence number {call[1]}) of group {group.group_name} ({group.group_desc})"


def start():
    """Starts the thread, once."""
    global _thread
    if _thread is None and _mpi.threads and _mpi.notices.size > 1:
        _thread = threading.Thread(target=_watch, name="cygrad.distributed watch", daemon=True)
        stop = threading.Event()
        _thread.stop = stop
        _mpi.at_leave(_stop)
        _thread.start()


def _stop():
    _thread.stop.set()
    _thread.join()


def _watch():
    while not _thread.stop.wait(_TICK):
        now = time.monotonic()
        for wait in list(_waits.values()):
            if now - wait.began > _TICK:
                _listen()
                _look(wait, now)


def _listen():
    """Receives the notices that have come."""
    status = _mpi.MPI.Status()
    while _mpi.notices.Iprobe(status=status):
        said = _mpi.notices.recv(source=status.source, tag=status.tag)
        if status.tag == _mpi.LEFT:
            _left[status.source] = time.monotonic()
        else:
            _reports[status.source] = said


def _names(ranks):
    ranks = sorted(ranks)
    return ("ranks " if len(ranks) > 1 else "rank ") + ", ".join(map(str, ranks))


def _look(wait, now):
    gone = {r for r in wait.others if r in _left and now - _left[r] > _GRACE}
    if wait.any_of and len(gone) < len(wait.others):
        gone = ()
    if gone and now - wait.began > _GRACE and wait.number in _waits:
        _mpi.abort(
            f"waits in {wait.what} for {_names(gone)}, which ended the program without it; the job ends"
        )
    if now - wait.began > wait.timeout:
        _expire(wait)


def _expire(wait):
    """Ends the job: the time limit of `wait` is over."""
    me = _mpi.notices.rank
    others = [r for r in wait.others if r != me]
    for rank in others:
        _mpi.notices.isend((wait.group.group_name, wait.what), rank, _mpi.WAITING)
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and wait.number in _waits:
        _listen()
        time.sleep(0.02)
    if wait.number not in _waits:  # it came at last
        return
    mine = (wait.group.group_name, wait.what)
    gone = [r for r in others if r in _left]
    silent = [r for r in others if r not in _reports and r not in _left]
    elsewhere = [r for r in others if r in _reports and _reports[r] != mine]
    why = []
    if gone:
        why.append(f"{_names(gone)} ended the program without it")
    if silent:
        why.append(f"{_names(silent)} did not come")
    for rank in elsewhere:
        why.append(f"rank {rank} waits in {_reports[rank][1]}")
    why = "; ".join(why) or "all ranks wait"
    _mpi.abort(f"Timed out after {1000 * wait.timeout:.0f}ms in {wait.what}: {why}; the job ends")
