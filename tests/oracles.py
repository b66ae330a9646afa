"""Plain forms, in differentiable operators, of what is one kernel: what the tests hold kernels against.

Conditions are written so that NaN goes through (`x <= t` is False for it), and so that no branch that is not taken has
an infinite derivative, which would turn its zero gradient into NaN.
"""

import math

import cygrad as torch

# ---------------------------------------------------------------- activations


def threshold(x, threshold, value):
    return torch.where(x <= threshold, value, x)


def hardtanh(x, min_val, max_val):
    return torch.where(x <= min_val, min_val, torch.where(x >= max_val, max_val, x)).to(x.dtype)


def elu(x, alpha):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def selu(x):
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x, alpha):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0) / alpha))


def leaky_relu(x, negative_slope):
    return torch.where(x > 0, x, x * negative_slope)


def prelu(x, weight):
    return torch.where(x > 0, x, weight * x)


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


def silu(x):
    return x * torch.sigmoid(x)


def softplus(x, beta=1.0, threshold=20.0):
    scaled = x * beta
    return torch.where(scaled > threshold, x, torch.log1p(torch.exp(scaled.clamp(max=threshold))) / beta)


def mish(x):
    return x * torch.tanh(softplus(x))


def logsigmoid(x):
    return -torch.logaddexp(-x, torch.zeros_like(x))


def hardsigmoid(x):
    return hardtanh(x + 3, 0, 6) / 6


def hardswish(x):
    return x * hardtanh(x + 3, 0, 6) / 6


def hardshrink(x, lambd):
    return torch.where(x.abs() <= lambd, 0.0, x)


def softshrink(x, lambd):
    return torch.where(x.abs() <= lambd, 0.0, torch.where(x > 0, x - lambd, x + lambd))


# ---------------------------------------------------------------- losses, before their reduction


def mse_loss(x, y):
    return (x - y) ** 2


def smooth_l1_loss(x, y, beta):
    d = (x - y).abs()
    return torch.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def huber_loss(x, y, delta):
    d = (x - y).abs()
    return torch.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def binary_cross_entropy(x, y):
    return -(y * torch.log(x) + (1 - y) * torch.log1p(-x))


def binary_cross_entropy_with_logits(x, y, pos_weight=None):
    scale = 1 if pos_weight is None else (pos_weight - 1) * y + 1
    return (1 - y) * x - scale * logsigmoid(x)


# ---------------------------------------------------------------- normalisation


def _normalized(x, dims, eps):
    centred = x - x.mean(dims, keepdim=True)
    return centred * ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()


def _per_channel(t, x):
    return t.view([-1 if i == 1 else 1 for i in range(x.dim())])


def layer_norm(x, shape, weight, bias, eps):
    y = _normalized(x, list(range(-len(shape), 0)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(x, groups, weight, bias, eps):
    y = _normalized(x.reshape(x.shape[0], groups, -1), [2], eps)
    y = y.reshape(x.shape)
    y = y if weight is None else y * _per_channel(weight, x)
    return y if bias is None else y + _per_channel(bias, x)


def batch_norm(x, weight, bias, mean, var, eps):
    """By the batch's statistics where mean is None."""
    if mean is None:
        y = _normalized(x, [i for i in range(x.dim()) if i != 1], eps)
    else:
        y = (x - _per_channel(mean, x)) * (_per_channel(var, x) + eps).rsqrt()
    y = y if weight is None else y * _per_channel(weight, x)
    return y if bias is None else y + _per_channel(bias, x)
