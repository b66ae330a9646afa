"""Warnings of behaviour that changed long ago: switches that nothing reads any more."""

__all__ = ["Warning", "broadcast_warning", "keepdim_warning"]


class Warning:
    """A switch."""

    def __init__(self, setter, getter):
        self.setter, self.getter = setter, getter

    def set_enabled(self, value):
        """Turns the warning on or off."""
        self.setter(value)

    def get_enabled(self):
        """Whether it is on."""
        return self.getter()

    enabled = property(get_enabled, set_enabled)


def _switch():
    state = [False]
    return Warning(lambda value: state.__setitem__(0, bool(value)), lambda: state[0])


broadcast_warning, keepdim_warning = _switch(), _switch()
