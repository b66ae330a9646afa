"""Stochastic gradient descent."""

import cygrad

from . import _composite
from ._functional import functional
from .optimizer import Optimizer, _check_flags, _check_lr, _check_not_negative, _evaluate

try:
    from cygrad._operators.optim import sgd as _compiled
except ImportError:  # a build without the compiled steps
    _compiled = None

__all__ = ["SGD", "sgd"]


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with (Nesterov) momentum.

    buf = momentum * buf + (1 - dampening) * grad, and param -= lr * buf; the first buf is grad.
    weight_decay adds weight_decay * param to grad; maximize climbs instead of descending.
    foreach and fused are accepted; every step is one call for all parameters of a group.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        _check_lr(lr)
        _check_not_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        _check_flags(foreach, fused, differentiable)

    def step(self, closure=None):
        """Do one step of optimization; returns what `closure` returned, else None."""
        loss = None if closure is None else _evaluate(closure)
        state = self.state
        for group in self.param_groups:
            momentum = group["momentum"]
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            bufs = [state[p].get("momentum_buffer") for p in params] if momentum else []
            differentiable = group["differentiable"]
            lr = group["lr"]
            weight_decay = group["weight_decay"]
            if not differentiable:
                lr, weight_decay = float(lr), float(weight_decay)
            elif momentum:
                # What earlier steps saved for their gradients must not change under them.
                bufs = [b if b is None else b.clone() for b in bufs]
            args = (
                params,
                grads,
                bufs,
                lr,
                momentum,
                group["dampening"],
                weight_decay,
                group["nesterov"],
                group["maximize"],
            )
            if differentiable or _compiled is None or not _compiled(*args):
                with cygrad.set_grad_enabled(differentiable):
                    _composite.sgd(*args)
            if momentum:
                for p, buf in zip(params, bufs):
                    state[p]["momentum_buffer"] = buf
        return loss


sgd = functional("sgd", SGD)
