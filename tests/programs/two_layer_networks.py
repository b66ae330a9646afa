"""One two-layer network four times: gradients by hand, Variable, a Module, no_grad."""

import torch
from torch.autograd import Variable

batch_n, hidden_layer, input_data, output_data = 100, 100, 1000, 10
epoch_n, learning_rate = 20, 1e-6


def draw(**keywords):
    torch.manual_seed(42)
    shapes = [
        (batch_n, input_data),
        (batch_n, output_data),
        (input_data, hidden_layer),
        (hidden_layer, output_data),
    ]
    return [torch.randn(*shape) for shape in shapes]


x, y, w1, w2 = draw()
print(x[0, :5], y[0, :5], w1[0, :5], w2[0, :5], sep="\n")
for epoch in range(epoch_n):
    h1 = x.mm(w1)
    h1 = h1.clamp(min=0)
    y_pred = h1.mm(w2)
    loss = (y_pred - y).pow(2).sum()
    print("Epoch:{}, Loss:{:.4g}".format(epoch, loss))
    grad_y_pred = 2 * (y_pred - y)
    grad_w2 = h1.t().mm(grad_y_pred)
    grad_h = grad_y_pred.clone()
    grad_h = grad_h.mm(w2.t())
    grad_h.clamp_(min=0)
    grad_w1 = x.t().mm(grad_h)
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2

x, y, w1, w2 = draw()
x, y = Variable(x, requires_grad=False), Variable(y, requires_grad=False)
w1, w2 = Variable(w1, requires_grad=True), Variable(w2, requires_grad=True)
for epoch in range(epoch_n):
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    print("Epoch:{},Loss:{:.4g}".format(epoch, loss))
    loss.backward()
    w1.data -= learning_rate * w1.grad.data
    w2.data -= learning_rate * w2.grad.data
    w1.grad.data.zero_()
    w2.grad.data.zero_()


class Model(torch.nn.Module):
    def __init__(self):
        super(Model, self).__init__()

    def forward(self, input_n, w1, w2):
        x = torch.mm(input_n, w1)
        x = torch.clamp(x, min=0)
        return torch.mm(x, w2)

    def backward(self):
        pass


model = Model()
print(model, list(model.parameters()))
x, y, w1, w2 = draw()
w1, w2 = Variable(w1, requires_grad=True), Variable(w2, requires_grad=True)
for epoch in range(epoch_n):
    loss = (model(x, w1, w2) - y).pow(2).sum()
    if epoch % 5 == 4:
        print("Epoch:{},Loss:{:.4g}".format(epoch, loss.data))
    loss.backward()
    w1.data -= learning_rate * w1.grad.data
    w2.data -= learning_rate * w2.grad.data
    w1.grad.data.zero_()
    w2.grad.data.zero_()

x, y, w1, w2 = draw()
w1.requires_grad_(True)
w2.requires_grad_(True)
for _ in range(epoch_n):
    loss = (x.mm(w1).relu().mm(w2) - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w1 -= learning_rate * w1.grad
        w2 -= learning_rate * w2.grad
        w1.grad = None
        w2.grad = None
print("{:.4g}".format(loss.item()))
