"""Gradients against finite differences."""

import warnings

from .._core import Tensor
from ._grad import grad
from .grad_mode import enable_grad, no_grad

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError"]


class GradcheckError(RuntimeError):
    """Raised by `gradcheck` and `gradgradcheck` when a gradient is wrong."""


_NONDETERMINISTIC = """Backward is not reentrant, i.e., running backward with same input and \
grad_output multiple times gives different values, although analytical gradient matches numerical \
gradient.The tolerance for nondeterminism was {}.

NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""


def _tuple(x):
    if isinstance(x, (tuple, list)):
        return tuple(x)
    return (x,)


def _differentiable(inputs):
    return [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]


def _outputs(func, inputs):
    return tuple([o for o in _tuple(func(*inputs)) if o.requires_grad])


def _check_inputs(inputs):
    if not _differentiable(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if x.element_size() < 8:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                UserWarning,
                stacklevel=3,
            )
        if any(step == 0 and n > 1 for step, n in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )
        x.retain_grad()


def _in_parts(func, inputs):
    """Complex inputs and outputs as pairs of real numbers, with respect to which PyTorch's gradient is one."""
    from .. import view_as_complex, view_as_real

    pairs = {
        i
        for i, x in enumerate(inputs)
        if isinstance(x, Tensor) and x.requires_grad and x.is_complex()
    }

    def parts(*args):
        with enable_grad():  # `func` may ask which of its arguments require a gradient
            args = [view_as_complex(a) if i in pairs else a for i, a in enumerate(args)]
        outputs = _tuple(func(*args))
        return tuple([view_as_real(o) if o.is_complex() else o for o in outputs])

    return parts, tuple(
        [
            view_as_real(x.detach()).clone().requires_grad_() if i in pairs else x
            for i, x in enumerate(inputs)
        ]
    )


def _numerical(func, inputs, x, eps):
    """Central differences: for every differentiable output a matrix of x.numel() rows."""
    data = x.data
    flat_index = [tuple(map(int, index)) for index in _indices(x.shape)]
    rows = []
    for index in flat_index:
        before = data[index].item()
        data[index] = before - eps
        low = [o.detach().clone() for o in _tuple(func(*inputs))]
        data[index] = before + eps
        high = [o.detach().clone() for o in _tuple(func(*inputs))]
        data[index] = before
        rows.append([((h - lo) / (2 * eps)).reshape(-1) if h.is_floating_point() else None
                     for h, lo in zip(high, low, strict=True)])  # fmt: skip
    return rows


def _indices(shape):
    if not shape:
        return [()]
    return [(i, *rest) for i in range(shape[0]) for rest in _indices(shape[1:])]


def _analytical(output, inputs):
    """For every differentiable input a matrix of input elements by output elements, by backward
    passes.
    """
    from .. import stack

    columns = [[] for _ in inputs]
    flat_zero = output.new_zeros(output.numel())
    for k in range(output.numel()):
        vector = flat_zero.clone()
        vector[k] = 1
        grads = grad(
            output, inputs, vector.view(output.shape), retain_graph=True, allow_unused=True
        )
        for column, g, x in zip(columns, grads, inputs, strict=True):
            column.append(x.new_zeros(x.numel()) if g is None else g.detach().reshape(-1))
    return [
        stack(column, 1) if column else x.new_zeros((x.numel(), 0))
        for column, x in zip(columns, inputs, strict=True)
    ]


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0):
    """Deprecated: for each differentiable input of `fn(inputs)` the matrix (input elements, output elements)."""
    warnings.warn(
        "`get_numerical_jacobian` was part of PyTorch's private API and not meant to be exposed. We are deprecating "
        "it and it will be removed in a future version of PyTorch. If you have a specific use for this or feature "
        "request for this to be a stable API, please file us an issue at "
        "https://github.com/pytorch/pytorch/issues/new",
        FutureWarning,
        stacklevel=2,
    )
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0, get_numerical_jacobian no longer supports values of grad_out "
                         "!= 1.0.")
    inputs = _tuple(inputs)
    wanted = inputs if target is None else _tuple(target)
    return tuple(_numerical_of_first(lambda *xs: fn(xs), inputs, x, eps)[0] for x in wanted if x.requires_grad)


def get_numerical_jacobian_wrt_specific_input(fn, input_idx, inputs, outputs, eps, input=None, is_forward_ad=False):
    """For one input, by central differences, the matrix (input elements, output elements) of each output."""
    inputs = _tuple(inputs)
    x = inputs[input_idx] if input is None else input
    return tuple(_numerical_of_first(fn, inputs, x, eps))


def _numerical_of_first(fn, inputs, x, eps):
    from .. import stack

    with no_grad():
        rows = _numerical(fn, inputs, x, eps)
    return [stack(list(column)) for column in zip(*rows, strict=True)]


