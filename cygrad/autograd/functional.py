"""Jacobians, Hessians and their products with vectors, made of repeated backward passes."""

from .._core import Tensor
from ._grad import grad
from .grad_mode import enable_grad

__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]

_SECOND_ORDER = (
    "While computing the hessian, found that the jacobian of the user-provided function with "
    "respect to input {i} is independent of the input. This is not allowed in strict mode. You "
    "should ensure that your function is twice differentiable and that the jacobian depends on the "
    "inputs (this would be violated by a linear function for example)."
)
_FIRST_ORDER = (
    "The jacobian of the user-provided function is independent of input {i}. This is not allowed "
    "in strict mode when create_graph=True."
)
_INDEPENDENT = (
    "The output of the user-provided function is independent of input {i}. This is not allowed in "
    "strict mode."
)
_NOT_RECORDED = (
    "Output {i} of the user-provided function does not require gradients. The outputs must be "
    "computed in a differentiable manner from the input when running in strict mode."
)


# ---- arguments and results


def _as_tuple(x, argument, function):
    """(whether it was a tuple, the tuple)."""
    if isinstance(x, Tensor):
        return False, (x,)
    given = argument
    if argument == "outputs of the user-provided function":
        argument = "outputs of the user-provided function"
    if not isinstance(x, tuple):
        raise TypeError(
            f"The {argument} given to {function} must be either a Tensor or a tuple of Tensors but "
            f"the given {given} has type {type(x)}."
        )
    for i, t in enumerate(x):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"The {argument} given to {function} must be either a Tensor or a tuple of Tensors "
                f"but the value at index {i} has type {type(t)}."
            )
    return True, x


_OUTPUTS = "outputs of the user-provided function"


def _prepared(inputs, create_graph):
    """The inputs as the function is to see them: recording, and apart from the caller's tensors."""
    return tuple(
        [
            x.view_as(x)
            if create_graph and x.requires_grad
            else x.detach().view_as(x).requires_grad_()
            for x in inputs
        ]
    )


def _finished(x, create_graph):
    """A result (or tuple, or tuple of tuples) without its graph, unless that was asked for."""
    if isinstance(x, tuple):
        return tuple([_finished(t, create_graph) for t in x])
    return x if create_graph else x.detach()


def _unwrapped(x, was_tuple):
    return x if was_tuple else x[0]


def _check_recorded(tensors, message, strict):
    if strict:
        for i, t in enumerate(tensors):
            if t is None or not t.requires_grad:
                raise RuntimeError(message.format(i=i))


def _check_vector(v, like, was_tuple):
    if len(v) != len(like):
        if was_tuple:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, like, strict=True)):
        if a.shape != b.shape:
            prefix = f"Entry {i} in " if was_tuple else ""
            raise RuntimeError(
                f"{prefix}v has invalid size: should be {b.shape} but got {a.shape}."
            )


