"""A first look: factories, seeded random numbers, arithmetic, then LeNet on a random image."""

import torch
import torch.nn as nn
import torch.nn.functional as F

z = torch.zeros(5, 3)
print(z)
print(z.dtype)
i = torch.ones((5, 3), dtype=torch.int16)
print(i)

torch.manual_seed(1729)
r1 = torch.rand(2, 2)
print("first draw:", r1, sep="\n")
r2 = torch.rand(2, 2)
print("second draw:", r2, sep="\n")
torch.manual_seed(1729)
r3 = torch.rand(2, 2)
print("after the same seed:", r3, sep="\n")
print((r1 == r3).all(), torch.equal(r1, r2))

ones = torch.ones(2, 3)
twos = torch.ones(2, 3) * 2
threes = ones + twos
print(ones, twos, threes, threes.shape, sep="\n")

r1 = torch.rand(2, 3)
r2 = torch.rand(3, 2)
try:
    r1 + r2
except RuntimeError as error:
    print(type(error).__name__, error)

r = (torch.rand(2, 2) - 0.5) * 2
print("r:", r, sep="\n")
print("abs:", torch.abs(r), sep="\n")
print("asin:", torch.asin(r), sep="\n")
print("std and mean:", torch.std_mean(r))
print("max:", torch.max(r))


class LeNet(nn.Module):
    def __init__(self):
        super(LeNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        features = 1
        for s in x.size()[1:]:
            features *= s
        return features


net = LeNet()
print(net)
image = torch.rand(1, 1, 32, 32)
print("batch:", image.shape)
output = net(image)
print("raw output:", output, output.shape, sep="\n")

params = list(net.parameters())
print(len(params), params[0].size(), sum(p.numel() for p in params))
for name, p in net.named_parameters():
    print(f"{name:14s} {str(tuple(p.shape)):16s} {p.requires_grad} {p.abs().max().item():.5f}")

net.zero_grad()
output.backward(torch.randn(1, 10))
print(net.conv1.bias.grad)
target = torch.randn(10).view(1, -1)
loss = nn.MSELoss()(net(image), target)
print(loss)
node = loss.grad_fn
while node is not None:
    print(type(node).__name__, len(node.next_functions))
    parents = [parent for parent, _ in node.next_functions if parent is not None]
    node = next((p for p in parents if type(p).__name__ != "AccumulateGrad"), None)
net.zero_grad()
print(net.conv1.bias.grad)
loss.backward()
print(net.conv1.bias.grad)
with torch.no_grad():
    for p in net.parameters():
        p.data.sub_(p.grad.data * 0.01)
print(f"{nn.MSELoss()(net(image), target).item():.5f}")
