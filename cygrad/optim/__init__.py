"""Optimizers, learning rate schedulers and weight averaging, with PyTorch's names and formats."""

from typing import TYPE_CHECKING

from . import lr_scheduler, optimizer, swa_utils
from ._adafactor import Adafactor
from ._muon import Muon
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .lbfgs import LBFGS
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "optimizer",
    "swa_utils",
]


if not TYPE_CHECKING:  # there a name that is missing is to be an error

    def __getattr__(name):  # it brings torch.distributed, which few programs need
        if name == "ZeroRedundancyOptimizer":
            from ._zero_redundancy import ZeroRedundancyOptimizer

            return ZeroRedundancyOptimizer
        raise AttributeError(f"module 'torch.optim' has no attribute '{name}'")
