"""ZeroRedundancyOptimizer: each rank keeps the optimizer state of its share of the parameters, and steps these."""

import copy

import cygrad
from cygrad import distributed as dist
from cygrad.distributed.algorithms.join import Join, Joinable, JoinHook

from .optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class _Hook(JoinHook):
    """A rank without inputs goes on stepping its share, since the others need it."""

    def __init__(self, zero):
        self._zero = zero

    def main_hook(self):
        self._zero.step()


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """Steps the parameters with an `optimizer_class` on each rank for a share of them, and sends the result to all.

    params and `defaults` are what the class would be given. Gradients have to be the same on all ranks, as
    DistributedDataParallel leaves them. parameters_as_bucket_view changes nothing here.
    """

    def __init__(
        self,
        params,
        optimizer_class,
        process_group=None,
        parameters_as_bucket_view=False,
        overlap_with_ddp=False,
        **defaults,
    ):
        if overlap_with_ddp:
            raise NotImplementedError(
                "ZeroRedundancyOptimizer: overlap_with_ddp=True is not in cygrad"
            )
        params = self._checked(params)
        Joinable.__init__(self)
        self.process_group = dist.group.WORLD if process_group is None else process_group
        self.world_size = dist.get_world_size(self.process_group)
        self.rank = dist.get_rank(self.process_group)
        self.parameters_as_bucket_view = parameters_as_bucket_view
        self._optim_constructor, self._optim_defaults = optimizer_class, defaults
        self._sizes = [0] * self.world_size  # elements of each rank's share
        self._owner = {}  # {parameter: rank}
        self._all_state_dicts = []
        self.optim = None
        super().__init__(params, defaults)
        local = [self._local_group(group) for group in self.param_groups]
        self.optim = optimizer_class(local, **defaults)
        for group, ours in zip(self.param_groups, self.optim.param_groups, strict=True):
            for name, value in ours.items():
                if name != "params":
                    group.setdefault(name, value)

    @staticmethod
    def _checked(params):
        text = "`params` argument should be an iterable of Tensors or dicts"
        if isinstance(params, cygrad.Tensor):
            raise TypeError(f"{text}, but got torch.Tensor")
        try:
            params = list(params)
        except TypeError:
            raise TypeError(f"{text}, but got {type(params).__name__}") from None
        if not params:
            raise ValueError("ZeroRedundancyOptimizer got an empty parameter list")
        if not (
            all(isinstance(p, cygrad.Tensor) for p in params) or all(isinstance(p, dict) for p in params)
        ):
            raise TypeError(text)
        return params

    def _local_group(self, group):
        local = {name: value for name, value in group.items() if name != "params"}
        return {**local, "params": [p for p in group["params"] if self._owner[p] == self.rank]}

    def add_param_group(self, param_group):
        """Adds a group, whose parameters go to the ranks that have least."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for param in sorted(group["params"], key=lambda p: p.numel(), reverse=True):
            rank = self._sizes.index(min(self._sizes))
            self._owner[param] = rank
            self._sizes[rank] += param.numel()
        if self.optim is not None:
            self.optim.add_param_group(self._local_group(group))

    def _share_options(self, source, target):
        for ours, theirs in zip(source, target, strict=True):
            theirs.update({name: value for name, value in ours.items() if name != "params"})

    def step(self, closure=None, **kwargs):
        """Steps this rank's share, and gives the parameters of all shares to all ranks."""
        Join.notify_join_context(self)
        self._share_options(self.param_groups, self.optim.param_groups)
        loss = self.optim.step(**kwargs) if closure is None else self.optim.step(closure, **kwargs)
        self._share_options(self.optim.param_groups, self.param_groups)
        self._send_params()
        return loss

    @cygrad.no_grad()
    def _send_params(self):
        if self.world_size == 1:
            return
        kinds = {}
        for param, rank in self._owner.items():
            kinds.setdefault((rank, param.dtype, param.device), []).append(param)
        sent = []
        for (rank, *_), params in kinds.items():  # one message of each rank for each dtype
            flat = cygrad.cat([p.detach().reshape(-1) for p in params])
            work = dist.broadcast(flat, group=self.process_group, async_op=True, group_src=rank)
            sent.append((rank, params, flat, work))
        for rank, params, flat, work in sent:
            work.wait()
            if rank != self.rank:
                for param, part in zip(params, flat.split([p.numel() for p in params]), strict=True):
                    param.copy_(part.view(param.shape))

    def zero_grad(self, set_to_none=True):
        """Drops the gradients of all parameters, or fills them with zeros."""
        super().zero_grad(set_to_none)

    # --- state ---

    def _numbers(self):
        """{parameter: its number over all groups}."""
        params = [p for group in self.param_groups for p in group["params"]]
        return {p: i for i, p in enumerate(params)}

    def _local_state(self):
        """{number of parameter: state} of this rank's share."""
        numbers = self._numbers()
        return {numbers[p]: state for p, state in self.optim.state.items()}

    def consolidate_state_dict(self, to=0):
        """Gathers the state of all shares on rank `to`, where `state_dict` then returns it; all ranks call it."""
        self._share_options(self.param_groups, self.optim.param_groups)
        mine = self.rank == to
        parts = [None] * self.world_size if mine else None
        dist.gather_object(self._local_state(), parts, group=self.process_group, group_dst=to)
        self._all_state_dicts = parts or []

    def state_dict(self):
        """The state of all shares, as the optimizer would have it alone; after `consolidate_state_dict`."""
        if not self._all_state_dicts:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. "
                "Please call `consolidate_state_dict(to=0)` on all ranks beforehand if you meant to save the "
                "global state."
            )
        result = super().state_dict()
        state = {number: kept for part in self._all_state_dicts for number, kept in part.items()}
        result["state"] = dict(sorted(state.items()))
        return result

    def load_state_dict(self, state_dict):
        """Takes over options, and of the state this rank's share."""
        numbers = self._numbers()
        mine = {i for p, i in numbers.items() if self._owner[p] == self.rank}
        super().load_state_dict({**state_dict, "state": {}})
        ours = self.optim.state_dict()
        # The optimizer numbers its share by itself, in the order of the groups.
        own = [numbers[p] for group in self.optim.param_groups for p in group["params"]]
        ours["state"] = {
            place: copy.deepcopy(state_dict["state"][number])
            for place, number in enumerate(own)
            if number in mine and number in state_dict["state"]
        }
        for group, given in zip(ours["param_groups"], self.param_groups, strict=True):
            group.update({name: value for name, value in given.items() if name != "params"})
        self.optim.load_state_dict(ours)
        self._all_state_dicts = []

    # --- Join ---

    def join_hook(self, **kwargs):
        """For Join."""
        return _Hook(self)

    @property
    def join_device(self):
        """The device of the parameters."""
        return self.param_groups[0]["params"][0].device

    @property
    def join_process_group(self):
        """The group whose ranks share the state."""
        return self.process_group
