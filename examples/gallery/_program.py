"""What all programs of the gallery share: their options."""

import argparse
from pathlib import Path


def options(doc, arguments, steps):
    """steps, device, picture: from the command line."""
    name = Path(doc.split()[0]).stem
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--steps", type=int, default=steps, help=f"of training (default: {steps})")
    parser.add_argument("--device", default="cpu", help="such as cpu or opencl")
    parser.add_argument("--picture", default=f"{name}.png", help=f"where it goes (default: {name}.png)")
    return parser.parse_args(arguments)
