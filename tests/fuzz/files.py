"""Damages files of `torch.save` and loads them: each must load, or raise one of a few exceptions.

    python -m tests.fuzz.files --count 100000 --seed 0

The process may take no more than a fixed amount of memory, so that a file which talks load into a large allocation
shows as MemoryError, and no more than a time. What loads is read in full, so that a tensor which reaches past its
memory shows as a crash. A crash, a hang or any other exception names the number of its file.
"""

import argparse
import collections
import faulthandler
import io
import pickle
import random
import resource
import signal
import struct
import tempfile
import time
import zipfile
from collections import Counter, OrderedDict

import cygrad

ALLOWED = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError)
SECONDS = 10  # of processor time for a file; then SIGPROF ends the process
MEMORY = 512 * 2**20  # more than the process has at the start
NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**31 - 1,
    2**31,
    2**32,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
)


def samples():
    """Files of every kind, as bytes."""
    cygrad.manual_seed(0)
    x = cygrad.arange(24.0).reshape(4, 6)
    model = cygrad.nn.Sequential(cygrad.nn.Linear(3, 2), cygrad.nn.BatchNorm1d(2))
    optimizer = cygrad.optim.Adam(model.parameters())
    model(cygrad.rand(4, 3)).sum().backward()
    optimizer.step()
    named = cygrad.ones(3)
    named.note = "mine"
    objects = (
        {"a": x, "b": x.t(), "c": x[1:, ::2], "d": cygrad.nn.Parameter(x[0])},
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3},
        [x.to(dtype) for dtype in (cygrad.bool, cygrad.int8, cygrad.bfloat16, cygrad.float64)],
        [
            1,
            2.5,
            None,
            "text",
            b"bytes",
            {1, 2},
            (1, 2, 3),
            OrderedDict(a=1),
            Counter("ab"),
            1j,
            2**70,
        ],
        [
            cygrad.Size([2]),
            cygrad.float16,
            cygrad.device("cpu"),
            cygrad.strided,
            named,
            bytearray(b"ab"),
        ],
    )
    sparse = cygrad.eye(4).to_sparse()
    turned = cygrad.ones(3, dtype=cygrad.complex64).conj()
    objects += ({"coo": sparse, "csr": sparse.to_sparse_csr(), "conj": turned},)
    files = []
    for obj in objects:
        for as_zip in (True, False):
            file = io.BytesIO()
            cygrad.save(obj, file, _use_new_zipfile_serialization=as_zip)
            files.append(file.getvalue())
    return files


# ------------------------------------------------------------------ damage


def flip_bits(data, rng):
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_bytes(data, rng):
    at = rng.randrange(len(data))
    data[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(0, 9))


def cut(data, rng):
    del data[rng.randrange(len(data)) :]


def remove(data, rng):
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 64)]


def repeat(data, rng):
    at, to = rng.randrange(len(data)), rng.randrange(len(data))
    data[to:to] = data[at : at + rng.randrange(1, 64)]


def set_number(data, rng):
    form = rng.choice(("<i", "<I", "<q", "<Q", "<H", "<B"))
    size = struct.calcsize(form)
    at = rng.randrange(max(1, len(data) - size))
    number = rng.choice(NUMBERS) & (256**size - 1)
    data[at : at + size] = number.to_bytes(size, "little")


def change_opcode(data, rng):
    opcodes = b"(.012FGIJKLMNPQRSTUVX]abcdeghijlopqrstu}" + bytes(range(0x80, 0x97))
    data[rng.randrange(len(data))] = rng.choice(opcodes)


DAMAGE = (flip_bits, set_bytes, cut, remove, repeat, set_number, change_opcode)


def damaged(data, rng):
    """A copy with one to three damages, of an archive also within a record, with a checksum that fits again."""
    if data[:2] == b"PK" and rng.random() < 0.6:
        return damaged_record(data, rng)
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            rng.choice(DAMAGE)(data, rng)
    return bytes(data)


def damaged_record(data, rng):
    old = zipfile.ZipFile(io.BytesIO(data))
    names = old.namelist()
    chosen = "archive/data.pkl" if rng.random() < 0.8 else rng.choice(names)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name in names:
            content = bytearray(old.read(name))
            if name == chosen:
                for _ in range(rng.choice((1, 1, 2, 4))):
                    if content:
                        rng.choice(DAMAGE)(content, rng)
                if not content and rng.random() < 0.5:
                    continue
            new.writestr(name, bytes(content))
    return file.getvalue()


