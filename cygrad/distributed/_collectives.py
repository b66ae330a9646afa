"""The collectives. Each takes tensors of any layout and device; with async_op it returns a `Work`."""

import time

import cygrad

from . import _checks, _mpi, _sparse, _watch
from ._memory import Host, finish, operation
from ._types import ReduceOp

_STRIDED, _AVG = cygrad.strided, ReduceOp.AVG


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Combines the tensors of all ranks, in place on each."""
    _checks.check_tensor(tensor, "tensor")
    group = _checks.the_group(group)
    if _checks.outside(group, "all_reduce"):
        return None
    if tensor.layout is not _STRIDED:
        return _sparse.all_reduce(tensor, op, group, async_op)
    how = operation(op, tensor.dtype, "all_reduce")
    host = Host(tensor, to_reduce=True)
    memory, comm = host.typed(), group._comm
    in_place = not host.copied and op is not _AVG

    def call():
        comm.Allreduce(_mpi.MPI.IN_PLACE, memory, how)

    def end(_):
        finish([host], op, comm.size)

    end = None if in_place else end

    return group._begin("all_reduce", call, end, [tensor], async_op, tensor)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """As `all_reduce`, of several tensors of one dtype at once."""
    if isinstance(tensors, cygrad.Tensor):
        tensors = [tensors]
    _checks.check_tensors(tensors, "tensor")
    _checks.check_one_dtype(*tensors)
    group = _checks.the_group(group)
    if _checks.outside(group, "all_reduce_coalesced"):
        return None
    how = operation(op, tensors[0].dtype, "all_reduce")
    flat = cygrad.cat([t.detach().reshape(-1) for t in tensors])
    host = Host(flat, to_reduce=True)
    memory, comm = host.typed(), group._comm

    def call():
        comm.Allreduce(_mpi.MPI.IN_PLACE, memory, how)

    def end(_):
        finish([host], op, comm.size)
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.detach().copy_(part.view(tensor.shape))

    return group._begin("all_reduce_coalesced", call, end, tensors, async_op, flat)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """Combines the tensors of all ranks, in place on `dst` alone."""
    group = _checks.the_group(group)
    _checks.check_tensor(tensor, "tensor")
    if _checks.outside(group, "reduce"):
        return None
    root = _checks.root(group, dst, group_dst, "reduce")
    how = operation(op, tensor.dtype, "reduce")
    host, comm = Host(tensor, to_reduce=True), group._comm
    memory, mine = host.typed(), comm.rank == root

    def call():
        comm.Reduce(_mpi.MPI.IN_PLACE if mine else memory, memory if mine else None, how, root)

    def end(_):
        if mine:
            finish([host], op, comm.size)

    return group._begin("reduce", call, end, [tensor], async_op, tensor)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Sends the tensor of `src` to all ranks."""
    group = _checks.the_group(group)
    if _checks.outside(group, "broadcast"):
        return None
    root = _checks.root(group, src, group_src, "broadcast")
    _checks.check_tensor(tensor, "tensor")
    host, comm = Host(tensor), group._comm
    memory, mine = host.bytes(), comm.rank == root

    def end(_):
        if not mine:
            host.back()

    return group._begin("broadcast", lambda: comm.Bcast(memory, root), end, [tensor], async_op, tensor)


def _room(shape, like):
    """Memory of the host for what comes."""
    return Host(cygrad.empty(shape, dtype=like.dtype, device="cpu"))


def _like(tensors, expected, function):
    """RuntimeError unless the tensors have the shape and dtype of the one that is expected."""
    for i, tensor in enumerate(tensors):
        if tensor.shape != expected.shape:
            wanted, got = (f"({', '.join(map(str, t.shape))})" for t in (expected, tensor))
            raise RuntimeError(
                f"ProcessGroupMPI::{function}: invalid tensor size at index {i} (expected {wanted}, got {got})"
            )


