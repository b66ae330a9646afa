"""Mask R-CNN (He et al., 2017)."""

from collections import OrderedDict

from cygrad import nn

from ...ops import MultiScaleRoIAlign
from ...ops.misc import Conv2dNormActivation
from .._api import weights_enum
from .backbone_utils import resnet50_fpn_builder
from .faster_rcnn import FasterRCNN


class MaskRCNN(FasterRCNN):
    """`FasterRCNN` that also gives masks; targets have "masks" (N, H, W) of 0 and 1, results (N, 1, H, W) of [0, 1]."""

    def __init__(
        self,
        backbone,
        num_classes=None,
        *args,
        mask_roi_pool=None,
        mask_head=None,
        mask_predictor=None,
        **kwargs,
    ):
        if not isinstance(mask_roi_pool, (MultiScaleRoIAlign, type(None))):
            raise TypeError(
                f"mask_roi_pool should be of type MultiScaleRoIAlign or None instead of {type(mask_roi_pool)}"
            )
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        channels = getattr(backbone, "out_channels", None)  # without it the base class raises
        if mask_roi_pool is None:
            mask_roi_pool = MultiScaleRoIAlign(
                ["0", "1", "2", "3"], output_size=14, sampling_ratio=2
            )
        if mask_head is None and channels is not None:
            mask_head = MaskRCNNHeads(channels, (256, 256, 256, 256), 1)
        if mask_predictor is None and num_classes is not None:
            mask_predictor = MaskRCNNPredictor(256, 256, num_classes)
        super().__init__(backbone, num_classes, *args, **kwargs)
        self.roi_heads.mask_roi_pool = mask_roi_pool
        self.roi_heads.mask_head = mask_head
        self.roi_heads.mask_predictor = mask_predictor


def _kaiming(module):
    for name, parameter in module.named_parameters():
        if "weight" in name:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNNHeads(nn.Sequential):
    """Convolutions of 3 x 3 with the given numbers of channels."""

    def __init__(self, in_channels, layers, dilation, norm_layer=None):
        blocks = []
        for size in layers:
            blocks.append(
                Conv2dNormActivation(
                    in_channels,
                    size,
                    kernel_size=3,
                    stride=1,
                    padding=dilation,
                    dilation=dilation,
                    norm_layer=norm_layer,
                )
            )
            in_channels = size
        super().__init__(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for i in range(len(self)):
            for kind in ("weight", "bias"):  # as older files name them
                old = f"{prefix}mask_fcn{i + 1}.{kind}"
                if old in state_dict:
                    state_dict[f"{prefix}{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)


class MaskRCNNPredictor(nn.Sequential):
    """Twice the size, then a mask for each class."""

    def __init__(self, in_channels, dim_reduced, num_classes):
        super().__init__(
            OrderedDict(
                conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
                relu=nn.ReLU(inplace=True),
                mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
            )
        )
        _kaiming(self)


MaskRCNN_ResNet50_FPN_Weights = weights_enum("MaskRCNN_ResNet50_FPN", __name__)
maskrcnn_resnet50_fpn = resnet50_fpn_builder(
    "maskrcnn_resnet50_fpn", MaskRCNN_ResNet50_FPN_Weights, MaskRCNN
)
