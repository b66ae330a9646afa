"""Modules that learn the shapes of their parameters from the first input."""

import cygrad

from ..parameter import is_lazy


class LazyModuleMixin:
    """Runs ``initialize_parameters(*args)`` before the first forward and then changes class.

    ``cls_to_become`` names the ordinary class (None keeps this one).
    """

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            type(self)._infer_parameters, with_kwargs=True
        )

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for members in (self._parameters, self._buffers):
            for name, value in members.items():
                if value is None or name in self._non_persistent_buffers_set:
                    continue
                keep = is_lazy(value) or keep_vars
                destination[prefix + name] = value if keep else value.detach()

    def _lazy_load_hook(self, state_dict, prefix, local_metadata, strict, missing_keys,
                        unexpected_keys, error_msgs):
        """Give lazy tensors the shapes found in the state dict, so that they can be copied."""
        for members in (self._parameters, self._buffers):
            for name, value in members.items():
                loaded = state_dict.get(prefix + name)
                if value is not None and loaded is not None and is_lazy(value):
                    if not is_lazy(loaded):
                        with cygrad.no_grad():
                            value.materialize(loaded.shape)

    def initialize_parameters(self, *args, **kwargs):
        """Materialise the parameters for an input; every lazy class defines it."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self):
        """Whether some parameter or buffer still waits for its shape."""
        return any(
            is_lazy(v) for members in (self._parameters, self._buffers) for v in members.values()
        )

    def _infer_parameters(self, args, kwargs=None):
        self.initialize_parameters(*args, **(kwargs or {}))
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized"
            )
        self._initialize_hook.remove()
        self._load_hook.remove()
        del self._initialize_hook
        del self._load_hook
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