def _need_list_at_root(function, root, end, tensors, tensor, mine, size):
    """The list of `gather` or `scatter` holds a tensor for each rank, on the root alone (`mine`: this is the root)."""
    if mine and not tensors:
        raise ValueError(f"Argument ``{function}_list`` must be specified on {root} rank.")
    if not mine and tensors:
        raise ValueError(f"Argument ``{function}_list`` must NOT be specified on non-{root} ranks.")
    if not mine:
        return
    if len(tensors) != size:
        raise RuntimeError(
            f"ProcessGroupMPI::{function}: Incorrect {end} list size {len(tensors)}. {end.capitalize()} list size "
            f"should be {size}, same as size of the process group."
        )
    _like(tensors, tensor, function)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Fills the list with the tensors of all ranks."""
    _checks.check_tensors(tensor_list, "tensor_list")
    _checks.check_tensor(tensor, "tensor")
    _checks.check_one_dtype(*tensor_list, tensor)
    group = _checks.the_group(group)
    if _checks.outside(group, "all_gather"):
        return None
    comm = group._comm
    if len(tensor_list) != comm.size:
        raise RuntimeError(
            "ProcessGroupMPI::allgather: invalid output tensor list at index 0 "
            f"(expected length {comm.size}, got {len(tensor_list)})"
        )
    _like(tensor_list, tensor, "allgather")
    host, room = Host(tensor), _room((comm.size, *tensor.shape), tensor)
    sent, received = host.bytes(), room.bytes()

    def end(_):
        for target, part in zip(tensor_list, room.data, strict=True):
            target.detach().copy_(part)
        return host

    return group._begin(
        "all_gather", lambda: comm.Allgather(sent, received), end, tensor_list, async_op, tensor
    )


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """As `all_gather`, of several tensors."""
    _checks.check_tensors(input_tensor_list, "tensor_list")
    work = None
    for i, tensor in enumerate(input_tensor_list):
        outputs = [
            outputs[i] for outputs in output_tensor_lists
        ]
        work = all_gather(outputs, tensor, group, async_op)
    return work  # the last to be done


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """Joins the tensors of all ranks along the first dimension, or stacks them, as the output's shape says."""
    _checks.check_tensor(input_tensor, "input_tensor")
    _checks.check_tensor(output_tensor, "output_tensor")
    group = _checks.the_group(group)
    if _checks.outside(group, "all_gather_into_tensor"):
        return None
    comm = group._comm
    if output_tensor.dtype != input_tensor.dtype:
        raise TypeError("output tensor must have the same type as input tensor")
    if output_tensor.numel() != comm.size * input_tensor.numel():
        raise ValueError("output tensor size must be equal to world_size times input tensor size")
    host, target = Host(input_tensor), Host(output_tensor)
    sent, received = host.bytes(), target.bytes()
    return group._begin(
        "all_gather_into_tensor",
        lambda: comm.Allgather(sent, received),
        lambda _: (target.back(), host),
        [output_tensor],
        async_op,
        input_tensor,
    )


