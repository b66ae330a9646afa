"""Learning rate schedulers.

Most compute the next rate from the present one, so that schedulers can be chained; where a closed
form exists, `step(epoch)` uses it (`_get_closed_form_lr`).

Longer than a file should be: it is a list of small classes that have one base and nothing else
in common, and users import all of them from this module.
"""

import math
import types
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

import cygrad

from .optimizer import Optimizer

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_SEE_DOCS = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def _copy(value):
    """`value`, or its clone if it is a tensor, which a later step would write into."""
    return value.clone() if isinstance(value, cygrad.Tensor) else value


def _set(group: dict, name: str, value) -> None:
    """Write an option of a group; into the tensor, if the option is one."""
    if isinstance(group[name], cygrad.Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def _per_group(name: str, value, optimizer: Optimizer) -> list:
    """`value` as a list with one item per parameter group."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {n}."
        )
    return list(value)


def _saved(function) -> dict | None:
    """What is saved of a function of the user's: the attributes of an object that is called."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return function.__dict__.copy()


def _warn_epoch(epoch) -> None:
    if epoch is not None:
        warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=3)


def _check_optimizer(optimizer) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


class LRScheduler:
    """Base of the schedulers: `step()` moves to the next epoch and sets the rates of `get_lr()`.

    last_epoch: the epoch to go on after; -1 begins anew from the rates of the optimizer.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copy(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0.\nThis typically happens when:\n1. You're "
                    "trying to resume training from a checkpoint but haven't properly loaded the "
                    "optimizer state\n2. You're using last_epoch >= 0 for a fresh training run "
                    "(not recommended)"
                )
        self.base_lrs = [_copy(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        if "_watched" not in optimizer.__dict__:
            # Steps made before the first scheduler do not count for the warning about the order.
            optimizer._watched = True
            optimizer._opt_called = False
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def state_dict(self) -> dict:
        """Everything but the optimizer, as a dict."""
        return self._state()

    def _state(self, **replaced) -> dict:
        """The attributes, of which some are saved as something else."""
        own = self.__dict__.items()
        return {k: v for k, v in own if k != "optimizer" and k not in replaced} | replaced

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over what `state_dict()` returned."""
        self.__dict__.update(state_dict)

    def _load_but(self, name: str, state_dict: dict):
        """Take over all but one item of a state, which is returned."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != name})
        return state_dict[name]

    def get_last_lr(self) -> list:
        """The rates of the last step, one per parameter group."""
        return self._last_lr

    def get_lr(self) -> list:
        """The rates of the present epoch, from those of the one before."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to `epoch`, and set the learning rates."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        _warn_epoch(epoch)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        if not getattr(self.optimizer.step, "notes_calls", False):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                f"`lr_scheduler.step()`. {_SEE_DOCS}",
                UserWarning,
                stacklevel=3,
            )
        elif not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch "
                "1.1.0 and later, you should call them in the opposite order: `optimizer.step()` "
                "before `lr_scheduler.step()`.  Failure to do this will result in PyTorch "
                f"skipping the first value of the learning rate schedule. {_SEE_DOCS}",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._apply(self.get_lr)
        else:
            self.last_epoch = epoch
            self._apply(getattr(self, "_get_closed_form_lr", self.get_lr))

    def _apply(self, rates) -> None:
        """Set the learning rates to what the method `rates` gives."""
        self._get_lr_called_within_step = True
        try:
            values = rates()
        finally:
            self._get_lr_called_within_step = False
        for group, lr in zip(self.optimizer.param_groups, values):
            _set(group, "lr", lr)
        self._last_lr = self._present()

    def _present(self) -> list:
        return [_copy(group["lr"]) for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


_LRScheduler = LRScheduler


class _ScaleLR(LRScheduler):
    """A scheduler that multiplies the present rates by `_factor()`."""

    def get_lr(self) -> list:
        self._warn_outside_step()
        factor = self._factor()
        lrs = self._present()
        return lrs if factor is None else [lr * factor for lr in lrs]

    def _factor(self) -> float | None:
        """What to multiply the rates by in this epoch; None leaves them as they are."""
        raise NotImplementedError


class _FunctionLR(LRScheduler):
    """A scheduler with a function of the epoch per parameter group.

    The functions are saved only where they are objects with a `__dict__` of their own.
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.optimizer = optimizer
        n = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * n
        elif len(lr_lambda) != n:
            raise ValueError(f"Expected {n} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict:
        return self._state(lr_lambdas=[_saved(f) for f in self.lr_lambdas])

    def load_state_dict(self, state_dict: dict) -> None:
        for f, saved in zip(self.lr_lambdas, self._load_but("lr_lambdas", state_dict)):
            if saved is not None:
                f.__dict__.update(saved)


class LambdaLR(_FunctionLR):
    """The initial rate times lr_lambda(epoch).

    optimizer: the optimizer whose learning rates are set
    lr_lambda: a function of the epoch that gives the factor, or a list of them
    last_epoch: the number of the last epoch; -1 to begin

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=lambda epoch: 0.1**epoch)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.1
    """

    def get_lr(self):
        self._warn_outside_step()
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs)]


class MultiplicativeLR(_FunctionLR):
    """The rate times lr_lambda(epoch) in each epoch after the first.

    optimizer: the optimizer whose learning rates are set
    lr_lambda: a function of the epoch that gives the factor, or a list of them
    last_epoch: the number of the last epoch; -1 to begin
    """

    def get_lr(self):
        self._warn_outside_step()
        lrs = self._present()
        if self._is_initial:
            return lrs
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, lrs)]


class StepLR(_ScaleLR):
    """The rate times gamma every step_size epochs.

    optimizer: the optimizer whose learning rates are set
    step_size: how many epochs between steps
    gamma: the factor of the learning rate
    last_epoch: the number of the last epoch; -1 to begin

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.1
    """

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else None

    def _get_closed_form_lr(self):
        power = self.last_epoch // self.step_size
        return [base * self.gamma**power for base in self.base_lrs]


class MultiStepLR(_ScaleLR):
    """The rate times gamma at each of the milestones, which are epochs.

    optimizer: the optimizer whose learning rates are set
    milestones: the epochs of the steps
    gamma: the factor of the learning rate
    last_epoch: the number of the last epoch; -1 to begin

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1], gamma=0.1)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.1
    """

    def __init__(self, optimizer, milestones: Iterable[int], gamma=0.1, last_epoch=-1):
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        times = self.milestones.get(self.last_epoch)
        return self.gamma**times if times else None

    def _get_closed_form_lr(self):
        power = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**power for base in self.base_lrs]


class ConstantLR(_ScaleLR):
    """The rate times factor for the first total_iters epochs.

    optimizer: the optimizer whose learning rates are set
    factor: the factor of the learning rate
    total_iters: over how many epochs
    last_epoch: the number of the last epoch; -1 to begin
    """

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _get_closed_form_lr(self):
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(_ScaleLR):
    """The initial rate times a factor that goes in a line from start_factor to end_factor.

    optimizer: the optimizer whose learning rates are set
    start_factor: the factor at the beginning
    end_factor: the factor at the end
    total_iters: over how many epochs
    last_epoch: the number of the last epoch; -1 to begin
    """

    def __init__(
        self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1
    ):
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                "to 1."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        epoch, start = self.last_epoch, self.start_factor
        if epoch == 0:
            return start
        if self._is_initial or epoch > self.total_iters:
            return None
        change = self.end_factor - start
        return 1.0 + change / (self.total_iters * start + (epoch - 1) * change)

    def _get_closed_form_lr(self):
        change = self.end_factor - self.start_factor
        done = min(self.total_iters, self.last_epoch)
        return [
            base * (self.start_factor + change * done / self.total_iters) for base in self.base_lrs
        ]


class ExponentialLR(_ScaleLR):
    """The rate times gamma in every epoch.

    optimizer: the optimizer whose learning rates are set
    gamma: the factor of the learning rate
    last_epoch: the number of the last epoch; -1 to begin

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.1)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.1
    """

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        return None if self._is_initial else self.gamma

    def _get_closed_form_lr(self):
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(_ScaleLR):
    """The initial rate times (1 - epoch / total_iters) ** power.

    optimizer: the optimizer whose learning rates are set
    total_iters: over how many epochs
    power: the power of the polynomial
    last_epoch: the number of the last epoch; -1 to begin
    """

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        epoch, total = self.last_epoch, self.total_iters
        if self._is_initial or epoch > total:
            return None
        return ((1.0 - epoch / total) / (1.0 - (epoch - 1) / total)) ** self.power

    def _get_closed_form_lr(self):
        done = min(self.total_iters, self.last_epoch)
        return [base * (1.0 - done / self.total_iters) ** self.power for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """The rate along half a cosine from the initial one to eta_min in T_max epochs
    (https://arxiv.org/abs/1608.03983, without restarts).

    optimizer: the optimizer whose learning rates are set
    T_max: how many epochs half a period has
    eta_min: the least learning rate
    last_epoch: the number of the last epoch; -1 to begin

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        self._warn_outside_step()
        lrs = self._present()
        epoch, T_max, eta_min = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return lrs
        if self._step_count == 1 and epoch > 0:
            return self._get_closed_form_lr()
        if (epoch - 1 - T_max) % (2 * T_max) == 0:
            rise = (1 - math.cos(math.pi / T_max)) / 2
            return [lr + (base - eta_min) * rise for base, lr in zip(self.base_lrs, lrs)]
        fall = (1 + math.cos(math.pi * epoch / T_max)) / (
            1 + math.cos(math.pi * (epoch - 1) / T_max)
        )
        return [fall * (lr - eta_min) + eta_min for lr in lrs]

    def _get_closed_form_lr(self):
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine of T_0 epochs again and again, each T_mult times as long as the one before
    (https://arxiv.org/abs/1608.03983). `step` takes fractional epochs.

    optimizer: the optimizer whose learning rates are set
    eta_min: the least learning rate
    last_epoch: the number of the last epoch; -1 to begin
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        _check_positive_integer("T_0", T_0)
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        self._warn_outside_step()
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch=None):
        """Go to the next epoch or to `epoch`, which may be fractional, and set the rates."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            if epoch < self.T_0:
                self.T_i, self.T_cur = self.T_0, epoch
            elif self.T_mult == 1:
                self.T_cur = epoch % self.T_0
            else:
                ratio = epoch / self.T_0 * (self.T_mult - 1) + 1
                n = int(math.log(ratio, self.T_mult))
                self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
                self.T_i = self.T_0 * self.T_mult**n
        self.last_epoch = math.floor(epoch)
        self._apply(self.get_lr)


def _check_member(name: str, i: int, scheduler) -> None:
    if not hasattr(scheduler, "optimizer"):
        raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional "
            f"kwargs to be specified when calling `step`, but got one at index {i} in the given "
            "schedulers sequence."
        )


def _check_same_optimizer(name: str, schedulers, optimizer) -> None:
    for i, scheduler in enumerate(schedulers):
        if optimizer is not scheduler.optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got "
                f"scheduler {type(scheduler).__name__} at index {i} has {scheduler.optimizer}, "
                f"which is different from {type(optimizer).__name__}."
            )


class _Combined(LRScheduler):
    """A scheduler made of others, whose states it saves with its own."""

    def state_dict(self):
        return self._state(_schedulers=[scheduler.state_dict() for scheduler in self._schedulers])

    def load_state_dict(self, state_dict):
        for scheduler, saved in zip(self._schedulers, self._load_but("_schedulers", state_dict)):
            scheduler.load_state_dict(saved)


class SequentialLR(_Combined):
    """Schedulers one after another; each begins at its milestone, which is an epoch.

    optimizer: the optimizer whose learning rates are set
    schedulers: a list of schedulers
    milestones: the epochs of the steps
    last_epoch: the number of the last epoch; -1 to begin
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            _check_member("SequentialLR", i, scheduler)
            _check_same_optimizer("SequentialLR", schedulers[: i + 1], optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Every scheduler has done its first step when it was made; only the first one's counts.
        for group in optimizer.param_groups:
            _set(group, "lr", group["initial_lr"])
        for scheduler in schedulers:
            self._undo_step(scheduler)
        schedulers[0]._initial_step()
        self._last_lr = schedulers[0].get_last_lr()

    @classmethod
    def _undo_step(cls, scheduler) -> None:
        if isinstance(scheduler, _Combined):
            for inner in scheduler._schedulers:
                cls._undo_step(inner)
        else:
            scheduler.last_epoch -= 1

    def step(self):
        """Go to the next epoch with the scheduler whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """Schedulers that all step, one on the result of the other.

    schedulers: a list of schedulers
    optimizer: the optimizer whose learning rates are set
    """

    def __init__(self, schedulers, optimizer=None):
        if len(schedulers) < 1:
            raise ValueError(
                "ChainedScheduler expects at least one scheduler to be chained, but got no "
                "scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        for i, scheduler in enumerate(schedulers):
            _check_member("ChainedScheduler", i, scheduler)
        _check_same_optimizer("ChainedScheduler", schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = self._present()

    def step(self):
        """Step every scheduler."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._present()


class ReduceLROnPlateau(LRScheduler):
    """The rate times factor where a metric has not become better for `patience` epochs.

    mode: "min" or "max", which way is better. threshold and threshold_mode: by how much it has to
    be better, "rel"ative to the best so far or "abs"olute. cooldown: epochs to wait after a
    reduction. min_lr: the least rate (per group). eps: smaller changes are not made.
    """

    def __init__(
        self,
        optimizer,
        mode="min",
        factor=0.1,
        patience=10,
        threshold=1e-4,
        threshold_mode="rel",
        cooldown=0,
        min_lr: float = 0,
        eps=1e-8,
    ):
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        self.factor = factor
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        n, each = len(optimizer.param_groups), isinstance(min_lr, (list, tuple))
        if each and len(min_lr) != n:
            raise ValueError(f"expected {n} min_lrs, got {len(min_lr)}")
        self.default_min_lr = None if each else min_lr
        self.min_lrs = list(min_lr) if each else [min_lr] * n
        self.patience, self.cooldown = patience, cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self._present()
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self._reset()

    def _reset(self):
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics, epoch=None):
        """Take the metric of the epoch, and reduce the rates where it has stayed bad too long."""
        current = float(metrics)
        _warn_epoch(epoch)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._present()

    def _reduce_lr(self):
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from "
                    f"when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due "
                    "to a new param group being added to the optimizer. Please modify the "
                    "`min_lrs` field to match the length of the `optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, min_lr in zip(groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, min_lr)
            if old - new > self.eps:
                _set(group, "lr", new)

    @property
    def in_cooldown(self) -> bool:
        """Whether the wait after a reduction is still on."""
        return self.cooldown_counter > 0

    def _is_better(self, value, best) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * value > sign * (best * (1 + sign * self.threshold))
        return sign * value > sign * best + self.threshold


class _MomentumLR(LRScheduler):
    """A scheduler that may move the momentum, or beta1, as well."""

    def _begin_momentum(self, base_momentum, max_momentum, last_epoch: int):
        """The lowest and the highest momenta of all groups, of which these begin with the highest."""
        optimizer = self.optimizer
        if not ("momentum" in optimizer.defaults or "betas" in optimizer.defaults):
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        lows = _per_group("base_momentum", base_momentum, optimizer)
        highs = _per_group("max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for low, high, group in zip(lows, highs, optimizer.param_groups):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return lows, highs

    def _set_momentum(self, group: dict, momentum) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_MomentumLR):
    """The rate up and down between base_lr and max_lr (https://arxiv.org/abs/1506.01186).

    mode: "triangular", "triangular2" (half the height each cycle), "exp_range" (times
    gamma ** iteration) or any with scale_fn of the cycle or iteration (scale_mode).
    cycle_momentum moves the momentum the other way, from max_momentum to base_momentum.
    """

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up=2000,
        step_size_down=None,
        mode="triangular",
        gamma=1.0,
        scale_fn=None,
        scale_mode="cycle",
        cycle_momentum=True,
        base_momentum=0.8,
        max_momentum=0.9,
        last_epoch=-1,
    ):
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = _per_group("base_lr", base_lr, optimizer)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups):
                _set(group, "lr", lr)
        self.max_lrs = _per_group("max_lr", max_lr, optimizer)
        step_size_up = float(step_size_up)
        step_size_down = step_size_up if step_size_down is None else float(step_size_down)
        self.total_size = step_size_up + step_size_down
        self.step_ratio = step_size_up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        if scale_fn is not None:
            self.scale_mode = scale_mode
        else:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x) -> float:
        """The height of the cycle or iteration x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / (2.0 ** (x - 1))
        return self.gamma**x if self.mode == "exp_range" else 1.0

    def get_lr(self):
        """The rates of the present iteration; sets the momentum as well."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for low, high, group in zip(
                self.base_momentums, self.max_momentums, self.optimizer.param_groups
            ):
                self._set_momentum(group, high - (high - low) * share * scale)
        return [
            base + (top - base) * share * scale for base, top in zip(self.base_lrs, self.max_lrs)
        ]

    def state_dict(self):
        return self._state(_scale_fn_custom=_saved(self._scale_fn_custom))

    def load_state_dict(self, state_dict):
        custom = self._load_but("_scale_fn_custom", state_dict)
        if custom is not None:
            self._scale_fn_custom.__dict__.update(custom)


