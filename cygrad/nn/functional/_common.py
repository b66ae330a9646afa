"""What the parts of nn.functional share: arguments, names in messages, reductions."""

import functools
import warnings

import cygrad
from cygrad import Tensor, _core, _walk


def scalar_name(dtype):
    """A dtype as messages name it: ``Float`` for ``torch.float32``."""
    return _core.SCALAR_TYPE_NAMES[dtype.code]


def c_name(dtype):
    """A dtype as C++ names it: ``c10::Half`` for ``torch.float16``."""
    return _core.C_TYPE_NAMES[dtype.code]


def require_floating(input, kernel):
    """Raise NotImplementedError, naming ``kernel``, unless ``input`` is of a floating dtype."""
    if not input.is_floating_point():
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'"
        )


def one_step(name, inputs=2):
    """Decorates a loss that is composed here and one node ``name`` in PyTorch's graph: it shows as one."""

    def decorate(loss):
        @functools.wraps(loss)
        def function(*args, **kwargs):
            out = loss(*args, **kwargs)
            if out.grad_fn is None:
                return out
            given = (*args, *[kwargs[k] for k in ("input", "target") if k in kwargs])
            return _core.present(out, name, given[:inputs])

        return function

    return decorate


def not_differentiable(function, **arguments):
    """Raise RuntimeError for an argument to which ``function`` has no gradient, as PyTorch does, and that wants one."""
    for name, x in arguments.items():
        if isinstance(x, Tensor) and x.requires_grad and cygrad.is_grad_enabled():
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. "
                "This input cannot have requires_grad True."
            )


def _through_steps(node, g):
    x, y = node.args
    return cygrad.autograd.grad(y, x, g, retain_graph=True, create_graph=cygrad.is_grad_enabled())[0]


def linear_step(name, function, input):
    """``function(input)``, which is linear and composed here, as one node ``name`` that saves nothing.

    Its steps stay with the node, and the gradient may run through them any number of times.
    """
    with cygrad.enable_grad():
        x = input.detach().requires_grad_()
        y = function(x)
        y = x.clone() if y is x else y
    return _core.record(y.detach(), name, (input,), _through_steps, None, (x, y))


def ints(value, count):
    """``value`` as a tuple of ``count`` ints; one int (or a tuple of one) is repeated."""
    if isinstance(value, int):
        return (value,) * count
    value = tuple(value)
    return value * count if len(value) == 1 else value


def hashable(value):
    """A size argument as something that a cache of checked arguments can be keyed by."""
    return tuple(value) if type(value) is list else value


def shape_text(tensor):
    """A shape as C++ prints it: ``[2, 3]``."""
    return str(list(tensor.shape))


REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def reduction_code(reduction):
    """0, 1, 2 for none, mean, sum. Raises ValueError."""
    try:
        return REDUCTIONS[reduction]
    except KeyError:
        raise ValueError(f"{reduction} is not a valid value for reduction") from None


def legacy_reduction(size_average, reduce, emit_warning=True):
    """The reduction that the deprecated pair of arguments asks for."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    name = ("mean" if size_average else "sum") if reduce else "none"
    if emit_warning:
        warnings.warn(
            "size_average and reduce args will be deprecated, "
            f"please use reduction='{name}' instead.",
            stacklevel=4,
        )
    return name


def pick_reduction(size_average, reduce, reduction):
    """``reduction``, unless one of the deprecated arguments was given."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    return reduction


def reduced(loss, reduction):
    """``loss`` itself, its mean or its sum. Raises ValueError."""
    code = reduction_code(reduction)
    if code == 0:
        return loss
    return loss.mean() if code == 1 else loss.sum()


def is_tensor(value):
    return isinstance(value, Tensor)


def has_values(tensor):
    """Whether there are elements to look at: none on meta."""
    return bool(tensor.numel()) and tensor.device.type != "meta"


def require(condition, text):
    """RuntimeError where a bool tensor of one element is not true: on a device where the program next waits for it."""
    kind = condition.device.type
    if kind == "cpu":
        if not condition:
            raise RuntimeError(text)
    elif kind != "meta":
        _core.backend(kind).require(condition, _walk.saying(text))


def zeros_like_scalar(input):
    """A 0-d zero of the dtype and device of ``input``, to broadcast against it."""
    return cygrad.zeros((), dtype=input.dtype, device=input.device)
