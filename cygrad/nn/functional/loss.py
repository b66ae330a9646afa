"""Loss functions: arguments and targets are checked here.

The hot ones are compiled (`_nn`), some are rows of the table before their reduction, the rest is composed.
"""

import functools
import math
import warnings

import cygrad
from cygrad._fronts import nn as _nn

from ._common import (
    REDUCTIONS,
    has_values,
    is_tensor,
    not_differentiable,
    one_step,
    pick_reduction,
    reduced,
    reduction_code,
    require,
    require_floating,
    scalar_name,
    shape_text,
)
from .distance import pairwise_distance

_logsigmoid, _softplus = _nn.FUNCTIONAL["logsigmoid"], _nn.FUNCTIONAL["softplus"]
_smooth_l1, _huber, _binary_cross_entropy, _binary_cross_entropy_with_logits = map(
    _nn.row_function,
    ("_smooth_l1_loss", "_huber_loss", "_binary_cross_entropy", "_binary_cross_entropy_with_logits"),
)


def _broadcast(input, target):
    if input.size() != target.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=4,
        )
        input, target = cygrad.broadcast_tensors(input, target)
    return input, target


def _same_dtype(input, target):
    dtype = cygrad.promote_types(input.dtype, target.dtype)
    return input.to(dtype), target.to(dtype)


