"""Tensors as MPI reads and writes them: contiguous memory of the host, with its type."""

import functools

import cygrad

from . import _mpi
from ._types import RedOpType

_CPU = cygrad.device("cpu")
_WIDE = {cygrad.float16, cygrad.bfloat16}  # MPI has no such types: they are added up in float32
_TYPES = {
    "bool": "C_BOOL", "uint8": "UINT8_T", "int8": "INT8_T", "int16": "INT16_T", "int32": "INT32_T",
    "int64": "INT64_T", "float32": "FLOAT", "float64": "DOUBLE", "complex64": "C_FLOAT_COMPLEX",
    "complex128": "C_DOUBLE_COMPLEX",
}  # fmt: skip
_OPERATIONS = {
    RedOpType.SUM: "SUM", RedOpType.AVG: "SUM", RedOpType.PRODUCT: "PROD", RedOpType.MIN: "MIN", RedOpType.MAX: "MAX",
    RedOpType.BAND: "BAND", RedOpType.BOR: "BOR", RedOpType.BXOR: "BXOR",
}  # fmt: skip
_LOGICAL = {
    RedOpType.SUM: "LOR", RedOpType.MAX: "LOR", RedOpType.BOR: "LOR", RedOpType.PRODUCT: "LAND", RedOpType.MIN: "LAND",
    RedOpType.BAND: "LAND", RedOpType.BXOR: "LXOR",
}  # fmt: skip
SCALAR_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip


def type_name(dtype):
    """"float32" of torch.float32."""
    return str(dtype).rpartition(".")[2]


class Host:
    """A tensor's values in contiguous memory of the host: its own, or a copy that `back` writes to the tensor."""

    __slots__ = ("data", "tensor", "copied")

    def __init__(self, tensor, to_reduce=False):
        if tensor.layout != cygrad.strided:
            raise NotImplementedError(
                f"torch.distributed: tensors of layout {tensor.layout} are not sent; to_dense() makes them dense"
            )
        self.tensor = data = tensor
        if data.device != _CPU:
            data = data.detach().cpu()
        if not data.is_contiguous() or data.is_neg() or data.is_conj():
            data = data.detach().resolve_conj().resolve_neg().contiguous()
        if to_reduce and data.dtype in _WIDE:
            data = data.detach().float()
        self.data = data
        self.copied = data is not tensor

    def back(self):
        """Writes what has come to the tensor."""
        if self.copied:
            self.tensor.detach().copy_(self.data)

    def bytes(self):
        """The memory, as bytes."""
        data = self.data
        return [_mpi.MPI.buffer.fromaddress(data.data_ptr(), data.nbytes), _mpi.MPI.BYTE]

    def typed(self):
        """The memory, as elements that MPI can add up."""
        data = self.data
        memory = _mpi.MPI.buffer.fromaddress(data.data_ptr(), data.nbytes)
        return [memory, data.numel(), element_type(data.dtype)]


@functools.cache
def element_type(dtype):
    """MPI's type of elements that it can add up."""
    name = type_name(dtype)
    if name not in _TYPES:
        raise RuntimeError("Invalid scalar type")
    return getattr(_mpi.MPI, _TYPES[name])


@functools.cache
def operation(op, dtype, function):
    """MPI's operation for a reduction of tensors of a dtype; the error that PyTorch raises where there is none."""
    if not isinstance(op, RedOpType):
        raise TypeError(
            "(): incompatible function arguments. The following argument types are supported:\n"
            "    1. (self: torch._C._distributed_c10d.AllreduceOptions, arg0: "
            f"torch._C._distributed_c10d.ReduceOp) -> None\n\nInvoked with: {op!r}"
        )
    if op == RedOpType.PREMUL_SUM:
        raise RuntimeError("Cannot use ReduceOp.PREMUL_SUM with MPI")
    if dtype.is_complex and op not in (RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT):
        raise ValueError(f"{function} does not support {op} on complex tensors")
    exact = not (dtype.is_floating_point or dtype.is_complex)
    if op in (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR) and not exact:
        raise RuntimeError(f"Cannot use ReduceOp.{op.name} with non-integral dtype")
    if op == RedOpType.AVG and exact:
        name = SCALAR_NAMES[type_name(dtype)]
        raise RuntimeError(f"result type Float can't be cast to the desired output type {name}")
    names = _LOGICAL if dtype == cygrad.bool else _OPERATIONS
    return getattr(_mpi.MPI, names[op])


def finish(hosts, op, size):
    """Divides what has been added up, where the mean was asked for, and writes it to the tensors."""
    for host in hosts:
        if op == RedOpType.AVG:
            host.data.detach().div_(size)
        host.back()
