"""grad, vjp, jvp and the Jacobians, by backward passes over what the function recorded.

A transform gives the function inputs of its own: fresh leaves, or aliases of inputs that already belong to a graph.
If nothing that the function recorded leads outside (to a tensor of the caller that requires a gradient, so to an
enclosing transform as well), results come without a graph and backward passes keep none; else they are differentiable.
Forward products J v are got by differentiating v^T J, which is linear in v, once more (the "double backward trick").
"""

import functools

from .._core import Tensor, is_grad_enabled
from ..autograd import grad as _backward
from ..autograd.grad_mode import enable_grad
from ..autograd.graph import leads_outside
from ..utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten, treespec_pprint
from . import _batched
from ._vmap import check_randomness

_INT = "only Tensors of floating point dtype can require gradients"


# ---- what the function sees, and what it recorded


def _alias(x):
    """`x` as the function is to see it: recorded from here on, and apart from the caller's tensor."""
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    x = _batched.at_all_levels(x)
    if x.requires_grad:
        return x.view_as(x)
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(_INT)
    return x.detach().requires_grad_()


class _Record:
    """One call of the function on aliases of some of its inputs.

    inputs: the aliases, flat; outer: whether the results have to stay differentiable for somebody outside.
    """

    def __init__(self, primals):
        self.given, self.spec = tree_flatten(primals)
        self.recording = is_grad_enabled()
        with enable_grad():
            self.inputs = [
                _alias(x if self.recording or not isinstance(x, Tensor) else x.detach())
                for x in self.given
            ]
        self.outer = any(isinstance(x, Tensor) and x.requires_grad for x in self.given)

    def call(self, func, argnums, args, kwargs):
        primals = tree_unflatten(self.inputs, self.spec)
        with enable_grad():
            return func(*_replaced(args, argnums, primals), **kwargs)

    def settle(self, tree):
        """Decides `outer` by what the tensors of `tree` were recorded from."""
        if not self.outer:
            own = {id(_batched.plain(x)) for x in self.inputs}
            self.outer = leads_outside((_batched.plain(x) for x in tree_leaves(tree) if isinstance(x, Tensor)), own)
        self.outer = self.outer and self.recording

    def result(self, tree):
        """The tensors of `tree` as they leave the transform."""
        return (
            tree
            if self.outer
            else tree_map(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)
        )


def _products(outputs, inputs, vectors, create_graph, retain_graph=True):
    """v^T J for each input, zeros where no output depends on it."""
    pairs = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
    found = [None] * len(inputs)
    if pairs:
        with enable_grad():
            outputs, vectors = [o for o, _ in pairs], [v for _, v in pairs]
            if _batched.running():
                outputs, given, vectors = _batched.wholes(outputs, inputs, vectors)
                found = _backward(outputs, given, vectors, retain_graph, create_graph, allow_unused=True)
                found = [None if g is None else _batched.rewrapped(g, x) for g, x in zip(found, inputs, strict=True)]
            else:
                found = _backward(outputs, inputs, vectors, retain_graph, create_graph, allow_unused=True)
    return [x.new_zeros(x.shape) if g is None else g for g, x in zip(found, inputs, strict=True)]


# ---- arguments


def _check_argnums(argnums, count):
    def check(i):
        if not isinstance(i, int):
            raise RuntimeError(f"argnum must be int, got: {type(i)}")
        if not -count <= i < count:
            raise RuntimeError(f"Got argnum={i}, but only {count} positional inputs")
        return i % count

    if isinstance(argnums, int):
        return check(argnums)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    checked = tuple([check(i) for i in argnums])
    if len(set(checked)) != len(checked):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return checked


def _selected(args, argnums):
    return args[argnums] if isinstance(argnums, int) else tuple([args[i] for i in argnums])


def _replaced(args, argnums, primals):
    args = list(args)
    if isinstance(argnums, int):
        argnums, primals = (argnums,), (primals,)
    for i, x in zip(argnums, primals, strict=True):
        args[i] = x
    return args


def _split_aux(result, has_aux, where):
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    for x in tree_leaves(result[1]):
        if not isinstance(x, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(x)}")
    return result


