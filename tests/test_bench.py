"""python -m bench: its table, its files, and what --compare calls a regression."""

import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

ROOT = pathlib.Path(__file__).parents[1]
if not (ROOT / "bench" / "__main__.py").exists():
    pytest.skip("the checkout's bench is not beside these tests", allow_module_level=True)


def bench(*arguments, status=0):
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_measures_and_reports(tmp_path):
    figures, page = tmp_path / "figures.json", tmp_path / "report.html"
    out = bench("--only", "a + b, 2x3", "--rounds", 1, "--libraries", "cygrad,numpy", "--json", figures, "--html", page)
    assert "a + b, 2x3, recorded" in out and "cygrad" in out.splitlines()[1] and "ERROR" not in out.upper()
    data = json.loads(figures.read_text())
    row = data["rows"][0]
    assert row["name"] == "a + b, 2x3" and 1e-9 < row["libraries"]["cygrad"]["seconds"] < 1
    assert row["libraries"]["numpy"]["seconds"] > 0 and row["ratio"] is None and row["met"] is None
    text = page.read_text()
    assert "a + b, 2x3, recorded" in text and "src=" not in text and "href=" not in text
    body = text[text.index("<body>") : text.index("</html>")].replace(" class=bar", "").replace(" class=plots", "")
    ET.fromstring(body)  # every element is closed


def figures_of(path, ratios, spread=0.01):
    libraries = {"seconds": 1.0, "spread": spread}
    rows = [
        {"name": name, "ratio": ratio, "libraries": {"cygrad": libraries, "torch": libraries}}
        for name, ratio in ratios.items()
    ]
    path.write_text(json.dumps({"rows": rows}))
    return path


def test_compare_names_what_is_slower_beyond_noise(tmp_path):
    old = figures_of(tmp_path / "old.json", {"steady": 0.5, "slower": 0.5, "faster": 0.5, "gone": 1.0})
    new = figures_of(tmp_path / "new.json", {"steady": 0.52, "slower": 0.7, "faster": 0.3, "added": 1.0})
    lines = bench("--compare", old, new, status=1).splitlines()
    assert [line.split()[0] for line in lines] == ["faster", "slower", "gone", "3"]
    assert lines[1].endswith("SLOWER") and lines[-1] == "3 rows compared, 1 slower beyond noise"
    noisy = figures_of(tmp_path / "noisy.json", {"slower": 0.7}, spread=0.3)
    assert "0 slower" in bench("--compare", old, noisy)


def test_a_case_is_timed_or_raises(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import worker
    from bench.cases import Case

    library = worker.library("cygrad", 1, "cpu")
    with pytest.raises(AttributeError):
        worker.Measured(library, Case("no such operator", "torch.no_such_operator()"), None)
    assert worker.Measured(library, Case("one", "torch.ones(1)"), None).block() > 0