def get_analytical_jacobian(inputs, output, nondet_tol=0.0, grad_out=1.0):
    """Deprecated: (matrices by backward passes, whether two passes agree, whether sizes fit, whether dtypes do)."""
    warnings.warn(
        "`get_analytical_jacobian` was part of PyTorch's private API and not meant to be exposed. We are deprecating "
        "it and it will be removed in a future version of PyTorch. If you have a specific use for this or feature "
        "request for this to be a stable API, please file us an issue at "
        "https://github.com/pytorch/pytorch/issues/new",
        FutureWarning,
        stacklevel=2,
    )
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0, get_analytical_jacobian no longer supports values of grad_out "
                         "!= 1.0.")
    wanted = [x for x in _tuple(inputs) if isinstance(x, Tensor) and x.requires_grad]
    first, second = _analytical(output, wanted), _analytical(output, wanted)
    again = all(bool(((a - b).abs() <= nondet_tol).all()) for a, b in zip(first, second, strict=True))
    return tuple(first), again, True, True


def _close(a, b, rtol, atol):
    return a.shape == b.shape and bool(
        ((a - b).abs() <= atol + rtol * b.abs()).all().item() if a.numel() else True
    )


def _mismatch(numerical, analytical, i, j):
    return GradcheckError(
        f"Jacobian mismatch for output {i} with respect to input {j},\nnumerical:{numerical}\n"
        f"analytical:{analytical}\n"
    )


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes):
    from .. import stack

    everything = _tuple(func(*inputs))
    outputs = [o for o in everything if o.requires_grad]
    wanted = _differentiable(inputs)
    with no_grad():
        numerical = [_numerical(func, inputs, x, eps) for x in wanted]
    if not outputs:
        for rows in numerical:
            if any(
                entry is not None and bool((entry != 0).any().item())
                for row in rows
                for entry in row
            ):
                raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    which = [i for i, o in enumerate(everything) if o.requires_grad]
    for i, (k, output) in enumerate(zip(which, outputs, strict=True)):
        analytical = _analytical(output, wanted)
        again = _analytical(output, wanted)
        for j, (a, b) in enumerate(zip(analytical, again, strict=True)):
            rows = [row[k] for row in numerical[j]]
            n = stack(rows) if rows else a.new_zeros(a.shape)
            n = n.to(a.dtype)
            if not _close(a, n, rtol, atol):
                raise _mismatch(n, a, i, j)
            if a.numel() and (a - b).abs().max().item() > nondet_tol:
                raise GradcheckError(_NONDETERMINISTIC.format(nondet_tol))
    _check_shapes(outputs, wanted, check_grad_dtypes)
    if check_undefined_grad:
        _check_undefined(func, inputs, wanted)


def _check_forward(func, inputs, eps, atol, rtol):
    """Tangents by the derivative of v -> J^T v, which is linear: what forward differentiation is here."""
    wanted = _differentiable(inputs)
    everything = _tuple(func(*inputs))
    which = [i for i, o in enumerate(everything) if o.requires_grad]
    if not which:
        return
    outputs = [everything[i] for i in which]
    vectors = [o.new_zeros(o.shape).requires_grad_() for o in outputs]
    products = grad(outputs, wanted, vectors, create_graph=True, allow_unused=True)
    with no_grad():
        numerical = [_numerical(func, inputs, x, eps) for x in wanted]
    for j, (x, product, rows) in enumerate(zip(wanted, products, numerical, strict=True)):
        for index, row in zip(_indices(x.shape), rows, strict=True):
            tangent = x.new_zeros(x.shape)
            tangent[index] = 1
            if product is None or not product.requires_grad:
                tangents = [None] * len(vectors)
            else:
                tangents = grad(product, vectors, tangent, retain_graph=True, allow_unused=True)
            for i, (v, t) in enumerate(zip(vectors, tangents, strict=True)):
                got = v.new_zeros(v.numel()) if t is None else t.detach().reshape(-1)
                expected = row[which[i]].to(got.dtype)
                if not _close(got, expected, rtol, atol):
                    raise GradcheckError(
                        f"Jacobian computed with forward mode mismatch for output {i} with respect to "
                        f"input {j},\nnumerical:{expected}\nanalytical:{got}\n"
                    )


def _check_shapes(outputs, wanted, check_grad_dtypes):
    """Zero vectors must give zero gradients of the inputs' shapes."""
    grads = grad(
        outputs,
        wanted,
        [o.new_zeros(o.shape) for o in outputs],
        retain_graph=True,
        allow_unused=True,
    )
    for g, x in zip(grads, wanted, strict=True):
        if g is None:
            continue
        if bool((g != 0).any().item()):
            raise GradcheckError("backward not multiplied by grad_output")
        if check_grad_dtypes and g.dtype is not x.dtype:
            raise GradcheckError("grad is incorrect type")
        if g.device != x.device:
            raise GradcheckError("grad is incorrect device")
        if g.shape != x.shape:
            raise GradcheckError("grad is incorrect size")


