"""Writing a file whole or not at all."""

import contextlib
import fcntl
import os
import stat
import uuid


@contextlib.contextmanager
def replacing(path):
    """A file that takes the place of `path` once it is whole; an error or the end of the process leaves the former one.

    It has no name until it is whole, where the file system can do that (O_TMPFILE), so that nothing stays of one
    that is never finished; else it is a locked `.name.*.partial` beside, and what others left of these is removed.
    It has the mode and, where that is allowed, the owner of the former file from the first byte on. A symbolic link
    stays, and the file that it names is replaced; other hard links keep the former file. A file that may not be
    written is refused. One in a folder that may not be written, a device or a pipe is written in place.
    """
    folder = os.path.dirname(os.fspath(path))
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.isdir(path):
        raise RuntimeError(f"open file failed with strerror: Is a directory: {os.fspath(path)}")
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    former = os.stat(path) if os.path.exists(path) else None
    if former is not None:
        if not os.access(path, os.W_OK):
            raise RuntimeError(f"open file failed with strerror: Permission denied: {path}")
        if not stat.S_ISREG(former.st_mode) or not os.access(folder, os.W_OK):
            with open(path, "wb") as file:
                yield file
            return
    prefix = f".{name[:100]}."
    beside = os.path.join(folder, f"{prefix}{uuid.uuid4().hex}.partial")
    fd, named = _opened(folder, beside, 0o666 if former is None else 0o600)
    try:
        with open(fd, "wb") as file:
            fcntl.flock(fd, fcntl.LOCK_EX)
            _remove_left(folder, prefix)
            if former is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(fd, former.st_uid, former.st_gid)
                os.fchmod(fd, stat.S_IMODE(former.st_mode))
            yield file
            file.flush()
            if not named:  # `link` by a descriptor, which follows the link that /proc has for it
                os.link(f"/proc/self/fd/{fd}", beside, src_dir_fd=fd)
                named = True
            os.replace(beside, path)
            named = False
    finally:
        if named:
            with contextlib.suppress(OSError):
                os.unlink(beside)


def _opened(folder, beside, mode):
    """(descriptor, whether it has a name) of a new file."""
    if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            return os.open(folder, os.O_TMPFILE | os.O_WRONLY, mode), False
    return os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), True


def _remove_left(folder, prefix):
    """Removes what earlier saves of the name did not finish: those whose file nobody holds locked."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(prefix) and name.endswith(".partial"):
                left = os.path.join(folder, name)
                with contextlib.suppress(OSError), open(left, "rb") as file:
                    if os.fstat(
                        file.fileno()
                    ).st_size:  # else it may be between its making and its lock
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(left)