all_gather_single = all_gather_into_tensor


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """Fills the list of `dst` (0 unless given) with the tensors of all ranks."""
    _checks.check_tensor(tensor, "tensor")
    if gather_list:
        _checks.check_tensors(gather_list, "gather_list")
        _checks.check_one_dtype(*gather_list, tensor)
    group = _checks.the_group(group)
    if _checks.outside(group, "gather"):
        return None
    if dst is None and group_dst is None:
        dst = 0
    root, comm = _checks.root(group, dst, group_dst, "gather"), group._comm
    mine = comm.rank == root
    _need_list_at_root("gather", "destination", "output", gather_list, tensor, mine, comm.size)
    host = Host(tensor)
    room = _room((comm.size, *tensor.shape), tensor) if mine else None
    sent, received = host.bytes(), room.bytes() if mine else None

    def end(_):
        for target, part in zip(gather_list or (), room.data if mine else (), strict=True):
            target.detach().copy_(part)
        return host

    return group._begin(
        "gather", lambda: comm.Gather(sent, received, root), end, gather_list or [], async_op, tensor
    )


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Gives each rank its tensor of the list of `src` (0 unless given)."""
    _checks.check_tensor(tensor, "tensor")
    if scatter_list:
        _checks.check_tensors(scatter_list, "scatter_list")
        _checks.check_one_dtype(*scatter_list, tensor)
    group = _checks.the_group(group)
    if _checks.outside(group, "scatter"):
        return None
    if src is None and group_src is None:
        src = 0
    root, comm = _checks.root(group, src, group_src, "scatter"), group._comm
    mine = comm.rank == root
    _need_list_at_root("scatter", "source", "input", scatter_list, tensor, mine, comm.size)
    host = Host(tensor)
    everything = Host(cygrad.stack([t.detach().cpu() for t in scatter_list])) if mine else None
    sent, received = everything.bytes() if mine else None, host.bytes()

    def end(_):
        host.back()
        return everything

    return group._begin(
        "scatter", lambda: comm.Scatter(sent, received, root), end, [tensor], async_op, tensor
    )


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Combines the lists of all ranks; each rank gets the tensor of its place."""
    _checks.check_tensor(output, "output")
    _checks.check_tensors(input_list, "input_list")
    _checks.check_one_dtype(*input_list, output)
    group = _checks.the_group(group)
    if _checks.outside(group, "reduce_scatter"):
        return None
    if len(input_list) != group.size():
        raise RuntimeError("invalid input tensor list size, must be world size")
    if output.numel() != input_list[group.rank()].numel():
        raise RuntimeError(
            f"ProcessGroupMPI::reduce_scatter: the output has {output.numel()} elements, "
            f"input {group.rank()} of the list {input_list[group.rank()].numel()}"
        )
    flat = cygrad.cat([t.detach().cpu().reshape(-1) for t in input_list])
    counts = [t.numel() for t in input_list]
    return _reduce_scatter("reduce_scatter", output, flat, counts, op, group, async_op)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Combines the inputs of all ranks; each rank gets the part of its place."""
    _checks.check_tensor(output, "output")
    _checks.check_tensor(input, "input")
    group = _checks.the_group(group)
    if _checks.outside(group, "reduce_scatter_tensor"):
        return None
    if output.dtype != input.dtype:
        raise TypeError("input tensor must be the same type as the output tensor.")
    if input.numel() != group.size() * output.numel():
        raise ValueError(
            "input tensor must be the same size as output size times world size"
        )
    counts = [output.numel()] * group.size()
    return _reduce_scatter("reduce_scatter_tensor", output, input, counts, op, group, async_op)


reduce_scatter_single = reduce_scatter_tensor


def _reduce_scatter(name, output, given, counts, op, group, async_op):
    how = operation(op, output.dtype, name)
    host, comm = Host(given, to_reduce=True), group._comm
    target = Host(output, to_reduce=True)
    sent, received = host.typed(), target.typed()

    def end(_):
        finish([target], op, comm.size)
        return host

    return group._begin(
        name, lambda: comm.Reduce_scatter(sent, received, counts, how), end, [output], async_op, given
    )


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """Sends a part of the first dimension to each rank and joins what comes from each."""
    _checks.check_tensor(output, "output")
    _checks.check_tensor(input, "input")
    _checks.check_one_dtype(output, input)
    group = _checks.the_group(group)
    if _checks.outside(group, "all_to_all_single"):
        return None
    comm = group._comm
    counts = []
    for tensor, sizes in ((input, input_split_sizes), (output, output_split_sizes)):
        rows = tensor.shape[0] if tensor.dim() else 1
        if not sizes:
            if rows % comm.size:
                raise RuntimeError("Tensor's dim 0 does not divide equally across group size")
            sizes = [rows // comm.size] * comm.size
        elif len(sizes) != comm.size:
            raise RuntimeError("Number of tensor splits not equal to group size")
        elif sum(sizes) != rows:
            raise RuntimeError("Split sizes doesn't match total dim 0 size")
        row = tensor.nbytes // rows if rows else 0
        counts.append([row * size for size in sizes])
    if output.numel() != input.numel() and not (output_split_sizes or input_split_sizes):
        raise RuntimeError(
            f"ProcessGroupMPI::alltoall_base: the input has {input.numel()} elements, the output {output.numel()}"
        )
    host, target = Host(input), Host(output)
    sent, received = ([h.bytes()[0], c, _mpi.MPI.BYTE] for h, c in zip((host, target), counts, strict=True))
    return group._begin(
        "all_to_all_single",
        lambda: comm.Alltoallv(sent, received),
        lambda _: (target.back(), host),
        [output],
        async_op,
        input,
    )


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Sends the i-th tensor to rank i; what comes from rank i is written to the i-th output."""
    _checks.check_tensors(output_tensor_list, "output_tensor_list")
    _checks.check_tensors(input_tensor_list, "input_tensor_list")
    _checks.check_one_dtype(*output_tensor_list, *input_tensor_list)
    group = _checks.the_group(group)
    if _checks.outside(group, "all_to_all"):
        return None
    comm = group._comm
    for kind, tensors in (("input", input_tensor_list), ("output", output_tensor_list)):
        if len(tensors) != comm.size:
            raise RuntimeError(
                f"ProcessGroupMPI::alltoall: {kind} tensor list size {len(tensors)} "
                f"does not match world size {comm.size}"
            )
    host = Host(cygrad.cat([t.detach().cpu().reshape(-1) for t in input_tensor_list]))
    room = _room((sum(t.numel() for t in output_tensor_list),), output_tensor_list[0])
    sent, received = (
        [h.bytes()[0], [t.nbytes for t in tensors], _mpi.MPI.BYTE]
        for h, tensors in ((host, input_tensor_list), (room, output_tensor_list))
    )

    def end(_):
        parts = room.data.split([t.numel() for t in output_tensor_list])
        for target, part in zip(output_tensor_list, parts, strict=True):
            target.detach().copy_(part.view(target.shape))
        return host

    return group._begin(
        "all_to_all", lambda: comm.Alltoallv(sent, received), end, output_tensor_list, async_op
    )


