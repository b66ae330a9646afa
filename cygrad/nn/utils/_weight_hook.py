"""What the older parametrisations, which are forward pre-hooks, share."""

from ..parameter import Parameter


def take_hook(module, wanted):
    """Take the first forward pre-hook that ``wanted`` accepts off the module; None without one."""
    for key, hook in module._forward_pre_hooks.items():
        if wanted(hook):
            return module._forward_pre_hooks.pop(key)
    return None


class WeightHook:
    """A hook that computes the weight ``name`` from others, whose names end in ``_parts``."""

    _title: str
    _parts: tuple[str, ...]

    @classmethod
    def _is_for(cls, name):
        return lambda hook: isinstance(hook, cls) and hook.name == name

    def _check_alone(self, module):
        if any(map(self._is_for(self.name), module._forward_pre_hooks.values())):
            raise RuntimeError(
                f"Cannot register two {self._title} hooks on the same parameter {self.name}"
            )

    def _restore(self, module, weight):
        """Put an ordinary parameter back in the place of the parts."""
        for name in (self.name, *(self.name + part for part in self._parts)):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))

    @classmethod
    def _remove_from(cls, module, name):
        hook = take_hook(module, cls._is_for(name))
        if hook is None:
            raise ValueError(f"{cls._title} of '{name}' not found in {module}")
        hook.remove(module)
        return module
