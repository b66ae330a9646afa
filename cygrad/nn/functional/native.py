"""The forms in which the package itself has functions of networks: ``torch.batch_norm``, ``torch.lstm``.

They take their arguments in an order of their own, reductions by number, and no defaults for what layers know; what
they compute is what their namesakes in `nn.functional` do.
"""

import inspect

import cygrad
from cygrad._operators import family as _family

from . import (
    activation as _activation,
    conv as _conv,
    loss as _loss,
    norm as _norm,
    sparse as _sparse,
    vision as _vision,
)
from .dropout import (
    _by_feature,
    _check_p,
    alpha_dropout as _alpha_dropout,
    dropout as _dropout,
    feature_alpha_dropout as _feature_alpha_dropout,
)

_REDUCTIONS = ("none", "mean", "sum")


def softmax(input, dim, dtype=None, *, out=None):
    """Exponentials along a dimension, scaled to sum 1."""
    return _delivered(_activation.softmax(input, dim, dtype=dtype), out)


def log_softmax(input, dim, dtype=None, *, out=None):
    """The logarithm of `softmax`."""
    return _delivered(_activation.log_softmax(input, dim, dtype=dtype), out)


def _delivered(result, out):
    return result if out is None else _family.deliver(out, result)


def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True
):
    """Normalises each channel over batch and space."""
    return _norm.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=True
):
    """Normalises each channel of each sample over space."""
    return _norm.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """Normalises over the last dimensions."""
    return _norm.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """Normalises groups of channels."""
    return _norm.group_norm(input, num_groups, weight, bias, eps)


def _rows_statistics(x, dims, eps):
    """(mean, 1 / sqrt(variance + eps)) over dimensions, which stay with size 1; half precision is widened."""
    x = x.float() if x.dtype in (cygrad.float16, cygrad.bfloat16) else x
    variance, mean = cygrad.var_mean(x, dims, correction=0, keepdim=True)
    return mean, (variance + eps).rsqrt()


def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """(layer_norm, mean, 1 / deviation)"""
    result = _norm.layer_norm(input, normalized_shape, weight, bias, eps)
    mean, rstd = _rows_statistics(input, tuple(range(-len(normalized_shape), 0)), eps)
    return result, mean.to(input.dtype), rstd.to(input.dtype)


def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """(group_norm, mean, 1 / deviation) of an input of N samples with C channels of HxW elements."""
    result = _norm.group_norm(input, group, weight, bias, eps)
    mean, rstd = _rows_statistics(input.reshape(N, group, C // group * HxW), (2,), eps)
    return result, mean.reshape(N, group).to(input.dtype), rstd.reshape(N, group).to(input.dtype)


def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm, mean, 1 / deviation); outside of training the last two are empty."""
    dims = (0, *range(2, input.dim()))
    mean = rstd = input.new_empty(0)
    if training:
        mean, rstd = (x.reshape(-1) for x in _rows_statistics(input, dims, eps))
    result = _norm.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return result, mean, rstd


def native_dropout(input, p, train):
    """(dropout, which elements were kept)"""
    if train is False or p == 0 or input.numel() == 0:
        return input.clone(), cygrad.ones_like(input, dtype=cygrad.bool)
    if p == 1:
        return input * 0, cygrad.zeros_like(input, dtype=cygrad.bool)
    kept = cygrad.empty_like(input, dtype=cygrad.bool).bernoulli_(1 - p)
    return input * kept * (1 / (1 - p)), kept


def alpha_dropout(input, p, train):
    """Dropout that keeps mean and variance of SELU's output."""
    return _alpha_dropout(input, p, train)


def alpha_dropout_(input, p, train):
    """`alpha_dropout` in place."""
    return _alpha_dropout(input, p, train, True)


def feature_alpha_dropout(input, p, train):
    """`alpha_dropout` of whole channels."""
    return _feature_alpha_dropout(input, p, train)


def feature_alpha_dropout_(input, p, train):
    """`feature_alpha_dropout` in place."""
    return _feature_alpha_dropout(input, p, train, True)


def feature_dropout_(input, p, train):
    """Dropout of whole channels, in place."""
    _check_p(p)
    return _by_feature(input, p, train, True)


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """Rows of a table."""
    return _sparse.embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq,
                             sparse)


