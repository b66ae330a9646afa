"""cygrad: a small, fast tensor library with PyTorch's interface.

    import cygrad as torch

Everything below gives the compiled core its public names: each module lists its functions (`FUNCTIONS`), tensor methods
(`METHODS`) and properties (`PROPERTIES`), and `_publish` puts them here and on `Tensor`.  Subpackages are imported when
they are first used.
"""

import importlib as _importlib
import importlib.util as _importlib_util
import math as _math
import sys as _sys

from . import _blas, _core, _dispatch, _elementwise, _ops, _standins
from ._core import (
    DTYPES as _DTYPES,
)
from ._core import (
    Size,
    Tensor,
    device,
    dtype,
    get_default_device,
    get_default_dtype,
    is_grad_enabled,
    is_inference_mode_enabled,
    set_default_device,
    set_default_dtype,
)
from ._ops import can_cast, get_num_threads, promote_types, result_type, set_num_threads
from .torch_version import TorchVersion

__version__ = TorchVersion("2.13.0")  # of the interface that is followed; `version.cygrad` is the library's own
torch = _sys.modules[__name__]  # programs write torch.torch, by mistake
pi, e, inf, nan, newaxis = _math.pi, _math.e, _math.inf, _math.nan, None

for _d in _DTYPES:
    globals()[_d.name] = _d
half, float, double = float16, float32, float64  # noqa: F821
complex32, cfloat, cdouble, chalf = _core.complex32, complex64, complex128, _core.complex32  # noqa: F821
short, int, long = int16, int32, int64  # noqa: F821

_blas.load()


def _listed(module, kind):
    found = getattr(module, kind, {})
    return found.items() if isinstance(found, dict) else [(name, getattr(module, name)) for name in found]


def _publish(module):
    """Makes the functions, methods and properties that a module lists public."""
    for name, function in _listed(module, "FUNCTIONS"):
        globals()[name] = _dispatch.function(name, function)
    for name, method in _listed(module, "METHODS"):
        setattr(Tensor, name, method)
    for name, getter in _listed(module, "PROPERTIES"):
        setattr(Tensor, name, getter if isinstance(getter, property) else property(getter))


dtype.__module__ = "torch"
Tensor.__module__, Tensor.__name__ = "torch", "Tensor"  # the name alone: messages of Python's operators print it
for _name in (
    "_ops", "_shape", "_elementwise", "_complex", "_reduce", "_reductions", "_creation", "_bridge", "_draws",
    "_indexing", "_products", "_misc", "_flags", "_checks", "storage",
):  # fmt: skip
    _publish(_importlib.import_module("." + _name, __name__))
for _name, _operator in _elementwise.OPERATORS.items():
    setattr(Tensor, _name, _operator)

from . import autograd, random  # noqa: E402
from ._as_torch import install_as_torch  # noqa: E402
from ._tensor_str import _str, get_printoptions, printoptions, set_printoptions  # noqa: E402
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled  # noqa: E402
from .random import (  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

Tensor.__repr__ = lambda self, *, tensor_contents=None: _str(self, tensor_contents=tensor_contents)

# Names whose modules are imported when they are first used.
_ELSEWHERE = dict.fromkeys(
    """adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout avg_pool1d batch_norm bilinear
    binary_cross_entropy_with_logits channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d
    conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout embedding embedding_bag
    feature_alpha_dropout group_norm hinge_embedding_loss instance_norm kl_div layer_norm log_softmax
    margin_ranking_loss max_pool1d max_pool1d_with_indices max_pool2d max_pool3d pairwise_distance pdist pixel_shuffle
    pixel_unshuffle poisson_nll_loss prelu rms_norm rrelu rrelu_ selu selu_ softmax triplet_margin_loss""".split(),
    "nn.functional",
) | {"load": "serialization", "save": "serialization", "vmap": "func"}
_LINALG_METHODS = """cholesky cholesky_inverse cholesky_solve cross det eig geqrf inverse logdet lstsq lu lu_solve
    matrix_exp matrix_power orgqr ormqr pinverse qr slogdet solve svd symeig triangular_solve""".split()
_ELSEWHERE |= dict.fromkeys(
    _LINALG_METHODS
    + "frobenius_norm lu_unpack matrix_rank nuclear_norm pca_lowrank svd_lowrank vander".split(),
    "linalg._torch",
)
_ELSEWHERE |= {"compile": "compiler", "cond": "_higher_order_ops", "OutOfMemoryError": "cl", "Future": "futures"}
_ELSEWHERE |= {"Event": "cuda.streams", "Stream": "cuda.streams"}


def __getattr__(name):
    if name in _ELSEWHERE:
        value = getattr(_importlib.import_module("." + _ELSEWHERE[name], __name__), name)
    elif not name.startswith("__") and _importlib_util.find_spec(f"{__name__}.{name}"):
        value = _importlib.import_module("." + name, __name__)
    else:
        raise AttributeError(f"module 'torch' has no attribute '{name}': cygrad does not have it yet")
    globals()[name] = value
    return value


def _method_elsewhere(name):
    def method(self, *args, **kw):
        return (globals().get(name) or __getattr__(name))(self, *args, **kw)

    method.__name__ = method.__qualname__ = name
    return method


for _name in ("softmax", "log_softmax", "prelu", *_LINALG_METHODS):
    setattr(Tensor, _name, _method_elsewhere(_name))
_dispatch.publish_tensor()
del _name, _operator, _d
