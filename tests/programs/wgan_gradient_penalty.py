"""A Wasserstein GAN whose critic is held to slopes of one: gradients of gradients."""

import torch
import torch.nn as nn
from torch import autograd

torch.manual_seed(77)
BATCH, LATENT, LAMBDA = 32, 4, 10.0


def real_points(n):
    """Points near eight places on a circle."""
    place = torch.randint(8, (n,)) * (2 * torch.pi / 8)
    return torch.stack([place.cos(), place.sin()], dim=1) * 2 + torch.randn(n, 2) * 0.05


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, 32), nn.LeakyReLU(0.1), nn.Linear(32, 32), nn.Softplus(), nn.Linear(32, 1)
        )

    def forward(self, x):
        return self.net(x).view(-1)


generator = nn.Sequential(
    nn.Linear(LATENT, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 2)
)
critic = Critic()


def gradient_penalty(critic, real, fake):
    alpha = torch.rand(real.size(0), 1).expand_as(real)
    mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(mixed)
    gradients = autograd.grad(
        outputs=scores,
        inputs=mixed,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


optim_g = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
optim_c = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
for iteration in range(40):
    for p in critic.parameters():
        p.requires_grad = True
    for _ in range(3):
        real = real_points(BATCH)
        with torch.no_grad():
            noise = torch.randn(BATCH, LATENT)
            fake = generator(noise)
        critic.zero_grad()
        penalty = gradient_penalty(critic, real, fake.data)
        c_real, c_fake = critic(real).mean(), critic(fake).mean()
        cost = c_fake - c_real + penalty
        cost.backward()
        optim_c.step()
    for p in critic.parameters():
        p.requires_grad = False
    generator.zero_grad()
    g_cost = -critic(generator(torch.randn(BATCH, LATENT))).mean()
    g_cost.backward()
    optim_g.step()
    if iteration < 3 or iteration == 9:
        print(
            f"{iteration}: critic {cost.item():.3f} penalty {penalty.item():.3f} "
            f"distance {(c_real - c_fake).item():.4f} generator {g_cost.item():.4f}"
        )
print([p.grad is None for p in critic.parameters()][:2], generator[0].weight.grad.shape)

# The same penalty through a convolutional critic with normalisation by layer and instance.
torch.manual_seed(5)
critic2 = nn.Sequential(
    nn.Conv2d(1, 4, 3, stride=2, padding=1),
    nn.InstanceNorm2d(4, affine=True),
    nn.LeakyReLU(0.2),
    nn.Conv2d(4, 8, 3, stride=2, padding=1),
    nn.GroupNorm(2, 8),
    nn.Tanh(),
    nn.AvgPool2d(2),
    nn.Flatten(),
    nn.LayerNorm(8),
    nn.Linear(8, 1),
)
images = torch.randn(4, 1, 8, 8, requires_grad=True)
(slope,) = autograd.grad(critic2(images).sum(), images, create_graph=True)
penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
penalty.backward()
print(f"{penalty.item():.4f}")
for name, p in critic2.named_parameters():
    if p.grad is not None:
        print(name, f"{p.grad.norm().item():.4f}")
normed = nn.utils.spectral_norm(nn.Linear(6, 3))
print(
    normed(torch.ones(1, 6)), sorted(n for n, _ in normed.named_parameters()), normed.weight_u.shape
)
