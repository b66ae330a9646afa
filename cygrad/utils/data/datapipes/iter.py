"""Data pipes with `__iter__`."""

import collections
import copy
import itertools
import random

from .... import default_generator
from ._decorator import functional_datapipe
from .datapipe import DataChunk, IterDataPipe

__all__ = [
    "Batcher", "Collator", "Concater", "Demultiplexer", "Filter", "Forker", "Grouper", "IterableWrapper", "Mapper",
    "Multiplexer", "Sampler", "ShardingFilter", "Shuffler", "UnBatcher", "Zipper",
]  # fmt: skip


class IterableWrapper(IterDataPipe):
    """The items of an iterable."""

    def __init__(self, iterable, deepcopy=True):
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self):
        source = self.iterable
        if self.deepcopy:
            try:
                source = copy.deepcopy(source)
            except TypeError:  # generators can't be copied
                pass
        yield from source

    def __len__(self):
        return len(self.iterable)


class _Step(IterDataPipe):
    """A step with as many items as its source."""

    def __len__(self):
        if isinstance(self.datapipe, collections.abc.Sized):
            return len(self.datapipe)
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("map")
class Mapper(_Step):
    """`fn` of each item, or of the columns `input_col` of it, put into the column `output_col`."""

    def __init__(self, datapipe, fn, input_col=None, output_col=None):
        self.datapipe, self.fn, self.input_col, self.output_col = datapipe, fn, input_col, output_col
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")

    def _apply(self, data):
        if self.input_col is None:
            return self.fn(data)
        many = isinstance(self.input_col, (list, tuple))
        result = self.fn(*[data[c] for c in self.input_col]) if many else self.fn(data[self.input_col])
        as_tuple = isinstance(data, tuple)
        data = list(data) if as_tuple else data
        if self.output_col is None:
            if many:
                data[self.input_col[0]] = result
                for c in sorted(self.input_col[1:], reverse=True):
                    del data[c]
            else:
                data[self.input_col] = result
        elif self.output_col == -1:
            data.append(result)
        else:
            data[self.output_col] = result
        return tuple(data) if as_tuple else data

    def __iter__(self):
        for data in self.datapipe:
            yield self._apply(data)


@functional_datapipe("collate")
class Collator(Mapper):
    """Items joined by `collate_fn`, by default the DataLoader's."""

    def __init__(self, datapipe, conversion=None, collate_fn=None):
        from .._utils.collate import default_collate

        super().__init__(datapipe, collate_fn or (conversion if callable(conversion) else default_collate))


@functional_datapipe("filter")
class Filter(IterDataPipe):
    """The items of which `filter_fn` is true."""

    def __init__(self, datapipe, filter_fn, input_col=None):
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def _wanted(self, data):
        if self.input_col is None:
            answer = self.filter_fn(data)
        elif isinstance(self.input_col, (list, tuple)):
            answer = self.filter_fn(*[data[c] for c in self.input_col])
        else:
            answer = self.filter_fn(data[self.input_col])
        if not isinstance(answer, bool):
            raise ValueError(f"Boolean output is required for `filter_fn` of FilterIterDataPipe, got {type(answer)}")
        return answer

    def __iter__(self):
        for data in self.datapipe:
            if self._wanted(data):
                yield data


