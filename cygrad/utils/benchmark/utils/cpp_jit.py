"""Timing C++ by compiling it, which cygrad does not do."""

from types import ModuleType as CallgrindModuleType, ModuleType as TimeitModuleType

from ...._standins import refusing

__all__ = ["CallgrindModuleType", "TimeitModuleType", "compile_callgrind_template", "compile_timeit_template",
           "get_compat_bindings"]  # fmt: skip
_WHY = "statements in C++ are not timed"
compile_callgrind_template, compile_timeit_template, get_compat_bindings = (
    refusing(f"utils.benchmark.utils.cpp_jit.{_name}", _WHY)
    for _name in ("compile_callgrind_template", "compile_timeit_template", "get_compat_bindings")
)
