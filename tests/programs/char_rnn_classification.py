"""Names sorted into languages by a recurrent network that reads them letter by letter."""

import random
import string
import unicodedata

import torch
import torch.nn as nn
import torch.nn.functional as F

NAMES = {
    "Italian": "Rossi Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Gallo Conti Costa".split(),
    "Polish": "Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak".split(),
    "Japanese": "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida".split(),
    "Irish": "Murphy O'Brien O'Sullivan Kelly Walsh O'Connor McCarthy Ryan Doyle Gallagher".split(),
}
LETTERS = string.ascii_letters + " .,;'" + "_"


def ascii_of(text):
    """The plain letters of a name; what is not among them becomes '_'."""
    bare = (c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(c if c in LETTERS else "_" for c in bare)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, len(LETTERS))
    for i, letter in enumerate(line):
        tensor[i][0][LETTERS.find(letter)] = 1
    return tensor


class NamesDataset(torch.utils.data.Dataset):
    def __init__(self):
        self.labels_uniq = list(NAMES)
        self.rows = [(ascii_of(n), language) for language, names in NAMES.items() for n in names]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        name, language = self.rows[i]
        return (
            torch.tensor([self.labels_uniq.index(language)], dtype=torch.long),
            line_to_tensor(name),
            language,
            name,
        )


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line):
        _, hidden = self.rnn(line)
        return self.softmax(self.h2o(hidden[0]))


class HandMadeRNN(nn.Module):
    """The same by hand: input and hidden state joined, one linear map for each result."""

    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)

    def forward(self, x, hidden):
        combined = torch.cat((x, hidden), 1)
        return F.log_softmax(self.i2o(combined), dim=1), torch.tanh(self.i2h(combined))

    def init_hidden(self):
        return torch.zeros(1, self.hidden_size)


torch.manual_seed(2024)
random.seed(7)
print("Ślusàrski ->", ascii_of("Ślusàrski"))
print(line_to_tensor("a").argmax(-1), line_to_tensor("Ahn").size())
data = NamesDataset()
train_set, test_set = torch.utils.data.random_split(
    data, [0.85, 0.15], generator=torch.Generator().manual_seed(2024)
)
print(f"train examples = {len(train_set)}, validation examples = {len(test_set)}", test_set.indices)
rnn = CharRNN(len(LETTERS), 64, len(data.labels_uniq))
print(rnn)
output = rnn(line_to_tensor("Albert"))
print(output)
top_n, top_i = output.topk(1)
print(data.labels_uniq[top_i[0].item()], top_i[0].item())

criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.15)
rnn.train()
for epoch in range(1, 31):
    rnn.zero_grad()
    batches = list(range(len(train_set)))
    random.shuffle(batches)
    total = 0.0
    for start in range(0, len(batches), 8):
        batch_loss = 0
        batch = batches[start : start + 8]
        for i in batch:
            label, text, _, _ = train_set[i]
            batch_loss += criterion(rnn.forward(text), label)
        batch_loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 3)
        optimizer.step()
        optimizer.zero_grad()
        total += batch_loss.item() / len(batch)
    if epoch in (1, 2, 3):
        print(f"{epoch}: average batch loss = {total / 5:.4f}")
print("last loss below 0.7:", total / 5 < 0.7)

rnn.eval()
confusion = torch.zeros(4, 4)
with torch.no_grad():
    for label, text, _, _ in data:
        confusion[label.item()][rnn(text).argmax().item()] += 1
for i in range(4):
    denom = confusion[i].sum()
    if denom > 0:
        confusion[i] = confusion[i] / denom
print("more than three in four of each on the diagonal:", bool((confusion.diag() > 0.75).all()))
print("rows sum to", confusion.sum(1))

torch.manual_seed(5)
hand = HandMadeRNN(len(LETTERS), 32, 4)
for step in range(3):
    hidden = hand.init_hidden()
    hand.zero_grad()
    line = line_to_tensor("Suzuki")
    for i in range(line.size()[0]):
        output, hidden = hand(line[i], hidden)
    loss = criterion(output, torch.tensor([2]))
    loss.backward()
    for p in hand.parameters():
        p.data.add_(p.grad.data, alpha=-0.05)
    print(f"by hand {step}: {loss.item():.4f} {hidden.norm().item():.4f}")
