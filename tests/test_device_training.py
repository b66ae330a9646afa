"""Training on every kind of device: the losses are the CPU's, from the same weights and the same data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cygrad as torch
import cygrad.nn as nn
import cygrad.nn.functional as F

TOLERANCE = 1e-4


def char_rnn():
    """A GRU that predicts the next character of a text."""
    text = "the quick brown fox jumps over the lazy dog. " * 4
    letters = sorted(set(text))
    codes = torch.tensor([letters.index(c) for c in text])

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(len(letters), 12)
            self.rnn = nn.GRU(12, 24, batch_first=True)
            self.out = nn.Linear(24, len(letters))

        def forward(self, x):
            return self.out(self.rnn(self.embed(x))[0])

    def loss(net, step, device):
        at = torch.arange(4).unsqueeze(1) * 20 + torch.arange(21) + step
        window = codes[at].to(device)
        return F.cross_entropy(net(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())

    return Net(), loss


def residual_net():
    """A residual network on images of CIFAR's shape."""

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True),
                nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside),
            )  # fmt: skip
            same = inside == outside and stride == 1
            self.skip = nn.Identity() if same else nn.Conv2d(inside, outside, 1, stride, bias=False)

        def forward(self, x):
            return F.relu(self.body(x) + self.skip(x))

    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.0), nn.Linear(16, 10),
    )  # fmt: skip
    images, labels = torch.randn(24, 3, 16, 16), torch.randint(10, (24,))

    def loss(net, step, device):
        at = slice(step % 3 * 8, step % 3 * 8 + 8)
        return F.cross_entropy(net(images[at].to(device)), labels[at].to(device), label_smoothing=0.1)

    return net, loss


def transformer():
    """A causal language model of two encoder layers."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.place = nn.Embedding(11, 16), nn.Parameter(torch.randn(8, 16) * 0.1)
            layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, activation="gelu")
            self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.out = nn.Linear(16, 11)

        def forward(self, x):
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
            return self.out(self.body(self.embed(x) + self.place[: x.shape[1]], mask=mask, is_causal=True))

    words = torch.randint(11, (6, 9))

    def loss(net, step, device):
        x = words.to(device)
        return F.cross_entropy(net(x[:, :-1]).transpose(1, 2), x[:, 1:])

    return Net(), loss


def gan():
    """DCGAN's two networks; the loss is the sum of theirs."""
    net = nn.ModuleDict({
        "generator": nn.Sequential(
            nn.ConvTranspose2d(6, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False), nn.Tanh(),
        ),
        "critic": nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
        ),
    })  # fmt: skip
    noise, real = torch.randn(5, 8, 6, 1, 1), torch.rand(8, 1, 8, 8) * 2 - 1

    def loss(net, step, device):
        fake = net["generator"](noise[step % 5].to(device))
        told_real = net["critic"](real.to(device)).flatten()
        told_fake, told = net["critic"](fake.detach()).flatten(), net["critic"](fake).flatten()
        ones, zeros = torch.ones(8, device=device), torch.zeros(8, device=device)
        bce = F.binary_cross_entropy
        return bce(told_real, ones) + bce(told_fake, zeros) + bce(told, ones)

    return net, loss


def vae():
    """A variational autoencoder; the noise of the reparametrisation comes from the CPU."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(20, 16), nn.Linear(4, 16)
            self.mean, self.log_var, self.out = nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(16, 20)

        def forward(self, x, noise):
            h = torch.tanh(self.encode(x))
            mean, log_var = self.mean(h), self.log_var(h)
            z = mean + noise * torch.exp(0.5 * log_var)
            return torch.sigmoid(self.out(F.relu(self.decode(z)))), mean, log_var

    data, noise = torch.rand(12, 20), torch.randn(5, 12, 4)

    def loss(net, step, device):
        x = data.to(device)
        y, mean, log_var = net(x, noise[step % 5].to(device))
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (F.binary_cross_entropy(y, x, reduction="sum") + kl) / len(x)

    return Net(), loss


def detector():
    """A grid of boxes, objectness and classes as YOLO's: masks, indices, broadcast targets, several losses."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.SiLU(),
        nn.Upsample(scale_factor=2), nn.MaxPool2d(2), nn.Conv2d(16, 2 * (5 + 3), 1),
    )  # fmt: skip
    images = torch.rand(4, 3, 16, 16)
    centres, sizes, kinds = torch.rand(4, 2) * 4, torch.rand(4, 2) + 0.5, torch.randint(3, (4,))
    anchors = torch.tensor([[1.0, 1.0], [2.0, 0.5]])

    def loss(net, step, device):
        y = net(images.to(device)).view(4, 2, 8, 4, 4).permute(0, 1, 3, 4, 2)
        c, s, k = centres.to(device), sizes.to(device), kinds.to(device)
        cell = c.long().clamp(0, 3)
        share = torch.minimum(s.unsqueeze(1), anchors.to(device)).prod(-1)
        best = (share / (s.prod(-1, keepdim=True) + anchors.to(device).prod(-1) - share)).argmax(1)
        image = torch.arange(4, device=device)
        mine = y[image, best, cell[:, 1], cell[:, 0]]
        target = torch.zeros(y.shape[:-1], device=device)
        target[image, best, cell[:, 1], cell[:, 0]] = 1.0
        box = F.mse_loss(mine[:, :2].sigmoid(), c - cell) + F.smooth_l1_loss(
            mine[:, 2:4], (s / anchors.to(device)[best]).log()
        )
        seen = F.binary_cross_entropy_with_logits(y[..., 4], target, pos_weight=torch.tensor(3.0, device=device))
        return box + seen + F.cross_entropy(mine[:, 5:], k)

    return net, loss


