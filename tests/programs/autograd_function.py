"""Functions with a gradient of our own: subclasses of torch.autograd.Function."""

import math

import torch
from torch.autograd import Function


class LegendrePolynomial3(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


x = torch.linspace(-math.pi, math.pi, 2000, dtype=torch.float)
y = torch.sin(x)
a, b, c, d = (torch.full((), value, requires_grad=True) for value in (0.0, -1.0, 0.0, 0.3))
for t in range(400):
    y_pred = a + b * LegendrePolynomial3.apply(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 100 == 99:
        print(t, f"{loss.item():.2f}")
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"y = {b.item():.2f} * P3({d.item():.2f} x)", max(abs(a.item()), abs(c.item())) < 1e-4)


class MyReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        grad = grad.clone()
        grad[x < 0] = 0
        return grad


x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
y = MyReLU.apply(x)
print(y, type(y.grad_fn).__name__)
y.sum().backward()
print(x.grad)


class MultiplyAdd(Function):
    @staticmethod
    def forward(ctx, w, x, b):
        ctx.save_for_backward(w, x)
        return w * x + b

    @staticmethod
    def backward(ctx, grad_output):
        w, x = ctx.saved_tensors
        print("needed:", ctx.needs_input_grad)
        return grad_output * x, grad_output * w, grad_output * 1


x = torch.ones(1)
w = torch.tensor([0.25], requires_grad=True)
b = torch.tensor([0.75], requires_grad=True)
z = MultiplyAdd.apply(w, x, b)
z.backward()
print(z, x.grad, w.grad, b.grad)


class Power(Function):
    """The exponent is no tensor; differentiable twice, since backward is made of operations."""

    @staticmethod
    def forward(ctx, x, n):
        ctx.n = n
        ctx.save_for_backward(x)
        return x**n

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ctx.n * x ** (ctx.n - 1), None


x = torch.tensor(2.0, requires_grad=True)
y = Power.apply(x, 5)
(g,) = torch.autograd.grad(y, x, create_graph=True)
(h,) = torch.autograd.grad(g, x)
print(y, g, h)
double = torch.tensor([0.3, 1.2], dtype=torch.float64, requires_grad=True)
print(torch.autograd.gradcheck(lambda v: Power.apply(v, 3), (double,)))
print(torch.autograd.gradgradcheck(lambda v: Power.apply(v, 3), (double,)))


class TwoOutputs(Function):
    @staticmethod
    def forward(ctx, x):
        values, where = x.max(0)
        ctx.mark_non_differentiable(where)
        ctx.save_for_backward(where)
        ctx.size = x.shape[0]
        return values, where

    @staticmethod
    def backward(ctx, grad, _):
        (where,) = ctx.saved_tensors
        out = torch.zeros(ctx.size)
        out[where] = grad
        return out


x = torch.tensor([1.0, 9.0, 3.0], requires_grad=True)
values, where = TwoOutputs.apply(x)
print(values, where, where.requires_grad)
values.backward()
print(x.grad)


class WithSetup(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return grad * result


x = torch.zeros(2, requires_grad=True)
WithSetup.apply(x).sum().backward()
print(x.grad)


class Wrong(Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, grad):
        return grad


try:
    Wrong.apply(torch.ones(1, requires_grad=True), torch.ones(1)).backward()
except RuntimeError as error:
    print(error)
