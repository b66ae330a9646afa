"""attention.py: one layer of attention learns to turn sequences round."""

from _program import options

import cygrad as torch
from cygrad import nn, viz

LENGTH, SYMBOLS, WIDTH = 8, 10, 32


class Turner(nn.Module):
    """Scores (N, L, symbols) of the reversed sequence, and where each position looked."""

    def __init__(self):
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, WIDTH)
        self.places = nn.Parameter(torch.randn(LENGTH, WIDTH))
        self.questions = nn.Parameter(torch.randn(LENGTH, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.out = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, x):
        values = self.symbols(x)
        asked = self.questions.expand(len(x), -1, -1)
        seen, weights = self.attention(asked, values + self.places, values)
        return self.out(seen), weights


def main(arguments=None):
    chosen = options(__doc__, arguments, 300)
    torch.manual_seed(0)
    net = Turner().to(chosen.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for step in range(chosen.steps):
        x = torch.randint(0, SYMBOLS, (64, LENGTH)).to(chosen.device)
        scores, weights = net(x)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), x.flip(1).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {losses[-1]:.4f}")
    viz.images(weights.mean(0), scale=24).save(chosen.picture)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}; {chosen.picture} is where each position looks")
    return losses


if __name__ == "__main__":
    main()
