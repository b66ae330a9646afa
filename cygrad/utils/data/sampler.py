"""Samplers: the order in which a loader takes the samples of a dataset.

The draws are PyTorch's, so that a seed gives the same order.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar

import cygrad

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T_co = TypeVar("_T_co", covariant=True)


def device_of(generator):
    """Where a generator draws, whatever the default device is; without one, on the CPU."""
    return "cpu" if generator is None else generator.device


def _draw_seed(generator=None) -> int:
    """A random seed; one draw of 64 bits from `generator`."""
    seed = cygrad.empty((), dtype=cygrad.int64, device=device_of(generator))
    return int(seed.random_(generator=generator).item())


def permutation(n, generator=None) -> list[int]:
    """0 .. n - 1 in random order."""
    return cygrad.randperm(n, generator=generator, device=device_of(generator)).tolist()


def _check_count(name: str, value) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_bool(name: str, value, error: type[Exception] = ValueError) -> None:
    if not isinstance(value, bool):
        raise error(f"{name} should be a boolean value, but got {name}={value}")


class Sampler(Generic[_T_co]):
    """Base of the samplers: subclasses give `__iter__` over indices, and mostly `__len__`."""

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """The indices in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices in random order, or `num_samples` of them drawn with replacement.

    replacement: whether an element can be drawn again
    num_samples: how many are drawn
    generator: where random numbers are drawn from; default: the default generator
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator=None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_bool("replacement", replacement, TypeError)
        _check_count("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives; the size of the data, if not given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = cygrad.Generator()
            generator.manual_seed(_draw_seed())
        if self.replacement:
            # In chunks of 32, as PyTorch draws them.
            for start in range(0, self.num_samples, 32):
                size = (min(32, self.num_samples - start),)
                drawn = cygrad.randint(n, size, dtype=cygrad.int64, generator=generator, device=device_of(generator))
                yield from drawn.tolist()
        else:
            for _ in range(self.num_samples // n):
                yield from permutation(n, generator)
            rest = permutation(n, generator)
            yield from rest[: self.num_samples % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    generator: where random numbers are drawn from; default: the default generator
    """

    def __init__(self, indices: Sequence[int], generator=None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        order = permutation(len(self.indices), self.generator)
        yield from map(self.indices.__getitem__, order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices of 0 .. len(weights) - 1, drawn in proportion to the weights.

    weights: a tensor of weights
    num_samples: how many are drawn
    replacement: whether an element can be drawn again
    generator: where random numbers are drawn from; default: the default generator
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator=None,
    ) -> None:
        _check_count("num_samples", num_samples)
        _check_bool("replacement", replacement)
        weights = cygrad.as_tensor(weights, dtype=cygrad.double)
        if weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given "
                f"weights have shape {tuple(weights.shape)}"
            )
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        weights = self.weights if self.generator is None else self.weights.to(self.generator.device)
        drawn = cygrad.multinomial(
            weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of `sampler`; the last may be shorter, or is dropped."""

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        _check_count("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full + bool(rest and not self.drop_last)
