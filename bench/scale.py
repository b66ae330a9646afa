"""How well training is expected to scale to many ranks: python -m bench.scale [--network text] [--model text].

For models and networks it prints the expected efficiency of DistributedDataParallel on 2 to 1,024 ranks, each with a
batch of its own: the time of a step on one rank divided by that on all. 100 % means that communication costs nothing.

The model. A message of n bytes takes alpha + n * beta (latency, seconds per byte); adding two vectors takes gamma per
byte (R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of Collective Communication Operations in MPICH", IJHPCA 19,
2005). An all_reduce of n bytes over p ranks then takes
    ring:  2 (p-1) alpha + 2 n (p-1)/p beta + n (p-1)/p gamma      (P. Patarasuk, X. Yuan, JPDC 69 (2009))
    tree:  2 L alpha + 2 L n beta + L n gamma, L = ceil(log2 p)    (a binomial tree up to the root, and down again)
A step on one rank takes a third of its time forward, two thirds backward. The gradients come one after the other,
evenly in bytes, while the backward pass runs; a bucket is reduced as soon as it is full and the one before it is done.
What the model leaves out: ranks that wait for the slowest, links that several messages share, reading of data.

What feeds it. The times of steps, gamma, and alpha and beta of the network "memory" are measured on this machine (with
--recorded: as they were on two cores of a virtual machine, December 2026, Open MPI 5.0). A model too large to be
measured in seconds takes its operations divided by the rate of a model that was. The networks are published figures,
see NETWORKS. Measured beside the model: an all_reduce of 2 ranks here.
"""

import argparse
import functools
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Network:
    """alpha: seconds that a message takes at least; beta: seconds for each byte of it."""

    name: str
    alpha: float
    beta: float
    source: str


