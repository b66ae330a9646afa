"""Selective checkpoints: a policy says of each operator whether its result is kept or computed again.

The policy sees the public functions of the package (`torch.mm`, `torch.relu`); lists may name PyTorch's inner operators
(`torch.ops.aten.mm.default`) as well, which stand for the public function of that name.

What an operator saves for its backward pass is its arguments and results, mostly. So where a result was kept, the
recomputation takes it instead of running the operator, and saves in its place what the operator had saved: the
arguments as they are now, and the kept results. An operator that saved anything else runs again.
"""

import collections
import enum
import threading

from ..autograd.graph import saved_tensors_hooks
from ..ops import OpOverload, OpOverloadPacket
from ..overrides import TorchFunctionMode

__all__ = [
    "CheckpointPolicy", "SAC_IGNORED_OPS", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts",
]  # fmt: skip


class CheckpointPolicy(enum.Enum):
    """What becomes of an operator's result. PREFER leaves the last word to others, of which there are none here."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


class SelectiveCheckpointContext:
    """What a policy is told: whether this is the recomputation, and the operator's result."""

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute = is_recompute
        self.op_output = op_output


# Questions, which compute nothing, and what changes tensors without computing.
_QUERIES = frozenset(
    """numel size stride dim is_contiguous storage_offset is_floating_point is_complex detach element_size get set
    requires_grad untyped_storage data_ptr register_hook backward""".split()
)
SAC_IGNORED_OPS = set()  # PyTorch's inner operators that no policy sees; here they are told apart by name
_SAVED = (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE)
_OFFLOADED = (CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)


def _name(func):
    """The operator's own name: `mm` for torch.mm, Tensor.mm and torch.ops.aten.mm.default."""
    if isinstance(func, OpOverload | OpOverloadPacket):
        return func._op.rpartition(".")[2]
    return getattr(func, "__name__", "")


def _policy_of(policy):
    if not isinstance(policy, list):
        if not callable(policy):
            raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
        return policy
    for op in policy:
        if isinstance(op, OpOverloadPacket) or not callable(op):
            raise ValueError(
                f"Expected op in `op_list` to be an OpOverload but got: {op} of type {type(op)}. If you are getting an "
                "OpOverloadPacket, please specify the overload: e.g. `torch.ops.aten.mm.default`."
            )
    names = {_name(op) for op in policy}
    # PyTorch makes its products of layers of these two.
    names |= {"linear", "matmul", "__matmul__"} if names & {"mm", "addmm", "bmm"} else set()

    def of_list(ctx, op, *args, **kwargs):
        return CheckpointPolicy.MUST_SAVE if _name(op) in names else CheckpointPolicy.PREFER_RECOMPUTE

    return of_list


def _tensors(values):
    """The tensors in arguments or results, in order."""
    from .. import Tensor
    from ._pytree import tree_leaves

    return [x for x in tree_leaves(values) if isinstance(x, Tensor)]


def _place(tensor, arguments, results):
    """Where a saved tensor comes from: ("argument", i), ("result", i), or None for elsewhere."""

    def key(t):
        return t.untyped_storage().data_ptr(), t.storage_offset(), tuple(t.shape), tuple(t.stride()), t.dtype

    wanted = key(tensor)
    for kind, values in (("argument", arguments), ("result", results)):
        for i, t in enumerate(values):
            if t is tensor or key(t) == wanted:
                return kind, i
    return None


class _Hooks(threading.local):
    stack = ()  # the pairs of hooks of checkpoints under way, the innermost last


_hooks = _Hooks()


class announced_hooks(saved_tensors_hooks):
    """Hooks of a checkpoint, which its policy finds."""

    def __enter__(self):
        super().__enter__()
        _hooks.stack += ((self.pack_hook, self.unpack_hook),)

    def __exit__(self, *exc):
        _hooks.stack = _hooks.stack[:-1]
        super().__exit__(*exc)


class _Mode(TorchFunctionMode):
    """Asks the policy in the forward pass, and gives kept results out in the recomputation."""

    def __init__(self, policy, kept, recomputing, allow_mutation):
        super().__init__()
        self.policy, self.kept, self.recomputing = policy, kept, recomputing
        self.allow_mutation = allow_mutation

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = _name(func)
        if not name or name in _QUERIES:
            return func(*args, **kwargs)
        if self.recomputing:
            if not self.kept[name]:
                raise RuntimeError(f"{name} encountered during backward, but not found in storage")
            entry = self.kept[name].popleft()
            return func(*args, **kwargs) if entry is None else self.given_out(func, args, kwargs, entry)
        return self.forward(func, name, args, kwargs)

    def forward(self, func, name, args, kwargs):
        outer, saved = _hooks.stack[-1] if _hooks.stack else None, []
        if outer is None:
            result = func(*args, **kwargs)
        else:

            def pack(tensor):
                saved.append(tensor)
                return outer[0](tensor)

            with saved_tensors_hooks(pack, outer[1]):
                result = func(*args, **kwargs)
        decision = self.policy(
            SelectiveCheckpointContext(is_recompute=False, op_output=result), func, *args, **kwargs
        )
        if isinstance(decision, bool):
            decision = CheckpointPolicy.MUST_SAVE if decision else CheckpointPolicy.PREFER_RECOMPUTE
        entry = None
        if decision in _SAVED + _OFFLOADED:
            arguments, results = _tensors((args, kwargs)), _tensors(result)
            places = [_place(t, arguments, results) for t in saved]
            if None not in places and results:
                entry = self.entry(result, places, decision in _OFFLOADED)
        self.kept[name].append(entry)
        return result

    @staticmethod
    def entry(result, places, offload):
        from ._pytree import tree_map

        def keep(x):
            if not hasattr(x, "detach"):
                return x
            kept = x.detach().cpu() if offload else x.detach()
            return kept, x.device, x.requires_grad, None if offload else x._version

        return tree_map(keep, result), places

    def given_out(self, func, args, kwargs, entry):
        from .. import Tensor
        from ._pytree import tree_map

        kept, places = entry

        def is_kept(x):
            return isinstance(x, tuple) and len(x) == 4 and isinstance(x[0], Tensor)

        def back(x):
            if not is_kept(x):
                return x
            tensor, device, needs, version = x
            if version is not None and tensor._version != version and not self.allow_mutation:
                raise RuntimeError(
                    "Tensor cached during selective activation checkpoint has been mutated. If this is "
                    "intentional, pass allow_cache_entry_mutation=True."
                )
            tensor = tensor.to(device).detach()
            return tensor.requires_grad_(needs) if needs else tensor

        result = tree_map(back, kept, is_leaf=is_kept)
        arguments, results = _tensors((args, kwargs)), _tensors(result)
        for kind, i in places if _hooks.stack else ():
            _hooks.stack[-1][0]((arguments if kind == "argument" else results)[i])
        return result


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """What `checkpoint(..., context_fn=...)` takes, by `functools.partial`: contexts for both passes.

    The policy is `policy(ctx, operator, *args, **kwargs)` and returns a `CheckpointPolicy`; a list stands for one that
    keeps the results of these operators.
    """
    policy, kept = _policy_of(policy_fn_or_list), collections.defaultdict(collections.deque)
    return (
        _Mode(policy, kept, False, allow_cache_entry_mutation),
        _Mode(policy, kept, True, allow_cache_entry_mutation),
    )
