"""cygrad: a small, fast tensor library with PyTorch's interface.

    import cygrad as torch

Everything below gives the compiled core its public names: each module lists its functions (`FUNCTIONS`), tensor methods
(`METHODS`) and properties (`PROPERTIES`), and `_publish` puts them here and on `Tensor`.  Subpackages are imported when
they are first used.
"""

import importlib as _importlib
import importlib.util as _importlib_util
import math as _math
import os as _os
import sys as _sys

import cygrad._spin as _spin  # noqa: F401 - before whatever else loads libgomp

from . import _core, _dispatch, _ops
from ._as_torch import standins as _absent  # modules of names that are not here
from ._core import (
    DTYPES as _DTYPES,
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
from ._devices import meta as _meta
from ._files import moved as _moved
from ._fronts import elementwise as _elementwise, spellings as _spellings
from ._kernels import blas as _blas
from ._ops import can_cast, promote_types, result_type
from ._threads import get_num_threads, set_num_threads
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
_dispatch.set_explainer(_spellings.explain)
_core.set_backends(lambda: _importlib.import_module(".cl", __name__), _meta.BACKENDS)


def _stay_at_one_thread():
    global set_num_threads
    set_num_threads = _importlib.import_module("._fronts.misc", __name__).stay_at_one_thread()


if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_stay_at_one_thread)


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
    "_types", "_ops", "_reduce", "_creation.factories", "_creation.sequences", "_creation.bridge", "_creation.dlpack",
    "_operators.shape", "_operators.complex", "_operators.draws", "_fronts.elementwise", "_fronts.reductions",
    "_fronts.indexing", "_fronts.products", "_fronts.windows", "_fronts.legacy", "_fronts.misc", "_fronts.rare",
    "_fronts.foreach", "_fronts.flags", "_fronts.checks", "storage",
):  # fmt: skip
    _publish(_importlib.import_module("." + _name, __name__))
for _name, _operator in _elementwise.OPERATORS.items():
    setattr(Tensor, _name, _operator)

from . import _utils, autograd, random, storage as _storage  # noqa: E402
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
    thread_safe_generator,
)

Tensor.__repr__ = lambda self, *, tensor_contents=None: _str(self, tensor_contents=tensor_contents)

# Names whose modules are imported when they are first used: functions of the package, and methods of tensors.
_LINALG = """cholesky cholesky_inverse cholesky_solve cross det eig geqrf inverse logdet lstsq lu lu_solve matrix_exp
    matrix_power orgqr ormqr pinverse qr slogdet solve svd symeig triangular_solve"""
_ELSEWHERE = {
    "nn.functional": """adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d bilinear channel_shuffle conv1d conv2d conv3d
    conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity max_pool1d max_pool1d_with_indices
    max_pool2d max_pool3d pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu rms_norm rrelu_ selu selu_""",
    "nn.functional.native": """alpha_dropout alpha_dropout_ batch_norm binary_cross_entropy_with_logits convolution
    cosine_embedding_loss ctc_loss embedding embedding_bag embedding_renorm_ feature_alpha_dropout
    feature_alpha_dropout_ feature_dropout_ group_norm gru gru_cell hinge_embedding_loss instance_norm kl_div
    layer_norm log_softmax lstm lstm_cell margin_ranking_loss native_batch_norm native_channel_shuffle native_dropout
    native_group_norm native_layer_norm norm_except_dim poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
    rrelu softmax triplet_margin_loss""",
    "linalg._torch": _LINALG
    + " frobenius_norm lu_unpack matrix_rank nuclear_norm pca_lowrank svd_lowrank vander",
    "linalg._lobpcg": "lobpcg",
    "_fronts.numeric": """affine_grid_generator cdist constant_pad_nd gradient grid_sampler grid_sampler_2d
    grid_sampler_3d histogram histogramdd nonzero_static""",
    "_fronts.copies": """alias_copy as_strided_copy detach_copy diagonal_copy expand_copy permute_copy select_copy
    slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy
    unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy""",
    "sparse._making": "smm sparse_coo_tensor sparse_csr_tensor spmm",
    "_fronts.spectral": "istft stft",
    "_fronts.devices": "get_device_module",
    "amp.autocast_mode": """autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache
    get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype
    set_autocast_enabled set_autocast_gpu_dtype""",
    "amp": "GradScaler",
    "serialization": "load save",
    "func": "vmap",
    "compiler": "compile",
    "_fronts.control": "cond while_loop",
    "cl": "OutOfMemoryError",
    "cuda": "Event Stream",
    "futures": "Future",
}
_METHODS_ELSEWHERE = {
    "nn.functional": "prelu",
    "nn.functional.native": "softmax log_softmax",
    "linalg._torch": _LINALG,
    "_fronts.numeric": "histogram nonzero_static",
    "_fronts.spectral": "istft stft",
    "sparse._making": """coalesce col_indices crow_indices dense_dim indices is_coalesced smm sparse_dim sparse_mask
    to_dense to_sparse to_sparse_coo to_sparse_csr values""",
}
_ELSEWHERE = {name: module for module, names in _ELSEWHERE.items() for name in names.split()}


def __getattr__(name):
    if name in _ELSEWHERE:
        module = _ELSEWHERE[name]
        value = getattr(_importlib.import_module("." + module, __name__), name)
        if module.startswith(("linalg.", "_fronts.", "nn.functional.")):
            value = _dispatch.function(name, value)
    elif (not name.startswith("__") or name in ("__config__", "__future__")) and _importlib_util.find_spec(
        f"{__name__}.{name}"
    ):
        value = _importlib.import_module("." + name, __name__)
    else:
        raise AttributeError(f"module 'torch' has no attribute '{name}': cygrad does not have it yet")
    globals()[name] = value
    return value


def _elsewhere(name, module):
    """The function `name` of a module that is imported when it is first called."""

    def imported():
        found = getattr(_importlib.import_module("." + module, __name__), name)
        return found.__wrapped__ if _dispatch.is_public(found) else found

    def function(*args, **kw):
        return imported()(*args, **kw)

    function.__name__ = function.__qualname__ = name
    function.imported = imported
    return function


# What stands low and calls what stands high is handed it.
_utils.set_makers(
    parameter=_elsewhere("Parameter", "nn.parameter"),
    sparse_coo=_elsewhere("sparse_coo_tensor", "sparse._making"),
    sparse_csr=_elsewhere("sparse_csr_tensor", "sparse._making"),
)
_storage.set_load(_elsewhere("load", "serialization"))
_dispatch.set_documentation(_elsewhere("text_of", "_docs"))
for _module, _names in _METHODS_ELSEWHERE.items():
    for _name in _names.split():
        setattr(Tensor, _name, _elsewhere(_name, _module))
_dispatch.publish_tensor()
del _module, _name, _names, _operator, _d
