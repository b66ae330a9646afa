"""A backbone, a classifier of its maps, and a resize to the image."""

from collections import OrderedDict

from cygrad import nn
from cygrad.nn import functional as F

from .._api import _legacy_weights, builder, fit_classes
from .._utils import IntermediateLayerGetter


class _SimpleSegmentationModel(nn.Module):
    """{"out": logits (N, classes, H, W)}, and "aux" of an ``aux_classifier``."""

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x):
        size = x.shape[-2:]
        features = self.backbone(x)
        result = OrderedDict()
        for name, classifier in (("out", self.classifier), ("aux", self.aux_classifier)):
            if classifier is not None:
                logits = classifier(features[name])
                result[name] = F.interpolate(
                    logits, size=size, mode="bilinear", align_corners=False
                )
        return result


def _fit(weights, kwargs):
    kwargs["weights_backbone"] = None  # they are part of the weights
    if kwargs.get("aux_loss") is None:
        kwargs["aux_loss"] = True
    elif not kwargs["aux_loss"]:
        raise ValueError("The parameter 'aux_loss' expected value True but got False instead.")
    if kwargs.get("num_classes") is None:
        kwargs.pop("num_classes", None)
    fit_classes(weights, kwargs)


def resnet_segmentation(name, enum, resnet, model, head, aux_head):
    """The builder of a model on a ResNet whose last two stages are dilated.

    Without weights the backbone alone has those of ImageNet, unless ``weights_backbone=None``.
    """
    backbones = resnet.weights_enum

    def make(
        *,
        num_classes=None,
        aux_loss=None,
        weights_backbone=backbones.IMAGENET1K_V1,
        pretrained_backbone=None,
    ):
        num_classes = 21 if num_classes is None else num_classes
        legacy = _legacy_weights(backbones, "IMAGENET1K_V1", weights_backbone, pretrained_backbone)
        backbone = resnet(weights=legacy, replace_stride_with_dilation=[False, True, True])
        layers = {"layer4": "out", **({"layer3": "aux"} if aux_loss else {})}
        backbone = IntermediateLayerGetter(backbone, layers)
        aux_classifier = aux_head(1024, num_classes) if aux_loss else None
        return model(backbone, head(2048, num_classes), aux_classifier)

    make.__module__ = model.__module__
    return builder(name, enum, make, legacy="COCO_WITH_VOC_LABELS_V1", fit=_fit)