def _tensor_outputs(result, where):
    leaves, spec = tree_flatten(result)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{where}: expected f(*primals) to return only tensors, got unsupported type {type(x)}"
            )
    return leaves, spec


def _differentiable_outputs(result):
    outputs, spec = _tensor_outputs(result, "vjp(f, *primals)")
    for x in outputs:
        if not (x.is_floating_point() or x.is_complex()):
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{x.dtype}"
            )
    return outputs, spec


# ---- gradients


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that returns (gradient, value) of the scalar function `func`.

    The gradient has the structure of the argument that `argnums` names, or is a tuple where it is a tuple.  With
    `has_aux` func returns (value, aux), and the result is (gradient, (value, aux)).
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        nums = _check_argnums(argnums, len(args))
        record = _Record(_selected(args, nums))
        where = "grad_and_value(f)(*args)"
        value, aux = _split_aux(record.call(func, nums, args, kwargs), has_aux, where)
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{where}: Expected f(*args) to return a Tensor, got {type(value)}")
        if value.dim():
            raise RuntimeError(
                f"{where}: Expected f(*args) to return a scalar Tensor, got tensor with {value.dim()} dims. "
                "Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        record.settle((value, aux))
        grads = _products([value], record.inputs, [None], record.outer, record.outer or has_aux)
        gradient = tree_unflatten(grads, record.spec)
        return gradient, record.result((value, aux) if has_aux else value)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """A function that returns the gradient of the scalar function `func`; with `has_aux`, (gradient, aux)."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func, *primals, has_aux=False):
    """(func(*primals), vjp_fn[, aux]): vjp_fn(cotangents) is the tuple of v^T J for each primal.

    The cotangents have the structure of the output.  vjp_fn may be called any number of times.
    """
    record = _Record(primals)
    where = "vjp(f, *primals)"
    every = tuple(range(len(primals)))
    result, aux = _split_aux(record.call(func, every, primals, {}), has_aux, where)
    outputs, spec = _differentiable_outputs(result)
    record.settle((outputs, aux))

    def vjp_fn(cotangents, retain_graph=True, create_graph=None):
        vectors, given = tree_flatten(cotangents)
        if given != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {treespec_pprint(given)}, primal output: {treespec_pprint(spec)}"
            )
        for i, (v, out) in enumerate(zip(vectors, outputs, strict=True)):
            if v.shape != out.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {v.shape} and output[{i}] has a shape of "
                    f"{out.shape}."
                )
        create = create_graph
        if create is None:
            create = is_grad_enabled() and (record.outer or any(v.requires_grad for v in vectors))
        return tree_unflatten(
            _products(outputs, record.inputs, vectors, create, retain_graph), record.spec
        )

    value = record.result(tree_unflatten(outputs, spec))
    return (value, vjp_fn, record.result(aux)) if has_aux else (value, vjp_fn)


class _Forward:
    """The products J v of one call, for any number of v."""

    def __init__(self, record, outputs):
        self.record, self.outputs = record, outputs
        with enable_grad():
            self.dummies = [o.new_zeros(o.shape).requires_grad_() for o in outputs]
        self.rows = _products(outputs, record.inputs, self.dummies, True)

    def __call__(self, tangents):
        """J v for a list of tangents, one per input, None for a zero one."""
        pairs = [(g, t) for g, t in zip(self.rows, tangents, strict=True) if t is not None]
        create = self.record.outer or (is_grad_enabled() and any(t.requires_grad for _, t in pairs))
        return _products([g for g, _ in pairs], self.dummies, [t for _, t in pairs], create)


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), J v[, aux]) for the tangents v, which have the structure of the primals."""
    where = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{where}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    flat, spec = tree_flatten(primals)
    vectors, given = tree_flatten(tangents)
    if spec != given:
        raise RuntimeError(
            f"{where}: Expected primals and tangents to have the same python structure. For example, if primals is "
            f"a tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with "
            f"structure {given}"
        )
    for name, tensors in (("primals", flat), ("tangents", vectors)):
        if not tensors:
            raise RuntimeError(f"{where}: Expected {name} to contain at least one Tensor.")
        for x in tensors:
            if not isinstance(x, Tensor):
                raise RuntimeError(
                    f"{where}: Expected {name} to only contain Tensors, got {type(x)}"
                )
    _check_forward(flat)
    for x, v in zip(flat, vectors, strict=True):
        if x.shape != v.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this "
                f"is not supported. Tensor is of size {list(x.shape)} while the given forward gradient is of size "
                f"{list(v.shape)}."
            )
    record = _Record(primals)
    result, aux = _split_aux(
        record.call(func, tuple(range(len(primals))), primals, {}), has_aux, where
    )
    outputs, out_spec = _tensor_outputs(result, where)
    if strict and not all(x.requires_grad for x in outputs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
            "allowed with strict=True."
        )
    record.settle((outputs, aux))
    tangent = tree_unflatten(_Forward(record, outputs)(vectors), out_spec)
    value = record.result(tree_unflatten(outputs, out_spec))
    return (value, tangent, record.result(aux)) if has_aux else (value, tangent)


