"""Averaged stochastic gradient descent."""

import cygrad

from ._functional import functional
from .optimizer import _check_lr, _check_not_negative, _DenseOptimizer, _new_step

__all__ = ["ASGD", "asgd"]


class ASGD(_DenseOptimizer):
    """Averaged SGD (Polyak and Juditsky, 1992): plain SGD, with the mean of the weights since
    step t0 in `state[param]["ax"]`.

    The rate is lr / (1 + lambd * lr * step) ** alpha.
    """

    _loop = "asgd"
    _kept = ("eta", "mu")
    _captured = "params, mus, etas, and state_steps"

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _check_lr(lr)
        _check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for state in self.state.values():
            for name in ("eta", "mu"):
                if isinstance(state, dict) and name in state:
                    value = state[name]
                    if not isinstance(value, cygrad.Tensor):
                        state[name] = _new_step().fill_(float(value))

    def _start(self, state, p, group):
        state["step"] = _new_step()
        state["eta"] = _new_step().fill_(float(group["lr"]))
        state["mu"] = cygrad.ones_like(state["step"])
        state["ax"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return ("ax",)

    def _constants(self, group, step, eta, mu):
        lr, lambd = float(group["lr"]), group["lambd"]
        next_eta = lr / (1 + lambd * lr * step) ** group["alpha"]
        next_mu = 1 / max(1, step - group["t0"])
        return next_eta, next_mu, 1 - lambd * eta, eta, mu

    def _update(self, p, grad, state, group, keep, eta, mu):
        ax = state["ax"]
        p.mul_(keep).add_(grad, alpha=-eta)
        if mu == 1:
            ax.copy_(p)
        else:
            ax.add_(p.sub(ax).mul_(mu))


asgd = functional("asgd", ASGD)