def _elementwise(loss, input, target, reduction, weight, kernel):
    """Reduce ``loss(input, target)``; with weights the mean is over their sum,

    except that of the Huber loss, which is over the number of elements.
    """
    reduction_code(reduction)
    input, target = _same_dtype(*_broadcast(input, target))
    if kernel is not None:
        require_floating(input, kernel)
    if weight is None:
        return reduced(loss(input, target), reduction)
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    weighted = loss(input, target) * weight
    if reduction == "mean" and kernel != "huber_cpu":
        return weighted.sum() / weight.sum()
    return reduced(weighted, reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(x - y)^2, reduced."""
    reduction = pick_reduction(size_average, reduce, reduction)
    if weight is not None:
        return _elementwise(lambda x, y: (x - y) ** 2, input, target, reduction, weight, "mse_cpu")
    input, target = _same_dtype(*_broadcast(input, target))
    code = reduction_code(reduction)
    require_floating(input, "mse_cpu")
    return _nn.mse_loss(input, target, code)


def _l1(input, target):
    return (input - target).abs()


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """\\|x - y\\|, reduced."""
    reduction = pick_reduction(size_average, reduce, reduction)
    return _elementwise(_l1, input, target, reduction, weight, None)


@one_step("SmoothL1LossBackward0")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """0.5 d^2 / beta where d = \\|x - y\\| < beta, else d - beta / 2."""
    reduction = pick_reduction(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _elementwise(_l1, input, target, reduction, None, None)
    return _elementwise(lambda x, y: _smooth_l1(x, y, beta), input, target, reduction, None,
                        "smooth_l1_cpu")


@one_step("HuberLossBackward0")
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """0.5 d^2 where d = \\|x - y\\| <= delta, else delta * (d - delta / 2)."""
    expanded = _broadcast(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return _elementwise(lambda x, y: _huber(x, y, delta), *expanded, reduction, weight,
                        "huber_cpu")


@functools.lru_cache(maxsize=4096)
def _check_class_shapes(input, target, weight):
    """Shapes of class scores (N, C, d...) or (C,), class indices, weights. Raises as PyTorch."""
    dims = len(input)
    if dims < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {dims})")
    if dims != 1 and (not target or input[0] != target[0]):
        raise ValueError(
            f"Expected input batch_size ({input[0]}) to match target batch_size "
            f"({target[0] if target else 1})."
        )
    if dims <= 2 and len(target) > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if dims == 3 or dims > 4:
        expected = [input[0], *input[2:]]
        if list(target) != expected:
            raise RuntimeError(f"Expected target size {expected}, got {list(target)}")
    elif dims == 4 and target[1:] != input[2:]:
        raise RuntimeError(f"size mismatch (got input: {list(input)} , target: {list(target)}")
    channels = input[0] if dims == 1 else input[1]
    if weight is not None and weight != (channels,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {channels} classes or no classes but "
            f"got weight tensor of shape: {list(weight)}"
        )


def _check_classes(input, target, weight):
    if weight is not None:
        not_differentiable("nll_loss_forward", weight=weight)
    _check_class_shapes(input.shape, target.shape, None if weight is None else weight.shape)
    if target.dtype not in (cygrad.int64, cygrad.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(target.dtype)}"
        )


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
             reduction="mean"):
    """-weight[target] * input[target]; input holds log-probabilities (N, C, d...) or (C,)."""
    code = reduction_code(pick_reduction(size_average, reduce, reduction))
    _check_classes(input, target, weight)
    if input.dim() == 1:
        loss = _nn.nll_loss(input.unsqueeze(0), target.reshape(1), weight, ignore_index, code)
        return loss.reshape(target.shape) if code == 0 else loss
    return _nn.nll_loss(input, target, weight, ignore_index, code)


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                  reduction="mean", label_smoothing=0.0):
    """`nll_loss` of log_softmax(input); target holds class indices or class probabilities."""
    code = reduction_code(pick_reduction(size_average, reduce, reduction))
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(
            f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}"
        )
    if input.dim() and input.size() == target.size():
        return _soft_cross_entropy(input, target, weight, ignore_index, code, label_smoothing)
    require_floating(input, "log_softmax_lastdim_kernel_impl")
    _check_classes(input, target, weight)
    if input.dim() == 1:
        loss = _nn.cross_entropy(input.unsqueeze(0), target.reshape(1), weight, ignore_index, code,
                                 label_smoothing)
        return loss.reshape(target.shape) if code == 0 else loss
    return _nn.cross_entropy(input, target, weight, ignore_index, code, label_smoothing)


def _soft_cross_entropy(input, target, weight, ignore_index, code, label_smoothing):
    axis = 0 if input.dim() == 1 else 1
    if not target.is_floating_point():
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{scalar_name(target.dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    channels = input.size(axis)
    if weight is not None and (weight.dim() != 1 or weight.numel() != channels):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {channels} classes or "
            f"no classes but got weight tensor of shape: {shape_text(weight)}"
        )
    return _nn.cross_entropy(input, target, weight, ignore_index, code, label_smoothing)


def _require_probabilities(values, name):
    if not has_values(values):
        return
    low, high = cygrad.aminmax(values.detach())
    # NaN fails too.
    require((low >= 0) & (high <= 1), f"all elements of {name} should be between 0 and 1")


@one_step("BinaryCrossEntropyBackward0")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None,
                         reduction="mean"):
    """-(y log x + (1 - y) log(1 - x)), logarithms not below -100."""
    if weight is not None:
        not_differentiable("binary_cross_entropy", weight=weight)
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if target.dtype != input.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)}"
        )
    require_floating(input, "binary_cross_entropy")
    if input.numel() == 0:
        return reduced(input * target, reduction)
    _require_probabilities(input, "input")
    _require_probabilities(target, "target")
    loss = _binary_cross_entropy(input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


@one_step("BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None,
                                     reduction="mean", pos_weight=None):
    """`binary_cross_entropy` of sigmoid(x), computed without overflow."""
    if weight is not None or pos_weight is not None:
        not_differentiable("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    reduction = pick_reduction(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    reduction_code(reduction)
    if not target.is_floating_point():
        raise RuntimeError(
            f"result type {scalar_name(input.dtype)} can't be cast to the desired output type "
            f"{scalar_name(target.dtype)}"
        )
    if pos_weight is None:
        loss = _binary_cross_entropy_with_logits(input, target)
    else:  # the formula of PyTorch's documentation
        scale = (pos_weight - 1) * target + 1
        loss = (1 - target) * input - scale * _logsigmoid(input)
    return reduced(loss if weight is None else loss * weight, reduction)


def _kl_div(input, target, log_target):
    if log_target:
        return target.exp() * (target - input)
    return cygrad.xlogy(target, target) - target * input


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """y (log y - x): input holds log-probabilities, target probabilities (or their log)."""
    if size_average is not None or reduce is not None:
        reduction = pick_reduction(size_average, reduce, reduction)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=2,
        )
    if reduction == "batchmean":
        total = _kl_div(input, target, log_target).sum()
        return total / input.size(0) if input.dim() else total
    reduction_code(reduction)
    return reduced(_kl_div(input, target, log_target), reduction)


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8,
                     reduce=None, reduction="mean"):
    """exp(x) - y x, or x - y log(x + eps) when not ``log_input``; ``full`` adds Stirling's term."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """0.5 (log var + (x - y)^2 / var), var not below eps; ``full`` adds 0.5 log(2 pi)."""
    if not is_tensor(var):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = cygrad.full_like(input, var)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):
            raise ValueError("var is of incorrect size")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not valid")
    # The floor on the variance takes no part in the gradient.
    var = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None,
                        reduction="mean"):
    """max(0, -y (x1 - x2) + margin)."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None,
                         reduction="mean"):
    """x where y = 1, max(0, margin - x) where y = -1."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    zeros = cygrad.zeros_like(input)
    apart = cygrad.where(target != 1, (margin - input).clamp_min(0), zeros)
    together = cygrad.where(target != -1, input, zeros)
    return reduced(apart + together, reduction)


