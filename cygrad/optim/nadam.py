"""Adam with Nesterov momentum."""

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

__all__ = ["NAdam", "nadam"]


class NAdam(_DenseOptimizer):
    """Adam with Nesterov momentum (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ)."""

    _loop = "nadam"
    _kept = ("mu_product",)
    _captured = "params, mu_products and state_steps"

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        _check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        state["mu_product"] = cygrad.ones_like(state["step"])
        state["exp_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["exp_avg_sq"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return "exp_avg", "exp_avg_sq"

    def _constants(self, group, step, product):
        lr, decay = group["lr"], group["momentum_decay"]
        beta1, beta2 = group["betas"]
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
        product *= mu
        return (
            product, 1 - beta1, beta2, 1 - beta2, 1 - beta2**step, group["eps"],
            lr * (1 - mu) / (1 - product), lr * mu_next / (1 - product * mu_next),
        )  # fmt: skip

    def _update(
        self, p, grad, state, group, one_beta1, beta2, one_beta2, correction2, eps, rate, next_rate
    ):
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        exp_avg.lerp_(grad, one_beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=one_beta2)
        denom = exp_avg_sq.div(correction2).sqrt_().add(eps)
        p.addcdiv_(grad, denom, value=-rate)
        p.addcdiv_(exp_avg, denom, value=-next_rate)


nadam = functional("nadam", NAdam)
