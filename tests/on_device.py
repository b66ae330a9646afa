"""Runs programs written for the CPU on another device, for tests/test_programs.py:

    python -m cygrad on_device.py DEVICE FOLDER PROGRAM...

What they print goes to FOLDER/NAME.txt, and what stops one to FOLDER/NAME.error.  Tensors are made on the device,
NumPy's arrays and random numbers are brought to it: they are the CPU's, so that a program prints what it printed there.
"""

import contextlib
import sys
import traceback
import types
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader

RANDOM = {
    "alpha_dropout", "bernoulli", "bernoulli_", "cauchy_", "dropout", "dropout1d", "dropout2d", "exponential_",
    "geometric_", "log_normal_", "multinomial", "normal", "normal_", "poisson", "rand", "rand_like", "randint",
    "randint_like", "randn", "randn_like", "random_", "randperm", "rrelu", "uniform_",
}  # fmt: skip
HOST = 'torch.device("cpu")'  # the device of programs that name one
from_numpy, make_loader = torch.from_numpy, DataLoader.__init__


def moved(tree, device):
    return tree_map(lambda x: x.to(device) if isinstance(x, torch.Tensor) else x, tree)


class OnDevice(TorchFunctionMode):
    """Everything happens on the device, but what draws random numbers and what speaks to NumPy."""

    def __init__(self, device):
        self.device = device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__
        if name == "numpy":
            return args[0].cpu().numpy()
        if name not in RANDOM or "meta" in (str(kwargs.get("device")), *[str(getattr(x, "device", "")) for x in args]):
            return func(*args, **kwargs)
        wanted = kwargs.pop("requires_grad", False)
        kwargs.pop("device", None)
        with torch.device("cpu"):
            made = func(*moved(args, "cpu"), **moved(kwargs, "cpu"))
        if name.endswith("_") or kwargs.get("inplace"):
            return args[0].copy_(made)
        made = moved(made, self.device)
        return made.requires_grad_() if wanted else made


def without_workers(self, *args, **kwargs):
    """Workers are forked, and may not use the device."""
    make_loader(self, *args, **kwargs | {"num_workers": 0})


def run(device, folder, programs):
    torch.from_numpy = lambda a: from_numpy(a).to(device)
    DataLoader.__init__ = without_workers
    for program in map(Path, programs):
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        sys.argv[:], sys.path[0] = [str(program)], str(program.parent)
        place = Path(folder) / program.stem
        with open(place.with_suffix(".txt"), "w") as file, contextlib.redirect_stdout(file):
            torch.manual_seed(0)
            try:
                code = compile(program.read_text().replace(HOST, f'torch.device("{device}")'), program, "exec")
                with torch.device(device), OnDevice(device):
                    exec(code, vars(main))
            except Exception:
                place.with_suffix(".error").write_text(traceback.format_exc())
            torch.set_default_dtype(torch.float32)
            torch.set_printoptions(profile="default")


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3:])
