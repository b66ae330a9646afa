"""Clipping of gradients."""

import functools
import warnings

import cygrad
from cygrad import Tensor


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors as one vector. ``foreach`` changes nothing.

    tensors: a sequence of tensors
    norm_type: the exponent of the norm
    foreach: accepted; all parameters are stepped in one call anyway
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return cygrad.tensor(0.0)
    device = tensors[0].device
    with cygrad.no_grad():
        norms = [cygrad.linalg.vector_norm(t.detach(), norm_type).to(device) for t in tensors]
        total = cygrad.linalg.vector_norm(cygrad.stack(norms), norm_type)
    if error_if_nonfinite and not bool(cygrad.isfinite(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients in place by max_norm / total_norm where that is below 1.

    parameters: an iterable of parameters, or one
    max_norm: the norm that vectors or gradients are scaled down to
    foreach: accepted; all parameters are stepped in one call anyway
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    with cygrad.no_grad():
        # Multiplying by a number clamped to 1 needs no look at the device's value.
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for p in parameters:
            if p.grad is not None:
                p.grad.detach().mul_(scale.to(p.grad.device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients in place so that their common norm is at most ``max_norm``.

    Returns the norm before; RuntimeError if it is not finite and ``error_if_nonfinite``.
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


@functools.wraps(clip_grad_norm_)
def clip_grad_norm(*args, **kwargs):
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clip every gradient in place to [-clip_value, clip_value].

    parameters: an iterable of parameters, or one
    foreach: accepted; all parameters are stepped in one call anyway
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    clip_value = float(clip_value)
    with cygrad.no_grad():
        for p in parameters:
            if p.grad is not None:
                p.grad.clamp_(min=-clip_value, max=clip_value)
