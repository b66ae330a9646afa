"""The base of all optimizers: parameter groups, state, hooks, and their saving and loading."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import cygrad
from cygrad import _dispatch
from cygrad.nn._hooks import add_hook
from cygrad.nn.parameter import clear_grad

try:
    from cygrad._operators.optim import dense as _compiled
except ImportError:  # a build without the compiled steps
    _compiled = None

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

_global_pre_hooks: OrderedDict = OrderedDict()
_global_post_hooks: OrderedDict = OrderedDict()

# What PyTorch lists in the message about `capturable` on other devices.
_CAPTURABLE_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


class _RequiredParameter:
    """Default of an option that every parameter group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()
ParamsT = Iterable[cygrad.Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, cygrad.Tensor]]


def _get_capturable_supported_devices(supports_xla=True):
    """The kinds of devices that `capturable` is for."""
    return [kind for kind in _CAPTURABLE_DEVICES if supports_xla or kind != "xla"]


def _default_to_fused_or_foreach(params, differentiable, use_fused=False):
    """(fused, foreach) where a program chose neither: every step is one call for all parameters anyway."""
    return False, False


def _use_grad_for_differentiable(func):
    """A step that autograd goes through where the optimizer is differentiable, and else does not see."""

    @functools.wraps(func)
    def step(self, *args, **kwargs):
        with cygrad.set_grad_enabled(self.defaults["differentiable"]):
            return func(self, *args, **kwargs)

    return step


def _get_value(x):
    """A number, of a tensor of one as well."""
    return x.item() if isinstance(x, cygrad.Tensor) else x


