"""Every common loss and activation on the same few numbers, with the gradient that it gives."""

import torch
import torch.nn as nn
import torch.nn.functional as F

x = torch.tensor([[-2.0, -0.5, 0.0], [0.7, 1.5, 2.5]])
activations = [
    nn.ReLU(),
    nn.LeakyReLU(0.1),
    nn.ELU(),
    nn.SELU(),
    nn.CELU(0.5),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.SiLU(),
    nn.Mish(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softsign(),
    nn.Hardtanh(),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.ReLU6(),
    nn.LogSigmoid(),
    nn.Tanhshrink(),
    nn.Softshrink(),
    nn.Hardshrink(),
    nn.Threshold(0.1, 20),
    nn.PReLU(),
    nn.Softmax(dim=1),
    nn.LogSoftmax(dim=1),
    nn.Softmin(dim=0),
    nn.Identity(),
    nn.GLU(0),
]
weights = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 1.0]])
for activation in activations:
    v = x.clone().requires_grad_()
    y = activation(v)
    (y * weights[: y.shape[0]]).sum().backward()
    print(activation, y.detach(), v.grad, sep="\n")
print(nn.ReLU(inplace=True), F.relu_(torch.tensor([-1.0, 2.0])), F.normalize(x, dim=1), sep="\n")

target = torch.tensor([[-1.0, 0.0, 0.5], [1.0, 1.5, 1.0]])
for loss in (
    nn.MSELoss(),
    nn.L1Loss(),
    nn.SmoothL1Loss(),
    nn.HuberLoss(delta=0.5),
    nn.SoftMarginLoss(),
):
    for reduction in ("mean", "sum", "none"):
        loss.reduction = reduction
        v = x.clone().requires_grad_()
        value = loss(v, target)
        value.sum().backward()
        print(loss, reduction, value.detach(), v.grad)

logits = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0]], requires_grad=True)
labels = torch.tensor([0, 2, 1])
cases = {
    "cross entropy": lambda: F.cross_entropy(logits, labels),
    "none": lambda: F.cross_entropy(logits, labels, reduction="none"),
    "weights": lambda: F.cross_entropy(logits, labels, weight=torch.tensor([1.0, 2.0, 0.5])),
    "ignore": lambda: F.cross_entropy(logits, torch.tensor([0, -100, 1])),
    "smoothing": lambda: nn.CrossEntropyLoss(label_smoothing=0.1)(logits, labels),
    "probabilities": lambda: F.cross_entropy(logits, torch.full((3, 3), 1 / 3)),
    "nll": lambda: F.nll_loss(F.log_softmax(logits, 1), labels),
    "bce": lambda: F.binary_cross_entropy(torch.sigmoid(logits), torch.eye(3)),
    "bce with logits": lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 3.0]))(
        logits, torch.eye(3)
    ),
    "kl": lambda: F.kl_div(
        F.log_softmax(logits, 1), torch.full((3, 3), 1 / 3), reduction="batchmean"
    ),
    "hinge": lambda: nn.HingeEmbeddingLoss()(logits, torch.tensor([1.0, -1.0, 1.0])),
    "margin": lambda: nn.MarginRankingLoss(0.5)(
        logits[0], logits[1], torch.tensor([1.0, -1.0, 1.0])
    ),
    "multi margin": lambda: nn.MultiMarginLoss()(logits, labels),
    "cosine": lambda: nn.CosineEmbeddingLoss()(
        logits, torch.eye(3), torch.tensor([1.0, -1.0, 1.0])
    ),
    "triplet": lambda: nn.TripletMarginLoss()(logits, torch.eye(3), torch.ones(3, 3)),
    "poisson": lambda: nn.PoissonNLLLoss()(logits, torch.ones(3, 3)),
    "gaussian": lambda: nn.GaussianNLLLoss()(logits, torch.zeros(3, 3), torch.ones(3, 3)),
    "similarity": lambda: F.cosine_similarity(logits, torch.eye(3)),
    "distance": lambda: F.pairwise_distance(logits, torch.eye(3)),
}
for title, case in cases.items():
    logits.grad = None
    value = case()
    value.sum().backward()
    print(title, value.detach(), logits.grad)
for loss in (
    nn.CrossEntropyLoss(),
    nn.BCELoss(),
    nn.NLLLoss(),
    nn.KLDivLoss(),
    nn.MSELoss(reduction="sum"),
):
    print(loss, loss.reduction)
