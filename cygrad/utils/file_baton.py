"""A lock that processes pass on by a file."""

import os
import time
import warnings

__all__ = ["FileBaton"]


class FileBaton:
    """Whoever makes the file holds the baton; others wait until it is gone."""

    def __init__(self, lock_file_path, wait_seconds=0.1, warn_after_seconds=None):
        self.lock_file_path = lock_file_path
        self.wait_seconds = wait_seconds
        self.fd = None
        self.warn_after_seconds = warn_after_seconds

    def try_acquire(self):
        """Makes the file; whether that succeeded."""
        try:
            self.fd = os.open(self.lock_file_path, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return False
        return True

    def wait(self):
        """Waits until the file is gone."""
        start, warned = time.monotonic(), False
        while os.path.exists(self.lock_file_path):
            time.sleep(self.wait_seconds)
            late = self.warn_after_seconds is not None and time.monotonic() - start > self.warn_after_seconds
            if late and not warned:
                warnings.warn(
                    f"Waited on lock file '{self.lock_file_path}' for {self.warn_after_seconds} seconds.", stacklevel=2
                )
                warned = True

    def release(self):
        """Removes the file."""
        if self.fd is not None:
            os.close(self.fd)
        os.remove(self.lock_file_path)
