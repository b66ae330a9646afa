"""What is measured: statements over `torch`, `nn`, `F` and the names that a setup returns, in families."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A statement that is timed.

    target      the ratio to PyTorch's time that is aimed at ("0.25 x"), or None
    busy        how many processes that do nothing but compute run at the same time
    arrays      the statement over `xp` and a, b for NumPy, JAX and tinygrad, where it has one
    moved       bytes that have to be read and written, for the limit that memory sets
    flops       multiplications and additions that have to be done, for the limit that the multipliers set
    grow        the setup for a size, and the sizes: what `--growth` measures
    """

    name: str
    statement: str
    setup: Callable | None = None
    target: str | None = None
    busy: int = 0
    arrays: str | None = None
    moved: int = 0
    flops: int = 0
    grow: tuple | None = None

    @property
    def shapes(self):
        """Shapes of the arrays a, b, ... of a setup by `rand`."""
        return self.setup.shapes if self.setup is not None else ()

    def grown(self, size):
        """The setup for a size."""
        return self.grow[0](size)

    def grown_shapes(self, size):
        return self.grown(size).shapes


def rand(*shapes, names="abc", **options):
    """A setup that makes one uniform tensor per shape."""

    def setup(torch):
        return {name: torch.rand(*shape, **options) for name, shape in zip(names, shapes)}

    setup.shapes = shapes
    return setup


def pointwise(name, statement, *shapes, arrays=None, target=None):
    """A case of elementwise work on float32: every element is read and written once."""
    out = math.prod(max(shapes, key=math.prod))
    moved = 4 * (sum(map(math.prod, shapes)) + out)
    sizes = tuple(10**k for k in range(3, 9))
    grow = (lambda n: rand(*[(n,)] * len(shapes)), sizes) if len(set(shapes)) == 1 else None
    return Case(name, statement, rand(*shapes), target, arrays=arrays, moved=moved, grow=grow)


def product(n, target=None):
    """A product of two square matrices."""
    sizes = tuple(2**k for k in range(4, 12))
    return Case(f"matmul, {n}x{n}", "a @ b", rand((n, n), (n, n)), target, arrays="a @ b", flops=2 * n**3,
                grow=(lambda n: rand((n, n), (n, n)), sizes))  # fmt: skip


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


def perceptron(batch):
    """A training step of 784-256-10, by Adam."""

    def setup(torch):
        nn = torch.nn
        net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        optimizer = torch.optim.Adam(net.parameters())
        x, labels = torch.rand(batch, 784), torch.randint(0, 10, (batch,))

        def step():
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), labels).backward()
            optimizer.step()

        return {"step": step}

    return setup


def transformer(nn):
    return nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)


def places(count):
    """A million values, the place of each among `count`, and what is there before."""

    def setup(torch):
        return {"a": torch.zeros(count), "i": torch.randint(0, count, (10**6,)), "b": torch.rand(10**6)}

    return setup


def classes(torch):
    return {"x": torch.randn(64, 10), "y": torch.randint(0, 10, (64,))}


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


def conv(nn, channels=16, outputs=32):
    return nn.Conv2d(channels, outputs, 3, padding=1)


