"""What groups are described by: reductions, backends, the level of checking; and the errors of distributed programs."""

import enum
import os


class DistError(RuntimeError):
    """The base of the errors of distributed programs."""


class DistBackendError(DistError):
    """MPI failed."""


class DistNetworkError(DistError):
    """The processes could not find each other."""


class DistStoreError(DistError):
    """A store failed."""


class QueueEmptyError(DistStoreError):
    """A queue of a store has nothing in it."""


for _type in (DistError, DistBackendError, DistNetworkError, DistStoreError, QueueEmptyError):
    _type.__module__ = "torch.distributed"


class RedOpType(enum.IntEnum):
    """The ways to combine the tensors of several ranks."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)

    def __str__(self):
        return f"RedOpType.{self.name}"

    def __format__(self, spec):
        return format(str(self), spec)


class _Reductions(type):
    """`isinstance(ReduceOp.SUM, ReduceOp)` holds."""

    def __instancecheck__(cls, value):
        return isinstance(value, RedOpType) or type.__instancecheck__(cls, value)


class ReduceOp(metaclass=_Reductions):
    """ReduceOp.SUM and its like; `ReduceOp(ReduceOp.SUM)` is ReduceOp.SUM."""

    RedOpType = RedOpType

    def __new__(cls, op):
        if not isinstance(op, RedOpType):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. torch._C._distributed_c10d.ReduceOp(arg0: c10d::ReduceOp::RedOpType)\n\n"
                f"Invoked with: {op!r}"
            )
        return op


for _member in RedOpType:
    setattr(ReduceOp, _member.name, _member)


class reduce_op:  # noqa: N801  PyTorch's name
    """The older name of ReduceOp."""

    SUM, PRODUCT, MIN, MAX = RedOpType.SUM, RedOpType.PRODUCT, RedOpType.MIN, RedOpType.MAX


def supports_complex(reduceOp):  # noqa: N803  PyTorch's name
    """Whether complex tensors can be combined so."""
    return reduceOp in (RedOpType.SUM, RedOpType.AVG, RedOpType.PRODUCT, RedOpType.PREMUL_SUM)


class Backend(str):
    """The name of a backend, in lower case. All of them run on MPI."""

    UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE = (
        "undefined", "gloo", "nccl", "xccl", "ucc", "mpi", "fake",
    )  # fmt: skip
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL, "opencl": MPI}

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return str.__new__(cls, name.lower())


class BackendConfig:
    """A backend for each kind of device, as "cpu:gloo,cuda:nccl" says."""

    def __init__(self, backend):
        if ":" in backend:
            self.device_backend_map = {}
            for pair in backend.lower().split(","):
                device, colon, name = pair.partition(":")
                if not colon:
                    raise ValueError(
                        f"Invalid device:backend pairing: {pair}. Expected format: <device>:<backend>"
                    )
                if device in self.device_backend_map:
                    raise ValueError(
                        f"Duplicate device type {device} in backend string: {backend}."
                    )
                self.device_backend_map[device] = Backend(name)
        else:
            self.device_backend_map = dict.fromkeys(("cpu", "cuda"), Backend(backend))

    def get_device_backend_map(self):
        """{kind of device: backend}."""
        return self.device_backend_map

    def __repr__(self):
        return ",".join(f"{device}:{backend}" for device, backend in self.device_backend_map.items())


class DebugLevel(enum.IntEnum):
    """TORCH_DISTRIBUTED_DEBUG: with DETAIL the ranks compare their collectives before they run them."""

    OFF, INFO, DETAIL = range(3)


_level = None


def set_debug_level(level):
    """Sets how much is checked."""
    global _level
    _level = DebugLevel(level)


def set_debug_level_from_env():
    """Sets how much is checked by the environment variable TORCH_DISTRIBUTED_DEBUG."""
    name = os.environ.get("TORCH_DISTRIBUTED_DEBUG", "OFF").upper()
    if name not in DebugLevel.__members__:
        raise RuntimeError(
            "The value of TORCH_DISTRIBUTED_DEBUG must be OFF, INFO, or DETAIL."
        )
    set_debug_level(DebugLevel[name])


def get_debug_level():
    """How much is checked."""
    if _level is None:
        set_debug_level_from_env()
    return _level
