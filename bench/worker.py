"""A process that measures one library: commands come as lines of JSON, figures go back so (see bench/__main__.py).

    python -m bench.worker LIBRARY THREADS DEVICE

Commands: {"prepare": case name, "growth": size or null}, {"block": null}, {"threads": n}, {"end": null}.
"""

import importlib
import json
import os
import pathlib
import sys
import time
import timeit

BLOCK = 0.02  # seconds that a timed block lasts at least


def status(field):
    """A figure of this process's memory in bytes, as Linux tells it; None elsewhere."""
    try:
        text = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(text.partition(f"{field}:")[2].split()[0]) * 1024


def forget_peak():
    """Has the peak of this process's memory be counted anew."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


class Torch:
    """cygrad or PyTorch: a case's own setup and statement."""

    def __init__(self, name, threads, device):
        self.torch = importlib.import_module(name)
        self.set_threads(threads)
        self.wait = lambda: None
        if name == "cygrad" and device != "cpu":
            from cygrad import cl

            self.torch.set_default_device(device)
            chosen = self.torch.get_default_device()
            code = cl.device_code(chosen.type, chosen.index)
            self.wait = lambda: cl.synchronize(code)

    def set_threads(self, n):
        self.torch.set_num_threads(n)

    def names(self, case, size):
        self.torch.manual_seed(0)
        names = {"torch": self.torch, "nn": self.torch.nn, "F": self.torch.nn.functional}
        setup = case.setup if size is None else case.grown(size)
        return names | (setup(self.torch) if setup is not None else {})

    def statement(self, case):
        return case.statement

    def finish(self, result=None):
        self.wait()


class Arrays:
    """NumPy, JAX or tinygrad: cases on plain arrays whose statement there is given."""

    def __init__(self, name, threads, device):
        if name == "jax":
            self.module = importlib.import_module("jax.numpy")
            self.make = self.module.asarray
        elif name == "tinygrad":
            self.module = importlib.import_module("tinygrad")
            self.make = lambda a: self.module.Tensor(a).realize()
        else:
            self.module, self.make = importlib.import_module("numpy"), lambda a: a
        self.name = name
        self.numpy = importlib.import_module("numpy")

    def set_threads(self, n):
        """These libraries are told by the environment, before they start."""

    def names(self, case, size):
        rng = self.numpy.random.default_rng(0)
        shapes = case.shapes if size is None else case.grown_shapes(size)
        arrays = {name: self.make(rng.random(shape, dtype="float32")) for name, shape in zip("abc", shapes)}
        return {"xp": self.module, **arrays}

    def statement(self, case):
        text = case.arrays
        return {"jax": f"({text}).block_until_ready()", "tinygrad": f"({text}).realize()"}.get(self.name, text)

    def finish(self):
        """Every call has waited."""


def library(name, threads, device):
    return (Torch if name in ("cygrad", "torch") else Arrays)(name, threads, device)


class Measured:
    """One case of one library, ready to be timed."""

    def __init__(self, library, case, size):
        self.library = library
        before = status("VmRSS")
        forget_peak()
        self.timer = timeit.Timer(library.statement(case), globals=library.names(case, size))
        self.calls = 1
        while (seconds := self.seconds(self.calls)) < BLOCK:  # also the warm-up
            self.calls = max(2 * self.calls, int(1.2 * BLOCK / (seconds / self.calls)))
        peak = status("VmHWM")
        self.memory = None if peak is None else max(0, peak - before)

    def seconds(self, calls):
        """How long so many calls take, what they queued on a device included."""
        started = time.perf_counter()
        self.timer.timeit(calls)
        self.library.finish()
        return time.perf_counter() - started

    def block(self):
        # A block's first calls meet what other processes left in the caches.
        self.seconds(max(1, self.calls // 4))
        return self.seconds(self.calls) / self.calls


def main():
    name, threads, device = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a case prints is not a reply
    from bench.cases import find

    used = library(name, threads, device)
    version = getattr(used, "torch", getattr(used, "module", None)).__version__ if name != "jax" else None
    print(json.dumps({"version": version}), file=replies, flush=True)
    measured = None
    for line in sys.stdin:
        ((command, argument),) = [(k, v) for k, v in json.loads(line).items() if k != "growth"]
        reply = {}
        try:
            if command == "prepare":
                measured = None
                measured = Measured(used, find(argument), json.loads(line).get("growth"))
                reply = {"memory": measured.memory}
            elif command == "block":
                reply = {"seconds": measured.block()}
            elif command == "threads":
                used.set_threads(argument)
            elif command == "end":
                measured = None
        except Exception as error:  # noqa: BLE001 - one missing operator must not end the table
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
