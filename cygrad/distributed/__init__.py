"""torch.distributed: processes that train together, by MPI (mpi4py): groups, collectives, messages, objects, starting.

May use tensors and autograd; what stands higher (optimizers, `save`) it takes from the public package when it is used.
Must not start MPI before a group is initialised: `import cygrad.distributed` costs nothing and needs no mpi4py.
"""

from .. import _standins
from ._bucket import GradBucket
from ._collectives import (
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_gather_single,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_single,
    reduce_scatter_tensor,
    scatter,
)
from ._groups import (
    destroy_process_group,
    get_backend,
    get_backend_config,
    get_default_backend_for_device,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_pg_count,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
)
from ._objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from ._point_to_point import P2POp, batch_isend_irecv, irecv, isend, recv, send
from ._process_group import GroupMember, ProcessGroup
from ._stores import FileStore, HashStore, PrefixStore, Store, TCPStore
from ._types import (
    Backend,
    BackendConfig,
    DebugLevel,
    DistBackendError,
    DistError,
    DistNetworkError,
    DistStoreError,
    QueueEmptyError,
    ReduceOp,
    get_debug_level,
    reduce_op,
    set_debug_level,
    set_debug_level_from_env,
    supports_complex,
)
from ._work import Work
from .constants import default_pg_timeout
from .device_mesh import DeviceMesh, init_device_mesh

_WHY = "distributed training runs on MPI, which has no such thing"
for _name in (
    "split_group", "shrink_group", "ProcessGroupGloo()", "ProcessGroupNCCL()", "breakpoint",
    "register_rendezvous_handler",
):  # fmt: skip
    globals()[_name.removesuffix("()")] = _standins.stand_in(f"distributed.{_name}", _WHY)


def __getattr__(name):
    return _standins.submodule("distributed", name)
