"""Checkpoints: each rank writes a share, any number of ranks loads it, and a rank that fails is named."""

import re


def test_other_numbers_of_ranks(ranks, tmp_path):
    folder = tmp_path / "checkpoint"
    saved = ranks(2, "checkpoint.py", "save", folder).passed(2)
    assert {p.name for p in folder.iterdir()} == {"__0_0.distcp", "__1_0.distcp", ".metadata", "async"}
    assert min(p.stat().st_size for p in folder.glob("*.distcp")) > 2000  # each has written something
    for size in (1, 3):
        loaded = ranks(size, "checkpoint.py", "load", folder).passed(size)
        assert loaded.output.strip() == saved.output.strip()


def test_full_disk(ranks, tmp_path):
    job = ranks(2, "checkpoint.py", "full", tmp_path / "checkpoint")
    assert job.code != 0
    assert re.search(r"\(RANK 1\)(.|\n)*No space left on device", job.errors), job.errors[-3000:]
    assert not (tmp_path / "checkpoint" / ".metadata").exists()
