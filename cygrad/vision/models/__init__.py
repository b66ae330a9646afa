"""Models of images, with torchvision's names, state dicts and initial weights."""

import importlib as _importlib

from . import mobilenet  # noqa: F401
from ._api import (  # noqa: F401
    Weights,
    WeightsEnum,
    get_model,
    get_model_builder,
    get_model_weights,
    get_weight,
    list_models,
)

_FAMILIES = (
    "alexnet",
    "convnext",
    "densenet",
    "efficientnet",
    "googlenet",
    "inception",
    "mobilenetv2",
    "mobilenetv3",
    "resnet",
    "shufflenetv2",
    "squeezenet",
    "vgg",
    "vision_transformer",
)
# Each module's main class, its weights and builders are names of this package as well.
_CLASSES = (
    "AlexNet ConvNeXt DenseNet EfficientNet GoogLeNet GoogLeNetOutputs Inception3 InceptionOutputs MobileNetV2"
    " MobileNetV3 ResNet ShuffleNetV2 SqueezeNet VGG VisionTransformer _GoogLeNetOutputs _InceptionOutputs"
).split()
for _family in _FAMILIES:
    _module = _importlib.import_module("." + _family, __name__)
    for _name, _value in list(vars(_module).items()):
        if _name in _CLASSES or _name.endswith("_Weights") or hasattr(_value, "weights_enum"):
            globals()[_name] = _value
del _family, _module, _name, _value

_SUBPACKAGES = ("detection", "feature_extraction", "segmentation")


def __getattr__(name):
    if name in _SUBPACKAGES:
        return _importlib.import_module("." + name, __name__)
    raise AttributeError(
        f"module 'torchvision.models' has no attribute '{name}': cygrad does not have it yet"
    )
