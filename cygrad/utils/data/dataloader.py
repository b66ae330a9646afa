"""The loader: batches of a dataset, made here or by worker processes."""

import itertools
import math
import multiprocessing
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable
from multiprocessing import connection as mp_connection
from typing import Any, Generic, TypeVar

import cygrad
from cygrad import _dispatch

from ._utils.collate import default_collate, default_convert
from ._utils.fetch import IterableFetcher, MapFetcher
from ._utils.transport import Receiver
from ._utils.worker import (
    ExceptionWrapper,
    Exhausted,
    get_worker_info,
    loader_ends,
    worker_loop,
)
from .datapipes.datapipe import IterDataPipe
from .dataset import Dataset, IterableDataset
from .graph_settings import apply_shuffle_settings, share_data_pipe
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, _draw_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)
_collate_fn_t = Callable[[list], Any]

# How long a worker may take to end by itself, in seconds.
_JOIN_TIMEOUT = 5.0


class _DatasetKind:
    """Whether samples come by index or as a stream."""

    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler):
    """Stands in for the indices of a stream."""

    def __iter__(self):
        return itertools.repeat(None)


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers) -> None:
    """The options about processes; ValueError where one is out of range or needs workers."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if num_workers == 0 and persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(streams, batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
    """The options about order and batches; ValueError where two of them exclude each other."""
    if streams:
        orders = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, given in orders.items():
            if given is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, "
                    f"but got {name}={given}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


class DataLoader(Generic[_T_co]):
    """Iterates over batches of `dataset`.

    batch_size: samples per batch; None gives the samples themselves.
    shuffle: take the samples in a new random order each time.
    sampler, batch_sampler: the order of indices, or of lists of them, instead.
    num_workers: processes that fetch; with 0 it is done here.
    collate_fn: makes a batch of a list of samples (`default_collate`).
    pin_memory: accepted; host memory of the devices here need not be pinned.
    drop_last: leave out a last batch that is shorter.
    timeout: seconds to wait for a batch of a worker; 0 waits for ever.
    worker_init_fn: called with the number of each worker when it starts.
    generator: for the order and the seeds of workers.
    prefetch_factor: batches that each worker makes ahead (2).
    persistent_workers: keep the workers for the next iteration.
    in_order: give the batches in the order of the sampler, not as they become ready.
    """

    __initialized = False

    def __init__(
        self,
        dataset: Dataset[_T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order

        streams = isinstance(dataset, IterableDataset)
        if isinstance(dataset, IterDataPipe):
            self.dataset = dataset = apply_shuffle_settings(dataset, shuffle)
            shuffle = None
        self._dataset_kind = _DatasetKind.Iterable if streams else _DatasetKind.Map
        _check_order(streams, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
            drop_last = False
        if sampler is None:
            if streams:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called = None
        self._iterator = None
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self):
        """The context that workers are started with; None for the default one."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading "
                    f"(num_workers > 0), but got num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        "multiprocessing_context option should specify a valid start method in "
                        f"{methods!r}, but got multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string "
                    f"specifying the start method, but got multiprocessing_context={context}"
                )
        self.__multiprocessing_context = context

    def __setattr__(self, name, value):
        if self.__initialized and name in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        ):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    def __iter__(self):
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None or not self._iterator._end.alive:  # none yet, or a worker died
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is not None:
            if self.drop_last:
                return length // self.batch_size
            return math.ceil(length / self.batch_size)
        return length

    def check_worker_number_rationality(self) -> None:
        """Warn where there are more workers than processors."""
        if self.num_workers == 0:
            return
        try:
            processors = len(os.sched_getaffinity(0))
        except AttributeError:
            processors = os.cpu_count()
        if processors is not None and self.num_workers > processors:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our "
                f"suggested max number of worker in current system is {processors}, which is "
                "smaller than what this DataLoader is going to create. Please be aware that "
                "excessive worker creation might get DataLoader running slow or even freeze, "
                "lower the worker number to avoid potential slowness/freeze if necessary.",
                stacklevel=3,
            )


