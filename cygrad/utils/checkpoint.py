"""Checkpoints: what a function saved is thrown away, and computed again when it is needed."""

import collections
import contextlib
import warnings

from .. import _core, _engine
from .._core import Tensor
from ..autograd import Function, backward as _backward, enable_grad, no_grad
from ._selective import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    SelectiveCheckpointContext,
    announced_hooks,
    create_selective_checkpoint_contexts,
)

__all__ = [
    "CheckpointPolicy", "DefaultDeviceType", "GraphExecGroup", "SAC_IGNORED_OPS", "SelectiveCheckpointContext",
    "create_selective_checkpoint_contexts",
    "checkpoint", "checkpoint_sequential", "CheckpointError", "CheckpointFunction",
    "check_backward_validity", "detach_variable", "get_device_states", "noop_context_fn",
    "set_checkpoint_debug_enabled", "set_checkpoint_early_stop", "set_device_states",
]  # fmt: skip

_TIP = """
Tip: To see a more detailed error message, either pass `debug=True` to
`torch.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint‑debug mode globally.
"""


class CheckpointError(RuntimeError):
    """The recomputation did something else than the forward pass."""


class _Complete(Exception):
    """Everything that was thrown away has been computed again."""


def noop_context_fn():
    """Two contexts that do nothing: for the forward pass and for the recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


_early_stop = None
_debug = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable):
    """Inside, says for every checkpoint whether its recomputation stops at the last tensor that is
    needed.
    """
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """Inside, says for every checkpoint whether an error lists the tensors that were saved."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


class DefaultDeviceType:
    """The kind of device whose random state is kept where no argument tells one."""

    _default_device_type = "cuda"

    @staticmethod
    def set_device_type(device="cuda"):
        """Sets it."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type():
        """What it is."""
        return DefaultDeviceType._default_device_type


class GraphExecGroup:
    """A context that groups backward passes: in PyTorch each checkpoint is computed again at most once inside.

    Here a checkpoint is computed again in each backward pass.
    """

    _current = None

    def __enter__(self):
        if GraphExecGroup._current is not None:
            raise RuntimeError("GraphExecGroup contexts cannot be nested.")
        GraphExecGroup._current = self
        return self

    def __exit__(self, *exc):
        GraphExecGroup._current = None


def detach_variable(inputs):
    """The arguments with their tensors cut from the graph; those that required a gradient still
    do.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type:  "
            f"{type(inputs).__name__}"
        )
    return tuple(
        [x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs]
    )


def check_backward_validity(inputs):
    """Warns where nothing requires a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


# ---- random state


def _device_module(kind):
    import cygrad

    return getattr(cygrad, kind)


def get_device_states(*args):
    """(indices, states): the generators of the OpenCL devices that the arguments live on."""
    found = {}
    for x in args:
        if isinstance(x, Tensor) and x.device.type != "cpu":
            found.setdefault((x.device.type, x.device.index), None)
    return list(found), [_device_module(kind).get_rng_state(index) for kind, index in found]


def set_device_states(devices, states, *, device_type=None):
    """Puts the generators back."""
    for (kind, index), state in zip(devices, states, strict=True):
        _device_module(kind).set_rng_state(state, index)


class _RandomState:
    """The generators as they are now; a context that puts them back for a while."""

    def __init__(self, args):
        from cygrad import get_rng_state

        self.cpu = get_rng_state()
        self.devices, self.states = get_device_states(*args)

    @contextlib.contextmanager
    def restored(self):
        from cygrad import get_rng_state, set_rng_state

        cpu = get_rng_state()
        states = [_device_module(kind).get_rng_state(index) for kind, index in self.devices]
        set_rng_state(self.cpu)
        set_device_states(self.devices, self.states)
        try:
            yield
        finally:
            set_rng_state(cpu)
            set_device_states(self.devices, states)


def _replay(random):
    return contextlib.nullcontext() if random is None else random.restored()


# ---- the reentrant way: a Function whose backward runs the function again, and a backward of its
# own


class CheckpointFunction(Function):
    """The result of a function, without its graph."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random = _RandomState(args) if preserve_rng_state else None
        ctx.arguments = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*[x if isinstance(x, Tensor) else None for x in args])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        if not _engine.reaches_all_leaves():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        saved = ctx.saved_tensors
        args = tuple([x if t is None else t for x, t in zip(ctx.arguments, saved, strict=True)])
        detached = detach_variable(args)
        with _replay(ctx.random), enable_grad():
            outputs = ctx.run_function(*detached)
        outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
        pairs = [
            (o, g)
            for o, g in zip(outputs, grads, strict=True)
            if isinstance(o, Tensor) and o.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        _backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[_taken_grad(x) for x in detached])


