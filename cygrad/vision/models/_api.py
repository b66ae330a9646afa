"""Models by name, and the weights that are published for them."""

import fnmatch
import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from . import _meta, _presets, _table

_BUILDERS = {}
_ENUMS = {}


@dataclass
class Weights:
    """Where weights lie, a maker of the transforms they expect, and what is known of them."""

    url: str
    transforms: Callable
    meta: Mapping[str, Any]


class WeightsEnum(Enum):
    """The weights of one model; `DEFAULT` is the best."""

    @classmethod
    def verify(cls, obj):
        """The member that `obj` is or names; TypeError for one of another model."""
        if obj is None:
            return None
        if isinstance(obj, str):
            return cls[obj.replace(cls.__name__ + ".", "")]
        if not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {obj.__class__.__name__}."
            )
        return obj

    def get_state_dict(self, *args, **kwargs):
        """The weights, fetched by `torch.hub.load_state_dict_from_url(url, *args, **kwargs)`."""
        from cygrad import hub

        return hub.load_state_dict_from_url(self.url, *args, **kwargs)

    def __reduce_ex__(self, protocol):
        return getattr, (
            type(self),
            self._name_,
        )  # the values are not to be compared: they hold functions

    def __repr__(self):
        return f"{type(self).__name__}.{self._name_}"

    __str__ = __repr__

    @property
    def url(self):
        return self.value.url

    @property
    def transforms(self):
        return self.value.transforms

    @property
    def meta(self):
        return self.value.meta


_COLORS = {
    "half": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "caffe": {"mean": (0.48235, 0.45882, 0.40784), "std": (1 / 255,) * 3},  # from 0 to 255
}


class _Preset(functools.partial):
    """A partial whose interpolation is looked up at the call: importing models does not import transforms."""

    def __call__(self, **kwargs):
        if "interpolation" in self.keywords and "interpolation" not in kwargs:
            mode = _presets._functional().InterpolationMode(self.keywords["interpolation"])
            kwargs["interpolation"] = mode
        return super().__call__(**kwargs)


def _weights(file, params, metrics, least_size, preset):
    fields = preset.split(":")
    options = {}
    for field in fields[1:]:
        if field == "bicubic":
            options["interpolation"] = field
        elif field in _COLORS:
            options.update(_COLORS[field])
    scores = [float(score) for score in metrics.split("/")]
    if fields[0] == "-":
        transforms, categories = _presets.ObjectDetection, _meta.COCO
        scored = {"COCO-val2017": dict(zip(("box_map", "mask_map"), scores))}
    elif len(fields) == 1:
        transforms = _Preset(_presets.SemanticSegmentation, resize_size=int(fields[0]), **options)
        categories = _meta.VOC
        scored = {"COCO-val2017-VOC-labels": dict(zip(("miou", "pixel_acc"), scores))}
    else:
        sizes = {"crop_size": int(fields[0]), "resize_size": int(fields[1])}
        transforms = _Preset(_presets.ImageClassification, **sizes, **options)
        categories = None if "caffe" in fields else _meta.IMAGENET
        scored = {"ImageNet-1K": dict(zip(("acc@1", "acc@5"), scores))}
    meta = {
        "num_params": int(params),
        "min_size": tuple(int(side) for side in least_size.split("x")),
        "categories": categories,
        "_metrics": scored,
    }
    return Weights(_table.BASE + file, transforms, meta)


@functools.cache
def _rows():
    """{model: [the other columns]} of the table."""
    found = {}
    for line in _table.ROWS.split("\n"):
        if line:
            model, *columns = line.split()
            found.setdefault(model, []).append(columns)
    return found


def weights_enum(model, module):
    """The `WeightsEnum` <model>_Weights of the table's rows, for a module of that name."""
    members, default = {}, None
    for name, *columns in _rows()[model]:
        members[name.rstrip("*")] = weights = _weights(*columns)
        if name.endswith("*"):
            default = weights
    members["DEFAULT"] = default  # an equal value makes it an alias
    enum = WeightsEnum(f"{model}_Weights", members, module=module)
    _ENUMS[enum.__name__] = enum
    return enum