def _check_forward(primals):
    for x in primals:
        if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}")


def linearize(func, *primals):
    """(func(*primals), jvp_fn): jvp_fn(*tangents) is J v at the primals, without calling `func` again."""
    record = _Record(primals)
    outputs, spec = _tensor_outputs(
        record.call(func, tuple(range(len(primals))), primals, {}), "jvp(f, primals, tangents)"
    )
    record.settle(outputs)
    forward = _Forward(record, outputs)

    def jvp_fn(*tangents):
        vectors, given = tree_flatten(tangents)
        if given != record.spec:
            raise RuntimeError(
                f"Expected the tangents {given} to have the same argspec as the primals {record.spec}"
            )
        for i, (x, v) in enumerate(zip(record.inputs, vectors, strict=True)):
            if x.shape != v.shape:
                raise RuntimeError(
                    f"tangent:{i} with shape {v.shape} in flattened pytree doesn't match the shape {x.shape} of the "
                    "corresponding primal."
                )
        return tree_unflatten(forward(vectors), spec)

    return record.result(tree_unflatten(outputs, spec)), jvp_fn


# ---- Jacobians


def _basis(x):
    """The unit vectors of x's shape, one after the other."""
    for k in range(x.numel()):
        v = x.new_zeros(x.numel())
        v[k] = 1
        yield v.view(x.shape)


def _stacked(pieces, dim, shape, like):
    from .. import stack

    return stack(pieces, dim).view(shape) if pieces else like.new_zeros(shape)


AT_ONCE = 1 << 23  # elements of inputs and outputs that the rows of a Jacobian may have together


