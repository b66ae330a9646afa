"""Sphinx's settings.  `docs/build` runs it; docs/generate.py makes what comes from the library itself."""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402

import cygrad  # noqa: E402

project = "cygrad"
author = "The cygrad authors"
release = version = cygrad.version.cygrad
DRAWS = shutil.which("dot") is not None
extensions = ["myst_parser", *(["sphinx.ext.graphviz"] if DRAWS else [])]
root_doc = "index"
exclude_patterns = ["_build", "_generated/differences.md"]  # the latter is part of another page
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]
graphviz_output_format = "svg"
html_theme = "furo"
html_title = f"cygrad {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["own.css"]
templates_path = []
add_function_parentheses = False
# Long signatures go one argument a line.
python_maximum_signature_line_length = 90


def mermaid_as_graphviz(app, name, source):
    """The flow charts that GitHub draws, as graphviz's: the site loads no script from elsewhere."""

    def drawn(match):
        labels, edges = {}, []
        for line in match[1].strip().split("\n")[1:]:
            ends = re.findall(r"(\w+)(?:\[\"(.*?)\"\])?", line.replace("-->", " "))
            labels.update({key: text for key, text in ends if text})
            if "-->" in line:
                edges.append((ends[0][0], ends[1][0]))
        if not DRAWS:
            return "```text\n" + "\n".join(f"{labels[a]}  ->  {labels[b]}" for a, b in edges) + "\n```"
        nodes = [f'  {key} [label="{text}"];' for key, text in labels.items()]
        arrows = [f"  {a} -> {b};" for a, b in edges]
        style = '  node [shape=box, style=filled, fillcolor=gray95, fontname="sans-serif", fontsize=11];'
        body = "\n".join([style, *nodes, *arrows])
        return f"```{{graphviz}}\ndigraph {{\n{body}\n}}\n```"

    source[0] = re.sub(r"```mermaid\n(.*?)```", drawn, source[0], flags=re.S)


def links_into_the_checkout(app, name, source):
    """Links to files that are not pages of the site become their names."""
    source[0] = re.sub(r"\[([^\]]+)\]\((?!http|#|[\w/.-]+\.(?:md|rst|html)\b)[^)]+\)", r"\1", source[0])


def setup(app):
    generate.main(HERE)
    app.connect("source-read", mermaid_as_graphviz)
    app.connect("source-read", links_into_the_checkout)
