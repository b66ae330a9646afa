"""autoencoder.py: images of blobs pass through a middle of four numbers."""

from _program import options

import cygrad as torch
from cygrad import nn, viz


def blobs(n, size=12):
    """Images (n, size * size) of a bright blob each, of any place and width."""
    centre, width = torch.rand(n, 2, 1, 1) * size, torch.rand(n, 1, 1) * 3 + 1.5
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    return torch.exp(-((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) / width**2).flatten(1)


def main(arguments=None):
    chosen = options(__doc__, arguments, 400)
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(144, 64), nn.GELU(), nn.Linear(64, 4))
    decoder = nn.Sequential(nn.Linear(4, 64), nn.GELU(), nn.Linear(64, 144))
    net = nn.Sequential(encoder, decoder).to(chosen.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.005)
    losses = []
    for step in range(chosen.steps):
        x = blobs(64).to(chosen.device)
        loss = nn.functional.mse_loss(net(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.5f}")
    with torch.no_grad():
        x = blobs(8).to(chosen.device)
        both = torch.cat([x, net(x)]).view(16, 12, 12)
    viz.images(both, columns=8).save(chosen.picture)
    print(f"loss {losses[0]:.5f} -> {losses[-1]:.5f}; {chosen.picture} has images before and after")
    return losses


if __name__ == "__main__":
    main()
