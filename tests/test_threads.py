"""How many threads loops get; that results and programs do not depend on it."""

import os
import subprocess
import sys
import threading
import time

import pytest

import cygrad
from cygrad import _threads, nn

F = nn.functional


def run(program, **environment):
    """What a fresh interpreter prints."""
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def convolutional():
    return nn.Sequential(
        nn.Conv2d(3, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(48, 64, 3, stride=2),
        nn.ReLU(), nn.Flatten(), nn.Linear(64 * 49, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(32, 128, bidirectional=True)
        self.out = nn.Linear(256, 10)

    def forward(self, x):
        return self.out(self.layer(x)[0][-1])


NETWORKS = {
    "convolution": (convolutional, (8, 3, 32, 32)),
    "perceptron": (lambda: nn.Sequential(nn.Linear(300, 700), nn.GELU(), nn.Linear(700, 10)), (128, 300)),
    "transformer": (
        lambda: nn.Sequential(nn.TransformerEncoderLayer(128, 4, 256), nn.Flatten(), nn.Linear(64 * 128, 10)),
        (32, 64, 128),
    ),
    "lstm": (lambda: Recurrent(nn.LSTM), (20, 32, 32)),
    "gru": (lambda: Recurrent(nn.GRU), (20, 32, 32)),
}


@pytest.fixture
def threads():
    before = cygrad.get_num_threads()
    yield cygrad.set_num_threads
    cygrad.set_num_threads(before)


def train(name, steps=3):
    """The losses and the weights after a few steps, as bytes."""
    make, shape = NETWORKS[name]
    cygrad.manual_seed(0)
    network, x = make(), cygrad.randn(*shape)
    optimizer = cygrad.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        out = network(x)
        loss = F.cross_entropy(out, cygrad.arange(out.size(0)) % 10)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach().numpy().tobytes() for p in network.parameters()]


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_the_same_in_any_number_of_threads(threads, name):
    results = []
    for n in (1, 2, 4):
        threads(n)
        results.append(train(name))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_products_are_the_same_in_any_number_of_threads(threads, dtype):
    for m, k, n in [
        (33, 1000, 64), (64, 64, 64), (128, 128, 128), (100, 700, 100), (17, 3000, 31), (257, 513, 129), (1, 4000, 900),
        (900, 900, 2),
    ]:  # fmt: skip
        a, b = (cygrad.randn(*shape, dtype=getattr(cygrad, dtype)) for shape in ((m, k), (k, n)))
        c = cygrad.randn(m, n, dtype=a.dtype)
        results = []
        for count in (1, 2, 3, 4):
            threads(count)
            results.append((a @ b, cygrad.addmm(c, a, b, alpha=0.3, beta=0.7), (b.t() @ a.t()).t(), (a @ b.clone())))
        for other in results[1:]:
            for one, two in zip(results[0], other, strict=True):
                assert cygrad.equal(one, two), (m, k, n)


def test_the_first_number_follows_environment_and_affinity():
    program = "import cygrad; print(cygrad.get_num_threads())"
    assert run(program, OMP_NUM_THREADS="3") == ["3"]
    assert run(program, OMP_NUM_THREADS="5,2") == ["5"]
    most = len(os.sched_getaffinity(0))
    for nothing in ("", "x", "0", "-1"):
        assert 1 <= int(*run(program, OMP_NUM_THREADS=nothing)) <= most
    one = min(os.sched_getaffinity(0))
    assert run(f"import os; os.sched_setaffinity(0, [{one}]); {program}") == ["1"]


@pytest.mark.parametrize(
    "groups, files, expected",
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "50000 100000"}, 0.5),
        ("0::/a\n", {"a/cpu.max": "max 100000"}, float("inf")),
        ("0::/a\n", {}, float("inf")),
        (
            "4:memory:/x\n2:cpu,cpuacct:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000",
             "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            3,
        ),
    ],
)  # fmt: skip
def test_the_quota_of_a_control_group(tmp_path, groups, files, expected):
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert _threads.quota(str(tmp_path)) == expected


def test_child_processes_find_the_environment_as_it_was():
    program = "import os, cygrad; print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))"
    assert run(program) == ["None", "None"]
    assert run(program, GOMP_SPINCOUNT="7") == ["7", "None"]
    assert run(program, OMP_WAIT_POLICY="active") == ["None", "active"]


def test_only_positive_numbers():
    for n in (0, -1):
        with pytest.raises(RuntimeError, match="Expected positive number of threads"):
            cygrad.set_num_threads(n)


def test_threads_of_the_program(threads):
    """Loops in several of them at once, while another changes how many helpers there may be."""
    threads(2)
    x = cygrad.arange(200_000, dtype=cygrad.float64)
    expected, wrong = (x * 2 + 1).sum().item(), []

    def work():
        for _ in range(100):
            if (x * 2 + 1).sum().item() != expected:
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        threads(1)
        threads(2)
        time.sleep(0.001)
    assert not wrong
