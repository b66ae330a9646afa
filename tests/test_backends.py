"""Flags of backends and of the library, torch.cuda and torch.accelerator without a GPU: as PyTorch's CPU build."""

import os
import subprocess
import sys
import warnings

import cygrad.backends.cudnn as cudnn
import pytest

import cygrad as torch
from cygrad.backends import mps


@pytest.fixture(autouse=True)
def _restore():
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    cudnn.set_flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True, fp32_precision="none")


def test_modules():
    assert cudnn is torch.backends.cudnn and mps.is_available() is False
    assert cudnn.is_available() is False and cudnn.version() is None
    assert torch.backends.openmp.is_available() is True and torch.backends.mkl.is_available() is False
    assert torch.backends.cuda.is_built() is False and torch.xpu.is_available() is False
    assert torch.mps.is_available() is False and torch.cpu.is_available() is True
    with pytest.raises(AttributeError, match="^module 'torch.backends.cudnn' has no attribute 'nothing'$"):
        _ = cudnn.nothing


@pytest.mark.parametrize(
    "statement, message",
    [
        ("torch.backends.cudnn.benchmark = 5", "set_benchmark_cudnn expects a bool, but got int"),
        ("torch.backends.cudnn.deterministic = 1", "set_deterministic_cudnn expects a bool, but got int"),
        ("torch.backends.cudnn.enabled = 0", "set_enabled_cudnn expects a bool, but got int"),
        ("torch.backends.cudnn.fp32_precision = 'x'", "Unknown precision: x"),
        ("torch.backends.cuda.matmul.allow_tf32 = 3", "set_allow_tf32_cublas expects a bool, but got int"),
        ("torch.backends.cuda.matmul.zork = 3", "Unknown attribute zork"),
        ("torch.backends.mkldnn.enabled = 3", "set_enabled_mkldnn expects a bool, but got int"),
        ("torch.backends.cuda.enable_flash_sdp(3)", "set_sdp_use_math expects a bool, but got int"),
        (
            "torch.use_deterministic_algorithms(1)",
            "_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not int",
        ),
        (
            "torch.set_deterministic_debug_mode('x')",
            "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got x",
        ),
        ("torch.set_deterministic_debug_mode(5)", "invalid value of debug_mode, expected 0, 1, or 2, but got 5"),
        ("torch.set_deterministic_debug_mode(1.5)", "debug_mode must be str or int, but got <class 'float'>"),
        ("torch.set_float32_matmul_precision(3)", "set_float32_matmul_precision expects a str, but got int"),
        ("torch.set_warn_always(1)", "setWarnOnlyOnce expects a bool, but got int"),
    ],
)
def test_checks(statement, message):
    with pytest.raises((RuntimeError, TypeError, AttributeError)) as raised:
        exec(statement)
    assert str(raised.value) == message


def test_flags_are_kept():
    cudnn.benchmark = True
    with cudnn.flags(enabled=False, benchmark=False):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (False, False, False, True)
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (True, True, False, True)
    torch.backends.cuda.matmul.allow_tf32 = True
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    with torch.backends.cuda.sdp_kernel(enable_flash=False):
        assert not torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_deterministic():
    assert not torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.get_deterministic_debug_mode() == 1 and torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_deterministic_debug_mode("error")
    assert torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled()
    with pytest.warns(UserWarning, match="^foo is not one of 'highest', 'high', or 'medium'"):
        torch.set_float32_matmul_precision("foo")


def test_fork_rng():
    torch.manual_seed(0)
    first = torch.rand(1)
    with torch.random.fork_rng():
        torch.manual_seed(9)
    torch.manual_seed(0)
    assert torch.rand(1) == first
    with pytest.raises(RuntimeError, match="device type at start of device string: zork"):
        with torch.random.fork_rng(device_type="zork"):
            pass


NO_GPU = """
import warnings
import cygrad as torch
def show(statement):
    try:
        print(repr(eval(statement)))
    except Exception as error:
        print(type(error).__name__, error)
for statement in '''torch.cuda.is_available(), torch.cuda.device_count(), torch.cuda.is_initialized()
torch.cuda.current_device()
torch.cuda.Event()
torch.cuda.Stream()
torch.cuda.stream(None).__enter__()
torch.cuda.current_stream()
torch.cuda.device(0).__enter__()
torch.cuda.device(-1).__enter__()
torch.cuda.memory_stats(), torch.cuda.memory_allocated(), torch.cuda.max_memory_reserved(), torch.cuda.empty_cache()
torch.cuda.get_rng_state_all(), torch.cuda.manual_seed_all(3), torch.cuda.seed(), torch.cuda.get_arch_list()
torch.cuda.get_device_capability()
torch.cuda.FloatTensor(2)
isinstance(torch.ones(2), torch.cuda.FloatTensor)
torch.cuda.is_bf16_supported()
torch.accelerator.is_available(), torch.accelerator.device_count(), torch.accelerator.current_accelerator()
torch.accelerator.current_device_index()
torch.accelerator.synchronize()
torch.xpu.synchronize()
torch.mps.synchronize()
next(torch.random.fork_rng(devices=[0]).gen)'''.splitlines():
    show(statement)
"""
PRINTED = """(False, 0, False)
AssertionError Torch not compiled with CUDA enabled
RuntimeError Tried to instantiate dummy base class Event
RuntimeError torch.cuda.Stream requires CUDA support
None
AssertionError Torch not compiled with CUDA enabled
RuntimeError PyTorch was compiled without CUDA support
None
(OrderedDict(), 0, 0, None)
([], None, None, [])
AssertionError Torch not compiled with CUDA enabled
TypeError type torch.cuda.FloatTensor not available. Torch not compiled with CUDA enabled.
False
False
(False, 0, None)
RuntimeError Cannot access accelerator device when none is available.
RuntimeError Cannot access accelerator device when none is available.
AssertionError Torch not compiled with XPU enabled
RuntimeError Cannot execute deviceSynchronize() without MPS backend.
AssertionError Torch not compiled with CUDA enabled
"""


