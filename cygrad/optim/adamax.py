"""Adamax."""

import cygrad

from ._functional import functional
from .optimizer import (
    _check_betas,
    _check_eps,
    _check_lr,
    _check_not_negative,
    _DenseOptimizer,
    _new_step,
)

__all__ = ["Adamax", "adamax"]


class Adamax(_DenseOptimizer):
    """Adamax: Adam with the infinity norm of gradients (https://arxiv.org/abs/1412.6980)."""

    _loop = "adamax"

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _check_lr(lr)
        _check_eps(eps)
        _check_betas(betas)
        _check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        state["exp_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["exp_inf"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return "exp_avg", "exp_inf"

    def _constants(self, group, step):
        beta1, beta2 = group["betas"]
        return 1 - beta1, beta2, group["eps"], group["lr"] / (1 - beta1**step)

    def _update(self, p, grad, state, group, one_beta1, beta2, eps, rate):
        exp_avg, exp_inf = state["exp_avg"], state["exp_inf"]
        exp_avg.lerp_(grad, one_beta1)
        largest = cygrad.maximum(exp_inf * beta2, grad.abs().add_(eps))
        exp_inf.copy_(largest)
        p.addcdiv_(exp_avg, largest, value=-rate)


adamax = functional("adamax", Adamax)
