"""What is computed in the host's memory whatever device a tensor is on: LAPACK and Fourier transforms.

Both are libraries of the host.  Operands of another device are copied there and results back; nothing else does that.
"""

# The operators behind which they stand; `torch.opencl.host_operators()` prints them.
LAPACK = """cholesky cholesky_ex cholesky_inverse cholesky_solve det eig eigh eigvals eigvalsh geqrf householder_product
    inv inv_ex ldl_factor ldl_factor_ex ldl_solve lobpcg logdet lstsq lu lu_factor lu_factor_ex lu_solve matrix_exp
    matrix_power matrix_rank ormqr pinv qr slogdet solve solve_ex solve_triangular svd svdvals tensorinv
    tensorsolve""".split()
FOURIER = """fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 irfftn rfft rfft2
    rfftn""".split()


def operators():
    """The names of all of them."""
    return [f"torch.linalg.{name}" for name in LAPACK] + [f"torch.fft.{name}" for name in FOURIER]


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


def returned(results, device):
    """Results on the device of the operands: a tensor, None, or a tuple of these."""
    if results is None or device.type == "cpu":
        return results
    if isinstance(results, tuple):
        return tuple([returned(r, device) for r in results])
    return results.to(device)