class _BaseDataLoaderIter:
    """One pass over a loader; subclasses give `_next_data`."""

    def __init__(self, loader: DataLoader) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._persistent_workers = loader.persistent_workers
        self._fetch_args = (loader._auto_collation, loader.collate_fn, loader.drop_last)
        streams = self._dataset_kind == _DatasetKind.Iterable
        self._fetcher_type = IterableFetcher if streams else MapFetcher
        if loader.pin_memory and not cygrad.cuda.is_available():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=4,
            )
        # Drawn for every pass, with workers or without, so that both leave the same state.
        self._base_seed = _draw_seed(loader.generator)
        self._begin(loader)

    @property
    def _profile_name(self) -> str:
        return f"enumerate(DataLoader)#{type(self).__name__}.__next__"

    def _begin(self, loader: DataLoader) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._length_told = loader._IterableDataset_len_called

    def __iter__(self):
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self):
        recorder = _dispatch.get_recorder()
        if recorder is None:
            data = self._next_data()
        else:  # an event of the profiler
            event = recorder.enter(self._profile_name, (), user=True)
            try:
                data = self._next_data()
            finally:
                recorder.leave(event)
        self._num_yielded += 1
        if (
            self._dataset_kind == _DatasetKind.Iterable
            and self._length_told is not None
            and self._num_yielded > self._length_told
        ):
            message = (
                f"Length of IterableDataset {self._dataset} was reported to be "
                f"{self._length_told}(when accessing len(dataloader)), but {self._num_yielded} "
                "samples have been fetched. "
            )
            if self._num_workers > 0:
                message += (
                    "For multiprocessing data-loading, this could be caused by not properly "
                    "configuring the IterableDataset replica at each worker. Please see "
                    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset "
                    "for examples."
                )
            warnings.warn(message, stacklevel=2)
        return data

    def _next_data(self):
        raise NotImplementedError


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in this process."""

    def __init__(self, loader: DataLoader) -> None:
        if loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        super().__init__(loader)
        share_data_pipe(self._dataset, 1, 0, self._base_seed)
        self._fetcher = self._fetcher_type(self._dataset, *self._fetch_args)

    def _next_data(self):
        return self._fetcher.fetch(next(self._sampler_iter))


def _default_context():
    """Fork on Linux, where it shares the dataset and starts fast, unless the user chose."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None and sys.platform == "linux":
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context(chosen)


