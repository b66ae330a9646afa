"""Arguments of the calls, checked with PyTorch's messages."""

import warnings

import cygrad

from ._process_group import GroupMember, group as _group


def default_group():
    """The default group; ValueError where there is none."""
    if _group.WORLD is None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group."
        )
    return _group.WORLD


def the_group(group):
    """The group, or the default group for None."""
    return _group.WORLD or default_group() if group is None else group


def outside(group, name):
    """Whether this process is not in the group, which it warns of."""
    if group is not GroupMember.NON_GROUP_MEMBER and not isinstance(group, int):
        return False
    rank = -1 if _group.WORLD is None else _group.WORLD.rank()
    warnings.warn(
        f"Running {name} on global rank {rank} which does not belong to the given group.", stacklevel=4
    )
    return True


def check_tensor(value, name):
    """TypeError unless it is a tensor."""
    if not isinstance(value, cygrad.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def check_tensors(value, name):
    """TypeError unless it is a list of tensors."""
    if not isinstance(value, list | tuple):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(value)} instead."
        )
    for item in value:
        if not isinstance(item, cygrad.Tensor):
            raise TypeError(
                f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
                f"             but got {type(value)} with elements of type {[type(v) for v in value]}."
            )


def check_one_dtype(*tensors):
    """ValueError where dtypes differ."""
    for tensor in tensors[1:]:
        if tensor.dtype != tensors[0].dtype:
            raise ValueError(
                "Invalid usage of tensors with different dtypes"
                f"Found {tensors[0].dtype} and  {tensor.dtype}"
            )


def place(group, rank, group_rank, optional=False):
    """The rank in the group of a global rank, or of a rank in the group."""
    if group_rank is not None:
        if rank is not None:
            raise ValueError("Can't specify both group_rank and global_rank")
        return group_rank
    if rank is None:
        if optional:
            return None
        raise ValueError("Must specify global_rank or group_rank")
    if group is _group.WORLD:
        return rank
    if rank not in group._places:
        raise ValueError(f"Global rank {rank} is not part of group {group}")
    return group._places[rank]


def root(group, rank, group_rank, name):
    """As `place`, and a rank that there is."""
    found = place(group, rank, group_rank)
    if not 0 <= found < group.size():
        raise RuntimeError(f"ProcessGroupMPI::{name}: invalid root rank: {found}")
    return found
