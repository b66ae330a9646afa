"""LeNet-5 on handwritten digits: data, training with a progress bar, checkpoint, test, picture.

The 1,797 digits that scikit-learn ships (8x8 pixels, 16 greys) are enlarged to the 32x32 of LeCun
et al. 1998.  A fifth is held back for the test.  Writes lenet.pt, the weights, and lenet.png, the
losses, the accuracies and some digits with what the network read.  Ends with status 1 where the
test accuracy stays below --target.
"""

import argparse
import time
from pathlib import Path

import matplotlib
from sklearn.datasets import load_digits
from tqdm import tqdm

import cygrad as torch
import cygrad.nn as nn
import cygrad.nn.functional as F
from cygrad.utils.data import DataLoader, TensorDataset, random_split

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

SHIFT = 2  # pixels


class LeNet5(nn.Module):
    """Ten class scores of (N, 1, 32, 32) images."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def digits():
    """Images (1797, 1, 32, 32) in -1..1 and their labels."""
    data = load_digits()
    images = torch.from_numpy(data.images).float().unsqueeze(1)
    images = F.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
    return TensorDataset(images / 8 - 1, torch.from_numpy(data.target).long())


def train_epoch(model, loader, optimizer, device, title):
    """One pass over the data; mean loss and accuracy."""
    model.train()
    total, correct, seen = 0.0, 0, 0
    # One line, which the epoch's own line replaces; none where nobody looks on.
    with tqdm(loader, desc=title, unit="batch", ncols=80, leave=False, disable=None) as bar:
        for images, labels in bar:
            images, labels = images.to(device), labels.to(device)
            shift = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()  # the same digits elsewhere
            optimizer.zero_grad()
            scores = model(images.roll(shift, (2, 3)))
            loss = F.cross_entropy(scores, labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            correct += (scores.argmax(1) == labels).sum().item()
            seen += len(labels)
            bar.set_postfix_str(f"loss {total / seen:.3f}, accuracy {correct / seen:.1%}")
    return total / seen, correct / seen


@torch.no_grad()
def evaluate(model, loader, device):
    """Mean loss and accuracy without training."""
    model.eval()
    total, correct, seen = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        scores = model(images)
        total += F.cross_entropy(scores, labels, reduction="sum").item()
        correct += (scores.argmax(1) == labels).sum().item()
        seen += len(labels)
    return total / seen, correct / seen


@torch.no_grad()
def draw(model, dataset, curves, device, path, n=24):
    """The curves of losses and accuracies, and the first n test images; a wrong reading is red."""
    images, labels = next(iter(DataLoader(dataset, batch_size=n)))
    read = model.eval()(images.to(device)).argmax(1).tolist()
    figure = plt.figure(figsize=(13, 4.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    for axes, (what, scale, sets) in zip(left.subplots(1, 2), curves, strict=True):
        for name, values in sets.items():
            axes.plot(range(1, len(values) + 1), values, ".-", label=name)
        axes.set(xlabel="epoch", ylabel=what, yscale=scale)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
        axes.legend()
    right.suptitle("test digits (8x8 pixels, enlarged) and what the network read; red: wrong", fontsize=10)
    for axes, image, label, guess in zip(
        right.subplots(4, 6).flat, images, labels.tolist(), read, strict=True
    ):
        axes.imshow(image[0].numpy(), cmap="gray_r", interpolation="nearest")
        axes.set_title(str(guess), color="black" if guess == label else "red", fontsize=10)
        axes.axis("off")
    figure.savefig(path, dpi=150)


def known_device(name):
    """The name, if tensors can be there; else an error that says which devices there are."""
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, ValueError) as error:
        count = torch.opencl.device_count()
        there = [f"opencl:{i} ({torch.opencl.get_device_name(i)})" for i in range(count)]
        raise argparse.ArgumentTypeError(f"{error}; devices here: {', '.join(['cpu', *there])}") from error
    return name


def main():
    parser = argparse.ArgumentParser(description="Trains LeNet-5 on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.02, help="learning rate of SGD, momentum 0.9")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", type=known_device, default="cpu", help='"cpu", or "opencl", "opencl:1" and so on'
    )
    parser.add_argument("--target", type=float, default=0.97, help="least test accuracy")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the results")
    args = parser.parse_args()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {error}")

    torch.manual_seed(args.seed)
    train_set, test_set = random_split(digits(), [1437, 360])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=120)
    model = LeNet5().to(args.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    print(f"{len(train_set)} digits to train on, {len(test_set)} to test, device {args.device}")

    started = time.perf_counter()
    losses = {"training": [], "test": []}
    accuracies = {"training": [], "test": []}
    for epoch in range(1, args.epochs + 1):
        title = f"epoch {epoch}/{args.epochs}"
        loss, accuracy = train_epoch(model, train_loader, optimizer, args.device, title)
        schedule.step()
        test_loss, test_accuracy = evaluate(model, test_loader, args.device)
        losses["training"].append(loss)
        losses["test"].append(test_loss)
        accuracies["training"].append(100 * accuracy)
        accuracies["test"].append(100 * test_accuracy)
        print(
            f"{title}: loss {loss:.4f}, accuracy {accuracy:.2%};"
            f" test loss {test_loss:.4f}, accuracy {test_accuracy:.2%}",
            flush=True,
        )
    seconds = time.perf_counter() - started

    torch.save(model.state_dict(), args.out / "lenet.pt")
    saved = LeNet5().to(args.device)  # what is tested is what the file holds
    saved.load_state_dict(torch.load(args.out / "lenet.pt"))
    accuracy = evaluate(saved, test_loader, args.device)[1]
    curves = ("cross-entropy", "log", losses), ("accuracy, %", "linear", accuracies)
    draw(saved, test_set, curves, args.device, args.out / "lenet.png")
    print(f"trained in {seconds:.1f} s; wrote {args.out}/lenet.pt and {args.out}/lenet.png")
    print(f"final test accuracy: {accuracy:.2%}")
    if accuracy < args.target:
        raise SystemExit(f"the accuracy is below the target of {args.target:.2%}")


if __name__ == "__main__":
    main()
