"""PyTorch's module of loading."""

from ._saving import load, load_state_dict

__all__ = ["load", "load_state_dict"]
