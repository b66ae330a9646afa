"""How tensors of every kind print: precision, scientific form, summaries, suffixes, options."""

import torch

print(
    torch.tensor(3), torch.tensor(3.0), torch.tensor(True), torch.tensor(1e-9), torch.tensor(1e10)
)
print(
    torch.tensor([]),
    torch.tensor([], dtype=torch.int32),
    torch.empty(0, 3),
    torch.zeros(2, 0, dtype=torch.int64),
)
print(torch.tensor([1, 22, -333]))
print(torch.tensor([1.0, 22.0, -333.0]))
print(torch.tensor([0.1, 22.5, -333.125]))
print(torch.tensor([1.5, float("nan"), float("inf"), -float("inf")]))
print(
    torch.tensor([1.0, float("nan")]),
    torch.tensor([float("inf")]),
    torch.tensor([float("nan")] * 2),
)
print(torch.tensor([1e-5, 1.0]), torch.tensor([1e-4, 1.0]), torch.tensor([1e-5, 1e-5]))
print(
    torch.tensor([1e8, 1.0]),
    torch.tensor([99999.0, 1.0]),
    torch.tensor([123456789.0]),
    torch.tensor([1000.5, 1.5]),
)
print(torch.tensor([1e38, 1e-38]), torch.tensor([0.0, -0.0]), torch.tensor([100000.25]))
print(torch.tensor([1e300, 1e-300], dtype=torch.float64))
print(torch.tensor([[True, False], [False, True]]))
for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    print(torch.tensor([[1, 2], [30, 4]], dtype=dtype))
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    print(torch.tensor([1.0, 0.3333333333], dtype=dtype), torch.tensor(2.5, dtype=dtype))

print(torch.arange(1001))
print(torch.arange(1000))
print(torch.zeros(40, 40))
print(torch.arange(2000.0).view(2, 500, 2))
print(torch.ones(3, 20, 20) * torch.arange(3).view(3, 1, 1))
print(torch.arange(30.0) * 1000)
print(torch.linspace(0, 1, 12).view(2, 3, 2))
print(torch.arange(8).view(2, 1, 2, 2))

x = torch.ones(2, requires_grad=True)
print(x)
print(x * 2, x.sum(), x.exp(), x[0], x[None], x.view(1, 2), x.clone(), x.detach(), sep="\n")
print(torch.ones(2, dtype=torch.float64, requires_grad=True))
print(torch.ones(2, dtype=torch.float64, requires_grad=True) / 3)
print(torch.nn.Parameter(torch.ones(2, 2)))
print([x, x * 2], {"x": x}, (torch.tensor(1),))
print(repr(x), str(x), f"{x}", x.__repr__(), sep="\n")
print(
    f"{torch.tensor(3.14159):.3f} {torch.tensor(7):03d} {torch.tensor(2.0)} {torch.tensor([1.0])}"
)
print("%d %.2f %s" % (torch.tensor(3), torch.tensor(2.5), torch.tensor(1)))
print(
    torch.Size([2, 3]),
    torch.Size([]),
    torch.Size((4,)),
    [*torch.Size([2, 3])],
    torch.Size([2, 3]).numel(),
)
print(
    torch.float32,
    torch.half,
    torch.long,
    torch.device("cpu"),
    repr(torch.device("cpu")),
    torch.strided,
)
print(torch.tensor([1, 2]).tolist(), torch.tensor([[0.5]]).tolist(), torch.tensor(2).tolist())

torch.set_printoptions(precision=2)
print(torch.tensor([3.14159, 2.71828]))
torch.set_printoptions(precision=8)
print(torch.tensor([0.1, 0.5], dtype=torch.float64))
torch.set_printoptions(profile="default")
torch.set_printoptions(threshold=5, edgeitems=1)
print(torch.arange(10), torch.arange(12).view(4, 3), sep="\n")
torch.set_printoptions(profile="short")
print(torch.linspace(0, 1, 7))
torch.set_printoptions(profile="full")
print(torch.arange(1005)[-4:], len(str(torch.arange(1005))))
torch.set_printoptions(profile="default")
torch.set_printoptions(linewidth=40)
print(torch.arange(20.0))
torch.set_printoptions(profile="default")
torch.set_printoptions(sci_mode=True)
print(torch.tensor([1.0, 250.0, 0.001]))
torch.set_printoptions(sci_mode=False)
print(torch.tensor([1e-6, 1e6, 1.0]))
torch.set_printoptions(profile="default", sci_mode=None)
print(torch.tensor([1e-6, 1e6, 1.0]))

print(torch.arange(6).view(2, 3).t(), torch.arange(6).view(2, 3).t().stride())
print(torch.max(torch.tensor([[1.0, 5.0], [7.0, 2.0]]), 1))
print(torch.sort(torch.tensor([3, 1, 2])))
print(torch.topk(torch.tensor([3.0, 1.0, 2.0]), 2), torch.tensor([1, 2, 2]).mode(), sep="\n")
print(torch.tensor([[4.0, 1.0], [2.0, 3.0]]).median(dim=0))
print(torch.finfo(torch.float32), torch.iinfo(torch.int8), sep="\n")
