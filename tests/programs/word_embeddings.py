"""Word embeddings: an n-gram model, CBOW and skip-grams with negative samples."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
word_to_ix = {"hello": 0, "world": 1}
embeds = nn.Embedding(2, 5)
lookup_tensor = torch.tensor([word_to_ix["hello"]], dtype=torch.long)
print(embeds(lookup_tensor))

CONTEXT_SIZE = 2
EMBEDDING_DIM = 10
text = """A quick stream runs down a stony hill and past the mill
it turns the wheel that grinds the corn from every day till early morn
the miller sings and counts his sacks and sleeps beside the railway tracks""".split()
ngrams = [
    ([text[i - j - 1] for j in range(CONTEXT_SIZE)], text[i])
    for i in range(CONTEXT_SIZE, len(text))
]
print(ngrams[:3])
vocab = sorted(set(text))
word_to_ix = {word: i for i, word in enumerate(vocab)}


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 128)
        self.linear2 = nn.Linear(128, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        out = self.linear2(out)
        return F.log_softmax(out, dim=1)


losses = []
loss_function = nn.NLLLoss()
model = NGramLanguageModeler(len(vocab), EMBEDDING_DIM, CONTEXT_SIZE)
optimizer = optim.SGD(model.parameters(), lr=0.001)
for epoch in range(10):
    total_loss = 0
    for context, target in ngrams:
        context_idxs = torch.tensor([word_to_ix[w] for w in context], dtype=torch.long)
        model.zero_grad()
        log_probs = model(context_idxs)
        loss = loss_function(log_probs, torch.tensor([word_to_ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(round(total_loss, 2))
print(losses)
print(model.embeddings.weight[word_to_ix["mill"]])


class CBOW(nn.Module):
    def __init__(self, vocab_size, embedding_dim):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab_size, embedding_dim, mode="sum")
        self.out = nn.Linear(embedding_dim, vocab_size)

    def forward(self, contexts):
        return self.out(self.bag(contexts))


contexts = torch.tensor(
    [[word_to_ix[text[i + d]] for d in (-2, -1, 1, 2)] for i in range(2, len(text) - 2)]
)
centres = torch.tensor([word_to_ix[w] for w in text[2:-2]])
torch.manual_seed(2)
cbow = CBOW(len(vocab), EMBEDDING_DIM)
optimizer = optim.Adagrad(cbow.parameters(), lr=0.1)
for epoch in range(4):
    loss = F.cross_entropy(cbow(contexts), centres)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"cbow {epoch}: {loss.item():.4f}")

# Skip-grams with negative samples; sparse gradients for the tables.
torch.manual_seed(3)
inner = nn.Embedding(len(vocab), 8, sparse=True)
outer = nn.Embedding(len(vocab), 8, sparse=True)
optimizer = optim.SparseAdam(list(inner.parameters()) + list(outer.parameters()), lr=0.05)
counts = torch.bincount(torch.tensor([word_to_ix[w] for w in text]), minlength=len(vocab)).float()
for epoch in range(3):
    optimizer.zero_grad()
    near = contexts[:, 1]
    far = torch.multinomial(counts**0.75, len(centres) * 3, replacement=True).view(-1, 3)
    v = inner(centres)
    positive = F.logsigmoid((v * outer(near)).sum(1))
    negative = F.logsigmoid(-torch.bmm(outer(far), v.unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(positive + negative).mean()
    loss.backward()
    print(f"skip-gram {epoch}: {loss.item():.4f}", inner.weight.grad.is_sparse)
    optimizer.step()
similar = F.cosine_similarity(inner.weight[word_to_ix["the"]].unsqueeze(0), inner.weight)
print(similar.argmax().item() == word_to_ix["the"], similar.shape)
pretrained = nn.Embedding.from_pretrained(inner.weight.detach(), freeze=True)
print(pretrained.weight.requires_grad, pretrained)
