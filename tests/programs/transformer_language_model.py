"""Next words from a transformer encoder with a causal mask, on a text made of rules."""

import math

import torch
from torch import Tensor, nn
from torch.nn import TransformerEncoder, TransformerEncoderLayer

text = """
the cat sat on the mat and the dog sat on the log . the dog saw the cat and the cat saw the dog .
the bird sat in the tree and sang to the cat . the cat ran to the tree and the bird flew to the house .
the dog ran to the house and the cat sat on the log . the bird saw the dog and sang in the tree .
"""
words = text.split()
vocabulary = sorted(set(words))
stoi = {w: i for i, w in enumerate(vocabulary)}


class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.1, max_len: int = 200):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[: x.size(0)]
        return self.dropout(x)


class TransformerModel(nn.Module):
    def __init__(self, ntoken, d_model, nhead, d_hid, nlayers, dropout=0.2):
        super().__init__()
        self.model_type = "Transformer"
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        layer = TransformerEncoderLayer(d_model, nhead, d_hid, dropout)
        self.transformer_encoder = TransformerEncoder(layer, nlayers)
        self.embedding = nn.Embedding(ntoken, d_model)
        self.d_model = d_model
        self.linear = nn.Linear(d_model, ntoken)
        self.init_weights()

    def init_weights(self) -> None:
        initrange = 0.1
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-initrange, initrange)

    def forward(self, src: Tensor, src_mask: Tensor = None) -> Tensor:
        src = self.embedding(src) * math.sqrt(self.d_model)
        src = self.pos_encoder(src)
        if src_mask is None:
            src_mask = nn.Transformer.generate_square_subsequent_mask(len(src))
        return self.linear(self.transformer_encoder(src, src_mask))


def batchify(data: Tensor, bsz: int) -> Tensor:
    seq_len = data.size(0) // bsz
    return data[: seq_len * bsz].view(bsz, seq_len).t().contiguous()


def get_batch(source: Tensor, i: int, bptt: int):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].reshape(-1)


torch.manual_seed(0)
data = torch.tensor([stoi[w] for w in words], dtype=torch.long)
train_data = batchify(data, 4)
print(len(vocabulary), data.shape, train_data.shape, train_data[:, 0].tolist())
print(nn.Transformer.generate_square_subsequent_mask(3))
model = TransformerModel(len(vocabulary), 16, 2, 32, 2)
print(model)
print(sum(p.numel() for p in model.parameters()), model.pos_encoder.pe[:2, 0, :4])

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.95)
bptt = 5
model.train()
for epoch in range(1, 21):
    total_loss = 0.0
    for batch, i in enumerate(range(0, train_data.size(0) - 1, bptt)):
        source, targets = get_batch(train_data, i, bptt)
        output = model(source)
        loss = criterion(output.view(-1, len(vocabulary)), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total_loss += loss.item()
        if epoch == 1:
            print(
                f"batch {batch} lr {scheduler.get_last_lr()[0]:02.2f} "
                f"loss {loss.item():.3f} ppl {math.exp(loss.item()):.1f}"
            )
    scheduler.step()
print(
    "final ppl below 12:",
    math.exp(total_loss / (batch + 1)) < 12,
    f"{scheduler.get_last_lr()[0]:.4f}",
)

# Attention by hand, by nn.MultiheadAttention and by the fused function agree.
torch.manual_seed(1)
attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
x = torch.randn(2, 4, 8)
padding = torch.tensor([[False, False, False, True], [False, False, True, True]])
out, weights = attention(x, x, x, key_padding_mask=padding)
print(out[0, 0], weights.sum(-1), weights[1, 0])
q, k, v = attention.in_proj_weight.chunk(3)
qkv = [(x @ w.t()).view(2, 4, 2, 4).transpose(1, 2) for w in (q, k, v)]
fused = nn.functional.scaled_dot_product_attention(*qkv, attn_mask=~padding[:, None, None, :])
scores = (qkv[0] @ qkv[1].transpose(-2, -1) / 2.0).masked_fill(
    padding[:, None, None], float("-inf")
)
by_hand = scores.softmax(-1) @ qkv[2]
print(torch.allclose(fused, by_hand, atol=1e-6))
joined = attention.out_proj(fused.transpose(1, 2).reshape(2, 4, 8))
print(torch.allclose(joined, out, atol=1e-6))
decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1).eval()
print(decoder(x, out.detach())[1, :, :3])