def diffusion():
    """A denoising step: time embedding, group norm, attention over the pixels, a skip connection."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.time = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 8)
            self.norm, self.qkv, self.out = nn.GroupNorm(2, 8), nn.Conv2d(8, 24, 1), nn.Conv2d(16, 1, 3, padding=1)

        def forward(self, x, t):
            frequency = torch.exp(-torch.arange(4, device=x.device) * 1.5)
            angle = t.unsqueeze(1).float() * frequency
            h = self.into(x) + self.time(torch.cat([angle.sin(), angle.cos()], 1))[:, :, None, None]
            q, k, v = self.qkv(F.silu(self.norm(h))).flatten(2).transpose(1, 2).chunk(3, -1)
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(h.shape)
            return self.out(torch.cat([h, a], 1))

    images, noise = torch.rand(4, 1, 8, 8), torch.randn(5, 4, 1, 8, 8)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.2, 20), 0)

    def loss(net, step, device):
        t = ((torch.arange(4) * 5 + step) % 20).to(device)
        a = kept.to(device)[t].view(-1, 1, 1, 1)
        x, e = images.to(device), noise[step % 5].to(device)
        return F.mse_loss(net(a.sqrt() * x + (1 - a).sqrt() * e, t), e)

    return Net(), loss


MODELS = {f.__name__: f for f in (char_rnn, residual_net, transformer, gan, vae, detector, diffusion)}
OPTIMIZERS = {
    "char_rnn": lambda p: torch.optim.Adam(p, lr=1e-2),
    "residual_net": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True),
    "transformer": lambda p: torch.optim.AdamW(p, lr=3e-3),
    "gan": lambda p: torch.optim.Adam(p, lr=2e-3, betas=(0.5, 0.999)),
    "vae": lambda p: torch.optim.RMSprop(p, lr=1e-3),
    "detector": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "diffusion": lambda p: torch.optim.NAdam(p, lr=2e-3),
}


def losses(name, device, steps=8):
    torch.manual_seed(0)
    net, loss_of = MODELS[name]()
    net.to(device)
    optimizer = OPTIMIZERS[name](net.parameters())
    out = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(net, step, device)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        assert loss.device.type == torch.device(device).type
        out.append(loss.item())
    assert all(p.device.type == torch.device(device).type for p in net.parameters())
    return out


@pytest.mark.parametrize("name", MODELS)
def test_losses_are_the_cpus(name, device):
    ours, cpu = losses(name, device), losses(name, "cpu")
    assert cpu[-1] < cpu[0], cpu
    assert max(abs(a - b) for a, b in zip(ours, cpu, strict=True)) < TOLERANCE, (ours, cpu)


PROGRAM = """
import torch
from torch import nn, optim
import torch.nn.functional as F

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print("Using", device, torch.cuda.device_count())
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)
optimizer = optim.Adam(net.parameters(), lr=0.05)
x = torch.randn(32, 4).cuda(non_blocking=True)
y = (x.sum(1) > 0).long()
losses = []
for _ in range(20):
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
torch.cuda.synchronize()
print(losses[-1] < 0.7 * losses[0], loss.is_cuda, x.device, net[0].weight.grad.device)
torch.save(net.state_dict(), "net.pt")
back = torch.load("net.pt", map_location="cpu")
print(back["0.weight"].device, torch.load("net.pt")["0.weight"].device)
"""


def test_a_program_for_cuda(device, tmp_path):
    """What tutorials say runs unchanged on the device that CYGRAD_DEVICE names."""
    if device.type == "cpu":
        pytest.skip("the program wants a device")
    done = subprocess.run(
        [sys.executable, "-m", "cygrad", "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, timeout=300,
        env=os.environ | {"CYGRAD_DEVICE": "0", "PYTHONPATH": str(Path(torch.__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["Using cuda 1", "True True cuda:0 cuda:0", "cpu cuda:0"], done.stderr
