"""The commands of `python -m cygrad`; running programs is tested in test_as_torch."""

import subprocess
import sys

import pytest

import cygrad as torch
from cygrad._commands import COMMANDS, bench, doctor, info, selftest


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "cygrad", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_info_says_what_a_report_needs():
    text = "\n".join(info.report())
    for word in ("cygrad: ", "Python: ", "processor: ", "threads: ", "BLAS: ", "numpy ", "OpenCL: "):
        assert word in text
    assert torch.backends.cpu.get_cpu_capability() in text


def test_info_says_why_there_is_no_opencl(monkeypatch):
    from cygrad.cl import _device

    def missing():
        raise RuntimeError("OpenCL devices need pyopencl")

    monkeypatch.setattr(_device, "pyopencl", missing)
    assert info.opencl() == ["none: OpenCL devices need pyopencl"]


PROGRAM = """
import torch
import torch.nn as nn
from torch import optim as o
from torch.nn import functional as F

G = nn.functional
G.foo(1)
F.relu(torch.zeros(2))
o.Adamx()
torch.expp(1)
if False:
    nn.quantized.Linear(2)
torch = None
torch.nothing_of_ours
"""


def test_doctor_follows_names():
    missing, used = doctor.examine(PROGRAM)
    assert [(line, name) for line, name, _ in missing] == [
        (8, "torch.nn.functional.foo"),
        (10, "torch.optim.Adamx"),
        (11, "torch.expp"),
        (13, "torch.nn.quantized.Linear"),
    ]
    assert used == 10


def test_doctor_names_the_line(tmp_path):
    (tmp_path / "good.py").write_text("import torch\nprint(torch.ones(2))\n")
    (tmp_path / "bad.py").write_text("from torch import expp\n")
    result = command("doctor", tmp_path)
    assert result.returncode == 1 and "bad.py:1: torch.expp: " in result.stdout
    assert command("doctor", tmp_path / "good.py").returncode == 0


def test_run_is_what_there_is_without_the_word(tmp_path):
    (tmp_path / "info").write_text("import torch; print(torch.ones(2).sum().item())\n")
    assert command("run", tmp_path / "info").stdout == "2.0\n"
    assert "usage" in command("run").stderr


@pytest.mark.parametrize("check", [c for _, c in selftest.checks()][:5], ids=lambda c: getattr(c, "__name__", None))
def test_selftest(check):
    torch.manual_seed(0)
    check()


def test_bench_measures():
    assert 0 < bench.microseconds(torch, *bench.CASES["add, 2x3"], budget=0.02) < 1e5


def test_commands_are_in_the_help():
    text = command("--help").stdout
    assert all(f"python -m cygrad {name}" in text for name in COMMANDS)