def _taken_grad(x):
    return x.grad if isinstance(x, Tensor) else None


# ---- the other way: hooks on what is saved


# The last tensors given out: a node may ask for one several times, all in a row.
_given = collections.deque(maxlen=4)


class _Frame:
    """One call of a checkpointed function: what it saved, and how to compute that again."""

    def __init__(self, recompute, check_metadata, early_stop, debug):
        self.recompute = recompute
        self.check_metadata = check_metadata
        self.early_stop = early_stop
        self.debug = debug
        self.count = 0  # of tensors saved
        self.metadata = []
        self.recomputed = {}  # backward pass -> tensors by position, None once given out

    def hooks(self):
        def pack(tensor):
            self.metadata.append(_metadata(tensor))
            self.count += 1
            return self.count - 1

        def unpack(position):
            run = _engine.current_run()
            key = (self, run, position)
            if run < 0:  # saved_tensors of a node read by hand
                return self.compute()[position]
            for recent, tensor in _given:
                if recent == key:
                    return tensor
            tensors = self.recomputed.get(run)
            if tensors is None or tensors[position] is None:
                for old in [r for r in self.recomputed if not _engine.is_active(r)]:
                    del self.recomputed[old]
                tensors = self.recomputed[run] = self.compute()
            tensor = tensors[position]
            tensors[position] = None
            _given.append((key, tensor))
            return tensor

        return announced_hooks(pack, unpack)

    def compute(self):
        """The saved tensors, by running the function again."""
        found = []

        def pack(tensor):
            found.append(tensor.detach())
            if self.early_stop and len(found) == self.count:
                raise _Complete
            return tensor.detach()

        def unpack(tensor):
            return tensor

        try:
            with announced_hooks(pack, unpack), enable_grad():
                self.recompute()
        except _Complete:
            pass
        self.check(found)
        return found

    def check(self, found):
        listing = self.listing(found) if self.debug else ""
        if len(found) != self.count:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\nNumber of tensors saved during forward: "
                f"{self.count}\nNumber of tensors saved during recomputation: {len(found)}.\n"
                f"{listing or _TIP}"
            )
        if not self.check_metadata:
            return
        different = ""
        for i, (before, t) in enumerate(zip(self.metadata, found, strict=True)):
            now = _metadata(t)
            if before != now:
                different += f"tensor at position {i}:\n"
                different += f"saved metadata: {before}\nrecomputed metadata: {now}\n"
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                f"different metadata than during the forward pass.\n{different}.\n{listing or _TIP}"
            )

    def listing(self, found):
        lines = ["", "Saved in the forward pass:", *map(str, self.metadata)]
        lines += ["Saved in the recomputation:", *[str(_metadata(t)) for t in found], ""]
        return "\n".join(lines)


def _metadata(tensor):
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    **kwargs,
):
    """`function(*args, **kwargs)`, of which nothing is kept for the backward pass: it runs again
    when that needs it.

    use_reentrant=False (to be preferred) does so by hooks on what is saved; use_reentrant=True by a
    Function whose backward is a backward pass of its own, which works with `.backward()` alone.
    `preserve_rng_state` (by default True) draws the same random numbers again.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    forward_context, recompute_context = context_fn()
    if not _core.is_grad_enabled():
        with forward_context:
            return function(*args, **kwargs)
    random = _RandomState(args) if preserve else None

    def recompute():
        with _replay(random), recompute_context:
            function(*args, **kwargs)

    frame = _Frame(
        recompute,
        determinism_check == "default",
        early_stop if _early_stop is None else _early_stop,
        debug if _debug is None else _debug,
    )
    with frame.hooks(), forward_context:
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """A chain of functions (or an `nn.Sequential`) in `segments` parts, all but the last of them
    checkpointed.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
            "the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    children = getattr(functions, "children", None)
    functions = list(children()) if children is not None else list(functions)
    size = len(functions) // segments

    def part(first, last):
        def run(x):
            for f in functions[first:last]:
                x = f(x)
            return x

        return run

    start = 0
    for start in range(0, size * (segments - 1), size) if size else ():
        input = checkpoint(
            part(start, start + size),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    done = size * (segments - 1)
    return part(done, len(functions))(input)
