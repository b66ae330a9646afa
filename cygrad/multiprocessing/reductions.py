"""How tensors are pickled for other processes: as shared memory and a place in it."""

from multiprocessing import reduction

from .. import _core, _shared_memory as _shared
from .._creation import bridge as _bridge

__all__ = ["init_reductions", "reduce_storage", "reduce_tensor"]


def rebuild_storage_fd(sent, nbytes):
    return _shared.over(_shared.map_file(sent.detach()), nbytes)


def rebuild_storage_filename(name, nbytes):
    return _shared.over(_shared.attach(name), nbytes)


def reduce_storage(storage):
    """A storage as shared memory; one of another device as a copy."""
    if storage.device.type != "cpu":
        return _bridge.reduce_storage(storage)
    block = _shared.mapping(_shared.share(storage))
    if block.name is not None:
        _shared.add_user(block.fd, 1)
        return rebuild_storage_filename, (block.name, storage.nbytes())
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
