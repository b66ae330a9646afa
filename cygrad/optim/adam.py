"""Adam, and the step that AdamW shares."""

import cygrad

from . import _composite
from ._functional import functional
from .optimizer import (
    Optimizer,
    _check_betas,
    _check_capturable,
    _check_eps,
    _check_flags,
    _check_lr,
    _check_not_negative,
    _evaluate,
    _new_step,
    _step_to_tensor,
)

try:
    from cygrad._operators.optim import adam as _compiled
except ImportError:  # a build without the compiled steps
    _compiled = None

__all__ = ["Adam", "adam"]


class Adam(Optimizer):
    """Adam (https://arxiv.org/abs/1412.6980).

    m and v are the running means of grad and grad**2 with the factors betas, divided by
    1 - beta**step; param -= lr * m / (sqrt(v) + eps).
    weight_decay adds weight_decay * param to grad, or with decoupled_weight_decay shrinks param
    as AdamW does. amsgrad takes the largest v so far (https://openreview.net/forum?id=ryQu7f-RZ).
    foreach and fused are accepted; every step is one call for all parameters of a group.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        captures = "is not supported for capturable=False and foreach=True"
        by_value = foreach and not capturable  # which reads lr and betas as numbers
        if by_value and isinstance(lr, cygrad.Tensor):
            raise ValueError(f"lr as a Tensor {captures}")
        _check_lr(lr)
        _check_eps(eps)
        _check_betas(betas)
        _check_not_negative(weight_decay=weight_decay)
        tensors = [isinstance(beta, cygrad.Tensor) for beta in betas]
        if any(tensors):
            if not all(tensors):
                raise ValueError("betas must be either both floats or both Tensors")
            if by_value:
                raise ValueError(f"betas[0] as a Tensor {captures}")
            for i, beta in enumerate(betas):
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        _check_flags(foreach, fused, differentiable)

    def __setstate__(self, state):
        super().__setstate__(state)
        _step_to_tensor(self)

    def _start(self, p, amsgrad: bool) -> dict:
        if p.grad.layout != cygrad.strided:
            raise RuntimeError(
                "Adam does not support sparse gradients, please consider SparseAdam instead"
            )
        state = self.state[p]
        state["step"] = _new_step()
        state["exp_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["exp_avg_sq"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        if amsgrad:
            state["max_exp_avg_sq"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        return state

    def step(self, closure=None):
        """Do one step of optimization; returns what `closure` returned, else None."""
        loss = None if closure is None else _evaluate(closure)
        for group in self.param_groups:
            amsgrad = group["amsgrad"]
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            if group["capturable"]:
                _check_capturable(params, "params and state_steps")
            states = [self.state[p] or self._start(p, amsgrad) for p in params]
            differentiable = group["differentiable"]
            lr = group["lr"]
            beta1, beta2 = group["betas"]
            if differentiable:
                # What earlier steps saved for their gradients must not change under them.
                for state in states:
                    for key in state.keys() - {"step"}:
                        state[key] = state[key].clone()
            else:
                lr, beta1, beta2 = float(lr), float(beta1), float(beta2)
            args = (
                params,
                [p.grad for p in params],
                [s["exp_avg"] for s in states],
                [s["exp_avg_sq"] for s in states],
                [s["max_exp_avg_sq"] for s in states] if amsgrad else [],
                [s["step"] for s in states],
                lr,
                beta1,
                beta2,
                group["eps"],
                group["weight_decay"],
                amsgrad,
                group["maximize"],
                group["decoupled_weight_decay"],
            )
            if differentiable or _compiled is None or not _compiled(*args):
                with cygrad.set_grad_enabled(differentiable):
                    _composite.adam(*args)
        return loss


adam = functional("adam", Adam)
