"""The figures of `python -m bench` as one HTML page that needs no other file."""

import html
import math

COLOURS = {"cygrad": "#1668a8", "torch": "#d1532f", "numpy": "#5a8f3c", "jax": "#7a4fa3", "tinygrad": "#8a6d3b"}
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
h1, h2 { font-weight: 600 } table { border-collapse: collapse; width: 100% }
th, td { padding: .2em .6em; text-align: right; border-bottom: 1px solid #e4e4e4; white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal } td.bar { width: 14em }
.plots { display: flex; flex-wrap: wrap; gap: 1.5em } figure { margin: 0 } figcaption { font-weight: 600 }
.good { color: #2b7a2b } .bad { color: #b3261e } .note { color: #666 } svg text { font: 11px system-ui, sans-serif }
"""


def human(seconds):
    """A time with its unit."""
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def memory(count):
    """Bytes with their unit."""
    return "" if count is None else f"{count / 2**20:.1f} MiB"


def bar(ratio):
    """A ratio on a logarithmic line from 1/16 to 16: to the left of the middle cygrad is faster."""
    if not ratio:
        return ""
    x = 100 + 25 * max(-4, min(4, math.log2(ratio)))
    colour = "#2b7a2b" if ratio <= 1 else "#b3261e"
    return (
        f'<svg width="200" height="14" role="img" aria-label="{ratio:.2f}"><line x1="100" x2="100" y1="0" y2="14" '
        f'stroke="#999"/><rect x="{min(x, 100):.1f}" y="3" width="{abs(x - 100):.1f}" height="8" fill="{colour}"/>'
        "</svg>"
    )


def table(rows, libraries):
    """The rows of one family."""
    head = "".join(f"<th>{name}</th>" for name in libraries)
    lines = [f"<table><tr><th></th>{head}<th>ratio</th><th></th><th>of the limit</th><th>memory, cygrad</th>"
             "<th>torch</th><th>aim</th></tr>"]  # fmt: skip
    for row in rows:
        cells = [html.escape(row["name"])]
        for name in libraries:
            figures = row["libraries"].get(name, {})
            seconds = figures.get("seconds")
            if "error" in figures:
                cells.append(f'<span class="bad" title="{html.escape(figures["error"])}">error</span>')
            else:
                cells.append(human(seconds) if seconds else "")
        kind = "" if row["met"] is None else ' class="good"' if row["met"] else ' class="bad"'
        cells.append(f"<b{kind}>{row['ratio']:.2f}</b>" if row["ratio"] else "")
        cells.append(bar(row["ratio"]))
        cells.append(f"{row['of_limit']:.0%}" if row["of_limit"] else "")
        cells += [memory(row["libraries"].get(name, {}).get("memory")) for name in ("cygrad", "torch")]
        cells.append(row["target"] or "")
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def plot(name, libraries):
    """Seconds over size, both logarithmic; dashed at one thread."""
    points = [p for lines in libraries.values() for line in lines.values() for p in line]
    (left, right), (low, high) = ((math.log10(min(v)), math.log10(max(v))) for v in zip(*points, strict=True))
    low, high = math.floor(low), math.ceil(high)
    width, height, margin = 380, 240, 44

    def place(size, seconds):
        x = margin + (math.log10(size) - left) / max(right - left, 1e-9) * (width - margin - 10)
        y = height - margin - (math.log10(seconds) - low) / max(high - low, 1e-9) * (height - margin - 10)
        return f"{x:.1f},{y:.1f}"

    parts = []
    for power in range(low, high + 1):
        _, y = place(10**left, 10.0**power).split(",")
        parts.append(f'<line x1="{margin}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#eee"/>')
        parts.append(f'<text x="{margin - 4}" y="{y}" dy="4" text-anchor="end">{human(10.0**power)}</text>')
    for size in sorted({p[0] for p in points}):
        x, _ = place(size, 10.0**low).split(",")
        text = f"{size:,}" if size < 10**4 else f"{size:.0e}".replace("e+0", "e")
        parts.append(f'<text x="{x}" y="{height - margin + 16}" text-anchor="middle">{text}</text>')
    for library, lines in libraries.items():
        most = max(lines, key=int)
        for threads, line in lines.items():
            dash = "" if threads == most else ' stroke-dasharray="4 3"'
            path = " ".join(place(*p) for p in line)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[library]}" stroke-width="2"{dash}>'
                         f"<title>{library}, {threads} threads</title></polyline>")  # fmt: skip
    drawn = f'<svg width="{width}" height="{height}" role="img">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{html.escape(name)}</figcaption>{drawn}</figure>"


def page(figures):
    """The report."""
    machine, rows = figures["machine"], figures["rows"]
    libraries = list(machine["libraries"])
    said = ", ".join(f"{name} {version or ''}".strip() for name, version in machine["libraries"].items())
    families = dict.fromkeys(row["family"] for row in rows)
    means = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{mean:.2f}</td><td class=bar>{bar(mean)}</td></tr>"
        for name, mean in figures["means"].items() if mean
    )  # fmt: skip
    sections = "\n".join(
        f"<h2>{html.escape(family)}</h2>\n{table([row for row in rows if row['family'] == family], libraries)}"
        for family in families
    )
    legend = " ".join(f'<b style="color:{COLOURS[name]}">{name}</b>' for name in libraries)
    plots = "".join(plot(name, lines) for name, lines in figures["growth"].items())
    grown = f"<h2>growth</h2><p>{legend}; dashed: one thread</p><div class=plots>{plots}</div>" if plots else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>cygrad's benchmark</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>cygrad beside other libraries</h1>
<p>{html.escape(machine["processor"])}, {machine["threads"]} threads, Python {machine["python"]}, cygrad on
{html.escape(machine["device"])}; {html.escape(said)}.</p>
<p class="note">Best blocks of processes that ran in turns. The ratio is cygrad's time over PyTorch's: to the left of
the line cygrad is faster (a step of the bar is a factor of two). The limit is what the measured bandwidth, or the
measured rate of matrix products, allows. Memory is what preparing and running a case added to its process at most.</p>
<h2>geometric means of the ratios</h2><table>{means}</table>
{sections}
{grown}
</body></html>
"""
