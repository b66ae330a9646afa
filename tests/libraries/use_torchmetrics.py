"""torchmetrics: metrics of classification and regression, collections, wrappers, pickling, a metric of one's own."""

import copy
import pickle

import torch
import torchmetrics as tm

torch.manual_seed(0)
probabilities, classes = torch.softmax(torch.randn(20, 4), 1), torch.randint(0, 4, (20,))
scores, labels = torch.rand(20), torch.randint(0, 2, (20,))
x, y = torch.randn(20), torch.randn(20)
four = {"task": "multiclass", "num_classes": 4}


def show(name, metric, *tensors):
    for half in (slice(0, 10), slice(10, 20)):
        metric.update(*(t[half] for t in tensors))
    print(name, metric.compute())


for name in (
    "Accuracy", "Precision", "Recall", "F1Score", "Specificity", "ConfusionMatrix", "CohenKappa", "MatthewsCorrCoef",
    "AUROC", "AveragePrecision", "JaccardIndex", "HammingDistance", "StatScores", "CalibrationError", "HingeLoss",
    "ExactMatch", "ROC", "PrecisionRecallCurve",
):  # fmt: skip
    show(name, getattr(tm, name)(**four), probabilities, classes)
for name in ("Accuracy", "Precision", "Recall", "F1Score"):
    for average in ("macro", "weighted", "none"):
        show(f"{name} {average}", getattr(tm, name)(**four, average=average), probabilities, classes)
    show(f"{name} of 2", getattr(tm, name)(**four, top_k=2), probabilities, classes)
for name in (
    "Accuracy", "Precision", "Recall", "F1Score", "AUROC", "AveragePrecision", "ConfusionMatrix", "ROC",
):  # fmt: skip
    show(f"binary {name}", getattr(tm, name)(task="binary"), scores, labels)
many, which = torch.rand(20, 3), torch.randint(0, 2, (20, 3))
for name in ("Accuracy", "F1Score", "AUROC"):
    show(f"multilabel {name}", getattr(tm, name)(task="multilabel", num_labels=3), many, which)
for name in (
    "MeanSquaredError", "MeanAbsoluteError", "R2Score", "PearsonCorrCoef", "SpearmanCorrCoef", "ExplainedVariance",
    "MeanAbsolutePercentageError", "KendallRankCorrCoef", "ConcordanceCorrCoef", "SymmetricMeanAbsolutePercentageError",
):  # fmt: skip
    show(name, getattr(tm, name)(), x, y)
show("MeanSquaredLogError", tm.MeanSquaredLogError(), x.abs(), y.abs())
show("CosineSimilarity", tm.CosineSimilarity(), x[:, None], y[:, None])
show("MeanMetric", tm.MeanMetric(), x)
show("SumMetric", tm.SumMetric(), x)
show("MaxMetric", tm.MaxMetric(), x)
show("CatMetric", tm.CatMetric(), x)
images = torch.rand(20, 3, 16, 16), torch.rand(20, 3, 16, 16)
show("PeakSignalNoiseRatio", tm.image.PeakSignalNoiseRatio(data_range=1.0), *images)
show("SSIM", tm.image.StructuralSimilarityIndexMeasure(data_range=1.0), *images)
show("Perplexity", tm.text.Perplexity(), torch.randn(20, 5, 7), torch.randint(0, 7, (20, 5)))

both = tm.MetricCollection([tm.Accuracy(**four), tm.F1Score(**four, average="macro")])
print(both(probabilities, classes))
print(both)
metric = pickle.loads(pickle.dumps(tm.Accuracy(**four)))
print(metric(probabilities, classes), metric.metric_state)
print(copy.deepcopy(metric).to("cpu").compute(), (metric + 1).compute())
print(tm.ClasswiseWrapper(tm.Accuracy(**four, average="none"))(probabilities, classes))
print(tm.functional.accuracy(probabilities, classes, **four), tm.functional.mean_squared_error(x, y))
print(tm.functional.pairwise_cosine_similarity(probabilities[:3]))


class Positive(tm.Metric):
    """How many numbers are positive."""

    def __init__(self):
        super().__init__()
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, values):
        self.count += (values > 0).sum()

    def compute(self):
        return self.count


own = Positive()
show("own", own, x)
print(own, own(x), own.compute())
own.reset()
print(own.count)
