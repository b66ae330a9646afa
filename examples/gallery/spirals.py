"""spirals.py: a network tells two spirals apart."""

import math

from _program import options

import cygrad as torch
from cygrad import nn, viz


def spirals(n):
    """Points of two spirals, (2n, 2), and which they belong to."""
    t = torch.rand(n).sqrt() * 3 * math.pi
    arm = torch.stack([t * t.cos(), t * t.sin()], 1) / 10 + 0.02 * torch.randn(n, 2)
    return torch.cat([arm, -arm]), torch.cat([torch.zeros(n), torch.ones(n)])


def main(arguments=None):
    chosen = options(__doc__, arguments, 600)
    torch.manual_seed(0)
    x, y = (t.to(chosen.device) for t in spirals(200))
    net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)).to(chosen.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    losses = []
    for step in range(chosen.steps):
        loss = nn.functional.binary_cross_entropy_with_logits(net(x).flatten(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}")
    with torch.no_grad():
        right = ((net(x).flatten() > 0) == (y > 0.5)).float().mean().item()
        side = torch.linspace(-1, 1, 120)
        places = torch.cartesian_prod(-side, side).flip(1).to(chosen.device)
        shades = net(places).sigmoid().view(120, 120)
    viz.images(shades, scale=3).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, {right:.0%} right; {chosen.picture} is the map of decisions")
    return losses


if __name__ == "__main__":
    main()
