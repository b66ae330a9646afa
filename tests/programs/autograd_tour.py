"""Automatic differentiation step by step: graphs, leaves, switches, vectors, Jacobians."""

import math

import torch


def names(functions):
    return tuple((type(f).__name__ if f is not None else None, index) for f, index in functions)


a = torch.linspace(0.0, 2.0 * math.pi, steps=25, requires_grad=True)
print(a)
b = torch.sin(a)
c = 2 * b
d = c + 1
print(b, c, sep="\n")
# Where d crosses zero only rounding and its sign are left of it: rounded away.
print(d.detach().round(decimals=3) + 0.0, d.grad_fn.name(), a.grad_fn)
out = d.sum()
print(out)

step = d.grad_fn
print(names(step.next_functions))
step = step.next_functions[0][0]
print(names(step.next_functions))
step = step.next_functions[0][0]
print(names(step.next_functions))
step = step.next_functions[0][0]
print(names(step.next_functions), step.variable is a)

out.backward()
print(a.grad)
print(a.is_leaf, b.is_leaf, out.is_leaf, a.requires_grad, d.requires_grad)

a = torch.ones(2, 3, requires_grad=True)
print(a)
b1 = 2 * a
print(b1)
a.requires_grad = False
b2 = 2 * a
print(b2)

a = torch.ones(2, 3, requires_grad=True) * 2
b = torch.ones(2, 3, requires_grad=True) * 3
print(a + b)
with torch.no_grad():
    c2 = a + b
print(c2)
print(a * b)


def add_tensors1(x, y):
    return x + y


@torch.no_grad()
def add_tensors2(x, y):
    return x + y


@torch.enable_grad()
def add_tensors3(x, y):
    return x + y


print(add_tensors1(a, b), add_tensors2(a, b), sep="\n")
with torch.no_grad():
    print(torch.is_grad_enabled(), add_tensors3(a, b))
    with torch.enable_grad():
        print(torch.is_grad_enabled(), a - b)
with torch.set_grad_enabled(False):
    print((a - b).requires_grad)
with torch.inference_mode():
    quiet = a * b
    print(quiet, quiet.is_inference())

torch.manual_seed(5)
x = torch.rand(5, requires_grad=True)
y = x.detach()
print(x, y, sep="\n")
print(y.data_ptr() == x.data_ptr())
try:
    x.numpy()
except RuntimeError as error:
    print(error)

a = torch.linspace(0.0, 2.0 * math.pi, steps=25, requires_grad=True)
try:
    torch.sin_(a)
except RuntimeError as error:
    print(error)
b = a.exp()
b.add_(1)
try:
    b.sum().backward()
except RuntimeError as error:
    print(error)

torch.manual_seed(11)
x = torch.randn(3, requires_grad=True)
y = x * 2
while y.data.norm() < 1000:
    y = y * 2
print(y)
try:
    y.backward()
except RuntimeError as error:
    print(error)
v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float)
y.backward(v)
print(x.grad)


def exp_adder(x, y):
    return 2 * x.exp() + 3 * y


inputs = (torch.rand(1), torch.rand(1))
print(inputs)
print(torch.autograd.functional.jacobian(exp_adder, inputs))
inputs = (torch.rand(3), torch.rand(3))
print(inputs)
print(torch.autograd.functional.jacobian(exp_adder, inputs))


def do_some_doubling(x):
    y = x * 2
    while y.data.norm() < 1000:
        y = y * 2
    return y


inputs = torch.randn(3)
my_gradients = torch.tensor([0.1, 1.0, 0.0001])
print(torch.autograd.functional.vjp(do_some_doubling, inputs, v=my_gradients))


def cubes(x):
    return (x**3).sum()


x = torch.tensor([1.0, 2.0, 3.0])
print(torch.autograd.functional.hessian(cubes, x))
print(torch.autograd.functional.hvp(cubes, x, torch.ones(3)))
print(torch.autograd.functional.vhp(cubes, x, torch.tensor([1.0, 0.0, 2.0])))
print(torch.autograd.functional.jvp(lambda t: t**2, x, torch.ones(3)))
print(torch.autograd.functional.hessian(lambda p, q: (p * q).sum() ** 2, (x, x + 1)))
