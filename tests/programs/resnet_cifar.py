"""A residual network on CIFAR-shaped data: blocks, schedules, weights saved at the best epoch."""

import copy
import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset, Subset


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(
                    in_planes, self.expansion * planes, kernel_size=1, stride=stride, bias=False
                ),
                nn.BatchNorm2d(self.expansion * planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=4):
        super().__init__()
        self.in_planes = 8
        self.conv1 = nn.Conv2d(3, 8, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(block, 8, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 16, num_blocks[1], stride=2)
        self.layer3 = self._make_layer(block, 32, num_blocks[2], stride=2)
        self.linear = nn.Linear(32 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, block, planes, num_blocks, stride):
        strides = [stride] + [1] * (num_blocks - 1)
        layers = []
        for stride in strides:
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.adaptive_avg_pool2d(out, (1, 1))
        return self.linear(torch.flatten(out, 1))


class Stripes(Dataset):
    """32 x 32 colour noise with stripes: across or down, wide or narrow."""

    def __init__(self, length, transform=None):
        g = torch.Generator().manual_seed(8)
        self.noise = torch.randint(0, 256, (length, 3, 32, 32), generator=g, dtype=torch.uint8)
        self.targets = torch.arange(length) % 4
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        target = self.targets[idx]
        width = 2 if target < 2 else 5
        lit = (torch.arange(32) // width) % 2 == 0
        image = self.noise[idx].float().div(255)
        image[:, :, lit] += 0.6 * (target % 2)
        image[:, lit, :] += 0.6 * (1 - target % 2)
        return (self.transform(image) if self.transform else image), target


torch.manual_seed(33)
dataset = Stripes(96, transform=lambda x: (x - 0.65) / 0.4)
indices = torch.randperm(96)
loaders = {
    "train": DataLoader(Subset(dataset, indices[:64].tolist()), 16, shuffle=True, num_workers=2),
    "val": DataLoader(Subset(dataset, indices[64:].tolist()), 32),
}
model = ResNet(BasicBlock, [1, 1, 1])
print(model.layer2)
print("parameters:", sum(p.numel() for p in model.parameters() if p.requires_grad))
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(
    model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True
)
scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
best_acc, best = 0.0, None
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "best.pt")
    for epoch in range(5):
        for phase in ["train", "val"]:
            model.train(phase == "train")
            running_loss, corrects = 0.0, 0
            for inputs, labels in loaders[phase]:
                optimizer.zero_grad(set_to_none=True)
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    _, preds = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                corrects += torch.sum(preds == labels.data)
            acc = corrects.double() / len(loaders[phase].dataset)
            if epoch == 0 and phase == "train":
                print(f"{phase} loss {running_loss / 64:.3f}, lr {scheduler.get_last_lr()[0]:.4f}")
            if phase == "train":
                scheduler.step()
            elif acc >= best_acc:
                best_acc, best = acc, copy.deepcopy(model.state_dict())
                torch.save(
                    {"epoch": epoch, "model": best, "optimizer": optimizer.state_dict()}, path
                )
    print(
        f"final lr {optimizer.param_groups[0]['lr']:.6f}; more than half right: {bool(best_acc > 0.5)}"
    )
    checkpoint = torch.load(path, weights_only=True)
    print(sorted(checkpoint), len(checkpoint["optimizer"]["state"]))

again = ResNet(BasicBlock, [1, 1, 1])
print(again.load_state_dict(checkpoint["model"]))
model.load_state_dict(best)
model.eval()
again.eval()
x = torch.stack([dataset[i][0] for i in range(4)])
with torch.no_grad():
    print(torch.equal(model(x), again(x)), model(x).shape)
# Frozen layers: a new head on a fixed body.
for param in again.parameters():
    param.requires_grad = False
again.linear = nn.Linear(again.linear.in_features, 2)
print([name for name, p in again.named_parameters() if p.requires_grad])
try:
    again.load_state_dict(checkpoint["model"])
except RuntimeError as e:
    print(e)
features = {}
hook = again.layer1.register_forward_hook(lambda m, i, o: features.update(layer1=o.detach()))
again(x)
hook.remove()
print(features["layer1"].shape)
