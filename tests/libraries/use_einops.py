"""einops: rearrange, reduce, repeat, einsum, pack and the layers, with gradients."""

import copy
import pickle

import einops
import torch
from einops import einsum, pack, parse_shape, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 4, 5, requires_grad=True)

print(rearrange(x, "b c h w -> b (h w) c")[0, :3])
print(rearrange(x, "b c (h h2) w -> (b h2) c h w", h2=2).shape)
print(rearrange([x, x], "n b c h w -> b n c h w").shape)
print(reduce(x, "b c h w -> b c", "mean"))
print(reduce(x, "b c h w -> c", "max"))
print(reduce(x.abs(), "b c h w -> h", "prod"))
print(reduce(x, "b c (h 2) w -> b c h w", "min").sum())
print(repeat(x[0, 0], "h w -> (h r) w", r=2).shape)
print(einsum(x, torch.ones(5, 2), "b c h w, w k -> b c h k").sum())
print(parse_shape(x, "b c _ w"))
packed, shapes = pack([x, x[:, :, :2]], "b c * w")
print(packed.shape, shapes, [part.shape for part in unpack(packed, shapes, "b c * w")])

rearrange(x, "b c h w -> b (c h w)").pow(2).sum().backward()
print(torch.equal(x.grad, 2 * x.detach()))

net = nn.Sequential(
    Rearrange("b c h w -> b h w c"),
    Reduce("b h w c -> b c", "mean"),
    EinMix("b c -> b d", weight_shape="c d", bias_shape="d", c=3, d=2),
)
print(net)
net(x).sum().backward()
print(net[2].weight.grad)
print(pickle.loads(pickle.dumps(net))(x).shape, copy.deepcopy(net[1])(x).shape)
print(einops.asnumpy(x.detach()).shape)

for wrong in ("b c h -> b c", "b c h w -> b c h w z", "b (c 7) h w -> b c h w"):
    try:
        rearrange(x, wrong)
    except einops.EinopsError as error:
        print(error)
