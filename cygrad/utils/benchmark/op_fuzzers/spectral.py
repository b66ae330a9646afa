"""Inputs of Fourier transforms."""

import cygrad

from ..utils.fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias

__all__ = ["SpectralOpFuzzer"]


def _regular(most=4096):
    """The numbers that have no prime factors but 2, 3 and 5."""
    found = {1}
    for p in (2, 3, 5):
        found |= {n * p**i for n in found for i in range(13) if n * p**i <= most}
    return sorted(n for n in found if n >= 16)


class SpectralOpFuzzer(Fuzzer):
    """A tensor `x` of one to three dimensions, regular ones (products of 2, 3 and 5) or not."""

    def __init__(self, *, seed, dtype=cygrad.float64, cuda=False, probability_regular=1.0):
        regular = _regular()
        drawn = [FuzzedParameter("ndim", distribution={1: 0.3, 2: 0.4, 3: 0.3}, strict=True)]
        for i in range(3):
            drawn += [
                FuzzedParameter(f"k_any_{i}", 16, 4096, distribution="loguniform"),
                FuzzedParameter(f"k_regular_{i}", distribution=dict.fromkeys(regular, 1 / len(regular))),
                FuzzedParameter(f"k{i}", distribution={
                    ParameterAlias(f"k_regular_{i}"): probability_regular,
                    ParameterAlias(f"k_any_{i}"): 1 - probability_regular,
                }, strict=True),
                FuzzedParameter(f"step_{i}", distribution={1: 0.8, 2: 0.06, 4: 0.06, 8: 0.04, 16: 0.04}),
            ]  # fmt: skip
        x = FuzzedTensor(
            "x", size=("k0", "k1", "k2"), steps=("step_0", "step_1", "step_2"), probability_contiguous=0.75,
            min_elements=4 * 1024, max_elements=32 * 1024**2, max_allocation_bytes=2 * 1024**3, dim_parameter="ndim",
            dtype=dtype, cuda=cuda,
        )  # fmt: skip
        super().__init__(drawn, [x], seed=seed)
