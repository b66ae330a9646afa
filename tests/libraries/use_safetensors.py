"""safetensors: every dtype, slices, metadata, models with shared weights, and its errors."""

import os
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
from torch import nn

torch.manual_seed(0)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "net.safetensors")
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

save_file(net.state_dict(), path, metadata={"by": "test"})
for name, value in sorted(load_file(path).items()):
    print(name, value.dtype, tuple(value.shape), torch.equal(value, net.state_dict()[name]))
with safe_open(path, framework="pt") as file:
    print(sorted(file.keys()), file.metadata())
    print(file.get_tensor("0.weight").sum())
    part = file.get_slice("0.weight")
    print(part.get_shape(), part[:2, 1:])
print(sorted(load_file(path, device="cpu")))

for dtype in (
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32,
    torch.int64, torch.bool,
):  # fmt: skip
    x = torch.arange(6).reshape(2, 3).to(dtype)
    data = save({"x": x})
    y = load(data)["x"]
    print(dtype, y.dtype, torch.equal(x, y), len(data))

save_model(net, path)
other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
print(load_model(other, path), torch.equal(other[0].weight, net[0].weight))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        self.b.weight = self.a.weight


tied = Tied()
save_model(tied, path)
print(sorted(load_file(path)), load_model(Tied(), path))
shared = torch.ones(3)
for wrong in ({"a": shared, "b": shared}, {"a": torch.ones(3, 2).t()}, {"a": 3}):
    try:
        save_file(wrong, path)
    except (RuntimeError, ValueError) as error:
        print(type(error).__name__, str(error).strip()[:60])
