"""What the text of a call may name besides Python's literals: `torch`, `F` (torch.nn.functional), `T`, `inf`, `nan`."""

import math

DTYPES = (
    "float32", "float64", "int64", "int32", "bool", "uint8", "int8", "int16", "float16", "bfloat16", "complex64",
    "complex128",
)  # fmt: skip
FORMS = (
    "plain", "grad", "transposed", "stepped", "offset", "expanded", "overlapping", "empty", "zeros", "ones", "nan",
    "large",
    "negative", "index", "meta", "channels_last", "conj", "neg", "sparse", "csr", "square", "inference", "reversed",
    "parameter", "column",
)  # fmt: skip
HUGE = "huge"


class Names(dict):
    """The names of one call's text in `library`; `leaves` are the tensors that were made to require a gradient."""

    def __init__(self, library, device="cpu"):
        self.torch = library
        self.device = device
        self.leaves = []
        super().__init__(
            torch=library, F=library.nn.functional, T=self.T, inf=math.inf, nan=math.nan
        )

    def T(self, dtype, *shape, form="plain"):
        """A tensor of the shape with values that its dtype and shape determine."""
        torch = self.torch
        kind = getattr(torch, dtype)
        if not all(isinstance(n, int) for n in shape):
            raise TypeError("T: a shape is of integers")
        if form == "huge":  # more elements than any loop gets through
            return torch.ones(1, dtype=kind, device=self.device).expand(*shape, 2**40)
        count = math.prod(shape)
        if count > 2**24 or form == "empty":  # not filled, and so quick to refuse
            return torch.empty(shape, dtype=kind, device=self.device)
        if count > 2**14:
            return torch.ones(shape, dtype=kind, device=self.device)
        values = [((i * 37 + 11) % 101 - 50) / 16 for i in range(count)]
        if form == "nan":
            values = [
                math.nan if i % 3 == 0 else math.inf if i % 3 == 1 else x
                for i, x in enumerate(values)
            ]
        elif form == "large":
            values = [x * 1e30 for x in values]
        elif form in ("zeros", "ones"):
            values = [float(form == "ones")] * count
        elif form == "negative":
            values = [-1 - abs(x) for x in values]
        if form == "index":
            values = [(i * 7) % 3 for i in range(count)]
        if kind == torch.bool:
            x = torch.tensor([x > 0 for x in values], dtype=kind)
        elif not (kind.is_floating_point or kind.is_complex):
            values = [
                0
                if math.isnan(x)
                else max(-(2.0**31), min(x * 16 if form != "index" else x, 2.0**31))
                for x in values
            ]
            x = torch.tensor([int(x) for x in values], dtype=torch.int64).to(kind)
        elif kind.is_complex:
            x = torch.tensor([complex(x, 1 - x / 2) for x in values], dtype=kind)
        else:
            x = torch.tensor(values, dtype=torch.float64).to(kind)
        x = x.reshape(shape)
        if self.device != "cpu":
            x = x.to(self.device)
        return getattr(self, "_" + form, lambda x: x)(x)

    def _grad(self, x):
        if x.dtype.is_floating_point or x.dtype.is_complex:
            x.requires_grad_()
            self.leaves.append(x)
        return x

    def _parameter(self, x):
        return self.torch.nn.Parameter(x, requires_grad=x.dtype.is_floating_point)

    def _transposed(self, x):
        return x.permute(*range(x.dim())[::-1]).contiguous().permute(*range(x.dim())[::-1])

    def _stepped(self, x):
        return self.torch.stack([x, x], -1)[..., 0]

    def _column(self, x):
        return self.torch.stack([x, x], 0)[1]

    def _offset(self, x):
        return self.torch.cat([x.reshape(-1)[:1], x.reshape(-1)])[
            -x.numel() or x.numel() :
        ].reshape(x.shape)

    def _expanded(self, x):
        return x[:1].expand(x.shape) if x.dim() and x.shape[0] else x

    def _overlapping(self, x):
        return x.reshape(-1).as_strided(x.shape, (1,) * x.dim()) if x.numel() else x

    def _meta(self, x):
        return x.to("meta")

    def _channels_last(self, x):
        return x.contiguous(memory_format=self.torch.channels_last) if x.dim() == 4 else x

    def _conj(self, x):
        return x.conj()

    def _neg(self, x):
        return self.torch._neg_view(x)

    def _sparse(self, x):
        return x.to_sparse()

    def _csr(self, x):
        return x.to_sparse_csr()

    def _square(self, x):
        n = x.shape[-1] if x.dim() else 1
        return x.reshape(-1)[:1].expand(n * n).reshape(n, n) + self.torch.eye(n, dtype=x.dtype)

    def _inference(self, x):
        with self.torch.inference_mode():
            return x.clone()

    def _reversed(self, x):
        return x.flip(0) if x.dim() else x
