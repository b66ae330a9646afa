"""`python -m cygrad selftest`: half a minute of checks on this machine: operators against NumPy and their gradients
against differences, training, saving, and on each OpenCL device the same results as on the CPU.
"""

import io
import sys
import time

import numpy as np

import cygrad as torch
import cygrad.nn.functional as F
from cygrad import nn

# Functions whose values NumPy has too.
AS_NUMPY = """exp exp2 expm1 log log2 log10 log1p sqrt square sin cos tan sinh cosh tanh asin=arcsin acos=arccos
atan=arctan asinh=arcsinh acosh=arccosh atanh=arctanh floor ceil trunc abs sign deg2rad rad2deg""".split()
DIFFERENTIABLE = """exp log sqrt sin cos tanh sigmoid erf lgamma relu softplus gelu logsumexp cumsum cumprod prod
softmax sort median var std norm flip roll tril""".split()


def _values(name):
    low = 1.1 if name == "acosh" else 0.05
    high = 0.95 if name in ("asin", "acos", "atanh") else 3.0
    return torch.linspace(low, high, 1003, dtype=torch.float64)


def numpy_agrees():
    """Elementwise functions, sums and products give NumPy's numbers."""
    for entry in AS_NUMPY:
        name, _, theirs = entry.partition("=")
        x = _values(name)
        expected = getattr(np, theirs or name)(x.numpy())
        np.testing.assert_allclose(getattr(torch, name)(x).numpy(), expected, rtol=1e-12, atol=1e-14, err_msg=name)
    a, b = torch.randn(65, 33, dtype=torch.float64), torch.randn(33, 17, dtype=torch.float64)
    np.testing.assert_allclose((a @ b).numpy(), a.numpy() @ b.numpy(), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(a.sum(0).numpy(), a.numpy().sum(0), rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(a.sort(dim=0).values.numpy(), np.sort(a.numpy(), axis=0))
    np.testing.assert_allclose(torch.linalg.inv(a[:33]).numpy(), np.linalg.inv(a.numpy()[:33]), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(torch.fft.fft(a).numpy(), np.fft.fft(a.numpy()), rtol=1e-9, atol=1e-9)


def random_numbers():
    """The seeded stream is PyTorch's."""
    torch.manual_seed(1729)
    expected = [0.3126, 0.3791, 0.3087, 0.0736]
    np.testing.assert_allclose(torch.rand(4).numpy(), expected, atol=5e-5)


def gradients():
    """Gradients, and gradients of gradients, agree with differences."""
    for name in DIFFERENTIABLE:
        x = (torch.rand(2, 3, dtype=torch.float64) + 0.5).requires_grad_()
        by_dim = name in ("logsumexp", "cumsum", "cumprod", "softmax", "sort", "flip", "roll")
        function = getattr(torch, name, None) or getattr(F, name)

        def call(x, function=function, by_dim=by_dim, name=name):
            arguments = ((1,),) if name == "flip" else (1, 1) if name == "roll" else (1,) if by_dim else ()
            result = function(x, *arguments)
            return result[0] if isinstance(result, tuple) else result

        assert torch.autograd.gradcheck(call, (x,)), name
        if name not in ("sort", "median"):
            assert torch.autograd.gradgradcheck(call, (x,)), name


def networks():
    """Small networks of each common layer, each an input's shape with it."""
    torch.manual_seed(0)
    return {
        "linear": (nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3)), (12, 6)),
        "convolution": (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(36, 3)),  # fmt: skip
            (12, 1, 8, 8),
        ),
    }


def losses(name, device, steps=20):
    """The losses of training one of the networks on a device."""
    net, shape = networks()[name]
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(*shape, generator=generator).to(device)
    y = torch.randint(0, 3, (shape[0],), generator=generator).to(device)
    net = net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    found = []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def training():
    """Losses fall."""
    for name in networks():
        found = losses(name, "cpu")
        assert found[-1] < 0.7 * found[0], (name, found[0], found[-1])


def saving():
    """What is saved is what is loaded."""
    net = networks()["convolution"][0]
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    loaded = torch.load(file)
    assert all(torch.equal(loaded[key], value) for key, value in net.state_dict().items())


def on_device(device):
    """Operators and training on a device give the CPU's results."""
    for entry in AS_NUMPY:
        name = entry.partition("=")[0]
        x = _values(name).float()
        torch.testing.assert_close(getattr(torch, name)(x.to(device)).cpu(), getattr(torch, name)(x),
                                   rtol=1e-5, atol=1e-6)  # fmt: skip
    a, b = torch.randn(130, 70), torch.randn(70, 90)
    torch.testing.assert_close((a.to(device) @ b.to(device)).cpu(), a @ b, rtol=1e-4, atol=1e-4)
    for function in ("sum", "amax", "cumsum", "softmax", "argsort"):
        call = getattr(torch, function)
        torch.testing.assert_close(call(a.to(device), 1).cpu(), call(a, 1), rtol=1e-4, atol=1e-4)
    for name in networks():
        found, expected = losses(name, device), losses(name, "cpu")
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3, err_msg=name)


def checks():
    """(what, function) of all checks on this machine."""
    yield from [(f.__doc__.rstrip("."), f) for f in (numpy_agrees, random_numbers, gradients, training, saving)]
    for i in range(torch.opencl.device_count()):
        device = f"opencl:{i}"
        name = torch.opencl.get_device_name(i)
        yield f"{device} ({name}) gives the CPU's results", lambda device=device: on_device(device)


def main(arguments):
    failed = 0
    for what, check in checks():
        started = time.perf_counter()
        try:
            torch.manual_seed(0)
            check()
        except Exception as error:
            failed += 1
            print(f"FAILED {what}: {type(error).__name__}: {error}")
        else:
            print(f"passed {what} ({time.perf_counter() - started:.1f} s)", flush=True)
    if torch.opencl.device_count() == 0:
        from .info import opencl

        print("no OpenCL device was tested:", opencl()[0])
    print("all is well" if not failed else f"{failed} failed; `python -m cygrad info` says what to report with this")
    sys.exit(1 if failed else 0)
