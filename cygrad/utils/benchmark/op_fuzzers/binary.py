"""Inputs of operators of two tensors."""

import cygrad

from ..utils.fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias  # noqa: F401


def sizes(prefix="k"):
    """Three sizes: powers of two mostly, else any number."""
    powers = {2**i: 1 / 11 for i in range(4, 15)}
    return [FuzzedParameter(f"{prefix}{i}", distribution=powers) for i in range(3)]


def steps(name):
    """Steps of a tensor's dimensions: mostly 1."""
    return [FuzzedParameter(f"{name}_step_{i}", distribution={1: 0.8, 2: 0.1, 4: 0.1}) for i in range(3)]


class BinaryOpFuzzer(Fuzzer):
    """Tensors `x` and `y` of one shape of one to three dimensions, in different layouts."""

    def __init__(self, seed, dtype=cygrad.float32, cuda=False):
        def tensor(name):
            return FuzzedTensor(
                name, size=("k0", "k1", "k2"), steps=tuple(f"{name}_step_{i}" for i in range(3)),
                probability_contiguous=0.75, min_elements=4 * 1024, max_elements=32 * 1024**2,
                max_allocation_bytes=2 * 1024**3, dim_parameter="dim", dtype=dtype, cuda=cuda,
            )  # fmt: skip

        dim = FuzzedParameter("dim", distribution={1: 0.25, 2: 0.5, 3: 0.25}, strict=True)
        super().__init__([dim, sizes(), steps("x"), steps("y")], [tensor("x"), tensor("y")], seed=seed)