def register_optimizer_step_pre_hook(hook):
    """Call `hook(optimizer, args, kwargs)` before `step` of every optimizer; returns a handle."""
    return add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call `hook(optimizer, args, kwargs)` after `step` of every optimizer; returns a handle."""
    return add_hook(_global_post_hooks, hook)


def _recorded(step, optimizer, args, kwargs):
    """The result of `step`, which is an event where the thread is profiled."""
    recorder = _dispatch.get_recorder()
    if recorder is None:
        return step(*args, **kwargs)
    event = recorder.enter(f"Optimizer.step#{type(optimizer).__name__}.step", (), user=True)
    try:
        return step(*args, **kwargs)
    finally:
        recorder.leave(event)


def _with_hooks(step):
    """`step` as a method that runs the hooks around it and notes that it ran."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        self._opt_called = True  # lr_scheduler warns where its step comes before this one
        try:
            pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        except AttributeError:  # made without Optimizer.__init__, to wrap another optimizer
            return step(self, *args, **kwargs)
        args = (self, *args)
        if not (pre or post or _global_pre_hooks or _global_post_hooks):
            return _recorded(step, self, args, kwargs)
        for hook in chain(_global_pre_hooks.values(), pre.values()):
            result = hook(self, args, kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {result}."
                    )
                args, kwargs = result
        out = _recorded(step, self, args, kwargs)
        for hook in chain(post.values(), _global_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    wrapper.notes_calls = True
    return wrapper


def _typename(obj) -> str:
    if isinstance(obj, cygrad.Tensor):
        return obj.type()
    cls = type(obj)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class Optimizer:
    """Base of all optimizers.

    params: iterable of tensors, of (name, tensor) pairs or of dicts with the key "params" and
        options that override `defaults` for that group.
    defaults: options of groups that do not give them.

    `param_groups` is the list of groups; `state[param]` the dict of what is kept for a parameter.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])

    def __init__(self, params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, cygrad.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {_typename(params)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        self._opt_called = False
        for moment in ("step", "state_dict", "load_state_dict"):
            for side in ("pre", "post"):
                setattr(self, f"_optimizer_{moment}_{side}_hooks", OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if not hasattr(self, "_optimizer_step_pre_hooks"):
            self._make_hooks()
        # Options that an older state did not have yet.
        for group in self.param_groups:
            for name, value in self.defaults.items():
                if value is not required:
                    group.setdefault(name, value)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += ["", f"Parameter Group {i}"] if i else [f"Parameter Group {i}"]
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join(lines) + "\n)"

    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new ones.

        Returns a handle with `remove()`.
        """
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after each step; returns a handle."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call `hook(optimizer)` before `state_dict` is made; returns a handle."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call `hook(optimizer, state_dict)`, which may return another one; returns a handle."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call `hook(optimizer, state_dict)`, which may return another one, before loading."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call `hook(optimizer)` after a state was loaded; returns a handle."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def state_dict(self) -> dict[str, Any]:
        """The state as {"state": {number of parameter: dict}, "param_groups": list of dicts}.

        Parameters are replaced by their numbers, counted over all groups. Tensors are not copied.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        number: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                number.setdefault(id(p), len(number))
            packed["params"] = [number[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            (number[id(k)] if isinstance(k, cygrad.Tensor) else k): v for k, v in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        return self._through(self._optimizer_state_dict_post_hooks, result)

    def _through(self, hooks, state_dict):
        """The state as the hooks, each of which may return another one, leave it."""
        for hook in hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state from `state_dict`, as `state_dict()` made it.

        State tensors are moved to the device and, if floating, the dtype of their parameter;
        "step" keeps its own.
        """
        state_dict = self._through(self._optimizer_load_state_dict_pre_hooks, state_dict.copy())
        groups = self.param_groups
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        by_number = {}
        for group, saved in zip(groups, saved_groups):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group"
                )
            by_number.update(zip(saved["params"], group["params"]))
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])

        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                param = by_number[key]
                state[param] = _cast(param, value)
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_grad(p, set_to_none)

    def step(self, closure=None):
        """Do one step of optimization; `closure` evaluates the model again and returns the loss."""
        raise NotImplementedError

    OptimizerPreHook = Callable[["Optimizer", tuple, dict], tuple[tuple, dict] | None]
    OptimizerPostHook = Callable[["Optimizer", tuple, dict], None]

    @staticmethod
    def profile_hook_step(func):
        """A step that calls the hooks and shows up in profiles, as every class's own does by itself."""
        return func if getattr(func, "hooked", False) else _with_hooks(func)

    @staticmethod
    def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
        """Lists of tensors in groups: {(device, dtype): (lists, places)}, by the tensors of the first list."""
        groups = {}
        for i, first in enumerate(tensorlistlist[0]):
            lists, places = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
            for found, tensors in zip(lists, tensorlistlist, strict=True):
                if tensors:
                    found.append(tensors[i])
            places.append(i)
        return groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters: {"params": tensors, option: value, ...}."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, cygrad.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        else:
            params = list(params)

        named = [isinstance(p, tuple) for p in params]
        if any(named):
            if not all(named):
                raise ValueError(
                    "all optimizer params should be with/without names. "
                    "Some param names are missing"
                )
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        param_group["params"] = params

        differentiable = self.defaults.get("differentiable")
        for p in params:
            if not isinstance(p, cygrad.Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}"
                )
            if not differentiable and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if param_group.setdefault(name, default) is required:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization "
                    f"parameter {name}"
                )

        if len(params) != len({id(p) for p in params}):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        if self.param_groups and (
            ("param_names" in param_group) != ("param_names" in self.param_groups[0])
        ):
            without = "without" if "param_names" not in param_group else "with"
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {without} names to the optimizer"
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(id(p) for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)


def _cast(param, value, key=None):
    """`value` of a loaded state on the device, and if floating in the dtype, of `param`."""
    if isinstance(value, cygrad.Tensor):
        if key == "step":
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _cast(param, v, key=k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(param, v) for v in value)
    return value


def _evaluate(closure):
    """The loss that `closure` returns, computed with gradients; None without a closure."""
    if closure is None:
        return None
    with cygrad.enable_grad():
        return closure()


def _new_step():
    """The counter of steps of a parameter: a 0-d float tensor, as PyTorch keeps it, of the host that reads it."""
    double = cygrad.get_default_dtype() == cygrad.float64
    return cygrad.tensor(0.0, dtype=cygrad.float64 if double else cygrad.float32, device="cpu")


def _step_to_tensor(optimizer: Optimizer) -> None:
    """Make tensors of the counters of a state whose optimizer counted in numbers."""
    for state in optimizer.state.values():
        if isinstance(state, dict) and "step" in state:
            step = state["step"]
            if not isinstance(step, cygrad.Tensor):
                counter = _new_step()
                state["step"] = counter.fill_(float(step))


def _check(*options: tuple[bool, str]) -> None:
    """Raise the message of the first that does not hold."""
    for holds, message in options:
        if not holds:
            raise ValueError(message)


