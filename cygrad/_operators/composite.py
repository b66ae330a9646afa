"""What the compiled losses, norms and embeddings do without a kernel, in differentiable operators.

The gradients run where a backward pass is itself recorded (create_graph=True); the losses are the cases that no kernel
takes: more than two dimensions, label smoothing, class probabilities, operands that broadcast.
"""

import cygrad

# ---------------------------------------------------------------- losses


def _one_hot(target, weight, classes, axis, ignore_index, like):
    """weight[target] at the target's class along `axis`, zero elsewhere and where the target is ignored."""
    shape = [classes if i == axis else 1 for i in range(target.dim() + 1)]
    target = target.unsqueeze(axis)
    hot = (target == cygrad.arange(classes, device=target.device).view(shape)) & (target != ignore_index)
    hot = hot.to(like.dtype)
    hot = hot if weight is None else hot * weight.to(like.dtype).view(shape)
    return hot, hot.sum(axis)


def _spread(g, axis, reduction, divisor):
    """The gradient of every target's loss, broadcastable over classes."""
    if reduction == 0:
        return g.unsqueeze(axis)
    return g / divisor if reduction == 1 else g


def nll_gradient(shape, target, weight, g, ignore_index, reduction, divisor):
    axis = 0 if len(shape) == 1 else 1
    target = target.reshape([n for i, n in enumerate(shape) if i != axis])
    if reduction == 0:
        g = g.reshape(target.shape)
    hot, _ = _one_hot(target, weight, shape[axis], axis, ignore_index, g)
    return -hot * _spread(g, axis, reduction, divisor)


def cross_entropy_gradient(x, log_softmax, target, weight, g, ignore_index, reduction, divisor):
    axis = x.dim() - 1
    target = target.reshape(x.shape[:axis])
    if reduction == 0:
        g = g.reshape(target.shape)
    hot, value = _one_hot(target, weight, x.shape[axis], axis, ignore_index, x.detach())
    p = log_softmax(x, axis).exp()
    return (p * value.unsqueeze(axis) - hot) * _spread(g, axis, reduction, divisor)


def cross_entropy(x, log_softmax, nll_loss, target, weight, ignore_index, reduction, label_smoothing):
    """Class indices; more dimensions than two, or label smoothing."""
    axis = 0 if x.dim() == 1 else 1
    logp = log_softmax(x, axis)
    loss = nll_loss(logp, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    classes = x.shape[axis]
    if weight is not None:
        shape = [classes if i == axis else 1 for i in range(x.dim())]
        smooth = -(logp * weight.view(shape)).sum(axis)
    else:
        smooth = -logp.sum(axis)
    counts = (target != ignore_index).reshape(smooth.shape)
    smooth = smooth * counts.to(smooth.dtype)
    if reduction == 1:
        if weight is not None:
            target = target.reshape(counts.shape)
            divisor = _one_hot(target, weight, classes, axis, ignore_index, x.detach())[1].sum()
        else:
            divisor = counts.sum()
        smooth = smooth.sum() / divisor
    elif reduction == 2:
        smooth = smooth.sum()
    else:
        smooth = smooth.reshape(target.shape)
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / classes)


def soft_cross_entropy(x, log_softmax, target, weight, reduction, label_smoothing):
    """Class probabilities of the shape of x."""
    axis = 0 if x.dim() == 1 else 1
    classes = x.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    loss = log_softmax(x, axis) * target
    if weight is not None:
        loss = loss * weight.view([classes if i == axis else 1 for i in range(x.dim())])
    if reduction == 1:
        return -loss.sum() / (x.numel() // classes if classes else 1)
    return -loss.sum() if reduction == 2 else -loss.sum(axis)


def mse_loss(x, y, reduction):
    """(x - y)**2 of tensors that broadcast or are not dense."""
    d = (x - y) ** 2
    return d.mean() if reduction == 1 else d.sum() if reduction == 2 else d


# ---------------------------------------------------------------- normalisation


def _normalized(x, dims, eps):
    """(x - mean) * rstd and rstd over `dims`, var biased."""
    centred = x - x.mean(dims, keepdim=True)
    rstd = ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()
    return centred * rstd, rstd


def _normalized_gradient(h, xhat, rstd, dims):
    return rstd * (h - h.mean(dims, keepdim=True) - xhat * (h * xhat).mean(dims, keepdim=True))


def layer_norm_gradient(x, shape, weight, eps, g, needs):
    dims = list(range(-len(shape), 0))
    rows = list(range(x.dim() - len(shape)))
    xhat, rstd = _normalized(x, dims, eps)
    dx = dw = db = None
    if needs[0]:
        dx = _normalized_gradient(g if weight is None else g * weight, xhat, rstd, dims)
    if needs[1]:
        dw = (g * xhat).sum(rows) if rows else g * xhat
    if needs[2]:
        db = g.sum(rows) if rows else g
    return dx, dw, db


def _per_channel(t, x):
    return t.view([-1 if i == 1 else 1 for i in range(x.dim())])


def group_norm_gradient(x, groups, weight, eps, g, needs):
    split = (x.shape[0], groups, -1)
    others = [i for i in range(x.dim()) if i != 1]
    xhat, rstd = _normalized(x.reshape(split), [2], eps)
    dx = dw = db = None
    if needs[0]:
        h = g if weight is None else g * _per_channel(weight, x)
        dx = _normalized_gradient(h.reshape(split), xhat, rstd, [2]).reshape(x.shape)
    if needs[1]:
        dw = (g * xhat.reshape(x.shape)).sum(others)
    if needs[2]:
        db = g.sum(others)
    return dx, dw, db


def batch_norm_gradient(x, weight, mean, rstd, training, eps, g, needs):
    others = [i for i in range(x.dim()) if i != 1]
    if training:
        xhat, rstd = _normalized(x, others, eps)
    else:
        rstd = _per_channel(rstd, x)
        xhat = (x - _per_channel(mean, x)) * rstd
    dx = dw = db = None
    if needs[0]:
        h = g if weight is None else g * _per_channel(weight, x)
        dx = _normalized_gradient(h, xhat, rstd, others) if training else h * rstd
    if needs[1]:
        dw = (g * xhat).sum(others)
    if needs[2]:
        db = g.sum(others)
    return dx, dw, db


# ---------------------------------------------------------------- embedding


def embedding_gradient(g, index, rows, n, padding_idx, scale_grad_by_freq):
    flat, g = index.reshape(-1), g.reshape(-1, n)
    if padding_idx >= 0:
        g = g * (flat != padding_idx).to(g.dtype).unsqueeze(1)
    if scale_grad_by_freq:
        counts = g.new_zeros(rows).index_add(0, flat, g.new_ones(flat.numel()))
        g = g * (1 / counts)[flat].unsqueeze(1)
    return cygrad.zeros(rows, n, dtype=g.dtype, device=g.device).index_add(0, flat, g)


def sparse_embedding_gradient(g, index, rows, n, padding_idx):
    flat, g = index.reshape(-1), g.reshape(-1, n)
    if padding_idx >= 0:
        kept = flat != padding_idx
        flat, g = flat[kept], g[kept]
    return cygrad.sparse_coo_tensor(flat.unsqueeze(0), g, (rows, n))
