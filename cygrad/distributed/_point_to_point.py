"""Messages from one rank to another."""

import time

from . import _checks, _mpi, _watch
from ._memory import Host
from ._types import DistBackendError
from ._work import Work


class _Message(Work):
    """A message under way."""

    def __init__(self, group, what, peers, host, request, receives):
        super().__init__(outputs=[host.tensor])
        self._group, self._what, self._peers = group, what, peers
        self._host, self._request, self._receives = host, request, receives
        self._status = _mpi.MPI.Status()
        self._source = None

    def _come(self, timeout):
        if self._request is None:
            return True
        try:
            if timeout is None:
                with _watch.Wait(self._group, self._what, self._peers, any_of=True):
                    self._request.Wait(self._status)
            elif timeout == 0:
                if not self._request.Test(self._status):
                    return False
            else:
                return self._come_within(timeout)
            self._end()
        except _mpi.MPI.Exception as error:
            self._error = self._group._failure(self._what, error)
            self._request = None
        return True

    def _come_within(self, timeout):
        end = time.monotonic() + timeout
        while not self._come(0):
            if time.monotonic() > end:
                return False
            time.sleep(1e-4)
        return True

    def _end(self):
        self._request = None
        if not self._receives:
            return
        self._source = self._status.Get_source()
        got, wanted = self._status.Get_count(_mpi.MPI.BYTE), self._host.data.nbytes
        if got != wanted:
            self._error = DistBackendError(
                f"[Rank {self._group.rank()}] {self._what}: the message has {got} bytes, the tensor {wanted}"
            )
        self._finish = lambda _: self._host.back()

    def source_rank(self):
        """The rank in the group that the message came from."""
        if not self._receives:
            return super().source_rank()
        return self._source

    _source_rank = source_rank


def _send(tensor, dst, group, tag, group_dst, name):
    group = _checks.the_group(group)
    _checks.check_tensor(tensor, "tensor")
    if _checks.outside(group, name):
        return None
    place = _checks.place(group, dst, group_dst)
    if place == group.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    if not 0 <= place < group.size():
        raise ValueError(f"Invalid destination rank: {place} of {group.size()} ranks")
    host = Host(tensor)
    peer = group._ranks[place]
    request = group._comm.Isend(host.bytes(), place, tag)
    message = _Message(group, f"{name} to rank {peer}", [peer], host, request, False)
    group._keep(message)
    return message


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Begins to send the tensor to `dst`, which must not be changed until the Work is done."""
    return _send(tensor, dst, group, tag, group_dst, "isend")


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends the tensor to `dst`."""
    group = _checks.the_group(group)
    if not hasattr(group, "rank"):
        raise ValueError("Invalid process group specified")
    _send(tensor, dst, group, tag, group_dst, "send").wait()


def _receive(tensor, src, group, tag, group_src, name):
    group = _checks.the_group(group)
    _checks.check_tensor(tensor, "tensor")
    if _checks.outside(group, name):
        return None
    place = _checks.place(group, src, group_src, optional=True)
    if place is None:
        peers = [r for r in group._ranks if r != group._ranks[group.rank()]]
        place, whom = _mpi.MPI.ANY_SOURCE, "any rank"
    else:
        if place == group.rank():
            raise ValueError(
                "Invalid source rank: source rank should not be the same as the rank of the current process."
            )
        if not 0 <= place < group.size():
            raise ValueError(f"Invalid source rank: {place} of {group.size()} ranks")
        peers, whom = [group._ranks[place]], f"rank {group._ranks[place]}"
    host = Host(tensor)
    request = group._comm.Irecv(host.bytes(), place, tag)
    message = _Message(group, f"{name} from {whom}", peers, host, request, True)
    group._keep(message)
    return message


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """Begins to receive a tensor from `src`, or from whichever rank sends one."""
    return _receive(tensor, src, group, tag, group_src, "irecv")


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """Receives a tensor from `src`, or from whichever rank sends one; the rank that it came from."""
    message = _receive(tensor, src, group, tag, group_src, "recv")
    if message is None:
        return -1
    message.wait()
    return message._group._ranks[message.source_rank()]


class P2POp:
    """A message for `batch_isend_irecv`: isend or irecv, with its arguments."""

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        _checks.check_tensor(tensor, "tensor")
        self.op, self.tensor, self.tag = op, tensor, tag
        self.group = _checks.the_group(group)
        self.group_peer = _checks.place(self.group, peer, group_peer) if hasattr(self.group, "rank") else None
        self.peer = peer if peer is not None else self.group._ranks[group_peer]

    def __repr__(self):
        me = self.group.rank()
        src, dst = (me, self.group_peer) if self.op is isend else (self.group_peer, me)
        return (
            f"P2POp({self.op.__name__} pg={self.group.group_name}, group_src={src}, group_dst={dst},  "
            f"{self.tensor.shape}, {self.tensor.dtype})"
        )


def batch_isend_irecv(p2p_op_list):
    """Begins all messages of the list; their Works."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``."
        )
    if not p2p_op_list:
        raise IndexError("list index out of range")
    # Receives first: whatever order the ranks list them in, each message finds its memory.
    works = {}
    for kind in (irecv, isend):
        for i, p in enumerate(p2p_op_list):
            if p.op is kind:
                works[i] = p.op(p.tensor, group=p.group, tag=p.tag, group_src=p.group_peer) if (
                    kind is irecv
                ) else p.op(p.tensor, group=p.group, tag=p.tag, group_dst=p.group_peer)
    return [works[i] for i in sorted(works) if works[i] is not None]