def _end_workers(workers, receivers, owner: int) -> None:
    """Tell the workers to end, and wait until they have. In a forked child, do nothing."""
    if os.getpid() != owner:
        return
    for receiver in receivers:
        try:
            receiver.send(None)
        except OSError:
            pass  # it has ended already
        receiver.close()
    for worker in workers:
        worker.join(timeout=_JOIN_TIMEOUT)
        if worker.is_alive():
            worker.terminate()
            worker.join(timeout=_JOIN_TIMEOUT)
        if worker.is_alive():  # it does not listen to SIGTERM
            worker.kill()
            worker.join()


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Fetches in worker processes.

    Tasks are numbered and dealt out in turn; batches come back in any order and wait in `_ready`
    until it is their turn. Each worker has a connection of its own and there are no locks, so
    that a worker that is killed takes nothing with it.
    """

    def __init__(self, loader: DataLoader) -> None:
        self._prefetch = loader.prefetch_factor
        if self._prefetch <= 0:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        self._in_order = loader.in_order
        super().__init__(loader)
        context = loader.multiprocessing_context or _default_context()
        self._workers = []
        self._receivers: list[Receiver] = []
        self._end = weakref.finalize(
            self, _end_workers, self._workers, self._receivers, os.getpid()
        )
        for i in range(self._num_workers):
            here, there = context.Pipe()
            loader_ends.add(here)
            worker = context.Process(
                target=worker_loop,
                args=(
                    there,
                    self._dataset,
                    self._fetcher_type,
                    self._fetch_args,
                    self._base_seed,
                    i,
                    self._num_workers,
                    loader.worker_init_fn,
                ),
                daemon=True,  # ended with this process, however the iterator is left
            )
            self._receivers.append(Receiver(here))
            worker.start()
            there.close()
            self._workers.append(worker)
        self._epoch = -1
        self._start_epoch()

    def _reset(self, loader: DataLoader) -> None:
        """Begin another pass with the same workers."""
        self._begin(loader)
        self._start_epoch()

    def _start_epoch(self) -> None:
        self._epoch += 1
        self._sent = self._received = 0
        self._ready: dict[int, object] = {}
        self._owner: dict[int, int] = {}  # of the tasks that are out: which worker has them
        self._active = [True] * self._num_workers
        self._turn = itertools.cycle(range(self._num_workers))
        for worker in range(self._num_workers):
            self._send(worker, (self._epoch, None, None))
        for _ in range(self._prefetch * self._num_workers):
            self._put_index()

    def _send(self, worker: int, message) -> None:
        try:
            self._receivers[worker].send(message)
        except OSError:
            self._raise_dead([self._workers[worker]])

    def _put_index(self) -> None:
        """Give the next task to the worker whose turn it is, if there is one."""
        loads = None
        if not self._in_order:
            loads = [0] * self._num_workers
            for worker in self._owner.values():
                loads[worker] += 1
        for worker in itertools.islice(self._turn, self._num_workers):
            # Out of order, a worker that is slow gets no more than its share.
            if self._active[worker] and (loads is None or loads[worker] < self._prefetch):
                break
        else:
            return
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        self._owner[self._sent] = worker
        self._send(worker, (self._epoch, self._sent, index))
        self._sent += 1

    def _next_data(self):
        while self._owner or self._ready:
            if self._in_order:
                if self._received not in self._ready:
                    self._receive()
                    continue
                number = self._received
                self._received += 1
            else:
                if not self._ready:
                    self._receive()
                    continue
                number = next(iter(self._ready))
            worker, data = self._ready.pop(number)
            if isinstance(data, Exhausted):
                self._active[worker] = False
                self._put_index()
                continue
            self._put_index()
            if isinstance(data, ExceptionWrapper):
                data.reraise()
            return data
        if not self._persistent_workers:
            self._end()
        raise StopIteration

    def _receive(self) -> None:
        """Wait for messages and put their batches into `_ready`."""
        if not self._end.alive:
            raise StopIteration
        connections = {r.connection: i for i, r in enumerate(self._receivers)}
        sentinels = {w.sentinel: w for w in self._workers}
        found = mp_connection.wait([*connections, *sentinels], self._timeout or None)
        if not found:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        arrived = [connections[item] for item in found if item in connections]
        for worker in arrived:
            try:
                (epoch, number), data = self._receivers[worker].receive(
                    lambda header: header[0] == self._epoch
                )
            except (EOFError, OSError):
                self._raise_dead([self._workers[worker]])
            if epoch == self._epoch:
                del self._owner[number]
                self._ready[number] = worker, data
        if not arrived:
            self._raise_dead([sentinels[item] for item in found])

    def _raise_dead(self, workers) -> None:
        """Say which workers have ended, and why."""
        for worker in workers:
            worker.join(timeout=_JOIN_TIMEOUT)
        pids = ", ".join(str(worker.pid) for worker in workers)
        pid, code = workers[0].pid, workers[0].exitcode
        if code is not None and code < 0:
            reason = f"DataLoader worker (pid {pid}) is killed by signal: "
            reason += f"{signal.strsignal(-code)}. "
            if -code == signal.SIGBUS:
                reason += (
                    "It is possible that dataloader's workers are out of shared memory. Please "
                    "try to raise your shared memory limit."
                )
        else:
            reason = (
                f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}. "
                "Details are lost due to multiprocessing. Rerunning with num_workers=0 may give "
                "better error trace."
            )
        self._end()
        raise RuntimeError(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly"
        ) from RuntimeError(reason)
