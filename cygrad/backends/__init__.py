"""torch.backends: the libraries that PyTorch is built on, as far as programs ask for them or set their flags.

Each is a module object made here. Flags keep what they are told, with PyTorch's checks; none of the libraries is in
cygrad, so `is_available` says so, and no flag changes a result. OpenMP is, and opt_einsum where it is installed.
"""

import contextlib
import sys
import types

from .._fronts import flags as _flags, products as _products

_PRECISIONS = ("none", "ieee", "tf32", "bf16")


class _Backend(types.ModuleType):
    """A module whose flags can be set to values of their own kind only."""

    def __init__(self, name, kinds=(), **values):
        super().__init__(f"{__name__}.{name}")
        vars(self).update(values, _kinds=dict(kinds), _short=name)

    def __setattr__(self, name, value):
        if name in self._kinds:
            value = self._kinds[name](value)
        super().__setattr__(name, value)

    def _restore(self, name, value):
        vars(self)[name] = value

    def __getattr__(self, name):
        raise AttributeError(f"module 'torch.backends.{self._short}' has no attribute '{name}'")


def _bool(setter):
    def check(value):
        if not isinstance(value, bool):
            raise RuntimeError(f"{setter} expects a bool, but got {type(value).__name__}")
        return value

    return check


def _precision(value):
    if value not in _PRECISIONS:
        raise RuntimeError(f"Unknown precision: {value}")
    return value


def _no():
    return False


def _flags_of(module, names):
    """The context manager ``flags(...)`` of a backend: sets its flags for a `with` block."""
    names = dict(names)

    def set_flags(*args, **kwargs):
        given = dict(zip(names, args), **kwargs)
        unknown = given.keys() - names.keys()
        if unknown:
            raise TypeError(f"set_flags() got an unexpected keyword argument '{min(unknown)}'")
        before = tuple(getattr(module, name) for name in names)
        for name, value in given.items():
            if value is not None:
                setattr(module, name, value)
        return before

    @contextlib.contextmanager
    def flags(*args, **kwargs):
        before = set_flags(*args, **{**dict(list(names.items())[len(args) :]), **kwargs})
        try:
            yield
        finally:
            for name, value in zip(names, before):
                module._restore(name, value)

    module.flags, module.set_flags = flags, set_flags


def _precisions(**values):
    return types.SimpleNamespace(**values)


cudnn = _Backend(
    "cudnn",
    kinds={
        "enabled": _bool("set_enabled_cudnn"), "benchmark": _bool("set_benchmark_cudnn"),
        "deterministic": _bool("set_deterministic_cudnn"), "allow_tf32": _bool("set_allow_tf32_cublas"),
        "fp32_precision": _precision,
    },
    enabled=True, benchmark=False, benchmark_limit=None, deterministic=False, allow_tf32=True,
    fp32_precision="none", depthwise_kernel="auto", conv=_precisions(fp32_precision="tf32"),
    rnn=_precisions(fp32_precision="tf32"), is_available=_no, version=lambda: None,
    is_acceptable=lambda tensor: False,
)  # fmt: skip
_flags_of(
    cudnn,
    {
        "enabled": False, "benchmark": False, "benchmark_limit": 10, "deterministic": False, "allow_tf32": True,
        "fp32_precision": "none", "depthwise_kernel": "auto",
    },
)  # fmt: skip


class _Matmul:
    """torch.backends.cuda.matmul: the precision of products, as `set_float32_matmul_precision` has it."""

    _reductions = {
        "allow_fp16_reduced_precision_reduction": True,
        "allow_bf16_reduced_precision_reduction": True,
        "allow_fp16_accumulation": False,
    }

    def __getattr__(self, name):
        if name == "allow_tf32":
            return _flags.get_float32_matmul_precision() != "highest"
        if name == "fp32_precision":
            return _flags._state["matmul"]
        if name in self._reductions:
            return self._reductions[name]
        raise AttributeError(f"Unknown attribute {name}")

    def __setattr__(self, name, value):
        if name == "allow_tf32":
            _flags.set_float32_matmul_precision("high" if _bool("set_allow_tf32_cublas")(value) else "highest")
        elif name == "fp32_precision":
            _flags._state["matmul"] = _precision(value)
        elif name in self._reductions:
            self._reductions[name] = value
        else:
            raise AttributeError(f"Unknown attribute {name}")


