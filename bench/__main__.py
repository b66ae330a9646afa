"""cygrad beside other libraries: python -m bench [--only text] [--growth] [--json file] [--html file] [--compare a b].

Each library runs in a process of its own, in turns, warm, with the same number of threads; what counts is the best
block of each and their ratio.  PyTorch is measured where it is installed, NumPy, JAX and tinygrad on the cases that
they have.  With --device cygrad's tensors live there (the others' stay on the CPU), and a block ends when it is done.
"""

import argparse
import contextlib
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time

from bench import limits, report
from bench.cases import FAMILIES, PROGRAMS

LIBRARIES = ("cygrad", "torch", "numpy", "jax", "tinygrad")
NOISE = 0.08  # a change of a ratio by less is never named a regression


class Worker:
    """A process that measures one library (bench/worker.py)."""

    def __init__(self, name, threads, device):
        env = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "bench.worker", name, str(threads), device]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.version = self.reply()["version"]

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that measures {self.name} ended: {self.process.wait()}")
        return json.loads(line)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.reply()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


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


def measure(case, workers, rounds, size=None):
    """{library: its best block's "seconds", how far the middle one is above ("spread"), "memory"; or the "error"}."""
    found, blocks = {}, {}
    with beside(case.busy):
        for worker in workers:
            if worker.name not in ("cygrad", "torch") and case.arrays is None:
                continue
            found[worker.name] = worker.ask(prepare=case.name, growth=size)
            if "error" not in found[worker.name]:
                blocks[worker] = []
        for _ in range(rounds):
            for worker, seconds in blocks.items():
                seconds.append(worker.ask(block=None)["seconds"])
    for worker in workers:
        worker.ask(end=None)
    for worker, seconds in blocks.items():
        best = min(seconds)
        found[worker.name] |= {"seconds": best, "spread": statistics.median(seconds) / best - 1}
    return found


def run_program(text, libraries, runs):
    """As `measure`, of fresh processes that run a whole program."""
    seconds = {name: [] for name in libraries}
    for _ in range(runs + 1):  # the first fills the file caches
        for name in libraries:
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", text.replace("LIBRARY", name)], check=True)
            seconds[name].append(time.perf_counter() - started)
    return {
        name: {"seconds": min(s[1:]), "spread": statistics.median(s[1:]) / min(s[1:]) - 1, "memory": None}
        for name, s in seconds.items()
    }


def ratio_of(row):
    """cygrad's time over PyTorch's; None without both."""
    ours, theirs = (row["libraries"].get(name, {}).get("seconds") for name in ("cygrad", "torch"))
    return ours / theirs if ours and theirs else None


def geometric_mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None


def human(seconds):
    if seconds is None:
        return "-"
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


class Table:
    """Prints rows as they come, and a bar of how far it is where standard error is a terminal."""

    def __init__(self, libraries, total):
        self.libraries, self.total, self.done = libraries, total, 0
        others = "".join(f"{name:>10}" for name in libraries)
        print(f"{'':48}{others} {'ratio':>7} {'of limit':>8}  target")

    def begin(self, name):
        if sys.stderr.isatty():
            full = 20 * self.done // self.total
            bar = "#" * full + "." * (20 - full)
            print(f"\r[{bar}] {self.done}/{self.total} {name[:50]:50}", end="", file=sys.stderr, flush=True)

    def row(self, row):
        self.done += 1
        if sys.stderr.isatty():
            print(f"\r{'':90}\r", end="", file=sys.stderr)
        times = "".join(f"{human(row['libraries'].get(name, {}).get('seconds')):>10}" for name in self.libraries)
        ratio = f"{row['ratio']:.2f}" if row["ratio"] else "-"
        near = f"{row['of_limit']:.0%}" if row["of_limit"] else ""
        verdict = "" if row["target"] is None else f"{row['target']}{'  met' if row['met'] else '  MISSED'}"
        if row["met"] is None:
            verdict = row["target"] or ""
        print(f"{row['name']:48}{times} {ratio:>7} {near:>8}  {verdict}".rstrip(), flush=True)
        for name, figures in row["libraries"].items():
            if "error" in figures:
                print(f"    {name}: {figures['error'][:110]}")


def finished(name, family, target, libraries, limit=None):
    """A row of the table, the report and the JSON; `limit`: the seconds that the machine allows."""
    row = {"name": name, "family": family, "target": target, "libraries": libraries, "limit": limit}
    row["ratio"] = ratio_of(row)
    ours = libraries.get("cygrad", {}).get("seconds")
    row["of_limit"] = limit / ours if limit and ours else None
    row["met"] = None if target is None or row["ratio"] is None else row["ratio"] <= float(target.rstrip("x "))
    return row


