"""GradScaler: keeps small gradients of float16 from vanishing, by scaling the loss."""

import enum
import warnings
from collections import defaultdict

import cygrad
from cygrad import Tensor

__all__ = ["OptState", "GradScaler"]


class OptState(enum.Enum):
    """How far an optimizer is in the current iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _refresh_per_optimizer_state():
    return {"stage": OptState.READY, "found_inf_per_device": {}}


_OPTIONS = ("growth_factor", "backoff_factor", "growth_interval")  # that a state keeps


class GradScaler:
    """Scales losses, takes the scale out of gradients, and skips steps whose gradients overflowed.

    The scale starts at `init_scale`, is multiplied by `growth_factor` after `growth_interval` steps
    without inf or NaN in the gradients, and by `backoff_factor` after a step with one.

    device: the device of the result
    """

    def __init__(self, device="cuda", init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):  # fmt: skip
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled and not cygrad.cuda.is_available():
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            self._enabled = False
        if self._enabled:
            assert growth_factor > 1.0, "The growth factor must be > 1.0."
            assert backoff_factor < 1.0, "The backoff factor must be < 1.0."
            self._init_scale = init_scale
            self._scale = None
            self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
            self._growth_interval = growth_interval
            self._init_growth_tracker = 0
            self._growth_tracker = None
        self._per_optimizer_states = defaultdict(_refresh_per_optimizer_state)

    def _check_scale(self, what):
        if self._scale is None:
            raise AssertionError(
                f"Attempted {what} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def _lazy_init(self, device):
        if self._scale is None:
            self._scale = cygrad.full((), self._init_scale, dtype=cygrad.float32, device=device)
            self._growth_tracker = cygrad.full(
                (), self._init_growth_tracker, dtype=cygrad.int32, device=device
            )

    def scale(self, outputs):
        """A tensor, or an iterable of tensors, multiplied by the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            self._lazy_init(outputs.device)
            return outputs * self._scale.to(outputs.device)
        if isinstance(outputs, (list, tuple)) or hasattr(outputs, "__iter__"):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer):
        """Divides the gradients of the optimizer's parameters by the scale, and looks for inf and NaN."""
        if not self._enabled:
            return
        self._check_scale("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = self._scale.double().reciprocal().float()
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, allow_fp16=False)
        state["stage"] = OptState.UNSCALED

    @staticmethod
    def _unscale_grads_(optimizer, inverse, allow_fp16):
        """{device: whether a gradient there is not finite, as a float32 tensor}"""
        found = {}
        with cygrad.no_grad():
            for group in optimizer.param_groups:
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    if not allow_fp16 and grad.dtype is cygrad.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    infinite = (~cygrad.isfinite(grad).all()).float()
                    before = found.get(grad.device)
                    found[grad.device] = (
                        infinite if before is None else cygrad.maximum(before, infinite)
                    )
                    grad.mul_(inverse.to(grad.device))
        return found

    def step(self, optimizer, *args, **kwargs):
        """`optimizer.step(*args, **kwargs)`, unless a gradient is inf or NaN; unscales them first if need be."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        assert len(state["found_inf_per_device"]) > 0, (
            "No inf checks were recorded for this optimizer."
        )
        result = None
        if not any(found.item() for found in state["found_inf_per_device"].values()):
            result = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale=None):
        """Adapts the scale to what the steps since the last update found, or sets it to `new_scale`."""
        if not self._enabled:
            return
        self._check_scale("update")
        if new_scale is not None:
            if isinstance(new_scale, Tensor):
                self._scale.copy_(new_scale)
            else:
                self._scale.fill_(new_scale)
        else:
            found = [
                f
                for state in self._per_optimizer_states.values()
                for f in state["found_inf_per_device"].values()
            ]
            assert len(found) > 0, "No inf checks were recorded prior to update."
            if any(f.item() for f in found):
                self._scale.mul_(self._backoff_factor)
                self._growth_tracker.zero_()
            elif self._growth_tracker.item() + 1 == self._growth_interval:
                grown = self._scale * self._growth_factor
                if cygrad.isfinite(grown):
                    self._scale.copy_(grown)
                self._growth_tracker.zero_()
            else:
                self._growth_tracker += 1
        self._per_optimizer_states = defaultdict(_refresh_per_optimizer_state)

    def get_scale(self):
        """The scale as a Python float; 1.0 if scaling is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_growth_tracker(self):
        if not self._enabled:
            return 0
        return (
            self._init_growth_tracker
            if self._growth_tracker is None
            else self._growth_tracker.item()
        )

    def get_growth_factor(self):
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        self._growth_interval = new_interval

    def is_enabled(self):
        """Whether this scaler does anything."""
        return self._enabled

    def state_dict(self):
        """The scale, its factors and counters; empty if scaling is disabled."""
        if not self._enabled:
            return {}
        state = {"scale": self.get_scale()}
        state |= {name: getattr(self, f"_{name}") for name in _OPTIONS}
        return state | {"_growth_tracker": self._get_growth_tracker()}

    def load_state_dict(self, state_dict):
        """Takes over a state that `state_dict` returned."""
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        for name in _OPTIONS:
            setattr(self, f"_{name}", state_dict[name])
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self):
        state = self.__dict__.copy()
        if self._enabled:
            assert len(self._per_optimizer_states) == 0, (
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state
