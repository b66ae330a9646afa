"""Sparse tensors: made, printed, added, multiplied, differentiated, saved; and tensors on the meta device."""

import copy
import io
import pickle

import torch

torch.sparse.check_sparse_tensor_invariants.enable()
i = torch.tensor([[0, 1, 1], [2, 0, 2]])
v = torch.tensor([3.0, 4.0, 5.0])
s = torch.sparse_coo_tensor(i, v, (2, 4))
c = s.coalesce()
twice = torch.sparse_coo_tensor(torch.tensor([[1, 0, 1], [3, 2, 3]]), v, (2, 4))
d = torch.arange(8.0).view(2, 4)
print(s.layout, s.is_sparse, s.dtype, s.device, s.requires_grad, s.is_leaf, s.ndim, len(s), s.numel())
print(isinstance(s, torch.Tensor), s.sparse_dim(), s.dense_dim(), s._nnz(), s.size(1), d.sparse_dim())
print(c.indices(), c.values(), twice, twice.coalesce(), twice.to_dense())
print(torch.sparse_coo_tensor(i, v), torch.sparse_coo_tensor((2, 3)))
print(torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.ones(2, 3), (3, 3)))
print(torch.sparse_coo_tensor([[0], [1]], [2], (2, 2)), s.to(torch.float64))
print(d.to_sparse(), d.to_sparse(1), d.to_sparse_csr(), d.to_sparse(layout=torch.sparse_csr).to_dense())
print(torch.sparse_csr_tensor(torch.tensor([0, 1, 3]), torch.tensor([2, 0, 2]), v, (2, 4)) @ d.t())


def outcome(name, f):
    try:
        print(name, f())
    except (RuntimeError, TypeError) as e:
        print(name, type(e).__name__, str(e).split(". ")[0])


print(s + s, c - c, d + s, d.clone().add_(s), s * 2, 2 * s, s * d, d * s, c * c, s / 2, c**2, -s, sep="\n")
print((c + twice).coalesce().to_dense(), s.relu(), s.sqrt().to_dense(), s.bool(), s.isnan(), sep="\n")
print(s.sum(), s.norm(), s.any(), torch.sparse.sum(s), torch.sparse.sum(s, 0), torch.sparse.sum(s, [0, 1]))
print(torch.sparse.softmax(s, 1), torch.sparse.log_softmax(c, 1).to_dense())
print(s.t(), s.permute(1, 0).to_dense(), s[0], s[0, 2], s.index_select(0, torch.tensor([1])), s.unsqueeze(0))
print(torch.cat([s, s]), torch.stack([s, s]).shape, d.sparse_mask(c), [row._nnz() for row in s])
print(torch.mm(s, d.t()), s @ d.t(), d.t() @ s, s @ s.t(), torch.sparse.mm(s, d.t()), torch.mv(s, torch.ones(4)))
print(torch.smm(s, d.t()), torch.spmm(s, d.t()), torch.addmm(torch.ones(2, 2), s, d.t()), s @ torch.ones(4))
print(torch.sparse.addmm(torch.ones(2, 2), s, d.t(), beta=2), torch.nn.functional.linear(s, torch.ones(3, 4)))
print(c.clone().is_coalesced(), (s + s).is_coalesced(), (c * 2).is_coalesced(), c.t().is_coalesced())
print(copy.deepcopy(s), pickle.loads(pickle.dumps(c)).is_coalesced())
buffer = io.BytesIO()
torch.save({"s": s, "csr": c.to_sparse_csr()}, buffer)
buffer.seek(0)
print(torch.load(buffer))

outcome("uncoalesced", lambda: s.indices())
outcome("dense", lambda: d.indices())
outcome("dense", lambda: d.coalesce())
outcome("sizes", lambda: torch.sparse_coo_tensor(i[:, :1], v[:2], (2, 4)))
outcome("sizes", lambda: torch.sparse_coo_tensor(i, v, (2,)))
outcome("index", lambda: torch.sparse_coo_tensor(i + 1, v, (2, 4)))
outcome("index", lambda: torch.sparse_coo_tensor(i - 1, v, (2, 4)))
outcome("add", lambda: s + d)
outcome("add", lambda: s + 1)
outcome("numpy", lambda: s.numpy())
outcome("view", lambda: s.view(8))
outcome("exp", lambda: s.exp())

w = torch.sparse_coo_tensor(i, v, (2, 4), requires_grad=True)
torch.sparse.mm(w, d.t()).sum().backward()
print(w, w.grad)
u = v.clone().requires_grad_()
x = torch.sparse_coo_tensor(i, u, (2, 4))
y = torch.sparse.mm(x, d.t())
y.pow(2).sum().backward()
print(x, y, u.grad)
a = d.clone().requires_grad_()
y = a.to_sparse()
z = y.to_dense()
(z * z).sum().backward()
print(y, z, a.grad)

table = torch.nn.Embedding(4, 2, sparse=True)
torch.nn.init.ones_(table.weight)
table(torch.tensor([1, 1, 3])).sum().backward()
first = table.weight.grad
table(torch.tensor([0])).sum().backward()
print(table.weight.grad, table.weight.grad is first)
optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
optimizer.step()
optimizer.zero_grad(set_to_none=False)
print(table.weight, table.weight.grad)
bag = torch.nn.EmbeddingBag(4, 2, sparse=True, mode="sum")
torch.nn.init.ones_(bag.weight)
adam = torch.optim.SparseAdam(bag.parameters(), lr=0.1)
bag(torch.tensor([[0, 2], [2, 2]])).sum().backward()
adam.step()
print(bag.weight, bag.weight.grad.coalesce().values())

m = torch.empty(2, 3, device="meta")
print(m, m + 1, m.sum(), m.t().shape, torch.rand(2, device="meta"), (m * torch.ones((), device="meta")).dtype)
layer = torch.nn.Linear(2, 3, device="meta")
print(layer.weight, layer.to_empty(device="cpu").weight.shape)
outcome("copy", lambda: m.to("cpu"))
outcome("item", lambda: m.sum().item())
with torch.device("meta"):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
print({p.device.type for p in model.parameters()})
model.load_state_dict({k: torch.zeros(t.shape) for k, t in model.state_dict().items()}, assign=True)
print({p.device.type for p in model.parameters()})
