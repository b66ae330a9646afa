"""The two-layer network as a Sequential, stepped by hand and by the optimisers of torch.optim."""

from collections import OrderedDict

import torch
import torch.nn as nn

batch_n, hidden_layer, input_data, output_data = 64, 50, 200, 10


def build():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(input_data, hidden_layer),
        nn.ReLU(),
        nn.Linear(hidden_layer, output_data),
    )


torch.manual_seed(1)
x = torch.randn(batch_n, input_data)
y = torch.randn(batch_n, output_data)
model = build()
print(model)
print(model[0], model[-1].weight.shape, len(model))
print(nn.Sequential(OrderedDict([("first", nn.Linear(4, 3)), ("act", nn.Tanh())])))

loss_fn = nn.MSELoss(reduction="sum")
for epoch in range(30):
    loss = loss_fn(model(x), y)
    if epoch % 5 == 0:
        print("Epoch:{}, Loss:{:.2f}".format(epoch, loss.item()))
    model.zero_grad()
    loss.backward()
    for param in model.parameters():
        param.data -= param.grad.data * 1e-4
print("by hand: {:.2f}".format(loss.item()))

choices = {
    "SGD": lambda p: torch.optim.SGD(p, lr=1e-4),
    "SGD momentum": lambda p: torch.optim.SGD(p, lr=1e-4, momentum=0.9),
    "SGD nesterov": lambda p: torch.optim.SGD(
        p, lr=1e-4, momentum=0.9, nesterov=True, weight_decay=1e-3
    ),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=1e-3),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-3),
}
for name, make in choices.items():
    model = build()
    optimizer = make(model.parameters())
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("{:14s} {:.4f} {:.4f} {:.4f}".format(name, losses[0], losses[9], losses[19]))

optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
print(optimizer)
print(
    torch.optim.Adam(
        [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}], lr=0.1
    )
)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
for _ in range(7):
    optimizer.step()
    print(["%.6g" % rate for rate in scheduler.get_last_lr()], end=" ")
    scheduler.step()
print()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
for _ in range(5):
    optimizer.step()
    print("%.6f" % optimizer.param_groups[0]["lr"], end=" ")
    cosine.step()
print()


def closure():
    lbfgs.zero_grad()
    value = (weights[0] - 1) ** 2 + 100 * (weights[1] - weights[0] ** 2) ** 2
    value.backward()
    return value


weights = torch.tensor([-1.0, 1.5], requires_grad=True)
lbfgs = torch.optim.LBFGS([weights], lr=0.5, max_iter=40)
for _ in range(10):
    lbfgs.step(closure)
print(weights.detach().round(decimals=2))
