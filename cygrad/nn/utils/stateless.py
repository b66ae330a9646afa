"""Calling a module with other parameters than its own."""

import contextlib
import warnings

from ..._core import Tensor
from ..module import Module

_ABSENT = object()


def _aliases(module, names):
    """For each given name, all the names under which the module holds the same tensor."""
    groups = {}
    for members in (module.named_parameters, module.named_buffers):
        for name, tensor in members(remove_duplicate=False):
            groups.setdefault(id(tensor), []).append(name)
    return {name: group for group in groups.values() for name in group if name in names}


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False):
    """Put the given tensors into the module for the time of a ``with`` block."""
    known = {n for n, _ in module.named_parameters(remove_duplicate=False)}
    known |= {n for n, _ in module.named_buffers(remove_duplicate=False)}
    tensors = dict(parameters_and_buffers)
    if tie_weights:
        for name, group in _aliases(module, tensors).items():
            given = {id(tensors[n]) for n in group if n in tensors}
            if len(given) > 1:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted(group)}, "
                    "which are tied. Consider using tie_weights=False"
                )
            for other in group:
                tensors.setdefault(other, tensors[name])
    if strict:
        missing, unexpected = known - tensors.keys(), tensors.keys() - known
        lines = []
        if unexpected:
            lines.append("Unexpected key(s): " + ", ".join(map(repr, sorted(unexpected))) + ".")
        if missing:
            lines.append("Missing key(s): " + ", ".join(map(repr, sorted(missing))) + ".")
        if lines:
            raise RuntimeError(
                "Error(s) in reparametrizing for "
                f"{module._get_name()}:\n\t" + "\n\t".join(lines)
            )
    saved = []
    try:
        for path, tensor in tensors.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{tensor} is not an instance of torch.Tensor")
            prefix, _, name = path.rpartition(".")
            owner = module.get_submodule(prefix)
            if name in owner._parameters:
                members = owner._parameters
            elif name in owner._buffers:
                members = owner._buffers
            else:  # a plain attribute, or a new one
                members = owner.__dict__
                if not isinstance(members.get(name, tensor), Tensor):
                    raise TypeError(
                        f"attribute `{name}`: {members[name]} is not an instance of torch.Tensor"
                    )
            saved.append((members, name, members.get(name, _ABSENT), path))
            members[name] = tensor
        yield
    finally:
        for members, name, tensor, path in reversed(saved):
            # What the call put in place of a given buffer goes back to the caller's dictionary.
            if path in parameters_and_buffers and members[name] is not tensors[path]:
                parameters_and_buffers[path] = members[name]
            if tensor is _ABSENT:
                del members[name]
            else:
                members[name] = tensor


def _functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True,
                     strict=False):
    if not isinstance(module, Module):
        raise TypeError(f"Expected module to be a torch.nn.Module, but got {type(module).__name__}")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True,
                    strict=False):
    """Call ``module`` with the given tensors in place of its own; deprecated here.

    Use ``torch.func.functional_call``.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights,
                            strict=strict)
