"""autograd.backward and its arguments; autograd.grad; retain_grad, hooks; higher derivatives."""

import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = torch.stack([x[0] ** 2 + x[1], x[1] * x[2], x.sum()])
print(y)
torch.autograd.backward(y, grad_tensors=torch.tensor([1.0, 0.5, 2.0]))
print(x.grad)
a = torch.tensor(2.0, requires_grad=True)
b = torch.tensor(5.0, requires_grad=True)
torch.autograd.backward([a * b, (a + b) ** 2])
print(a.grad, b.grad)
torch.autograd.backward(
    (a * b, torch.stack([a, b])), (None, torch.tensor([10.0, 100.0])), retain_graph=True
)
print(a.grad, b.grad)


def attempt(title, f):
    try:
        print(title, f())
    except (RuntimeError, ValueError, TypeError) as error:
        print(f"{title}: {type(error).__name__}: {error}")


attempt("no scalar", lambda: torch.autograd.backward(torch.stack([a, b])))
attempt("no graph", lambda: torch.autograd.backward(torch.ones(1)))
attempt("wrong shape", lambda: torch.stack([a, b]).backward(torch.ones(3)))
attempt("lengths", lambda: torch.autograd.backward([a * b, a], [torch.ones(())]))

y = a.exp() * b
y.backward(retain_graph=True)
y.backward()
attempt("twice", y.backward)
print(a.grad, b.grad)

x = torch.tensor(3.0, requires_grad=True)
y = x**4
(first,) = torch.autograd.grad(y, x, create_graph=True)
(second,) = torch.autograd.grad(first, x, create_graph=True)
(third,) = torch.autograd.grad(second, x)
print(first, second, third, x.grad)
y = x**3
y.backward(create_graph=False, retain_graph=True)
print(x.grad)
x.grad.zero_()
x.grad = None
print(x.grad)

u = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([3.0, 4.0], requires_grad=True)
attempt("unused", lambda: torch.autograd.grad((u * 2).sum(), [u, v]))
print(torch.autograd.grad((u * 2).sum(), [u, v], allow_unused=True))
print(torch.autograd.grad((u * 2).sum(), [u, v], materialize_grads=True))
print(torch.autograd.grad(u * v, [u, v], grad_outputs=torch.tensor([1.0, 10.0])))
attempt("not tracked", lambda: torch.autograd.grad(u.detach().sum(), u))

# A gradient penalty needs the gradient of a gradient's norm.
w = torch.tensor([0.5, -1.0], requires_grad=True)
out = (w * u).sigmoid().sum()
(g,) = torch.autograd.grad(out, u, create_graph=True)
penalty = (g.norm() - 1) ** 2
penalty.backward()
print(penalty, w.grad)

x = torch.tensor([2.0], requires_grad=True)
y = x**2 + 3 * x + 1
y.retain_grad()
z = y.mean()
z.backward()
print(y.grad, x.grad, y.retains_grad, y.is_leaf)


def variable_hook(grad):
    print("gradient of y:", grad)


torch.manual_seed(2)
x = torch.ones(3, requires_grad=True)
w = torch.rand(3, requires_grad=True)
y = x * w
hook_handle = y.register_hook(variable_hook)
z = y.sum()
z.backward()
hook_handle.remove()
(x * w).sum().backward()
print(x.grad, w.grad)

x = torch.ones(3, requires_grad=True)
handle = x.register_hook(lambda grad: grad * 10)
(x * 2).sum().backward()
print(x.grad)
handle.remove()
(x * 2).sum().backward()
print(x.grad)
seen = []
x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
(x * 3).sum().backward()
print(seen)
attempt("hook on constant", lambda: torch.ones(1).register_hook(print))

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * x
y.grad_fn.register_hook(lambda inputs, outputs: print("node:", inputs, outputs))
y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 2,))
y.sum().backward()
print(x.grad)