def _vector(v, like, function, was_tuple, of):
    """The vector as a tuple of tensors that no gradient goes to; ones where it may be left out."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {of} a single Tensor with a single element."
            )
        return (like[0].new_ones(like[0].shape),)
    _, v = _as_tuple(v, "v", function)
    v = tuple([t.detach() if not t.requires_grad else t.view_as(t) for t in v])
    _check_vector(v, like, was_tuple)
    return v


def _gradients(outputs, inputs, vectors=None, create_graph=False):
    """The vector-Jacobian product, None where an input is not reached."""
    vectors = (None,) * len(outputs) if vectors is None else vectors
    pairs = [
        (o, v) for o, v in zip(outputs, vectors, strict=True) if o is not None and o.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        [o for o, _ in pairs],
        inputs,
        [v for _, v in pairs],
        create_graph=create_graph,
        retain_graph=create_graph,
        allow_unused=True,
    )


def _filled(grads, inputs, strict, message):
    """Zeros for the gradients that are not there; an error in strict mode."""
    filled = []
    for i, (g, x) in enumerate(zip(grads, inputs, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(message.format(i=i))
            g = x.new_zeros(x.shape)
        filled.append(g)
    return tuple(filled)


# ---- first order


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T J): the product of a vector with the Jacobian at `inputs`, by one
    backward pass.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    create_graph: whether the gradients' computation is recorded, to be differentiated again
    strict: whether an input that the result does not depend on is an error
    """
    with enable_grad():
        several_inputs, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _prepared(inputs, create_graph)
        several_outputs, outputs = _as_tuple(func(*inputs), _OUTPUTS, "vjp")
        _check_recorded(outputs, _NOT_RECORDED, strict)
        v = _vector(v, outputs, "vjp", several_outputs, "the user-provided function returns")
        grads = _filled(_gradients(outputs, inputs, v, create_graph), inputs, strict, _INDEPENDENT)
        _check_recorded(grads, _FIRST_ORDER, strict and create_graph)
    return (
        _unwrapped(_finished(outputs, create_graph), several_outputs),
        _unwrapped(_finished(grads, create_graph), several_inputs),
    )


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), J v): by differentiating v -> v^T J, which is linear in v, a second time.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    create_graph: whether the gradients' computation is recorded, to be differentiated again
    strict: whether an input that the result does not depend on is an error
    """
    with enable_grad():
        several_inputs, inputs = _as_tuple(inputs, "inputs", "jvp")
        inputs = _prepared(inputs, create_graph)
        v = _vector(v, inputs, "jvp", several_inputs, "the input to the user-provided function is")
        several_outputs, outputs = _as_tuple(func(*inputs), _OUTPUTS, "jvp")
        _check_recorded(outputs, _NOT_RECORDED, strict)
        dummies = tuple([o.new_zeros(o.shape).requires_grad_() for o in outputs])
        grads = _filled(_gradients(outputs, inputs, dummies, True), inputs, strict, _INDEPENDENT)
        _check_recorded(grads, _FIRST_ORDER, strict and create_graph)
        products = _gradients(grads, dummies, v, create_graph)
        products = _filled(
            products,
            outputs,
            strict,
            "The gradient with respect to the input is independent of entry {i} in the "
            "grad_outputs when using the double backward trick to compute forward mode gradients. "
            "This is not allowed in strict mode.",
        )
        if strict and create_graph:
            _check_recorded(products, _FIRST_ORDER, True)
    return (
        _unwrapped(_finished(outputs, create_graph), several_outputs),
        _unwrapped(_finished(products, create_graph), several_outputs),
    )


def _check_strategy(strategy, vectorize, hint):
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode".' + hint
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly "
            "implemented for `vectorize=True`."
        )


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """The Jacobian of `func` at `inputs`: entry [i][j] has the shape of output i followed by that
    of input j.

    One backward pass per element of the outputs, whatever `vectorize` and `strategy` say: these ask
    PyTorch for other ways to the same numbers.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    create_graph: whether the gradients' computation is recorded, to be differentiated again
    strict: whether an input that the result does not depend on is an error
    """
    _check_strategy(
        strategy,
        vectorize,
        ' Hint: If your function has more outputs than inputs, "forward-mode" tends to be more '
        "performant. Otherwise, "
        'prefer to use "reverse-mode".',
    )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` '
            "are not supported "
            'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    with enable_grad():
        several_inputs, inputs = _as_tuple(inputs, "inputs", "jacobian")
        if strict and vectorize:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
                "supported together. Please either set `strict=False` or `vectorize=False`."
            )
        inputs = _prepared(inputs, create_graph)
        several_outputs, outputs = _as_tuple(func(*inputs), _OUTPUTS, "jacobian")
        _check_recorded(outputs, _NOT_RECORDED, strict)
        result = tuple(
            [_rows(out, i, inputs, create_graph, strict) for i, out in enumerate(outputs)]
        )
    result = _finished(result, create_graph)
    result = tuple([_unwrapped(row, several_inputs) for row in result])
    return _unwrapped(result, several_outputs)


def _rows(out, i, inputs, create_graph, strict):
    """The Jacobians of output `i` with respect to each input."""
    from .. import stack

    columns = [[] for _ in inputs]
    flat = out.reshape(-1)
    for k in range(out.numel()):
        grads = (None,) * len(inputs)
        if out.requires_grad:
            grads = grad(
                (flat[k],), inputs, retain_graph=True, create_graph=create_graph, allow_unused=True
            )
        for j, (g, x) in enumerate(zip(grads, inputs, strict=True)):
            if g is None:
                if strict:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function is independent of input {j}. "
                        "This is not allowed in strict mode."
                    )
                g = x.new_zeros(x.shape)
            elif strict and create_graph and not g.requires_grad:
                raise RuntimeError(_FIRST_ORDER.format(i=j))
            columns[j].append(g)
    return tuple(
        [
            stack(rows).view(out.shape + x.shape) if rows else x.new_zeros(out.shape + x.shape)
            for rows, x in zip(columns, inputs, strict=True)
        ]
    )


# ---- second order


def _scalar(out, function):
    """The one element that a function given to hessian, vhp or hvp must return."""
    several, outputs = _as_tuple(out, _OUTPUTS, function)
    if several:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single "
            "element"
        )
    return outputs[0].squeeze()


def hessian(
    func,
    inputs,
    create_graph=False,
    strict=False,
    vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):
    """The Hessian of a function with one output element: entry [i][j] has the shape of input i
    followed by input j's.
    """
    several, tensors = _as_tuple(inputs, "inputs", "hessian")
    _check_strategy(outer_jacobian_strategy, vectorize, "")

    def scalar(*x):
        out = _scalar(func(*x), "hessian")
        _check_recorded((out,), _NOT_RECORDED, strict)
        return out

    def gradient(*x):
        found = jacobian(scalar, x, create_graph=True)
        _check_recorded(found, _SECOND_ORDER, strict)
        return found

    result = jacobian(gradient, tensors, create_graph, strict, vectorize, outer_jacobian_strategy)
    return result if several else result[0][0]


def _value_and_gradient(func, inputs, strict, function):
    value = _scalar_output(func(*inputs), function)
    _check_recorded((value,), _NOT_RECORDED, strict)
    grads = _filled(_gradients((value,), inputs, None, True), inputs, strict, _INDEPENDENT)
    _check_recorded(grads, _SECOND_ORDER, strict)
    return value, grads


def _scalar_output(out, function):
    _scalar(out, function)
    return out


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T H): the product of a vector with the Hessian.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    create_graph: whether the gradients' computation is recorded, to be differentiated again
    strict: whether an input that the result does not depend on is an error
    """
    with enable_grad():
        several, inputs = _as_tuple(inputs, "inputs", "vhp")
        inputs = _prepared(inputs, create_graph)
        v = _vector(v, inputs, "vhp", several, "the input to the user-provided function is")
        value, grads = _value_and_gradient(func, inputs, strict, "vhp")
        products = _filled(
            _gradients(grads, inputs, v, create_graph),
            inputs,
            strict,
            "The jacobian of the user-provided function is independent of input {i}. This is not "
            "allowed in strict mode.",
        )
    return _finished(value, create_graph), _unwrapped(_finished(products, create_graph), several)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), H v): as `vhp`, differentiated a third time to have the vector on the other
    side.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    create_graph: whether the gradients' computation is recorded, to be differentiated again
    strict: whether an input that the result does not depend on is an error
    """
    with enable_grad():
        several, inputs = _as_tuple(inputs, "inputs", "hvp")
        inputs = _prepared(inputs, create_graph)
        v = _vector(v, inputs, "hvp", several, "the input to the user-provided function is")
        value, grads = _value_and_gradient(func, inputs, strict, "hvp")
        dummies = tuple([x.new_zeros(x.shape).requires_grad_() for x in inputs])
        message = (
            "The hessian of the user-provided function is independent of entry {i} in the "
            "grad_jacobian. This is not allowed in strict mode as it prevents from using the "
            "double backward trick to replace forward mode AD."
        )
        second = _filled(_gradients(grads, inputs, dummies, True), inputs, strict, message)
        products = _filled(_gradients(second, dummies, v, create_graph), inputs, strict, message)
    return _finished(value, create_graph), _unwrapped(_finished(products, create_graph), several)
