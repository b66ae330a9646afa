"""cygrad.vision: datasets, models, transforms, operators and image files, with torchvision 0.28's interface.

Images are read, drawn and written by Pillow.  The parts are imported when they are first used.
"""

import importlib as _importlib
import importlib.util as _importlib_util

__version__ = "0.28.0"  # of the interface that is followed

_SUBPACKAGES = frozenset("datasets io models ops transforms tv_tensors utils".split())
_image_backend = "PIL"


def set_image_backend(backend):
    """Names the package that `datasets.folder.default_loader` reads images with; "PIL" is the one that exists."""
    global _image_backend
    if backend not in ("PIL", "accimage"):
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
    if backend == "accimage":
        raise NotImplementedError("cygrad reads images with Pillow: there is no accimage backend")
    _image_backend = backend


def get_image_backend():
    """The name of the package that images are read with."""
    return _image_backend


def disable_beta_transforms_warning():
    """Does nothing: `transforms.v2` warns of nothing."""


def _is_tracing():
    return False


def __getattr__(name):
    if name in _SUBPACKAGES and _importlib_util.find_spec(f"{__name__}.{name}"):
        return _importlib.import_module("." + name, __name__)
    raise AttributeError(
        f"module 'torchvision' has no attribute '{name}': cygrad does not have it yet"
    )


def __dir__():
    return sorted({*globals(), *_SUBPACKAGES})
