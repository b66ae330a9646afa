"""Adadelta."""

import cygrad

from ._functional import functional
from .optimizer import (
    _check_eps,
    _check_lr,
    _check_not_negative,
    _DenseOptimizer,
    _new_step,
)

__all__ = ["Adadelta", "adadelta"]


class Adadelta(_DenseOptimizer):
    """Adadelta (https://arxiv.org/abs/1212.5701): steps scaled by RMS(past steps) / RMS(grad)."""

    _loop = "adadelta"
    _capturable_devices = ["cuda", "xpu", "hpu", "privateuseone"]

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        _check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        _check_eps(eps)
        _check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        state["square_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["acc_delta"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return "square_avg", "acc_delta"

    def _constants(self, group, step):
        return group["rho"], 1 - group["rho"], group["eps"], group["lr"]

    def _update(self, p, grad, state, group, rho, rest, eps, lr):
        square_avg, acc_delta = state["square_avg"], state["acc_delta"]
        square_avg.mul_(rho).addcmul_(grad, grad, value=rest)
        delta = acc_delta.add(eps).sqrt_().div(square_avg.add(eps).sqrt_()).mul(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=rest)
        p.add_(delta, alpha=-lr)


adadelta = functional("adadelta", Adadelta)
