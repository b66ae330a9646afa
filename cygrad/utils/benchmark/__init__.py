"""torch.utils.benchmark: timing statements, comparing the results in tables, and random inputs to time."""

from . import utils
from .utils.common import (
    Measurement,
    TaskSpec,
    select_unit,
    trim_sigfig,
    unit_to_english,
)
from .utils.compare import Colorize, Compare
from .utils.fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias
from .utils.timer import CallgrindStats, FunctionCount, FunctionCounts, Language, Timer, timer

__all__ = [
    "CallgrindStats", "Colorize", "Compare", "FunctionCount", "FunctionCounts", "FuzzedParameter", "FuzzedTensor",
    "Fuzzer", "Language", "Measurement", "ParameterAlias", "TaskSpec", "Timer", "select_unit", "timer", "trim_sigfig",
    "unit_to_english", "utils",
]  # fmt: skip
