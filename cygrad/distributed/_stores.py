"""Stores: keys and values (bytes) that processes share: in this process, in a file, at an address of this machine.

Every operation is one function of the whole dict, which `Store._change` runs while nobody else does.
"""

import json
import os
import tempfile
import threading
import time
import weakref
from datetime import timedelta

from . import _seat
from ._types import DistNetworkError, DistStoreError, QueueEmptyError

_DEFAULT = timedelta(seconds=300)


def _bytes(value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"the value of a store's key must be a str or bytes, but got {type(value).__name__}")


def _key(key):
    if not isinstance(key, str):
        raise TypeError(f"the key of a store must be a str, but got {type(key).__name__}")
    return key


class Store:
    """The base of stores. What `set` and its like write, `get` returns as bytes, and waits until there is something."""

    timeout = _DEFAULT

    def _change(self, function):
        """function({key: bytes}), which may change the dict."""
        raise NotImplementedError(f"{type(self).__name__} is not a store of cygrad")

    def _wait_text(self, keys, milliseconds):
        return "Wait timeout"

    def _until(self, function, keys, timeout=None):
        """What `function` of the dict returns, as soon as that is not None."""
        seconds = (self.timeout if timeout is None else timeout).total_seconds()
        end, pause = time.monotonic() + seconds, 1e-4
        while (found := self._change(function)) is None:
            if time.monotonic() > end:
                raise DistStoreError(self._wait_text(keys, round(1000 * seconds)))
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        return found

    def set_timeout(self, timeout):
        """Sets how long `get` and `wait` wait, a timedelta."""
        if not isinstance(timeout, timedelta):
            raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
        self.timeout = timeout

    def set(self, key, value):
        """Writes the value, a str or bytes."""
        key, value = _key(key), _bytes(value)
        self._change(lambda all_: all_.__setitem__(key, value))

    def get(self, key):
        """The value, as bytes; waits for it."""
        return self._until(lambda all_: all_.get(key), [_key(key)])

    def add(self, key, amount):
        """Adds to the number of the key, 0 if there is none; the sum."""
        _key(key)

        def change(all_):
            try:
                total = int(all_.get(key, b"0")) + amount
            except ValueError:
                raise ValueError(f"the value of key {key} is not a number: {all_[key]!r}") from None
            all_[key] = str(total).encode()
            return total

        return self._change(change)

    def append(self, key, value):
        """Appends to the value."""
        key, value = _key(key), _bytes(value)
        self._change(lambda all_: all_.__setitem__(key, all_.get(key, b"") + value))

    def compare_set(self, key, expected_value, desired_value):
        """Writes the desired value if the key has the expected one, or none and that is expected to be empty."""
        _key(key)
        expected, desired = _bytes(expected_value), _bytes(desired_value)

        def change(all_):
            if all_.get(key, b"") == expected:
                all_[key] = desired
            return all_.get(key, expected)

        return self._change(change)

    def check(self, keys):
        """Whether all keys have values."""
        return self._change(lambda all_: all(key in all_ for key in keys))

    def wait(self, keys, timeout=None):
        """Waits until all keys have values."""
        self._until(lambda all_: all(key in all_ for key in keys) or None, keys, timeout)

    def delete_key(self, key):
        """Removes the key; whether there was one."""
        return self._change(lambda all_: all_.pop(key, None)) is not None

    def num_keys(self):
        """The number of keys."""
        return self._change(len)

    def list_keys(self):
        """The keys."""
        return self._change(list)

    def multi_set(self, keys, values):
        """Writes several values."""
        new = {_key(key): _bytes(value) for key, value in zip(keys, values, strict=True)}
        self._change(lambda all_: all_.update(new))

    def multi_get(self, keys):
        """Several values; waits for all of them."""
        return self._until(lambda all_: [all_[k] for k in keys] if all(k in all_ for k in keys) else None, keys)

    def has_extended_api(self):
        """True: `append`, `multi_get` and `multi_set` are there."""
        return True

    def queue_push(self, key, value):
        """Appends to the queue of the key."""
        value = _bytes(value)

        def change(all_):
            waiting = json.loads(all_.get(_QUEUE + key, b"[]"))
            all_[_QUEUE + key] = json.dumps([*waiting, value.hex()]).encode()

        self._change(change)

    def queue_pop(self, key, block=True):
        """Takes the first value from the queue of the key; waits for one, or raises QueueEmptyError."""

        def change(all_):
            waiting = json.loads(all_.get(_QUEUE + key, b"[]"))
            if not waiting:
                return None
            all_[_QUEUE + key] = json.dumps(waiting[1:]).encode()
            return bytes.fromhex(waiting[0])

        if block:
            return self._until(change, [key])
        found = self._change(change)
        if found is None:
            raise QueueEmptyError("queue is empty")
        return found

    def queue_len(self, key):
        """The number of values in the queue of the key."""
        return self._change(lambda all_: len(json.loads(all_.get(_QUEUE + key, b"[]"))))

    def clone(self):
        """A store of the same keys, for another thread."""
        return self

    def _address(self):
        """Where processes that share this store can meet, or None."""
        return None


