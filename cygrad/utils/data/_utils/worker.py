"""The worker process of a loader."""

import os
import queue
import random
import sys
import threading
import traceback
import weakref
from dataclasses import dataclass

import numpy as np

import cygrad

from ..graph_settings import share_data_pipe
from .transport import Sender

__all__ = ["ExceptionWrapper", "WorkerInfo", "get_worker_info", "worker_loop"]

# How often a worker looks whether the process that started it is still there, in seconds.
_PARENT_CHECK = 5.0

# The loader's ends of connections. A forked worker has copies of all of them and closes them:
# while a copy is open, the worker at the other end does not see that the loader is gone.
loader_ends: weakref.WeakSet = weakref.WeakSet()


@dataclass
class WorkerInfo:
    """What `get_worker_info()` gives: the number of the worker, how many there are, the seed of
    this one, and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: object


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo of this worker process; None in the main process."""
    return _worker_info


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four 32-bit words that seed NumPy's generator of a worker."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4).tolist()


class _PlainMessage(str):
    """A message whose repr is itself: KeyError shows the repr of its argument."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception of a worker, with the text of its traceback, to be raised in the loader."""

    def __init__(self, where: str) -> None:
        self.type, value, trace = sys.exc_info()
        self.name = self.type.__name__
        self.message = "".join(traceback.format_exception(self.type, value, trace))
        self.where = where

    def reraise(self):
        """Raise the exception; a RuntimeError where its type takes more than a message."""
        message = f"Caught {self.name} {self.where}.\nOriginal {self.message}"
        if self.type is KeyError:
            raise KeyError(_PlainMessage(message))
        try:
            exception = self.type(message)
        except Exception:
            # Not the type's fault: it only cannot be made anew from a message.
            raise RuntimeError(message) from None
        raise exception


class Exhausted:
    """Sent by a worker in place of a batch when its part of a stream has ended."""


def _receive(connection, tasks: queue.SimpleQueue, sender: Sender) -> None:
    """Move messages of the loader into `tasks`; None at the end.

    A thread does this all the time, so that the loader never waits for a worker that itself
    waits for the loader to take a batch.
    """
    parent = os.getppid()
    while True:
        try:
            if not connection.poll(_PARENT_CHECK):
                if os.getppid() != parent:
                    os._exit(1)  # nobody is left to send to, whatever the main thread does
                continue
            message, used = connection.recv()
        except (EOFError, OSError):
            message, used = None, []
        sender.release(used)
        tasks.put(message)
        if message is None:
            return


def _seed(base_seed: int, worker_id: int) -> None:
    random.seed(base_seed + worker_id)
    cygrad.manual_seed(base_seed + worker_id)
    # NumPy and random share an algorithm: the same seed would give both the same stream.
    np.random.seed(_generate_state(base_seed, worker_id))


def worker_loop(
    connection, dataset, fetcher_type, fetch_args, base_seed, worker_id, num_workers, init_fn
) -> None:
    """Serve tasks (epoch, number, index) until None comes: send the batch of each.

    A task with the number None begins an epoch. Tasks of an epoch before the last one that has
    begun are left out.
    """
    global _worker_info
    # Before anything else: the threads of the process that was forked are not here.
    cygrad.set_num_threads(1)
    for end in list(loader_ends):
        end.close()
    try:
        _seed(base_seed, worker_id)
        _worker_info = WorkerInfo(worker_id, num_workers, base_seed + worker_id, dataset)
        where = f"in DataLoader worker process {worker_id}"
        sender = Sender(connection)
        tasks: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(connection, tasks, sender), daemon=True).start()

        failure = None
        try:
            if init_fn is not None:
                init_fn(worker_id)
        except Exception:
            failure = ExceptionWrapper(where)
        fetcher = None
        current = None
        while (task := tasks.get()) is not None:
            epoch, number, index = task
            if number is None:
                current, fetcher = epoch, None
                continue
            if epoch != current:
                continue
            try:
                if failure is not None:
                    result = failure
                else:
                    if fetcher is None:
                        share_data_pipe(dataset, num_workers, worker_id, base_seed + current)
                        fetcher = fetcher_type(dataset, *fetch_args)
                    result = fetcher.fetch(index)
            except StopIteration as stop:
                is_stream = hasattr(fetcher, "samples")
                result = Exhausted() if is_stream and not stop.args else ExceptionWrapper(where)
            except Exception:
                result = ExceptionWrapper(where)
            _send(sender, (epoch, number), result, where)
            del result  # what it holds is not needed while waiting
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        pass  # the main process ends, and says why


def _send(sender: Sender, header: tuple, result, where: str) -> None:
    try:
        sender.send(header, result)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception:
        # Not to be pickled, whether a batch or the type of an exception.
        failure = ExceptionWrapper(where)
        if isinstance(result, ExceptionWrapper):
            failure = result
            failure.type = RuntimeError
        sender.send(header, failure)
