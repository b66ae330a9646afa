"""Optimizers over several ranks; they stand in `cygrad.optim`, whose base class they need."""

from ..._standins import stand_in

_WHY = "torch.distributed on MPI has no RPC"
DistributedOptimizer = stand_in("distributed.optim.DistributedOptimizer()", _WHY)
PostLocalSGDOptimizer = stand_in("distributed.optim.PostLocalSGDOptimizer()", "there are no model averagers")


def __getattr__(name):
    if name == "ZeroRedundancyOptimizer":
        import cygrad

        return cygrad.optim.ZeroRedundancyOptimizer
    raise AttributeError(f"module 'torch.distributed.optim' has no attribute '{name}'")
