"""The formulas of bench/scale.py: against all_reduces played through message by message, and at their limits."""

import importlib.util
import math
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).parents[1] / "bench" / "scale.py"
if not PATH.exists():
    pytest.skip("the checkout's bench is not beside these tests", allow_module_level=True)
spec = importlib.util.spec_from_file_location("bench_scale", PATH)
scale = sys.modules["bench_scale"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scale)
NET = scale.Network("test", 2e-6, 1e-9, "")
GAMMA = 3e-10


def played(p, n, messages):
    """Seconds until all ranks are done: `messages` is a list of rounds of (from, to, bytes, whether they are added)."""
    clock = [0.0] * p
    for round_ in messages:
        before = list(clock)
        for source, target, size, added in round_:
            arrives = before[source] + NET.alpha + size * NET.beta
            clock[source] = max(clock[source], arrives)
            clock[target] = max(clock[target], before[target], arrives) + (size * GAMMA if added else 0)
    return max(clock)


@pytest.mark.parametrize("p", [2, 4, 8, 32])
def test_formulas_are_what_messages_take(p):
    n = 4096 * p
    passed = [
        [(r, (r + 1) % p, n / p, k < p - 1) for r in range(p)] for k in range(2 * (p - 1))
    ]
    assert math.isclose(scale.ring(p, n, NET, GAMMA), played(p, n, passed), rel_tol=1e-9)
    levels = int(math.log2(p))
    up = [[(r + 2**k, r, n, True) for r in range(0, p, 2 ** (k + 1))] for k in range(levels)]
    down = [[(t, s, n, False) for s, t, *_ in round_] for round_ in reversed(up)]
    assert math.isclose(scale.tree(p, n, NET, GAMMA), played(p, n, up + down), rel_tol=1e-9)


def test_limits():
    assert scale.ring(1, 100, NET, GAMMA) == scale.tree(1, 100, NET, GAMMA) == 0
    large, small = 10**9, 8
    assert scale.ring(64, large, NET) < scale.tree(64, large, NET)
    assert scale.ring(64, small, NET) > scale.tree(64, small, NET)
    assert math.isclose(scale.ring(10**6, large, NET), 2 * (10**6 - 1) * NET.alpha + 2 * large * NET.beta, rel_tol=1e-5)
    assert scale.tree(5, small, NET) == scale.tree(8, small, NET)


def test_efficiency():
    def free(p, n):
        return 0.0

    def reduce(p, n):
        return scale.ring(p, n, NET, GAMMA)

    assert scale.efficiency(1, 1000, 1.0, reduce) == scale.efficiency(64, 10**8, 1.0, free) == 1
    values = [scale.efficiency(2**k, 4 * 10**8, 1.0, reduce) for k in range(11)]
    assert values == sorted(values, reverse=True) and 0 < values[-1] < 1
    # With nothing to compute all time goes to messages; with much, only the last bucket's shows.
    n = 60 * scale.MIB
    assert scale.buckets(n) == [scale.MIB, 25 * scale.MIB, 25 * scale.MIB, 9 * scale.MIB]
    alone = sum(reduce(8, size) for size in scale.buckets(n))
    assert math.isclose(scale.step(8, n, 1e-9, reduce), alone, rel_tol=1e-5)
    assert math.isclose(scale.step(8, n, 1000.0, reduce), 1000 + reduce(8, 9 * scale.MIB), rel_tol=1e-9)


def test_tables(capsys):
    scale.main(["--recorded", "--model", "lenet", "--network", "infiniband"])
    said = capsys.readouterr().out
    rows = [line.split(",")[-1].split()[1:] for line in said.splitlines() if line.startswith("InfiniBand")]
    assert len(rows) == 4 and all(len(row) == 10 for row in rows)
    assert "ResNet" not in said.split("LeNet", 1)[1] and "recorded" in said
