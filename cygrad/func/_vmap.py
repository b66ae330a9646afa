"""vmap: a function of slices made a function of whole tensors.

The function is called once, on tensors that hide their batch dimension (`_batched`); where that can't be (control flow
on values, random numbers, writing into what slices share), once per slice.
"""

import functools

from .._core import Tensor
from ..random import get_rng_state, set_rng_state
from ..utils._pytree import tree_flatten, tree_unflatten
from . import _batch_rules, _batched  # noqa: F401 - rules register themselves

_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap"
)


def check_randomness(randomness):
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )


def _broadcast(dims, spec, kinds):
    """`dims` for every leaf of the spec, where one may stand for a whole subtree; None if they do not fit."""
    if not isinstance(dims, kinds):
        return [dims] * spec.num_leaves
    _, given = tree_flatten(dims)
    if given.type is not spec.type or given.context != spec.context:
        return None
    children = dims.values() if isinstance(dims, dict) else dims
    if len(children) != len(spec.children_specs):
        return None
    flat = []
    for d, child in zip(children, spec.children_specs, strict=True):
        part = _broadcast(d, child, kinds)
        if part is None:
            return None
        flat += part
    return flat


_CONTAINERS = (tuple, list, dict)


def _mapped_dims(args, in_dims, name):
    """(leaves, spec, the dimension of each leaf or None, the batch size)"""
    said = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{said}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast(in_dims, spec, _CONTAINERS)
    if dims is None:
        raise ValueError(
            f"{said}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(
                f"{said}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{said}: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.dim() <= d < x.dim():
            raise ValueError(
                f"{said}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.dim()} so "
                f"expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}."
            )
        dims[i] = d % x.dim()
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return leaves, spec, dims, sizes[0]


def _check_out_dims(out_dims, name):
    if not all(d is None or isinstance(d, int) for d in tree_flatten(out_dims)[0]):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
            "representing where in the outputs the vmapped dimension should appear."
        )


def _joined(column, dim, name):
    """The results of all slices as one: stacked along `dim`, or the one result where that is None."""
    from .. import equal, stack

    first = column[0]
    if dim is not None:
        if not isinstance(first, Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(first)}. Did you mean to set "
                "out_dims= to None for output?"
            )
        return stack(column, dim)
    if isinstance(first, Tensor) and any(x is not first and not equal(x, first) for x in column):
        raise ValueError(
            f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
        )
    return first


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that applies `func` to every slice of its tensors and stacks the results.

    in_dims: the dimension to take slices along, for all arguments, or a tuple with one entry per argument, each an int,
        None (the whole argument every time) or a structure like the argument's.  Keyword arguments are not sliced.
    out_dims: where the new dimension goes, for all results or in their structure; None returns a result as it is.
    randomness: "error" refuses random numbers from the default generator, "different" draws anew for every slice,
        "same" gives every slice the same draws.
    chunk_size: accepted, and makes no difference.

    `func` is called once on whole batches.  An operator that has no rule for them is called slice by slice by itself; a
    function whose control flow depends on values, or that draws random numbers, is called once per slice as a whole.
    "different" fills slice by slice, so that a draw of 16 normal numbers or more per slice differs from PyTorch's,
    which draws for the whole batch at once.
    """
    check_randomness(randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        _check_out_dims(out_dims, name)
        leaves, spec, dims, count = _mapped_dims(args, in_dims, name)
        if count:
            found = _batched.call(func, leaves, spec, dims, count, kwargs)
            if found is not None:
                joined = _placed(found, out_dims, count, name)
                if joined is not None:
                    return joined
        return _by_loop(func, leaves, spec, dims, count, kwargs, out_dims, randomness, name)

    return wrapper


def _placed(found, out_dims, count, name):
    """The results of a call on whole batches with the batch where `out_dims` says; None where a loop has to decide."""
    result, level = found
    flat, spec = tree_flatten(result)
    places = _broadcast(out_dims, spec, _CONTAINERS)
    if places is None:
        return None
    joined = []
    for x, dim in zip(flat, places, strict=True):
        if not isinstance(x, Tensor):
            return None
        whole, is_batched = _batched.whole_of(x, level)
        rank = whole.dim() + (not is_batched)
        if dim is None and is_batched or dim is not None and not -rank <= dim < rank:
            return None
        if dim is not None:
            whole = whole.movedim(0, dim) if is_batched else whole.unsqueeze(dim).repeat_interleave(count, dim)
        joined.append(whole)
    return tree_unflatten(joined, spec)


def _by_loop(func, leaves, spec, dims, count, kwargs, out_dims, randomness, name):
    """Calls `func` for every slice."""
    sliced = [x if d is None else x.unbind(d) for x, d in zip(leaves, dims, strict=True)]
    state = get_rng_state()
    columns, out_spec = [], None
    for i in range(max(count, 1)):
        if randomness == "same":
            set_rng_state(state)
        if count:
            now = [x if d is None else x[i] for x, d in zip(sliced, dims, strict=True)]
        else:  # a slice of zeros shows what the results look like
            now = [
                x if d is None else x.new_zeros(x.shape[:d] + x.shape[d + 1 :])
                for x, d in zip(leaves, dims, strict=True)
            ]
        result = func(*tree_unflatten(now, spec), **kwargs)
        if i == 0 and randomness == "error" and not bool((get_rng_state() == state).all()):
            set_rng_state(state)
            raise RuntimeError(_RANDOM)
        flat, now_spec = tree_flatten(result)
        if out_spec is None:
            out_spec, columns = now_spec, [[] for _ in flat]
        elif now_spec != out_spec:
            raise ValueError(
                f"vmap({name}, ...): `{name}` returned {now_spec} for slice {i} but {out_spec} for the first"
            )
        for column, x in zip(columns, flat, strict=True):
            column.append(x)
    places = _broadcast(out_dims, out_spec, _CONTAINERS)
    if places is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {out_spec}."
        )
    joined = [_joined(c, d, name) for c, d in zip(columns, places, strict=True)]
    if not count:
        joined = [
            x.narrow(d, 0, 0) if d is not None else x
            for x, d in zip(joined, places, strict=True)
        ]
        set_rng_state(state)
    return tree_unflatten(joined, out_spec)
