"""Inputs of operators of one tensor."""

import cygrad

from ..utils.fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias  # noqa: F401
from .binary import sizes, steps


class UnaryOpFuzzer(Fuzzer):
    """A tensor `x` of one to three dimensions, in different layouts."""

    def __init__(self, seed, dtype=cygrad.float32, cuda=False):
        x = FuzzedTensor(
            "x", size=("k0", "k1", "k2"), steps=("x_step_0", "x_step_1", "x_step_2"),
            probability_contiguous=0.75, min_elements=4 * 1024, max_elements=32 * 1024**2,
            max_allocation_bytes=2 * 1024**3, dim_parameter="dim", dtype=dtype, cuda=cuda,
        )  # fmt: skip
        dim = FuzzedParameter("dim", distribution={1: 0.25, 2: 0.5, 3: 0.25}, strict=True)
        super().__init__([dim, sizes(), steps("x")], [x], seed=seed)
