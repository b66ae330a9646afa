"""The types that annotations for TorchScript are written with: those of `typing`."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union  # noqa: UP035

__all__ = ["Any", "Dict", "List", "NamedTuple", "Optional", "Tuple", "Union"]
