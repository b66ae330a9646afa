"""A small translator: a GRU reads, another writes, attention looks back at what was read."""

import random
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

SOS_token, EOS_token = 0, 1
MAX_LENGTH = 8
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

pairs = [
    ("je suis froid .", "i am cold ."),
    ("je suis ici .", "i am here ."),
    ("tu es grand .", "you are tall ."),
    ("tu es ici .", "you are here ."),
    ("il est froid .", "he is cold ."),
    ("il est grand et froid .", "he is tall and cold ."),
    ("elle est petite .", "she is small ."),
    ("elle est ici .", "she is here ."),
    ("nous sommes prets .", "we are ready ."),
    ("nous sommes ici .", "we are here ."),
]


class Lang:
    def __init__(self, name):
        self.name = name
        self.word2index = {}
        self.word2count = {}
        self.index2word = {0: "SOS", 1: "EOS"}
        self.n_words = 2

    def add_sentence(self, sentence):
        for word in sentence.split(" "):
            if word not in self.word2index:
                self.word2index[word] = self.n_words
                self.word2count[word] = 1
                self.index2word[self.n_words] = word
                self.n_words += 1
            else:
                self.word2count[word] += 1


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs, attentions = [], []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        decoder_outputs = F.log_softmax(decoder_outputs, dim=-1)
        return decoder_outputs, decoder_hidden, torch.cat(attentions, dim=1)

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
        return self.out(output), hidden, attn_weights


def indexes(lang, sentence):
    return [lang.word2index[word] for word in sentence.split(" ")] + [EOS_token]


french, english = Lang("fra"), Lang("eng")
for f, e in pairs:
    french.add_sentence(f)
    english.add_sentence(e)
print(french.n_words, english.n_words, english.word2count["are"])
inputs = torch.zeros(len(pairs), MAX_LENGTH, dtype=torch.int64)
targets = torch.zeros(len(pairs), MAX_LENGTH, dtype=torch.int64)
for idx, (f, e) in enumerate(pairs):
    fi, ei = indexes(french, f), indexes(english, e)
    inputs[idx, : len(fi)] = torch.tensor(fi)
    targets[idx, : len(ei)] = torch.tensor(ei)
print(inputs[:3])

torch.manual_seed(42)
random.seed(42)
train_data = TensorDataset(inputs.to(device), targets.to(device))
loader = DataLoader(train_data, sampler=RandomSampler(train_data), batch_size=4)
encoder = EncoderRNN(french.n_words, 32).to(device)
decoder = AttnDecoderRNN(32, english.n_words).to(device)
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.01)
criterion = nn.NLLLoss()
start = time.time()
for epoch in range(1, 61):
    total_loss = 0
    for input_tensor, target_tensor in loader:
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        encoder_outputs, encoder_hidden = encoder(input_tensor)
        decoder_outputs, _, _ = decoder(encoder_outputs, encoder_hidden, target_tensor)
        loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target_tensor.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        total_loss += loss.item()
    if epoch <= 3:
        print(f"epoch {epoch}: {total_loss / len(loader):.4f}")
assert time.time() >= start
print("loss below 0.05:", total_loss / len(loader) < 0.05)

encoder.eval()
decoder.eval()
with torch.no_grad():
    for f, e in pairs[:4]:
        input_tensor = torch.tensor(indexes(french, f), dtype=torch.long, device=device).view(1, -1)
        encoder_outputs, encoder_hidden = encoder(input_tensor)
        decoder_outputs, _, attn = decoder(encoder_outputs, encoder_hidden)
        _, topi = decoder_outputs.topk(1)
        words = []
        for idx in topi.squeeze():
            if idx.item() == EOS_token:
                break
            words.append(english.index2word[idx.item()])
        print(f, "->", " ".join(words), tuple(attn.shape), f"{attn[0, 0].sum().item():.3f}")
