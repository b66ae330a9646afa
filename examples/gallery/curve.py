"""curve.py: a network of one hidden layer fits a noisy curve."""

from _program import options

import cygrad as torch
from cygrad import nn, viz


def main(arguments=None):
    chosen = options(__doc__, arguments, 400)
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 60)[:, None]
    y = torch.sin(4 * x) + 0.1 * torch.randn(60, 1)
    net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1)).to(chosen.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    inputs, wanted, losses = x.to(chosen.device), y.to(chosen.device), []
    for step in range(chosen.steps):
        loss = nn.functional.mse_loss(net(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}")

    canvas = torch.zeros(80, 120)
    across = torch.linspace(-1, 1, 120)[:, None]
    with torch.no_grad():
        fit = net(across.to(chosen.device)).cpu()
    for points, heights, shade in ((x, y, 0.5), (across, fit, 1.0)):
        rows = ((1.5 - heights) / 3 * 79).round().long().clamp(0, 79)
        columns = ((points + 1) / 2 * 119).round().long()
        canvas[rows.flatten(), columns.flatten()] = shade
    viz.images(canvas, scale=4).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}; {chosen.picture} has the points and the fit")
    return losses


if __name__ == "__main__":
    main()
