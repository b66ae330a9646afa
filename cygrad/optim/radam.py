"""Rectified Adam."""

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

__all__ = ["RAdam", "radam"]


class RAdam(_DenseOptimizer):
    """Rectified Adam (https://arxiv.org/abs/1908.03265): plain momentum for the first steps, then
    Adam scaled by how far the variance of its adaptive rate can be known."""

    _loop = "radam"

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        state["exp_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["exp_avg_sq"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return "exp_avg", "exp_avg_sq"

    def _constants(self, group, step):
        beta1, beta2 = group["betas"]
        correction2 = 1 - beta2**step
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * step * beta2**step / correction2
        scale = 0.0  # while the variance cannot be known
        if rho > 5:
            rect = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            scale = (correction2 * rect) ** 0.5
        rate = group["lr"] / (1 - beta1**step)
        return 1 - beta1, beta2, 1 - beta2, rate, group["eps"], scale

    def _update(self, p, grad, state, group, one_beta1, beta2, one_beta2, rate, eps, scale):
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        exp_avg.lerp_(grad, one_beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=one_beta2)
        update = exp_avg * rate
        if scale:
            update = update * (scale / exp_avg_sq.sqrt().add(eps))
        p.sub_(update)


radam = functional("radam", RAdam)
