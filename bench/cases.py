"""What is measured: statements over `torch`, `nn`, `F` and the names that a setup returns."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """target: the ratio to PyTorch's time that is aimed at ("0.25 x"), or None; busy: how many processes that do
    nothing but compute run at the same time."""

    name: str
    statement: str
    setup: Callable | None = None
    target: str | None = None
    busy: int = 0


def rand(*shapes, names="abc", **options):
    """A setup that makes one uniform tensor per shape."""

    def setup(torch):
        return {name: torch.rand(*shape, **options) for name, shape in zip(names, shapes)}

    return setup


def chain(torch):
    x = torch.rand(2, 3, requires_grad=True)
    w = torch.full((2, 3), 1.001)

    def step():
        y = x
        for _ in range(100):
            y = y * w
        y.sum().backward()

    return {"step": step}


def lenet(batch):
    """A training step of the CIFAR-10 tutorial's network: 3x32x32, SGD with momentum."""

    def setup(torch):
        nn, F = torch.nn, torch.nn.functional

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = nn.Conv2d(3, 6, 5)
                self.pool = nn.MaxPool2d(2, 2)
                self.conv2 = nn.Conv2d(6, 16, 5)
                self.fc1 = nn.Linear(16 * 5 * 5, 120)
                self.fc2 = nn.Linear(120, 84)
                self.fc3 = nn.Linear(84, 10)

            def forward(self, x):
                x = self.pool(F.relu(self.conv1(x)))
                x = self.pool(F.relu(self.conv2(x)))
                x = torch.flatten(x, 1)
                x = F.relu(self.fc1(x))
                x = F.relu(self.fc2(x))
                return self.fc3(x)

        net, criterion = Net(), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
        images, labels = torch.rand(batch, 3, 32, 32), torch.randint(0, 10, (batch,))

        def step():
            optimizer.zero_grad()
            criterion(net(images), labels).backward()
            optimizer.step()

        return {"step": step}

    return setup


def layer(make, *shape):
    """Forward and backward of one module, gradients of input and weights."""

    def setup(torch):
        module = make(torch.nn)
        x = torch.rand(*shape, requires_grad=True)
        g = torch.ones_like(module(x))

        def step():
            module.zero_grad()
            x.grad = None
            module(x).backward(g)

        return {"module": module, "x": x.detach(), "step": step}

    return setup


def lstm(torch):
    """A training step of a classifier of sequences: 50 steps of 64, 128 cells, batch 16."""
    nn = torch.nn
    net, head = nn.LSTM(64, 128), nn.Linear(128, 10)
    optimizer = torch.optim.SGD([*net.parameters(), *head.parameters()], lr=0.01)
    x, labels = torch.randn(50, 16, 64), torch.randint(0, 10, (16,))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(net(x)[0][-1]), labels).backward()
        optimizer.step()

    return {"step": step}


def loader(torch):
    data = torch.utils.data
    dataset = data.TensorDataset(torch.rand(2000, 3, 8, 8), torch.randint(0, 10, (2000,)))
    batches = data.DataLoader(dataset, batch_size=32, shuffle=True)

    def epoch():
        for _ in batches:
            pass

    return {"epoch": epoch}


def linear(nn):
    return nn.Linear(256, 256)


def conv(nn):
    return nn.Conv2d(16, 32, 3, padding=1)


MILLION = (1000, 1000)
CASES = (
    Case("a + b, 2x3", "a + b", rand((2, 3), (2, 3)), "0.25 x"),
    Case("a + b, 2x3, recorded", "a + b", rand((2, 3), (2, 3), requires_grad=True), "0.25 x"),
    Case("100 products of 2x3, forward and backward", "step()", chain, "0.2 x"),
    Case("LeNet step, batch 4", "step()", lenet(4), "0.5 x"),
    Case("LeNet step, batch 64", "step()", lenet(64)),
    *(
        Case(f"LeNet step, batch 32, beside {n} busy processes", "step()", lenet(32), busy=n)
        for n in (0, 4, 8, 16)
    ),
    Case("LSTM 64-128 step, 50 steps, batch 16", "step()", lstm, "0.8 x"),
    Case("a + b, 1M", "a + b", rand(MILLION, MILLION)),
    Case("a + row, 1M", "a + b", rand(MILLION, (1000,))),
    Case("a.t() + b, 1M", "a.t() + b", rand(MILLION, MILLION)),
    Case("exp, 1M", "a.exp()", rand(MILLION)),
    Case("sigmoid, 1M", "a.sigmoid()", rand(MILLION)),
    Case("tanh, 1M", "a.tanh()", rand(MILLION)),
    Case("log, 1M", "a.log()", rand(MILLION)),
    Case("gelu, 1M", "torch.nn.functional.gelu(a)", rand(MILLION)),
    Case("erf, 1M", "a.erf()", rand(MILLION)),
    Case("erfinv, 1M", "a.erfinv()", rand(MILLION)),
    Case("lgamma, 1M", "a.lgamma()", rand(MILLION)),
    Case("power of negative numbers, 1M", "(-a)**2.5", rand(MILLION)),
    Case("sum, 1M", "a.sum()", rand(MILLION)),
    Case("sum of columns, 1M", "a.sum(0)", rand(MILLION)),
    Case("softmax of rows, 1M", "a.softmax(1)", rand(MILLION)),
    Case("log_softmax of rows, 1M", "a.log_softmax(1)", rand(MILLION)),
    Case("sort rows, 1M", "a.sort(1)", rand(MILLION)),
    Case("rand, 1M", "torch.rand(1000, 1000)"),
    *(
        Case(f"matmul, {n}x{n}", "a @ b", rand((n, n), (n, n)))
        for n in (64, 256, 512)
    ),
    Case("Linear 256-256, batch 64", "module(x)", layer(linear, 64, 256)),
    Case("Linear 256-256, batch 64, with backward", "step()", layer(linear, 64, 256)),
    Case("Conv2d 16-32 3x3, 8x16x32x32", "module(x)", layer(conv, 8, 16, 32, 32)),
    Case("Conv2d 16-32 3x3, 8x16x32x32, with backward", "step()", layer(conv, 8, 16, 32, 32)),
    Case("DataLoader, 2000 samples by 32, shuffled", "epoch()", loader),
)  # fmt: skip
