"""Storages in memory that other processes can map: files without names, or named ones under /dev/shm.

Modules that few programs use are imported by the functions that need them: this one is part of `import cygrad`.
"""

import mmap
import os
import struct
import weakref

from . import _core
from ._creation import storages as _storages

strategy = "file_descriptor"

_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
_COUNT = struct.Struct("<q")  # at the end of a named file: how many processes and messages hold it
# Files that are mapped here, so that one which arrives twice is mapped once.
_blocks = weakref.WeakValueDictionary()


def mapping(storage):
    """The mapped file that a storage lies in, or None."""
    owner = storage
    while isinstance(owner, _core.Storage):  # also of an alias, and of a block that grew
        owner = owner.handle
        if isinstance(owner, tuple):  # see _storages.rebind
            owner = owner[0]
    return getattr(owner, "obj", None) if isinstance(owner, memoryview) else None


class SharedBlock(mmap.mmap):
    """Memory that other processes can map by a file descriptor, or by a name."""


def map_file(fd, name=None):
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
    import tempfile

    if strategy == "file_system":
        fd, name = tempfile.mkstemp(prefix=f"cygrad_{os.getpid()}_", dir=_FOLDER)
        try:
            _allocate(fd, nbytes + _COUNT.size)
        except RuntimeError:
            os.unlink(name)
            raise
        add_user(fd, 1)
        block = map_file(fd, name)
        _release_at_end(block)
        return block
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("cygrad")
    else:
        fd, name = tempfile.mkstemp(dir=_FOLDER)
        os.unlink(name)
    _allocate(fd, max(nbytes, 1))
    return map_file(fd)


def _allocate(fd, nbytes):
    # Now, since writing to a page that cannot be had later kills the process.
    try:
        os.posix_fallocate(fd, 0, nbytes)
    except OSError as error:
        os.close(fd)
        raise RuntimeError(
            f"unable to allocate {nbytes} bytes of shared memory: {error.strerror} ({error.errno})"
        ) from None


def add_user(fd, change):
    """Counts the users of a named file; how many there are now."""
    import fcntl

    end = os.fstat(fd).st_size - _COUNT.size
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        count = _COUNT.unpack(os.pread(fd, _COUNT.size, end))[0] + change
        os.pwrite(fd, _COUNT.pack(count), end)
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
    return count


def _release_at_end(block):
    from multiprocessing import util

    # Of its own descriptor, since the block's may be closed first; not run in forked children.
    util.Finalize(block, _release, (os.dup(block.fd), block.name), exitpriority=0)


def attach(name):
    """The block of a named file that a message told of."""
    fd = os.open(name, os.O_RDWR)
    known = len(_blocks)
    block = map_file(fd, name)
    if len(_blocks) > known:  # the message's share of the file is this process's now
        _release_at_end(block)
    else:
        add_user(block.fd, -1)
    return block


def _release(fd, name):
    try:
        if add_user(fd, -1) <= 0:
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
    if isinstance(owner, _core.Storage) and owner.data_ptr() == storage.data_ptr():
        block = mapping(share(owner))  # an alias, as `.data` is: they must stay together
    else:
        block = _new_block(storage.nbytes())
        memoryview(block)[: storage.nbytes()] = memoryview(storage)
    _storages.rebind(storage, over(block, storage.nbytes()))
    return storage


def over(block, nbytes):
    return _storages.over(memoryview(block)[:nbytes])
