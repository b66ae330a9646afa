"""Options of saving and loading: `config`."""

from . import config

__all__ = ["config"]
