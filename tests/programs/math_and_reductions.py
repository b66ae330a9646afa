"""Arithmetic, comparison, bits, reductions, scans, promotion; their twins in place and by out=."""

import math

import torch

a = torch.tensor([[1.0, -2.0, 3.5], [0.25, 4.0, -6.0]])
b = torch.tensor([[2.0, 4.0, -1.0], [0.5, 3.0, 2.0]])
i = torch.tensor([7, -7, 12, 5])
j = torch.tensor([2, 2, -5, 5])
print(a + b, a - b, a * b, a / b, a**2, -a, +a, abs(a), sep="\n")
print(
    a // b,
    a % b,
    i // j,
    i % j,
    i / j,
    torch.fmod(i, j),
    torch.div(i, j, rounding_mode="trunc"),
    sep="\n",
)
print(2 - a, 2 / b, 2**b, 7 // j, 7 % j, i.pow(2), 2 ** torch.arange(4), sep="\n")
print(
    divmod(7, 2),
    torch.remainder(a, 1.5),
    torch.true_divide(i, 2),
    torch.floor_divide(i, 2),
    sep="\n",
)
print(
    torch.add(a, b, alpha=10),
    torch.addcmul(a, a, b, value=0.5),
    torch.lerp(a, b, 0.25),
    torch.rsub(a, 1),
    sep="\n",
)
for f in (
    torch.exp,
    torch.log1p,
    torch.sqrt,
    torch.rsqrt,
    torch.sin,
    torch.tanh,
    torch.sigmoid,
    torch.erf,
):
    print(f.__name__, f(b.abs() / 2))
for f in (
    torch.floor,
    torch.ceil,
    torch.round,
    torch.trunc,
    torch.frac,
    torch.sign,
    torch.neg,
    torch.relu,
    torch.square,
):
    print(f.__name__, f(a))
print(
    torch.log(torch.tensor([0.0, 1.0, -1.0])),
    torch.tensor([1.0, 0.0, -1.0]) / 0,
    torch.sqrt(torch.tensor(-1.0)),
)
print(
    torch.atan2(a, b),
    torch.hypot(a, b),
    torch.maximum(a, b),
    torch.minimum(a, b),
    torch.clamp(a, -1, 2),
    a.clip(min=0),
    sep="\n",
)
print(
    torch.isnan(torch.tensor([1, math.nan])),
    torch.isinf(torch.tensor([math.inf])),
    torch.isfinite(a).all(),
)

print(a == b, a != b, a < b, a >= 1, torch.gt(a, b), torch.le(a, 1), sep="\n")
print(
    torch.equal(a, a.clone()),
    torch.allclose(a, a + 1e-9),
    torch.isclose(a, a + 0.1).any(),
    torch.eq(i, 5).any(),
)
print((a > 0) & (b > 0), (a > 0) | (b > 3), ~(a > 0), (a > 0) ^ (b > 0), sep="\n")
print(
    torch.logical_and(i, j),
    torch.logical_not(torch.tensor([0, 1])),
    torch.logical_xor(i > 0, j > 0),
)
print(
    i & j,
    i | j,
    i ^ j,
    ~i,
    i << 1,
    i >> 1,
    torch.bitwise_and(i, 3),
    torch.bitwise_not(j),
    torch.bitwise_or(i, 1),
    sep="\n",
)

print(
    a.sum(), a.sum(0), a.sum(1, keepdim=True), a.mean(), a.mean(dim=1), a.sum(dim=(0, 1)), sep="\n"
)
print(
    a.std(),
    a.var(),
    a.std(dim=0),
    a.var(1, unbiased=False),
    torch.var_mean(a, dim=1),
    torch.std(a, correction=0),
    sep="\n",
)
print(
    a.max(),
    a.min(),
    a.max(dim=0),
    a.min(1, keepdim=True),
    a.argmax(),
    a.argmin(dim=1),
    torch.aminmax(a),
    sep="\n",
)
print(
    a.prod(), a.prod(1), a.amax(1), a.amin((0, 1)), a.median(), a.norm(), a.logsumexp(1), sep="\n"
)
print(
    (a > 0).all(),
    (a > 0).any(dim=1),
    (a > 0).sum(),
    torch.count_nonzero(a),
    i.sum(),
    i.prod(),
    (i > 0).sum(dtype=torch.int32),
)
print(a.cumsum(1), a.cumprod(0), torch.cummax(a, 1), i.cumsum(0), torch.diff(i), sep="\n")
print(a.sort(descending=True), a.argsort(dim=0), a.topk(2), a.kthvalue(2), sep="\n")
print(
    torch.softmax(a, 1),
    torch.log_softmax(a, dim=1),
    torch.quantile(a, 0.5),
    torch.nansum(torch.tensor([1.0, math.nan])),
    sep="\n",
)
print(
    torch.bincount(torch.tensor([0, 1, 1, 3])),
    torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3),
)
print(
    torch.unique(torch.tensor([3, 1, 2, 1])),
    torch.unique(torch.tensor([1, 3, 1]), return_inverse=True, return_counts=True),
)
print(
    torch.sum(torch.ones(0)),
    torch.prod(torch.ones(0)),
    torch.mean(torch.ones(0)),
    torch.ones(0, 3).sum(0),
)

