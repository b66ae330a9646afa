"""torch.hub: repositories in folders, files from a server on this machine."""

import functools
import hashlib
import http.server
import io
import sys
import threading
import zipfile
from urllib.error import HTTPError, URLError

import pytest

import cygrad as torch
from cygrad import hub
from cygrad.utils import model_zoo

HUBCONF = '''
dependencies = ["os"]
import helper

def net(n=1, pretrained=False):
    """A network."""
    return helper.double(n), pretrained

def _hidden():
    pass

value = 3
'''


@pytest.fixture(autouse=True)
def folder(tmp_path):
    before = hub._hub_dir
    hub.set_dir(tmp_path / "hub")
    yield tmp_path / "hub"
    hub._hub_dir = before


def repository(path):
    path.mkdir(parents=True)
    (path / "hubconf.py").write_text(HUBCONF)
    (path / "helper.py").write_text("def double(n):\n    return 2 * n\n")
    return path


@pytest.fixture
def server(tmp_path):
    """A server of the folder `served`; its address, and the folder."""
    root = tmp_path / "served"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Quiet; a path that ends in "short" breaks off in the middle."""

        def log_message(self, *args):
            pass

        def do_GET(self):
            if self.path.endswith("short"):
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"half")
            else:
                super().do_GET()

    handler = functools.partial(Handler, directory=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", root
        running.shutdown()


def put_weights(root, name="weights.pt"):
    torch.save({"w": torch.ones(2)}, root / name)
    return hashlib.sha256((root / name).read_bytes()).hexdigest()


# ------------------------------------------------------------------ repositories


def test_local_repositories(tmp_path):
    path = repository(tmp_path / "repo")
    assert hub.load(path, "net", 3, source="local", pretrained=True) == (6, True)
    assert hub.load(str(path), model="net", source="LOCAL") == (2, False)


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("nothing", RuntimeError, "Cannot find callable nothing in hubconf"),
        ("value", RuntimeError, "Cannot find callable value in hubconf"),
        (3, ValueError, "Invalid input: model should be a string of function name"),
    ],
)
def test_entry_points_that_are_none(tmp_path, model, kind, message):
    path = repository(tmp_path / "repo")
    with pytest.raises(kind, match=message):
        hub.load(path, model, source="local")


def test_bad_repositories(tmp_path):
    path = repository(tmp_path / "repo")
    (path / "hubconf.py").write_text('dependencies = ["no_such_module", "nor_this"]')
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_module, nor_this"):
        hub.load(path, "net", source="local")
    with pytest.raises(FileNotFoundError):
        hub.load(tmp_path / "nowhere", "net", source="local")
    with pytest.raises(
        ValueError, match='Unknown source: "x". Allowed values: "github" | "local".'
    ):
        hub.load(path, "net", source="x")


def test_repositories_in_the_cache(folder, capsys):
    path = repository(folder / "owner_repo_main")
    assert hub.load("owner/repo:main", "net", 2) == (4, False)
    assert capsys.readouterr().err == f"Using cache found in {path}\n"
    assert hub.list("owner/repo:main", verbose=False) == ["net"]
    assert hub.help("owner/repo:main", "net") == "A network."
    assert "helper" not in str(__import__("sys").path)


def test_trust(folder, monkeypatch):
    repository(folder / "owner_repo_main")
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or answers.pop())
    answers = ["n", "y"]
    hub.load("owner/repo:main", "net", trust_repo=False)
    assert (
        "The repository owner_repo does not belong to the list of trusted repositories" in asked[0]
    )
    assert (folder / "trusted_list").read_text() == "owner_repo\n"
    with pytest.raises(Exception, match="Untrusted repository."):
        hub.load("owner/repo:main", "net", trust_repo=False)
    hub.load("owner/repo:main", "net")  # known now
    assert len(asked) == 2


def test_a_repository_is_downloaded(folder, monkeypatch, capsys):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("owner-repo-123/hubconf.py", "def net():\n    return 7\n")
        archive.writestr("../outside", "x")
    asked = []

    def answer(request):
        url = request if isinstance(request, str) else request.full_url
        asked.append(url)
        data = io.BytesIO(packed.getvalue())
        if "api.github.com" in url:
            first = url.endswith("&page=1")
            data = io.BytesIO(b'[{"name": "v1", "commit": {"sha": "abc"}}]' if first else b"[]")
        data.headers = {}
        return data

    monkeypatch.setattr(hub, "urlopen", answer)
    with pytest.raises(ValueError, match="Cannot find v2 in https://github.com/owner/repo"):
        hub.load("owner/repo:v2", "net", trust_repo=True)
    asked.clear()
    with pytest.raises(ValueError, match="more than one folder"):
        hub.load("owner/repo:v1", "net", trust_repo=True)  # what it packs is no folder alone
    packed.seek(0)
    packed.truncate()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("owner-repo-123/hubconf.py", "def net():\n    return 7\n")
    assert hub.load("owner/repo:v1", "net", trust_repo=True) == 7
    assert asked[-1] == "https://github.com/owner/repo/zipball/v1"
    assert (folder / "owner_repo_v1" / "hubconf.py").exists()
    assert not (folder.parent / "outside").exists()
    count = len(asked)
    assert hub.load("owner/repo:v1", "net") == 7 and len(asked) == count
    assert hub.load("owner/repo:v1", "net", force_reload=True) == 7 and len(asked) > count


# ------------------------------------------------------------------ files


def test_load_state_dict_from_url(server, folder, capsys):
    url, root = server
    digest = put_weights(root)
    found = hub.load_state_dict_from_url(url + "weights.pt", progress=False)
    assert found["w"].tolist() == [1, 1]
    target = folder / "checkpoints" / "weights.pt"
    assert capsys.readouterr().out == f'Downloading: "{url}weights.pt" to {target}\n'
    (root / "weights.pt").rename(root / f"net-{digest[:8]}.pt")
    assert model_zoo.load_url(url + "weights.pt", map_location="cpu")["w"].sum() == 2
    assert capsys.readouterr().out == ""  # from the folder of downloads
    hub.load_state_dict_from_url(f"{url}net-{digest[:8]}.pt", check_hash=True, progress=False)
    put_weights(root, "net-00000000.pt")
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "00000000", got "'):
        hub.load_state_dict_from_url(url + "net-00000000.pt", check_hash=True, progress=False)
    assert sorted(p.name for p in target.parent.iterdir()) == [f"net-{digest[:8]}.pt", "weights.pt"]
    with pytest.raises(HTTPError, match="HTTP Error 404"):
        hub.load_state_dict_from_url(url + "nothing.pt")


def test_options_of_load_state_dict_from_url(server, tmp_path):
    url, root = server
    put_weights(root)
    hub.load_state_dict_from_url(
        url + "weights.pt?x=1",
        tmp_path / "mine",
        file_name="w.pt",
        weights_only=True,
        progress=False,
    )
    assert (tmp_path / "mine" / "w.pt").exists()
    with zipfile.ZipFile(root / "packed.zip", "w") as archive:  # as they were once
        archive.write(root / "weights.pt", "weights.pt")
    assert hub.load_state_dict_from_url(url + "packed.zip", progress=False)["w"].sum() == 2


def test_download(server, tmp_path, capsys):
    url, root = server
    data = bytes(range(256)) * 2000
    (root / "file").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    target = tmp_path / "file"
    hub.download_url_to_file(url + "file", str(target), hash_prefix=digest[:10], progress=False)
    assert target.read_bytes() == data and capsys.readouterr().err == ""
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(url + "file", str(target), hash_prefix="0" * 64, progress=False)
    with pytest.raises((URLError, OSError)):
        hub.download_url_to_file(url + "short", str(target), progress=False)
    assert target.read_bytes() == data  # the former file
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "served"]


def test_progress(server, tmp_path, capsys):
    pytest.importorskip("tqdm")
    url, root = server
    (root / "file").write_bytes(bytes(3 * 1024 * 1024))
    hub.download_url_to_file(url + "file", str(tmp_path / "file"))
    assert "100%" in capsys.readouterr().err


def test_progress_without_tqdm(server, tmp_path, capsys, monkeypatch):
    import importlib.util

    monkeypatch.setitem(sys.modules, "tqdm", None)
    spec = importlib.util.spec_from_file_location("cygrad.hub_without_tqdm", hub.__file__)
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    url, root = server
    (root / "file").write_bytes(bytes(300 * 1024))
    alone.download_url_to_file(url + "file", str(tmp_path / "file"))
    assert capsys.readouterr().err.endswith("\r100.0%\n")
    alone.download_url_to_file(url + "file", str(tmp_path / "file"), progress=False)
    assert capsys.readouterr().err == ""


def test_folders(monkeypatch, folder):
    hub._hub_dir = None
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    assert hub.get_dir() == "/somewhere/hub"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == "/cache/torch/hub"
    hub.set_dir("~/mine")
    assert hub.get_dir().endswith("/mine") and "~" not in hub.get_dir()
