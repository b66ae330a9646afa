"""Whole programs, as a tutorial's reader would write them: they say `import torch`.

Each `programs/NAME.py` must print `programs/NAME.txt`, which PyTorch 2.13 printed. Written anew,
with PyTorch installed, by

    python tests/test_programs.py [NAME ...]
"""

import importlib.util
import os
import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
SECONDS = 300

TORCH = importlib.util.find_spec("torch")


def run(program, *options, path=""):
    """What `python OPTIONS program` prints; its errors, if it fails, are the test's message."""
    # Warnings name the place in the library that gave them, and go to stderr: they are no output.
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, *options, str(program)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
        cwd=HERE,
    )
    return done.stdout, done.stderr.strip() if done.returncode else ""


def first_difference(printed, expected):
    """One line about the first line that differs, or None."""
    pairs = zip_longest(printed.splitlines(), expected.splitlines())
    for number, (ours, theirs) in enumerate(pairs, 1):
        if ours != theirs:
            return f"line {number}: printed {ours!r}, expected {theirs!r}"
    return None


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program):
    printed, failure = run(program, "-m", "cygrad", path=str(HERE.parent))
    difference = first_difference(printed, program.with_suffix(".txt").read_text())
    if difference or failure:
        last = failure.splitlines()[-1] if failure else ""
        pytest.fail(f"{program.name} {difference or ''} {last}".strip(), pytrace=False)


ON_THE_HOST = {
    "char_rnn_generation": "adds up in torch.Tensor([0]), which is the CPU's whatever the default device",
    "data_loading": "shows what DataLoader says of workers, which are forked and may not use the device",
    "errors": "an index out of range is told by the next wait",
    "hogwild": "its processes are forked and share the model's memory",
    "learn_the_basics": "shares memory with NumPy",
    "numpy_bridge": "is about memory shared with NumPy",
    "random_numbers": "is about the CPU's stream of random numbers",
    "tensors_deeper": "shares memory with NumPy and asks for devices by name",
    "time_sequence": "prints strides of an array that the device holds in a row",
    "transformer_language_model": "drops out inside of attention, by the device's stream",
}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\binf\b|\bnan\b)")


def without_device(printed):
    """(the text without numbers, spaces and the device's name, the numbers)"""
    printed = re.sub(r",\s+device='cuda:0'| \(cuda:0\)", "", printed).replace("torch.cuda.", "torch.")
    printed = re.sub(r"\bcuda(:0)?\b", "cpu", printed)
    return "".join(NUMBER.sub("#", printed).split()), [float(n) for n in NUMBER.findall(printed)]


@pytest.fixture(scope="module")
def on_device(tmp_path_factory):
    """The folder with what the programs print on the OpenCL device, where "cuda" is its name; one process runs all."""
    import cygrad

    if not cygrad.opencl.is_available():
        pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)")
    folder = tmp_path_factory.mktemp("on_device")
    environment = {"PYTHONPATH": str(HERE.parent), "CYGRAD_DEVICE": "0", "PYTHONWARNINGS": "ignore", "COLUMNS": "80"}
    programs = [f"programs/{p.name}" for p in PROGRAMS if p.stem not in ON_THE_HOST]
    done = subprocess.run(
        [sys.executable, "-m", "cygrad", "on_device.py", "cuda", folder, *programs],
        capture_output=True, text=True, timeout=900, env=os.environ | environment, cwd=HERE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.stem not in ON_THE_HOST], ids=lambda path: path.stem)
def test_program_on_the_device(program, on_device):
    """It prints what it prints on the CPU, but for the device's name and the last digits of numbers."""
    error = on_device / f"{program.stem}.error"
    assert not error.exists(), error.read_text()
    text, numbers = without_device((on_device / f"{program.stem}.txt").read_text())
    expected, values = without_device(program.with_suffix(".txt").read_text())
    assert text == expected
    assert numbers == pytest.approx(values, rel=3e-3, abs=2e-4, nan_ok=True)


@pytest.mark.skipif(TORCH is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_stored_text_is_pytorchs(program):
    printed, failure = run(program)
    assert not failure, failure
    difference = first_difference(printed, program.with_suffix(".txt").read_text())
    assert difference is None, difference


if __name__ == "__main__":
    for program in PROGRAMS:
        if not sys.argv[1:] or program.stem in sys.argv[1:]:
            printed, failure = run(program)
            if failure:
                sys.exit(f"{program.name}: {failure}")
            program.with_suffix(".txt").write_text(printed)
