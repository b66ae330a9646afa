"""The steps of optimizers as functions of lists of tensors: ``torch.optim.adam.adam(params, grads, exp_avgs, ...)``.

Each builds the optimizer around the caller's tensors, lets it do one step, and so writes into them.
"""

import inspect

_FLAGS = {"foreach": None, "fused": None, "grad_scale": None, "found_inf": None, "capturable": False,
          "differentiable": False, "maximize": False, "has_complex": False, "has_sparse_grad": False,
          "decoupled_weight_decay": False}  # fmt: skip
_UNSEEN = ("grad_scale", "found_inf", "has_complex", "has_sparse_grad")  # what tensors tell by themselves
# By function: the lists with the keys of their state, the flags in PyTorch's order, the numbers.
_ADAM = (
    {"exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq", "max_exp_avg_sqs": "max_exp_avg_sq", "state_steps": "step"},
    "foreach capturable differentiable fused grad_scale found_inf has_complex",
    "amsgrad beta1 beta2 lr weight_decay eps maximize",
)
_TABLE = {
    "adadelta": (
        {"square_avgs": "square_avg", "acc_deltas": "acc_delta", "state_steps": "step"},
        "capturable foreach differentiable has_complex",
        "lr rho eps weight_decay maximize",
    ),
    "adagrad": (
        {"state_sums": "sum", "state_steps": "step"},
        "fused grad_scale found_inf has_sparse_grad foreach differentiable has_complex",
        "lr weight_decay lr_decay eps maximize",
    ),
    "adam": (_ADAM[0], _ADAM[1] + " decoupled_weight_decay", _ADAM[2]),
    "adamw": _ADAM,
    "adamax": (
        {"exp_avgs": "exp_avg", "exp_infs": "exp_inf", "state_steps": "step"},
        "foreach maximize differentiable capturable has_complex",
        "eps beta1 beta2 lr weight_decay",
    ),
    "asgd": (
        {"axs": "ax", "mus": "mu", "etas": "eta", "state_steps": "step"},
        "foreach maximize differentiable capturable has_complex",
        "lambd lr t0 alpha weight_decay",
    ),
    "nadam": (
        {"exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq", "mu_products": "mu_product", "state_steps": "step"},
        "decoupled_weight_decay foreach capturable differentiable has_complex maximize",
        "beta1 beta2 lr weight_decay momentum_decay eps",
    ),
    "radam": (
        {"exp_avgs": "exp_avg", "exp_avg_sqs": "exp_avg_sq", "state_steps": "step"},
        "decoupled_weight_decay foreach differentiable capturable has_complex maximize",
        "beta1 beta2 lr weight_decay eps",
    ),
    "rmsprop": (
        {"square_avgs": "square_avg", "grad_avgs": "grad_avg", "momentum_buffer_list": "momentum_buffer",
         "state_steps": "step"},
        "foreach maximize differentiable capturable has_complex",
        "lr alpha eps weight_decay momentum centered",
    ),
    "rprop": (
        {"prevs": "prev", "step_sizes": "step_size", "state_steps": "step"},
        "foreach capturable maximize differentiable has_complex",
        "step_size_min step_size_max etaminus etaplus",
    ),
    "sgd": (
        {"momentum_buffer_list": "momentum_buffer"},
        "has_sparse_grad foreach fused grad_scale found_inf",
        "weight_decay momentum lr dampening nesterov maximize",
    ),
}  # fmt: skip
# Pairs of numbers that the classes take as one argument.
_PAIRS = {"betas": ("beta1", "beta2"), "etas": ("etaminus", "etaplus"),
          "step_sizes": ("step_size_min", "step_size_max")}  # fmt: skip


def functional(name, cls):
    """The function of one step of the optimizer `cls`."""
    lists, flags, numbers = _TABLE[name]
    grads = "d_p_list" if name == "sgd" else "grads"
    kind = inspect.Parameter
    signature = inspect.Signature(
        [kind(n, kind.POSITIONAL_OR_KEYWORD) for n in ("params", grads, *lists)]
        + [kind(n, kind.POSITIONAL_OR_KEYWORD, default=_FLAGS[n]) for n in flags.split()]
        + [kind(n, kind.KEYWORD_ONLY) for n in numbers.split()]
    )

    def step(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        bound.apply_defaults()
        given = bound.arguments
        if given.get("differentiable"):
            raise NotImplementedError(f"{name}: the functional form is not differentiable in cygrad; the class is")
        _step(cls, given.pop("params"), given.pop(grads), {lists[n]: given.pop(n) for n in lists}, given)

    step.__name__ = step.__qualname__ = name
    step.__doc__ = f"One step of {cls.__name__} on lists of tensors, in place."
    step.__signature__ = signature
    return step


def _step(cls, params, grads, states, options):
    options = {n: value for n, value in options.items() if n not in _UNSEEN}
    for pair, parts in _PAIRS.items():
        if parts[0] in options:
            options[pair] = tuple(options.pop(part) for part in parts)
    if not params:
        return
    own = [p.detach() for p in params]  # the same memory
    optimizer = cls(own, **options)
    for i, (p, g) in enumerate(zip(own, grads, strict=True)):
        p.grad = g
        optimizer.state[p] = {key: values[i] for key, values in states.items() if i < len(values)}
    optimizer.step()
    for i, p in enumerate(own):
        for key, values in states.items():
            if i < len(values):
                after = optimizer.state[p].get(key)
                if values[i] is None:
                    values[i] = after
                elif after is not values[i]:
                    values[i].copy_(after)
