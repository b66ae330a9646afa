"""Timing a statement."""

import enum
import textwrap
import time
import timeit

from ...._standins import stand_in
from .common import Measurement, TaskSpec, set_torch_threads

_WHY = "there is no Callgrind"
CallgrindStats, CopyIfCallgrind, FunctionCount, FunctionCounts = (
    stand_in(f"utils.benchmark.{name}()", _WHY)
    for name in ("CallgrindStats", "CopyIfCallgrind", "FunctionCount", "FunctionCounts")
)


def timer():
    """Seconds, when all devices have done their work."""
    from .... import cuda

    if cuda.is_available() and cuda.is_initialized():
        cuda.synchronize()
    return time.perf_counter()


class Language(enum.Enum):
    """The language of a statement."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times a statement, as timeit does, in `num_threads` threads, warmed up, devices synchronised."""

    def __init__(
        self, stmt="pass", setup="pass", global_setup="", timer=timer, globals=None, label=None, sub_label=None,
        description=None, env=None, num_threads=1, language=Language.PYTHON,
    ):  # fmt: skip
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language in (Language.CPP, "cpp", "c++"):
            raise NotImplementedError("torch.utils.benchmark.Timer: cygrad has no C++ interface to time")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to "
                "`setup`."
            )
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        names = dict(globals or {})
        import cygrad

        names.setdefault("torch", cygrad)
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(
            stmt=stmt, setup=setup, label=label, sub_label=sub_label, description=description, env=env,
            num_threads=num_threads,
        )  # fmt: skip

    def _measurement(self, number, times):
        return Measurement(number_per_run=number, raw_times=times, task_spec=self._task_spec)

    def timeit(self, number=1000000):
        """One measurement of `number` executions, after a hundredth as many to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timer.timeit(number=max(number // 100, 2))
            return self._measurement(number, [self._timer.timeit(number=number)])

    def _block_size(self, least):
        """How many executions make the timer's own cost small: a block takes `least` seconds or more."""
        overhead = min(timeit.Timer("pass", timer=self._timer.timer).repeat(5, 1))
        number = 1
        while True:
            taken = self._timer.timeit(number)
            if taken >= least and overhead <= 1e-4 * taken or taken >= 1000 * least:
                return number
            number *= 10

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Measures blocks of executions until `min_run_time` seconds have passed in them."""
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(min_run_time / 1000)
            times, total = [], 0.0
            while total < min_run_time:
                times.append(self._timer.timeit(number))
                total += times[-1]
                if callback is not None:
                    callback(number, times[-1])
        return self._measurement(number, times)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Measures until the interquartile range is below `threshold` times the median, or time is up."""
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(0.05 * min_run_time)
            times, total = [], 0.0
            while total < max_run_time:
                times.append(self._timer.timeit(number))
                total += times[-1]
                if callback is not None:
                    callback(number, times[-1])
                if total >= min_run_time and len(times) > 3 and (
                    self._measurement(number, times).meets_confidence(threshold)
                ):  # fmt: skip
                    break
        return self._measurement(number, times)

    def collect_callgrind(self, number=100, *, repeats=None, collect_baseline=True, retain_out_file=False):
        """Not in cygrad."""
        raise NotImplementedError(f"torch.utils.benchmark.Timer.collect_callgrind is not in cygrad: {_WHY}")
