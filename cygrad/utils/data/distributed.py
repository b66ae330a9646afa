"""The sampler that gives each of several processes its part of a dataset."""

import math

import cygrad

from .dataset import Dataset
from .sampler import Sampler, permutation

__all__ = ["DistributedSampler"]


def _distributed():
    dist = getattr(cygrad, "distributed", None)
    if dist is None or not dist.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return dist


class DistributedSampler(Sampler[int]):
    """Every num_replicas-th index, from rank on; all ranks get the same number of them.

    The indices are shuffled by `seed` plus the epoch that `set_epoch` sets. Where they do not
    divide evenly some are taken twice, or with drop_last left out.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _distributed().get_world_size()
        if rank is None:
            rank = _distributed().get_rank()
        if not 0 <= rank < num_replicas:
            said = f"rank should be in the interval [0, {num_replicas - 1}]"
            raise ValueError(f"Invalid rank {rank}, {said}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        each = len(dataset) / num_replicas
        self.num_samples = math.floor(each) if drop_last else math.ceil(each)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        n = len(self.dataset)
        if self.shuffle:
            generator = cygrad.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = permutation(n, generator)
        else:
            indices = list(range(n))
        if not self.drop_last:
            indices = (indices * math.ceil(self.total_size / n))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which changes the order; to be called before each epoch."""
        self.epoch = epoch
