"""Random sparse tensors to time operators with."""

import math

import numpy as np

import cygrad

from .fuzzer import FuzzedTensor

__all__ = ["FuzzedSparseTensor", "FuzzedTensor"]


class FuzzedSparseTensor(FuzzedTensor):
    """A named random COO tensor; sparse dimensions, elements, density and whether coalesced are names of parameters."""

    def __init__(
        self, name, size, min_elements=None, max_elements=None, dim_parameter=None, sparse_dim=None, nnz=None,
        density=None, coalesced=None, dtype=cygrad.float32, cuda=False,
    ):  # fmt: skip
        super().__init__(name=name, size=size, min_elements=min_elements, max_elements=max_elements,
                         dim_parameter=dim_parameter, dtype=dtype, cuda=cuda)  # fmt: skip
        self._density, self._coalesced, self._sparse_dim = density, coalesced, sparse_dim

    @staticmethod
    def sparse_tensor_constructor(size, dtype, sparse_dim, nnz, is_coalesced):
        """A random COO tensor with so many elements, some of them at one place unless it is to be coalesced."""
        if is_coalesced:
            places = math.prod(size[:sparse_dim])
            flat = cygrad.randperm(places)[: min(nnz, places)]
        else:
            flat = cygrad.randint(0, max(1, math.prod(size[:sparse_dim])), (nnz,))
        indices = cygrad.stack(cygrad.unravel_index(flat, size[:sparse_dim]))
        shape = (flat.numel(), *size[sparse_dim:])
        if dtype.is_floating_point or dtype.is_complex:
            values = cygrad.rand(shape, dtype=dtype)
        else:
            values = cygrad.randint(1, 127, shape, dtype=dtype)
        made = cygrad.sparse_coo_tensor(indices, values, size)
        return made.coalesce() if is_coalesced else made

    def make(self, params, state):
        """(the tensor, a dict that describes it)"""
        size, _ = self._shape(params)
        density, sparse_dim = params[self._density], min(params[self._sparse_dim], len(size))
        nnz = math.ceil(math.prod(size[:sparse_dim]) * density)
        if nnz > np.iinfo(np.int64).max:
            raise ValueError("too many elements")
        tensor = self.sparse_tensor_constructor(tuple(size), self._dtype, sparse_dim, nnz, params[self._coalesced])
        tensor = tensor.to(self._device)
        properties = {
            "numel": tensor.numel(), "shape": tensor.size(), "is_coalesced": tensor.is_coalesced(),
            "density": density, "sparsity": 1.0 - density, "sparse_dim": tensor.sparse_dim(),
            "dense_dim": tensor.dense_dim(), "is_hybrid": tensor.dense_dim() > 0, "dtype": str(self._dtype),
        }  # fmt: skip
        return tensor, properties
