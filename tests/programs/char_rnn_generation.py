"""Names written letter by letter: a network that sees the language, the last letter and its own state."""

import random
import string

import torch
import torch.nn as nn

all_letters = string.ascii_letters + " .,;'-"
n_letters = len(all_letters) + 1  # and the end
lines_of = {
    "Dutch": [
        "Jansen",
        "Bakker",
        "Visser",
        "Smit",
        "Meijer",
        "Mulder",
        "Bos",
        "Vos",
        "Peters",
        "Dekker",
    ],
    "Greek": [
        "Pappas",
        "Nikolaidis",
        "Vlahos",
        "Demas",
        "Kokinos",
        "Laskaris",
        "Manos",
        "Stamatas",
    ],
    "Scots": [
        "Smith",
        "Brown",
        "Wilson",
        "Campbell",
        "Stewart",
        "Thomson",
        "Young",
        "Watson",
        "Reid",
    ],
}
categories = list(lines_of)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(len(categories) + input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(len(categories) + input_size + hidden_size, output_size)
        self.o2o = nn.Linear(hidden_size + output_size, output_size)
        self.dropout = nn.Dropout(0.1)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, category, input, hidden):
        input_combined = torch.cat((category, input, hidden), 1)
        hidden = self.i2h(input_combined)
        output = self.i2o(input_combined)
        output_combined = torch.cat((hidden, output), 1)
        output = self.dropout(self.o2o(output_combined))
        return self.softmax(output), hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


def category_tensor(category):
    tensor = torch.zeros(1, len(categories))
    tensor[0][categories.index(category)] = 1
    return tensor


def input_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li in range(len(line)):
        tensor[li][0][all_letters.find(line[li])] = 1
    return tensor


def target_tensor(line):
    indexes = [all_letters.find(letter) for letter in line[1:]]
    indexes.append(n_letters - 1)
    return torch.LongTensor(indexes)


criterion = nn.NLLLoss()
learning_rate = 0.0005


def train(rnn, category, line):
    target = target_tensor(line).unsqueeze_(-1)
    hidden = rnn.initHidden()
    rnn.zero_grad()
    loss = torch.Tensor([0])
    letters = input_tensor(line)
    for i in range(letters.size(0)):
        output, hidden = rnn(category_tensor(category), letters[i], hidden)
        loss += criterion(output, target[i])
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item() / letters.size(0)


def sample(rnn, category, start_letter="A", max_length=20):
    with torch.no_grad():
        letter = input_tensor(start_letter)
        hidden = rnn.initHidden()
        name = start_letter
        for _ in range(max_length):
            output, hidden = rnn(category_tensor(category), letter[0], hidden)
            topv, topi = output.topk(1)
            topi = topi[0][0]
            if topi == n_letters - 1:
                break
            name += all_letters[topi]
            letter = input_tensor(all_letters[topi])
        return name


torch.manual_seed(11)
random.seed(3)
rnn = RNN(n_letters, 128, n_letters)
print(sum(p.numel() for p in rnn.parameters() if p.requires_grad), rnn.i2h.weight.shape)
print(target_tensor("Bos"), input_tensor("Bos").nonzero())
total_loss = 0
for it in range(1, 61):
    category = random.choice(categories)
    output, loss = train(rnn, category, random.choice(lines_of[category]))
    total_loss += loss
    if it % 20 == 0:
        print("(%d %d%%) %.4f" % (it, it / 60 * 100, loss))
print(f"mean {total_loss / 60:.4f}, output sums to {output.exp().sum():.4f}")
rnn.eval()
print([sample(rnn, "Dutch", c, 5) for c in "BD"])


# The same task batched: an LSTM over padded lines, sampled with a temperature.
class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(n_letters + 1, 16, padding_idx=n_letters)
        self.lstm = nn.LSTM(16, 32, num_layers=2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(32, n_letters)

    def forward(self, x, state=None):
        x, state = self.lstm(self.embed(x), state)
        return self.head(x), state


torch.manual_seed(12)
writer = Writer()
lines = lines_of["Scots"]
ids = [torch.tensor([all_letters.index(c) for c in line]) for line in lines]
x = nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=n_letters)
y = nn.utils.rnn.pad_sequence(
    [target_tensor(n) for n in lines], batch_first=True, padding_value=-100
)
optimizer = torch.optim.Adam(writer.parameters(), lr=0.01)
for step in range(5):
    optimizer.zero_grad()
    logits, _ = writer(x)
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), y)
    loss.backward()
    optimizer.step()
    print(f"step {step}: {loss.item():.4f}")
writer.eval()
torch.manual_seed(0)
letter, state, name = torch.tensor([[all_letters.index("B")]]), None, "B"
with torch.no_grad():
    for _ in range(8):
        logits, state = writer(letter, state)
        p = torch.softmax(logits[0, -1] / 0.8, dim=0)
        letter = torch.multinomial(p, 1).view(1, 1)
        name += (all_letters + "$")[letter.item()]
print(name, tuple(s.shape for s in state))