_QUEUE = "queue/"


class HashStore(Store):
    """A store of this process, for its threads."""

    def __init__(self):
        self._all, self._lock = {}, threading.Lock()

    def _change(self, function):
        with self._lock:
            return function(self._all)


class FileStore(Store):
    """A store in a file that all processes see. It stays when they end: a new job takes a new file."""

    def __init__(self, file_name, world_size=-1):
        self.path, self.world_size = str(file_name), world_size
        self._lock = threading.Lock()
        with open(self.path, "a"):
            pass

    def _wait_text(self, keys, milliseconds):
        return f"Timeout waiting for key: {keys[0]} after {milliseconds} ms"

    def _change(self, function):
        import fcntl  # Windows has none

        with self._lock, open(self.path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.read()
            all_ = {k: bytes.fromhex(v) for k, v in json.loads(before or b"{}").items()}
            found = function(all_)
            after = json.dumps({k: v.hex() for k, v in all_.items()}).encode()
            if after != before:
                file.seek(0)
                file.write(after)
                file.truncate()
            return found

    def _address(self):
        return os.path.abspath(self.path)


class TCPStore(Store):
    """A store at an address, of the processes of one machine: it is a file in the folder for temporary files, since
    cygrad opens no sockets. The master makes it and takes it away when it ends."""

    libuvBackend = False  # noqa: N815  PyTorch's name

    def __init__(
        self, host_name, port=0, world_size=None, is_master=False, timeout=_DEFAULT, wait_for_workers=True,
        multi_tenant=False, master_listen_fd=None, use_libuv=True,
    ):  # fmt: skip
        self.host, self.port = host_name, port or os.getpid()
        self.timeout = timeout
        self._master = os.getpid() if is_master else None
        folder = os.path.join(tempfile.gettempdir(), f"cygrad-store-{os.getuid()}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.stat(folder).st_uid != os.getuid():
            raise DistNetworkError(f"{folder} belongs to another user")
        path = os.path.join(folder, str(self.port))
        if is_master:
            owner = (_seat.read(path + ".owner") or {}).get("process")
            if owner and owner != os.getpid() and _seat.alive(owner) and not multi_tenant:
                raise DistNetworkError(f"port {self.port} is the TCPStore of process {owner}")
            with open(path + ".new", "w"):
                pass
            os.replace(path + ".new", path)
            _seat.write(path + ".owner", {"process": os.getpid()})
            weakref.finalize(self, _remove, path, os.getpid())
        else:
            self._find(path)
        self._path, self._file = path, FileStore(path)
        if world_size and wait_for_workers:
            self.add(_ARRIVED, 1)
            self._until(lambda all_: int(all_.get(_ARRIVED, b"0")) >= world_size or None, [_ARRIVED])

    def _find(self, path):
        end = time.monotonic() + self.timeout.total_seconds()
        while True:
            owner = (_seat.read(path + ".owner") or {}).get("process")
            if owner and _seat.alive(owner):
                return
            if time.monotonic() > end:
                raise DistNetworkError(
                    f"The client found no TCPStore at {self.host}:{self.port} within "
                    f"{1000 * self.timeout.total_seconds():.0f}ms: its master has not come, or runs on another "
                    "machine, where cygrad's stores do not reach; a FileStore in a folder that both see does"
                )
            time.sleep(0.02)

    def _wait_text(self, keys, milliseconds):
        return f"wait timeout after {milliseconds}ms, keys: {', '.join('/' + k for k in keys)}"

    def _change(self, function):
        return self._file._change(function)

    def _address(self):
        return f"{self.host}:{self.port}"

    def __repr__(self):
        kind = "server" if self._master else "client"
        return f"TCPStore({kind}, {self.host}:{self.port}, in {self._path})"


_ARRIVED = "init/"


def _remove(path, process):
    """Takes a TCPStore's file away, in the process that made it."""
    if process == os.getpid():
        for name in (path, path + ".owner"):
            try:
                os.unlink(name)
            except OSError:
                pass


class PrefixStore(Store):
    """Another store, of which it sees the keys that begin with `prefix` and a slash, without that."""

    def __init__(self, prefix, store):
        self.prefix, self.underlying_store = prefix + "/", store

    @property
    def timeout(self):
        """How long `get` and `wait` wait."""
        return self.underlying_store.timeout

    @timeout.setter
    def timeout(self, value):
        self.underlying_store.timeout = value

    def _wait_text(self, keys, milliseconds):
        return self.underlying_store._wait_text([self.prefix + k for k in keys], milliseconds)

    def _change(self, function):
        def change(all_):
            mine = {k.removeprefix(self.prefix): v for k, v in all_.items() if k.startswith(self.prefix)}
            before = set(mine)
            found = function(mine)
            for key in before - set(mine):
                del all_[self.prefix + key]
            all_.update((self.prefix + k, v) for k, v in mine.items())
            return found

        return self.underlying_store._change(change)

    def _address(self):
        return self.underlying_store._address()


for _kind in (Store, HashStore, FileStore, TCPStore, PrefixStore):
    _kind.__module__ = "torch.distributed"
