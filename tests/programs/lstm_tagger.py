"""Parts of speech by an LSTM; then the best path of tags, as a conditional random field finds it."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
lstm = nn.LSTM(3, 3)
inputs = [torch.randn(1, 3) for _ in range(5)]
hidden = (torch.randn(1, 1, 3), torch.randn(1, 1, 3))
for i in inputs:
    out, hidden = lstm(i.view(1, 1, -1), hidden)
inputs = torch.cat(inputs).view(len(inputs), 1, -1)
hidden = (torch.randn(1, 1, 3), torch.randn(1, 1, 3))
out, hidden = lstm(inputs, hidden)
print(out.detach())
print([h.detach() for h in hidden])

training_data = [
    ("A child reads the long book".split(), ["DET", "NN", "V", "DET", "ADJ", "NN"]),
    ("Every bird sings".split(), ["DET", "NN", "V"]),
    ("The old man reads a book".split(), ["DET", "ADJ", "NN", "V", "DET", "NN"]),
]
word_to_ix = {}
for sent, _ in training_data:
    for word in sent:
        if word not in word_to_ix:
            word_to_ix[word] = len(word_to_ix)
tag_to_ix = {"DET": 0, "NN": 1, "V": 2, "ADJ": 3}
print(word_to_ix)


def prepare_sequence(seq, to_ix):
    return torch.tensor([to_ix[w] for w in seq], dtype=torch.long)


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        return F.log_softmax(tag_space, dim=1)


model = LSTMTagger(6, 6, len(word_to_ix), len(tag_to_ix))
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
with torch.no_grad():
    print(model(prepare_sequence(training_data[0][0], word_to_ix)))
for epoch in range(200):
    for sentence, tags in training_data:
        model.zero_grad()
        tag_scores = model(prepare_sequence(sentence, word_to_ix))
        loss = loss_function(tag_scores, prepare_sequence(tags, tag_to_ix))
        loss.backward()
        optimizer.step()
    if epoch < 3:
        print(f"epoch {epoch}: {loss.item():.4f}")
with torch.no_grad():
    names = list(tag_to_ix)
    for sentence, tags in training_data:
        best = model(prepare_sequence(sentence, word_to_ix)).argmax(1)
        print([names[i] for i in best], tags == [names[i] for i in best])

# Sentences of several lengths in one packed batch, read in both directions.
torch.manual_seed(4)
both = nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True)
sentences = [prepare_sequence(s, word_to_ix) for s, _ in training_data]
lengths = torch.tensor([len(s) for s in sentences])
padded = nn.utils.rnn.pad_sequence(sentences, batch_first=True)
packed = nn.utils.rnn.pack_padded_sequence(
    model.word_embeddings(padded), lengths, batch_first=True, enforce_sorted=False
)
print(packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices, packed.data.shape)
output, (h, c) = both(packed)
output, out_lengths = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
print(
    output.shape,
    out_lengths,
    f"{output.sum().item():.4f} {h.sum().item():.4f} {c.sum().item():.4f}",
)
output.pow(2).sum().backward()
print(
    f"{both.weight_hh_l1_reverse.grad.norm().item():.4f} {model.word_embeddings.weight.grad.norm().item():.4f}"
)


# Viterbi over emissions and transitions; the forward algorithm gives the partition function.
def log_partition(emissions, transitions):
    alpha = emissions[0]
    for e in emissions[1:]:
        alpha = torch.logsumexp(alpha.unsqueeze(1) + transitions, dim=0) + e
    return torch.logsumexp(alpha, dim=0)


def viterbi(emissions, transitions):
    score, back = emissions[0], []
    for e in emissions[1:]:
        best, pointer = (score.unsqueeze(1) + transitions).max(0)
        back.append(pointer)
        score = best + e
    path = [score.argmax().item()]
    for pointer in reversed(back):
        path.append(pointer[path[-1]].item())
    return score.max(), path[::-1]


transitions = nn.Parameter(torch.randn(4, 4))
optimizer = optim.SGD(
    [{"params": model.parameters(), "lr": 0.05}, {"params": [transitions]}], lr=0.1
)
sentence, tags = training_data[2]
targets = prepare_sequence(tags, tag_to_ix)
for step in range(4):
    optimizer.zero_grad()
    emissions = model(prepare_sequence(sentence, word_to_ix))
    gold = (
        emissions.gather(1, targets.unsqueeze(1)).sum()
        + transitions[targets[:-1], targets[1:]].sum()
    )
    loss = log_partition(emissions, transitions) - gold
    loss.backward()
    optimizer.step()
    print(f"crf {step}: {loss.item():.3f}")
with torch.no_grad():
    score, path = viterbi(model(prepare_sequence(sentence, word_to_ix)), transitions)
print([names[i] for i in path], bool(score <= log_partition(emissions, transitions) + 1))
