"""DistributedDataParallel: a copy of the model on each rank, whose gradients are averaged in the backward pass."""

import contextlib
import inspect

import cygrad
from cygrad import distributed as dist
from cygrad.distributed import GradBucket
from cygrad.distributed.algorithms.join import Join, Joinable, JoinHook, _count

from ..module import Module
from ..parameter import UninitializedTensorMixin
from ._reducer import Reducer

__all__ = ["DistributedDataParallel", "GradBucket"]

_FIRST_MIB, _LATER_MIB = 1, 25


class _Hook(JoinHook):
    """What a model does on a rank whose inputs have come to an end."""

    def __init__(self, ddp, divide_by_initial_world_size):
        self._ddp = ddp
        ddp._divide_by_initial_world_size = divide_by_initial_world_size

    def main_hook(self):
        ddp = self._ddp
        reduces = ddp._next_is_reduced(False)
        if ddp._will_sync_buffers():
            ddp._sync_buffers(joined=True)
        if reduces and ddp.reducer is not None:
            ddp.reducer.shadow()
        ddp._require_forward_sync = reduces

    def post_hook(self, is_last_joiner):
        ddp = self._ddp
        src = ddp._common_rank(is_last_joiner)
        for tensor in ddp._state():
            dist.broadcast(tensor, group=ddp.process_group, group_src=src)


