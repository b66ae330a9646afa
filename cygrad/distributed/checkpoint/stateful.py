"""Stateful: what `save` and `load` take for an object that knows its own state."""

import typing

__all__ = ["Stateful"]


@typing.runtime_checkable
class Stateful(typing.Protocol):
    """An object with `state_dict` and `load_state_dict`."""

    def state_dict(self):
        """Its state, a dict."""
        ...

    def load_state_dict(self, state_dict):
        """Takes the state on."""
        ...
