"""Pools of processes whose results are tensors in shared memory."""

import multiprocessing.pool
import multiprocessing.util

from .queue import SimpleQueue

__all__ = ["Pool", "SimpleQueue", "clean_worker"]


def clean_worker(*args, **kwargs):
    """What a worker of a pool runs: `multiprocessing.pool.worker`, after which garbage is collected."""
    import gc

    multiprocessing.pool.worker(*args, **kwargs)
    # Workers leave without collecting, and would keep tensors that their queues refer to.
    gc.collect()


class Pool(multiprocessing.pool.Pool):
    """Python's pool, whose queues pass tensors in shared memory."""

    def _setup_queues(self):
        self._inqueue = SimpleQueue()
        self._outqueue = SimpleQueue()
        self._quick_put = self._inqueue._writer.send
        self._quick_get = self._outqueue._reader.recv