def _check_lr(lr, message: str = "Invalid learning rate:") -> None:
    one = not isinstance(lr, cygrad.Tensor) or lr.numel() == 1
    _check((one, "Tensor lr must be 1-element"))
    _check((lr >= 0.0, f"{message} {lr}"))


def _check_eps(eps) -> None:
    _check((eps >= 0.0, f"Invalid epsilon value: {eps}"))


def _check_betas(betas) -> None:
    for i in range(2):
        _check((0.0 <= betas[i] < 1.0, f"Invalid beta parameter at index {i}: {betas[i]}"))


def _check_not_negative(**options) -> None:
    _check(*[(value >= 0.0, f"Invalid {name} value: {value}") for name, value in options.items()])


def _check_flags(foreach, fused, differentiable) -> None:
    """`foreach` and `fused` ask for a way of computing; here there is one, so they only clash."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _check_capturable(params, what: str, devices=_CAPTURABLE_DEVICES) -> None:
    for p in params:
        if p.device.type == "cpu":
            raise AssertionError(
                f"If capturable=True, {what} must be on supported devices: {devices}."
            )


class _DenseOptimizer(Optimizer):
    """An optimizer whose step is a formula for one parameter at a time.

    Subclasses give `_start(state, p, group)`, which fills the state before the first step,
    `_constants(group, step, *kept)`, numbers that the formula takes at that step, and
    `_update(p, grad, state, group, *constants)`, which changes `p` and the tensors of `state` in
    place. `grad` comes with `maximize` and (where `_decays`) `weight_decay` applied; complex
    tensors come as real views.
    `_kept` names 0-d tensors of the state, whose new values come first in `_constants`.

    `_loop` names the same formula in `_kernels/optim_steps.h`, None if there is none. It takes the tensors of
    the state that `_moments(group)` names, None for one that the options do without, and the
    constants, and steps all parameters that are dense floats; `_update` takes the
    rest, and is what the tests hold the loop against.
    """

    _loop: str | None = None
    _kept: tuple[str, ...] = ()
    _decays = True
    _captured = "params and state_steps"
    _capturable_devices = _CAPTURABLE_DEVICES

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        _step_to_tensor(self)

    def step(self, closure=None):
        """Do one step of optimization; returns what `closure` returned, else None."""
        loss = _evaluate(closure)
        differentiable = self.defaults.get("differentiable", False)
        with cygrad.set_grad_enabled(differentiable):
            compiled = _compiled is not None and self._loop is not None and not differentiable
            for group in self.param_groups:
                params = group["params"]
                if compiled and not group.get("capturable"):
                    params = _compiled(self, group)
                for p in params:
                    if p.grad is not None:
                        self._step_one(p, p.grad, group, differentiable)
        return loss

    def _step_one(self, p, grad, group, differentiable: bool) -> None:
        if grad.layout != cygrad.strided:
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
        state = self.state[p]
        if not state:
            self._start(state, p, group)
        if group.get("capturable"):
            _check_capturable([p], self._captured, self._capturable_devices)
        state["step"] += 1
        kept = [state[name] for name in self._kept]
        constants = self._constants(group, state["step"].item(), *(t.item() for t in kept))
        for tensor, value in zip(kept, constants):
            tensor.fill_(value)
        if differentiable:
            # What earlier steps saved for their gradients must not change under them.
            for key, value in state.items():
                if key != "step" and isinstance(value, cygrad.Tensor):
                    state[key] = value.clone()
        if group["maximize"]:
            grad = -grad
        if self._decays and group.get("weight_decay"):
            if group.get("decoupled_weight_decay"):
                p.mul_(1 - group["lr"] * group["weight_decay"])
            else:
                grad = grad.add(p, alpha=group["weight_decay"])
        if cygrad.is_complex(p):
            state = {
                k: cygrad.view_as_real(v)
                if isinstance(v, cygrad.Tensor) and cygrad.is_complex(v)
                else v
                for k, v in state.items()
            }
            p, grad = cygrad.view_as_real(p), cygrad.view_as_real(grad)
        self._update(p, grad, state, group, *constants[len(kept) :])

    def _start(self, state: dict[str, Any], p, group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _moments(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        raise NotImplementedError

    def _constants(self, group: dict[str, Any], step: float, *kept: float) -> tuple[float, ...]:
        return ()

    def _update(self, p, grad, state: dict[str, Any], group: dict[str, Any], *constants) -> None:
        raise NotImplementedError
