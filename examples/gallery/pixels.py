"""pixels.py: gradient descent on the pixels of an image removes noise: close to the image, and with few edges."""

from _program import options

import cygrad as torch
from cygrad import viz


def main(arguments=None):
    chosen = options(__doc__, arguments, 150)
    torch.manual_seed(0)
    clean = torch.zeros(64, 64)
    clean[12:40, 10:30], clean[30:56, 34:58] = 1.0, 0.6
    noisy = (clean + 0.25 * torch.randn(64, 64)).to(chosen.device)
    image = noisy.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.02)
    losses = []
    for step in range(chosen.steps):
        edges = (image.diff(dim=0) ** 2 + 1e-4).sqrt().mean() + (image.diff(dim=1) ** 2 + 1e-4).sqrt().mean()
        loss = (image - noisy).square().mean() + 0.25 * edges
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}")
    before, after = ((x.detach().cpu() - clean).square().mean().sqrt().item() for x in (noisy, image))
    viz.images(torch.stack([clean, noisy.cpu(), image.detach().cpu()]), columns=3, scale=3).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, error {before:.3f} -> {after:.3f}; see {chosen.picture}")
    return losses


if __name__ == "__main__":
    main()
