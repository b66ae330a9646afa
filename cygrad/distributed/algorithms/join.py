"""Join: ranks whose inputs have come to an end answer the collectives of those that still have some."""

import abc
import warnings

import cygrad

from .. import _collectives, _groups

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a rank that has joined does: `main_hook` in place of each iteration, `post_hook` when all have joined."""

    def main_hook(self):
        """Answers the collectives of an iteration of the others."""

    def post_hook(self, is_last_joiner):
        """Is called when all ranks have joined."""


class Joinable(abc.ABC):
    """What takes part in Join; its `__init__` is to be called."""

    @abc.abstractmethod
    def __init__(self):
        super().__init__()
        self._join_config = _JoinConfig.construct_disabled_join_config()

    @abc.abstractmethod
    def join_hook(self, **kwargs):
        """A JoinHook of this object."""

    @property
    @abc.abstractmethod
    def join_device(self):
        """The device of what Join itself sends."""

    @property
    @abc.abstractmethod
    def join_process_group(self):
        """The group whose ranks join."""


class _JoinConfig:
    """What a Joinable knows of the Join that it is in."""

    def __init__(self, enable, throw_on_early_termination, is_first_joinable):
        self.enable = enable
        self.throw_on_early_termination = throw_on_early_termination
        self.is_first_joinable = is_first_joinable

    @staticmethod
    def construct_disabled_join_config():
        return _JoinConfig(False, False, False)


class Join:
    """`with Join([model, optimizer]):` each rank runs as many iterations as it has inputs.

    joinables: what has collectives in its iterations, in the order of its collectives.
    throw_on_early_termination: all ranks raise RuntimeError as soon as one has no inputs left.
    kwargs go to `join_hook` of each.
    """

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables = joinables
        self._enable = enable
        self._throw_on_early_termination = throw_on_early_termination
        self._join_hooks = [j.join_hook(**kwargs) for j in joinables]
        for i, joinable in enumerate(joinables):
            joinable._join_config = _JoinConfig(enable, throw_on_early_termination, i == 0)
        groups = [j.join_process_group for j in joinables]
        if any(g is not groups[0] for g in groups):
            raise ValueError("Using join context manager with multiple process groups")
        self._process_group, self._device = groups[0], joinables[0].join_device
        self._rank = _groups.get_rank(self._process_group)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if not self._enable or kind is not None:
            return
        rounds, last, warned = 0, True, False
        while self._others_left():
            if self._throw_on_early_termination:
                self._notify_procs_to_terminate()
            last = False
            for hook in self._join_hooks:
                hook.main_hook()
            rounds += 1
            if rounds > 1000 and not warned:
                warned = True
                warnings.warn(
                    f"Detected uneven input skew of greater than 1000. This means that rank {self._rank} has at "
                    "least 1000 fewer inputs than other currently-active ranks. This level of skew could lead to "
                    "performance degradation during training.",
                    stacklevel=2,
                )
        for hook in self._join_hooks:
            hook.post_hook(last)

    def _others_left(self):
        count = cygrad.zeros(1, device=self._device)
        _collectives.all_reduce(count, group=self._process_group)
        return int(count.item())

    def _notify_procs_to_terminate(self):
        flag = cygrad.ones(1, device=self._device)
        _collectives.all_reduce(flag, group=self._process_group)
        raise RuntimeError(f"Rank {self._rank} exhausted all inputs.")

    @staticmethod
    def notify_join_context(joinable):
        """To be called in each iteration, before the collectives: this rank has not joined.

        The Work, of whose `result` the first is how many have not, or None outside of Join.
        """
        assert hasattr(joinable, "_join_config"), (
            f"Check that the {type(joinable)} constructor calls the ``Joinable`` constructor"
        )
        config = joinable._join_config
        if not (config.is_first_joinable and config.enable):
            return None
        device, group = joinable.join_device, joinable.join_process_group
        work = _collectives.all_reduce(cygrad.ones(1, device=device), group=group, async_op=True)
        if config.throw_on_early_termination:
            flag = cygrad.zeros(1, device=device)
            if int(_count(work)) < group.size():
                _collectives.all_reduce(flag, group=group)
                raise RuntimeError(
                    "Detected at least one rank that exhausted inputs. Throwing across all ranks."
                )
        return work


def _count(work):
    """How many have not joined, of the Work of `notify_join_context`."""
    work.wait()
    return work.result()[0].item()
