"""torch.multiprocessing: tensors as shared memory, processes whose errors come back."""

import copy
import errno
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest

import cygrad as torch
import cygrad.multiprocessing as mp
from cygrad import nn

METHODS = pytest.mark.parametrize("method", ["fork", "spawn"])


@pytest.fixture(params=["file_descriptor", "file_system"])
def strategy(request):
    before = mp.get_sharing_strategy()
    mp.set_sharing_strategy(request.param)
    yield request.param
    mp.set_sharing_strategy(before)
    gc.collect()
    assert not [n for n in os.listdir("/dev/shm") if n.startswith(f"cygrad_{os.getpid()}_")]


def add_one(tensor):
    tensor.add_(1)


def echo(inbox, outbox):
    """Doubles what comes in place, says whether two arrivals are one memory, sends a new tensor back."""
    first, second = inbox.get(), inbox.get()
    first.mul_(2)
    outbox.put(first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr())
    outbox.put(first + 1)
    inbox.get()  # a sender lives until what it sent has been taken


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_sharing_in_place():
    x = torch.arange(6.0)
    view, alias = x[2:], x.data
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert x.is_shared() and view.is_shared() and x.untyped_storage().is_shared()
    view.zero_()
    assert x.tolist() == [0, 1, 0, 0, 0, 0]
    assert alias.tolist() == [0, 1, 2, 3, 4, 5]  # of before
    assert x.data.is_shared() and x[1:].is_shared()
    assert (
        not (x + 1).is_shared() and not copy.deepcopy(x).is_shared() and not x.clone().is_shared()
    )
    assert torch.empty(0).share_memory_().is_shared()
    assert x.storage().is_shared()


def test_the_alias_of_data_moves_with_its_tensor():
    x = torch.arange(3.0)
    x.data.share_memory_()
    assert x.is_shared()
    x.data.add_(1)
    assert x.tolist() == [1, 2, 3]


@METHODS
def test_a_process_writes_what_others_see(strategy, method):
    context = mp.get_context(method)
    x = torch.zeros(3).share_memory_()
    process = context.Process(target=add_one, args=(x[1:],))
    process.start()
    process.join()
    assert x.tolist() == [0, 1, 1]


@METHODS
def test_queues(strategy, method):
    context = mp.get_context(method)
    inbox, outbox = context.Queue(), context.Queue()
    process = context.Process(target=echo, args=(inbox, outbox))
    process.start()
    x = torch.arange(3.0)
    inbox.put(x)
    inbox.put(x.reshape(3, 1))
    assert outbox.get() is True
    assert x.tolist() == [0, 2, 4] and x.is_shared()
    assert outbox.get().tolist() == [1, 3, 5]
    inbox.put(None)
    process.join()


def test_every_kind_of_tensor_through_a_pipe():
    here, there = mp.Pipe()
    named = nn.Parameter(torch.ones(2), requires_grad=False)
    kinds = [
        torch.arange(6).reshape(2, 3).t(), torch.tensor(True), torch.empty(0, 3), torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, requires_grad=True), nn.Parameter(torch.ones(2)), named,
    ]  # fmt: skip
    for sent in kinds:
        here.send(sent)
        got = there.recv()
        assert type(got) is type(sent) and got.dtype is sent.dtype and got.stride() == sent.stride()
        assert torch.equal(got, sent) and got.requires_grad == sent.requires_grad
        if sent.numel():
            with torch.no_grad():
                got.zero_()
            assert not sent.any()
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        here.send(torch.ones(1, requires_grad=True) * 2)


def test_tensors_that_share_memory_still_do():
    here, there = mp.Pipe()
    x = torch.arange(4.0)
    here.send([x, x[2:]])
    a, b = there.recv()
    a.zero_()
    assert not b.any() and not x.any()


