"""Adam with decoupled weight decay."""

from ._functional import functional
from .adam import Adam

__all__ = ["AdamW", "adamw"]


class AdamW(Adam):
    """AdamW (https://arxiv.org/abs/1711.05101): Adam that shrinks param by lr * weight_decay.

    params: an iterable of parameters, or of dicts with parameters and options of their own
    lr: the learning rate
    betas: how much of the averages of gradient and square stays, step by step
    eps: a small number that keeps a divisor from zero
    weight_decay: the factor of the weights that is added to the gradient
    amsgrad: whether the greatest average of squares so far is used
    maximize: whether the objective is to grow
    foreach: accepted; all parameters are stepped in one call anyway
    capturable: accepted, for PyTorch's CUDA graphs
    differentiable: whether the step itself can be differentiated
    fused: accepted; steps are fused anyway

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.AdamW([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 1
    True
    """

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
