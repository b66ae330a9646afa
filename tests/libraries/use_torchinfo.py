"""torchinfo: the tables of LeNet, a ResNet block, an LSTM and a transformer layer."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchinfo import summary


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(32, 5)

    def forward(self, x):
        y, _ = self.lstm(self.embedding(x))
        return self.out(y)


columns = ("input_size", "output_size", "num_params", "kernel_size", "mult_adds", "trainable")
print(summary(LeNet(), (2, 1, 28, 28), verbose=0, col_names=columns))
print(summary(Block(3, 8, 2), (2, 3, 16, 16), verbose=0, depth=4, row_settings=("depth", "var_names")))
print(summary(Tagger(), (3, 7), dtypes=[torch.long], verbose=0))
layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
print(summary(layer, input_data=torch.ones(1, 4, 16), verbose=0))
print(summary(LeNet(), verbose=0))
frozen = Tagger()
frozen.out.requires_grad_(False)
words = torch.zeros(3, 7, dtype=torch.long)
print(summary(frozen, input_data=words, verbose=0, col_names=("output_size", "params_percent", "trainable")))
try:
    summary(LeNet(), (2, 3, 28, 28), verbose=0)
except RuntimeError as error:
    print(error)
