"""cygrad against PyTorch, side by side in one process: python -m bench [--only text] [--json file].

Both sides run the same statement with the same number of threads, warm, in turns; what counts is
the best time of each and their ratio.  Without PyTorch the table has cygrad's column alone.  With
--device cygrad's tensors live there (PyTorch's stay on the CPU), and a block ends when it is done.
"""

import argparse
import contextlib
import importlib
import json
import os
import platform
import subprocess
import sys
import time
import timeit

from bench.cases import CASES

BLOCK = 0.02  # seconds that a timed block lasts at least


def import_or_none(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def finisher(torch):
    """What waits for the device that the library's tensors are made on."""
    device = torch.get_default_device()
    if device.type == "cpu":
        return lambda: None
    from cygrad import cl

    code = cl.device_code(device.type, device.index)
    return lambda: cl.synchronize(code)


class Side:
    """One library's statement of a case, and its best time so far in seconds per call."""

    def __init__(self, torch, case):
        torch.manual_seed(0)
        self.finish = finisher(torch)
        names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
        if case.setup is not None:
            names |= case.setup(torch)
        self.timer = timeit.Timer(case.statement, globals=names)
        self.best = float("inf")
        self.calls = 1
        self.seconds(1)  # compiles, on a device
        while (seconds := self.seconds(self.calls)) < BLOCK:  # also warms up
            self.calls = max(2 * self.calls, int(1.2 * BLOCK / (seconds / self.calls)))

    def seconds(self, calls):
        """How long so many calls take, what they queued on a device included."""
        started = time.perf_counter()
        self.timer.timeit(calls)
        self.finish()
        return time.perf_counter() - started

    def block(self):
        # A block's first calls meet the other library's threads still spinning, and its data.
        self.seconds(max(1, self.calls // 4))
        self.best = min(self.best, self.seconds(self.calls) / self.calls)


@contextlib.contextmanager
def beside(count):
    """So many processes that do nothing but compute."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(case, libraries, rounds):
    """The best seconds per call by library; None and the reason where a library cannot do it."""
    sides, result, errors = {}, {}, {}
    for name, torch in libraries.items():
        try:
            sides[name] = Side(torch, case)
        except Exception as error:  # noqa: BLE001 - one missing operator must not end the table
            result[name], errors[name] = None, f"{type(error).__name__}: {error}"
    for _ in range(rounds):
        for side in sides.values():
            side.block()
    return result | {name: side.best for name, side in sides.items()}, errors


def import_seconds(module, runs=10):
    """The best time of a fresh `python -c "import module"`, the interpreter's start included."""
    command = [sys.executable, "-c", f"import {module}"]
    subprocess.run(command, check=True)
    return min(
        timeit.timeit(lambda: subprocess.run(command, check=True), number=1) for _ in range(runs)
    )


def human(seconds):
    if seconds is None:
        return "-"
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def row(name, seconds, target, errors):
    """One line of the table and of the JSON."""
    ours, theirs = seconds.get("cygrad"), seconds.get("torch")
    ratio = ours / theirs if ours and theirs else None
    value = ratio if target is None or target.endswith("x") else ours
    met = None
    if target is not None and value is not None:
        met = value <= float(target.rstrip("xs "))
    shown = f"{ratio:.2f}" if ratio else "-"
    verdict = "" if target is None else target + {True: "  met", False: "  MISSED", None: ""}[met]
    print(f"{name:44} {human(ours):>9} {human(theirs):>9} {shown:>7}  {verdict}", flush=True)
    for library, text in errors.items():
        print(f"    {library}: {text[:110]}")
    return {
        "name": name, "seconds": seconds, "ratio": ratio, "target": target, "met": met,
        "errors": errors,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--rounds", type=int, default=10, help="blocks per side")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu", help="where cygrad's tensors live: opencl, ...")
    parser.add_argument("--json", help="file to write the figures to")
    args = parser.parse_args()

    libraries = {"cygrad": importlib.import_module("cygrad"), "torch": import_or_none("torch")}
    libraries = {name: library for name, library in libraries.items() if library is not None}
    for library in libraries.values():
        library.set_num_threads(args.threads)
    libraries["cygrad"].set_default_device(args.device)
    versions = {name: library.__version__ for name, library in libraries.items()}
    python = f"Python {platform.python_version()}"
    print(f"{versions}, {args.threads} threads, {platform.machine()}, {python}, {args.device}")
    print(f"{'':44} {'cygrad':>9} {'torch':>9} {'ratio':>7}  target")
    rows = []
    for case in CASES:
        if args.only in case.name:
            with beside(case.busy):
                seconds, errors = measure(case, libraries, args.rounds)
            rows.append(row(case.name, seconds, case.target, errors))
    if args.only in "import":
        seconds = {name: import_seconds(name) for name in libraries}
        rows.append(row("import", seconds, "0.15 s", {}))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"versions": versions, "threads": args.threads, "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()
