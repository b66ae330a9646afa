"""Seeded draws of every kind, generators, and the initialisers and layers that use them."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1729)
print(
    torch.rand(3),
    torch.randn(3),
    torch.rand(2, dtype=torch.float64),
    torch.randn(2, dtype=torch.float64),
    sep="\n",
)
print(torch.randn(4, 5), torch.randn(17), torch.randn(33)[-4:], sep="\n")
print(
    torch.randint(10, (8,)),
    torch.randint(-5, 5, (2, 3)),
    torch.randint(0, 2**40, (3,)),
    torch.randperm(10),
    sep="\n",
)
print(
    torch.bernoulli(torch.full((8,), 0.3)),
    torch.empty(5).bernoulli_(0.5),
    torch.rand(4) < 0.5,
    sep="\n",
)
print(
    torch.normal(2.0, 0.5, (3,)),
    torch.normal(torch.arange(3.0), torch.ones(3)),
    torch.normal(torch.zeros(2)),
    sep="\n",
)
print(
    torch.empty(3).uniform_(-1, 1),
    torch.empty(3).normal_(1, 2),
    torch.empty(3).exponential_(),
    torch.empty(4).random_(5),
    sep="\n",
)
print(
    torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 6, replacement=True),
    torch.multinomial(torch.ones(5), 3),
    sep="\n",
)
print(
    torch.rand_like(torch.zeros(2, 2)),
    torch.randn_like(torch.zeros(3)),
    torch.randint_like(torch.zeros(3), 9),
    sep="\n",
)
print(
    torch.empty(3).log_normal_(), torch.empty(3).cauchy_(), torch.empty(3).geometric_(0.4), sep="\n"
)
print(torch.poisson(torch.tensor([1.0, 4.0, 9.0])))

g = torch.Generator()
g.manual_seed(7)
print(
    torch.rand(2, generator=g),
    torch.randperm(5, generator=g),
    torch.randint(3, (4,), generator=g),
    g.initial_seed(),
)
state = torch.get_rng_state()
first = torch.rand(2)
torch.set_rng_state(state)
print(torch.equal(first, torch.rand(2)), state.dtype, state.shape, torch.initial_seed())
with torch.random.fork_rng():
    torch.manual_seed(0)
    print(torch.rand(2))
print(torch.rand(2))

torch.manual_seed(0)
layers = {
    "linear": nn.Linear(3, 2),
    "conv": nn.Conv2d(1, 1, 2),
    "transposed": nn.ConvTranspose1d(1, 2, 2),
    "embedding": nn.Embedding(3, 2, padding_idx=0),
    "rnn": nn.RNN(2, 1),
    "lstm": nn.LSTM(1, 1),
    "norm": nn.LayerNorm(2),
    "bilinear": nn.Bilinear(1, 2, 1),
    "attention": nn.MultiheadAttention(2, 1),
}
for title, layer in layers.items():
    print(
        title,
        {name: [round(v, 4) for v in p.flatten().tolist()] for name, p in layer.named_parameters()},
    )
w = torch.empty(2, 3)
for name, arguments in {
    "uniform_": (-1, 1),
    "normal_": (0, 0.1),
    "constant_": (0.3,),
    "xavier_uniform_": (),
    "xavier_normal_": (),
    "kaiming_uniform_": (),
    "kaiming_normal_": (),
    "trunc_normal_": (),
    "sparse_": (0.5,),
    "eye_": (),
    "ones_": (),
}.items():
    print(name, getattr(nn.init, name)(w, *arguments))

x = torch.ones(2, 6)
print(F.dropout(x, 0.5), F.dropout(x, 0.3, training=False), nn.Dropout(0.2)(x), sep="\n")
print(
    F.dropout2d(torch.ones(1, 4, 1, 2), 0.5),
    F.alpha_dropout(torch.ones(4), 0.5),
    F.rrelu(-torch.ones(3), training=True),
    sep="\n",
)
print(F.gumbel_softmax(torch.zeros(1, 3)), F.gumbel_softmax(torch.zeros(2, 3), hard=True), sep="\n")
print(torch.rand(3))
