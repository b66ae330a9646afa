"""Stochastic weight averaging (https://arxiv.org/abs/1803.05407) and moving averages of models."""

import itertools
import math
from copy import deepcopy

import cygrad
from cygrad.nn import Module

from .lr_scheduler import LRScheduler, _per_group
from .optimizer import _check

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay) -> None:
    range_ = "Please provide a value in [0,1] range."
    _check((not (decay < 0.0 or decay > 1.0), f"Invalid decay value {decay} provided. {range_}"))


def get_ema_avg_fn(decay=0.999):
    """The function (average, parameter, n) -> decay * average + (1 - decay) * parameter."""
    _check_decay(decay)

    def average(ema_param, current_param, num_averaged):
        with cygrad.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return average


def get_swa_avg_fn():
    """The function (average, parameter, n) -> the mean of n + 1 models."""

    def average(averaged_param, current_param, num_averaged):
        with cygrad.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return average


def get_ema_multi_avg_fn(decay=0.999):
    """`get_ema_avg_fn` over lists of parameters, in place."""
    _check_decay(decay)

    def average(ema_params, current_params, num_averaged):
        with cygrad.no_grad():
            for ema, current in zip(ema_params, current_params):
                if ema.is_floating_point() or ema.is_complex():
                    ema.lerp_(current, 1 - decay)
                else:
                    ema.copy_(ema * decay + current * (1 - decay))

    return average


def get_swa_multi_avg_fn():
    """`get_swa_avg_fn` over lists of parameters, in place."""

    def average(averaged_params, current_params, num_averaged):
        with cygrad.no_grad():
            share = 1 / (float(num_averaged) + 1)
            for averaged, current in zip(averaged_params, current_params):
                if averaged.is_floating_point() or averaged.is_complex():
                    averaged.lerp_(current, share)
                else:
                    averaged.add_(((current - averaged) * share).to(averaged.dtype))

    return average


class AveragedModel(Module):
    """A copy of `model` whose parameters are averages of those given to `update_parameters`.

    avg_fn(average, parameter, number averaged so far) returns the new average; multi_avg_fn does
    the same for lists, in place. Without one of them all models count the same. use_buffers
    averages the buffers too, which otherwise are copied.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", cygrad.tensor(0, dtype=cygrad.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        """The output of the averaged model."""
        return self.module(*args, **kwargs)

    def _averaged(self, module):
        if self.use_buffers:
            return itertools.chain(module.parameters(), module.buffers())
        return module.parameters()

    def update_parameters(self, model):
        """Take the parameters of `model` into the average."""
        averages = [p.detach() for p in self._averaged(self.module)]
        current = [p.detach() for p in self._averaged(model)]
        current = [c.to(a.device) for a, c in zip(averages, current)]
        n = self.n_averaged
        if int(n) == 0:
            for average, value in zip(averages, current):
                average.copy_(value)
        elif self.avg_fn is not None:
            for average, value in zip(averages, current):
                average.copy_(self.avg_fn(average, value, n.to(average.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, current, n)
        if not self.use_buffers:
            for kept, value in zip(self.module.buffers(), model.buffers()):
                kept.detach().copy_(value.detach().to(kept.device))
        self.n_averaged += 1


def update_bn(loader, model, device=None):
    """Compute the running statistics of the batch norms of `model` anew by a pass over `loader`.

    Each batch is a tensor or a list or tuple whose first item is one.
    """
    layers = [m for m in model.modules() if isinstance(m, cygrad.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return
    was_training = model.training
    momenta = [layer.momentum for layer in layers]
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the cumulative mean
    with cygrad.no_grad():
        for batch in loader:
            if isinstance(batch, (list, tuple)):
                batch = batch[0]
            if device is not None:
                batch = batch.to(device)
            model(batch)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """The rate annealed ("cos" or "linear") to swa_lr in anneal_epochs epochs, and kept there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for lr, group in zip(_per_group("swa_lr", swa_lr, optimizer), optimizer.param_groups):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the way to swa_lr is done after `epoch` epochs."""
        done = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * done)) / 2 if self._anneal_strategy == "cos" else done

    def get_lr(self):
        """The rates of the present epoch."""
        self._warn_outside_step()
        # `_initial_step` counts as a step of its own, as in PyTorch.
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        lrs = []
        for group in self.optimizer.param_groups:
            target, lr = group["swa_lr"], group["lr"]
            # The rate that the annealing so far began from.
            start = target if before == 1 else (lr - before * target) / (1 - before)
            lrs.append(target * now + start * (1 - now))
        return lrs