@one_step("SoftMarginLossBackward0", 1)
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-y x))."""
    not_differentiable("soft_margin_loss", target=target)
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    return reduced((input * -target).exp().log1p(), reduction)


def _check_margin_input(input):
    if input.dim() > 2 or input.dim() and not input.size(-1):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{shape_text(input)}"
        )


@one_step("MultilabelMarginLossBackward0", 1)
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Sum of max(0, 1 - (x[y_j] - x[i])) / C over labels y_j and non-labels i.

    The labels of a row end at its first negative entry.
    """
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    _check_margin_input(input)
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {shape_text(target)} for input of size: "
            f"{shape_text(input)}"
        )
    channels = input.size(-1) if input.dim() else 1
    if has_values(target):
        low, high = cygrad.aminmax(target)
        require((low >= -1) & (high < channels), "argument #2 'target' is out of range")
    x, y = input.reshape(-1, channels), target.reshape(-1, channels)
    valid = (y >= 0).to(cygrad.int64).cumprod(1).to(cygrad.bool)
    labels = cygrad.where(valid, y, 0)
    is_label = cygrad.zeros_like(y).scatter_add(1, labels, valid.to(y.dtype)) > 0
    gaps = (1 - x.gather(1, labels).unsqueeze(2) + x.unsqueeze(1)).clamp_min(0)
    counted = valid.unsqueeze(2) & ~is_label.unsqueeze(1)
    loss = cygrad.where(counted, gaps, 0.0).sum((1, 2)) / channels
    return reduced(loss.reshape(input.shape[:-1]), reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None,
                                reduction="mean"):
    """Mean over classes of -(y logsigmoid(x) + (1 - y) logsigmoid(-x))."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    loss = -(target * _logsigmoid(input) + (1 - target) * _logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.mean(-1), reduction)


@one_step("MultiMarginLossBackward0", 1)
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None,
                      reduction="mean"):
    """Sum over i != y of max(0, weight[y] (margin - x[y] + x[i]))^p / C."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    _check_margin_input(input)
    not_differentiable("multi_margin_loss", weight=weight)
    x = input.reshape(-1, input.size(-1)) if input.dim() else input.reshape(1, 1)
    if target.numel() != x.size(0) or target.dim() > 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{x.size(0)}], but got "
            f"{shape_text(target)}. Input has shape {shape_text(input)}."
        )
    if weight is not None and weight.numel() != x.size(1):
        raise RuntimeError(f"inconsistent weight size, expected {x.size(1)} but got {shape_text(weight)}")
    if target.dtype != cygrad.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_name(target.dtype)}")
    y = target.reshape(-1, 1)
    if has_values(y):
        low, high = cygrad.aminmax(y)
        require((low >= 0) & (high < x.size(1)), "target out of range")
    gaps = (margin - x.gather(1, y) + x).clamp_min(0)
    gaps = gaps if p == 1 else gaps * gaps
    if weight is not None:
        gaps = gaps * weight.index_select(0, y.reshape(-1)).unsqueeze(1)
    others = cygrad.arange(x.size(1), device=x.device) != y
    loss = cygrad.where(others, gaps, 0.0).sum(1) / x.size(1)
    return reduced(loss.reshape(target.shape), reduction)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None,
                          reduction="mean"):
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1."""
    reduction = pick_reduction(size_average, reduce, reduction)
    reduction_code(reduction)
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = 2 if target.dim() == 1 else 1
    if input1.dim() != wanted or input2.dim() != wanted:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {wanted}D input tensors, but found inputs "
            f"with sizes {shape_text(input1)} and {shape_text(input2)}."
        )
    axis = target.dim()
    tiny = 1e-12  # Keeps the square roots away from zero, where they have no gradient.
    product = (input1 * input2).sum(axis)
    sizes = ((input1 * input1).sum(axis) + tiny) * ((input2 * input2).sum(axis) + tiny)
    cos = product / sizes.sqrt()
    zeros = cygrad.zeros_like(cos)
    positive = cygrad.where(target == 1, 1 - cos, zeros)
    negative = cygrad.where(target == -1, (cos - margin).clamp_min(0), zeros)
    return reduced(positive + negative, reduction)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False,
                        size_average=None, reduce=None, reduction="mean"):
    """max(0, d(a, p) - d(a, n) + margin) with the p-norm distance."""
    reduction = pick_reduction(size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, margin=margin, swap=swap, reduction=reduction,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
    )


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None,
                                      margin=1.0, swap=False, reduction="mean"):
    """max(0, d(a, p) - d(a, n) + margin); ``swap`` takes the smaller of d(a, n) and d(p, n)."""
    reduction_code(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = cygrad.minimum(far, distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)


def _check_linear_cross_entropy(input, weight, target, bias, ignore_index):
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    features = input.shape[-1]
    if weight.shape[-1] != features:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{features} and {weight.shape[-1]}, respectively"
        )
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}"
        )


def linear_cross_entropy(input, linear_weight, target, *, linear_bias=None, weight=None,
                         reduction="mean", ignore_index=None, label_smoothing=0.0, options=None):
    """`cross_entropy` of ``linear(input, linear_weight, linear_bias)``."""
    from .conv import linear

    _check_linear_cross_entropy(input, linear_weight, target, linear_bias, ignore_index)
    if linear_weight.dim() > 2:  # (C, d_1, ..., features): the logits of many losses
        bias = None if linear_bias is None else linear_bias.flatten()
        logits = linear(input, linear_weight.flatten(0, -2), bias)
        logits = logits.unflatten(-1, linear_weight.shape[:-1])
    else:
        logits = linear(input, linear_weight, linear_bias)
        if logits.dim() > 2:
            logits = logits.movedim(-1, 1)
    return cross_entropy(
        logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction, label_smoothing=label_smoothing,
    )


def _lengths(value, batch, device, name):
    value = value if is_tensor(value) else cygrad.tensor(value, dtype=cygrad.int64)
    if value.is_floating_point() or value.is_complex():
        raise RuntimeError(f"{name} must be integral")
    if value.numel() != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    return value.to(device).long().reshape(-1)


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean",
             zero_infinity=False):
    """Connectionist temporal classification (Graves et al., 2006), by the forward algorithm.

    log_probs (T, N, C) or (T, C); targets (N, S), or all of them in one row of sum(lengths).
    """
    code = reduction_code(reduction)
    unbatched = log_probs.dim() == 2
    if unbatched:
        log_probs = log_probs.unsqueeze(1)
    steps, batch, classes = log_probs.shape
    device = log_probs.device
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    input_lengths = _lengths(input_lengths, batch, device, "input_lengths")
    target_lengths = _lengths(target_lengths, batch, device, "target_lengths")
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    if log_probs.numel() == 0:
        raise RuntimeError("log_probs tensor must not be empty")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if has_values(lengths) and int(lengths.min()) < 0:
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {int(lengths.min())} {where}"
            )
    if has_values(input_lengths) and int(input_lengths.max()) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value "
            f"{int(input_lengths.max())} {where}"
        )
    longest = 0
    if batch:  # without values, as long as may be: no result's shape depends on it
        longest = int(target_lengths.max()) if has_values(target_lengths) else targets.shape[-1]
    labels = _padded_targets(targets, target_lengths, batch, longest, unbatched, where)
    # Labels with blanks around: blank, y1, blank, y2, ..., blank.
    states = 2 * longest + 1
    extended = cygrad.full((batch, states), blank, dtype=cygrad.int64, device=device)
    extended[:, 1::2] = labels
    # A path may skip the blank between two different labels.
    skip = cygrad.zeros((batch, states), dtype=cygrad.bool, device=device)
    skip[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    emit = log_probs.gather(2, extended.unsqueeze(0).expand(steps, -1, -1))
    # A very small number stands for log 0: real infinities would give NaN gradients.
    never = -1e30
    first = cygrad.arange(states, device=device).unsqueeze(0) < 2
    first = first & (cygrad.arange(states, device=device) < 2 * target_lengths.unsqueeze(1) + 1)
    alpha = cygrad.where(first, emit[0], never)
    rows = [alpha]
    for t in range(1, steps):
        step = cygrad.nn.functional.pad(alpha, (1, 0), value=never)[:, :-1]
        jump = cygrad.nn.functional.pad(alpha, (2, 0), value=never)[:, :-2][:, :states]
        jump = cygrad.where(skip, jump, never)
        alpha = cygrad.stack([alpha, step, jump]).logsumexp(0) + emit[t]
        rows.append(alpha)
    last = (input_lengths - 1).clamp(min=0)
    table = cygrad.stack(rows)
    index = last.reshape(1, batch, 1).expand(1, batch, states)
    final = table.gather(0, index).squeeze(0)
    ends = 2 * target_lengths.unsqueeze(1)
    end_blank = final.gather(1, ends)
    end_label = final.gather(1, (ends - 1).clamp(min=0))
    end_label = cygrad.where(ends > 0, end_label, never)
    loss = -cygrad.cat([end_blank, end_label], 1).logsumexp(1)
    # No time steps: certain if there is nothing to say, impossible otherwise.
    loss = cygrad.where(input_lengths > 0, loss, cygrad.where(target_lengths > 0, -never, 0.0))
    impossible = loss > 1e29
    # The gradient is that for normalised probabilities, exp(log_probs) minus the share of each
    # state: of no value, this sum brings the first part in.
    within = cygrad.arange(steps, device=device).unsqueeze(1) < input_lengths
    mass = cygrad.where(within.unsqueeze(2), log_probs.exp(), 0.0).sum((0, 2))
    loss = loss + (mass - mass.detach())
    loss = loss.masked_fill(impossible, 0.0 if zero_infinity else float("inf"))
    if unbatched and code == 0:
        return loss.squeeze(0)
    if code == 1:
        return (loss / target_lengths.clamp(min=1).to(loss.dtype)).mean()
    return loss if code == 0 else loss.sum()


def _padded_targets(targets, lengths, batch, longest, unbatched, where):
    targets = targets.to(lengths.device).long()
    if targets.dim() == 1 and not unbatched:
        starts = lengths.cumsum(0) - lengths
        place = starts.unsqueeze(1) + cygrad.arange(longest, device=lengths.device)
        if targets.numel() == 0:
            return targets.new_zeros((batch, longest))
        return targets[place.clamp(max=targets.numel() - 1)]
    targets = targets.reshape(batch, -1)
    if targets.size(1) < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size "
            f"{targets.size(1)} for argument #2 'targets' {where}"
        )
    return targets[:, :longest]
