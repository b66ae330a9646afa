"""Distances between the rows of two batches of matrices, and their gradients; outside the graph."""
from cygrad import _core
from cygrad._core cimport Tensor
from cygrad._kernels.copies cimport like, shaped
from cygrad._kernels.distance cimport distances as cpu_distances, distances_gradient
from cygrad._operators.family cimport one_device


def distances(Tensor a not None, Tensor b not None, double p):
    """(..., P, R) of (..., P, M) and (..., R, M), which have one batch shape."""
    cdef Tensor out
    one_device("cdist", a, b)
    out = shaped((*tuple(a.shape)[:a.nd - 1], b.sizes[b.nd - 2]), a.dt, a.dev)
    if out.count:
        if out.dev:
            _core.backend_of(out.dev).distances(out, a, b, p)
        else:
            cpu_distances(out, a, b, p)
    return out


def pull(Tensor a not None, Tensor b not None, Tensor dist not None, Tensor g not None, double p):
    """The gradient of a; orders 1, inf and others than 0 and 2."""
    cdef Tensor out = like(a, a.dt)
    if out.count:
        if out.dev:
            _core.backend_of(out.dev).distances_gradient(out, a, b, dist, g, p)
        else:
            distances_gradient(out, a, b, dist, g, p)
    return out
