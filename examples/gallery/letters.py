"""letters.py: an LSTM learns the licence's text letter by letter, and writes some of its own."""

from pathlib import Path

from _program import options

import cygrad as torch
from cygrad import nn, viz

TEXT = Path(__file__).parents[2] / "LICENSE"


class Letters(nn.Module):
    """Scores of the next letter, for sequences (N, L) of letters' numbers."""

    def __init__(self, letters):
        super().__init__()
        self.embedding = nn.Embedding(letters, 16)
        self.lstm = nn.LSTM(16, 64, batch_first=True)
        self.out = nn.Linear(64, letters)

    def forward(self, x, state=None):
        x, state = self.lstm(self.embedding(x), state)
        return self.out(x), state


def main(arguments=None):
    chosen = options(__doc__, arguments, 200)
    torch.manual_seed(0)
    text = TEXT.read_text()
    letters = sorted(set(text))
    data = torch.tensor([letters.index(letter) for letter in text])
    net = Letters(len(letters)).to(chosen.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for step in range(chosen.steps):
        starts = torch.randint(0, len(data) - 33, (16,))
        pieces = torch.stack([data[s : s + 33] for s in starts]).to(chosen.device)
        scores, _ = net(pieces[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), pieces[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step}: loss {losses[-1]:.3f}")
    letter, state, written, expected = data[:1].to(chosen.device)[None], None, [], []
    with torch.no_grad():
        for _ in range(60):
            scores, state = net(letter, state)
            probabilities = scores[0, -1].softmax(0)
            expected.append(probabilities.cpu())
            letter = torch.multinomial(probabilities, 1)[None]
            written.append(letters[letter.item()])
    print("".join(written).replace("\n", " "))
    viz.images(torch.stack(expected, 1), scale=8).save(chosen.picture)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; {chosen.picture} has the probabilities of letters, step by step")
    return losses


if __name__ == "__main__":
    main()
