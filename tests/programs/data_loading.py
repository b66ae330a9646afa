"""Datasets of our own, samplers, batches in a seeded order, collating, worker processes."""

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

classes = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Blocks(Dataset):
    """Images of 3 x 4 x 4 whose values tell their index."""

    def __init__(self, length, transform=None):
        self.length, self.transform = length, transform

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index >= self.length:
            raise IndexError(index)  # a bare loop over a dataset ends here
        image = torch.full((3, 4, 4), float(index))
        return (self.transform(image) if self.transform else image), index % 10


class Lines(Dataset):
    def __init__(self, rows, names):
        self.rows, self.names = rows, names

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        return {
            "row": self.rows[idx],
            "name": self.names[idx],
            "weight": idx / 2,
            "pair": (idx, [idx, -idx]),
        }


class Countdown(IterableDataset):
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return iter(range(self.start, 0, -1))


def main():
    trainset = Blocks(22)
    torch.manual_seed(1729)
    trainloader = DataLoader(trainset, batch_size=4, shuffle=True)
    images, labels = next(iter(trainloader))
    print(images.shape, images.dtype, labels)
    print(" ".join("%5s" % classes[labels[j]] for j in range(4)))
    for epoch in range(2):
        print(epoch, [labels.tolist() for _, labels in trainloader])
    print(len(trainloader), len(DataLoader(trainset, batch_size=4, drop_last=True)))
    print([labels.tolist() for _, labels in DataLoader(trainset, batch_size=8, drop_last=True)])

    torch.manual_seed(1729)
    workers = DataLoader(trainset, batch_size=4, shuffle=True, num_workers=2)
    for _ in range(2):
        print([labels.tolist() for _, labels in workers])
    print(torch.rand(2))

    generator = torch.Generator().manual_seed(5)
    print(
        [
            labels.tolist()
            for _, labels in DataLoader(trainset, 6, shuffle=True, generator=generator)
        ]
    )
    halved = Blocks(6, transform=lambda image: (image / 2 + 0.5).mean())
    print(list(DataLoader(halved, batch_size=4)))

    lines = Lines(np.arange(8, dtype=np.float32).reshape(4, 2), ["a", "b", "c", "d"])
    for batch in DataLoader(lines, batch_size=3):
        print(batch)
    for batch in DataLoader(Countdown(5), batch_size=2):
        print(batch)

    pairs = TensorDataset(torch.arange(6.0).view(3, 2), torch.tensor([0, 1, 0]))
    print(len(pairs), pairs[1], pairs[:2])
    both = ConcatDataset([pairs, pairs])
    print(len(both), both[4], both.cumulative_sizes)
    print(list(Subset(range(10, 20), [3, 1])))
    torch.manual_seed(0)
    parts = random_split(range(10), [7, 3])
    print([list(part) for part in parts])
    parts = random_split(range(10), [0.5, 0.3, 0.2], generator=torch.Generator().manual_seed(42))
    print([list(part) for part in parts])

    torch.manual_seed(1)
    print(list(SequentialSampler(range(4))), list(RandomSampler(range(6))))
    print(list(RandomSampler(range(6), replacement=True, num_samples=8)))
    print(list(WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 5, replacement=True)))
    print(list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False)))
    print(
        [b.tolist() for b in DataLoader(range(10), sampler=RandomSampler(range(10)), batch_size=3)]
    )
    print(list(DataLoader(range(4), batch_size=2, collate_fn=list)))
    print(list(DataLoader(range(3), batch_size=None)))

    images = torch.stack([sample[0] for sample in trainset])
    print(images.shape, images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3)))

    for title, make in {
        "batch_size": lambda: DataLoader(trainset, batch_size=0),
        "sampler and shuffle": lambda: DataLoader(
            trainset, sampler=SequentialSampler(trainset), shuffle=True
        ),
        "workers": lambda: DataLoader(trainset, num_workers=-1),
        "sizes": lambda: TensorDataset(torch.ones(2), torch.ones(3)),
        "split": lambda: random_split(range(10), [3, 3]),
        "collate": lambda: next(iter(DataLoader([torch.ones(2), torch.ones(3)], batch_size=2))),
        "samples": lambda: RandomSampler(range(3), num_samples=0),
        "object": lambda: next(iter(DataLoader([object(), object()], batch_size=2))),
    }.items():
        try:
            make()
            print(title, "passed")
        except Exception as error:
            print(f"{title}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