def grow(cases, workers, threads, rounds):
    """Times over sizes, at one thread and at `threads`: {case name: {library: {threads: [[size, seconds], ...]}}}."""
    curves = {}
    for case in cases:
        for count in sorted({1, threads}):
            for worker in workers:
                worker.ask(threads=count)
            for size in case.grow[1]:
                found = measure(case, workers, rounds, size)
                for name, figures in found.items():
                    if "seconds" in figures:
                        lines = curves.setdefault(case.name, {}).setdefault(name, {})
                        lines.setdefault(str(count), []).append([size, figures["seconds"]])
                shown = "".join(f"{name} {human(f.get('seconds'))}  " for name, f in found.items())
                print(f"{case.name:36} {size:>10} {count:>2} threads  {shown}", flush=True)
    for worker in workers:
        worker.ask(threads=threads)
    return curves


def compare(old_path, new_path):
    """Prints rows that have become slower or faster beyond noise; how many are slower."""
    with open(old_path) as old_file, open(new_path) as new_file:
        old, new = ({row["name"]: row for row in json.load(file)["rows"]} for file in (old_file, new_file))
    slower = 0
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        pairs = [(row["ratio"], "x") if row["ratio"] else (row["libraries"]["cygrad"].get("seconds"), "s")
                 for row in (before, after)]  # fmt: skip
        (a, kind), (b, other) = pairs
        if not a or not b or kind != other:
            continue
        spread = sum(row["libraries"][n].get("spread", 0) for row in (before, after) for n in row["libraries"]
                     if n in ("cygrad", "torch"))  # fmt: skip
        change, noise = b / a - 1, max(NOISE, spread)
        if abs(change) > noise:
            slower += change > 0
            word = "SLOWER" if change > 0 else "faster"
            print(f"{name:48} {a:.3g} {kind} -> {b:.3g} {kind}  {change:+.0%} (noise {noise:.0%})  {word}")
    for name in sorted(old.keys() - new.keys()):
        print(f"{name:48} is not in {new_path}")
    print(f"{len(old.keys() & new.keys())} rows compared, {slower} slower beyond noise")
    return slower


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name or family contains this text")
    parser.add_argument("--rounds", type=int, default=10, help="blocks per library")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu", help="where cygrad's tensors live: opencl, ...")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="those to measure, where they are installed")
    parser.add_argument("--growth", action="store_true", help="times over sizes and threads too")
    parser.add_argument("--json", help="file to write the figures to")
    parser.add_argument("--html", help="file to write a report to, which needs no other")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument("--compare", nargs=2, metavar=("OLD", "NEW"), help="two files of --json: name what got slower")
    args = parser.parse_args()
    if args.compare:
        return compare(*args.compare) > 0

    asked = args.libraries.split(",")
    names = [n for n in LIBRARIES if n in asked and importlib.util.find_spec(n) is not None]
    workers = [Worker(name, args.threads, args.device) for name in names]
    machine = {
        "libraries": {worker.name: worker.version for worker in workers}, "threads": args.threads,
        "processor": limits.processor(), "python": platform.python_version(), "device": args.device,
    }  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    chosen = [(family, case) for family, cases in FAMILIES.items() for case in cases
              if args.only in case.name or args.only in family]  # fmt: skip
    programs = [(name, text) for name, text in PROGRAMS.items() if args.only in name or args.only in "whole programs"]
    table, rows, curves = Table(names, max(1, len(chosen) + len(programs))), [], {}
    try:
        for family, case in chosen:
            table.begin(case.name)
            limit = limits.seconds(case, args.threads) if args.device == "cpu" else None
            rows.append(finished(case.name, family, case.target, measure(case, workers, args.rounds), limit))
            table.row(rows[-1])
        if args.growth:
            curves = grow([case for _, case in chosen if case.grow], workers, args.threads, max(2, args.rounds // 3))
    finally:
        for worker in workers:
            worker.close()
    for name, text in programs:
        table.begin(name)
        found = run_program(text, [n for n in names if n in ("cygrad", "torch")], max(2, args.rounds // 2))
        rows.append(finished(name, "whole programs", None, found))
        table.row(rows[-1])
    means = {"all": geometric_mean([row["ratio"] for row in rows if row["ratio"]])}
    for family in dict.fromkeys(row["family"] for row in rows):
        means[family] = geometric_mean([row["ratio"] for row in rows if row["ratio"] and row["family"] == family])
    if means["all"]:
        shown = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items() if mean)
        print(f"geometric means of the ratios: {shown}")
    figures = {"machine": machine, "rows": rows, "means": means, "growth": curves}
    if args.json:
        with open(args.json, "w") as file:
            json.dump(figures, file, indent=1)
    if args.html:
        with open(args.html, "w") as file:
            file.write(report.page(figures))
    return args.check and any(row["met"] is False for row in rows)


if __name__ == "__main__":
    sys.exit(int(main()))