def _all_rows(product, like, sizes, chunk_size):
    """The results of `product(v)` for the unit vectors v of `like`'s shape, stacked; None where it needs a loop.

    Called on whole batches of unit vectors, so that the function runs on as many copies of its inputs; `sizes` elements
    a copy.
    """
    from .. import cat, eye

    count = like.numel()
    chunk = min(count, AT_ONCE // max(1, sizes), chunk_size or count)
    if chunk < 2:
        return None
    basis = eye(count, dtype=like.dtype, device=_batched.plain(like).device).view(count, *like.shape)
    parts = []
    for vectors in basis.split(chunk):
        leaves, spec = tree_flatten((vectors,))
        found = _batched.call(product, leaves, spec, [0], len(vectors), {})
        if found is None:
            return None
        parts.append([_batched.full(x, found[1], len(vectors)) for x in found[0]])
    return [cat(columns) if len(columns) > 1 else columns[0] for columns in zip(*parts, strict=True)]


def _elements(record, outputs):
    return sum(x.numel() for x in [*record.inputs, *outputs])


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function that returns the Jacobian of `func`: v^T J for all unit vectors v of the output at once, by `vmap`.

    Each tensor of the output is replaced by the structure of the argument (or tuple of arguments) that `argnums`
    names, whose tensors have the shape of the output followed by that of the input.  `chunk_size`: how many unit
    vectors at a time.  What `vmap` can't do at once takes one backward pass per element.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        nums = _check_argnums(argnums, len(args))
        record = _Record(_selected(args, nums))
        result, aux = _split_aux(record.call(func, nums, args, kwargs), has_aux, "vjp(f, *primals)")
        outputs, spec = _differentiable_outputs(result)
        record.settle((outputs, aux))
        jacobians = []
        for k, out in enumerate(outputs):
            whole = _all_rows(functools.partial(_row, func, nums, args, kwargs, has_aux, k, record.outer), out,
                              _elements(record, outputs), chunk_size)  # fmt: skip
            if whole is not None:
                stacked = [c.view(out.shape + x.shape) for c, x in zip(whole, record.inputs, strict=True)]
                jacobians.append(tree_unflatten(stacked, record.spec))
                continue
            rows = [
                _products([out], record.inputs, [v], record.outer) for v in _basis(out.detach())
            ]
            columns = [[r[j] for r in rows] for j in range(len(record.inputs))]
            stacked = [
                _stacked(c, 0, out.shape + x.shape, x)
                for c, x in zip(columns, record.inputs, strict=True)
            ]
            jacobians.append(tree_unflatten(stacked, record.spec))
        result = tree_unflatten(jacobians, spec)
        return (result, record.result(aux)) if has_aux else result

    return wrapper


def _row(func, nums, args, kwargs, has_aux, k, outer, v):
    """v^T J of output k, for each input."""
    record = _Record(_selected(args, nums))
    result, _ = _split_aux(record.call(func, nums, args, kwargs), has_aux, "vjp(f, *primals)")
    outputs, _ = _differentiable_outputs(result)
    return _products([outputs[k]], record.inputs, [v], outer)


def _column(func, nums, args, kwargs, has_aux, before, after, v):
    """J v for each output, v for the input between those `before` and `after`."""
    record = _Record(_selected(args, nums))
    result, _ = _split_aux(record.call(func, nums, args, kwargs), has_aux, "jvp(f, primals, tangents)")
    outputs, _ = _tensor_outputs(result, "jvp(f, primals, tangents)")
    record.settle(outputs)
    return _Forward(record, outputs)([*before, v, *after])


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """As `jacrev`, by products J v for the unit vectors v of the input: for functions with few inputs.

    Random numbers are the same in every product, so that `randomness` makes no difference.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        check_randomness(randomness)
        nums = _check_argnums(argnums, len(args))
        chosen = _selected(args, nums)
        _check_forward(tree_leaves(chosen))
        record = _Record(chosen)
        where = "jvp(f, primals, tangents)"
        result, aux = _split_aux(record.call(func, nums, args, kwargs), has_aux, where)
        outputs, spec = _tensor_outputs(result, where)
        record.settle((outputs, aux))
        forward = _Forward(record, outputs)
        columns = []  # [input][output], the input's elements in front
        for i, x in enumerate(record.inputs):
            before, after = [None] * i, [None] * (len(record.inputs) - i - 1)
            whole = _all_rows(functools.partial(_column, func, nums, args, kwargs, has_aux, before, after), x,
                              _elements(record, outputs), None)  # fmt: skip
            if whole is None:
                whole = [forward(before + [v] + after) for v in _basis(x.detach())]
                whole = [_stacked([c[k] for c in whole], 0, (x.numel(), *o.shape), x) for k, o in enumerate(outputs)]
            columns.append(whole)
        jacobians = [
            tree_unflatten(
                [
                    column[k].movedim(0, -1).reshape(out.shape + x.shape)
                    for column, x in zip(columns, record.inputs, strict=True)
                ],
                record.spec,
            )
            for k, out in enumerate(outputs)
        ]
        result = tree_unflatten(jacobians, spec)
        return (result, record.result(aux)) if has_aux else result

    return wrapper


def hessian(func, argnums=0):
    """A function that returns the Hessian of `func`: the Jacobian, by columns, of its Jacobian by rows."""
    return jacfwd(jacrev(func, argnums), argnums)


def debug_unwrap(tensor, *, recurse=True):
    """`tensor` itself: transforms here hand functions plain tensors."""
    return tensor


def functionalize(func, *, remove="mutations"):
    """Removing mutations needs a tracer, which cygrad does not have: NotImplementedError."""
    raise NotImplementedError("cygrad: torch.func.functionalize is not implemented")
