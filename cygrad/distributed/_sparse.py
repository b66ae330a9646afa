"""The sum of sparse tensors over the ranks, each of which may have other places: all of them go to all ranks."""

import cygrad

from . import _mpi
from ._types import ReduceOp


def all_reduce(tensor, op, group, async_op):
    """`all_reduce` of a sparse tensor, which comes to hold the sum, coalesced."""
    if op != ReduceOp.SUM or tensor.layout != cygrad.sparse_coo:
        raise RuntimeError(
            f"torch.distributed.all_reduce of tensors of layout {tensor.layout} with ReduceOp.{op.name}: "
            "sparse tensors of COO layout can be added up (SUM); to_dense() makes others dense"
        )
    places = tensor._indices().t().contiguous()
    values = tensor.detach()._values().contiguous()
    comm = group._comm

    def joined(part):
        """The rows of all ranks."""
        sizes = comm.allgather(len(part))
        room = cygrad.empty((sum(sizes), *part.shape[1:]), dtype=part.dtype)
        row = room.nbytes // len(room) if len(room) else 0
        sizes = [row * size for size in sizes]
        sent, received = (_mpi.MPI.buffer.fromaddress(t.data_ptr(), t.nbytes) for t in (part, room))
        comm.Allgatherv([sent, _mpi.MPI.BYTE], [received, sizes, _mpi.MPI.BYTE])
        return room

    def end(parts):
        places, values = parts
        tensor.copy_(cygrad.sparse_coo_tensor(places.t(), values, tensor.shape).coalesce())

    return group._begin("all_reduce", lambda: (joined(places), joined(values)), end, [tensor], async_op)
