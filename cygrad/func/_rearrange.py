"""rearrange: dimensions transposed, split and joined by a pattern, in the notation of einops (Rogozhnikov 2022)."""

import math
import re

from .._core import Tensor

_TOKEN = re.compile(r"\s*(\.\.\.|[()]|\w+)")


def _parse(side):
    """A side of a pattern as a list of groups: a list of names, or ... (Ellipsis, also inside a group)."""
    groups, group, at = [], None, 0
    side = side.rstrip()
    while at < len(side):
        match = _TOKEN.match(side, at)
        if match is None:
            character = side[at:].lstrip()[0]
            if character == ".":
                raise ValueError(
                    "Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor "
                )
            raise ValueError(f"Unknown character '{character}'")
        at, token = match.end(), match[1]
        if token == "(":
            if group is not None:
                raise ValueError(
                    "Axis composition is one-level (brackets inside brackets not allowed)"
                )
            group = []
        elif token == ")":
            if group is None:
                raise ValueError("Brackets are not balanced")
            groups.append(group)
            group = None
        elif token.isdecimal() and token != "1":
            raise ValueError("rearrange only supports unnamed axes of size 1")
        else:
            item = ... if token == "..." else token
            if group is None:
                groups.append([] if token == "1" else item if item is ... else [item])
            elif token != "1":
                group.append(item)
    if group is not None:
        raise ValueError(f"Imbalanced parentheses in expression: '{side} '")
    names = _names(groups)
    for name in names:
        if names.count(name) > 1:
            if name is ...:
                raise ValueError(
                    "Expression may contain dots only inside ellipsis (...); only one ellipsis for tensor "
                )
            raise ValueError(f"Indexing expression contains duplicate dimension '{name}'")
    return groups


def _names(groups):
    return [name for g in groups for name in ([...] if g is ... else g)]


def _check(pattern, left, right, lengths):
    if any(g is not ... and ... in g for g in left):
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    here, there = set(_names(left)), set(_names(right))
    if ... in there - here:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if here != there:
        raise ValueError(
            f"Identifiers only on one side of rearrange expression (should be on both): {here ^ there}"
        )
    if set(lengths) - here:
        raise ValueError(f"Identifiers not found in rearrange expression: {set(lengths) - here}")


def _group_sizes(group, size, lengths):
    """The sizes of a group's names, one of which may follow from the dimension's size."""
    unknown = [name for name in group if name not in lengths]
    known = math.prod(lengths[name] for name in group if name in lengths)
    if len(unknown) > 1:
        raise ValueError(
            f"cannot infer the sizes of two dimensions at once {' and '.join(unknown)}"
        )
    if unknown and size % known:
        raise ValueError(
            f"inferred dimension does not evenly fit into larger dimension: {size} vs {tuple(group)}"
        )
    if not unknown and size != known:
        raise ValueError(
            f"Dimension sizes to do not match ({size} != {known}) when matching dimension pack {tuple(group)}"
        )
    return {name: lengths.get(name, size // known) for name in group}


def rearrange(tensor, pattern, **axes_lengths):
    """`tensor` with its dimensions as the right side of the pattern has them: "b (h w) c -> b c h w", h=3.

    Names in parentheses make one dimension; all but one of such a group on the left need a length.  ... stands for
    any number of dimensions, 1 and () for a new one of size 1 (or one that goes).  A list of tensors is stacked first.

    tensor: a tensor
    """
    if not isinstance(tensor, Tensor):
        from .. import stack

        tensor = stack(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    left, right = map(_parse, sides)
    _check(pattern, left, right, axes_lengths)
    dots = tensor.dim() - sum(g is not ... for g in left)
    if dots < 0 or (dots and ... not in left):
        raise ValueError(
            f"Number of dimensions in pattern ({len(left)}) must be equal to the number of dimensions in the tensor "
            f"({tensor.dim()})"
        )
    order, sizes, dim = [], {}, 0  # the names of the tensor taken apart, and their sizes
    for group in left:
        if group is ...:
            several = [(..., i) for i in range(dots)]
            sizes.update(zip(several, tensor.shape[dim : dim + dots], strict=True))
            order += several
            dim += dots
            continue
        sizes.update(_group_sizes(group, tensor.shape[dim], axes_lengths))
        order += group
        dim += 1

    def spread(names):
        return [
            n
            for name in names
            for n in ([(..., i) for i in range(dots)] if name is ... else [name])
        ]

    groups = []
    for g in right:
        groups += [[n] for n in spread([...])] if g is ... else [spread(g)]
    apart = tensor.reshape([sizes[n] for n in order])
    apart = apart.permute([order.index(n) for g in groups for n in g])
    return apart.reshape([math.prod(sizes[n] for n in g) for g in groups])