@functional_datapipe("batch")
class Batcher(IterDataPipe):
    """Lists of `batch_size` items."""

    def __init__(self, datapipe, batch_size, drop_last=False, wrapper_class=DataChunk):
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe, self.batch_size, self.drop_last = datapipe, batch_size, drop_last
        self.wrapper_class = wrapper_class

    def __iter__(self):
        items = iter(self.datapipe)
        while batch := list(itertools.islice(items, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.wrapper_class(batch)

    def __len__(self):
        n = len(self.datapipe)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


@functional_datapipe("unbatch")
class UnBatcher(IterDataPipe):
    """The items of lists, `unbatch_level` deep; -1: however deep."""

    def __init__(self, datapipe, unbatch_level=1):
        if unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self):
        for item in self.datapipe:
            yield from self._open(item, self.unbatch_level)

    def _open(self, item, level):
        if level == 0:
            yield item
        elif isinstance(item, list):
            for part in item:
                yield from self._open(part, level if level == -1 else level - 1)
        elif level == -1:
            yield item
        else:
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")


@functional_datapipe("groupby")
class Grouper(IterDataPipe):
    """Lists of items with one key, as soon as they have `group_size` of them, and the rest at the end."""

    def __init__(self, datapipe, group_key_fn, *, keep_key=False, buffer_size=10000, group_size=None,
                 guaranteed_group_size=None, drop_remaining=False):  # fmt: skip
        self.datapipe, self.group_key_fn, self.keep_key = datapipe, group_key_fn, keep_key
        self.buffer_size, self.group_size, self.drop_remaining = buffer_size, group_size, drop_remaining
        self.guaranteed_group_size = group_size if guaranteed_group_size is None else guaranteed_group_size

    def __iter__(self):
        waiting, held = collections.defaultdict(list), 0
        for item in self.datapipe:
            key = self.group_key_fn(item)
            waiting[key].append(item)
            held += 1
            if self.group_size is not None and len(waiting[key]) == self.group_size:
                held -= self.group_size
                yield self._group(key, waiting.pop(key))
            if held == self.buffer_size:
                largest = max(waiting, key=lambda k: len(waiting[k]))
                group = waiting.pop(largest)
                held -= len(group)
                least = self.guaranteed_group_size
                if least is not None and len(group) < least and not self.drop_remaining:
                    raise RuntimeError(f"Failed to group items: {group}")
                if least is None or len(group) >= least:
                    yield self._group(largest, group)
        for key, group in waiting.items():
            yield self._group(key, group)

    def _group(self, key, group):
        group = DataChunk(group)
        return (key, group) if self.keep_key else group


@functional_datapipe("shuffle")
class Shuffler(_Step):
    """The items in an order drawn by way of a buffer; the seed comes from the default generator or `set_seed`."""

    def __init__(self, datapipe, *, buffer_size=10000, unbatch_level=0):
        if buffer_size <= 0:
            raise ValueError("buffer_size should be larger than 0")
        self.datapipe = datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level=unbatch_level)
        self.buffer_size, self._enabled, self._seed = buffer_size, True, None

    def set_shuffle(self, shuffle=True):
        """Turns it on or off."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed):
        """The seed of the next pass."""
        self._seed = seed
        return self

    def __iter__(self):
        if not self._enabled:
            yield from self.datapipe
            return
        seed, self._seed = self._seed, None
        if seed is None:
            import cygrad

            seed = int(cygrad.empty((), dtype=cygrad.int64).random_(generator=default_generator))
        draws, buffer = random.Random(seed), []
        for item in self.datapipe:
            if len(buffer) < self.buffer_size:
                buffer.append(item)
                continue
            i = draws.randint(0, len(buffer) - 1)
            buffer[i], item = item, buffer[i]
            yield item
        draws.shuffle(buffer)
        yield from buffer


@functional_datapipe("sharding_filter")
class ShardingFilter(IterDataPipe):
    """Every n-th item, once `apply_sharding` has said which."""

    def __init__(self, source_datapipe, sharding_group_filter=None):
        self.source_datapipe, self.sharding_group_filter = source_datapipe, sharding_group_filter
        self.num_of_instances, self.instance_id = 1, 0

    def apply_sharding(self, num_of_instances, instance_id, sharding_group=None):
        """Says how many shares there are, and which is this one's."""
        if instance_id >= num_of_instances:
            raise ValueError(
                f"instance_id({instance_id}) should be smaller than num_of_instances({num_of_instances})"
            )
        self.num_of_instances, self.instance_id = num_of_instances, instance_id

    def is_shardable(self):
        """Yes."""
        return True

    def __iter__(self):
        yield from itertools.islice(self.source_datapipe, self.instance_id, None, self.num_of_instances)

    def __len__(self):
        n = len(self.source_datapipe)
        return n // self.num_of_instances + (self.instance_id < n % self.num_of_instances)


