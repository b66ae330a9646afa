"""torch.func: functions that take a function and return its gradient, Jacobian or batched form.

All are made of backward passes over the recorded graph and nest freely.  `vmap` calls the function once, on tensors
that hide their batch dimension (`_batched.py`); Jacobians are made of it.
"""

from ._module import functional_call, replace_all_batch_norm_modules_, stack_module_state
from ._rearrange import rearrange
from ._transforms import (
    debug_unwrap,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)
from ._vmap import vmap

__all__ = [
    "debug_unwrap",
    "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "rearrange", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
