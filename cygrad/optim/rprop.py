"""Resilient backpropagation."""

import cygrad

from ._functional import functional
from .optimizer import _check, _check_lr, _DenseOptimizer, _new_step

__all__ = ["Rprop", "rprop"]


class Rprop(_DenseOptimizer):
    """Rprop (Riedmiller and Braun, 1993): a step size per weight, larger while the sign of the
    gradient stays, smaller when it turns; only the sign of the gradient is used.

    etas: the factors (smaller, larger). step_sizes: the bounds (least, greatest).
    """

    _loop = "rprop"

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _check_lr(lr)
        smaller, larger = etas
        _check((0.0 < smaller < 1.0 < larger, f"Invalid eta values: {smaller}, {larger}"))
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, state, p, group):
        lr = float(group["lr"])
        if p.is_complex():
            lr = complex(lr, lr)
        state["step"] = _new_step()
        state["prev"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["step_size"] = cygrad.full_like(p, lr, memory_format=cygrad.preserve_format)

    def _moments(self, group):
        return "prev", "step_size"

    def _constants(self, group, step):
        return *group["etas"], *group["step_sizes"]

    def _update(self, p, grad, state, group, smaller, larger, least, greatest):
        prev, step_size = state["prev"], state["step_size"]
        turn = (grad * prev).sign()
        factor = cygrad.ones_like(turn)
        factor = cygrad.where(turn > 0, cygrad.full_like(turn, larger), factor)
        factor = cygrad.where(turn < 0, cygrad.full_like(turn, smaller), factor)
        size = (step_size * factor).clamp(least, greatest)
        # Where the sign turned the weight stays, and the next step compares with nothing.
        grad = cygrad.where(turn < 0, cygrad.zeros_like(grad), grad)
        p.sub_(grad.sign() * size)
        step_size.copy_(size)
        prev.copy_(grad)


rprop = functional("rprop", Rprop)
