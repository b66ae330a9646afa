"""The documentation is true: its examples run, and each known difference from PyTorch is one."""

import ast
import doctest
import re
import tomllib
from pathlib import Path

import pytest

import cygrad as torch

DOCS = Path(__file__).parent.parent / "docs"
if not DOCS.is_dir():
    pytest.skip("the tests are used without the documentation", allow_module_level=True)
PAGES = sorted(p for p in DOCS.rglob("*.md") if not {"_build", "_generated"} & set(p.parts))
with open(DOCS / "differences.toml", "rb") as file:
    DIFFERENCES = tomllib.load(file)["difference"]


def examples(text):
    """The examples of a page's fenced blocks, without the fences, which would be taken for output."""
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.S | re.M)
    return "\n\n".join(block for block in blocks if block.startswith(">>>"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_examples(page):
    text = page.read_text()
    test = doctest.DocTestParser().get_doctest(examples(text), {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_other_code_is_python(page):
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.S | re.M):
        if not block.startswith(">>>"):
            ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert "_generated/" in target or (page.parent / target).exists(), target


def raises(error, call, text=None):
    with pytest.raises(error) as caught:
        call()
    assert text is None or str(caught.value) == text


@pytest.mark.parametrize("entry", DIFFERENCES, ids=lambda e: e["name"])
def test_difference_exists(entry):
    assert set(entry) == {"name", "here", "pytorch", "why", "code"}
    exec(entry["code"], {"torch": torch, "raises": raises})
