"""The basics in one file: tensors, a dataset of files, a model, automatic gradients, training, saving."""

import csv
import os
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

data = [[1, 2], [3, 4]]
x_data = torch.tensor(data)
x_np = torch.from_numpy(np.array(data))
x_ones = torch.ones_like(x_data)
torch.manual_seed(6)
x_rand = torch.rand_like(x_data, dtype=torch.float)
print(f"Ones Tensor: \n {x_ones} \n")
print(f"Random Tensor: \n {x_rand} \n", x_np.dtype)
tensor = torch.rand(3, 4)
print(f"Shape of tensor: {tensor.shape}")
print(f"Datatype of tensor: {tensor.dtype}")
print(f"Device tensor is stored on: {tensor.device}")
device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
tensor = torch.ones(4, 4)
print(f"First row: {tensor[0]}, first column: {tensor[:, 0]}, last column: {tensor[..., -1]}")
tensor[:, 1] = 0
print(torch.cat([tensor, tensor, tensor], dim=1))
y1 = tensor @ tensor.T
y2 = tensor.matmul(tensor.T)
y3 = torch.rand_like(y1)
print(torch.matmul(tensor, tensor.T, out=y3) is y3, bool((y1 == y2).all()))
agg = tensor.sum()
print(agg.item(), type(agg.item()))
print(f"{tensor} \n")
tensor.add_(5)
t = torch.ones(5)
n = t.numpy()
t.add_(1)
print(f"t: {t} n: {n}")


class PointsDataset(Dataset):
    """Points of the plane in a CSV file, labelled inside or outside of the unit circle."""

    def __init__(self, annotations_file, transform=None, target_transform=None):
        with open(annotations_file, newline="") as f:
            self.rows = [(float(a), float(b), int(c)) for a, b, c in csv.reader(f)]
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        a, b, label = self.rows[idx]
        point = np.array([a, b], dtype=np.float32)
        if self.transform:
            point = self.transform(point)
        if self.target_transform:
            label = self.target_transform(label)
        return point, label


folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "points.csv")
g = torch.Generator().manual_seed(3)
points = torch.rand(400, 2, generator=g) * 3 - 1.5
with open(path, "w", newline="") as f:
    csv.writer(f).writerows(
        [f"{a:.6f}", f"{b:.6f}", int(a * a + b * b < 1)] for a, b in points.tolist()
    )
whole = PointsDataset(path, transform=torch.from_numpy)
training_data, test_data = torch.utils.data.random_split(
    whole, [320, 80], generator=torch.Generator().manual_seed(0)
)
one_hot = PointsDataset(
    path,
    target_transform=lambda y: torch.zeros(2, dtype=torch.float).scatter_(
        0, torch.tensor(y), value=1
    ),
)
print(one_hot[0])
train_dataloader = DataLoader(training_data, batch_size=32, shuffle=True)
test_dataloader = DataLoader(test_data, batch_size=32)
for X, y in test_dataloader:
    print(f"Shape of X [N, D]: {X.shape}")
    print(f"Shape of y: {y.shape} {y.dtype}")
    break


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


model = NeuralNetwork().to(device)
print(model)
logits = model(torch.rand(1, 2, device=device))
pred_probab = nn.Softmax(dim=1)(logits)
print(f"Predicted class: {pred_probab.argmax(1)}")
for name, param in model.named_parameters():
    print(f"Layer: {name} | Size: {param.size()} | Values : {param[:2]} \n")

x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print(f"Gradient function for z = {z.grad_fn.name()}")
print(f"Gradient function for loss = {loss.grad_fn.name()}")
loss.backward()
print(w.grad)
print(b.grad)
z_det = (torch.matmul(x, w) + b).detach()
print(z_det.requires_grad)
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")

loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train_loop(dataloader, model, loss_fn, optimizer, speak):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 4 == 0 and speak:
            loss, current = loss.item(), batch * 32 + len(X)
            print(f"loss: {loss:>7f}  [{current:>5d}/{size:>5d}]")


def test_loop(dataloader, model, loss_fn):
    model.eval()
    size = len(dataloader.dataset)
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    return test_loss / len(dataloader), correct / size


for epoch in range(40):
    train_loop(train_dataloader, model, loss_fn, optimizer, epoch < 1)
    test_loss, correct = test_loop(test_dataloader, model, loss_fn)
    if epoch == 0:
        print(f"Test Error: \n Accuracy: {(100 * correct):>0.1f}%, Avg loss: {test_loss:>8f} \n")
print("more than 85 % right:", correct > 0.85)

weights = os.path.join(folder.name, "model_weights.pth")
torch.save(model.state_dict(), weights)
again = NeuralNetwork()
print(again.load_state_dict(torch.load(weights, weights_only=True)))
again.eval()
print(test_loop(test_dataloader, again, loss_fn) == (test_loss, correct))
whole_file = os.path.join(folder.name, "model.pth")
torch.save(model, whole_file)
model = torch.load(whole_file, weights_only=False)
print(type(model).__name__, test_loop(test_dataloader, model, loss_fn)[1] == correct)
try:
    torch.load(whole_file)
except Exception as e:
    print(type(e).__name__, "NeuralNetwork" in str(e))
folder.cleanup()
