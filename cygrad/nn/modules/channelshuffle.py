"""Mixing the channels of groups."""

from .. import functional as F
from ..module import Module


class ChannelShuffle(Module):
    """Reads the channels as (groups, C / groups) and writes them transposed.

    groups: how many groups the channels form; channels meet those of their group alone
    """

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
