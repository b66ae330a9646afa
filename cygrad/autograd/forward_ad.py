"""Forward-mode products, with PyTorch's interface over backward passes.

A dual tensor is an alias of its primal that records; `unpack_dual` differentiates v -> v^T J, which is linear in v,
for the tangents of all duals of the level (the "double backward trick").  So every `unpack_dual` costs two backward
passes over what lies between, and needs gradients that are differentiable themselves.
"""

from typing import NamedTuple

from .._core import Tensor
from ._grad import grad
from .grad_mode import enable_grad
from .graph import leads_outside

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual",
]  # fmt: skip

_duals = None  # of the level that is entered: (dual, tangent)


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns; the tangent is None where the tensor has none."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level():
    """Starts a level; returns its number, 0.  There is one level at a time, as in PyTorch."""
    global _duals
    if _duals is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _duals = []
    return 0


def exit_dual_level(*, level=None):
    """Ends the level; the tangents of its tensors are gone."""
    global _duals
    if _duals is None or level not in (None, 0):
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not "
                           "supported." if _duals is not None else "Dual level must be a positive number.")  # fmt: skip
    _duals = None


class dual_level:
    """A context in which tensors may be given tangents."""

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exception):
        exit_dual_level(level=0)


def make_dual(tensor, tangent, *, level=None):
    """An alias of `tensor` that carries `tangent`, a tensor of its shape."""
    if _duals is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, part in (("primal", tensor), ("tangent", tangent)):
        if not (part.is_floating_point() or part.is_complex()):
            raise ValueError(
                f"Expected {name} to be floating point or complex, but got: {part.dtype}"
            )
    if tangent.shape != tensor.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
            f"not supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    with enable_grad():
        dual = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    _duals.append((dual, tangent))
    return dual


def unpack_dual(tensor, *, level=None):
    """(primal, tangent) of a tensor; the tangent is None without a level, or if no dual of it leads to the tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}"
        )
    if not _duals or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    own = {id(d) for d, _ in _duals}
    differentiable = any(t.requires_grad for _, t in _duals) or leads_outside((tensor,), own)
    with enable_grad():
        dummy = tensor.new_zeros(tensor.shape).requires_grad_()
        rows = grad(tensor, [d for d, _ in _duals], dummy, create_graph=True, allow_unused=True)
        pairs = [(g, t) for g, (_, t) in zip(rows, _duals, strict=True) if g is not None]
        if not pairs:
            return UnpackedDualTensor(tensor, None)
        pairs = [(g, t.to(g.dtype)) for g, t in pairs if g.requires_grad]
        tangent = None
        if pairs:
            (tangent,) = grad(
                [g for g, _ in pairs], dummy, [t for _, t in pairs], create_graph=differentiable, retain_graph=True,
                allow_unused=True,
            )  # fmt: skip
    if tangent is None:
        tangent = tensor.new_zeros(tensor.shape)
    return UnpackedDualTensor(tensor if differentiable else tensor.detach(), tangent)