def test_no_shared_memory_left(strategy, monkeypatch):
    def full(fd, offset, length):
        raise OSError(errno.ENOSPC, "No space left on device")

    x = torch.ones(3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(
            RuntimeError,
            match="unable to allocate .* bytes of shared memory: No space left on device",
        ):
            x.share_memory_()
    assert not x.is_shared() and x.tolist() == [1, 1, 1]


def test_memory_goes_with_its_last_user():
    def open_files():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    here, there = mp.Pipe()
    here.send(torch.ones(10))
    there.recv()
    before = open_files()
    for _ in range(20):
        x = torch.ones(1000)
        here.send(x)
        y = there.recv()
    del x, y
    assert open_files() <= before


def test_pool():
    with mp.get_context("fork").Pool(2) as pool:
        assert [t.item() for t in pool.map(torch.sum, [torch.ones(3), torch.ones(4)])] == [3, 4]


# ------------------------------------------------------------------ Hogwild


def line(model, rank):
    """One process of Hogwild training: steps on the shared parameters without a lock."""
    torch.manual_seed(rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(200):
        x = torch.randn(16, 2)
        y = x @ torch.tensor([[2.0], [-3.0]]) + 0.5
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


@METHODS
def test_hogwild(method):
    model = nn.Linear(2, 1)
    assert model.share_memory() is model
    assert all(p.is_shared() for p in model.parameters())
    context = mp.get_context(method)
    processes = [context.Process(target=line, args=(model, rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert model.weight.tolist()[0] == pytest.approx([2, -3], abs=1e-3)
    assert model.bias.item() == pytest.approx(0.5, abs=1e-3)


# ------------------------------------------------------------------ spawn


def fill(index, tensor):
    tensor[index] = index + 1


def fail(index, word):
    if index == 1:
        raise ValueError(word)
    time.sleep(60)


def leave(index):
    sys.exit(3)


def kill(index):
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(index):
    raise KeyboardInterrupt


def test_spawn():
    x = torch.zeros(2)
    assert mp.spawn(fill, args=(x,), nprocs=2) is None
    assert x.tolist() == [1, 2]
    context = mp.start_processes(fill, (x.zero_(),), nprocs=2, join=False, start_method="fork")
    assert isinstance(context, mp.ProcessContext) and len(context.pids()) == 2
    while not context.join():
        pass
    assert context.join(timeout=1) is True and x.tolist() == [1, 2]


def test_errors_of_processes(caplog):
    def start(function, *args):
        mp.start_processes(function, args, nprocs=2, start_method="fork")

    with pytest.raises(mp.ProcessRaisedException, match="(?s)^\n\n-- Process 1 terminated with the following error:\n"
                       "Traceback .most recent call last.:\n.*\nValueError: a word\n$") as caught:  # fmt: skip
        start(fail, "a word")
    assert caught.value.error_index == 1
    assert "via signal SIGTERM" in caplog.text
    with pytest.raises(
        mp.ProcessExitedException, match="process . terminated with exit code 3"
    ) as caught:
        start(leave)
    assert caught.value.exit_code == 3 and caught.value.signal_name is None
    with pytest.raises(
        mp.ProcessExitedException, match="process . terminated with signal SIGKILL"
    ) as caught:
        start(kill)
    assert caught.value.signal_name == "SIGKILL"
    start(interrupt)
    assert not multiprocessing.active_children()


def test_strategies_and_methods():
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    with pytest.raises(AssertionError, match="invalid sharing strategy 'x', expected one of"):
        mp.set_sharing_strategy("x")
    assert mp.get_start_method() == multiprocessing.get_start_method()
    assert mp.Process is multiprocessing.Process and mp.Manager == multiprocessing.Manager
    with pytest.warns(FutureWarning, match="This method only supports start_method=spawn"):
        mp.spawn(fill, (torch.zeros(1),), start_method="fork")


# ------------------------------------------------------------------ OpenMP and fork


def more_threads(index):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.set_num_threads(2)
    assert torch.get_num_threads() == 1 and "a forked process runs on one thread" in str(
        caught[0].message
    )
    many_elements(0, [0])


def many_elements(index, result):
    x = torch.ones(1500, 1500)
    y = (x * 2).sum() + (x @ x)[0, 0] + torch.sort(torch.rand(200_000)).values[0].floor()
    conv = nn.functional.conv2d(torch.ones(4, 3, 64, 64), torch.ones(8, 3, 3, 3))
    result[index] = y.item() + conv.max().item()


def test_a_forked_child_does_not_wait_for_threads_that_it_lacks():
    result = torch.zeros(2)
    many_elements(0, result)  # the parent's threads are there
    expected = result[0].item()
    result.zero_().share_memory_()
    context = mp.start_processes(
        many_elements, (result,), nprocs=2, join=False, start_method="fork"
    )
    end = time.monotonic() + 60
    try:
        while not context.join(timeout=1):
            assert time.monotonic() < end, "the child hangs"
    finally:
        for process in context.processes:
            process.kill()
    assert result.tolist() == [expected, expected]
    mp.start_processes(more_threads, nprocs=1, start_method="fork")


def test_children_end_with_a_killed_parent(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import os, time
        import cygrad.multiprocessing as mp

        def wait(index):
            os.write(1, b"%d\\n" % os.getpid())  # in one piece
            time.sleep(60)

        if __name__ == "__main__":
            mp.start_processes(wait, nprocs=2, start_method="fork")
        """)
    )
    environment = os.environ | {"PYTHONPATH": str(Path(torch.__file__).parent.parent)}
    parent = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, env=environment)
    children = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 20
    while any(alive(pid) for pid in children):
        assert time.monotonic() < end, "a child lives on"
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
