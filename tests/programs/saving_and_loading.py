"""Saving and loading: tensors, state dicts, checkpoints to resume from, whole models, other devices, refused files."""

import io
import os
import pickle
import tempfile
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1729)
folder = tempfile.TemporaryDirectory()
root = Path(folder.name)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 6 * 6, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        return self.fc(x.flatten(1))


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

print("Model's state_dict:")
for name in model.state_dict():
    print(name, "\t", model.state_dict()[name].size())
print("Optimizer's state_dict:")
for name in optimizer.state_dict():
    print(name, "\t", optimizer.state_dict()[name])


def train(model, optimizer, scheduler, epochs):
    for epoch in epochs:
        generator = torch.Generator().manual_seed(epoch)
        x = torch.randn(16, 1, 8, 8, generator=generator)
        y = torch.randint(0, 3, (16,), generator=generator)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}, lr {scheduler.get_last_lr()[0]}")


train(model, optimizer, scheduler, range(3))
torch.save(
    {
        "epoch": 2,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "rng": torch.get_rng_state(),
    },
    root / "checkpoint.tar",
)
a = torch.rand(2)
train(model, optimizer, scheduler, range(3, 5))

print("again, from the checkpoint")
checkpoint = torch.load(root / "checkpoint.tar", weights_only=True)
other = Net()
optimizer = torch.optim.SGD(other.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
print(other.load_state_dict(checkpoint["model"]))
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
torch.set_rng_state(checkpoint["rng"])
print(torch.equal(a, torch.rand(2)))
train(other, optimizer, scheduler, range(checkpoint["epoch"] + 1, 5))
print(all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters())))

# Tensors keep what they share.
x = torch.arange(6.0).reshape(2, 3)
torch.save([x, x[0], x.t()], root / "views.pt")
x, row, transposed = torch.load(root / "views.pt")
row.fill_(-1)
print(x, transposed, transposed.stride(), sep="\n")
large = torch.arange(1000)
torch.save(large[:5], root / "small.pt")
torch.save(large[:5].clone(), root / "clone.pt")
print(
    torch.load(root / "small.pt").storage_offset(),
    torch.load(root / "small.pt").untyped_storage().nbytes(),
)
print(torch.load(root / "clone.pt").untyped_storage().nbytes())

# Whole models, to files and to memory.
torch.save(model, root / "model.pt")
whole = torch.load(root / "model.pt", weights_only=False)
whole.eval()
print(whole)
buffer = io.BytesIO()
torch.save(model.state_dict(), buffer)
buffer.seek(0)
print(list(torch.load(buffer, map_location=torch.device("cpu")))[:3])
print(torch.load(root / "clone.pt", map_location=lambda storage, location: storage))
print(torch.load(root / "clone.pt", map_location={"cuda:0": "cpu"}, mmap=True))

# Part of a model, renamed; what fits is loaded.
state = {k.replace("fc", "head"): v for k, v in model.state_dict().items()}
torch.save(state, root / "renamed.pt")
print(Net().load_state_dict(torch.load(root / "renamed.pt"), strict=False))

# What is not plain data is refused unless it is allowed.
try:
    torch.load(root / "model.pt")
except pickle.UnpicklingError as error:
    print(str(error).splitlines()[3].strip().partition(" Please")[0])
print(torch.serialization.get_unsafe_globals_in_checkpoint(root / "checkpoint.tar"))
allowed = [Net, nn.Conv2d, nn.BatchNorm2d, nn.Linear]
with torch.serialization.safe_globals(allowed):
    print(type(torch.load(root / "model.pt")).__name__)
(root / "cut.pt").write_bytes((root / "model.pt").read_bytes()[:1000])
for name in ("cut.pt", "nothing.pt"):
    try:
        torch.load(root / name)
    except (RuntimeError, FileNotFoundError) as error:
        print(type(error).__name__)
try:
    torch.save(x, root / "no folder" / "x.pt")
except RuntimeError as error:
    print(str(error).replace(str(root), "root"))
print(sorted(os.listdir(root)))
