"""Steps of SGD and Adam over lists of tensors, written in tensor operators.

They have the signatures of the compiled steps in `cygrad._operators.optim`, which take dense float tensors
on the CPU. These take everything else (other devices, complex and sparse tensors, steps that
autograd goes through) and are what the tests hold the compiled steps against.
"""

import cygrad


def _real(tensors: list) -> list:
    """Complex tensors as real views of one more dimension."""
    return [
        cygrad.view_as_real(t) if t is not None and cygrad.is_complex(t) else t for t in tensors
    ]


def sgd(params, grads, bufs, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """One step of SGD on `params`, in place.

    bufs: the momentum buffers, unused without `momentum`; a None among them is replaced by a new
        buffer that holds the gradient. A tensor `lr` takes part in autograd.
    """
    for i, (p, g) in enumerate(zip(params, grads)):
        if maximize:
            g = -g
        if isinstance(weight_decay, cygrad.Tensor):
            g = g.add(p * weight_decay)
        elif weight_decay:
            g = g.add(p, alpha=weight_decay)
        if momentum:
            buf = bufs[i]
            if buf is None:
                # Not part of the graph: PyTorch's first buffer is not either.
                bufs[i] = buf = g.clone().detach()
            else:
                bufs[i] = buf = buf.mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(buf, alpha=momentum) if nesterov else buf
        if isinstance(lr, cygrad.Tensor):
            p.sub_(g * lr)
        else:
            p.add_(g, alpha=-lr)


def adam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    max_exp_avg_sqs,
    steps,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    amsgrad,
    maximize,
    decoupled,
):
    """One step of Adam (https://arxiv.org/abs/1412.6980) on `params`, in place.

    max_exp_avg_sqs: unused without `amsgrad`. steps: 0-d float tensors, counted up here.
    decoupled: decay the weights as AdamW does (https://arxiv.org/abs/1711.05101).
    """
    lists = [_real(t) for t in (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs)]
    for i, (p, g, exp_avg, exp_avg_sq) in enumerate(zip(*lists[:4])):
        steps[i] += 1
        step = steps[i].item()
        if maximize:
            g = -g
        if weight_decay:
            if decoupled:
                p.mul_(1 - lr * weight_decay)
            else:
                g = g.add(p, alpha=weight_decay)
        if isinstance(beta2, cygrad.Tensor):
            # Autograd saves the clones; the averages themselves change here.
            exp_avg.copy_(exp_avg.clone().lerp(g, 1 - beta1))
            exp_avg_sq.copy_(exp_avg_sq.clone() * beta2 + g * g * (1 - beta2))
        else:
            exp_avg.lerp_(g, 1 - beta1)
            exp_avg_sq.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        step_size = lr / (1 - beta1**step)
        root = (1 - beta2**step) ** 0.5
        second = exp_avg_sq
        if amsgrad:
            second = lists[4][i]
            # The clone is what autograd may save; `second` itself changes here.
            second.copy_(cygrad.maximum(second.clone(), exp_avg_sq))
        denom = (second.sqrt() / root).add_(eps)
        if isinstance(step_size, cygrad.Tensor):
            p.sub_(step_size * (exp_avg / denom))
        else:
            p.addcdiv_(exp_avg, denom, value=-step_size)
