"""Fetching, checking and unpacking the files of datasets.

A download goes to `<file>.part` and takes its name when it is whole.  What an interrupted one left is continued, where
the server allows; a checksum then decides, and a file that does not fit it is fetched anew once.
"""

import bz2
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile

USER_AGENT = "pytorch/vision"


def calculate_md5(fpath, chunk_size=1024 * 1024):
    """The MD5 of a file as hexadecimal digits."""
    md5 = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            md5.update(chunk)
    return md5.hexdigest()


def check_md5(fpath, md5, **kwargs):
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """Whether a file exists, and has this MD5 if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


class _NoBar:
    """Stands in for tqdm's bar where tqdm is not installed."""

    def __init__(self, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def update(self, n):
        pass


def _progress_bar():
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _NoBar
    return tqdm


def _open(url, **headers):
    return urllib.request.urlopen(
        urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **headers})
    )


def _open_from(url, start):
    """A response for `url` from byte `start` on, and the byte at which it really starts."""
    if start:
        try:
            response = _open(url, Range=f"bytes={start}-")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416:  # the range is not there: what lies here is no part of this file
                raise
        else:
            given = (response.headers.get("Content-Range") or "").removeprefix("bytes ")
            return response, start if response.status == 206 and given.startswith(
                f"{start}-"
            ) else 0
    return _open(url), 0


