"""Adam with decoupled weight decay."""

from ._functional import functional
from .adam import Adam

__all__ = ["AdamW", "adamw"]


class AdamW(Adam):
    """AdamW (https://arxiv.org/abs/1711.05101): Adam that shrinks param by lr * weight_decay."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:  # also where a state of before this option is loaded
            group["decoupled_weight_decay"] = True


adamw = functional("adamw", AdamW)