def test_without_a_gpu():
    """In a process that sees no OpenCL at all; what PyTorch's CPU build prints."""
    code = f"import sys; sys.modules['pyopencl'] = None\n{NO_GPU}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == PRINTED, done.stderr


def test_streams_and_events(device):
    if device.type == "cpu":
        pytest.skip("needs a device")
    code = """
import cygrad as torch
x = torch.ones(1000, device="cuda")
start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
with torch.cuda.stream(torch.cuda.Stream()):
    start.record()
    y = x * 2
    end.record()
torch.cuda.synchronize()
assert start.elapsed_time(end) >= 0 and end.query() and torch.cuda.current_stream() == torch.cuda.Stream()
assert torch.accelerator.current_accelerator().type == "cuda" and torch.accelerator.current_device_index() == 0
assert isinstance(x, torch.cuda.FloatTensor) and not isinstance(x, torch.cuda.LongTensor)
assert torch.cuda.FloatTensor([1, 2]).device.type == "cuda"
assert torch.get_device_module() is torch.cuda and torch.get_device_module("opencl:0") is torch.opencl
assert torch.cuda.memory_stats_as_nested_dict()["allocated_bytes"]["all"]["current"] >= 4000
torch.cuda.set_per_process_memory_fraction(0.5)
assert abs(torch.cuda.get_per_process_memory_fraction() - 0.5) < 1e-6
assert torch.cuda.memory_allocated() > 0 and "allocated_bytes.all.current" in torch.cuda.memory_summary()
free, total = torch.cuda.mem_get_info()
assert 0 < free <= total
torch.cuda.reset_peak_memory_stats()
try:
    torch.cuda.Event().elapsed_time(end)
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "CYGRAD_DEVICE": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout == "Both events must be created with argument 'enable_timing=True'.\n", done.stderr


def test_versions():
    from cygrad.torch_version import TorchVersion

    version = torch.__version__
    assert isinstance(version, TorchVersion) and version == "2.13.0" and version.split(".")[0] == "2"
    assert version >= (2, 1) and version > "1.13" and version > "2.9.1" and not version < "2.2.1+cpu"
    assert TorchVersion("2.0.0rc1") < "2.0" and TorchVersion("2.1.0.dev2024") < (2, 1)
    assert TorchVersion("2.1") == "2.1.0"
    assert (version.major, version.minor, version.micro) == (2, 13, 0)
    assert not version == "nothing"


def test_check():
    torch._check(True)
    for function, kind in (("", RuntimeError), ("_value", ValueError), ("_type", TypeError), ("_index", IndexError)):
        with pytest.raises(kind, match="^why$"):
            getattr(torch, f"_check{function}")(False, lambda: "why")
    with pytest.raises(RuntimeError, match="^Expected cond to be True, but got False. "):
        torch._check(False)
    with pytest.raises(TypeError, match="^cond must be a bool, but got <class 'int'>$"):
        torch._check(1)


def test_numbers():
    assert (torch.sym_int(3.7), torch.sym_float(2), torch.sym_max(1, 2.5), torch.sym_min(1, 2)) == (3, 2.0, 2.5, 1)
    assert torch.sym_not(0) is True and torch.sym_ite(True, 1, 2) == 1 and torch.sym_sum([1, 2]) == 3


def test_resize():
    with pytest.warns(UserWarning, match="^non-inplace resize is deprecated$"):
        assert torch.ones(4).resize(2, 2).shape == (2, 2)
    warned = pytest.warns(UserWarning)
    with warned, pytest.raises(RuntimeError, match=r"^requested resize to 5 \(5 elements in total\), but"):
        torch.ones(4).resize(5)


def test_module_load():
    x = torch.ones(2)
    y = x.module_load(torch.zeros(2))
    assert y.tolist() == [0, 0] and y.data_ptr() == x.data_ptr()
    other = torch.zeros(2)
    assert x.module_load(other, assign=True).data_ptr() == other.data_ptr()


def test_dtypes_that_no_tensor_has():
    assert repr(torch.float8_e4m3fn) == "torch.float8_e4m3fn" and {torch.uint16: 1}[torch.uint16] == 1
    assert repr(torch.finfo(torch.float8_e4m3fn)) == (
        "finfo(resolution=1, min=-448, max=448, eps=0.125, smallest_normal=0.015625, tiny=0.015625, "
        "dtype=float8_e4m3fn)"
    )
    with pytest.raises(TypeError):
        torch.zeros(2, dtype=torch.uint16)


def test_warnings_are_given_once_unless_always():
    x, y = torch.ones(3), torch.arange(3.0)

    def given(times):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(times):
                torch.cross(x, y)
        return [(str(w.message).split("\n")[0], w.filename) for w in seen]

    assert given(3) == [("Using torch.cross without specifying the dim arg is deprecated.", __file__)]
    torch.set_warn_always(True)
    try:
        assert torch.is_warn_always_enabled() and len(given(3)) == 3
    finally:
        torch.set_warn_always(False)