MILLION = (1000, 1000)
FAMILIES = {
    "overhead": (
        Case("a + b, 2x3", "a + b", rand((2, 3), (2, 3)), "0.25 x", arrays="a + b"),
        Case("a + b, 2x3, recorded", "a + b", rand((2, 3), (2, 3), requires_grad=True), "0.25 x"),
        Case("100 products of 2x3, forward and backward", "step()", chain, "0.2 x"),
    ),
    "pointwise": (
        pointwise("a + b, 1M", "a + b", MILLION, MILLION, arrays="a + b"),
        pointwise("a + row, 1M", "a + b", MILLION, (1000,), arrays="a + b"),
        pointwise("exp, 1M", "a.exp()", MILLION, arrays="xp.exp(a)"),
        pointwise("sigmoid, 1M", "a.sigmoid()", MILLION),
        pointwise("tanh, 1M", "a.tanh()", MILLION, arrays="xp.tanh(a)"),
        pointwise("log, 1M", "a.log()", MILLION, arrays="xp.log(a)"),
        pointwise("gelu, 1M", "F.gelu(a)", MILLION),
        pointwise("erf, 1M", "a.erf()", MILLION),
        pointwise("erfinv, 1M", "a.erfinv()", MILLION),
        pointwise("lgamma, 1M", "a.lgamma()", MILLION),
        pointwise("power of negative numbers, 1M", "(-a)**2.5", MILLION),
        pointwise("softmax of rows, 1M", "a.softmax(1)", MILLION),
        pointwise("log_softmax of rows, 1M", "a.log_softmax(1)", MILLION),
        Case("float16 a + b, 1M", "a + b", lambda torch: {x: torch.rand(MILLION).half() for x in "ab"},
             moved=6 * 10**6),
    ),
    "layout": (
        pointwise("a.t() + b, 1M", "a.t() + b", MILLION, MILLION, arrays="a.T + b"),
        pointwise("contiguous of a transpose, 1M", "a.t().contiguous()", MILLION),
        Case("cat of 8, 1M", "torch.cat([a] * 8)", rand((125, 1000)), arrays="xp.concatenate([a] * 8)",
             moved=8 * MILLION[0] * MILLION[1]),
    ),
    "reductions": (
        Case("sum, 1M", "a.sum()", rand(MILLION), arrays="xp.sum(a)", moved=4 * 10**6,
             grow=(lambda n: rand((n,)), tuple(10**k for k in range(3, 9)))),
        Case("sum of columns, 1M", "a.sum(0)", rand(MILLION), arrays="xp.sum(a, 0)", moved=4 * 10**6),
        Case("cumsum of rows, 1M", "a.cumsum(1)", rand(MILLION), arrays="xp.cumsum(a, 1)", moved=8 * 10**6),
        Case("cummax of rows, 1M", "a.cummax(1)", rand(MILLION)),
        Case("logcumsumexp of rows, 1M", "a.logcumsumexp(1)", rand(MILLION)),
        Case("sort rows, 1M", "a.sort(1)", rand(MILLION)),
        Case("cross_entropy, 64x10", "F.cross_entropy(x, y)", classes),
    ),
    "places": (
        Case("gather, 1M", "b.gather(0, i)", places(10**6)),
        Case("scatter_add of 1M to 1M", "a.scatter_add(0, i, b)", places(10**6)),
        Case("scatter_add of 1M to 10", "a.scatter_add(0, i, b)", places(10)),
    ),
    "random": (
        Case("rand, 1M", "torch.rand(1000, 1000)", moved=4 * 10**6),
        Case("randperm, 1M", "torch.randperm(10**6)"),
    ),
    "products": (
        *map(product, (64, 256, 512, 768, 1024, 1536)),
        Case("matmul, 768x768, a.t() @ b", "a.t() @ b", rand((768, 768), (768, 768)), flops=2 * 768**3),
        Case("matmul, 768x768, a @ b.t()", "a @ b.t()", rand((768, 768), (768, 768)), flops=2 * 768**3),
        Case("matmul, 32 of 128x128", "a @ b", rand((32, 128, 128), (32, 128, 128)), flops=2 * 32 * 128**3),
        Case("Linear 256-256, batch 64", "module(x)", layer(linear, 64, 256)),
        Case("Linear 256-256, batch 64, with backward", "step()", layer(linear, 64, 256)),
    ),
    "convolution": (
        Case("Conv2d 16-32 3x3, 8x16x32x32", "module(x)", layer(conv, 8, 16, 32, 32)),
        Case("Conv2d 16-32 3x3, 8x16x32x32, with backward", "step()", layer(conv, 8, 16, 32, 32)),
        *(
            Case(f"Conv2d {c}-{c} 3x3, 16x{c}x{n}x{n}, with backward", "step()",
                 layer(lambda nn, c=c: conv(nn, c, c), 16, c, n, n), "1 x")
            for c, n in ((64, 32), (128, 16), (256, 8), (512, 4))
        ),
    ),
    "steps": (
        Case("LeNet step, batch 4", "step()", lenet(4), "0.5 x",
             grow=(lenet, (1, 4, 16, 64, 256, 1024, 4096))),
        Case("LeNet step, batch 64", "step()", lenet(64)),
        Case("MLP 784-256-10 step with Adam, batch 64", "step()", perceptron(64), "0.5 x",
             grow=(perceptron, (1, 4, 16, 64, 256, 1024, 4096))),
        Case("Transformer layer 128, 8x64, with backward", "step()", layer(transformer, 8, 64, 128), "0.7 x"),
        Case("LSTM 64-128 step, 50 steps, batch 16", "step()", lstm, "0.8 x"),
        Case("DataLoader, 2000 samples by 32, shuffled", "epoch()", loader),
    ),
    "beside busy processes": tuple(
        Case(f"LeNet step, batch 32, beside {n} busy processes", "step()", lenet(32), busy=n)
        for n in (0, 4, 8, 16)
    ),
}  # fmt: skip
PROGRAMS = {  # whole programs, the interpreter's start and the import included
    "import": "import LIBRARY",
    "LeNet, 100 steps of 4, with import": """
import LIBRARY as torch
from bench.cases import lenet
step = lenet(4)(torch)["step"]
for _ in range(100):
    step()
""",
    "spiral by an MLP and Adam, 300 steps, with import": """
import LIBRARY as torch
nn = torch.nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x, y = torch.randn(300, 2), torch.randint(0, 3, (300,))
for _ in range(300):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
""",
}


def find(name):
    """The case of a name."""
    return next(case for cases in FAMILIES.values() for case in cases if case.name == name)
