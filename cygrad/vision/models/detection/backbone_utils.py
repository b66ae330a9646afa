"""Backbones with a feature pyramid."""

import warnings

from cygrad import nn

from ...ops._regions import FeaturePyramidNetwork, LastLevelMaxPool
from ...ops.misc import FrozenBatchNorm2d
from .. import resnet
from .._utils import IntermediateLayerGetter


class BackboneWithFPN(nn.Module):
    """The maps of a model's layers, {name of the layer: name of the map}, and a pyramid on them."""

    def __init__(
        self,
        backbone,
        return_layers,
        in_channels_list,
        out_channels,
        extra_blocks=None,
        norm_layer=None,
    ):
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers=return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list=in_channels_list,
            out_channels=out_channels,
            extra_blocks=extra_blocks or LastLevelMaxPool(),
            norm_layer=norm_layer,
        )
        self.out_channels = out_channels

    def forward(self, x):
        return self.fpn(self.body(x))


def _resnet_fpn_extractor(
    backbone, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None
):
    """A ResNet with a pyramid of 256 channels; only its last ``trainable_layers`` stages learn."""
    if trainable_layers < 0 or trainable_layers > 5:
        raise ValueError(f"Trainable layers should be in the range [0,5], got {trainable_layers}")
    learning = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        learning.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(learning)):
            parameter.requires_grad_(False)
    returned_layers = returned_layers or [1, 2, 3, 4]
    if min(returned_layers) <= 0 or max(returned_layers) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {returned_layers}")
    return_layers = {f"layer{stage}": str(i) for i, stage in enumerate(returned_layers)}
    first = backbone.inplanes // 8
    channels = [first * 2 ** (stage - 1) for stage in returned_layers]
    return BackboneWithFPN(backbone, return_layers, channels, 256, extra_blocks, norm_layer)


def resnet_fpn_backbone(
    *,
    backbone_name,
    weights,
    norm_layer=FrozenBatchNorm2d,
    trainable_layers=3,
    returned_layers=None,
    extra_blocks=None,
):
    """The ResNet of that name with a feature pyramid."""
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def _validate_trainable_layers(is_trained, trainable_backbone_layers, max_value, default_value):
    """How many stages learn: all where nothing was trained before."""
    if not is_trained:
        if trainable_backbone_layers is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have "
                f"been set to True, falling back to trainable_backbone_layers={max_value} so that all layers are "
                "trainable",
                stacklevel=4,
            )
        return max_value
    if trainable_backbone_layers is None:
        return default_value
    if not 0 <= trainable_backbone_layers <= max_value:
        raise ValueError(
            f"Trainable backbone layers should be in the range [0,{max_value}], got {trainable_backbone_layers} "
        )
    return trainable_backbone_layers


def resnet50_fpn_builder(name, enum, model):
    """The public builder of a detector on ResNet-50 with a pyramid.

    Without weights the backbone alone has those of ImageNet, unless ``weights_backbone=None``.
    """
    from .._api import _legacy_weights, builder, fit_classes, load
    from ._utils import overwrite_eps

    backbones = resnet.ResNet50_Weights

    def fit(weights, kwargs):
        kwargs["weights_backbone"] = None
        kwargs["_trained"] = True
        if kwargs.get("num_classes") is None:
            kwargs.pop("num_classes", None)
        fit_classes(weights, kwargs)

    def make(
        *,
        num_classes=None,
        weights_backbone=backbones.IMAGENET1K_V1,
        pretrained_backbone=None,
        trainable_backbone_layers=None,
        _trained=False,
        **kwargs,
    ):
        weights = _legacy_weights(backbones, "IMAGENET1K_V1", weights_backbone, pretrained_backbone)
        weights = backbones.verify(weights)
        trained = _trained or weights is not None
        layers = _validate_trainable_layers(trained, trainable_backbone_layers, 5, 3)
        norm_layer = FrozenBatchNorm2d if trained else nn.BatchNorm2d
        backbone = resnet.resnet50(weights=weights, norm_layer=norm_layer)
        backbone = _resnet_fpn_extractor(backbone, layers)
        return model(backbone, num_classes=91 if num_classes is None else num_classes, **kwargs)

    def load_with_eps(built, weights, progress):
        load(built, weights, progress)
        overwrite_eps(built, 0.0)
        return built

    make.__module__ = model.__module__
    return builder(name, enum, make, legacy="COCO_V1", fit=fit, load=load_with_eps)
