"""digits.py: a convolutional network reads seven-segment digits, shifted and with noise."""

from _program import options

import cygrad as torch
from cygrad import nn, viz

SEGMENTS = "abcdef bc abdeg abcdg bcfg acdfg acdefg abc abcdefg abcdfg".split()
PLACES = {
    "a": (slice(0, 1), slice(0, 5)), "b": (slice(0, 5), slice(4, 5)), "c": (slice(4, 9), slice(4, 5)),
    "d": (slice(8, 9), slice(0, 5)), "e": (slice(4, 9), slice(0, 1)), "f": (slice(0, 5), slice(0, 1)),
    "g": (slice(4, 5), slice(0, 5)),
}  # fmt: skip


def glyphs():
    """The ten digits as images (10, 9, 5)."""
    images = torch.zeros(10, 9, 5)
    for digit, segments in enumerate(SEGMENTS):
        for segment in segments:
            images[(digit, *PLACES[segment])] = 1
    return images


def batch(n, shapes):
    """Images (n, 1, 14, 10) and their digits."""
    labels = torch.randint(0, 10, (n,))
    images = torch.zeros(n, 1, 14, 10)
    for i, (label, top, left) in enumerate(zip(labels, torch.randint(0, 6, (n,)), torch.randint(0, 6, (n,)))):
        images[i, 0, top : top + 9, left : left + 5] = shapes[label]
    return images + 0.3 * torch.randn_like(images), labels


def main(arguments=None):
    chosen = options(__doc__, arguments, 250)
    torch.manual_seed(0)
    shapes = glyphs()
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 7 * 5, 10),
    ).to(chosen.device)  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    losses = []
    for step in range(chosen.steps):
        x, y = (t.to(chosen.device) for t in batch(64, shapes))
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}")
    with torch.no_grad():
        x, y = (t.to(chosen.device) for t in batch(200, shapes))
        right = (net(x).argmax(1) == y).float().mean().item()
    viz.images(net[0].weight, columns=8).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, {right:.0%} right; {chosen.picture} has the filters")
    return losses


if __name__ == "__main__":
    main()
