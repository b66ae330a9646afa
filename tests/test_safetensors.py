"""The safetensors package where cygrad stands in for torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cygrad

pytest.importorskip("safetensors")

PROGRAM = """
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

x = torch.arange(6.0).reshape(2, 3)
tensors = {
    str(dtype): x.to(dtype)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                  torch.int8, torch.uint8, torch.bool, torch.complex64)
}
tensors["empty"] = torch.empty(0, 2)
tensors["scalar"] = torch.tensor(2.5)
save_file(tensors, "x.safetensors", metadata={"format": "pt"})
found = load_file("x.safetensors")
assert found.keys() == tensors.keys()
for name, t in tensors.items():
    assert found[name].dtype is t.dtype and found[name].shape == t.shape and torch.equal(found[name], t), name
assert torch.equal(load(save({"a": x}))["a"], x)
with safe_open("x.safetensors", "pt") as file:
    assert file.metadata() == {"format": "pt"}
    assert file.get_slice("torch.float32")[:, 1:].tolist() == [[1, 2], [4, 5]]

try:
    save_file({"a": x, "b": x}, "y.safetensors")
except RuntimeError as error:
    assert "Some tensors share memory" in str(error)
else:
    raise AssertionError("shared memory was not seen")


def model():
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    net.tied = net[0]
    return net


a, b = model(), model()
save_model(a, "model.safetensors")
assert load_model(b, "model.safetensors") == (set(), [])
assert torch.equal(a[0].weight, b[0].weight) and b.tied.weight is b[0].weight
print("ok")
"""


def test_safetensors(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = str(Path(cygrad.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "cygrad", program],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    assert done.stdout == "ok\n", done.stderr
