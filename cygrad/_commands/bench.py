"""`python -m cygrad bench`: a few operators and training steps, on the CPU and each device, beside PyTorch where it is
installed.  The checkout's `python -m bench` has them all.
"""

import argparse
import importlib
import sys
import time

CASES = {
    "add, 2x3": ("x + y", "x, y = torch.rand(2, 3), torch.rand(2, 3)"),
    "add, 1024x1024": ("x + y", "x, y = torch.rand(1024, 1024), torch.rand(1024, 1024)"),
    "sum over rows, 1024x1024": ("x.sum(1)", "x = torch.rand(1024, 1024)"),
    "softmax, 256x1000": ("x.softmax(1)", "x = torch.rand(256, 1000)"),
    "matmul, 512x512": ("x @ y", "x, y = torch.rand(512, 512), torch.rand(512, 512)"),
    "conv2d, 16x16x28x28": ("conv(x)", "conv, x = torch.nn.Conv2d(16, 16, 3), torch.rand(16, 16, 28, 28)"),
    "training step of a small MLP": (
        "loss = (net(x) ** 2).mean(); opt.zero_grad(); loss.backward(); opt.step()",
        "net = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Tanh(), torch.nn.Linear(64, 8)); "
        "opt = torch.optim.SGD(net.parameters(), lr=0.01); x = torch.rand(64, 32)",
    ),
}


def microseconds(torch, statement, setup, device="cpu", budget=0.3):
    """The best time of a statement on a device, with the library under the name torch."""
    names = {"torch": torch}
    exec(setup, names)
    for name, value in list(names.items()):
        if isinstance(value, torch.Tensor | torch.nn.Module):
            names[name] = value.to(device)
    if "opt" in names:
        names["opt"] = torch.optim.SGD(names["net"].parameters(), lr=0.01)
    code = compile(statement, "<bench>", "exec")
    exec(code, names)  # kernels are compiled before the clock starts
    finish = torch.opencl.synchronize if device != "cpu" else lambda: None
    best, number, end = float("inf"), 1, time.perf_counter() + budget
    while time.perf_counter() < end:
        started = time.perf_counter()
        for _ in range(number):
            exec(code, names)
        finish()
        took = time.perf_counter() - started
        best = min(best, took / number)
        if took < 0.01:
            number *= 2
    return best * 1e6


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m cygrad bench", description=__doc__)
    parser.add_argument("--threads", type=int, help="for the CPU (default: all cores)")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    options = parser.parse_args(arguments)
    import cygrad

    try:
        peer = importlib.import_module("torch")
    except ImportError:
        peer = None
    if peer is cygrad:
        peer = None
    threads = options.threads or cygrad.get_num_threads()
    cygrad.set_num_threads(threads)
    if peer is not None:
        peer.set_num_threads(threads)
    devices = [f"opencl:{i}" for i in range(cygrad.opencl.device_count())]
    columns = ["cygrad", *(["PyTorch"] if peer is not None else []), *devices]
    print(f"microseconds, {threads} threads".ljust(34) + "".join(c.rjust(12) for c in columns))
    for name, (statement, setup) in CASES.items():
        if options.only not in name:
            continue
        times = [microseconds(cygrad, statement, setup)]
        if peer is not None:
            times.append(microseconds(peer, statement, setup))
        times += [microseconds(cygrad, statement, setup, device) for device in devices]
        print(name.ljust(34) + "".join(f"{t:12.1f}" for t in times), flush=True)
    if peer is None:
        print("PyTorch is not installed, so there is nothing to compare with", file=sys.stderr)
