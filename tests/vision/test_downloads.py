"""Fetching and unpacking: checksums, resumption, and archives that mean harm."""

import gzip
import hashlib
import io
import os
import tarfile
import urllib.error
import zipfile

import pytest

pytest.importorskip("PIL")

from vision_server import serving

from cygrad.vision.datasets import utils

DATA = bytes(range(256)) * 500


def md5(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def server(tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.bin").write_bytes(DATA)
    with serving(tmp_path / "www") as server:
        yield server


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def test_download_and_not_again(server, root, capfd):
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert (root / "a.bin").read_bytes() == DATA
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert len(server.requests) == 1
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert os.listdir(root) == ["a.bin"]


def test_a_broken_connection_is_resumed(server, root):
    server.cut["/a.bin"] = 50_000
    with pytest.raises(urllib.error.URLError, match="got 50000 of 128000 bytes"):
        utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert not (root / "a.bin").exists()
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert (root / "a.bin").read_bytes() == DATA
    assert server.requests == [("/a.bin", None), ("/a.bin", "bytes=50000-")]


def test_resume_without_ranges_starts_again(server, root):
    server.ranges = False
    root.mkdir()
    (root / "a.bin.part").write_bytes(DATA[:1000])
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert (root / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize("part", [b"something else", DATA + b"and more"])
def test_a_part_of_another_file_is_replaced(server, root, part):
    root.mkdir()
    (root / "a.bin.part").write_bytes(part)
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert (root / "a.bin").read_bytes() == DATA
    assert os.listdir(root) == ["a.bin"]


def test_errors_are_pytorchs(server, root):
    with pytest.raises(RuntimeError, match=r"^File not found or corrupted\.$"):
        utils.download_url(server.url + "a.bin", root, md5="0" * 32)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        utils.download_url(server.url + "none", root)
    with pytest.raises(urllib.error.URLError, match="refused"):
        utils.download_url("http://127.0.0.1:1/x", root)


def test_a_file_with_another_sum_is_fetched_again(server, root):
    root.mkdir()
    (root / "a.bin").write_bytes(b"old")
    utils.download_url(server.url + "a.bin", root, md5=md5(DATA))
    assert (root / "a.bin").read_bytes() == DATA


def test_integrity(tmp_path):
    (tmp_path / "f").write_bytes(DATA)
    assert utils.calculate_md5(tmp_path / "f", chunk_size=1000) == md5(DATA)
    assert utils.check_integrity(tmp_path / "f")
    assert utils.check_integrity(tmp_path / "f", md5(DATA))
    assert not utils.check_integrity(tmp_path / "f", md5(b""))
    assert not utils.check_integrity(tmp_path / "none")


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz", "x.tar.xz", "x.tbz2", "x.zip"])
def test_archives(tmp_path, name):
    path = str(tmp_path / name)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("d/f.txt", "text")
    else:
        mode = {"gz": "w:gz", "gz2": "w:gz", "xz": "w:xz", "z2": "w:bz2"}
        kind = next((m for end, m in mode.items() if name.endswith(end)), "w")
        with tarfile.open(path, kind) as archive:
            entry = tarfile.TarInfo("d/f.txt")
            entry.size = 4
            archive.addfile(entry, io.BytesIO(b"text"))
    assert utils.extract_archive(path, tmp_path / "out", remove_finished=True) == tmp_path / "out"
    assert (tmp_path / "out" / "d" / "f.txt").read_text() == "text"
    assert not os.path.exists(path)


def test_compressed_file(tmp_path):
    (tmp_path / "f.txt.gz").write_bytes(gzip.compress(b"text"))
    assert utils.extract_archive(tmp_path / "f.txt.gz") == tmp_path / "f.txt"
    assert (tmp_path / "f.txt").read_bytes() == b"text"


@pytest.mark.parametrize("name", ["../evil", "/tmp/cygrad-evil", "a/../../evil"])
def test_paths_out_of_the_folder_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, "text")
    with pytest.raises(RuntimeError, match="outside"):
        utils.extract_archive(tmp_path / "x.zip", tmp_path / "out")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    if name.startswith("/"):  # tar takes it relative to the folder
        utils.extract_archive(tmp_path / "x.tar", tmp_path / "out")
    else:
        with pytest.raises(tarfile.OutsideDestinationError):
            utils.extract_archive(tmp_path / "x.tar", tmp_path / "out")
    assert not (tmp_path / "evil").exists()
    assert not os.path.exists("/tmp/cygrad-evil")


def test_links_out_of_the_folder_are_refused(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../secret"
        archive.addfile(entry)
    with pytest.raises(tarfile.LinkOutsideDestinationError):
        utils.extract_archive(tmp_path / "x.tar", tmp_path / "out")


def test_unknown_archives():
    with pytest.raises(RuntimeError, match="has no suffixes that could be used to detect"):
        utils.extract_archive("x")
    with pytest.raises(RuntimeError, match=r"Unknown compression or archive type: '\.foo'"):
        utils.extract_archive("x.foo")


def test_verify_str_arg():
    assert utils.verify_str_arg("a", "arg", ("a", "b")) == "a"
    with pytest.raises(
        ValueError, match=r"Unknown value 'c' for argument arg. Valid values are \{'a', 'b'\}"
    ):
        utils.verify_str_arg("c", "arg", ("a", "b"))
    with pytest.raises(
        ValueError, match="Expected type str for argument arg, but got type <class 'int'>"
    ):
        utils.verify_str_arg(1, "arg")
