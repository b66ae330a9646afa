"""A convolutional classifier on small made-up colour images: losses, accuracy, more layers."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

classes = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
torch.manual_seed(1729)


class Shapes(torch.utils.data.Dataset):
    """Noise of 3 x 32 x 32 with a bright patch, whose place and colour belong to the label."""

    def __init__(self, length, seed):
        generator = torch.Generator().manual_seed(seed)
        self.images = torch.rand(length, 3, 32, 32, generator=generator)
        self.labels = torch.randint(10, (length,), generator=generator)
        for image, label in zip(self.images, self.labels.tolist(), strict=True):
            row, column = 4 + 12 * (label % 2), 3 + 5 * (label // 2)
            image[label % 3, row : row + 8, column : column + 5] += 2.0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return (self.images[index] - 0.5) / 0.5, self.labels[index]


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


trainset, testset = Shapes(600, 1), Shapes(200, 2)
trainloader = torch.utils.data.DataLoader(trainset, batch_size=4, shuffle=True)
testloader = torch.utils.data.DataLoader(testset, batch_size=4, shuffle=False)
images, labels = next(iter(trainloader))
print(images.shape, images[0, 0, 0, :5], labels)
print(" ".join("%5s" % classes[labels[j]] for j in range(4)))

net = Net()
print(net)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for epoch in range(3):
    running_loss = 0.0
    for i, data in enumerate(trainloader, 0):
        inputs, labels = data
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        # Rounding grows with every step: early losses agree to more digits than late ones.
        if epoch == 0 and i % 10 == 9 and i < 40:
            print("[%d, %5d] loss: %.3f" % (epoch + 1, i + 1, running_loss / 10))
            running_loss = 0.0
print("last epoch below half:", running_loss / len(trainloader) < 0.5)

correct, total = 0, 0
correct_pred = dict.fromkeys(classes, 0)
with torch.no_grad():
    for images, labels in testloader:
        outputs = net(images)
        _, predicted = torch.max(outputs.data, 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
        for label, prediction in zip(labels, predicted, strict=True):
            correct_pred[classes[label]] += int(label == prediction)
print(
    "test images:",
    total,
    "more than 80 % right:",
    correct > 0.8 * total,
    correct == sum(correct_pred.values()),
)
print("per label:", torch.bincount(testset.labels, minlength=10))

# One batch through other layers of the same kind.
torch.manual_seed(3)
x = torch.randn(2, 3, 8, 8, requires_grad=True)
layers = [
    nn.Conv2d(3, 4, 3, stride=2, padding=1),
    nn.Conv2d(3, 6, 3, groups=3, dilation=2, bias=False),
    nn.Conv2d(3, 2, (1, 3), padding="same", padding_mode="circular"),
    nn.ConvTranspose2d(3, 2, 3, stride=2, output_padding=1),
    nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
    nn.AvgPool2d(2),
    nn.AdaptiveAvgPool2d((2, 3)),
    nn.BatchNorm2d(3),
    nn.Upsample(scale_factor=2, mode="nearest"),
    nn.Flatten(),
]
for layer in layers:
    y = layer(x)
    x.grad = None
    (y * y).mean().backward()
    print(layer)
    print(
        "   ",
        tuple(y.shape),
        f"{y.abs().mean().item():.4f} {y.std().item():.4f} {x.grad.abs().sum().item():.4f}",
    )
print(F.max_pool2d(torch.arange(16.0).view(1, 1, 4, 4), 2, return_indices=True))
print(F.conv1d(torch.arange(5.0).view(1, 1, 5), torch.tensor([[[1.0, 0.0, -1.0]]])))
print(F.unfold(torch.arange(9.0).view(1, 1, 3, 3), 2))
