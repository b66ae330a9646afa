"""A zoo of indexing: slices, masks, lists, writing through views, gather, scatter and kin."""

import numpy as np
import torch

t = torch.arange(24).view(2, 3, 4)
print(t[0], t[-1, 0], t[1, 2, 3], t[:, 1], t[..., 0], t[:, :, -1], t[0, ..., 1:3], sep="\n")
print(
    t[None].shape,
    t[:, None].shape,
    t[..., None].shape,
    t[None, ..., None, 0].shape,
    t[True].shape,
    t[False].shape,
)
print(t[:, ::2], t[:, 1:, ::3], t[5:].shape, t[:, -2:].shape, t[:, :100].shape, sep="\n")
print(t[[1, 0]], t[[0, 1], [1, 2]], t[torch.tensor([[0, 1], [1, 0]])].shape, sep="\n")
print(t[:, [0, 2]], t[:, :, [3, 0, 0]], t[0, [2, 0], 1:], t[[0], :, [1]], sep="\n")
print(t[t > 20], t[t % 7 == 0], t[:, t[0, :, 0] > 3], t[torch.tensor([True, False])], sep="\n")
print(
    t[torch.tensor(1)],
    t[np.array([0])].shape,
    t[np.int64(1), 0],
    t[(0, 1)],
    t[slice(0, 1), 2],
    sep="\n",
)
print(
    t[torch.tensor([-1])].shape,
    t[..., torch.tensor([[0], [3]])].shape,
    t[[]].shape,
    t[torch.zeros(0).long()].shape,
)
print(t.index_select(1, torch.tensor([2, 0])), t.select(2, 1), t.narrow(2, 1, 2), sep="\n")
print(torch.take(t, torch.tensor([0, 5, 23])), t.flatten()[::5], t.masked_select(t < 3), sep="\n")
print(torch.nonzero(t > 20), (t > 20).nonzero(as_tuple=True), torch.where(t[0] > 5), sep="\n")
print(torch.where(t[0] > 5, t[0], -t[0]), torch.where(t[0] > 5, 1.0, 0.0), sep="\n")

a = torch.zeros(3, 4)
a[0] = 1
a[1, 2] = 7
a[2, 1:3] = torch.tensor([5.0, 6.0])
a[:, -1] = torch.tensor([9.0, 8.0, 7.0])
print(a)
a[a > 6] = 0
a[[0, 2], [0, 0]] = torch.tensor([-1.0, -2.0])
a[1] += 3
a[..., 1] *= 10
print(a)
row = a[0]
row.fill_(4)
a[1:].sub_(1)
print(a, row)
b = torch.arange(6)
b[b % 2 == 0] = b[b % 2 == 0] * 10
b[[1, 1, 3]] += 100
print(b)
b[torch.tensor([0, 5])] = 3
b[4:] = torch.tensor([1, 2])
print(b)
c = torch.zeros(2, 3, dtype=torch.int64)
c[:, 1] = 2.7
c[0, 0] = True
print(c)
m = torch.zeros(3, 3)
m[torch.eye(3).bool()] = torch.tensor([1.0, 2.0, 3.0])
m[2] = m[0]
print(m, m.diagonal(), m.diag(), sep="\n")

src = torch.arange(1, 11).reshape(2, 5)
print(torch.gather(src, 1, torch.tensor([[0, 0], [4, 2]])))
print(torch.zeros(3, 5, dtype=src.dtype).scatter_(0, torch.tensor([[0, 1, 2, 0]]), src))
print(torch.zeros(3, 5, dtype=src.dtype).scatter_(1, torch.tensor([[0, 1, 2], [0, 1, 4]]), src))
print(torch.full((2, 4), 2.0).scatter_(1, torch.tensor([[2], [3]]), 1.23))
print(torch.zeros(3, 2).scatter_add(0, torch.tensor([[0, 0], [2, 0]]), torch.ones(2, 2)))
print(torch.ones(5, 3).index_add_(0, torch.tensor([0, 4, 2]), torch.arange(9.0).view(3, 3)))
print(
    torch.zeros(5, 3).index_fill_(0, torch.tensor([0, 2]), -1),
    torch.zeros(2, 2).index_copy_(1, torch.tensor([1]), torch.ones(2, 1)),
)
print(
    torch.ones(3).masked_fill(torch.tensor([True, False, True]), -5.0),
    torch.zeros(4).index_put_((torch.tensor([1, 1]),), torch.tensor([2.0, 3.0]), accumulate=True),
)
print(torch.zeros(3).masked_scatter_(torch.tensor([True, False, True]), torch.tensor([7.0, 8.0])))
print(torch.nn.functional.one_hot(torch.tensor([0, 2, 1])), torch.eye(3)[[2, 0]])

x = torch.arange(6.0, requires_grad=True)
y = x.view(2, 3)
z = y[1, 1:] * 2 + y[[0, 0], [0, 1]]
z.sum().backward()
print(z, x.grad)
x.grad = None
w = torch.zeros(3)
w[1] = x[2] * 3
w[2:] = x[:1]
print(w)
(w * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
print(x.grad)
x.grad = None
x[x > 2].sum().backward()
print(x.grad)
x.grad = None
x[torch.tensor([1, 1, 4])].pow(2).sum().backward()
print(x.grad)

print(
    torch.cat([t[0], t[1]]).shape,
    torch.stack([t[0], t[1]], dim=1).shape,
    torch.cat([torch.ones(1, 2), torch.zeros(2, 2)]),
)
print(
    torch.chunk(torch.arange(7), 3),
    torch.split(torch.arange(7), 3),
    torch.split(torch.arange(6), [1, 2, 3]),
    sep="\n",
)
print(
    t.permute(2, 0, 1).shape,
    t.transpose(0, 2).shape,
    t.unbind(1)[0],
    t.movedim(0, -1).shape,
    t.flip(0)[0, 0],
    t.roll(1, 2)[0, 0],
)
print(
    t.unfold(2, 2, 1).shape,
    t.expand(2, 2, 3, 4).shape,
    t.repeat(1, 2, 1).shape,
    torch.arange(3).repeat_interleave(2),
)
print(torch.tril(torch.ones(3, 3)), torch.triu(torch.arange(9).view(3, 3), 1), sep="\n")
print(
    torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([0, 3, 6])),
    torch.bucketize(torch.tensor([2, 4]), torch.tensor([1, 3, 5])),
)
print(*torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), sep="\n")
print(
    len(t), [int(v) for v in torch.arange(3)], 3 in torch.arange(4), list(torch.tensor([1.5, 2.5]))
)