cuda = _Backend("cuda", is_built=_no, matmul=_Matmul(), is_flash_attention_available=_no, is_ck_sdpa_available=_no)
_sdp = dict.fromkeys(("flash", "mem_efficient", "math", "cudnn"), True)


def _sdp_switch(name):
    def enable(enabled):
        _sdp[name] = _bool("set_sdp_use_math")(enabled)

    return enable


for _kind in _sdp:
    vars(cuda)[f"{_kind}_sdp_enabled"] = lambda kind=_kind: _sdp[kind]
    vars(cuda)[f"enable_{_kind}_sdp"] = _sdp_switch(_kind)


@contextlib.contextmanager
def _sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Which kernels attention may use in a `with` block; here there is one."""
    before = dict(_sdp)
    _sdp.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _sdp.update(before)


cuda.sdp_kernel = _sdp_kernel


@contextlib.contextmanager
def _verbose(enable=0):
    """Accepts the wish for a log of kernels."""
    yield


mkl = _Backend("mkl", is_available=_no, verbose=_verbose, VERBOSE_OFF=0, VERBOSE_ON=1)
mkldnn = _Backend(
    "mkldnn",
    kinds={"enabled": _bool("set_enabled_mkldnn"), "deterministic": _bool("set_deterministic_mkldnn"),
               "fp32_precision": _precision},
    enabled=True, deterministic=False, allow_tf32=None, fp32_precision="none", is_available=_no,
    is_acl_available=_no, verbose=_verbose, VERBOSE_OFF=0, VERBOSE_ON=1, VERBOSE_ON_CREATION=2,
    matmul=_precisions(fp32_precision="none"), conv=_precisions(fp32_precision="none"),
    rnn=_precisions(fp32_precision="none"),
)  # fmt: skip
_flags_of(mkldnn, {"enabled": False, "deterministic": False, "allow_tf32": True, "fp32_precision": "none"})
mps = _Backend("mps", is_available=_no, is_built=_no)
openmp = _Backend("openmp", is_available=lambda: True)


class _OptEinsum(_Backend):
    """torch.backends.opt_einsum: in which order einsum contracts its operands, as `_fronts.products` has it."""

    def __getattr__(self, name):
        if name in _products.order:
            return _products.order[name] if self.is_available() else {"enabled": False}.get(name)
        return super().__getattr__(name)

    def __setattr__(self, name, value):
        if name in _products.order:
            self._restore(name, value)
        else:
            super().__setattr__(name, value)

    def _restore(self, name, value):
        _products.order[name] = value


opt_einsum = _OptEinsum(
    "opt_einsum",
    is_available=lambda: _products.get_opt_einsum() is not None, get_opt_einsum=_products.get_opt_einsum,
)  # fmt: skip
_flags_of(opt_einsum, {"enabled": None, "strategy": None})
nnpack = _Backend("nnpack", is_available=_no)
cusparselt = _Backend("cusparselt", is_available=_no, version=lambda: None)
kleidiai = _Backend("kleidiai", is_available=_no)
miopen = _Backend("miopen", immediate=False)
mha = _Backend("mha", get_fastpath_enabled=lambda: mha._fastpath, _fastpath=True)
mha.set_fastpath_enabled = lambda value: setattr(mha, "_fastpath", value)


def _engine(value):
    if value != "none":
        raise RuntimeError(f"{value} is not a valid value for quantized engine: quantization is not in cygrad")
    return value


quantized = _Backend("quantized", kinds={"engine": _engine}, engine="none", supported_engines=["none"])


def _capability():
    """The best vector instructions of this processor, by PyTorch's names."""
    with open("/proc/cpuinfo") as file:
        text = file.read()
    return "AVX512" if " avx512f" in text else "AVX2" if " avx2" in text else "DEFAULT"


cpu = _Backend("cpu", get_cpu_capability=_capability)
fp32_precision = "none"

for _module in [value for value in globals().values() if isinstance(value, _Backend)]:
    sys.modules[_module.__name__] = _module