def embedding_renorm_(input, indices, max_norm, norm_type):
    """Scales the rows at the indices down, in place, where their norm is above ``max_norm``."""
    _sparse._renorm_(input, indices, max_norm, norm_type)
    return input


def embedding_bag(weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False, per_sample_weights=None,
                  include_last_offset=False, padding_idx=None):
    """(bags of rows, the bag of each index, the bags' sizes, for maxima the rows they came from).

    Sums need none of the last three: they are left empty or zero.
    """
    name = ("sum", "mean", "max")[mode]
    result = _sparse.embedding_bag(indices, weight, offsets, None, 2, scale_grad_by_freq, name, sparse,
                                   per_sample_weights, include_last_offset, padding_idx)
    counts = _sparse._bag_counts(indices, offsets, include_last_offset)
    if mode == 0:
        unused = offsets.new_zeros(offsets.numel())
        return result, offsets.new_empty(0), unused, unused.clone()
    bag = cygrad.repeat_interleave(cygrad.arange(counts.numel(), device=indices.device), counts)
    rows = counts.clone()
    if mode == 2:
        rows = cygrad.full((counts.numel(), weight.size(1)), -1, dtype=indices.dtype, device=indices.device)
        for i, members in enumerate(indices.split(counts.tolist())):
            if members.numel():
                rows[i] = members[weight.detach()[members].argmax(0)]
    return result, bag, counts, rows


def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Convolution in as many dimensions as the weight has, or its transpose."""
    d = weight.dim() - 2
    if transposed:
        f = (_conv.conv_transpose1d, _conv.conv_transpose2d, _conv.conv_transpose3d)[d - 1]
        return f(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return (_conv.conv1d, _conv.conv2d, _conv.conv3d)[d - 1](input, weight, bias, stride, padding, dilation, groups)


def native_channel_shuffle(input, groups):
    """Channels dealt out over groups."""
    return _vision.native_channel_shuffle(input, groups)


def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dimensions but one, which keeps its place; over all for dim=-1."""
    if dim == -1:
        return v.norm(pow)
    return v.norm(pow, [d for d in range(v.dim()) if d != dim], keepdim=True)


def rrelu(input, lower=1 / 8, upper=1 / 3, training=False, generator=None):
    """Leaky ReLU with random slopes in training."""
    if generator is not None:
        raise NotImplementedError("rrelu: cygrad draws the slopes from the default generator alone")
    return _activation.rrelu(input, lower, upper, training)


# ---------------------------------------------------------------- losses, with reduction by number


def kl_div(input, target, reduction=1, *, log_target=False):
    """Kullback and Leibler's divergence."""
    loss = _loss.kl_div(input, target, reduction="none", log_target=log_target)
    return _loss.reduced(loss, _REDUCTIONS[reduction])


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=1, zero_infinity=False):
    """Connectionist temporal classification."""
    return _loss.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, _REDUCTIONS[reduction], zero_infinity
    )


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=1):
    """Binary cross entropy of sigmoid(input)."""
    return _loss.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_REDUCTIONS[reduction], pos_weight=pos_weight
    )


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=1):
    """1 - cosine for alike pairs, the cosine above ``margin`` for others."""
    return _loss.cosine_embedding_loss(input1, input2, target, margin, reduction=_REDUCTIONS[reduction])


