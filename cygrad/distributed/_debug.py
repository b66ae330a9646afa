"""TORCH_DISTRIBUTED_DEBUG=DETAIL: before each collective the ranks compare what they are about to run."""

from ._memory import SCALAR_NAMES, type_name

_OPTYPES = {
    "broadcast": "BROADCAST", "all_reduce": "ALLREDUCE", "reduce": "REDUCE", "all_gather": "ALLGATHER",
    "all_gather_into_tensor": "_ALLGATHER_BASE", "gather": "GATHER", "scatter": "SCATTER",
    "reduce_scatter": "REDUCE_SCATTER", "reduce_scatter_tensor": "_REDUCE_SCATTER_BASE", "all_to_all": "ALLTOALL",
    "all_to_all_single": "ALLTOALL_BASE", "barrier": "BARRIER",
}  # fmt: skip
_UNCOMPARED = {"ALLTOALL_BASE", "ALLTOALL"}  # ranks may give different shapes


def fingerprint(name, tensor):
    """What ranks compare: the collective, and shape, dtype and device of the tensor."""
    kind = _OPTYPES.get(name, name.upper())
    if tensor is None or kind in _UNCOMPARED:
        return kind, "", "", ""
    device = (
        f"TensorOptions(dtype=float (default), device={tensor.device}, layout=Strided (default), "
        "requires_grad=false (default), pinned_memory=false (default), memory_format=(nullopt))"
    )
    name = type_name(tensor.dtype)
    return kind, " ".join(map(str, tensor.shape)), SCALAR_NAMES.get(name, name), device


def _text(number, mark):
    kind, shape, dtype, device = mark
    if not dtype:
        return f"CollectiveFingerPrint(SequenceNumber={number}OpType={kind})"
    shape = ", ".join(shape.split())
    return (
        f"CollectiveFingerPrint(SequenceNumber={number}, OpType={kind}, TensorShape=[{shape}], "
        f"TensorDtypes={dtype}, TensorDeviceTypes={device})"
    )


def compared(group, name, tensor, call):
    """`call`, after the ranks have found that all of them are about to run the same."""
    mark = fingerprint(name, tensor)
    number = group._sequence

    def comparing():
        marks = group._control.allgather((number, mark))
        for rank, (their_number, theirs) in enumerate(marks):
            if theirs == mark:
                continue
            aspects = [
                f"  {what}: {mine}vs {other}"
                for what, mine, other in zip(
                    ("Op type", "Tensor Tensor shapes", "Tensor Tensor dtypes", "Tensor Tensor devices"),
                    mark,
                    theirs,
                    strict=True,
                )
                if mine != other
            ]
            me = group.rank()
            raise RuntimeError(
                f"Detected mismatch between collectives on ranks. Rank {me} is running collective: "
                f"{_text(number, mark)}, but Rank {rank} is running collective: {_text(their_number, theirs)}."
                f"Collectives differ in the following aspects: {''.join(aspects)}"
            )
        return call()

    return comparing
