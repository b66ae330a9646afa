"""torch.torch_version: the version as a string that compares as versions do."""

import functools
import re

__all__ = ["TorchVersion"]

_FORM = re.compile(r"v?(\d+(?:\.\d+)*)(?:[._-]?(a|b|rc|dev|post)[a-z]*\.?(\d*))?(?:\+([a-z0-9.]+))?", re.I)
_STAGE = {"dev": -4, "a": -3, "b": -2, "rc": -1, None: 0, "post": 1}


def _key(version):
    """What versions are ordered by: the numbers without zeros at the end, the stage, the local part."""
    if isinstance(version, tuple | list):
        version = ".".join(map(str, version))
    found = _FORM.match(str(version))
    if found is None:
        raise ValueError(f"Invalid version: {version!r}")
    numbers, stage, count, local = found.groups()
    release = [int(part) for part in numbers.split(".")]
    while release and release[-1] == 0:
        release.pop()
    return release, _STAGE[stage and stage.lower()], int(count or 0), local or ""


def _comparison(name):
    method = getattr(tuple, name)

    @functools.wraps(method)
    def compare(self, other):
        try:
            return method(_key(self), _key(other))
        except ValueError:
            return getattr(str, name)(self, other)

    return compare


class TorchVersion(str):
    """A version: ``torch.__version__ >= (2, 1)`` and ``> "1.13"`` compare numbers, all else is a string's."""

    __slots__ = ()
    __lt__, __le__, __eq__, __ne__, __gt__, __ge__ = map(
        _comparison, ("__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__")
    )
    __hash__ = str.__hash__

    @property
    def release(self):
        """The numbers."""
        return tuple(int(part) for part in _FORM.match(self)[1].split("."))

    @property
    def major(self):
        return self.release[0]

    @property
    def minor(self):
        return self.release[1]

    @property
    def micro(self):
        return self.release[2]
