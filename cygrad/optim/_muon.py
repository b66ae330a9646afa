"""Muon."""

import cygrad

from .optimizer import Optimizer, _check, _check_lr, _evaluate

__all__ = ["Muon"]

_ADJUST_LR = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Muon (https://kellerjordan.github.io/posts/muon/) for matrices: momentum whose update is
    made orthogonal by Newton-Schulz iterations, with decoupled weight decay.

    ns_coefficients (a, b, c): X <- a X + (b A + c A A) X with A = X X', ns_steps times.
    adjust_lr_fn: "original" scales lr by sqrt(max(1, rows / columns)), "match_rms_adamw"
        by 0.2 sqrt(max(rows, columns)) (https://arxiv.org/abs/2502.16982).
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.775, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        _check_lr(lr, "Learning rate should be >= 0 but is:")
        known = adjust_lr_fn in _ADJUST_LR
        _check(
            (momentum >= 0.0, f"momentum should be >= 0 but is: {momentum}"),
            (weight_decay >= 0.0, f"weight decay should be >= 0 but is: {weight_decay}"),
            (known, f"Adjust learning rate function {adjust_lr_fn} is not supported"),
        )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with "
                        f"size: {p.size()}"
                    )

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
        if cygrad.is_complex(p):
            raise RuntimeError("Muon does not support complex parameters")
        if grad.layout != cygrad.strided:
            raise RuntimeError("Muon does not support sparse gradients")
        state = self.state[p]
        if not state:
            state["momentum_buffer"] = cygrad.zeros_like(grad, memory_format=cygrad.preserve_format)
        momentum, lr = group["momentum"], float(group["lr"])
        buf = state["momentum_buffer"]
        buf.lerp_(grad, 1 - momentum)
        update = grad.lerp(buf, momentum) if group["nesterov"] else buf
        update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p.mul_(1 - lr * group["weight_decay"])
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            lr *= 0.2 * max(rows, columns) ** 0.5
        else:
            lr *= max(1, rows / columns) ** 0.5
        p.add_(update, alpha=-lr)


def _orthogonal(matrix, coefficients, steps: int, eps: float):
    """A matrix near U V' of the singular value decomposition U S V', computed in bfloat16."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.mT
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = cygrad.addmm(x, cygrad.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
