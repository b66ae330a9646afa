"""Datasets, samplers, collating and the loader; draws and orders are PyTorch's."""

import collections
import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

import cygrad
import cygrad.utils.data as data
from cygrad.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

TEN = list(range(10))


class Samples(Dataset):
    """Samples made by a function of the index; defined here so that it can be pickled."""

    def __init__(self, function, length=6):
        self.function, self.length = function, length

    def __getitem__(self, index):
        return self.function(index)

    def __len__(self):
        return self.length


class Stream(IterableDataset):
    """0 .. n-1, shifted by 100 times the number of the worker, and longer by it."""

    def __init__(self, n=5):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        shift = 0 if info is None else info.id
        return iter(range(100 * shift, 100 * shift + self.n + shift))


def batches(loader):
    return [batch.tolist() for batch in loader]


# ------------------------------------------------------------------ datasets


def test_tensor_dataset():
    ds = data.TensorDataset(cygrad.arange(6).view(3, 2), cygrad.arange(3))
    x, y = ds[1]
    assert x.tolist() == [2, 3] and y.item() == 1 and len(ds) == 3
    assert ds[0:2][1].tolist() == [0, 1]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(cygrad.ones(2), cygrad.ones(3))


def test_concat_dataset():
    ds = data.ConcatDataset([[1, 2, 3], [4, 5]])
    assert [ds[i] for i in range(5)] == [1, 2, 3, 4, 5]
    assert ds[-1] == 5 and ds[-5] == 1 and ds.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="absolute value of index should not exceed"):
        ds[-6]
    with pytest.raises(AssertionError, match="datasets should not be an empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="ConcatDataset does not support IterableDataset"):
        data.ConcatDataset([Stream()])
    assert list(data.Subset([1, 2], [0]) + data.Subset([3, 4], [1])) == [1, 4]


def test_chain_dataset():
    assert list(Stream(2) + Stream(3)) == [0, 1, 0, 1, 2]
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        list(data.ChainDataset([[1]]))


def test_stack_dataset():
    assert data.StackDataset([1, 2], [3, 4])[1] == (2, 4)
    assert data.StackDataset(a=[1, 2], b=[3, 4])[0] == {"a": 1, "b": 3}
    assert data.StackDataset([1, 2], [3, 4]).__getitems__([1, 0]) == [(2, 4), (1, 3)]
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        data.StackDataset([1], [1, 2])
    with pytest.raises(ValueError, match="At least one dataset should be passed"):
        data.StackDataset()


def test_random_split():
    cygrad.manual_seed(0)
    parts = data.random_split(TEN, [3, 7])
    assert [part.indices for part in parts] == [[4, 1, 7], [5, 3, 9, 0, 8, 6, 2]]
    generator = cygrad.Generator().manual_seed(42)
    parts = data.random_split(TEN, [0.5, 0.5], generator=generator)
    assert [part.indices for part in parts] == [[2, 6, 1, 8, 4], [5, 0, 9, 3, 7]]
    assert [len(part) for part in data.random_split(TEN, [0.33, 0.33, 0.34])] == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        data.random_split(TEN, [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(TEN, [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(3), [0.9, 0.1])


def test_abstract_datasets():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()
    assert Dataset[int] is not None


# ------------------------------------------------------------------ samplers


def test_random_samplers_draw_as_pytorch():
    cygrad.manual_seed(0)
    assert list(data.RandomSampler(TEN, num_samples=25)) == [
        6, 9, 0, 7, 3, 5, 4, 2, 1, 8, 1, 8, 5, 4, 9, 2, 0, 7, 3, 6, 0, 7, 9, 3, 8
    ]  # fmt: skip
    assert list(data.RandomSampler(TEN, num_samples=5)) == [6, 7, 1, 4, 2]
    cygrad.manual_seed(0)
    assert list(data.RandomSampler(TEN, replacement=True)) == [6, 0, 4, 3, 9, 5, 7, 8, 9, 1]
    generator = cygrad.Generator().manual_seed(0)
    assert list(data.RandomSampler(TEN, generator=generator)) == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    assert list(data.RandomSampler(TEN, generator=generator)) == [4, 0, 8, 5, 9, 1, 6, 3, 7, 2]
    assert list(data.RandomSampler(TEN, True, 7, generator=generator)) == [2, 9, 1, 8, 8, 3, 6]
    cygrad.manual_seed(0)
    assert list(data.SubsetRandomSampler([3, 5, 7, 9])) == [3, 5, 9, 7]


def test_weighted_random_sampler():
    cygrad.manual_seed(0)
    assert list(data.WeightedRandomSampler([0.1, 0.5, 0.4], 6)) == [2, 2, 1, 2, 2, 2]
    assert list(data.WeightedRandomSampler([0.1, 0.5, 0.4], 2, replacement=False)) == [1, 0]
    with pytest.raises(ValueError, match="weights should be a 1d sequence but given"):
        data.WeightedRandomSampler([[1.0]], 1)


@pytest.mark.parametrize("n", [0, -1, 1.5])
def test_random_sampler_needs_samples(n):
    message = f"num_samples should be a positive integer value, but got num_samples={n}"
    with pytest.raises(ValueError, match=message):
        data.RandomSampler(TEN, num_samples=n)


def test_batch_sampler():
    assert list(data.BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(range(5), 2, True)) == 2
    assert len(data.BatchSampler(range(5), 2, False)) == 3
    with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
        data.BatchSampler(range(5), True, False)


def test_distributed_sampler():
    def ranks(n, source=TEN, **kwargs):
        return [list(data.DistributedSampler(source, n, rank, **kwargs)) for rank in range(n)]

    assert ranks(3) == [[4, 5, 0, 2], [1, 3, 8, 4], [7, 9, 6, 1]]
    assert ranks(3, shuffle=False) == [[0, 3, 6, 9], [1, 4, 7, 0], [2, 5, 8, 1]]
    assert ranks(3, shuffle=False, drop_last=True) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert ranks(5, source=[1, 2], shuffle=False) == [[0], [1], [0], [1], [0]]
    sampler = data.DistributedSampler(TEN, 2, 1, seed=5)
    assert list(sampler) == [4, 6, 5, 2, 7]
    sampler.set_epoch(3)
    assert list(sampler) == [5, 1, 6, 7, 9]
    with pytest.raises(
        ValueError, match=r"Invalid rank 3, rank should be in the interval \[0, 2\]"
    ):
        data.DistributedSampler(TEN, 3, 3)


# ------------------------------------------------------------------ collating

Pair = collections.namedtuple("Pair", "x y")


def test_collate_keeps_structure():
    batch = data.default_collate([{"a": (cygrad.ones(1), "q"), "b": [1, 2]}] * 2)
    assert batch["a"][0].tolist() == [[1.0], [1.0]] and batch["a"][1] == ("q", "q")
    assert [t.tolist() for t in batch["b"]] == [[1, 1], [2, 2]]
    pair = data.default_collate([Pair(0, 1), Pair(2, 3)])
    assert type(pair) is Pair and pair.x.tolist() == [0, 2]
    kept = data.default_collate([collections.OrderedDict(a=1)] * 2)
    assert type(kept) is collections.OrderedDict and kept["a"].tolist() == [1, 1]


def test_collate_dtypes():
    assert data.default_collate([1, 2]).dtype == cygrad.int64
    assert data.default_collate([True, False]).dtype == cygrad.bool
    assert data.default_collate([1.5, 2.0]).dtype == cygrad.float64
    assert data.default_collate([np.float32(1), np.float32(2)]).dtype == cygrad.float32
    assert data.default_collate([np.ones(2), np.zeros(2)]).tolist() == [[1, 1], [0, 0]]
    assert data.default_collate(["a", "b"]) == ["a", "b"]


def test_collate_errors():
    must = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
    with pytest.raises(TypeError, match=must + "found <class 'NoneType'>"):
        data.default_collate([None, None])
    with pytest.raises(TypeError, match=must + "found <U1"):
        data.default_collate([np.array(["a"]), np.array(["b"])])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        data.default_collate([[1], [1, 2]])


def test_custom_collate_functions():
    functions = {int: lambda batch, *, collate_fn_map=None: ("int", batch)}
    assert data._utils.collate.collate([1, 2], collate_fn_map=functions) == ("int", [1, 2])


def test_default_convert():
    assert data.default_convert(np.ones(2)).tolist() == [1, 1]
    assert data.default_convert({"a": np.float32(1), "b": "s"})["b"] == "s"
    assert data.default_convert((1, np.ones(1)))[0] == 1
    strings = np.array(["a"])
    assert data.default_convert(strings) is strings


# ------------------------------------------------------------------ the loader


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_in_order(workers):
    assert batches(DataLoader(TEN, 4, num_workers=workers)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches(DataLoader(TEN, 4, num_workers=workers, drop_last=True)) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    assert list(DataLoader(TEN, None, num_workers=workers)) == TEN
    assert batches(DataLoader(TEN, batch_sampler=[[3, 1], [2]], num_workers=workers)) == [
        [3, 1],
        [2],
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffling_draws_as_pytorch(workers):
    loader = DataLoader(TEN, 4, shuffle=True, num_workers=workers)
    cygrad.manual_seed(5)
    assert batches(loader) == [[8, 3, 0, 5], [9, 1, 6, 2], [4, 7]]
    assert batches(loader) == [[5, 8, 9, 7], [2, 0, 4, 1], [3, 6]]
    cygrad.manual_seed(0)
    batches(loader)
    assert cygrad.rand(2).tolist() == pytest.approx([0.3074, 0.6341], abs=1e-4)
    cygrad.manual_seed(0)
    batches(DataLoader(TEN, num_workers=workers))
    assert cygrad.rand(2).tolist() == pytest.approx([0.0885, 0.1320], abs=1e-4)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_generator_of_its_own(workers):
    generator = cygrad.Generator().manual_seed(7)
    loader = DataLoader(TEN, 4, shuffle=True, num_workers=workers, generator=generator)
    cygrad.manual_seed(0)
    batches(loader)
    assert cygrad.rand(2).tolist() == pytest.approx([0.4963, 0.7682], abs=1e-4)
    assert cygrad.rand(1, generator=generator).item() == pytest.approx(0.8829, abs=1e-4)


def test_persistent_workers_draw_the_base_seed_once():
    loader = DataLoader(TEN, 5, shuffle=True, num_workers=2, persistent_workers=True)
    after = []
    for _ in range(2):
        cygrad.manual_seed(0)
        batches(loader)
        after.append(cygrad.rand(1).item())
    assert after == pytest.approx([0.3074, 0.0885], abs=1e-4)
    pids = [worker.pid for worker in iter(loader)._workers]
    assert [worker.pid for worker in iter(loader)._workers] == pids


def _draws(index):
    info = get_worker_info()
    return (
        info.id,
        info.num_workers,
        info.seed,
        cygrad.initial_seed(),
        cygrad.get_num_threads(),
    ), (
        cygrad.rand(1).item(),
        random.random(),
        np.random.rand(),
    )


def test_seeds_of_workers_are_pytorchs():
    cygrad.manual_seed(3)
    samples = list(DataLoader(Samples(_draws, 4), None, num_workers=2))
    base = 937055941807507096
    assert [s[0] for s in samples] == [[i % 2, 2, base + i % 2, base + i % 2, 1] for i in range(4)]
    expected = [
        [0.2876076102256775, 0.21793848432592644, 0.8794862824005928],
        [0.7470175623893738, 0.09049729754573688, 0.13554665930590137],
        [0.686290979385376, 0.5235545516688277, 0.35186014682096967],
        [0.8290408253669739, 0.2920232533511594, 0.5719063383148877],
    ]
    assert [s[1] for s in samples] == [pytest.approx(row, abs=1e-7) for row in expected]
    assert get_worker_info() is None


def test_worker_init_fn():
    loader = DataLoader(
        Samples(lambda i: os.environ["CYGRAD_TEST_WORKER"], 2),
        num_workers=2,
        worker_init_fn=lambda i: os.environ.update(CYGRAD_TEST_WORKER=str(i)),
    )
    assert list(loader) == [["0"], ["1"]]


@pytest.mark.parametrize("persistent", [False, True])
def test_streams(persistent):
    loader = DataLoader(Stream(), 2, num_workers=2, persistent_workers=persistent)
    expected = [[0, 1], [100, 101], [2, 3], [102, 103], [4], [104, 105]]
    assert batches(loader) == expected
    assert batches(loader) == expected
    assert batches(DataLoader(Stream(), 2)) == [[0, 1], [2, 3], [4]]
    assert batches(DataLoader(Stream(), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(), None, num_workers=2)) == [
        0,
        100,
        1,
        101,
        2,
        102,
        3,
        103,
        4,
        104,
        105,
    ]


def test_a_stream_longer_than_it_said():
    class Short(Stream):
        def __len__(self):
            return 4

    loader = DataLoader(Short(5))
    assert len(loader) == 4
    with pytest.warns(UserWarning, match="was reported to be 4.*but 5 samples have been fetched"):
        batches(loader)


def _structure(index):
    return {
        "image": cygrad.full((3, 64, 64), float(index)),
        "half": cygrad.full((5,), float(index), dtype=cygrad.bfloat16),
        "array": np.full((100, 100), index),
        "name": f"sample {index}",
        "empty": cygrad.zeros(0, 3),
        "scalar": cygrad.tensor(index),
    }


def test_tensors_of_every_size_come_out_of_workers():
    seen = list(DataLoader(Samples(_structure, 23), None, num_workers=2))
    for i, sample in enumerate(seen):  # all kept, while the workers' memory was used again
        assert sample["image"].shape == (3, 64, 64) and (sample["image"] == i).all()
        assert sample["half"].dtype == cygrad.bfloat16 and sample["half"].tolist() == [i] * 5
        assert sample["array"].shape == (100, 100) and (sample["array"] == i).all()
        assert sample["name"] == f"sample {i}" and sample["empty"].shape == (0, 3)
        assert sample["scalar"].dim() == 0 and sample["scalar"].item() == i
        sample["image"].add_(1)


def test_batches_that_grow():
    loader = DataLoader(
        Samples(lambda i: cygrad.full((10000 * (1 + i % 5),), float(i)), 20), None, num_workers=2
    )
    for i, x in enumerate(loader):
        assert x.numel() == 10000 * (1 + i % 5) and (x == i).all()


def test_more_indices_than_a_pipe_holds():
    # The loader sends long lists of indices while the workers send long lists of strings.
    n = 40000
    loader = DataLoader(Samples(str, 4 * n), n, num_workers=2, prefetch_factor=4)
    assert sum(len(batch) for batch in loader) == 4 * n


def test_gradients_do_not_cross():
    leaf = cygrad.ones(3, requires_grad=True)
    out = next(iter(DataLoader([leaf], None, num_workers=1)))
    assert out.requires_grad and out.is_leaf
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        next(iter(DataLoader([leaf * 2], None, num_workers=1)))


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(a)


def _fail(kind):
    if kind == "value":
        raise ValueError("boom")
    if kind == "key":
        raise KeyError("name")
    if kind == "two":
        raise TwoArguments(1, 2)
    if kind == "local":

        class Local(Exception):
            pass

        raise Local("hidden")
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        os._exit(3)
    return lambda: kind


@pytest.mark.parametrize(
    "kind, error",
    [("value", ValueError), ("key", KeyError), ("two", RuntimeError), ("local", RuntimeError)],
)
def test_exceptions_of_workers(kind, error):
    loader = DataLoader(Samples(lambda i: _fail(kind) if i == 3 else i), 2, num_workers=2)
    iterator = iter(loader)
    assert next(iterator).tolist() == [0, 1]
    with pytest.raises(error) as caught:
        next(iterator)
    name = {"value": "ValueError", "key": "KeyError", "two": "TwoArguments", "local": "Local"}[kind]
    text = str(caught.value)
    assert text.startswith(
        f"Caught {name} in DataLoader worker process 1.\n"
        "Original Traceback (most recent call last):\n  File"
    )
    assert next(iterator).tolist() == [4, 5]


def test_what_cannot_be_pickled_is_an_error():
    with pytest.raises(Exception, match="in DataLoader worker process 0.*(?s:.*)pickle"):
        next(iter(DataLoader(Samples(lambda i: _fail("lambda")), None, num_workers=1)))


@pytest.mark.parametrize(
    "kind, reason",
    [
        ("kill", "is killed by signal: Killed. "),
        ("exit", "exited unexpectedly with exit code 3. Details are lost"),
    ],
)
def test_workers_that_die(kind, reason):
    loader = DataLoader(Samples(lambda i: _fail(kind) if i == 3 else i), 2, num_workers=2)
    with pytest.raises(
        RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"
    ) as caught:
        list(loader)
    assert reason in str(caught.value.__cause__)


def test_timeout():
    stopped = Samples(lambda i: signal.pause())
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.1 seconds"):
        iterator = iter(DataLoader(stopped, num_workers=1, timeout=0.1))
        workers = iterator._workers
        try:
            next(iterator)
        finally:
            workers[0].kill()  # it would not end by itself


def _deaf_and_hanging(i):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


def test_a_worker_that_hangs_and_ignores_signals_is_ended(monkeypatch):
    monkeypatch.setattr(cygrad.utils.data.dataloader, "_JOIN_TIMEOUT", 0.1)
    iterator = iter(DataLoader(Samples(_deaf_and_hanging), num_workers=1, timeout=1))
    (worker,) = iterator._workers
    with pytest.raises(RuntimeError, match="DataLoader timed out after 1 seconds"):
        next(iterator)
    del iterator
    gc.collect()
    assert not worker.is_alive()


def _large(i):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cygrad.set_num_threads(2)  # it stays at one
    x = cygrad.ones(1000, 1000) * 2
    return (x.sum() + (x @ x)[0, 0] + x.sort().values[0, 0]).item()


def test_workers_run_large_operators_after_the_parent_did():
    before = cygrad.get_num_threads()
    expected = _large(0)  # OpenMP's threads are there, and do not come along
    cygrad.set_num_threads(before)
    loader = DataLoader(Samples(_large), 2, num_workers=2, timeout=60)
    assert [batch.tolist() for batch in loader][0] == [expected, expected]


def test_an_abandoned_iterator_leaves_no_process():
    iterator = iter(DataLoader(TEN, num_workers=2))
    next(iterator)
    workers = iterator._workers[:]
    del iterator
    gc.collect()
    assert not any(worker.is_alive() for worker in workers)


def test_an_epoch_that_is_left_early():
    loader = DataLoader(TEN, 2, num_workers=2, persistent_workers=True)
    for _ in range(3):
        for batch in loader:
            assert batch.tolist() == [0, 1]
            break
    assert batches(loader) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_out_of_order():
    loader = DataLoader(TEN, num_workers=2, in_order=False)
    assert sorted(x for batch in batches(loader) for x in batch) == TEN


SCRIPT = """
    import os, signal, sys
    import cygrad
    from cygrad.utils.data import DataLoader

    class Slow:
        def __len__(self): return 100
        def __getitem__(self, i):
            if i == 5: signal.pause()
            return i

    iterator = iter(DataLoader(Slow(), num_workers=2))
    next(iterator)
    print(*(w.pid for w in iterator._workers), flush=True)
    how = sys.argv[1]
    if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupt":
        # As from a terminal: to the whole group of processes.
        os.killpg(0, signal.SIGINT)
        signal.pause()
"""


@pytest.mark.parametrize("how", ["exit", "interrupt"])
def test_nothing_is_left_when_the_program_ends(how):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), how],
        capture_output=True,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pids = [int(pid) for pid in run.stdout.split()]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert run.stderr.count("Traceback") <= (1 if how == "interrupt" else 0)


def test_spawn():
    loader = DataLoader(TEN, 5, num_workers=1, multiprocessing_context="spawn")
    assert batches(loader) == [TEN[:5], TEN[5:]]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        (
            {"prefetch_factor": 2},
            "prefetch_factor option could only be specified in multiprocessing",
        ),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": TEN, "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        (
            {"batch_sampler": [[1]], "batch_size": 2},
            "batch_sampler option is mutually exclusive with",
        ),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
        ({"multiprocessing_context": "spawn"}, "can only be used with multi-process loading"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(TEN, **options)


def test_streams_take_no_order():
    with pytest.raises(
        ValueError, match="DataLoader with IterableDataset: expected unspecified shuffle"
    ):
        DataLoader(Stream(), shuffle=True)


def test_attributes_that_stay():
    loader = DataLoader(TEN, 3)
    assert len(loader) == 4 and loader.batch_size == 3 and loader.dataset is TEN
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader"):
        loader.batch_size = 4
    loader.num_workers = 0


def test_the_draws_match_pytorch():
    torch = pytest.importorskip("torch")
    for seed in range(3):
        for options in ({}, {"replacement": True}, {"num_samples": 45, "replacement": True}):
            orders = []
            for module, sampler in (
                (torch, torch.utils.data.RandomSampler),
                (cygrad, data.RandomSampler),
            ):
                module.manual_seed(seed)
                orders.append((list(sampler(range(37), **options)), module.rand(1).item()))
            assert orders[0] == orders[1]


def test_samples_are_drawn_where_the_generator_is(device):
    """Whatever the default device is."""
    def order(generator):
        return [b[0].tolist() for b in data.DataLoader(data.TensorDataset(x), 4, shuffle=True, generator=generator)]

    x = cygrad.arange(10)
    for default in ("cpu", device):
        with cygrad.device(default):
            assert sorted(sum(order(None), [])) == list(range(10))
            first, again = (order(cygrad.Generator(device).manual_seed(3)) for _ in range(2))
            assert first == again and sorted(sum(first, [])) == list(range(10))
            generator = cygrad.Generator(device)
            parts = data.random_split(range(10), [7, 3], generator)
            assert sorted([i for part in parts for i in part]) == list(range(10))
            assert len(list(data.WeightedRandomSampler([1.0, 2.0], 5, generator=generator))) == 5
            assert len(list(data.RandomSampler(range(4), True, 6, generator))) == 6
            assert sorted(data.SubsetRandomSampler([3, 5], generator)) == [3, 5]
