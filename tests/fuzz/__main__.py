"""python -m tests.fuzz --calls 100000 --seed 3"""

import argparse
import collections
import os
import re
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cygrad

from . import peer, run

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=run.__doc__)
parser.add_argument("--calls", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--first", type=int, default=0, help="number of the first call")
parser.add_argument("--seconds", type=float, help="stop after this time")
parser.add_argument("--device", default="cpu", help="of the tensors")
parser.add_argument("--only", help="calls that match this regular expression")
parser.add_argument(
    "--peer", action="store_true", help="run each call with PyTorch too, and print what differs"
)
parser.add_argument("--call", action="append", help="run this text instead")
parser.add_argument("--show", action="store_true", help="print every call and its outcome")
parser.add_argument("--examples", type=int, default=1, help="of each kind of difference")
args = parser.parse_args()

torch = None
if args.peer:
    import torch

source = run.Source(cygrad, args.seed)
started = time.monotonic()
counts, broken = collections.Counter(), {}
differences = collections.defaultdict(list)


def name_of(text):
    match = re.match(r"T\(.*?\)\.(\w+)\(|([\w.]+)\(", text)
    return (match[1] and "Tensor." + match[1] or match[2]) if match else text[:40]


def take(texts):
    ours = run.children(texts, cygrad, args.device)
    theirs = run.children(texts, torch, args.device) if torch else [None] * len(texts)
    for text, a, b in zip(texts, ours, theirs):
        counts[a.how] += 1
        if args.show:
            print(text, "->", a, a.values[:2], "|", b, b.values[:2] if b else "")
        if run.is_ours(a, text) and not (
            b and b.how == "raises" and a.how == "raises" and a.what[:12] == b.what[:12]
        ):
            key = name_of(text), a.how, a.what[:60]
            if key not in broken:
                broken[key] = text
                print(f"{a}\n    {text}", flush=True)
        elif b and (what := peer.difference(a, b)):
            differences[name_of(text), what].append(text)


if args.call:
    take(args.call)
else:
    waiting, i = [], args.first
    while i < args.first + args.calls and not (
        args.seconds and time.monotonic() - started > args.seconds
    ):
        text = source.call(i)
        i += 1
        if not args.only or re.search(args.only, text):
            waiting.append(text)
        if len(waiting) == 1000:
            take(waiting)
            waiting = []
            if i % 10_000 == 0:
                print(
                    f"... {i} calls, {time.monotonic() - started:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    take(waiting)

for (name, what), texts in sorted(differences.items(), key=lambda x: (x[0][0], -len(x[1]))):
    print(f"{len(texts):5d}  {name}: {what}")
    for text in sorted(texts, key=len)[: args.examples]:
        print(f"           {text}")
print(
    f"{sum(counts.values())} calls of seed {args.seed} in {time.monotonic() - started:.0f} s: {dict(counts)}; "
    f"{len(broken)} kinds broken"
)
sys.exit(bool(broken))
