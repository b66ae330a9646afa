"""Adafactor."""

import cygrad

from .optimizer import _check, _check_lr, _DenseOptimizer, _new_step

__all__ = ["Adafactor"]


class Adafactor(_DenseOptimizer):
    """Adafactor (https://arxiv.org/abs/1804.04235): the second moment of a matrix is kept as the
    product of its row and column means.

    lr bounds the relative step size and scales the decoupled weight decay. eps: (the least
    variance, the least RMS of a parameter); None stands for the machine epsilon. d: the largest
    RMS of an update.

    params: an iterable of parameters, or of dicts with parameters and options of their own
    lr: the learning rate
    eps: a small number that keeps a divisor from zero
    weight_decay: the factor of the weights that is added to the gradient
    foreach: accepted; all parameters are stepped in one call anyway
    maximize: whether the objective is to grow
    """

    _decays = False

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        _check_lr(lr, "Learning rate should be >= 0 but is:")
        eps1, eps2 = eps
        _check(
            (beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}"),
            (eps1 is None or eps1 >= 0.0, f"epsilon1 should be >= 0 but is: {eps1}"),
            (eps2 >= 0.0, f"epsilon2 should be >= 0 but is: {eps2}"),
            (d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}"),
            (weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}"),
        )
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _step_one(self, p, grad, group, differentiable):
        if cygrad.is_complex(p):
            raise RuntimeError("Adafactor does not support complex parameters")
        super()._step_one(p, grad, group, differentiable)

    def _start(self, state, p, group):
        state["step"] = _new_step()
        if p.grad.dim() > 1:
            rows, columns = list(p.grad.shape), list(p.grad.shape)
            rows[-1] = columns[-2] = 1
            state["row_var"] = p.grad.new_zeros(rows)
            state["col_var"] = p.grad.new_zeros(columns)
        else:
            state["variance"] = cygrad.zeros_like(p.grad, memory_format=cygrad.preserve_format)

    def _update(self, p, grad, state, group):
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = cygrad.finfo(p.dtype).eps
        lr = float(group["lr"])
        step = state["step"].item()
        fresh = step ** group["beta2_decay"]  # 1 - beta2
        alpha = max(eps2, _rms(p)) * min(lr, step**-0.5)
        if group["weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            row_var, col_var = state["row_var"], state["col_var"]
            square = grad.square()
            row_var.lerp_(square.mean(dim=-1, keepdim=True), fresh)
            col_var.lerp_(square.mean(dim=-2, keepdim=True), fresh)
            variance = (row_var @ col_var).div_(row_var.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            state["variance"].lerp_(grad.square(), fresh)
            variance = state["variance"].clone()
        # eps1 bounds the root of the variance, so its square bounds the variance.
        update = variance.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        p.add_(update, alpha=-alpha / max(1.0, _rms(update) / group["d"]))


def _rms(tensor) -> float:
    return tensor.norm(2).item() / tensor.numel() ** 0.5
