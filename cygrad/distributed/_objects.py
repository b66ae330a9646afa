"""Collectives of whatever can be pickled. What comes is unpickled: only from ranks that are trusted."""

from . import _checks, _mpi


def all_gather_object(object_list, obj, group=None):
    """Fills the list with the objects of all ranks."""
    group = _checks.the_group(group)
    if _checks.outside(group, "all_gather_object"):
        return

    def end(objects):
        object_list[:] = objects + object_list[len(objects) :]

    group._begin("all_gather_object", lambda: group._comm.allgather(obj), end)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """Fills the list of `dst` (0 unless given) with the objects of all ranks."""
    group = _checks.the_group(group)
    if _checks.outside(group, "gather_object"):
        return
    if dst is None and group_dst is None:
        dst = 0
    root = _checks.root(group, dst, group_dst, "gather_object")
    mine = group.rank() == root
    if mine and not object_gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if not mine and object_gather_list:
        raise ValueError(
            "Argument ``gather_list`` must NOT be specified on non-destination ranks."
        )

    def end(objects):
        if mine:
            object_gather_list[:] = objects

    group._begin("gather_object", lambda: group._comm.gather(obj, root), end)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Sends the objects of the list of `src` (0 unless given) to the lists of all ranks."""
    group = _checks.the_group(group)
    if _checks.outside(group, "broadcast_object_list"):
        return
    if src is None and group_src is None:
        src = 0
    root = _checks.root(group, src, group_src, "broadcast_object_list")
    mine = list(object_list) if group.rank() == root else None

    def end(objects):
        if group.rank() != root:
            object_list[:] = objects + object_list[len(objects) :]

    group._begin("broadcast_object_list", lambda: group._comm.bcast(mine, root), end)


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
):
    """Writes this rank's object of the list of `src` (0 unless given) to the first place of the output list."""
    group = _checks.the_group(group)
    if _checks.outside(group, "scatter_object_list"):
        return
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    if src is None and group_src is None:
        src = 0
    root = _checks.root(group, src, group_src, "scatter_object_list")
    mine = group.rank() == root
    if mine and len(scatter_object_input_list or ()) != group.size():
        count = len(scatter_object_input_list or ())
        raise RuntimeError(
            f"ProcessGroupMPI::scatter: Incorrect input list size {count}. Input list size should be "
            f"{group.size()}, same as size of the process group."
        )

    def end(value):
        scatter_object_output_list[0] = value

    objects = scatter_object_input_list if mine else None
    group._begin("scatter_object_list", lambda: group._comm.scatter(objects, root), end)


_TAG = 1  # of messages that are objects, on the communicator beside that of tensors


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False):
    """Sends the objects of the list to `dst`."""
    group = _checks.the_group(group)
    if _checks.outside(group, "send_object_list"):
        return
    place = _checks.place(group, dst, group_dst)
    if place == group.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    peer = group._ranks[place]
    group._run(
        lambda: group._control.send(list(object_list), place, _TAG), f"send_object_list to rank {peer}", [peer]
    )


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False):
    """Receives objects into the list; the rank that they came from."""
    group = _checks.the_group(group)
    if _checks.outside(group, "recv_object_list"):
        return -1
    place = _checks.place(group, src, group_src, optional=True)
    status = _mpi.MPI.Status()
    source = _mpi.MPI.ANY_SOURCE if place is None else place
    if place is None:
        me, whom = group._ranks[group.rank()], "any rank"
        peers = [r for r in group._ranks if r != me]
    else:
        peers, whom = [group._ranks[place]], f"rank {group._ranks[place]}"
    objects = group._run(
        lambda: group._control.recv(None, source, _TAG, status), f"recv_object_list from {whom}", peers, any_of=True
    )
    object_list[:] = objects + object_list[len(objects) :]
    return group._ranks[status.source]
