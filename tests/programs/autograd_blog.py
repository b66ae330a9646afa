"""Small exercises with autograd: norms, gradients by hand and by machine, Variable."""

import torch as t
from torch.autograd import Variable

t.manual_seed(0)
x = t.ones(2, 2, requires_grad=True)
print(x)
y = x + 2
print(y, type(y.grad_fn).__name__)
z = y * y * 3
out = z.mean()
print(z, out)

a = t.randn(2, 2)
a = (a * 3) / (a - 1)
print(a.requires_grad)
a.requires_grad = True
print(a.requires_grad)
b = (a * a).sum()
print(b.grad_fn.name(), b.grad_fn.next_functions[0][0].name())
print(x.grad)
out.backward()
print(x.grad)
print(a)

x = t.randn(3, requires_grad=True)
y = x * 2
print(y.data, y.data.norm())
print(t.sqrt(t.sum(t.pow(y, 2))))
doublings = 0
while y.data.norm() < 1000:
    y = y * 2
    doublings += 1
print(doublings, y)
gradients = t.tensor([0.1, 1.0, 0.0001], dtype=t.float)
y.backward(gradients)
print(x.grad)
print(x.requires_grad)
print((x**2).requires_grad)
with t.no_grad():
    print((x**2).requires_grad)
for p in (1, 2, 3, float("inf"), float("-inf"), 0):
    print(p, x.data.norm(p))
m = t.arange(6.0).reshape(2, 3)
print(m.norm(), m.norm(dim=1), m.norm(p=1, dim=0, keepdim=True), m.norm("fro"))

x = Variable(t.Tensor([1]), requires_grad=True)
w = Variable(t.Tensor([2]), requires_grad=True)
b = Variable(t.Tensor([3]), requires_grad=True)
y = w * x + b
y.backward()
print(x.grad, w.grad, b.grad)
print(type(x), x, Variable(t.ones(2)), isinstance(x, t.Tensor))

x = t.tensor([2.0], requires_grad=True)
y = x**2 + 3 * x + 1
y.backward()
print(x.grad)

# .data and .detach() share memory with the original, and neither is tracked.
for way in ("data", "detach"):
    x = t.tensor([2.0], requires_grad=True)
    y = x**2 + 3 * x + 1
    z = y.data if way == "data" else y.detach()
    z *= 2
    y.backward()
    print(way, y, z, x.grad, z.requires_grad)

x = t.tensor([2.0, 3.0], requires_grad=True)
y = x.sigmoid()
y.detach().zero_()
try:
    y.sum().backward()
except RuntimeError as error:
    print(error)
y = x.sigmoid()
y.data.zero_()
y.sum().backward()
print(x.grad)


def derivative(x):
    return 2 * x * t.exp(x) + x**2 * t.exp(x)


x = t.linspace(-1, 1, 6).view(2, 3).requires_grad_()
y = x**2 * t.exp(x)
y.backward(t.ones(y.size()))
print(x.grad, derivative(x), sep="\n")
print(t.allclose(x.grad, derivative(x)))


def absolute(x):
    return x if x.data[0] > 0 else -x


for start in (1.0, -1.0):
    x = t.full((1,), start).requires_grad_()
    absolute(x).backward()
    print(x.grad)


def product_of_positives(x):
    result = 1
    for item in x:
        if item > 0:
            result = result * item
    return result


x = t.arange(-2, 4, dtype=t.float32, requires_grad=True)
y = product_of_positives(x)
y.backward()
print(y, x.grad)
