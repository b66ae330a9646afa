"""Checkpoints: each rank writes a share, any number of ranks loads it, and a rank that fails is named."""

import importlib.util
import os
import pickle
import re

import pytest

import cygrad
import cygrad.distributed.checkpoint as dcp


def test_other_numbers_of_ranks(ranks, tmp_path):
    folder = tmp_path / "checkpoint"
    saved = ranks(2, "checkpoint.py", "save", folder).passed(2)
    assert {p.name for p in folder.iterdir()} == {"__0_0.distcp", "__1_0.distcp", ".metadata", "async", "app"}
    assert min(p.stat().st_size for p in folder.glob("*.distcp")) > 2000  # each has written something
    for size in (1, 3):
        loaded = ranks(size, "checkpoint.py", "load", folder).passed(size)
        assert loaded.output.strip() == saved.output.strip()


def test_full_disk(ranks, tmp_path):
    job = ranks(2, "checkpoint.py", "full", tmp_path / "checkpoint")
    assert job.code != 0
    assert re.search(r"\(RANK 1\)(.|\n)*No space left on device", job.errors), job.errors[-3000:]
    assert not (tmp_path / "checkpoint" / ".metadata").exists()


def nested(torch):
    return {
        "model": {"w": torch.arange(6.0).reshape(2, 3), "h": torch.ones(3, dtype=torch.bfloat16), "n": torch.tensor(3)},
        "epoch": 3, "name": "x", "list": [torch.ones(2), {"a": 1}], "none": None, "pair": (1, 2.5),
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    }  # fmt: skip


def changed(value, torch, tensor, other):
    """The same nested values, with `tensor` and `other` of those that are and are not tensors."""
    if isinstance(value, dict):
        return {k: changed(v, torch, tensor, other) for k, v in value.items()}
    if isinstance(value, list) and any(isinstance(v, torch.Tensor | dict) for v in value):
        return [changed(v, torch, tensor, other) for v in value]
    return tensor(value) if isinstance(value, torch.Tensor) else other(value)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("writes", ["cygrad", "torch"])
def test_pytorchs_files(writes, tmp_path):
    """Each library reads what the other has written."""
    peer = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("torch.distributed.checkpoint", reason="PyTorch is not installed")
    if peer is cygrad:
        pytest.skip("PyTorch is not installed")
    writer, reader = (cygrad, peer) if writes == "cygrad" else (peer, cygrad)
    saved = nested(writer)
    writer.distributed.checkpoint.save(saved, checkpoint_id=str(tmp_path / "c"), no_dist=True)
    loaded = changed(nested(reader), reader, reader.zeros_like, lambda v: 0)
    reader.distributed.checkpoint.load(loaded, checkpoint_id=str(tmp_path / "c"), no_dist=True)

    def plain(value, torch):
        return changed(value, torch, lambda t: (str(t.dtype), t.tolist()), lambda v: v)

    assert plain(loaded, reader) == plain(saved, writer)
    format_utils = importlib.import_module("cygrad.distributed.checkpoint.format_utils")
    format_utils.dcp_to_torch_save(tmp_path / "c", tmp_path / "one.pt")
    one = plain(cygrad.load(tmp_path / "one.pt", weights_only=False), cygrad)
    one["optimizer"]["state"] = {int(k): v for k, v in one["optimizer"]["state"].items()}  # of PyTorch's flat names
    assert one == plain(saved, writer)


def test_sharded_tensors(tmp_path):
    """A tensor in parts, as a sharded model has it, comes together; PyTorch reads the parts as well."""
    from cygrad.distributed.checkpoint import metadata as M

    folder = dcp.FileSystemWriter(tmp_path / "c")
    folder.prepare()
    whole, size = cygrad.arange(12.0).reshape(4, 3), cygrad.Size
    cuts = {(0, 0): whole[:3], (3, 0): whole[3:]}
    places = {}
    for rank, (start, part) in enumerate(cuts.items()):
        index = M.MetadataIndex("w", size(start), rank)
        places |= folder.write_values(f"__{rank}_0.distcp", {index: part.clone()})
    chunks = [M.ChunkStorageMetadata(size(start), part.shape) for start, part in cuts.items()]
    described = {"w": M.TensorStorageMetadata(M.TensorProperties(), whole.shape, chunks)}
    folder.write_metadata(M.Metadata(described, {"w": ("w",)}, places, M.StorageMeta(), "1.0.0"))
    libraries = [cygrad]
    if importlib.util.find_spec("torch"):
        libraries.append(pytest.importorskip("torch.distributed.checkpoint") and importlib.import_module("torch"))
    for library in libraries:
        loaded = {"w": library.zeros(4, 3)}
        library.distributed.checkpoint.load(loaded, checkpoint_id=str(tmp_path / "c"), no_dist=True)
        assert loaded["w"].tolist() == whole.tolist()


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_damaged(tmp_path):
    """An index that is damaged, or names what it should not, is refused by name."""
    dcp.save(nested(cygrad), checkpoint_id=tmp_path)
    good = (tmp_path / ".metadata").read_bytes()
    (tmp_path / ".metadata").write_bytes(good[: len(good) // 2])
    with pytest.raises(dcp.CheckpointException, match="damaged|truncated"):
        dcp.load({"epoch": 0}, checkpoint_id=tmp_path)
    (tmp_path / ".metadata").write_bytes(pickle.dumps(os.system))
    with pytest.raises(dcp.CheckpointException, match="posix.system, which cygrad does not read"):
        dcp.load({"epoch": 0}, checkpoint_id=tmp_path)
