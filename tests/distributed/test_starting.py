"""How ranks are started: by mpiexec, by `distributed.run`, by the program itself, or not at all."""

import os
import re
import subprocess
import sys
import time

import pytest
from starting import PROGRAMS, run

from cygrad.distributed import _seat

TELL = """
import os, sys, torch.distributed as dist
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
print(*(os.environ.get(name) for name in names), *sys.argv[1:], dist.is_torchelastic_launched(), flush=True)
dist.init_process_group("gloo")
assert str(dist.get_rank()) == os.environ["RANK"] and dist.get_node_local_rank() == dist.get_rank()
dist.barrier()
dist.destroy_process_group()
if "fails" in sys.argv:
    sys.exit(3)
"""


@pytest.fixture
def tell(tmp_path):
    path = tmp_path / "tell.py"
    path.write_text(TELL)
    return str(path)


def test_torchrun(mpi, tell):
    command = [sys.executable, "-m", "cygrad.distributed.run", "--standalone", "--nproc_per_node=2"]
    job = run([*command, tell, "--epochs", "3"], MASTER_PORT="29533")
    assert job.code == 0, job.errors
    lines = sorted(job.output.splitlines())
    assert lines == [f"{r} {r} 2 2 127.0.0.1 29500 --epochs 3 True" for r in range(2)]


def test_torchrun_fails_and_restarts(mpi, tell):
    module = [sys.executable, "-m", "cygrad.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    job = run([*module, tell, "fails"])
    assert job.code == 3 and len(job.output.splitlines()) == 4
    assert "the job ended with code 3; it is started again" in job.errors
    job = run([*module, "--no-python", "sh", "-c", "echo rank $RANK of $WORLD_SIZE"])
    assert job.code == 0 and sorted(job.output.splitlines()) == ["rank 0 of 2", "rank 1 of 2"]


def test_training_script(mpi, tmp_path):
    """A script for torchrun, whose second start goes on where the first has ended."""
    command = [sys.executable, "-m", "cygrad.distributed.run", "--nproc_per_node", "2", str(PROGRAMS / "train.py")]
    for epochs, first in ((2, 0), (3, 2)):
        job = run([*command, str(epochs), str(tmp_path / "snapshot.pt")])
        assert job.code == 0, job.errors
        for rank in range(2):
            for epoch in range(first, epochs):
                assert f"[{rank}] Epoch {epoch} | Samples: 25" in job.output
    assert "Resuming training from snapshot at Epoch 2" in job.output


def test_options(mpi):
    module = [sys.executable, "-m", "cygrad.distributed.run"]
    job = run([*module, "--tee", "3", "x.py"])
    assert job.code == 2 and "--tee is not in cygrad" in job.errors
    job = run([*module, "--nnodes", "2", "--node-rank", "1", "x.py"])
    assert job.code == 0 and "mpiexec on node 0 starts its ranks" in job.errors
    job = run([*module, "--nproc-per-node", "many", "x.py"])
    assert job.code == 2 and "Unsupported nproc_per_node value: many" in job.errors


def test_several_machines(mpi):
    from cygrad.distributed import run as launcher

    parse = launcher.get_args_parser().parse_args
    line, settings = launcher.command(parse("--nnodes 2 --nproc-per-node 4 --hosts one,two t.py a".split()))
    text = " ".join(line)
    assert "-n 8 --host one:4,two:4 --map-by ppr:4:node" in text and text.endswith("-m cygrad t.py a")
    assert settings["GROUP_WORLD_SIZE"] == "2"


def test_alone(mpi):
    """Without mpiexec a program is a world of one; wrong arguments raise PyTorch's errors."""
    run([sys.executable, "-m", "cygrad", str(PROGRAMS / "alone.py")]).passed(1)


def test_spawned(mpi):
    """Ranks that torch.multiprocessing.spawn starts, as in the tutorial."""
    job = run([sys.executable, "-m", "cygrad", str(PROGRAMS / "spawned.py"), "29571"])
    assert job.code == 0, job.errors
    assert sorted(job.output.splitlines()) == ["rank 0 of 2", "rank 1 of 2"]
    job = run([sys.executable, "-m", "cygrad", str(PROGRAMS / "spawned.py"), "29572", "fail"])
    assert job.code == 1
    assert re.search("Process 1 terminated with the following error:(.|\n)*a rank that fails", job.errors)


def test_import_costs_nothing():
    """Neither cygrad nor cygrad.distributed brings mpi4py."""
    code = """
import sys, cygrad.distributed as d, cygrad.nn.parallel.distributed
print('mpi4py' in sys.modules, d.is_initialized())"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_getting_started(mpi):
    """A checkpoint and a model in parts, in ranks that the program spawned twice."""
    job = run([sys.executable, "-m", "cygrad", str(PROGRAMS / "started.py"), "29581"])
    assert job.code == 0, job.errors
    for demo in ("DDP checkpoint", "DDP with model parallel"):
        assert all(f"Finished running {demo} example on rank {r}." in job.output for r in range(2)), job.output


def test_imagenet(mpi, tmp_path):
    """ResNet-18 by two ranks: that the program spawned, then by distributed.run from the checkpoint; and alone."""
    program = [str(PROGRAMS / "imagenet.py"), "--small", "--dist-backend", "gloo"]
    spawned = "--dist-url tcp://127.0.0.1:29582 --multiprocessing-distributed --world-size 1 --rank 0".split()
    resumed = ["--resume", "checkpoint.pth.tar", "--epochs", "2"]
    launcher = ["-m", "cygrad.distributed.run", "--nproc-per-node", "2"]
    for ranks, command in (
        (2, ["-m", "cygrad", *program, *spawned]), (2, [*launcher, *program, *resumed, "--dist-url", "env://"]),
        (1, ["-m", "cygrad", *program, "--evaluate"]),
    ):  # fmt: skip
        job = run([sys.executable, "-W", "ignore", *command], cwd=tmp_path)
        assert job.code == 0, job.errors
        accuracies = [line.split()[-1] for line in job.output.splitlines() if line.startswith(" * ")]
        assert len(accuracies) == ranks and len(set(accuracies)) == 1, job.output
    assert (tmp_path / "model_best.pth.tar").exists()


def test_launcher_that_is_ended_ends_the_ranks(mpi, tmp_path):
    """SIGTERM to distributed.run: no rank is left, and none is started again."""
    program = tmp_path / "waits.py"
    program.write_text(
        "import os, time, torch.distributed as dist\ndist.init_process_group('gloo')\n"
        "print(os.getpid(), flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-m", "cygrad.distributed.run", "--nproc-per-node", "2", "--max-restarts", "2", program]
    launcher = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    ranks = [int(launcher.stdout.readline()) for _ in range(2)]
    launcher.terminate()
    said = launcher.communicate(timeout=30)[1]
    assert launcher.returncode != 0 and "started again" not in said
    end = time.monotonic() + 5
    while any(map(_seat.alive, ranks)):
        assert time.monotonic() < end, ranks
        time.sleep(0.05)