def hostile(rng):
    """An archive around a pickle of random, mostly well-formed opcodes that know the names which are let in."""
    names = (
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n", b"ctorch\nFloatStorage\n",
        b"ctorch\nTensor\n", b"ctorch.storage\nUntypedStorage\n", b"ctorch._tensor\n_rebuild_from_type_v2\n",
        b"ccollections\nOrderedDict\n", b"ccollections\nCounter\n", b"c__builtin__\nset\n", b"cbuiltins\nbytearray\n",
        b"ctorch\nSize\n", b"ctorch\ndevice\n", b"c_codecs\nencode\n", b"c__builtin__\neval\n", b"cposix\nsystem\n",
        b"ctorch.nn.parameter\nParameter\n", b"ctorch.serialization\n_get_layout\n", b"ctorch\nfloat16\n",
        b"c__builtin__\ncomplex\n", b"ctorch._utils\n_rebuild_sparse_tensor\n", b"ctorch._utils\n_rebuild_tensor_v3\n",
        b"ctorch._utils\n_rebuild_parameter_with_state\n",
    )  # fmt: skip
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"

    def number():
        n = rng.choice(NUMBERS)
        data = n.to_bytes(10, "little", signed=True)
        return b"\x8a\x0a" + data

    def size():
        return struct.pack("<I", rng.choice(NUMBERS) & 2**32 - 1)

    def piece():
        return rng.choice((
            lambda: rng.choice(names), lambda: storage, number, lambda: b"K" + rng.randbytes(1), lambda: b"N",
            lambda: bytes((rng.choice(b"(t)\x85\x86\x87]}R\x81baesuQ\x88\x89"),)),
            lambda: b"q" + bytes((rng.randrange(4),)), lambda: b"h" + bytes((rng.randrange(4),)),
            lambda: b"X" + struct.pack("<I", 3) + b"abc", lambda: b"X" + size(), lambda: b"r" + size(),
            lambda: b"".join((names[0], b"(", storage, number(), b"(", number(), number(), b"t(", number(), number(),
                              b"t\x89", names[6], b")Rt", b"R")),
        ))()  # fmt: skip

    pickled = b"\x80\x02" + b"".join(piece() for _ in range(rng.randrange(1, 30))) + b"."
    if rng.random() < 0.05:
        pickled = b"\x80\x02" + rng.choice((b"(", b"](", b"}", b")\x85")) * 20000 + b"."
    if rng.random() < 0.05:
        pickled = b"\x80\x02}" + b")" + b"\x85" * 20000 + b"Ns."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name, content in (("data.pkl", pickled), ("data/0", bytes(16)), ("version", b"3\n")):
            new.writestr("archive/" + name, content)
    return file.getvalue()


# ------------------------------------------------------------------ the outcome


def read_all(obj, seen):
    """Reads every element of what was loaded."""
    waiting = [obj]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, cygrad.Tensor):
            if item.numel() <= 2**20:
                item.detach().double().sum().item()
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(item)


def run(count, seed, first=0):
    """Loads `count` damaged files; how often each outcome came."""
    files = samples()
    outcomes = collections.Counter()
    for i in range(first, first + count):
        rng = random.Random(f"{seed}.{i}")
        data = hostile(rng) if i % 5 == 4 else damaged(rng.choice(files), rng)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            if i % 10 == 0 and data[:4] == b"PK\x03\x04":
                with tempfile.NamedTemporaryFile(suffix=".pt") as file:
                    file.write(data)
                    file.flush()
                    read_all(cygrad.load(file.name, mmap=True), {})
            else:
                read_all(cygrad.load(io.BytesIO(data)), {})
            outcomes["loaded"] += 1
        except ALLOWED as error:
            outcomes[type(error).__name__] += 1
        except BaseException:
            print(f"file {i} of seed {seed}")
            raise
        signal.setitimer(signal.ITIMER_PROF, 0)
    return outcomes


def limit_memory(extra):
    """Lets this process take `extra` bytes more than it has; the address space is what counts."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, now + extra))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    args = parser.parse_args()
    faulthandler.enable()
    run(10, args.seed)  # imports what it needs
    limit_memory(MEMORY)
    started = time.monotonic()
    found = run(args.count, args.seed, args.first)
    print(f"{args.count} files in {time.monotonic() - started:.0f} s: {dict(found)}")
