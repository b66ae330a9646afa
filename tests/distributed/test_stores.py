"""Stores in one process, and beside PyTorch's."""

import datetime
import threading

import pytest
from starting import PROGRAMS, run

import cygrad
from cygrad import distributed as ours

SECOND = datetime.timedelta(seconds=0.2)


def makers(dist, folder):
    return {
        "hash": dist.HashStore,
        "file": lambda: dist.FileStore(str(folder / "store"), 1),
        "tcp": lambda: dist.TCPStore("127.0.0.1", 0, 1, True),
    }


def answers(store, dist):
    """What a store says to one question after another."""
    store.set("k", "v")
    store.set("b", b"\x00\xff")
    said = [store.get("k"), store.get("b"), store.add("n", 5), store.add("n", -2), store.get("n")]
    said += [store.check(["k", "n"]), store.check(["k", "none"]), store.compare_set("c", "", "x")]
    said += [store.compare_set("c", "y", "z"), store.compare_set("c", "x", "z"), store.compare_set("new", "foo", "bar")]
    said += [store.get("c"), store.check(["new"]), store.delete_key("k"), store.check(["k"])]
    store.append("all", "1")
    store.append("all", "2")
    store.multi_set(["m", "o"], ["1", "2"])
    said += [store.get("all"), store.multi_get(["m", "o"])]
    inner = dist.PrefixStore("pre", store)
    inner.set("x", "1")
    said += [store.get("pre/x"), inner.get("x"), inner.check(["pre/x"])]
    store.wait(["m"])
    store.set_timeout(SECOND)
    for ask in (lambda: store.get("none"), lambda: store.wait(["none", "other"], SECOND), lambda: inner.get("x2")):
        with pytest.raises(RuntimeError) as raised:
            ask()
        said.append(str(raised.value))
    return said


@pytest.mark.parametrize("kind", ["hash", "file", "tcp"])
def test_answers(kind, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if torch is cygrad or not torch.distributed.is_available():
        pytest.skip("PyTorch is not installed")
    theirs = torch.distributed
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    got = answers(makers(ours, tmp_path / "a")[kind](), ours)
    expected = answers(makers(theirs, tmp_path / "b")[kind](), theirs)
    if kind == "file":  # PyTorch's waits in another place, which has another text
        got[-2] = expected[-2]
    assert got == expected


def test_queue_and_threads():
    store = ours.HashStore()
    other = threading.Thread(target=lambda: store.queue_push("q", store.get("ready") + b"!"))
    other.start()
    store.set("ready", "go")
    assert store.queue_pop("q") == b"go!"
    other.join()
    with pytest.raises(ours.QueueEmptyError, match="queue is empty"):
        store.queue_pop("q", False)
    with pytest.raises(ValueError, match="is not a number"):
        store.add("ready", 1)
    with pytest.raises(TypeError, match="must be a str"):
        store.set(3, "x")


def test_tcp_has_one_master():
    store = ours.TCPStore("localhost", 31999, is_master=True)
    with pytest.raises(ours.DistNetworkError, match="found no TCPStore at localhost:31998 within 200ms"):
        ours.TCPStore("localhost", 31998, timeout=SECOND)
    assert "31999" in repr(store)


def test_spawned_ranks_meet_at_a_store(mpi, tmp_path):
    import sys

    command = [sys.executable, "-m", "cygrad", str(PROGRAMS / "spawned.py")]
    for where in ("tcp 31997", f"file {tmp_path / 'store'}"):
        job = run([*command, *where.split()])
        assert job.code == 0, job.errors
        assert sorted(job.output.splitlines()) == ["rank 0 of 2", "rank 1 of 2"]
