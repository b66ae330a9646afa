"""State dicts whose keys are names of parameters, with or without DistributedDataParallel around the model."""

import dataclasses

import cygrad

__all__ = [
    "StateDictOptions",
    "get_model_state_dict",
    "get_optimizer_state_dict",
    "get_state_dict",
    "set_model_state_dict",
    "set_optimizer_state_dict",
    "set_state_dict",
]


@dataclasses.dataclass
class StateDictOptions:
    """How state dicts are made. No model is split here, so that full_state_dict is always so."""

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    strict: bool = True


def _bare(model):
    """The model without what is around it."""
    while isinstance(model, cygrad.nn.parallel.DistributedDataParallel | cygrad.nn.DataParallel):
        model = model.module
    return model


def _listed(optimizers):
    return [optimizers] if isinstance(optimizers, cygrad.optim.Optimizer) else list(optimizers)


def _held(optimizer):
    """The optimizer that holds the state: of ZeroRedundancyOptimizer that of this rank's share."""
    return getattr(optimizer, "optim", optimizer)


def get_model_state_dict(model, *, submodules=None, options=None):
    """The state of the model by names that have no "module." before them."""
    options, model = options or StateDictOptions(), _bare(model)
    state = model.state_dict()
    if options.ignore_frozen_params:
        frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
        state = {name: value for name, value in state.items() if name not in frozen}
    if options.cpu_offload:
        state = {n: v.cpu() if isinstance(v, cygrad.Tensor) else v for n, v in state.items()}
    return state


def set_model_state_dict(model, model_state_dict, *, options=None):
    """Loads it."""
    return _bare(model).load_state_dict(model_state_dict, strict=(options or StateDictOptions()).strict)


def _start(optimizer):
    """Makes the state of an optimizer that has none yet, by a step that changes nothing."""
    if optimizer.state:
        return
    params = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    if any(p.grad is not None for p in params):
        return  # a step would do something
    options = [dict(group) for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = cygrad.tensor(0.0) if isinstance(group["lr"], cygrad.Tensor) else 0.0
    for param in params:
        param.grad = cygrad.zeros_like(param)
    optimizer.step(closure=None)
    optimizer.zero_grad(set_to_none=True)
    for group, before in zip(optimizer.param_groups, options, strict=True):
        group["lr"] = before["lr"]


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None):
    """{"state": {name of parameter: state}, "param_groups": groups of names}; where it is shared, this rank's share."""
    names = {p: n for n, p in _bare(model).named_parameters()}
    state, groups = {}, []
    for optimizer in _listed(optimizers):
        _start(_held(optimizer))
        state.update({names[p]: dict(kept) for p, kept in _held(optimizer).state.items()})
        for group in optimizer.param_groups:
            groups.append({**group, "params": [names[p] for p in group["params"]]})
    return {"state": state, "param_groups": groups}


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None):
    """Loads it."""
    names = {p: n for n, p in _bare(model).named_parameters()}
    groups = {name: g for g in optim_state_dict["param_groups"] for name in g["params"]}
    for optimizer in _listed(optimizers):
        for held in {id(o): o for o in (optimizer, _held(optimizer))}.values():
            for group in held.param_groups:
                if group["params"]:
                    saved = groups[names[group["params"][0]]]
                    group.update({k: v for k, v in saved.items() if k != "params"})
        held = _held(optimizer)
        for group in held.param_groups:
            for param in group["params"]:
                if names[param] in optim_state_dict["state"]:
                    held.state[param] = dict(optim_state_dict["state"][names[param]])


def get_state_dict(model, optimizers, *, submodules=None, options=None):
    """(state of the model, state of the optimizers)."""
    return get_model_state_dict(model, options=options), get_optimizer_state_dict(model, optimizers, options=options)


def set_state_dict(model, optimizers, *, model_state_dict, optim_state_dict, options=None):
    """Loads both."""
    set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return set_model_state_dict(model, model_state_dict, options=options)
