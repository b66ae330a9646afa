"""Runs calls in child processes and says how each one ended."""

import ast
import gc
import mmap
import os
import pickle
import random
import re
import resource
import signal
import tempfile
import time
import warnings
from pathlib import Path

from . import calls, mutate, values
from .values import Names

SECONDS = 10  # of processor time a call may take
FIRST_SECONDS = 2  # until it is run again, alone
WALL_SECONDS = 300  # of the clock: a call that sleeps
MEMORY = 4 * 2**30  # of address space beyond what the process has
BEYOND_RESULT = 2**30  # that a call may take of memory beyond a few times its result
BATCH = 250  # calls a child
TOLD = 65536  # bytes for the text of the call that runs
READ = 2**20  # elements of a result that are read
KEPT = 2**12  # elements of a result that are compared
OURS = (SystemError, MemoryError, AssertionError, RecursionError, NameError)
HERE = Path(__file__).parent


def lines_of(name):
    return [
        line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")
    ]


class Source:
    """Call number i of a seed, whatever was run before it."""

    def __init__(self, library, seed):
        self.functions = calls.public_callables(library)
        self.honest = lines_of("honest.txt") + lines_of("failed.txt")
        self.seed = seed

    def call(self, i):
        rng = random.Random(f"{self.seed}.{i}")
        if rng.random() < 0.4:
            name, signature = rng.choice(self.functions)
            text, changes = calls.call_of(name, signature, rng), rng.choice((0, 0, 0, 1))
        else:
            text, changes = rng.choice(self.honest), rng.choice((0, 1, 1, 1, 2, 2, 3))
        for _ in range(changes):
            try:
                text = mutate.mutated(text, rng)
            except (SyntaxError, ValueError, RecursionError):
                break
        return text


class Outcome:
    """How a call ended: `how` is "result", "raises", "killed" (by a signal), "hangs" or "memory"."""

    def __init__(self, how, what="", values=()):
        self.how, self.what, self.values = how, what, values

    def __repr__(self):
        return f"{self.how} {self.what}".strip()


def tensors_in(result, library, found, depth=0):
    if isinstance(result, library.Tensor):
        found.append(result)
    elif isinstance(result, (tuple, list)) and depth < 4:
        for x in result[:100]:
            tensors_in(x, library, found, depth + 1)
    elif isinstance(result, dict) and depth < 4:
        for x in list(result.values())[:100]:
            tensors_in(x, library, found, depth + 1)
    return found


def described(x, library):
    """A tensor's dtype and shape, and its values where they are few."""
    if x.layout != library.strided:
        return (str(x.dtype), tuple(x.shape), str(x.layout), None)
    x = x.detach()
    numbers = None
    if x.device.type != "meta" and x.numel() <= READ:
        x = x.resolve_conj().resolve_neg().to("cpu").clone()
        if x.numel() <= KEPT and all(n <= KEPT for n in x.shape):
            numbers = x.to(library.complex128 if x.dtype.is_complex else library.float64).tolist()
    return (str(x.dtype), tuple(x.shape), "strided", numbers)


def perform(code, library, device="cpu"):
    """The outcome of a call, its result read and differentiated twice."""
    names = Names(library, device)
    library.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = eval(code, names)
            found = tensors_in(result, library, [])
            parts = [described(x, library) for x in found[:50]]
            if not found:
                parts = [
                    (
                        type(result).__name__,
                        (),
                        "",
                        result if isinstance(result, (int, float, bool, str)) else None,
                    )
                ]
            elif sum(x.numel() for x in found) < 1000:
                repr(result)
    except Exception as error:
        return Outcome("raises", f"{type(error).__name__}: {str(error)[:300]}")
    if names.leaves and found:
        parts += gradients(found, names.leaves, library)
    return Outcome("result", "", parts)


def gradients(found, leaves, library):
    """What the gradients of the result are, and of these; only `perform`'s caller sees that nothing breaks."""
    try:
        outs = [x for x in found if x.requires_grad and x.numel() <= READ]
        firsts = library.autograd.grad(
            outs, leaves, [library.ones_like(x) for x in outs], create_graph=True, allow_unused=True
        )
        parts = [described(x, library) for x in firsts if x is not None]
        seconds = [x for x in firsts if x is not None and x.requires_grad]
        if seconds:
            library.autograd.grad([x.sum() for x in seconds], leaves, allow_unused=True)
        return parts
    except Exception as error:
        if isinstance(error, OURS):
            raise
        return []


# PyTorch loops as often as such an argument says, too.
LOOPS = re.compile(
    "lowrank|lobpcg|Transformer|GRU|LSTM|RNN|_polynomial_|matrix_power|mvlgamma|multigammaln|bytearray"
)


