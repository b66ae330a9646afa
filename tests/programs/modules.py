"""Modules: nesting, printing, parameters, buffers, state, modes, hooks; layers of many kinds."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1729)


class Block(nn.Module):
    def __init__(self, width, p=0.1):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 2 * width)
        self.act = nn.GELU()
        self.narrow = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(p)
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += 1
        return x + self.drop(self.narrow(self.act(self.wide(self.norm(x)))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList([Block(8) for _ in range(2)])
        self.heads = nn.ModuleDict(
            {
                "next": nn.Linear(8, 11, bias=False),
                "flag": nn.Sequential(nn.Linear(8, 1), nn.Sigmoid()),
            }
        )
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.bag = nn.ParameterList([nn.Parameter(torch.zeros(2))])

    def forward(self, tokens, head="next"):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.heads[head](x.mean(1)) * self.scale

    def extra_repr(self):
        return "a small one"


model = Model()
print(model)
for name, p in model.named_parameters():
    print(name, tuple(p.shape), f"{p.sum().item():.4f}")
print([name for name, _ in model.named_buffers()], [name for name, _ in model.named_children()])
print([type(m).__name__ for m in model.modules()])
print(list(model.state_dict()), len(list(model.parameters())))
tokens = torch.tensor([[1, 2, 3], [4, 5, 10]])
print(model.training, model.eval().training, model.blocks[0].drop.training)
out = model(tokens)
print(out.round(decimals=3), model(tokens, head="flag"), model.blocks[1].calls, sep="\n")
model.train()
torch.manual_seed(0)
print(model(tokens)[0, :4])

other = Model()
print(other.load_state_dict(model.state_dict()))
other.eval(), model.eval()
print(torch.equal(other(tokens), model(tokens)))
state = {key: value for key, value in model.state_dict().items() if "flag" not in key}
print(other.load_state_dict(state, strict=False))
try:
    other.load_state_dict({**state, "extra": torch.ones(1), "scale": torch.ones(3)})
except RuntimeError as error:
    print(error)

for p in model.embed.parameters():
    p.requires_grad = False
loss = F.cross_entropy(model(tokens), torch.tensor([3, 7]))
loss.backward()
print(
    f"{loss.item():.4f}",
    model.embed.weight.grad,
    [name for name, p in model.named_parameters() if p.grad is None],
)
print(f"{nn.utils.clip_grad_norm_(model.parameters(), 0.1).item():.4f}")
model.zero_grad()
print(model.scale.grad)


def init(m):
    if isinstance(m, nn.Linear):
        nn.init.ones_(m.weight)


print(
    model.apply(init).heads["next"].weight[0], model.double().scale.dtype, model.float().scale.dtype
)
handle = model.blocks[0].register_forward_hook(
    lambda m, args, result: print(type(m).__name__, args[0].shape, result.shape)
)
model.blocks[1].register_forward_pre_hook(lambda m, args: print("before", type(m).__name__))
model(tokens)
handle.remove()
print(
    model.get_submodule("blocks.0.wide"),
    model.get_parameter("scale").item(),
    hasattr(model, "nothing"),
)
sequence = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
sequence.append(nn.Linear(3, 1))
sequence.add_module("last", nn.Softmax(dim=1))
print(sequence, sequence[0:2], sequence.last, [len(sequence)])

torch.manual_seed(5)
x = torch.randn(2, 4, 6)
for layer in (
    nn.RNN(6, 3, batch_first=True),
    nn.LSTM(6, 3, 2, batch_first=True),
    nn.GRU(6, 3, bidirectional=True),
):
    y, h = layer(x)
    h = h if isinstance(h, torch.Tensor) else h[0]
    print(layer, y.shape, h.shape, f"{y.sum().item():.4f} {h.sum().item():.4f}")
attention = nn.MultiheadAttention(6, 2, batch_first=True)
y, weights = attention(x, x, x)
print(y[0, 0], weights.shape, weights.sum(-1)[0].round(decimals=4))
encoder = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True).eval()
print(encoder)
print(f"{encoder(x).std().item():.4f}")

torch.manual_seed(6)
images = torch.randn(4, 3, 5, 5)
norm = nn.BatchNorm2d(3)
y = norm(images)
print(
    norm,
    norm.running_mean,
    norm.running_var,
    norm.num_batches_tracked,
    y.mean(dim=(0, 2, 3)).abs().max() < 1e-6,
)
norm.eval()
print(
    f"{norm(images).mean().item():.4f}",
    nn.GroupNorm(3, 3)(images).std(),
    nn.InstanceNorm2d(3)(images).shape,
)