def overwrite(kwargs, name, value):
    """Sets a keyword that the weights determine; ValueError if the caller wants another."""
    if kwargs.setdefault(name, value) != value:
        raise ValueError(
            f"The parameter '{name}' expected value {value} but got {kwargs[name]} instead."
        )


def fit_classes(weights, kwargs):
    """What most models need to fit their weights: as many classes."""
    if weights.meta["categories"] is not None:
        overwrite(kwargs, "num_classes", len(weights.meta["categories"]))


def _deprecated(message):
    warnings.warn(message, stacklevel=4)


def _legacy_weights(enum, legacy, weights, pretrained):
    """`weights`, or what booleans in its place and the old `pretrained` mean."""
    if pretrained is not None:
        _deprecated(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use "
            "'weights' instead."
        )
        weights = pretrained
    if weights is None or isinstance(weights, (WeightsEnum, str)):
        return weights
    if not isinstance(weights, bool):
        return enum.verify(weights)  # which raises
    default = getattr(enum, legacy) if weights else None
    message = (
        "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be removed in "
        f"the future. The current behavior is equivalent to passing `weights={default}`."
    )
    if default is not None:
        message += f" You can also use `weights={enum.__name__}.DEFAULT` to get the most up-to-date weights."
    _deprecated(message)
    return default


def load(model, weights, progress):
    model.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
    return model


def builder(name, enum, make, *, legacy="IMAGENET1K_V1", fit=fit_classes, load=load):
    """The public function `name(*, weights=None, progress=True, **kwargs)` that returns a model, registered.

    ``make(**kwargs)`` builds it; where weights are asked for, ``fit(weights, kwargs)`` comes before and
    ``load(model, weights, progress)`` after.
    """

    def build(*args, weights=None, progress=True, pretrained=None, **kwargs):
        if args:
            given = ["weights", "progress", "kwargs"][: len(args)]
            shown = {1: "'{}'", 2: "'{}' and '{}'", 3: "'{}', '{}', and '{}'"}[len(given)].format(
                *given
            )
            _deprecated(
                f"Using {shown} as positional parameter(s) is deprecated since 0.13 and may be removed in the future. "
                "Please use keyword parameter(s) instead."
            )
            if len(args) > 2:
                raise TypeError(f"{name}() takes 0 positional arguments but {len(args)} were given")
            weights, progress = args[0], args[1] if len(args) > 1 else progress
        weights = enum.verify(_legacy_weights(enum, legacy, weights, pretrained))
        if weights is None:
            return make(**kwargs)
        fit(weights, kwargs)
        return load(make(**kwargs), weights, progress)

    build.__name__ = build.__qualname__ = name
    build.__module__ = make.__module__
    build.__doc__ = f"""{name}, with the given ``{enum.__name__}`` or random weights.

    ``weights`` is a member or its name; they are fetched at first use, with a bar if ``progress``.
    """
    build.weights_enum = enum
    _BUILDERS[name] = build
    return build


def get_model_builder(name):
    """The function that builds the model of that name."""
    try:
        return _BUILDERS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}") from None


def get_model(name, **config):
    """The model of that name, built with ``config``."""
    return get_model_builder(name)(**config)


def get_model_weights(name):
    """The `WeightsEnum` of a model, given by its name or its builder."""
    return (get_model_builder(name) if isinstance(name, str) else name).weights_enum


def get_weight(name):
    """The weights with a full name, such as "ResNet50_Weights.IMAGENET1K_V2"."""
    enum_name, dot, value = name.partition(".")
    if not dot:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    if enum_name not in _ENUMS:
        raise ValueError(
            f"The weight enum '{enum_name}' for the specific method couldn't be retrieved."
        )
    return _ENUMS[enum_name][value]


def list_models(module=None, include=None, exclude=None):
    """The sorted names of the models, of one module only, by patterns to include and to exclude."""

    def patterns(given):
        return [given] if isinstance(given, str) else list(given or ())

    names = set(_BUILDERS)
    if module is not None:
        names = {
            name
            for name in names
            if _BUILDERS[name].__module__.rpartition(".")[0] == module.__name__
        }
    if include:
        names = {name for name in names if any(fnmatch.fnmatch(name, p) for p in patterns(include))}
    names = {name for name in names if not any(fnmatch.fnmatch(name, p) for p in patterns(exclude))}
    return sorted(names)
