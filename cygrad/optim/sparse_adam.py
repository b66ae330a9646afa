"""Adam for sparse gradients."""

import cygrad

from .optimizer import Optimizer, _check, _check_betas, _check_lr, _evaluate

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam whose moments and parameters change only where a sparse gradient has values.

    params: an iterable of parameters, or of dicts with parameters and options of their own
    lr: the learning rate
    betas: how much of the averages of gradient and square stays, step by step
    eps: a small number that keeps a divisor from zero
    maximize: whether the objective is to grow
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        _check_lr(lr)
        _check(  # where the others take 0 as well
            (lr > 0.0, f"Invalid learning rate: {lr}"),
            (eps > 0.0, f"Invalid epsilon value: {eps}"),
        )
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for what, test in (("Sparse", _is_sparse), ("Complex", cygrad.is_complex)):
            found = [
                [i, j]
                for i, group in enumerate(self.param_groups)
                for j, p in enumerate(group["params"])
                if test(p)
            ]
            if found:
                requires = (
                    "requires dense parameter tensors"
                    if what == "Sparse"
                    else "does not support complex parameters"
                )
                raise ValueError(f"{what} params at indices {found}: SparseAdam {requires}")

    def step(self, closure=None):
        """Do one step of optimization; returns what `closure` returned, else None."""
        loss = _evaluate(closure)
        with cygrad.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._step_one(p, p.grad, group)
        return loss

    def _step_one(self, p, grad, group):
        if not _is_sparse(grad):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["exp_avg"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
            state["exp_avg_sq"] = cygrad.zeros_like(p, memory_format=cygrad.preserve_format)
        state["step"] += 1
        grad = grad.coalesce()
        if grad.values().numel() == 0:
            return
        beta1, beta2 = group["betas"]
        index = tuple(grad.indices())
        values = -grad.values() if group["maximize"] else grad.values()
        exp_avg = state["exp_avg"][index].lerp_(values, 1 - beta1)
        exp_avg_sq = state["exp_avg_sq"][index].lerp_(values * values, 1 - beta2)
        state["exp_avg"][index] = exp_avg
        state["exp_avg_sq"][index] = exp_avg_sq
        step = state["step"]
        rate = float(group["lr"]) * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        denom = exp_avg_sq.sqrt_().add_(group["eps"])
        p[index] = p[index].addcdiv_(exp_avg, denom, value=-rate)


def _is_sparse(tensor) -> bool:
    return tensor.layout != cygrad.strided
