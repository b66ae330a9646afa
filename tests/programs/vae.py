"""A variational autoencoder for small binary pictures: the reparametrisation trick, BCE and KL."""

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F

torch.manual_seed(1)
device = torch.device("cpu")
# Bars: each picture has one row or column lit.
pictures = torch.zeros(256, 1, 8, 8)
which = torch.randint(0, 16, (256,))
for picture, bar in zip(pictures, which):
    if bar < 8:
        picture[0, bar] = 1
    else:
        picture[0, :, bar - 8] = 1
train_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(pictures[:192], which[:192]), batch_size=32, shuffle=True
)
test_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(pictures[192:], which[192:]), batch_size=32, shuffle=False
)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 4)
        self.fc22 = nn.Linear(40, 4)
        self.fc3 = nn.Linear(4, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE().to(device)
optimizer = optim.Adam(model.parameters(), lr=5e-3)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        data = data.to(device)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        if batch_idx % 3 == 0 and epoch <= 2:
            print(
                f"Train Epoch: {epoch} [{batch_idx * len(data)}/{len(train_loader.dataset)} ({100.0 * batch_idx / len(train_loader):.0f}%)]\tLoss: {loss.item() / len(data):.3f}"
            )
    return train_loss / len(train_loader.dataset)


def test(epoch):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data, _ in test_loader:
            recon_batch, mu, logvar = model(data)
            test_loss += loss_function(recon_batch, data, mu, logvar).item()
    return test_loss / len(test_loader.dataset)


losses = []
for epoch in range(1, 31):
    average = train(epoch)
    losses.append(test(epoch))
    if epoch <= 2:
        print(f"====> Epoch: {epoch} Average loss: {average:.3f} test {losses[-1]:.3f}")
print("better than at first:", losses[-1] < 0.6 * losses[0])
with torch.no_grad():
    sample = torch.randn(3, 4).to(device)
    sample = model.decode(sample).cpu().view(3, 1, 8, 8)
print(sample.shape, bool(((sample >= 0) & (sample <= 1)).all()))
# The KL term against the distributions package.
mu, logvar = torch.randn(5, 4), torch.randn(5, 4)
p = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
q = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
print(torch.distributions.kl_divergence(p, q).sum())
print(-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()))
