"""shapes.py: images in colour: disks, squares and crosses, with augmentation, batch normalisation and a schedule."""

from _program import options

import cygrad as torch
from cygrad import nn, viz


def batch(n, size=16):
    """Images (n, 3, size, size) and whether they show a disk, a square or a cross."""
    labels = torch.randint(0, 3, (n,))
    centre = torch.rand(n, 2, 1, 1) * 6 + 5
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    dy, dx = (y - centre[:, 0]).abs(), (x - centre[:, 1]).abs()
    disk, square = dy.square() + dx.square() < 18, torch.maximum(dy, dx) < 4
    cross = (torch.minimum(dy, dx) < 1.5) & square
    masks = torch.stack([disk, square, cross])[labels, torch.arange(n)]
    colour = 0.5 + 0.5 * torch.rand(n, 3, 1, 1)
    return torch.where(masks[:, None], colour, torch.zeros(())) + 0.1 * torch.randn(n, 3, size, size), labels


def augmented(images):
    """Some turned from left to right."""
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(3))


def main(arguments=None):
    chosen = options(__doc__, arguments, 120)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(128, 3),
    ).to(chosen.device)  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, chosen.steps)
    losses = []
    for step in range(chosen.steps):
        images, labels = batch(32)
        loss = nn.functional.cross_entropy(net(augmented(images).to(chosen.device)), labels.to(chosen.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 40 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}, learning rate {schedule.get_last_lr()[0]:.3f}")
    net.eval()
    images, labels = batch(200)
    with torch.no_grad():
        right = (net(images.to(chosen.device)).argmax(1).cpu() == labels).float().mean().item()
    viz.images(images[:24], columns=8, scale=3).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, {right:.0%} right; {chosen.picture} has images")
    return losses


if __name__ == "__main__":
    main()
