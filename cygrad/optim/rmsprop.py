"""RMSprop."""

import cygrad

from ._functional import functional
from .optimizer import (
    _check_eps,
    _check_lr,
    _check_not_negative,
    _DenseOptimizer,
    _new_step,
)

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(_DenseOptimizer):
    """RMSprop (Hinton's lecture 6): steps over the root of a running mean of squared gradients.

    centered subtracts the square of the running mean (https://arxiv.org/abs/1308.0850).
    """

    _loop = "rmsprop"

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _check_lr(lr)
        _check_eps(eps)
        _check_not_negative(momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        for name in self._moments(group):
            if name is not None:
                state[name] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return (
            "square_avg",
            "momentum_buffer" if group["momentum"] > 0 else None,
            "grad_avg" if group["centered"] else None,
        )

    def _constants(self, group, step):
        alpha = group["alpha"]
        return alpha, 1 - alpha, group["eps"], group["momentum"], group["lr"]

    def _update(self, p, grad, state, group, alpha, one_alpha, eps, momentum, lr):
        square_avg = state["square_avg"]
        square_avg.mul_(alpha).addcmul_(grad, grad, value=one_alpha)
        if group["centered"]:
            grad_avg = state["grad_avg"]
            grad_avg.lerp_(grad, one_alpha)
            root = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            root = square_avg.sqrt()
        denom = root.add(eps)
        if momentum > 0:
            buf = state["momentum_buffer"]
            buf.mul_(momentum).addcdiv_(grad, denom)
            p.add_(buf, alpha=-lr)
        else:
            p.addcdiv_(grad, denom, value=-lr)


rmsprop = functional("rmsprop", RMSprop)
