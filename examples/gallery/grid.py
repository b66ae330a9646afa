"""grid.py: a walker on a grid learns by policy gradients to reach a corner, round a wall."""

from _program import options

import cygrad as torch
from cygrad import nn, viz

SIZE, GOAL = 6, 35
MOVES = torch.tensor([[-1, 0], [1, 0], [0, -1], [0, 1]])
WALL = torch.zeros(SIZE, SIZE, dtype=torch.bool)
WALL[1:5, 3] = True


def walk(policy, value, walkers, length, device):
    """Many walks at once: log probabilities and ratings (length, walkers), rewards, whether under way."""
    place = torch.zeros(walkers, 2, dtype=torch.int64)
    alive = torch.ones(walkers)
    chances, ratings, rewards, living = [], [], [], []
    for _ in range(length):
        index = (place[:, 0] * SIZE + place[:, 1]).to(device)
        choice = torch.distributions.Categorical(logits=policy(index))
        move = choice.sample()
        chances.append(choice.log_prob(move))
        ratings.append(value(index).flatten())
        living.append(alive)
        there = (place + MOVES[move.cpu()]).clamp(0, SIZE - 1)
        blocked = WALL[there[:, 0], there[:, 1]] | (alive == 0)
        place = torch.where(blocked[:, None], place, there)
        arrived = (place[:, 0] * SIZE + place[:, 1] == GOAL).float() * alive
        rewards.append(arrived - 0.02 * alive)
        alive = alive - arrived
    return [torch.stack(t).to(device) for t in (chances, ratings, rewards, living)]


def main(arguments=None):
    chosen = options(__doc__, arguments, 120)
    torch.manual_seed(0)
    policy, value = nn.Embedding(36, 4).to(chosen.device), nn.Embedding(36, 1).to(chosen.device)
    nn.init.zeros_(policy.weight)
    nn.init.zeros_(value.weight)
    optimizer = torch.optim.Adam([*policy.parameters(), *value.parameters()], lr=0.1)
    returns = []
    for step in range(chosen.steps):
        chances, ratings, rewards, living = walk(policy, value, 64, 24, chosen.device)
        gained = rewards.flip(0).cumsum(0).flip(0)
        advantage = (gained - ratings.detach()) * living
        loss = -(advantage * chances).mean() + ((gained - ratings) * living).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        returns.append(rewards.sum(0).mean().item())
        if step % 40 == 0:
            print(f"step {step}: return {returns[-1]:.3f}")
    viz.images(value.weight.detach().view(SIZE, SIZE), scale=32).save(chosen.picture)
    print(f"return {returns[0]:.3f} -> {returns[-1]:.3f}; {chosen.picture} is how it rates the places")
    return [-r for r in returns]


if __name__ == "__main__":
    main()