class DistributedDataParallel(Module, Joinable):
    """Calls ``module``; the backward pass leaves the mean of the gradients of all ranks in ``grad`` of its parameters.

    The ranks begin with the parameters and buffers of rank 0. Each rank gives its part of the batch: with the mean as
    loss, and parts of equal size, the gradients are those of the whole batch.

    device_ids: None, or the one device of a model on a GPU. broadcast_buffers: the buffers of rank 0 are sent to all
    ranks before each forward pass. bucket_cap_mb: the size of the pieces, in MiB, in which gradients are sent while
    others are computed. find_unused_parameters: parameters that the outputs do not depend on do not hold up the others.
    gradient_as_bucket_view: ``grad`` is a part of such a piece and needs no memory of its own. static_graph: the
    parameters that are used are always those of the first pass.
    """

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=None,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params=False,
        bucket_cap_mb_list=None,
        batched_grad_copy=False,
        forward_sync_buffers=None,
    ):
        super().__init__()
        Joinable.__init__(self)
        for name, value in (
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("param_to_hook_all_reduce", param_to_hook_all_reduce), ("mixed_precision", mixed_precision),
            ("bucket_cap_mb_list", bucket_cap_mb_list),
        ):  # fmt: skip
            if value is not None:
                raise NotImplementedError(
                    f"DistributedDataParallel: the argument {name} is not in cygrad"
                )
        if device_mesh is not None:
            if process_group is not None:
                raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
            if device_mesh.ndim != 1:
                raise RuntimeError(
                    f"Only 1D device mesh is supported, but got {device_mesh.ndim} dimensions in {device_mesh}."
                )
            process_group = device_mesh.get_group()
        self.process_group = dist.group.WORLD if process_group is None else process_group
        if self.process_group is None:
            dist.get_rank()  # raises
        ignored = getattr(module, "_ddp_params_and_buffers_to_ignore", ())
        self.parameters_to_ignore = set(ignored)
        every = [(n, p) for n, p in module.named_parameters() if n not in self.parameters_to_ignore]
        if any(isinstance(p, UninitializedTensorMixin) for _, p in every):
            raise RuntimeError(
                "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. "
                "Run a dummy forward pass to correctly initialize the modules"
            )
        named = [(n, p) for n, p in every if p.requires_grad]
        if not named:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires "
                "a gradient."
            )
        kinds = {p.device for _, p in every}
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        if (device_ids or output_device is not None) and (
            len(kinds) > 1 or next(iter(kinds)).type == "cpu"
        ):
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/"
                f"multiple-device GPU modules or CPU modules, but got device_ids {device_ids}, output_device "
                f"{output_device}, and module parameters { {p.device for p in module.parameters()} }."
            )
        self.module = module
        self.device = next(iter(kinds))
        self.device_ids = None if not device_ids else [cygrad.device(self.device)]
        self.output_device, self.dim = output_device, dim
        self.broadcast_buffers = broadcast_buffers if broadcast_buffers is not None else (
            True if forward_sync_buffers is None else forward_sync_buffers
        )  # fmt: skip
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view, self.static_graph = gradient_as_bucket_view, static_graph
        self.bucket_bytes_cap = int((_LATER_MIB if bucket_cap_mb is None else bucket_cap_mb) * 1024**2)
        self.require_backward_grad_sync = True
        self._require_forward_sync = True
        self._divide_by_initial_world_size = True
        self._names = {p: n for n, p in named}
        self.reducer = None
        if init_sync:
            self._check_shapes([p for _, p in every])
            for tensor in self._state():
                dist.broadcast(tensor, group=self.process_group, group_src=0)
        if self.process_group.size() > 1:
            self._make_reducer()

    def _make_reducer(self):
        later = self.bucket_bytes_cap / 1024**2
        self.reducer = Reducer(
            list(self._names), self._names, self.process_group, min(_FIRST_MIB, later), later,
            self.find_unused_parameters, self.gradient_as_bucket_view, self.static_graph, self._sparse_params(),
        )  # fmt: skip

    def _sparse_params(self):
        """The parameters whose gradients are sparse."""
        kinds = (cygrad.nn.Embedding, cygrad.nn.EmbeddingBag)
        return {m.weight for m in self.module.modules() if isinstance(m, kinds) and m.sparse}

    def _buffers_to_sync(self):
        return [b for n, b in self.module.named_buffers() if n not in self.parameters_to_ignore]

    def _state(self):
        """The tensors that are to be the same on all ranks."""
        params = [p for n, p in self.module.named_parameters() if n not in self.parameters_to_ignore]
        return params + self._buffers_to_sync()

    def _check_shapes(self, params):
        me, shapes = self.process_group.rank(), [None] * self.process_group.size()
        dist.all_gather_object(shapes, [tuple(p.shape) for p in params], group=self.process_group)
        for rank, theirs in enumerate(shapes):
            if len(theirs) != len(shapes[0]):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {me} has {len(params)} params, while rank "
                    f"{rank if rank != me else 0} has inconsistent {len(theirs if rank != me else shapes[0])} params."
                )
        for i, (mine, first) in enumerate(zip(shapes[me], shapes[0], strict=True)):
            if mine != first:
                raise RuntimeError(
                    f"[{me}]: params[{i}] in this process with sizes {list(mine)} appears not to match sizes of the "
                    "same param in process 0."
                )
        for rank, theirs in enumerate(shapes):
            if theirs != shapes[0]:
                raise RuntimeError(
                    f"[{me}]: the params of rank {rank} do not have the sizes of those of process 0."
                )

    # --- calls ---

    def forward(self, *inputs, **kwargs):
        """The outputs of the module."""
        if self._join_config.enable or self.reducer is not None:
            return self._synchronized(*inputs, **kwargs)
        return self.module(*inputs, **kwargs)

    def _synchronized(self, *inputs, **kwargs):
        reduces = cygrad.is_grad_enabled() and self.require_backward_grad_sync
        work = Join.notify_join_context(self)
        if work is not None:
            left = _count(work)
            self._set_divisor(self.process_group.size() if self._divide_by_initial_world_size else left)
        if self._join_config.enable:
            self._next_is_reduced(reduces)
        if self._will_sync_buffers():
            self._sync_buffers()
        if self.reducer is not None:
            # Before the forward pass, since that may itself begin a backward pass.
            self.reducer.enabled = False
        outputs = self.module(*inputs, **kwargs)
        self._require_forward_sync = reduces if cygrad.is_grad_enabled() else True
        if self.reducer is not None and cygrad.is_grad_enabled():
            if reduces:
                self.reducer.prepare(outputs if self.find_unused_parameters else None)
            self.reducer.enabled = reduces
        return outputs

    def _set_divisor(self, count):
        if self.reducer is not None:
            self.reducer.divisor = count

    @contextlib.contextmanager
    def no_sync(self):
        """Within it gradients stay on their rank and add up; the next pass after it averages the sums."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    # --- buffers ---

    def _will_sync_buffers(self):
        return self._require_forward_sync and self.broadcast_buffers and bool(self._buffers_to_sync())

    def _common_rank(self, mine):
        """A rank that all agree on: the last of those for which `mine` holds."""
        rank = cygrad.tensor([self.process_group.rank() if mine else -1])
        dist.all_reduce(rank, op=dist.ReduceOp.MAX, group=self.process_group)
        if rank.item() == -1:
            raise ValueError("BUG! Expected rank_cond to be true for at least one process.")
        return int(rank.item())

    @cygrad.no_grad()
    def _sync_buffers(self, joined=False):
        src = self._common_rank(not joined) if self._join_config.enable else 0
        kinds = {}
        for buffer in self._buffers_to_sync():
            kinds.setdefault((buffer.dtype, buffer.device), []).append(buffer)
        for buffers in kinds.values():  # one message for each dtype
            flat = cygrad.cat([b.detach().reshape(-1) for b in buffers])
            dist.broadcast(flat, group=self.process_group, group_src=src)
            if self.process_group.rank() != src:
                for buffer, part in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
                    buffer.copy_(part.view(buffer.shape))

    # --- Join ---

    def _next_is_reduced(self, mine):
        """Whether the ranks that have inputs reduce the gradients of this pass."""
        flag = cygrad.tensor([int(mine)])
        dist.all_reduce(flag, group=self.process_group)
        return flag.item() != 0

    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """`with model.join():` ranks may have different numbers of inputs.

        The gradients of a rank that has none left count as 0; or with divide_by_initial_world_size=False not at all.
        """
        return Join(
            [self], enable, throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )  # fmt: skip

    def join_hook(self, **kwargs):
        """For Join."""
        return _Hook(self, kwargs.get("divide_by_initial_world_size", True))

    @property
    def join_device(self):
        """The device of the model."""
        return self.device

    @property
    def join_process_group(self):
        """The group over which gradients are averaged."""
        return self.process_group

    # --- hooks ---

    def register_comm_hook(self, state, hook):
        """Has `hook(state, bucket)` reduce the gradients of each bucket; it returns a Future of the flat tensor."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        bucket = inspect.signature(hook).parameters.get("bucket")
        annotation = bucket.annotation if bucket is not None else inspect.Parameter.empty
        if annotation not in (inspect.Parameter.empty, GradBucket, "GradBucket", "dist.GradBucket"):
            raise ValueError("Communication hook: bucket annotation should be dist.GradBucket.")
        if self.reducer is None:
            self._make_reducer()
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook = (state, hook)

    def _set_static_graph(self):
        """Says that the parameters that are used are always those of the first pass."""
        self.static_graph = True
        if self.reducer is not None:
            self.reducer.static_graph = True

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(module, params_and_buffers_to_ignore):
        """Names of parameters and buffers of the module that are neither sent nor reduced."""
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore

    def _get_ddp_logging_data(self):
        """How the model is reduced."""
        buckets = self.reducer.buckets if self.reducer else ()
        return {
            "world_size": self.process_group.size(),
            "rank": self.process_group.rank(),
            "module_name": type(self.module).__name__,
            "backend_name": self.process_group.name(),
            "bucket_sizes": ", ".join(str(b._flat.nbytes) for b in buckets),
            "bucket_cap_bytes": self.bucket_bytes_cap,
            "broadcast_buffers": int(self.broadcast_buffers),
            "find_unused_parameters": int(self.find_unused_parameters),
            "gradient_as_bucket_view": int(self.gradient_as_bucket_view),
            "num_parameter_tensors": len(self._names),
            "total_parameter_size_bytes": sum(p.nbytes for p in self._names),
        }

    # --- copies ---

    def __getstate__(self):
        if self.process_group is not dist.group.WORLD:
            raise RuntimeError(
                "DDP Pickling/Unpickling are only supported when using DDP with the default process group. That is, "
                "when you have called init_process_group and have not passed process_group argument to DDP constructor"
            )
        state = dict(vars(self))
        for name in ("process_group", "reducer", "_names"):
            del state[name]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if dist.group.WORLD is None:
            dist.get_rank()  # raises
        self.process_group, self.reducer = dist.group.WORLD, None
        self._names = {
            p: n for n, p in self.module.named_parameters()
            if p.requires_grad and n not in self.parameters_to_ignore
        }  # fmt: skip
        if self.process_group.size() > 1:
            self._make_reducer()
