"""Saving and loading: who writes what, and what to say where a rank fails."""

import concurrent.futures
import traceback
import uuid
import warnings

import cygrad

from .. import _groups, _objects
from .._process_group import ProcessGroup
from ._storage import FileSystemReader, FileSystemWriter
from .metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorProperties,
    TensorStorageMetadata,
)


class CheckpointException(BaseException):
    """Ranks failed; `failures` is {rank: (exception, its traceback as text)}."""

    def __init__(self, msg, failures):
        super().__init__(msg, failures)
        self.failures = failures

    def __str__(self):
        text = f"CheckpointException ranks:{self.failures.keys()}\n"
        for rank, (error, trace) in self.failures.items():
            text += f"Traceback (most recent call last): (RANK {rank})\n{trace}"
            text += "".join(traceback.format_exception_only(type(error), error))
        return text


CheckpointException.__module__ = "torch.distributed.checkpoint.api"


class _Alone:
    """Stands for a group where there is none."""

    @staticmethod
    def rank():
        return 0

    @staticmethod
    def size():
        return 1


def _group(process_group, no_dist, purpose):
    if no_dist or not _groups.is_initialized():
        if not no_dist:
            warnings.warn(
                "torch.distributed is disabled, unavailable or uninitialized, assuming the intent is to "
                f"{purpose} in a single process.",
                stacklevel=4,
            )
        return _Alone
    return _groups.group.WORLD if process_group is None else process_group


def _gathered(group, value):
    """The values of all ranks."""
    if not isinstance(group, ProcessGroup):
        return [value]
    values = [None] * group.size()
    _objects.all_gather_object(values, value, group)
    return values


def _together(group, function):
    """The results of the function of all ranks; on all of them CheckpointException where one fails."""
    try:
        mine, error = function(), None
    except Exception as caught:
        mine, error = None, (RuntimeError(f"{type(caught).__name__}: {caught}"), traceback.format_exc())
        if isinstance(caught, RuntimeError):
            error = caught, error[1]
    results = _gathered(group, (mine, error))
    failures = {rank: failure for rank, (_, failure) in enumerate(results) if failure}
    if failures:
        raise CheckpointException("", failures)
    return [result for result, _ in results]


class _Place(int):
    """A place in a list, where other parts of a path are keys of dicts."""


def _flat(value, path=()):
    """(path, leaf) of nested dicts and lists; objects with a state_dict give that."""
    if not isinstance(value, dict | list | tuple | cygrad.Tensor) and hasattr(value, "state_dict"):
        value = value.state_dict()
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(v, cygrad.Tensor | dict | list) for v in value):
        for i, item in enumerate(value):
            yield from _flat(item, (*path, _Place(i)))
    else:
        yield path, value


def _name(path):
    return ".".join(map(str, path))


def _plan(group, items):
    """{flat key: the rank that writes it}: of those that have it the one with least to write so far."""
    sizes = {k: v.nbytes if isinstance(v, cygrad.Tensor) else 0 for k, v in items.items()}
    holders = {}
    for rank, theirs in enumerate(_gathered(group, sizes)):
        for key, size in theirs.items():
            holders.setdefault(key, []).append((rank, size))
    load, owner = [0] * group.size(), {}
    for key, holding in sorted(holders.items(), key=lambda kv: (-kv[1][0][1], kv[0])):
        rank, size = min(holding, key=lambda rs: (load[rs[0]], rs[0]))
        owner[key] = rank
        load[rank] += size
    return owner


def _writer(checkpoint_id, storage_writer):
    if storage_writer is None:
        if checkpoint_id is None:
            raise RuntimeError("`checkpoint_id` must be specified if `storage_writer` is None.")
        return FileSystemWriter(checkpoint_id)
    if checkpoint_id is not None:
        storage_writer.path = type(storage_writer)(checkpoint_id).path
    return storage_writer


def save(
    state_dict,
    *,
    checkpoint_id=None,
    storage_writer=None,
    planner=None,
    process_group=None,
    no_dist=False,
    use_collectives=True,
):
    """Saves a nested dict of tensors, other values and objects with a `state_dict` to a folder that all ranks see.

    What several ranks have under the same keys one of them writes; each writes about as much. The checkpoint counts
    when its file `.metadata` is there, which comes last.
    """
    writer = _writer(checkpoint_id, storage_writer)
    return _save(dict(_flat(state_dict)), writer, _group(process_group, no_dist, "save"))


def _described(value):
    """(what the index says of a value, its MetadataIndex without the name)."""
    if not isinstance(value, cygrad.Tensor):
        return BytesStorageMetadata(), {}
    start = cygrad.Size([0] * value.dim())
    properties = TensorProperties(value.dtype, value.layout, value.requires_grad)
    return (
        TensorStorageMetadata(properties, value.shape, [ChunkStorageMetadata(start, value.shape)]),
        {"offset": start, "index": 0},
    )