def _check_undefined(func, inputs, wanted):
    """A gradient that is not there counts as zero, of every single output and of all of them."""
    from .function import Function

    class Undefined(Function):
        """The identity, whose gradient is not there for the chosen outputs."""

        @staticmethod
        def forward(ctx, missing, *outputs):
            ctx.missing = missing
            return tuple([o.clone() for o in outputs])

        @staticmethod
        def backward(ctx, *grads):
            return (None, *[None if i in ctx.missing else g for i, g in enumerate(grads)])

    count = len(_outputs(func, inputs))
    sets = [set(range(count))] + ([{i} for i in range(count)] if count > 1 else [])
    for missing in sets:
        outputs = _outputs(func, inputs)
        results = Undefined.apply(missing, *outputs)
        vectors = [
            o.new_zeros(o.shape) if i in missing else o.new_ones(o.shape)
            for i, o in enumerate(outputs)
        ]
        without = grad(results, wanted, vectors, allow_unused=True)
        outputs = _outputs(func, inputs)
        zeros = grad(outputs, wanted, vectors, allow_unused=True)
        for a, b in zip(without, zeros, strict=True):
            a_zero = a is None or not bool((a != 0).any().item())
            b_zero = b is None or not bool((b != 0).any().item())
            if (
                (a is None or b is None)
                and not (a_zero and b_zero)
                or (a is not None and b is not None and not _close(a, b, 1e-7, 1e-12))
            ):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. Please look at "
                    '"Notes about undefined '
                    'output gradients" in "tools/autograd/derivatives.yaml"'
                )


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Compares the gradients of `func` with central differences of step `eps`, element by element.

    |analytical - numerical| <= atol + rtol * |numerical| must hold; inputs should be float64.
    Returns True, or raises GradcheckError (returns False without `raise_exception`).  `fast_mode`
    is accepted and checks every element as well.
    """
    if not check_forward_ad and not check_backward_ad:
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    inputs = _tuple(inputs)
    _check_inputs(inputs)
    func, inputs = _in_parts(func, inputs)
    try:
        with enable_grad():
            if check_backward_ad:
                _check(
                    func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes
                )
            if check_forward_ad:
                _check_forward(func, inputs, eps, atol, rtol)
            if check_batched_grad:
                _check_batched(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_batched(func, inputs):
    from .. import randn, stack

    wanted = _differentiable(inputs)
    for output in _outputs(func, inputs):
        vectors = [randn(output.shape, dtype=output.dtype, device=output.device) for _ in range(2)]
        single = [grad(output, wanted, v, retain_graph=True, allow_unused=True) for v in vectors]
        batched = grad(
            output,
            wanted,
            stack(vectors),
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=True,
        )
        for got, expected in zip(batched, zip(*single, strict=True), strict=True):
            if got is not None and not _close(got, stack(expected), 1e-7, 1e-12):
                raise GradcheckError(
                    "gradcheck or gradgradcheck failed while testing batched gradient computation"
                )


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Compares second derivatives with central differences of the first ones, also with respect to
    `grad_outputs`.

    `grad_outputs` (random by default) are the vectors of the first vector-Jacobian product.

    func: a function of tensors
    inputs: the tensors that gradients are wanted of
    eps: a small number that keeps a divisor from zero
    atol: the absolute tolerance
    rtol: the relative tolerance
    """
    if not check_fwd_over_rev and not check_rev_over_rev:
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    from .. import randn

    inputs = _tuple(inputs)
    if grad_outputs is None:
        with enable_grad():
            outputs = _outputs(func, inputs)
        vectors = tuple([randn(o.shape, dtype=o.dtype, device=o.device) for o in outputs])
        if gen_non_contig_grad_outputs:
            vectors = tuple([_non_contiguous(v) for v in vectors])
        vectors = tuple([v.requires_grad_() for v in vectors])
    else:
        vectors = _tuple(grad_outputs)
    n = len(inputs)

    def gradients(*args):
        xs = tuple([x if isinstance(x, Tensor) and x.requires_grad else x for x in args[:n]])
        outputs = _outputs(func, xs)
        wanted = _differentiable(xs)
        return tuple(
            [
                g
                for g in grad(outputs, wanted, args[n:], create_graph=True, allow_unused=True)
                if g is not None
            ]
        )

    def recorded(*args):
        # Under no_grad (the numerical side) the first derivatives still need a graph.
        with enable_grad():
            return gradients(*args)

    return gradcheck(
        recorded,
        inputs + vectors,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _non_contiguous(t):
    from .. import stack

    return stack([t, t], -1)[..., 0] if t.dim() else t
