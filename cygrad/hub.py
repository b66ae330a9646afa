"""Models from repositories with a `hubconf.py`, and files from the network: `torch.hub`."""

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import uuid
import warnings
import zipfile
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

try:
    from tqdm import tqdm
except ImportError:

    class tqdm:
        """Percents in place of tqdm's bar, where that is not installed."""

        def __init__(self, total=None, disable=False, unit=None, *args, **kwargs):
            self.total, self.disable, self.n = total, disable, 0

        def update(self, n):
            self.n += n
            if not self.disable:
                done = (
                    f"{self.n} bytes" if self.total is None else f"{100 * self.n / self.total:.1f}%"
                )
                sys.stderr.write(f"\r{done}")
                sys.stderr.flush()

        def close(self):
            if not self.disable:
                sys.stderr.write("\n")

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.close()


__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # resnet18-f37072fd.pth
READ_DATA_CHUNK = 128 * 1024
_TRUSTED_REPO_OWNERS = ("facebookresearch", "facebookincubator", "pytorch", "fairinternal")
_hub_dir = None


# ------------------------------------------------------------------ folders


def _get_torch_home():
    """The folder of caches: $TORCH_HOME, or torch in the cache of the user."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir():
    """The folder of downloads: what `set_dir` said, or $TORCH_HOME/hub, or ~/.cache/torch/hub."""
    if os.getenv("TORCH_HUB"):
        warnings.warn("TORCH_HUB is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    if _hub_dir is not None:
        return _hub_dir
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.getenv("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d):
    """Sets the folder of downloads."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


# ------------------------------------------------------------------ repositories


def _request(url):
    headers = {"Accept": "application/vnd.github.v3+json"}
    if os.environ.get("GITHUB_TOKEN"):
        headers["Authorization"] = f"token {os.environ['GITHUB_TOKEN']}"
    with urlopen(Request(url, headers=headers)) as answer:
        return json.loads(answer.read().decode())


def _parse_repo(github):
    """(owner, name, ref) of "owner/name" or "owner/name:ref"."""
    repo, colon, ref = github.partition(":")
    owner, name = repo.split("/")
    if colon:
        return owner, name, ref
    try:  # the default branch: main, or master in older repositories
        with urlopen(f"https://github.com/{owner}/{name}/tree/main/"):
            return owner, name, "main"
    except HTTPError as error:
        if error.code != 404:
            raise
        return owner, name, "master"
    except URLError:
        for ref in ("main", "master"):
            if os.path.exists(os.path.join(get_dir(), f"{owner}_{name}_{ref}")):
                return owner, name, ref
        raise RuntimeError(
            f"It looks like there is no internet connection and the repo could not be found in the cache ({get_dir()})"
        ) from None


def _validate_not_a_forked_repo(owner, name, ref):
    """ValueError unless the ref is a branch, a tag or a commit of the repository itself."""
    for kind in ("branches", "tags"):
        page = 1
        while found := _request(
            f"https://api.github.com/repos/{owner}/{name}/{kind}?per_page=100&page={page}"
        ):
            for item in found:
                if item["name"] == ref or item["commit"]["sha"].startswith(ref):
                    return
            page += 1
    raise ValueError(
        f"Cannot find {ref} in https://github.com/{owner}/{name}. If it's a commit from a forked repo, please call "
        "hub.load() with forked repo directly."
    )


def _check_trusted(owner, name, cached, trust_repo):
    """Asks the user, unless the repository is known or `trust_repo` says so; Exception when refused."""
    key = f"{owner}_{name}"
    path = Path(get_dir()) / "trusted_list"
    path.touch()
    known = key in path.read_text().splitlines() or owner in _TRUSTED_REPO_OWNERS
    # What was downloaded before there was a list was trusted then.
    known = known or cached and os.path.exists(os.path.join(get_dir(), cached))
    if trust_repo is False or trust_repo == "check" and not known:
        answer = input(
            f"The repository {key} does not belong to the list of trusted repositories and as such cannot be "
            "downloaded. Do you trust this repository and wish to add it to the trusted list of repositories (y/N)?"
        )
        if answer.lower() not in ("y", "yes"):
            raise Exception("Untrusted repository.")
        trust_repo = True
    if trust_repo is True and key not in path.read_text().splitlines():
        with open(path, "a") as file:
            file.write(key + "\n")


