"""A line through noisy points: a loop with autograd and NumPy losses; then an optimiser."""

import numpy as np
import torch as t

t.manual_seed(1000)
device = t.device("cpu")


def get_fake_data(batch_size=8):
    """Points on y = 2 x + 3 with normal noise."""
    x = t.rand(batch_size, 1, device=device) * 5
    y = x * 2 + 3 + t.randn(batch_size, 1, device=device)
    return x, y


x, y = get_fake_data()
print(x.squeeze().cpu().numpy(), y.squeeze(), sep="\n")

w = t.rand(1, 1, requires_grad=True)
b = t.zeros(1, 1, requires_grad=True)
print(w, b)
losses = np.zeros(500)
lr = 0.02
for ii in range(500):
    x, y = get_fake_data(batch_size=4)
    y_pred = x.mm(w) + b.expand_as(y)
    loss = 0.5 * (y_pred - y) ** 2
    loss = loss.sum()
    losses[ii] = loss.item()
    loss.backward()
    w.data.sub_(lr * w.grad.data)
    b.data.sub_(lr * b.grad.data)
    w.grad.data.zero_()
    b.grad.data.zero_()
    if ii % 50 == 0:
        x = t.arange(0, 6).view(-1, 1).float()
        y = x.mm(w.data) + b.data.expand_as(x)
        print(ii, "%.3f" % losses[ii], np.round(y.numpy().ravel(), 3))
print("w: %.4f b: %.4f" % (w.item(), b.item()))
print(np.round(losses[:5], 3), losses.mean().round(3), losses.argmax())

# The gradients written out.
t.manual_seed(1000)
w, b = t.rand(1, 1), t.zeros(1, 1)
for _ in range(500):
    x, y = get_fake_data(batch_size=32)
    y_pred = x.mm(w) + b.expand_as(y)
    loss = 0.5 * (y_pred - y) ** 2
    loss = loss.mean()
    dloss = 1
    dy_pred = dloss * (y_pred - y)
    dw = x.t().mm(dy_pred)
    db = dy_pred.sum()
    w.sub_(0.001 * dw)
    b.sub_(0.001 * db)
print("w: %.4f b: %.4f loss: %.4f" % (w.item(), b.item(), loss))

t.manual_seed(7)
xs = t.linspace(0, 1, 20).unsqueeze(1)
ys = 3 * xs - 1 + 0.1 * t.randn(20, 1)
line = t.nn.Linear(1, 1)
optimizer = t.optim.SGD(line.parameters(), lr=0.5)
criterion = t.nn.MSELoss()
for epoch in range(1, 101):
    optimizer.zero_grad()
    loss = criterion(line(xs), ys)
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"Epoch [{epoch}/100], Loss: {loss.item():.5f}")
print({name: round(value.item(), 3) for name, value in line.named_parameters()})
