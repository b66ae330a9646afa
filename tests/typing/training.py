"""A network, its data and its training, with types.  Read by mypy and pyright, not run."""

from collections.abc import Iterator

import cygrad as torch
import cygrad.nn as nn
import cygrad.nn.functional as F
from cygrad import Tensor
from cygrad.utils.data import DataLoader, Dataset, TensorDataset


class Net(nn.Module):
    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.fc = nn.Linear(4, hidden)
        self.out = nn.Linear(hidden, 2)
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.fc(x))) * self.scale


class Squares(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x = torch.tensor(float(index))
        return x, x**2


def batches(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True, num_workers=0)
    for a, b in loader:
        yield a.float(), b


def train(net: nn.Module, steps: int) -> list[float]:
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    losses: list[float] = []
    for _ in range(steps):
        for a, b in batches(torch.randn(8, 4), torch.zeros(8, dtype=torch.int64)):
            loss: Tensor = criterion(net(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    return losses


@torch.no_grad()
def accuracy(net: Net, x: Tensor, y: Tensor) -> float:
    net.eval()
    return (net(x).argmax(dim=1) == y).float().mean().item()


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
net = Net().to(device)
train(net, 3)
share: float = accuracy(net, torch.randn(8, 4, device=device), torch.zeros(8))
torch.save(net.state_dict(), "net.pt")
net.load_state_dict(torch.load("net.pt"))
