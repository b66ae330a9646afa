"""PyTorch's module of the groups and collectives, for programs that import from it."""

from . import *  # noqa: F403  what the package has when this is imported
from ._checks import default_group as _get_default_group  # noqa: F401
from ._groups import get_global_rank as _get_global_rank  # noqa: F401
from ._process_group import GroupMember, group  # noqa: F401
from .constants import default_pg_nccl_timeout, default_pg_timeout  # noqa: F401