def _urlretrieve(url, filename, chunk_size=1024 * 32):
    """Fetches `url` into `filename`, going on from `filename.part` if it exists; says whether it did."""
    part = f"{os.fspath(filename)}.part"
    start = os.path.getsize(part) if os.path.isfile(part) else 0
    response, start = _open_from(url, start)
    with response, open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        got = start
        with _progress_bar()(total=total, initial=start, unit="B", unit_scale=True) as bar:
            while chunk := response.read(chunk_size):
                file.write(chunk)
                got += len(chunk)
                bar.update(len(chunk))
    if (
        total is not None and got < total
    ):  # the connection ended early, which `read` does not report
        raise urllib.error.ContentTooShortError(
            f"{url}: got {got} of {total} bytes; download it again to go on from there", None
        )
    os.replace(part, filename)
    return start > 0


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetches `url` into the folder `root`, unless the file is there and has the MD5 if one is given.

    ``filename`` is the last part of the URL unless given.  Raises RuntimeError where the MD5 of what came is another.
    """
    root = os.path.expanduser(root)
    path = os.fspath(os.path.join(root, filename or os.path.basename(url)))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        return
    resumed = _urlretrieve(url, path)
    if resumed and not check_integrity(path, md5):
        _urlretrieve(url, path)
    if not check_integrity(path, md5):
        os.remove(path)
        raise RuntimeError("File not found or corrupted.")


def download_file_from_google_drive(file_id, root, filename=None, md5=None):
    """Fetches a file from Google Drive by the package gdown."""
    try:
        import gdown
    except ModuleNotFoundError:
        raise RuntimeError(
            "To download files from GDrive, 'gdown' is required. You can install it with 'pip install gdown'."
        ) from None
    root = os.path.expanduser(root)
    path = os.fspath(os.path.join(root, filename or file_id))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        return
    gdown.download(id=file_id, output=path, quiet=False, user_agent=USER_AGENT)
    if not check_integrity(path, md5):
        raise RuntimeError("File not found or corrupted.")


_COMPRESSIONS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_SHORT = {".tbz": (".tar", ".bz2"), ".tbz2": (".tar", ".bz2"), ".tgz": (".tar", ".gz")}


def _extract_tar(from_path, to_path, compression):
    if not hasattr(tarfile, "data_filter"):
        raise RuntimeError("safe extraction of tar archives needs Python 3.11.4 or newer")
    with tarfile.open(from_path, f"r:{compression[1:]}" if compression else "r") as archive:
        archive.extractall(to_path, filter="data")  # refuses paths and links that lead outside


def _extract_zip(from_path, to_path, compression):
    root = os.path.realpath(to_path)
    with zipfile.ZipFile(from_path) as archive:
        for name in archive.namelist():
            target = os.path.realpath(os.path.join(root, name))
            if os.path.commonpath([root, target]) != root:
                raise RuntimeError(f"'{name}' of {from_path} would be extracted outside '{root}'")
        archive.extractall(root)


_ARCHIVES = {".tar": _extract_tar, ".zip": _extract_zip}


def _detect_file_type(file):
    """(suffix, archive type or None, compression or None) by the name of a file."""
    suffixes = pathlib.Path(file).suffixes
    if not suffixes:
        raise RuntimeError(
            f"File '{file}' has no suffixes that could be used to detect the archive type and compression."
        )
    last = suffixes[-1]
    if last in _SHORT:
        return (last, *_SHORT[last])
    if last in _ARCHIVES:
        return last, last, None
    if last in _COMPRESSIONS:
        if len(suffixes) > 1 and suffixes[-2] in _ARCHIVES:
            return suffixes[-2] + last, suffixes[-2], last
        return last, None, last
    known = sorted({*_SHORT, *_ARCHIVES, *_COMPRESSIONS})
    raise RuntimeError(
        f"Unknown compression or archive type: '{last}'.\nKnown suffixes are: '{known}'."
    )


def _decompress(from_path, to_path=None, remove_finished=False):
    """Writes what a compressed file holds to `to_path`, by default its name without the suffix."""
    suffix, archive_type, compression = _detect_file_type(from_path)
    if not compression:
        raise RuntimeError(f"Couldn't detect a compression from suffix {suffix}.")
    if to_path is None:
        to_path = pathlib.Path(
            os.fspath(from_path).replace(suffix, archive_type if archive_type is not None else "")
        )
    part = f"{os.fspath(to_path)}.part"
    with _COMPRESSIONS[compression](from_path, "rb") as source, open(part, "wb") as target:
        shutil.copyfileobj(source, target)
    os.replace(part, to_path)
    if remove_finished:
        os.remove(from_path)
    return pathlib.Path(to_path)


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpacks an archive into a folder (its own by default), or a compressed file; returns where.

    The kind is that of the file's name.  An archive with a path that leads out of the folder is refused.
    """
    to_path = os.path.dirname(from_path) if to_path is None else to_path
    suffix, archive_type, compression = _detect_file_type(from_path)
    if not archive_type:
        name = os.path.basename(from_path).removesuffix(suffix)
        return _decompress(from_path, os.path.join(to_path, name), remove_finished)
    _ARCHIVES[archive_type](from_path, to_path, compression)
    if remove_finished:
        os.remove(from_path)
    return to_path


def download_and_extract_archive(
    url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False
):
    """`download_url`, then `extract_archive` into `extract_root` (`download_root` by default)."""
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    archive = os.path.join(download_root, filename)
    extract_archive(archive, extract_root or download_root, remove_finished)


def list_dir(root, prefix=False):
    """The names (with `prefix`, the paths) of the folders in `root`."""
    root = os.path.expanduser(root)
    found = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in found] if prefix else found


def list_files(root, suffix, prefix=False):
    """The names (with `prefix`, the paths) of the files in `root` that end with `suffix`, a string or a tuple."""
    root = os.path.expanduser(root)
    found = [
        name
        for name in os.listdir(root)
        if os.path.isfile(os.path.join(root, name)) and name.endswith(suffix)
    ]
    return [os.path.join(root, name) for name in found] if prefix else found


def iterable_to_str(iterable):
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """`value`, if it is a string and one of `valid_values`; else ValueError."""
    if not isinstance(value, str):
        name = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{name}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        raise ValueError(
            custom_msg
            or f"Unknown value '{value}' for argument {arg}. Valid values are {{{iterable_to_str(valid_values)}}}."
        )
    return value
