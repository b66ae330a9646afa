"""The operators `*_copy`: what a view would show, in new memory."""

import cygrad
from cygrad import _core
from cygrad._core import Tensor
from cygrad._operators.family import deliver


def _slice(x, dim=0, start=None, end=None, step=1):
    return x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)]


def _of(name):
    method = getattr(Tensor, name)
    return lambda x, *args, **kwargs: method(x, *args, **kwargs)


# The view of each, by the name of its node.
_VIEWS = {name: _of(name) for name in (
    "as_strided diagonal expand permute select split split_with_sizes squeeze t transpose unbind unfold unsqueeze view"
).split()} | {
    "alias": lambda x: x.view_as(x),
    "detach": lambda x: x.detach(),
    "slice": _slice,
    "view_as_complex": lambda x: cygrad.view_as_complex(x),
    "view_as_real": lambda x: cygrad.view_as_real(x),
}  # fmt: skip


def _copy_backward(node, *grads):
    """The view's own gradient: of a tensor that is laid out as the input was."""
    view, args, kwargs, shape, stride, dtype = node.args
    some = next(g for g in grads if g is not None)
    with cygrad.enable_grad():
        x = cygrad.empty_strided(shape, stride, dtype=dtype, device=some.device).requires_grad_()
        out = view(x, *args, **kwargs)
        pairs = [
            (y, g)
            for y, g in zip([out] if isinstance(out, Tensor) else out, grads, strict=True)
            if g is not None
        ]
    outs, grads = zip(*pairs, strict=True)
    return cygrad.autograd.grad(outs, x, grads, create_graph=cygrad.is_grad_enabled())[0]


def _make(name, view):
    node = "".join(part.capitalize() for part in name.split("_")) + "Backward0_copy"

    def f(input, *args, out=None, **kwargs):
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}_copy(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        views = view(input.detach(), *args, **kwargs)
        one = isinstance(views, Tensor)
        with cygrad.no_grad():
            copies = [
                v.clone(memory_format=cygrad.contiguous_format) for v in ([views] if one else views)
            ]
        saved = (view, args, kwargs, input.shape, input.stride(), input.dtype)
        if name != "detach":
            copies = _core.record(copies, node, (input,), _copy_backward, None, saved)
        if out is not None:
            outs = [out] if one else out
            copies = [deliver(o, c) for o, c in zip(outs, copies, strict=True)]
        return copies[0] if one else tuple(copies)

    f.__name__ = f.__qualname__ = f"{name}_copy"
    f.__doc__ = f"The result of `{name}` in new memory."
    return f


NAMES = [f"{name}_copy" for name in _VIEWS]
globals().update((f"{name}_copy", _make(name, view)) for name, view in _VIEWS.items())
