"""How tensors are pickled for other processes: as shared memory and a place in it."""

import fcntl
import os
import struct
import tempfile
import weakref
from multiprocessing import reduction, util

from .. import _core
from .._creation import bridge as _bridge, storages as _storage
from ..storage import SharedBlock, UntypedStorage, mapping

__all__ = ["init_reductions", "reduce_storage", "reduce_tensor"]

strategy = "file_descriptor"

_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
_COUNT = struct.Struct("<q")  # at the end of a named file: how many processes and messages hold it
# Files that are mapped here, so that one which arrives twice is mapped once.
_blocks = weakref.WeakValueDictionary()


# ------------------------------------------------------------------ shared memory


def _map(fd, name=None):
    """The block of an open file; takes over the descriptor."""
    status = os.fstat(fd)
    key = status.st_dev, status.st_ino
    block = _blocks.get(key)
    if block is not None:
        os.close(fd)
        return block
    block = SharedBlock(fd, status.st_size)
    block.fd, block.name = fd, name
    weakref.finalize(block, os.close, fd).atexit = False
    _blocks[key] = block
    return block


def _new_block(nbytes):
    if strategy == "file_system":
        fd, name = tempfile.mkstemp(prefix=f"cygrad_{os.getpid()}_", dir=_FOLDER)
        try:
            _allocate(fd, nbytes + _COUNT.size)
        except RuntimeError:
            os.unlink(name)
            raise
        _add_user(fd, 1)
        block = _map(fd, name)
        _release_at_end(block)
        return block
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("cygrad")
    else:
        fd, name = tempfile.mkstemp(dir=_FOLDER)
        os.unlink(name)
    _allocate(fd, max(nbytes, 1))
    return _map(fd)


def _allocate(fd, nbytes):
    # Now, since writing to a page that cannot be had later kills the process.
    try:
        os.posix_fallocate(fd, 0, nbytes)
    except OSError as error:
        os.close(fd)
        raise RuntimeError(
            f"unable to allocate {nbytes} bytes of shared memory: {error.strerror} ({error.errno})"
        ) from None


def _add_user(fd, change):
    """Counts the users of a named file; how many there are now."""
    end = os.fstat(fd).st_size - _COUNT.size
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        count = _COUNT.unpack(os.pread(fd, _COUNT.size, end))[0] + change
        os.pwrite(fd, _COUNT.pack(count), end)
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
    return count


def _release_at_end(block):
    # Of its own descriptor, since the block's may be closed first; not run in forked children.
    util.Finalize(block, _release, (os.dup(block.fd), block.name), exitpriority=0)


def _release(fd, name):
    try:
        if _add_user(fd, -1) <= 0:
            os.unlink(name)
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


def share(storage):
    """Moves the bytes of a storage to shared memory, where they are not there yet; returns it."""
    if storage.device.type != "cpu" or isinstance(mapping(storage), SharedBlock):
        return storage
    owner = storage.handle
    if isinstance(owner, UntypedStorage) and owner.data_ptr() == storage.data_ptr():
        block = mapping(share(owner))  # an alias, as `.data` is: they must stay together
    else:
        block = _new_block(storage.nbytes())
        memoryview(block)[: storage.nbytes()] = memoryview(storage)
    _storage.rebind(storage, _over(block, storage.nbytes()))
    return storage


def _over(block, nbytes):
    return _storage.over(memoryview(block)[:nbytes])


# ------------------------------------------------------------------ pickles


def rebuild_storage_fd(sent, nbytes):
    return _over(_map(sent.detach()), nbytes)


def rebuild_storage_filename(name, nbytes):
    fd = os.open(name, os.O_RDWR)
    known = len(_blocks)
    block = _map(fd, name)
    if len(_blocks) > known:  # the message's share of the file is this process's now
        _release_at_end(block)
    else:
        _add_user(block.fd, -1)
    return _over(block, nbytes)


def reduce_storage(storage):
    """A storage as shared memory; one of another device as a copy."""
    if storage.device.type != "cpu":
        return _bridge.reduce_storage(storage)
    block = mapping(share(storage))
    if block.name is not None:
        _add_user(block.fd, 1)
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
    reduction.ForkingPickler.register(UntypedStorage, reduce_storage)
    reduction.ForkingPickler.register(_core.Tensor, reduce_tensor)