def barrier(group=None, async_op=False, device_ids=None, timeout=None):
    """Waits for all ranks."""
    group = _checks.the_group(group)
    if _checks.outside(group, "barrier"):
        return None
    if device_ids is not None and not isinstance(device_ids, list):
        raise TypeError("Invalid function argument: device_ids type should be List[int]")
    return group._begin("barrier", group._comm.Barrier, async_op=async_op)


_ARRIVED, _PASSED = 7, 8  # tags of monitored_barrier


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """Waits for all ranks; within the time limit rank 0 raises an error that names those that did not come."""
    group = _checks.the_group(group)
    if _checks.outside(group, "monitored_barrier"):
        return
    seconds = (group._timeout if timeout is None else timeout).total_seconds()
    if seconds < 0:
        raise ValueError("Invalid timeout argument: the time limit must not be negative")
    group._sequence += 1
    number, comm, end = group._sequence, group._control, time.monotonic() + seconds
    others = list(range(1, comm.size))

    def come(request):
        """Whether the request is done within the time limit, and its value."""
        pause = 1e-5
        while True:
            done, value = request.test()
            if done or time.monotonic() > end:
                return done, value
            time.sleep(pause)
            pause = min(2 * pause, 0.01)

    what = f"monitored_barrier (sequence number {number})"
    with _watch.Wait(group, what, timeout=seconds + 60):
        if comm.rank == 0:
            missing = []
            for rank in others:
                request = comm.irecv(source=rank, tag=_ARRIVED)
                if not come(request)[0]:
                    request.Cancel()
                    missing.append(rank)
                    if not wait_all_ranks:
                        break
            for rank in others:
                comm.isend((number, missing), rank, _PASSED)
            if missing:
                which = "Ranks" if len(missing) > 1 else "Rank"
                raise RuntimeError(
                    f"[Rank 0]: {which} {', '.join(map(str, missing))} failed to pass monitoredBarrier "
                    f"in {1000 * seconds:.0f} ms"
                )
            return
        comm.isend(number, 0, _ARRIVED)
        end += 5  # rank 0 is to say first which rank is missing
        while True:
            done, answer = come(comm.irecv(source=0, tag=_PASSED))
            if done and answer[0] < number:  # of a barrier that this rank missed
                continue
            if not done or answer[1]:
                raise RuntimeError(
                    f"Rank {comm.rank} successfully reached monitoredBarrier, but received errors while waiting "
                    "for send/recv from rank 0. Please check rank 0 logs for faulty rank."
                )
            return