class OneCycleLR(_MomentumLR):
    """One cycle: up to max_lr, then down far below the start (https://arxiv.org/abs/1708.07120).

    The start is max_lr / div_factor, the end start / final_div_factor. pct_start: the share of
    steps that go up. anneal_strategy: "cos" or "linear". three_phase goes down as it went up
    first, and to the end only then.
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps=None,
        epochs=None,
        steps_per_epoch=None,
        pct_start=0.3,
        anneal_strategy="cos",
        cycle_momentum=True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor=25.0,
        final_div_factor=1e4,
        three_phase=False,
        last_epoch=-1,
    ):
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        if total_steps is not None:
            _check_positive_integer("total_steps", total_steps)
            self.total_steps = total_steps
        elif epochs is not None and steps_per_epoch is not None:
            _check_positive_integer("epochs", epochs)
            _check_positive_integer("steps_per_epoch", steps_per_epoch)
            self.total_steps = epochs * steps_per_epoch
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        last = self.total_steps - 1
        top = float(pct_start * self.total_steps) - 1
        if three_phase:
            phases = [
                (top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                (2 * pct_start * self.total_steps - 2, "max_lr", "initial_lr", "base_momentum",
                 "max_momentum"),
                (last, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]  # fmt: skip
        else:
            phases = [
                (top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                (last, "max_lr", "min_lr", "base_momentum", "max_momentum"),
            ]
        names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        self._schedule_phases = [dict(zip(names, phase)) for phase in phases]
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        max_lrs = _per_group("max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start, end, share):
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self):
        """The rates of the present step; sets the momentum as well."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        begin = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            begin = end
        share = (step - begin) / (end - begin)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._anneal(
                    group[phase["start_momentum"]], group[phase["end_momentum"]], share
                )
                self._set_momentum(group, momentum)
        return lrs


def _check_positive_integer(name: str, value) -> None:
    if value <= 0 or not isinstance(value, int):
        raise ValueError(f"Expected positive integer {name}, but got {value}")
