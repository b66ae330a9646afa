"""Tables of measurements."""

import enum
import math

from .common import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

_BEST, _BAD, _VERY_BAD = "\033[92m\033[1m", "\033[2m\033[91m", "\033[31m\033[1m"
_END = "\033[0m\033[0m"


class Colorize(enum.Enum):
    """What a table compares by colour."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class _Table:
    """The measurements of one label: a row per environment, sub-label and thread count, a column per description."""

    def __init__(self, results, colorize, trim, warnings):
        self.label, self.colorize, self.trim, self.warnings = results[0].label, colorize, trim, warnings
        self.cells = {(_row(m), m.description): m for m in results}
        self.columns = ordered_unique(m.description for m in results)
        envs = ordered_unique(m.env for m in results)
        rows = ordered_unique(_row(m) for m in results)
        self.rows = sorted(rows, key=lambda row: (row[0], envs.index(row[1])))
        self.unit, self.scale = select_unit(min(m.median for m in results))

    def figures(self, column):
        """The texts of a column's times, of one width; "" where there is none."""
        found = {row: self.cells.get((row, column)) for row in self.rows}
        digits = 1
        if self.trim:
            wanted = [
                m.significant_figures - math.ceil(math.log10(m.median / self.scale))
                for m in found.values()
                if m is not None
            ]
            digits = max(0, min(wanted))
        texts = {}
        for row, m in found.items():
            if m is None:
                texts[row] = ""
                continue
            value = m.median / self.scale
            if self.trim:
                value = trim_sigfig(value, m.significant_figures)
            texts[row] = f"{value:.{digits}f}"
        width = max(map(len, texts.values()))
        for row, m in found.items():
            if m is not None:
                texts[row] = texts[row].rjust(width)
                if self.warnings and m.has_warnings:
                    texts[row] += f" (! {100 * m.iqr / m.median:.0f}%)"
        return texts

    def color(self, row, column):
        """The escape sequence for a cell: how it compares with the best of its row, or of its column and threads."""
        m = self.cells[row, column]
        if self.colorize is Colorize.ROWWISE:
            rivals = [self.cells.get((row, c)) for c in self.columns]
        elif self.colorize is Colorize.COLUMNWISE:
            rivals = [self.cells.get((r, column)) for r in self.rows if r[0] == row[0]]
        else:
            return ""
        ratio = m.median / min(rival.median for rival in rivals if rival is not None)
        return _BEST if ratio <= 1.1 else _VERY_BAD if ratio > 5 else _BAD if ratio >= 2 else ""

    def render(self):
        names = [(f"({row[1]})" if row[1] is not None else "", row[2]) for row in self.rows]
        env_width = max(len(env) for env, _ in names)
        name_width = max(len(name) for _, name in names)
        indent = "  " if env_width else "    "
        margin = len(indent) + env_width + 2 + name_width + 2
        columns = {c: self.figures(c) for c in self.columns}
        widths = {c: max(len(c or ""), *map(len, columns[c].values())) for c in self.columns}
        width = margin + sum(3 + w + 2 for w in widths.values()) - 2
        label = f" {self.label or ''} "
        lines = [
            "[" + label.center(width - 2, "-") + "]",
            " " * margin + "".join(f"|  {(c or '').center(widths[c])}  " for c in self.columns)[:-2],
        ]
        threads = env = None
        for row, (env_text, name) in zip(self.rows, names):
            if row[0] != threads:
                threads, env = row[0], None
                head = f"{threads} threads: "
                lines.append(head.ljust(width, "-"))
            shown = env_text if row[1] != env else ""
            env = row[1]
            line = f"{indent}{shown.ljust(env_width)}  {name.ljust(name_width)}  "
            for column in self.columns:
                text = columns[column][row].center(widths[column])
                color = self.color(row, column) if (row, column) in self.cells else ""
                line += f"|  {color}{text}{_END if color else ''}  "
            lines.append(line[:-2])
        lines += ["", f"Times are in {unit_to_english(self.unit)}s ({self.unit})."]
        if self.warnings and any(m.has_warnings for m in self.cells.values()):
            lines.append("(! XX%) Measurement has high variance, where XX is the IQR / median * 100.")
        return "\n".join(lines) + "\n"


def _row(m):
    return m.num_threads, m.env, m.as_row_name


class Compare:
    """Measurements side by side: rows by sub-label, environment and threads, columns by description."""

    def __init__(self, results):
        self._results = []
        self.extend_results(results)
        self._trim = self._warnings = False
        self._colorize = Colorize.NONE

    def extend_results(self, results):
        """Adds measurements."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(
                    f"Expected an instance of `Measurement`, got {type(result)} instead."
                )
        self._results += results

    def trim_significant_figures(self):
        """Prints only the digits that can be relied on."""
        self._trim = True

    def colorize(self, rowwise=False):
        """Colours the times by how they compare with the best of their column, or of their row."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self):
        """Marks measurements that differ too much."""
        self._warnings = True

    def print(self):
        """Prints the tables."""
        print(str(self))

    def __str__(self):
        labels = {}
        for result in Measurement.merge(self._results):
            labels.setdefault(result.label, []).append(result)
        tables = [_Table(results, self._colorize, self._trim, self._warnings) for results in labels.values()]
        return "\n".join(table.render() for table in tables)
