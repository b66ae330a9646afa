"""The start and the end of groups, and questions about them."""

import importlib.util
import os
import zlib
from datetime import timedelta

from . import _checks, _environment, _mpi, _seats, _watch, rendezvous
from ._process_group import GroupMember, ProcessGroup, group
from ._types import Backend, BackendConfig
from .constants import default_pg_timeout

_groups = []  # those that this process is in, the default group first
_count = 0


def is_available():
    """Whether mpi4py, on which groups run, can be imported."""
    return importlib.util.find_spec("mpi4py") is not None


def is_initialized():
    """Whether there is a default group."""
    return group.WORLD is not None


def is_mpi_available():
    """As `is_available`."""
    return is_available()


is_gloo_available = is_mpi_available  # the name; it runs on MPI


def is_nccl_available():
    """False: "nccl" may be asked for, but it is MPI that answers."""
    return False


is_ucc_available = is_xccl_available = is_nccl_available


def is_backend_available(backend):
    """Whether groups with this name of a backend can be made."""
    return is_available() and backend.lower() in Backend.backend_list[1:-1]


def is_torchelastic_launched():
    """Whether `cygrad.distributed.run` started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _timeout(timeout):
    if timeout is None:
        return default_pg_timeout
    if not isinstance(timeout, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {timeout}"
        )
    return timeout


def _backend(name):
    """The backend that is asked for, checked: every name is another name of MPI."""
    if name is None:
        return Backend(Backend.MPI)
    name = Backend(name)
    known = Backend.backend_list[1:-1]
    for one in BackendConfig(name).device_backend_map.values():
        if one not in known:
            raise ValueError(f"Unknown backend '{one}': cygrad runs {', '.join(known)}, all of them on MPI")
    return name


def init_process_group(
    backend=None,
    init_method=None,
    timeout=None,
    world_size=-1,
    rank=-1,
    store=None,
    group_name="",
    pg_options=None,
    device_id=None,
):
    """Makes the default group, of all processes of the job. Every backend that can be named runs on MPI.

    mpiexec, or `python -m cygrad.distributed.run`, starts the processes; then nothing else need be said. One that
    neither has started, and that is given no rank, is a world of one. Processes of one machine that started otherwise
    meet at `init_method`, or where their `store` is, as the ranks that they are given.
    timeout: a timedelta; a call that waits longer for other ranks ends the job and says for whom.
    """
    global _count
    if group.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    timeout = _timeout(timeout)
    if store is not None:
        assert init_method is None, "Cannot specify both init_method and store."
        assert world_size > 0, "world_size must be positive if using store"
        assert rank >= 0, "rank must be non-negative if using store"
    backend = _backend(backend)
    rank, world_size, address = rendezvous.resolve(init_method, rank, world_size, store)
    if not is_available():
        _mpi.start()  # raises
    if _mpi.MPI is None and world_size > 1 and not _environment.launched():
        _seats.take(rank, world_size, address, min(timeout.total_seconds(), 300))
    _mpi.start(rank)
    if world_size != _mpi.notices.size:
        raise ValueError(f"world_size is {world_size}, but mpiexec started {_mpi.notices.size} processes")
    _watch.start()
    comm = _mpi.notices.Dup()
    _count = 1
    group.WORLD = ProcessGroup(
        comm, range(world_size), group_name or "0", "default_pg", backend, timeout
    )
    _groups.append(group.WORLD)
    _mpi.at_leave(_close_all)


def _close_all():
    for one in _groups:
        one._close()


def destroy_process_group(group=None):
    """Ends a group, or all of them."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    world = GroupMember.WORLD
    one = world if group is None else group
    assert one is not None, "Process group cannot be None"
    if one not in _groups:
        raise ValueError("Invalid process group specified")
    for ended in list(_groups) if one is world else [one]:
        ended._close()
        _groups.remove(ended)
    if one is world:
        GroupMember.WORLD = None


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
    sort_ranks=True,
):
    """A group of some ranks of the default group, all of them unless said; every rank calls it.

    Ranks that are not in it get GroupMember.NON_GROUP_MEMBER.
    """
    global _count
    world = _checks.default_group()
    timeout = world._timeout if timeout is None else _timeout(timeout)
    backend = world._backend if backend is None else _backend(backend)
    ranks = list(range(world.size())) if ranks is None else list(ranks)
    if sort_ranks:
        ranks.sort()
    for rank in ranks:
        if not 0 <= rank < world.size():
            raise ValueError(
                f"Rank {rank} is out of range. Valid ranks are 0 to {world.size() - 1} "
                f"(world_size={world.size()})"
            )
    if len(set(ranks)) < len(ranks):
        raise ValueError(f"ranks list must not contain duplicate entries, got {ranks}")
    name, _count = str(_count), _count + 1
    if world.rank() not in ranks:
        return GroupMember.NON_GROUP_MEMBER
    tag = zlib.crc32(repr(ranks).encode()) % 32768  # the groups of other ranks may be made at the same time
    comm = world._comm.Create_group(world._comm.Get_group().Incl(ranks), tag)
    made = ProcessGroup(comm, ranks, name, group_desc or "undefined", backend, timeout)
    _groups.append(made)
    return made