NETWORKS = (
    Network(
        "Gigabit Ethernet, TCP", 23.6e-6, 1 / 118.2e6,
        "23.6 us and 118.2 MB/s through a switch: NW-GRID Liverpool, www.nw-grid.ac.uk/LivMPI",
    ),
    Network(
        "40 Gigabit Ethernet", 1.93e-6, 8 / 37.23e9,
        "1.93 us and 37.23 Gbit/s, Open MPI 1.8.1 over usNIC: blogs.cisco.com/performance/mpi-over-40gb-ethernet",
    ),
    Network(
        "InfiniBand DDR", 1.5e-6, 1 / 1.5e9,
        "1.5 us and 1.5 GB/s: MVAPICH-Aptus, Ohio State University, 2008",
    ),
    Network(
        "InfiniBand HDR", 0.6e-6, 8 / 200e9,
        "0.6 us and 200 Gbit/s: data sheet of NVIDIA ConnectX-6, what the adapter can do at best",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """params: in float32. operations: of a step, forward and backward; a multiplication and an addition are two."""

    name: str
    params: int
    operations: float
    source: str


MODELS = (
    Model("LeNet, batch 64", 62_006, 64 * 3 * 2 * 651_720, "the network of the CIFAR-10 tutorial; a step is measured"),
    Model(
        "ResNet-18, batch 32", 11_689_512, 32 * 3 * 2 * 1.81e9,
        "11,689,512 parameters, 1.81 G multiply-adds an image: docs.pytorch.org/vision, ResNet18_Weights",
    ),
    Model(
        "Transformer 100 M, 4,096 tokens", 100_000_000, 6 * 100e6 * 4096,
        "6 operations for each parameter and token: J. Kaplan et al., arXiv:2001.08361, section 2.1",
    ),
)  # fmt: skip


def ring(p, n, network, gamma=0.0):
    """Seconds of an all_reduce of n bytes over p ranks, which pass p parts round twice."""
    part = n * (p - 1) / p
    return 2 * (p - 1) * network.alpha + 2 * part * network.beta + part * gamma


def tree(p, n, network, gamma=0.0):
    """Seconds of an all_reduce of n bytes over p ranks by a binomial tree, up and down."""
    levels = math.ceil(math.log2(p))
    return levels * (2 * network.alpha + 2 * n * network.beta + n * gamma)


def buckets(n, first=MIB, later=25 * MIB):
    """The sizes in bytes of the buckets of n bytes of gradients, as DistributedDataParallel makes them."""
    sizes, left = [], n
    while left > 0:
        size = min(left, later if sizes else first)
        sizes.append(size)
        left -= size
    return sizes


def step(p, n, seconds, reduce):
    """Seconds of a step on p ranks: of one rank it takes `seconds`; `reduce(p, n)` is the all_reduce of n bytes."""
    if p == 1:
        return seconds
    backward = seconds * 2 / 3
    come, free = 0, 0.0  # bytes of gradients so far; when the network is free, from the start of the backward pass
    for size in buckets(n):
        come += size
        free = max(free, backward * come / n) + reduce(p, size)
    return seconds - backward + max(backward, free)


def efficiency(p, n, seconds, reduce):
    """The time of a step on one rank divided by that on p ranks."""
    return seconds / step(p, n, seconds, reduce)


# --- measurements

RECORDED = {"alpha": 1.17e-6, "beta": 1 / 8.1e9, "gamma": 1 / 26.6e9, "lenet": 2.6e-3, "rate": 98.6e9}


def say(text):
    """Progress, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def best(function, seconds=1.0):
    """The least time that a call takes."""
    function()
    least, end = math.inf, time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        function()
        least = min(least, time.perf_counter() - began)
    return least


def measure_steps():
    """{what: seconds, or operations per second}: a step of LeNet, the rate of ResNet-18, gamma."""
    import cygrad
    from bench.cases import lenet

    say("measuring 1 of 3: a step of LeNet")
    found = {"lenet": best(lenet(64)(cygrad)["step"])}
    say("measuring 2 of 3: a step of ResNet-18 with one image")
    from cygrad.vision import models

    net, image = models.resnet18(), cygrad.rand(1, 3, 224, 224)
    found["rate"] = 3 * 2 * 1.81e9 / best(lambda: net(image).sum().backward(), 2.0)
    a, b = cygrad.rand(MIB), cygrad.rand(MIB)
    found["gamma"] = best(lambda: a.add_(b)) / (4 * MIB)
    return found


_RANK = """
import sys, time
from mpi4py import MPI
comm, data = MPI.COMM_WORLD, bytearray(8 << 20)
def pingpong(n):
    view = memoryview(data)[:n]
    comm.Barrier()
    began = time.perf_counter()
    for _ in range(20):
        if comm.rank == 0:
            comm.Send(view, 1); comm.Recv(view, 1)
        else:
            comm.Recv(view, 0); comm.Send(view, 0)
    return (time.perf_counter() - began) / 40
def reduce(n):
    view = [memoryview(data)[:n], MPI.FLOAT]
    comm.Barrier()
    began = time.perf_counter()
    for _ in range(5):
        comm.Allreduce(MPI.IN_PLACE, view)
    return (time.perf_counter() - began) / 5
found = [min(pingpong(n) for _ in range(30)) for n in (8, 1 << 20)] + [min(reduce(n) for _ in range(30)) for n in SIZES]
if comm.rank == 0:
    print(*found)
"""
SIZES = (4096, 248_024, 4 * MIB)  # bytes of the all_reduce that is measured beside the model


def measure_messages():
    """(alpha, beta, {bytes: seconds of an all_reduce of 2 ranks}) on this machine; RuntimeError without MPI."""
    from cygrad.distributed import _mpiexec

    say("measuring 3 of 3: messages between two ranks")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(_RANK.replace("SIZES", repr(SIZES)))
        program.flush()
        done = subprocess.run(
            [_mpiexec.find(), "-n", "2", sys.executable, program.name], capture_output=True, text=True, timeout=120,
            env={**os.environ, **_mpiexec.environment()},
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["mpiexec failed"])[-1])
    small, large, *reduced = map(float, done.stdout.split())
    return small, (large - small) / MIB, dict(zip(SIZES, reduced, strict=True))


def human(seconds):
    """A time in the unit that suits it."""
    unit, scale = next(u for u in (("s", 1), ("ms", 1e-3), ("us", 1e-6), ("ns", 0)) if seconds >= u[1])
    return f"{seconds / (scale or 1e-9):.3g} {unit}"


def main(arguments=None):
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="models whose name contains this text")
    parser.add_argument("--network", default="", help="networks whose name contains this text")
    parser.add_argument("--recorded", action="store_true", help="measure nothing")
    parser.add_argument("--gflops", type=float, help="operations per second of a rank, in billions")
    args = parser.parse_args(arguments)
    found, reduced, where = dict(RECORDED), {}, "recorded"
    if not args.recorded:
        where = "measured here"
        found.update(measure_steps())
        try:
            found["alpha"], found["beta"], reduced = measure_messages()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"messages between ranks were not measured ({error}): recorded figures stand for them")
        say("")
    memory = Network(
        "memory of one machine", found["alpha"], found["beta"],
        f"{human(found['alpha'])} and {1e-9 / found['beta']:.1f} GB/s: {where}, two ranks",
    )  # fmt: skip
    gamma, rate = found["gamma"], args.gflops * 1e9 if args.gflops else found["rate"]
    print(f"adding: {1e-9 / gamma:.1f} GB/s, {where}")
    source = "--gflops" if args.gflops else f"ResNet-18, {where}"
    print(f"computing: {1e-9 * rate:.1f} G operations/s a rank ({source})\n")
    for n, seconds in reduced.items():
        text = ", ".join(f"{f.__name__} {human(f(2, n, memory, gamma))}" for f in (ring, tree))
        print(f"all_reduce of {n} bytes, 2 ranks: measured {human(seconds)}; the model says {text}")
    for model in MODELS:
        if args.model.lower() not in model.name.lower():
            continue
        n, seconds = 4 * model.params, model.operations / rate
        if model is MODELS[0] and not args.gflops:
            seconds = found["lenet"]
        print(f"\n{model.name}: {model.params / 1e6:.3g} M parameters, {human(seconds)} a step on one rank")
        print(f"    {model.source}")
        counts = [2**k for k in range(1, 11)]
        print(f"{'efficiency in %, ranks:':34}" + "".join(f"{p:6}" for p in counts))
        for network in (memory, *NETWORKS):
            if args.network.lower() in network.name.lower():
                for function in (ring, tree):
                    reduce = functools.partial(function, network=network, gamma=gamma)
                    values = [efficiency(p, n, seconds, reduce) for p in counts]
                    label = f"{network.name}, {function.__name__}"
                    print(f"{label:34}" + "".join(f"{100 * v:6.1f}" for v in values))
    print("\nwhere the networks' figures come from:")
    for network in (memory, *NETWORKS):
        print(f"    {network.name}: {network.source}")


if __name__ == "__main__":
    main()
