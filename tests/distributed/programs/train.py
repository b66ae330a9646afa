"""A training script as for torchrun: sampler, workers, a snapshot by rank 0 that the next start goes on from."""

import os
import sys

import torch
import torch.nn.functional as F
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler


class Trainer:
    def __init__(self, model, train_data, optimizer, save_every, snapshot_path):
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.global_rank = int(os.environ["RANK"])
        self.model, self.train_data, self.optimizer = model, train_data, optimizer
        self.save_every, self.epochs_run, self.snapshot_path = save_every, 0, snapshot_path
        if os.path.exists(snapshot_path):
            snapshot = torch.load(snapshot_path, map_location="cpu")
            self.model.load_state_dict(snapshot["MODEL_STATE"])
            self.epochs_run = snapshot["EPOCHS_RUN"]
            print(f"Resuming training from snapshot at Epoch {self.epochs_run}\n", end="", flush=True)
        self.model = DDP(self.model)

    def _run_epoch(self, epoch):
        self.train_data.sampler.set_epoch(epoch)
        seen = 0
        for source, targets in self.train_data:
            self.optimizer.zero_grad()
            F.mse_loss(self.model(source), targets).backward()
            self.optimizer.step()
            seen += len(source)
        print(f"[{self.global_rank}] Epoch {epoch} | Samples: {seen}\n", end="", flush=True)

    def train(self, max_epochs):
        for epoch in range(self.epochs_run, max_epochs):
            self._run_epoch(epoch)
            if self.local_rank == 0 and epoch % self.save_every == 0:
                snapshot = {"MODEL_STATE": self.model.module.state_dict(), "EPOCHS_RUN": epoch + 1}
                torch.save(snapshot, self.snapshot_path)


init_process_group(backend="gloo")
torch.manual_seed(0)
dataset = TensorDataset(torch.randn(50, 20), torch.randn(50, 1))
model = torch.nn.Linear(20, 1)
loader = DataLoader(dataset, batch_size=8, shuffle=False, sampler=DistributedSampler(dataset), num_workers=1)
trainer = Trainer(model, loader, torch.optim.SGD(model.parameters(), lr=1e-3), 1, sys.argv[2])
trainer.train(int(sys.argv[1]))
destroy_process_group()