def hinge_embedding_loss(input, target, margin=1.0, reduction=1):
    """The distance for alike pairs, what it lacks to ``margin`` for others."""
    return _loss.hinge_embedding_loss(input, target, margin, reduction=_REDUCTIONS[reduction])


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=1):
    """What the difference lacks to ``margin`` in the direction of ``target``."""
    return _loss.margin_ranking_loss(input1, input2, target, margin, reduction=_REDUCTIONS[reduction])


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """The negative log-likelihood of Poisson's distribution."""
    return _loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_REDUCTIONS[reduction])


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=1):
    """How much nearer than ``margin`` the negative is than the positive."""
    return _loss.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_REDUCTIONS[reduction]
    )


# ---------------------------------------------------------------- recurrent networks


def _weights(params, has_biases, projected, layers):
    """The weights of each layer and direction, (w_ih, w_hh, b_ih, b_hh, w_hr), from their flat list."""
    params = list(params)
    count = 2 + 2 * bool(has_biases) + projected
    if len(params) != count * layers:
        raise RuntimeError("got an incorrect number of RNN parameters")
    found = []
    for i in range(0, len(params), count):
        one = params[i : i + count]
        projection = one.pop() if projected else None
        found.append((*one, *[None] * (4 - len(one)), projection))
    return found


def _run(mode, input, state, params, has_biases, num_layers, dropout, train, bidirectional, batch_sizes=None):
    from ..modules.rnn import _run_layer

    directions = 2 if bidirectional else 1
    projected = mode == "LSTM" and state[0].size(2) != state[1].size(2)
    weights = _weights(params, has_biases, projected, num_layers * directions)
    finals = []
    for layer in range(num_layers):
        outputs = []
        for index in range(layer * directions, (layer + 1) * directions):
            output, final = _run_layer(
                mode, input, tuple(s[index] for s in state), weights[index], index % directions == 1, batch_sizes
            )
            outputs.append(output)
            finals.append(final)
        input = outputs[0] if directions == 1 else cygrad.cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            input = _dropout(input, dropout, True)
    return (input, *(cygrad.stack(parts) for parts in zip(*finals, strict=True)))


def _signature(names):
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(n, kind) for n in names])


def _recurrent(name, mode):
    """torch.<name>: (input, hx, params, ..., batch_first), or (data, batch_sizes, hx, params, ...) of packed ones."""

    def function(*args, **kwargs):
        packed = len(args) > 1 and isinstance(args[1], cygrad.Tensor) and args[1].dtype == cygrad.int64
        given = (of_packed if packed or "data" in kwargs else of_padded).bind(*args, **kwargs).arguments
        state = tuple(given["hx"]) if mode == "LSTM" else (given["hx"],)
        rest = [given[n] for n in ("params", "has_biases", "num_layers", "dropout", "train", "bidirectional")]
        if "data" in given:
            return _run(mode, given["data"], state, *rest, given["batch_sizes"].tolist())
        batch_first = given["batch_first"]
        output, *final = _run(mode, given["input"].transpose(0, 1) if batch_first else given["input"], state, *rest)
        return (output.transpose(0, 1) if batch_first else output, *final)

    names = ["hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional"]
    of_padded, of_packed = (_signature(n) for n in (["input", *names, "batch_first"], ["data", "batch_sizes", *names]))
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The layers of a {mode.replace('_', ' ')}, from its flat list of weights."
    return function


lstm, gru = _recurrent("lstm", "LSTM"), _recurrent("gru", "GRU")
rnn_tanh, rnn_relu = _recurrent("rnn_tanh", "RNN_TANH"), _recurrent("rnn_relu", "RNN_RELU")


def _cell(name, mode):
    def function(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
        from ..modules.rnn import _step

        state = _step(mode, _conv.linear(input, w_ih, b_ih), tuple(hx) if mode == "LSTM" else (hx,), w_hh, b_hh, None)
        return state if mode == "LSTM" else state[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"One step of a {mode.replace('_', ' ')}."
    return function


lstm_cell, gru_cell = _cell("lstm_cell", "LSTM"), _cell("gru_cell", "GRU")
rnn_tanh_cell, rnn_relu_cell = _cell("rnn_tanh_cell", "RNN_TANH"), _cell("rnn_relu_cell", "RNN_RELU")
