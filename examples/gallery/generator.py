"""generator.py: a generator learns to make points of a ring from noise, against a critic of them."""

import math

from _program import options

import cygrad as torch
from cygrad import nn, viz


def ring(n):
    angle = torch.rand(n) * 2 * math.pi
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def distance(points):
    """How far points lie from the ring, on average."""
    return (points.norm(dim=1) - 1).abs().mean().item()


def main(arguments=None):
    chosen = options(__doc__, arguments, 500)
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    generator, critic = generator.to(chosen.device), critic.to(chosen.device)
    makes = torch.optim.Adam(generator.parameters(), lr=0.002, betas=(0.5, 0.999))
    judges = torch.optim.Adam(critic.parameters(), lr=0.002, betas=(0.5, 0.999))
    softplus, distances = nn.functional.softplus, []
    for step in range(chosen.steps):
        true, noise = ring(128).to(chosen.device), torch.randn(128, 4).to(chosen.device)
        made = generator(noise)
        loss = softplus(-critic(true)).mean() + softplus(critic(made.detach())).mean()
        judges.zero_grad()
        loss.backward()
        judges.step()
        makes.zero_grad()
        softplus(-critic(made)).mean().backward()
        makes.step()
        distances.append(distance(made.detach()))
        if step % 100 == 0:
            print(f"step {step}: distance from the ring {distances[-1]:.3f}")
    with torch.no_grad():
        points = generator(torch.randn(4000, 4).to(chosen.device)).cpu()
    places = ((points + 1.5) / 3 * 60).long().clamp(0, 59)
    density = torch.zeros(60, 60).index_put_((places[:, 1], places[:, 0]), torch.ones(4000), accumulate=True)
    viz.images(density.sqrt(), scale=5).save(chosen.picture)
    print(f"distance {distances[0]:.3f} -> {distances[-1]:.3f}; {chosen.picture} is where its points lie")
    return distances


if __name__ == "__main__":
    main()
