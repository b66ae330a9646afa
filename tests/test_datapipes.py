"""Data pipes: what they yield, how they are put together, and how a DataLoader deals them out."""

from collections.abc import Iterator

import pytest

import cygrad as torch
from cygrad.utils.data import (
    DataLoader,
    IterDataPipe,
    MapDataPipe,
    functional_datapipe,
    guaranteed_datapipes_determinism,
    non_deterministic,
    runtime_validation,
    runtime_validation_disabled,
)
from cygrad.utils.data.datapipes import iter as dpi, map as dpm
from cygrad.utils.data.graph import traverse_dps
from cygrad.utils.data.graph_settings import apply_sharding, get_all_graph_pipes


def source(n=10):
    return dpi.IterableWrapper(range(n))


@pytest.mark.parametrize(
    "made, expected",
    [
        (lambda: source(4).map(lambda x: x * 2), [0, 2, 4, 6]),
        (lambda: dpi.IterableWrapper([(1, 2), (3, 4)]).map(lambda x: -x, input_col=1), [(1, -2), (3, -4)]),
        (lambda: dpi.IterableWrapper([(1, 2)]).map(lambda a, b: a + b, input_col=[0, 1], output_col=-1), [(1, 2, 3)]),
        (lambda: source(6).filter(lambda x: x % 2 == 0), [0, 2, 4]),
        (lambda: source(5).batch(2), [[0, 1], [2, 3], [4]]),
        (lambda: source(5).batch(2, drop_last=True), [[0, 1], [2, 3]]),
        (lambda: source(5).batch(2).batch(2).unbatch(-1), [0, 1, 2, 3, 4]),
        (lambda: source(3).concat(source(2)), [0, 1, 2, 0, 1]),
        (lambda: source(3).zip(source(9)), [(0, 0), (1, 1), (2, 2)]),
        (lambda: source(3).mux(source(2)), [0, 0, 1, 1]),
        (lambda: source(6).groupby(lambda x: x % 3, group_size=2), [[0, 3], [1, 4], [2, 5]]),
        (lambda: source(4).batch(2).collate().map(lambda t: t.tolist()), [[0, 1], [2, 3]]),
        (lambda: source(4).fork(2)[1], [0, 1, 2, 3]),
        (lambda: source(5).demux(2, lambda x: x % 2)[1], [1, 3]),
        (lambda: dpm.SequenceWrapper([1, 2, 3]).map(lambda x: x * x).batch(2), [[1, 4], [9]]),
        (lambda: dpm.SequenceWrapper("ab").zip(dpm.SequenceWrapper("cd")), [("a", "c"), ("b", "d")]),
        (lambda: dpm.SequenceWrapper([1]).concat(dpm.SequenceWrapper([2])), [1, 2]),
    ],
)
def test_steps(made, expected):
    pipe = made()
    items = [pipe[i] for i in range(len(pipe))] if isinstance(pipe, MapDataPipe) else list(pipe)
    assert items == expected


def test_a_class_becomes_a_step():
    @functional_datapipe("doubled_here")
    class Doubled(IterDataPipe):
        def __init__(self, datapipe):
            self.datapipe = datapipe

        def __iter__(self):
            for x in self.datapipe:
                yield 2 * x

    assert list(source(3).doubled_here()) == [0, 2, 4]
    assert source(3).doubled_here.__name__ == "doubled_here"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        source(3).nothing()
    with pytest.raises(Exception, match="already taken"):
        functional_datapipe("doubled_here")(Doubled)


def test_an_older_iterator_is_not_valid():
    pipe = source(3)
    first = iter(pipe)
    assert next(first) == 0
    assert list(pipe) == [0, 1, 2]
    with pytest.raises(RuntimeError, match="invalidated"):
        next(first)


def test_shuffling_follows_the_seed():
    pipe = source(20).shuffle()
    assert sorted(pipe) == list(range(20))
    assert list(pipe.set_seed(3)) == list(pipe.set_seed(3)) != list(range(20))
    assert list(pipe.set_shuffle(False)) == list(range(20))
    torch.manual_seed(1)
    first = list(source(20).shuffle())
    torch.manual_seed(1)
    assert list(source(20).shuffle()) == first


def test_the_graph_of_pipes():
    a = source(6)
    b = a.sharding_filter().map(str)
    assert set(map(type, get_all_graph_pipes(traverse_dps(b)))) == {dpi.IterableWrapper, dpi.ShardingFilter, dpi.Mapper}
    apply_sharding(b, 3, 1)
    assert list(b) == ["1", "4"]
    with pytest.raises(RuntimeError, match="Sharding twice"):
        apply_sharding(b.sharding_filter(), 3, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_shuffles_and_shares(workers):
    pipe = source(12).shuffle().sharding_filter()
    loader = DataLoader(pipe, batch_size=3, shuffle=True, num_workers=workers)
    first, second = [torch.cat(list(loader)).tolist() for _ in range(2)]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    plain = DataLoader(source(12).shuffle().sharding_filter(), batch_size=None, shuffle=False, num_workers=workers)
    assert sorted(plain) == list(range(12))


def test_determinism_and_types():
    @non_deterministic
    class Draws(IterDataPipe):
        def __iter__(self):
            yield 1

    assert list(Draws()) == [1]
    with guaranteed_datapipes_determinism(), pytest.raises(TypeError, match="non-deterministic"):
        Draws()

    class Typed(IterDataPipe):
        @runtime_validation
        def __iter__(self) -> Iterator[int]:
            yield "text"

    with pytest.raises(RuntimeError, match="Expected an instance as subtype of"):
        list(Typed())
    with runtime_validation_disabled():
        assert list(Typed()) == ["text"]