def _save(items, writer, group):
    """Saves {path: value}."""
    _together(group, writer.prepare)
    items = {_name(path): (path, value) for path, value in items.items()}
    owner, me = _plan(group, {key: value for key, (_, value) in items.items()}), group.rank()

    def write():
        described, paths, mine = {}, {}, {}
        for key, (path, value) in items.items():
            if owner[key] == me:
                described[key], index = _described(value)
                paths[key] = tuple(int(k) if isinstance(k, _Place) else str(k) for k in path)
                tensor = isinstance(value, cygrad.Tensor)
                # A copy of a part of a larger tensor: the file is not to hold all of that.
                mine[MetadataIndex(key, **index)] = value.detach().cpu().clone() if tensor else value
        return described, paths, writer.write_values(f"__{me}_0.distcp", mine)

    parts = _together(group, write)
    described, paths, places = ({k: v for part in parts for k, v in part[i].items()} for i in range(3))
    metadata = Metadata(described, paths, places, StorageMeta(str(writer.path), uuid.uuid4().hex), "1.0.0")
    _together(group, lambda: me == 0 and writer.write_metadata(metadata))
    return metadata


_executor = _async_group = None


def async_save(state_dict, *, checkpoint_id=None, storage_writer=None, process_group=None, no_dist=False, **kwargs):
    """As `save`, of a copy that is made at once; a Future of the result while another thread writes."""
    global _executor, _async_group
    writer, group = _writer(checkpoint_id, storage_writer), _group(process_group, no_dist, "save")
    items = {
        path: v.detach().cpu().clone() if isinstance(v, cygrad.Tensor) else v for path, v in _flat(state_dict)
    }
    if isinstance(group, ProcessGroup):
        if _async_group is None or _async_group[0] is not group:  # its own, beside the program's collectives
            _async_group = group, _groups.new_group(group._ranks, use_local_synchronization=True)
        group = _async_group[1]
    if _executor is None:
        _executor = concurrent.futures.ThreadPoolExecutor(1, "cygrad.distributed.checkpoint")
    return _executor.submit(_save, items, writer, group)


def load(
    state_dict, *, checkpoint_id=None, storage_reader=None, planner=None, process_group=None, no_dist=False
):
    """Fills a nested dict, as it was saved, in place: tensors are written to, other values replaced.

    Each rank reads what its dict asks for, whichever ranks wrote it. Objects with `load_state_dict` are given theirs.
    """
    group = _group(process_group, no_dist, "load")
    if storage_reader is None:
        if checkpoint_id is None:
            raise RuntimeError("`checkpoint_id` must be specified if `storage_reader` is None.")
        storage_reader = FileSystemReader(checkpoint_id)
    _together(group, lambda: _load(state_dict, storage_reader))


def _load(state_dict, reader):
    stateful = {
        key: value for key, value in state_dict.items()
        if not isinstance(value, dict | cygrad.Tensor) and hasattr(value, "load_state_dict")
    }  # fmt: skip
    values = {key: stateful[key].state_dict() if key in stateful else v for key, v in state_dict.items()}
    known = reader.read_metadata().state_dict_metadata
    wanted = list(_flat(values))
    for path, value in wanted:
        key = _name(path)
        if key not in known:
            raise RuntimeError(f"Missing key in checkpoint state_dict: {key}.")
        if isinstance(value, cygrad.Tensor):
            saved = getattr(known[key], "size", None)
            if saved is None or tuple(saved) != tuple(value.shape):
                saved = "a value that is no tensor" if saved is None else tuple(saved)
                raise RuntimeError(f"Size mismatch between saved {saved} and current: {tuple(value.shape)} for {key}")
    for path, value in wanted:
        if isinstance(value, cygrad.Tensor):
            reader.read(_name(path), value)
        else:
            _put(values, path, reader.read(_name(path)))
    for key, owner in stateful.items():
        owner.load_state_dict(values[key])
    for key in state_dict:
        if key not in stateful:
            state_dict[key] = values[key]


def _put(values, path, found):
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = found


def save_state_dict(state_dict, storage_writer, process_group=None, coordinator_rank=0, no_dist=False, planner=None):
    """The older form of `save`."""
    return save(state_dict, storage_writer=storage_writer, process_group=process_group, no_dist=no_dist)


def load_state_dict(state_dict, storage_reader, process_group=None, coordinator_rank=0, no_dist=False, planner=None):
    """The older form of `load`."""
    load(state_dict, storage_reader=storage_reader, process_group=process_group, no_dist=no_dist)
