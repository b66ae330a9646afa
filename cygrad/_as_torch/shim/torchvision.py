"""`import torchvision` where torch was not imported before: see torch.py beside it."""

import sys

import torch  # noqa: F401

from cygrad import vision

sys.modules[__name__] = vision
