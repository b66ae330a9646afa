"""Adagrad."""

import cygrad

from ._functional import functional
from .optimizer import (
    _check_eps,
    _check_flags,
    _check_lr,
    _check_not_negative,
    _DenseOptimizer,
    _new_step,
)

__all__ = ["Adagrad", "adagrad"]


class Adagrad(_DenseOptimizer):
    """Adagrad (https://jmlr.org/papers/v12/duchi11a.html): steps over the root of the sum of
    squared gradients. Sparse gradients change only the rows that they have."""

    _loop = "adagrad"

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        _check_lr(lr)
        _check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
        )
        _check_eps(eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        _check_flags(foreach, fused, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(self.state[p], p, group)

    def share_memory(self):
        """Move the sums of squared gradients into shared memory."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _start(self, state, p, group):
        start = group["initial_accumulator_value"]
        if p.is_complex():
            start = complex(start, start)
        state["step"] = _new_step()
        state["sum"] = cygrad.full_like(p, start, memory_format=cygrad.preserve_format)

    def _step_one(self, p, grad, group, differentiable):
        if grad.layout == cygrad.strided:
            super()._step_one(p, grad, group, differentiable)
            return
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state = self.state[p]
        state["step"] += 1
        eps, rate = self._constants(group, state["step"].item())
        grad = grad.coalesce()
        index = tuple(grad.indices())
        values = -grad.values() if group["maximize"] else grad.values()
        total = state["sum"][index].addcmul_(values, values)
        state["sum"][index] = total
        p[index] = p[index].addcdiv_(values, total.sqrt_().add_(eps), value=-rate)

    def _moments(self, group):
        return ("sum",)

    def _constants(self, group, step):
        return group["eps"], group["lr"] / (1 + (step - 1) * group["lr_decay"])

    def _update(self, p, grad, state, group, eps, rate):
        total = state["sum"]
        total.addcmul_(grad, grad)
        p.addcdiv_(grad, total.sqrt().add(eps), value=-rate)


adagrad = functional("adagrad", Adagrad)
