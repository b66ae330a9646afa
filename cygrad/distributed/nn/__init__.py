"""Collectives that gradients flow through."""

from ..._standins import stand_in
from .functional import *  # noqa: F403
from .functional import __all__ as _names

RemoteModule = stand_in("distributed.nn.RemoteModule()", "torch.distributed on MPI has no RPC")

__all__ = ["RemoteModule", *_names]
