"""tools/arrows.py, which holds the package's imports to its layers: what it finds in a package made for it."""

import importlib.util
import pathlib

import pytest

TOOL = pathlib.Path(__file__).parent.parent / "tools" / "arrows.py"
if not TOOL.exists():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)

LAYERS = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["high", "left | right", "(_core)"]
"""


def check(folder, monkeypatch, capsys, **sources):
    """What the tool prints of a package with these modules."""
    files = {"__init__.py": "", "high.py": "", "left/__init__.py": "", "right.py": "", "_core.pyx": ""} | sources
    (folder / "pyproject.toml").write_text(LAYERS)
    for name, text in files.items():
        path = folder / "cygrad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    spec = importlib.util.spec_from_file_location("arrows", TOOL)
    arrows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(arrows)
    monkeypatch.setattr(arrows, "ROOT", folder)
    failed = arrows.main()
    printed = capsys.readouterr().out
    assert failed == bool(printed)
    return printed.splitlines()


@pytest.mark.parametrize(
    "sources, printed",
    [
        ({"high.py": "import cygrad\nfrom cygrad import _core, left\nfrom .right import f"}, []),
        (
            {"left/part.py": "def f():\n    from .. import high"},
            ["cygrad/left/part.py:2: cygrad.left.part imports cygrad.high: high lies above left"],
        ),
        (
            {
                "_core.pyx": '"""from cygrad import right"""\nfrom cygrad.left.part cimport (\n    f, g)',
                "left/part.pyx": "",
            },
            ["cygrad/_core.pyx:2: cygrad._core imports cygrad.left.part: left lies above _core"],
        ),
        (
            {"_core.pyx": "def f():\n    import cygrad"},
            ["cygrad/_core.pyx:2: cygrad._core imports cygrad: a compiled module takes no public names"],
        ),
        (
            {"right.py": "from cygrad import left"},
            ["cygrad/right.py:1: cygrad.right imports cygrad.left: left lies beside right"],
        ),
        (
            {"left/a.py": "from . import b", "left/b.py": "def f():\n    import cygrad.left.a"},
            ["circle of 2: cygrad.left.a cygrad.left.b"],
        ),
        (
            {"left/__init__.py": "import importlib\nhigh = importlib.import_module('cygrad.high')"},
            ["cygrad/left/__init__.py:2: cygrad.left imports cygrad.high: high lies above left"],
        ),
        ({"more.py": ""}, ["cygrad.more: no layer of pyproject.toml has it"]),
    ],
)
def test_finds(tmp_path, monkeypatch, capsys, sources, printed):
    assert check(tmp_path, monkeypatch, capsys, **sources) == printed
