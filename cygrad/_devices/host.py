"""What is computed in the host's memory whatever device a tensor is on: LAPACK and Fourier transforms.

Both are libraries of the host.  Operands of another device are copied there and results back; nothing else does that,
and `torch.opencl.strict` holds operators to it.
"""

import functools
import threading

# The operators behind which they stand; `torch.opencl.host_operators()` prints them.
LAPACK = """cholesky cholesky_ex det eig eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor ldl_factor_ex
    ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matrix_exp matrix_power matrix_rank pinv qr slogdet solve
    solve_ex solve_triangular svd svdvals tensorinv tensorsolve""".split()
OLDER = "cholesky_inverse cholesky_solve geqrf lobpcg logdet ormqr".split()  # LAPACK's, not in torch.linalg
FOURIER = """fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 irfftn rfft rfft2
    rfftn""".split()


def operators():
    """The names of all of them."""
    places = (("torch.linalg", LAPACK), ("torch", OLDER), ("torch.fft", FOURIER))
    return [f"{place}.{name}" for place, names in places for name in names]


# Operators that copy more than one number to the host for another reason, and those that copy some to the device.
LOOKS = {
    "histogram": "the bounds of the data, which decide the bins",
    "histogramdd": "the bounds of the data, which decide the bins",
    "tensor_split": "where to split",
    "sparse_coo_tensor": "the shape that holds all indices",
}
GIVEN = {
    "__setitem__": "values in the host's memory",
    "nn.functional.ctc_loss": "lengths in the host's memory",
}

_state = threading.local()


def under_way():
    """Whether this thread is in one of the functions below, which copy."""
    return getattr(_state, "under_way", 0) > 0


def _declared(f):
    @functools.wraps(f)
    def declared(*args):
        _state.under_way = getattr(_state, "under_way", 0) + 1
        try:
            return f(*args)
        finally:
            _state.under_way -= 1

    return declared


@_declared
def moved(f, *args):
    """f(*args), which copies what the program has in another device's memory: indices, and gradients of copies."""
    return f(*args)


@_declared
def fetched(x):
    """A tensor of the host with the elements of x.  A meta tensor has none: what stands for it is the identity, of
    which every factorisation exists, or ones, which any pivots may be."""
    if x.is_cpu:
        return x
    if not x.is_meta:
        return x.cpu()
    if not (x.is_floating_point() or x.is_complex()):
        return x.new_ones(x.shape, device="cpu")
    host = x.new_zeros(x.shape, device="cpu")
    if host.dim() >= 2:
        host.diagonal(0, -2, -1).fill_(1)
    return host


@_declared
def returned(results, device):
    """Results on the device of the operands: a tensor, None, or a tuple of these."""
    if results is None or device.type == "cpu":
        return results
    if isinstance(results, tuple):
        return tuple([returned(r, device) for r in results])
    return results.to(device)
