"""The CPU's column of the primitives, as tests and tools see it.  Operators call `_kernels` directly."""

from cygrad._kernels import (
    conv,
    distance,
    index,
    matmul,
    norm,
    optim,
    pool,
    scan as _scan,
    softmax as _softmax,
    sort as _sort,
)

from . import primitives

for _module in (conv, distance, index, matmul, norm, optim, pool, _scan, _softmax, _sort):
    globals().update({name: getattr(_module, name) for name in primitives.NAMES if hasattr(_module, name)})
