"""What was measured, and how it is printed."""

import contextlib
import dataclasses
import math
import textwrap

import numpy as np

import cygrad

_UNITS = (("ns", 1e-9, "nanosecond"), ("us", 1e-6, "microsecond"), ("ms", 1e-3, "millisecond"), ("s", 1, "second"))
# What a clock and a busy system leave uncertain at least, in seconds; and the normal distribution's 90 % interval.
_LEAST_UNCERTAINTY, _Z = 25e-9, 1.645
_MOST_DIGITS = 4


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What is timed: the statement, its setup, and how tables call it."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        """The label, or a statement of one line."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt
        name = f"[{self.sub_label}] " if self.sub_label else ""
        return f"stmt:{name}\n{textwrap.indent(self.stmt, '  ')}"

    def setup_str(self):
        """The setup as the summary prints it."""
        if self.setup in ("", "pass"):
            return ""
        if "\n" in self.setup:
            return f"setup:\n{textwrap.indent(self.setup, '  ')}"
        return f"setup: {self.setup}"

    def summarize(self):
        """Title, description and setup, a line each."""
        lines = [self.title, self.description or "", self.setup_str()]
        return "\n".join(line for line in lines if line)


@dataclasses.dataclass(init=True, repr=False)
class Measurement:
    """Times of a statement: `raw_times` in seconds, of `number_per_run` executions each."""

    number_per_run: int
    raw_times: list
    task_spec: TaskSpec
    metadata: dict | None = None

    def __getattr__(self, name):
        if name in ("stmt", "setup", "num_threads", "label", "sub_label", "description", "env", "title"):
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute '{name}'")

    @property
    def times(self):
        """Seconds per execution, one per measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self):
        return float(np.median(self.times))

    @property
    def mean(self):
        return float(np.mean(self.times))

    @property
    def iqr(self):
        """From the 25th to the 75th percentile, seconds."""
        low, high = np.percentile(self.times, (25, 75))
        return float(high - low)

    @property
    def has_warnings(self):
        """Whether the measurements differ too much."""
        return not self.meets_confidence(0.1)

    @property
    def as_row_name(self):
        """How a table calls it."""
        return self.sub_label or self.stmt or "[Unknown]"

    @property
    def significant_figures(self):
        """How many digits of the median can be relied on, 1 to 4.

        A z interval of the mean of the middle half of the measurements, which the tails do not disturb.
        """
        times, n = sorted(self.times), len(self.raw_times)
        middle = times[n // 4 : math.ceil(3 * n / 4)]
        interval = max(_Z * float(np.std(middle)) / math.sqrt(len(middle)), _LEAST_UNCERTAINTY)
        return min(max(math.floor(math.log10(self.median / interval)), 1), _MOST_DIGITS)

    def meets_confidence(self, threshold=0.1):
        """Whether the interquartile range is below `threshold` times the median."""
        return self.iqr / self.median < threshold

    def __repr__(self):
        unit, scale = select_unit(self.median)
        n = len(self.raw_times)

        def show(seconds):
            return f"{seconds / scale:.2f}"

        lines = [object.__repr__(self), self.task_spec.summarize()]
        if "\n" in self.setup:
            lines.append("")
        if n == 1:
            lines.append(f"  {show(self.median)} {unit}")
        else:
            gap = ""
            if n >= 4:
                low, high = np.percentile(self.times, (25, 75))
                gap = f"  IQR:    {show(self.iqr)} {unit} ({show(low)} to {show(high)})"
            lines += [f"  Median: {show(self.median)} {unit}"] + ([gap] if gap else [])
        plural, runs = ("s", "per measurement") if n > 1 else ("", "")
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines.append(f"  {n} measurement{plural}, {self.number_per_run} runs {runs}, {threads}")
        share = self.iqr / self.median
        if n > 1 and share >= 0.1:
            lines += [
                f"  WARNING: Interquartile range is {100 * share:.1f}% of the median measurement.",
                "           This suggests significant environmental influence."
                if share >= 0.25
                else "           This could indicate system fluctuation.",
            ]
        return "\n".join(lines)

    @staticmethod
    def merge(measurements):
        """One measurement for each task, of all its measurements."""
        grouped = {}
        for m in measurements:
            grouped.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, times, spec) for spec, times in grouped.items()]


def select_unit(t):
    """The unit in which seconds read best: ("us", 1e-06)."""
    for name, scale, _ in reversed(_UNITS):
        if t >= scale:
            return name, scale
    return ("ns", 1e-9) if t >= 1e-9 else ("s", 1)


def unit_to_english(u):
    """The name of a unit: "microsecond" of "us"."""
    return {name: english for name, _, english in _UNITS}[u]


def trim_sigfig(x, n):
    """`x` rounded to `n` significant figures."""
    if x == 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return float(round(x / scale) * scale)


def ordered_unique(elements):
    """The elements, each once, in their order."""
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n):
    """A `with` block in which operators use `n` threads."""
    before = cygrad.get_num_threads()
    cygrad.set_num_threads(n)
    try:
        yield
    finally:
        cygrad.set_num_threads(before)
