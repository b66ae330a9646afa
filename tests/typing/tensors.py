"""Tensors and functions with types.  Read by mypy and pyright, not run."""

import numpy as np

import cygrad as torch
import cygrad.nn.functional as F

x = torch.randn(3, 4, requires_grad=True)
y: torch.Tensor = torch.cat([x, x], dim=1) @ torch.ones(8, 1)
z: torch.Tensor = 2 * x + x / 3 - x**2
rows: int = x.shape[0]
size: torch.Size = x.size()
count: int = x.size(0) + x.numel() + x.dim()
values, indices = x.max(dim=1)
largest: torch.Tensor = x.max()
top = torch.topk(x, 2)
best: torch.Tensor = top.values + x.sort(dim=1).values[:, :2]
parts: tuple[torch.Tensor, ...] = x.split(2)
same: bool = torch.allclose(x, x) and torch.equal(x, x) and torch.is_tensor(x)
kind: torch.dtype = torch.promote_types(torch.float32, torch.int64)
where: torch.device = x.device
array = x.detach().numpy()
back: torch.Tensor = torch.from_numpy(np.zeros(3))
chosen: torch.Tensor = torch.where(x > 0, x, 0.0)
place: tuple[torch.Tensor, ...] = torch.where(x > 0)
u: torch.Tensor = torch.linalg.norm(x) + torch.fft.fft(x).abs() + torch.special.erf(x)
for row in x:
    row.sum().backward()
loss: torch.Tensor = F.cross_entropy(x, torch.tensor([0, 1, 2])) + F.gelu(x, approximate="tanh").mean()
with torch.no_grad(), torch.inference_mode():
    x.add_(1).clamp_(min=0).mul_(2.0)
generator: torch.Generator = torch.manual_seed(1)
noise: torch.Tensor = torch.rand(2, 3, generator=generator, dtype=torch.float64, device="cpu")
gradient = torch.autograd.grad(x.sum(), x)[0]
number: float = float(x.sum()) + x.mean().item()
text: str = str(x) + torch.get_float32_matmul_precision()
flat: torch.Tensor = x.permute(1, 0).reshape(-1, 2).unsqueeze(0).view(-1)[::2]
