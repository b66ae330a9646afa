"""The tour of the tensor class: one seeded stream of random numbers from first to last."""

import math

import numpy as np
import torch

x = torch.empty(3, 4)
print(type(x), x.shape, x.dtype)

zeros = torch.zeros(2, 3)
ones = torch.ones(2, 3)
torch.manual_seed(1729)
random = torch.rand(2, 3)
print(zeros, ones, random, sep="\n")

torch.manual_seed(1729)
random1 = torch.rand(2, 3)
random2 = torch.rand(2, 3)
torch.manual_seed(1729)
random3 = torch.rand(2, 3)
random4 = torch.rand(2, 3)
print(random1, random2, random3, random4, sep="\n")

x = torch.empty(2, 2, 3)
print(x.shape)
for like in (torch.empty_like, torch.zeros_like, torch.ones_like, torch.rand_like):
    y = like(x)
    print(like.__name__, y.shape)
    if like is not torch.empty_like:
        print(y)

print(torch.tensor([[3.1415926, 2.71828], [1.61803, 0.0072897]]))
print(torch.tensor((2, 3, 5, 7, 11, 13, 17, 19)))
print(torch.tensor(((2, 4, 6), [3, 6, 9])))

a = torch.ones((2, 3), dtype=torch.int16)
b = torch.rand((2, 3), dtype=torch.float64) * 20.0
c = b.to(torch.int32)
print(a, b, c, sep="\n")

ones = torch.zeros(2, 2) + 1
twos = torch.ones(2, 2) * 2
threes = (torch.ones(2, 2) * 7 - 1) / 2
fours = twos**2
sqrt2s = twos**0.5
print(ones, twos, threes, fours, sqrt2s, sep="\n")
print(twos ** torch.tensor([[1, 2], [3, 4]]))
print(ones + fours)
print(threes * fours)

rand = torch.rand(2, 4)
doubled = rand * (torch.ones(1, 4) * 2)
print(rand, doubled, sep="\n")
a = torch.ones(4, 3, 2)
print(a * torch.rand(3, 2))
print(a * torch.rand(3, 1))
print(a * torch.rand(1, 2))

a = torch.rand(2, 4) * 2 - 1
print(torch.abs(a), torch.ceil(a), torch.floor(a), torch.clamp(a, -0.5, 0.5), sep="\n")
angles = torch.tensor([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
sines = torch.sin(angles)
inverses = torch.asin(sines)
print(angles, sines, inverses, sep="\n")
b = torch.tensor([1, 5, 11])
c = torch.tensor([2, 7, 10])
print(torch.bitwise_xor(b, c))
d = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
e = torch.ones(1, 2)
print(torch.eq(d, e))
print(torch.max(d), torch.max(d).item(), torch.mean(d), torch.std(d), torch.prod(d), sep="\n")
m1 = torch.rand(2, 2)
m2 = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
print(m1)
print(torch.matmul(m1, m2))

a = torch.tensor([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
print(a, torch.sin(a), a, sep="\n")
b = torch.tensor([0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
print(b, torch.sin_(b), b, sep="\n")
a = torch.ones(2, 2)
b = torch.rand(2, 2)
print(a, b, sep="\n")
print(a.add_(b), a, b, sep="\n")
print(b.mul_(b), b, sep="\n")

a = torch.rand(2, 2)
b = torch.rand(2, 2)
c = torch.zeros(2, 2)
old_id = id(c)
print(c)
d = torch.matmul(a, b, out=c)
print(c)
assert c is d
assert id(c) == old_id
torch.rand(2, 2, out=c)
print(c)
assert id(c) == old_id

a = torch.ones(2, 2)
b = a
a[0][1] = 561
print(b)
a = torch.ones(2, 2)
b = a.clone()
assert b is not a
print(torch.eq(a, b))
a[0][1] = 561
print(b)
a = torch.rand(2, 2, requires_grad=True)
b = a.clone()
c = a.detach().clone()
print(a, b, c, a, sep="\n")

my_device = torch.device("cpu")
print(f"Device: {my_device}", repr(my_device))
y = torch.rand(2, 2)
y = y.to(my_device)
print(y.device)
try:
    torch.rand(2, 2, device="gpu")
except RuntimeError as error:
    print(str(error).split(":")[0])

a = torch.rand(3, 226, 226)
b = a.unsqueeze(0)
print(a.shape, b.shape)
c = torch.rand(1, 1, 1, 1, 1)
print(c)
a = torch.rand(1, 20)
print(a.shape, a, sep="\n")
b = a.squeeze(0)
print(b.shape, b, sep="\n")
c = torch.rand(2, 2)
d = c.squeeze(0)
print(c.shape, d.shape)
a = torch.ones(4, 3, 2)
print(a * torch.rand(3, 1))
b = torch.rand(3)
c = b.unsqueeze(1)
print(c.shape)
print(a * c)
batch_me = torch.rand(3, 226, 226)
print(batch_me.shape)
batch_me.unsqueeze_(0)
print(batch_me.shape)
output3d = torch.rand(6, 20, 20)
print(output3d.shape)
print(output3d.reshape(6 * 20 * 20).shape)
print(torch.reshape(output3d, (6 * 20 * 20,)).shape)

numpy_array = np.ones((2, 3))
print(numpy_array)
pytorch_tensor = torch.from_numpy(numpy_array)
print(pytorch_tensor)
pytorch_rand = torch.rand(2, 3)
print(pytorch_rand)
numpy_rand = pytorch_rand.numpy()
print(numpy_rand)
numpy_array[1, 1] = 23
print(pytorch_tensor)
pytorch_rand[1, 1] = 17
print(numpy_rand)