print(
    a @ b.t(),
    torch.mm(a, b.T),
    torch.matmul(a, b[0]),
    torch.dot(a[0], b[0]),
    torch.outer(a[0], b[1]),
    sep="\n",
)
print(
    torch.bmm(a.view(2, 1, 3), b.view(2, 3, 1)),
    torch.einsum("ij,kj->ik", a, b),
    torch.addmm(torch.ones(2, 2), a, b.t(), beta=2),
    sep="\n",
)
print(
    torch.tensordot(a, b, dims=2),
    torch.trace(a @ b.t()),
    torch.kron(torch.eye(2), torch.ones(1, 2)),
    sep="\n",
)

x = torch.ones(3, dtype=torch.int32)
pairs = [
    x + 1,
    x + 1.5,
    x + x.double(),
    x * True,
    x / x,
    x + torch.tensor(1.5),
    x.half() + x,
    x.bool() + x,
    x.to(torch.uint8) + x.char(),
]
print([str(p.dtype) for p in pairs])
print(
    torch.result_type(x, 1.0),
    torch.promote_types(torch.int8, torch.float16),
    torch.can_cast(torch.float32, torch.int32),
)
for method in (
    "float",
    "double",
    "half",
    "bfloat16",
    "int",
    "long",
    "short",
    "char",
    "byte",
    "bool",
):
    print(method, getattr(torch.tensor([-1.7, 0.0, 2.9]).abs(), method)())
print(
    x.type(),
    torch.ones(1).type(torch.int64),
    x.to("cpu", torch.float64),
    torch.ones(1).type_as(x),
    x.is_floating_point(),
)
print(
    torch.tensor([1, 2.5]).dtype,
    torch.tensor([True, 2]).dtype,
    torch.arange(3.0).dtype,
    torch.arange(3).dtype,
)
torch.set_default_dtype(torch.float64)
print(torch.ones(2), torch.tensor(1.5), torch.get_default_dtype())
torch.set_default_dtype(torch.float32)

c = torch.tensor([1.0, 4.0, 9.0])
print(
    c.sqrt_(),
    c.mul_(2).add_(1),
    c.neg_().abs_(),
    c.zero_(),
    c.fill_(3).div_(2),
    c.copy_(torch.arange(3)),
    c.pow_(2),
    sep="\n",
)
out = torch.empty(0)
print(torch.add(a, b, out=out) is out, out)
print(
    torch.sum(a, dim=0, out=torch.empty(3)),
    torch.cat([a, b], out=torch.empty(4, 3)),
    torch.exp(torch.zeros(2), out=torch.ones(2)),
    sep="\n",
)
d = torch.arange(5.0)
d += 1
d *= 2
d -= 0.5
d /= 2
d **= 2
d //= 1
d %= 5
print(d)
e = torch.arange(4)
e &= 3
e |= 4
e <<= 1
print(e, e.float().mean(), e.numel(), e.nelement(), e.dim(), e.ndim, e.element_size(), e.nbytes)