def new_subgroups(
    group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """(the group of this rank, all groups) of `group_size` ranks each, in order."""
    size = get_world_size(group)
    if group_size is None:
        group_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    if size < group_size:
        raise ValueError(
            f"The arg 'group_size' ({group_size}) must not exceed the world size ({size})"
        )
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by 'group_size={group_size}'")
    ranks = get_process_group_ranks(group)
    parts = [ranks[i : i + group_size] for i in range(0, size, group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """(the group of this rank, all groups) with the ranks that the lists name."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    groups, mine, seen = [], None, {}
    for ranks in ranks_per_subgroup_list:
        for rank in ranks:
            if rank in seen:
                raise ValueError(
                    f"Rank {rank} has appeared in both subgroup {seen[rank]} and {ranks}"
                )
            seen[rank] = ranks
        groups.append(new_group(ranks, timeout, backend, pg_options, group_desc=group_desc))
        if get_rank() in ranks:
            mine = groups[-1]
    return mine, groups


def get_rank(group=None):
    """The rank of this process in the group; -1 where it is not in it."""
    group = _checks.the_group(group)
    return group.rank() if isinstance(group, ProcessGroup) else -1


def get_world_size(group=None):
    """The number of ranks of the group; -1 where this process is not in it."""
    group = _checks.the_group(group)
    return group.size() if isinstance(group, ProcessGroup) else -1


def _known(group):
    group = _checks.the_group(group)
    if not isinstance(group, ProcessGroup) or group not in _groups:
        raise ValueError("Invalid process group specified")
    return group


def get_backend(group=None):
    """The name of the backend that was asked for."""
    return _known(group)._backend


def get_backend_config(group=None):
    """The backends by kind of device, as text."""
    return repr(BackendConfig(_known(group)._backend))


def get_default_backend_for_device(device):
    """The name of the backend of a kind of device."""
    kind = getattr(device, "type", None) or str(device).partition(":")[0]
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {device}")
    return Backend.default_device_backend_map[kind]


def get_process_group_ranks(group):
    """The ranks of the group, as the default group numbers them."""
    return list(_known(group)._ranks)


def get_global_rank(group, group_rank):
    """The rank in the default group of a rank in the group."""
    if group is GroupMember.WORLD:
        return group_rank
    if not 0 <= group_rank < _known(group).size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return group._ranks[group_rank]


def get_group_rank(group, global_rank):
    """The rank in the group of a rank in the default group."""
    if group is GroupMember.WORLD:
        return global_rank
    if global_rank not in _known(group)._places:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return group._places[global_rank]


def get_pg_count():
    """The number of groups that this process is in."""
    return len(_groups)


def get_node_local_rank(fallback_rank=None):
    """The rank of this process among those of its machine."""
    found = os.environ.get("LOCAL_RANK", _environment.told().get("LOCAL_RANK", fallback_rank))
    if found is None:
        raise RuntimeError(
            "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to "
            "work, assuming you are not running in a multi-device context and want the code to run locally instead."
        )
    return int(found)
