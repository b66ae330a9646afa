"""Inputs of operators of two sparse tensors."""

import cygrad

from ..utils.fuzzer import FuzzedParameter, Fuzzer, ParameterAlias
from ..utils.sparse_fuzzer import FuzzedSparseTensor
from .sparse_unary import parameters, tensor

__all__ = ["BinaryOpSparseFuzzer", "FuzzedParameter", "FuzzedSparseTensor", "Fuzzer", "ParameterAlias"]


class BinaryOpSparseFuzzer(Fuzzer):
    """Sparse tensors `x` and `y` of one shape."""

    def __init__(self, seed, dtype=cygrad.float32, cuda=False):
        super().__init__(parameters(), [tensor(name, dtype, cuda) for name in "xy"], seed=seed)