class Sampler(IterDataPipe):
    """The items in the order of a sampler."""

    def __init__(self, datapipe, sampler=None, sampler_args=None, sampler_kwargs=None):
        from ..sampler import SequentialSampler

        self.datapipe = datapipe
        self.sampler = (sampler or SequentialSampler)(datapipe, *(sampler_args or ()), **(sampler_kwargs or {}))

    def __iter__(self):
        return iter(self.sampler)

    def __len__(self):
        return len(self.sampler)


@functional_datapipe("concat")
class Concater(IterDataPipe):
    """Several pipes, one behind the other."""

    def __init__(self, *datapipes):
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `IterDataPipe`")
        self.datapipes = datapipes

    def __iter__(self):
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self):
        return sum(map(len, self.datapipes))


@functional_datapipe("zip")
class Zipper(IterDataPipe):
    """Tuples of the items of several pipes, as long as all have some."""

    def __init__(self, *datapipes):
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("All inputs are required to be `IterDataPipe` for `ZipIterDataPipe`.")
        self.datapipes = datapipes

    def __iter__(self):
        yield from zip(*self.datapipes, strict=False)

    def __len__(self):
        return min(map(len, self.datapipes))


@functional_datapipe("mux")
class Multiplexer(IterDataPipe):
    """One item of each pipe in turn, until the shortest has no more."""

    def __init__(self, *datapipes):
        self.datapipes = datapipes

    def __iter__(self):
        for items in zip(*self.datapipes, strict=False):
            yield from items

    def __len__(self):
        return min(map(len, self.datapipes)) * len(self.datapipes)


class _Shared:
    """The one pass over a source that several pipes read, and what they have not read yet."""

    def __init__(self, datapipe, num_instances, buffer_size, route):
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        if buffer_size == 0:
            raise ValueError("Expected `buffer_size` larger than 0, but 0 is found")
        self.datapipe, self.buffer_size, self.route = datapipe, buffer_size, route
        self.num_instances = num_instances
        self.items, self.queues, self.started = None, None, set()

    def start(self, instance):
        if self.items is None or instance in self.started:
            self.items = iter(self.datapipe)
            self.queues = [collections.deque() for _ in range(self.num_instances)]
            self.started = set()
        self.started.add(instance)

    def read(self, instance):
        self.start(instance)
        queues = self.queues
        while True:
            if queues[instance]:
                yield queues[instance].popleft()
                continue
            item = next(self.items, _END)
            if item is _END:
                return
            for target in self.route(item):
                queues[target].append(item)
                if 0 <= self.buffer_size < sum(map(len, queues)) - 1:
                    raise BufferError(
                        f"DemultiplexerIterDataPipe buffer overflow, buffer size {self.buffer_size} is insufficient."
                    )


_END = object()


class _Reader(IterDataPipe):
    def __init__(self, shared, instance):
        self.main_datapipe, self.instance_id = shared, instance

    def __iter__(self):
        yield from self.main_datapipe.read(self.instance_id)

    def __len__(self):
        return len(self.main_datapipe.datapipe)


@functional_datapipe("fork")
class Forker(IterDataPipe):
    """Several pipes with the items of one."""

    def __new__(cls, datapipe, num_instances, buffer_size=1000, copy=None):
        if num_instances == 1:
            return [datapipe]
        shared = _Shared(datapipe, num_instances, buffer_size, lambda item: range(num_instances))
        return [_Reader(shared, i) for i in range(num_instances)]


@functional_datapipe("demux")
class Demultiplexer(IterDataPipe):
    """Several pipes, among which `classifier_fn` deals the items out; None drops an item if `drop_none`."""

    def __new__(cls, datapipe, num_instances, classifier_fn, drop_none=False, buffer_size=1000):
        def route(item):
            target = classifier_fn(item)
            if target is None and drop_none:
                return ()
            if target is None or not 0 <= target < num_instances:
                raise ValueError(
                    f"Output of the classification fn should be between 0 and {num_instances - 1}. {target} is "
                    "returned."
                )
            return (target,)

        shared = _Shared(datapipe, num_instances, buffer_size, route)
        return [_Reader(shared, i) for i in range(num_instances)]
