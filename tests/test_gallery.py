"""The programs of examples/gallery: each trains and saves a picture."""

import runpy
import sys
from pathlib import Path

import pytest

import cygrad as torch

GALLERY = Path(__file__).parent.parent / "examples" / "gallery"
PROGRAMS = sorted(p for p in GALLERY.glob("*.py") if not p.name.startswith("_"))
if not PROGRAMS:
    pytest.skip("the tests are used without the examples", allow_module_level=True)
# To what share of the first loss the last one falls, in how many steps.
WANTED = {
    "attention": (200, 0.2), "autoencoder": (150, 0.5), "curve": (150, 0.2), "digits": (60, 0.8),
    "generator": (200, 0.7), "grid": (60, None), "letters": (60, 0.85), "pixels": (60, 0.8), "shapes": (60, 0.5),
    "spirals": (300, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_program(program, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(GALLERY))
    state = torch.get_rng_state()
    steps, share = WANTED[program.stem]
    picture = tmp_path / "picture.png"
    losses = runpy.run_path(str(program))["main"](["--steps", str(steps), "--picture", str(picture)])
    torch.set_rng_state(state)
    sys.modules.pop("_program", None)
    first, last = losses[0], sum(losses[-5:]) / 5
    assert last < share * first if share else last < first - 0.2
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert program.stem in (GALLERY / "README.md").read_text()
    assert "->" in capsys.readouterr().out
