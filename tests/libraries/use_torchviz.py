"""torchviz: the graph of an MLP and of a few operators, as dot; the ids of objects become their order."""

import re

import torch
from torch import nn
from torchviz import make_dot


def show(output, **options):
    ids = {}
    dot = make_dot(output, **options).source
    print(re.sub(r"\b\d{9,}\b", lambda found: f"n{ids.setdefault(found.group(), len(ids))}", dot))


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.LogSoftmax(dim=1))
x = torch.ones(3, 4, requires_grad=True)
loss = nn.functional.nll_loss(net(x), torch.tensor([0, 1, 0]))
show(loss, params=dict(net.named_parameters()) | {"x": x})
show(net(torch.ones(2, 3, 4)).sum(), params=dict(net.named_parameters()))

a = torch.ones(2, requires_grad=True)
show((a * a).sum(), params={"a": a})
show((a * 3).view(1, 2).exp().t())
