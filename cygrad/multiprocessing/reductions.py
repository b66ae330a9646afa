"""How tensors are pickled for other processes: as shared memory and a place in it."""

import os
from multiprocessing import reduction

from .. import _core, _shared_memory as _shared
from .._creation import bridge as _bridge
from .._standins import refusing

__all__ = [
    "SharedCache", "StorageWeakRef", "fd_id", "init_reductions", "rebuild_meta_tensor", "rebuild_sparse_coo_tensor",
    "rebuild_sparse_compressed_tensor", "rebuild_storage_empty", "rebuild_storage_fd", "rebuild_storage_filename",
    "rebuild_tensor", "rebuild_typed_storage", "rebuild_typed_storage_child", "reduce_sparse_tensor", "reduce_storage",
    "reduce_tensor", "reduce_typed_storage", "reduce_typed_storage_child", "shared_cache", "storage_from_cache",
]  # fmt: skip


def rebuild_storage_fd(df, size):
    """A storage over the file whose descriptor was sent."""
    return _shared.over(_shared.map_file(df.detach()), size)


def rebuild_storage_filename(cls, manager, handle, size, dtype=None):
    """A storage over the shared memory of this name."""
    return _shared.over(_shared.attach(handle), size)


def reduce_storage(storage):
    """A storage as shared memory; one of another device as a copy."""
    if storage.device.type != "cpu":
        return _bridge.reduce_storage(storage)
    block = _shared.mapping(_shared.share(storage))
    if block.name is not None:
        _shared.add_user(block.fd, 1)
        return rebuild_storage_filename, (None, None, block.name, storage.nbytes())
    return rebuild_storage_fd, (reduction.DupFd(block.fd), storage.nbytes())


def reduce_tensor(tensor):
    """A tensor as its storage and its place in it; RuntimeError if it has a history."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does "
            "not support crossing process boundaries.  If you just want to transfer the data, call "
            "detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    return tensor.__reduce_ex__(2)


def init_reductions():
    """Tells Python's multiprocessing how to pickle tensors and storages."""
    reduction.ForkingPickler.register(_core.Storage, reduce_storage)
    reduction.ForkingPickler.register(_core.Tensor, reduce_tensor)


# ---------------------------------------------------------------- parts that others put together


class StorageWeakRef:
    """Stands for a storage without keeping it: equal where the memory is the same."""

    def __init__(self, storage):
        self.cdata = storage._cdata

    def expired(self):
        """Not there: cygrad's storages can't be asked whether they are gone."""
        raise NotImplementedError("StorageWeakRef.expired(): cygrad's storages have no weak references")

    def __hash__(self):
        return self.cdata

    def __eq__(self, other):
        return self is other or self.cdata == other.cdata


class SharedCache(dict):
    """PyTorch's storages by their handles. cygrad finds shared memory by its name or file, and keeps nothing here."""

    def __init__(self):
        super().__init__()

    def free_dead_references(self):
        """Nothing is kept."""


shared_cache = SharedCache()


def storage_from_cache(cls, key):
    """None: nothing is kept."""
    return None


def fd_id(fd):
    """What tells a file from others: its inode and device."""
    stat = os.fstat(fd)
    return stat.st_ino, stat.st_dev


def rebuild_storage_empty(cls):
    """A storage without memory."""
    return cls()


def rebuild_tensor(cls, storage, metadata):
    """A tensor over a storage: (offset, shape, strides, requires_grad)."""
    offset, size, stride, requires_grad = metadata
    import cygrad

    untyped, dtype = getattr(storage, "_untyped_storage", storage), getattr(storage, "dtype", None)
    t = cygrad.empty(0, dtype=dtype, device=untyped.device).set_(untyped, offset, size, stride)
    if cls.__name__ == "Parameter":
        return cls(t, requires_grad=requires_grad)
    return t.requires_grad_(requires_grad)


def rebuild_typed_storage(storage, dtype):
    """A storage that knows its dtype."""
    from ..storage import TypedStorage

    return TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


def reduce_typed_storage(storage):
    """A storage that knows its dtype, as one that does not and that dtype."""
    return rebuild_typed_storage, (storage._untyped_storage, storage.dtype)


def rebuild_typed_storage_child(storage, storage_type):
    """A storage of a class that stands for its dtype."""
    return storage_type(wrap_storage=storage, _internal=True)


def reduce_typed_storage_child(storage):
    """A storage of such a class."""
    return rebuild_typed_storage_child, (storage._untyped_storage, type(storage))


def rebuild_meta_tensor(
    tensor_cls, tensor_size, tensor_stride, tensor_offset, dtype, storage_size_bytes, requires_grad
):
    """A tensor without data."""
    import cygrad

    t = cygrad.empty_strided(tuple(tensor_size), tuple(tensor_stride), dtype=dtype, device="meta")
    return t.requires_grad_(requires_grad)


def rebuild_sparse_coo_tensor(rebuild_indices_func, rebuild_indices_args, rebuild_values_func, rebuild_values_args,
                              shape, is_coalesced):  # fmt: skip
    """A sparse tensor of its parts."""
    import cygrad

    indices, values = rebuild_indices_func(*rebuild_indices_args), rebuild_values_func(*rebuild_values_args)
    return cygrad.sparse_coo_tensor(indices, values, shape, is_coalesced=is_coalesced)


def rebuild_sparse_compressed_tensor(
    rebuild_compressed_indices_func, rebuild_compressed_indices_args, rebuild_plain_indices_func,
    rebuild_plain_indices_args, rebuild_values_func, rebuild_values_args, shape, layout,
):  # fmt: skip
    """A sparse tensor by rows of its parts."""
    import cygrad

    return cygrad.sparse_compressed_tensor(
        rebuild_compressed_indices_func(*rebuild_compressed_indices_args),
        rebuild_plain_indices_func(*rebuild_plain_indices_args),
        rebuild_values_func(*rebuild_values_args), shape, layout=layout,
    )  # fmt: skip


def reduce_sparse_tensor(sparse):
    """A sparse tensor as its parts."""
    if str(sparse.layout) == "torch.sparse_coo":
        indices, values = reduce_tensor(sparse._indices()), reduce_tensor(sparse._values())
        return rebuild_sparse_coo_tensor, (*indices[:2], *values[:2], sparse.shape, sparse.is_coalesced())
    parts = [reduce_tensor(x)[:2] for x in (sparse.crow_indices(), sparse.col_indices(), sparse.values())]
    return rebuild_sparse_compressed_tensor, (*parts[0], *parts[1], *parts[2], sparse.shape, sparse.layout)


_GPU = "memory of GPUs is not shared between processes"
rebuild_cuda_tensor, rebuild_event, reduce_event = (
    refusing(f"multiprocessing.reductions.{_name}", _GPU)
    for _name in ("rebuild_cuda_tensor", "rebuild_event", "reduce_event")
)
rebuild_nested_tensor, reduce_nested_tensor = (
    refusing(f"multiprocessing.reductions.{_name}", "cygrad has no nested tensors")
    for _name in ("rebuild_nested_tensor", "reduce_nested_tensor")
)