def children(texts, library, device="cpu"):
    """Outcomes of the texts; those that broke run again, alone."""
    outcomes = in_turn(texts, library, device, FIRST_SECONDS)
    for i, text in enumerate(texts):
        if outcomes[i].how == "hangs" or outcomes[i].how == "killed":
            again = in_turn([text], library, device, SECONDS)[0]
            if outcomes[i].how == "hangs" or again.how == "killed":
                outcomes[i] = again
            else:
                outcomes[i].what += f", but not alone: after {texts[max(0, i - 5) : i]}"
    return outcomes


def in_turn(texts, library, device, seconds):
    """Outcomes of the texts, run by child processes one after another; one that dies is followed by the next."""
    outcomes = []
    told = mmap.mmap(-1, TOLD)
    while len(outcomes) < len(texts):
        first = len(outcomes)
        batch = texts[first : first + BATCH]
        with tempfile.TemporaryFile() as file:
            told.seek(0)
            told.write((0).to_bytes(8, "little"))
            gc.freeze()
            pid = os.fork()
            if pid == 0:
                child(batch, library, device, seconds, told, file)
            status = wait_for(pid, told)
            file.seek(0)
            while True:
                try:
                    outcomes.append(pickle.load(file))
                except EOFError:
                    break
                except pickle.UnpicklingError:  # the child died while it wrote
                    break
        if len(outcomes) - first < len(batch):
            outcomes.append(ending(status))
    return outcomes


def ending(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (signal.SIGPROF, signal.SIGKILL, signal.SIGXCPU):
            return Outcome("hangs", signal.Signals(number).name)
        return Outcome("killed", signal.Signals(number).name)
    return Outcome("killed", f"exit {os.WEXITSTATUS(status)}")


def wait_for(pid, told):
    """The child's status; it is killed where it works on one call for too long."""
    at, since = None, time.monotonic()
    pause = 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        now = int.from_bytes(told[:8], "little")
        if now != at:
            at, since = now, time.monotonic()
        elif time.monotonic() - since > WALL_SECONDS:
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1]
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def child(batch, library, device, seconds, told, file):
    """Runs the batch and ends this process."""
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if "libasan" not in os.environ.get(
            "LD_PRELOAD", ""
        ):  # which reserves terabytes, and has limits of its own
            with open("/proc/self/statm") as statm:
                now = int(statm.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
        folder = tempfile.mkdtemp()
        os.chdir(folder)  # what a call writes by a relative name
        for i, text in enumerate(batch):
            told.seek(0)
            told.write((i + 1).to_bytes(8, "little") + text.encode(errors="replace")[: TOLD - 8])
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            signal.setitimer(signal.ITIMER_PROF, seconds)
            try:
                code = compile(text, "call", "eval")
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                outcome = Outcome("raises", "SyntaxError")
            else:
                try:
                    outcome = perform(code, library, device)
                except Exception as error:  # of the gradients
                    outcome = Outcome(
                        "raises", f"{type(error).__name__}: backward: {str(error)[:300]}"
                    )
            signal.setitimer(signal.ITIMER_PROF, 0)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
            if grown > BEYOND_RESULT + 4 * sum(bytes_of(v) for v in outcome.values):
                outcome = Outcome("memory", f"{grown >> 20} MiB, {outcome}")
            pickle.dump(outcome, file)
            file.flush()
        os.chdir("/")
        try:
            os.rmdir(folder)
        except OSError:
            pass
    finally:
        os._exit(0)


def bytes_of(value):
    n = 16
    for size in value[1]:
        n *= size
    return n


def is_ours(outcome, text):
    """Whether no call may end so."""
    if outcome.how in ("hangs", "memory") or outcome.what.startswith("MemoryError"):
        return not asks_for_much(text)
    name, _, words = outcome.what.partition(":")
    if name == "AssertionError":  # PyTorch's modules say by it what they were not given
        return not words.strip()
    return outcome.how not in ("raises", "result") or name in {t.__name__ for t in OURS} | {
        "InternalError"
    }


def asks_for_much(text):
    """Whether a call's tensors alone have more elements than can be gone through in the time."""
    tree = ast.parse(text, mode="eval")
    if LOOPS.search(text) and any(
        isinstance(n, ast.Constant) and isinstance(n.value, (int, float)) and n.value > 2**12
        for n in ast.walk(tree)
    ):
        return True
    for node in ast.walk(tree):
        if mutate.is_tensor(node):
            count = 1
            for size in node.args[1:]:
                count *= (
                    size.value
                    if isinstance(size, ast.Constant) and isinstance(size.value, int)
                    else 1
                )
            if abs(count) > 2**26 or any(
                ast.unparse(k.value) == repr(values.HUGE) for k in node.keywords
            ):
                return True
    return False