def _repository(github, force_reload, trust_repo, verbose=True, skip_validation=False):
    """The folder of a repository of GitHub, downloaded unless it is there."""
    os.makedirs(get_dir(), exist_ok=True)
    owner, name, ref = _parse_repo(github)
    folder = "_".join((owner, name, re.sub(r"[/\\]", "_", ref)))
    path = os.path.join(get_dir(), folder)
    _check_trusted(owner, name, folder, trust_repo)
    if not force_reload and os.path.exists(path):
        if verbose:
            sys.stderr.write(f"Using cache found in {path}\n")
        return path
    if not skip_validation:
        _validate_not_a_forked_repo(owner, name, ref)
    url = f"https://github.com/{owner}/{name}/zipball/{ref}"
    sys.stdout.write(f'Downloading: "{url}" to {path}.zip\n')
    with tempfile.TemporaryDirectory(dir=get_dir()) as scratch:
        archive = os.path.join(scratch, "repository.zip")
        download_url_to_file(url, archive, progress=False)
        extracted = os.path.join(scratch, "extracted")
        with zipfile.ZipFile(archive) as file:  # `extractall` keeps names within the folder
            file.extractall(extracted)
        top, *others = os.listdir(extracted)
        if others:
            raise ValueError(f"{url} holds more than one folder")
        shutil.rmtree(path, ignore_errors=True)
        shutil.move(os.path.join(extracted, top), path)
    return path


@contextlib.contextmanager
def _import_path(folder):
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _hubconf(folder):
    """The module hubconf.py of a folder, with what it depends on checked to be there (RuntimeError)."""
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf.py", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [
        n for n in getattr(module, "dependencies", ()) if importlib.util.find_spec(n) is None
    ]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module, model):
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    function = getattr(module, model, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """Calls the entry point `model` of a repository's hubconf.py, and returns what it returns.

    source: "github", with `repo_or_dir` as "owner/name[:ref]", or "local", with a folder.
    trust_repo: False asks before code is run, "check" for repositories that are not known yet.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        repo_or_dir = _repository(repo_or_dir, force_reload, trust_repo, verbose, skip_validation)
    return _load_local(repo_or_dir, model, *args, **kwargs)


def _load_local(hubconf_dir, model, *args, **kwargs):
    with _import_path(os.path.abspath(hubconf_dir)):
        return _entry(_hubconf(os.path.abspath(hubconf_dir)), model)(*args, **kwargs)


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of the entry points of a repository "owner/name[:ref]"."""
    folder = _repository(github, force_reload, trust_repo, verbose, skip_validation)
    with _import_path(folder):
        module = _hubconf(folder)
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The docstring of an entry point of a repository "owner/name[:ref]"."""
    folder = _repository(github, force_reload, trust_repo, skip_validation=skip_validation)
    with _import_path(folder):
        return _entry(_hubconf(folder), model).__doc__


# ------------------------------------------------------------------ files


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Downloads `url` to the path `dst`, which is there only once it is whole.

    hash_prefix: what the SHA-256 of the file must begin with (RuntimeError). `progress` shows a bar.
    """
    dst = os.path.expanduser(dst)
    with urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as answer:
        length = answer.headers.get("Content-Length")
        partial = f"{dst}.{uuid.uuid4().hex}.partial"
        file = open(partial, "xb")
        digest = hashlib.sha256()
        try:
            total = int(length) if length else None
            bar = tqdm(
                total=total, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024
            )
            with file, bar:
                while chunk := answer.read(READ_DATA_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
            if total is not None and os.path.getsize(partial) != total:
                raise URLError(f"{url} ended after {os.path.getsize(partial)} of {total} bytes")
            if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
                raise RuntimeError(
                    f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")'
                )
            os.replace(partial, dst)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)


def load_state_dict_from_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=True,
):
    """Loads what `save` wrote from `url`, downloaded to `model_dir` (get_dir()/checkpoints) unless it is there.

    weights_only: as of `torch.load`. It is True here, where PyTorch runs by default whatever the file says.
    check_hash: the file's name ends in a dash and the beginning of its SHA-256, which must fit.
    """
    from . import serialization

    if os.getenv("TORCH_MODEL_ZOO"):
        warnings.warn(
            "TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead", stacklevel=2
        )
    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    filename = os.path.basename(urlparse(url).path) if file_name is None else file_name
    path = os.path.join(model_dir, filename)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(filename) if check_hash else None
        download_url_to_file(url, path, found and found.group(1), progress=progress)
    if zipfile.is_zipfile(path) and (one := _single_file(path)):
        with (
            tempfile.TemporaryDirectory() as scratch
        ):  # of before PyTorch's files were archives themselves
            with zipfile.ZipFile(path) as file:
                path = file.extract(one, scratch)
            return serialization.load(path, map_location, weights_only=weights_only)
    return serialization.load(path, map_location, weights_only=weights_only)


def _single_file(path):
    """The name of the one file in a zip that only packs it; None for an archive of `save`."""
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
    return names[0] if len(names) == 1 else None
