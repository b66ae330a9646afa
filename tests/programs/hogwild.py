"""Several processes: tensors in shared memory, Hogwild training, spawn, workers of a loader."""

import torch
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Line(Dataset):
    def __init__(self, n):
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(n, 2, generator=generator)
        self.y = self.x @ torch.tensor([1.5, -2.0]) + 0.25

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def train(rank, model, epochs):
    torch.manual_seed(rank)
    loader = DataLoader(Line(256), batch_size=16, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.mse_loss(model(x).squeeze(1), y).backward()
            optimizer.step()


def fill(rank, t):
    t[rank] = rank + 1


def produce(queue, done):
    for i in range(3):
        queue.put(torch.full((2,), float(i)))
    done.wait()


def fail(rank):
    raise ValueError("a mistake")


if __name__ == "__main__":
    torch.manual_seed(0)
    print(mp.get_all_start_methods()[:2], sorted(mp.get_all_sharing_strategies()))

    model = nn.Linear(2, 1)
    model.share_memory()
    print(all(p.is_shared() for p in model.parameters()))
    processes = [mp.Process(target=train, args=(rank, model, 10)) for rank in range(2)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print([p.exitcode for p in processes])
    print([round(v, 3) for v in model.weight.tolist()[0]], round(model.bias.item(), 3))

    t = torch.zeros(3)
    mp.spawn(fill, args=(t,), nprocs=3, join=True)
    print(t, t.is_shared())

    queue, done = mp.Queue(), mp.Event()
    producer = mp.Process(target=produce, args=(queue, done))
    producer.start()
    print([queue.get() for _ in range(3)])
    done.set()
    producer.join()

    try:
        mp.spawn(fail, nprocs=1)
    except mp.ProcessRaisedException as error:
        print(type(error).__name__, str(error).strip().splitlines()[0])
        print(str(error).strip().splitlines()[-1])

    for x, y in DataLoader(Line(4), batch_size=2, num_workers=2, persistent_workers=True):
        print(x, y)
