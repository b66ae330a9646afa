"""Models: state dicts, initial weights and texts of torchvision 0.28; the numbers were printed by it."""

import hashlib
import io
import pickle
import re
import sys
import types

import pytest

import cygrad as torch
from cygrad import nn
from cygrad.vision import models
from cygrad.vision.models import feature_extraction, segmentation
from cygrad.vision.models._utils import IntermediateLayerGetter

# Name: digests of the state dict's names and shapes and of the repr, sum of all absolute values at seed 0, the next
# random number, and three outputs for a ramp from -1 to 1.
EXPECTED = {
    "alexnet": ("85d359b1", "b2d9390d", 385852.65, 0.7509, (0.007664, -0.0103, -0.003227)),
    "squeezenet1_0": ("76b95099", "8e36fd0e", 55126.86, 0.5727, (0.003228, 0.0, 0.01702)),
    "squeezenet1_1": ("e8e8ddb0", "2bb9eb57", 54056.99, 0.6171, (0.0299, 0.04141, 0.0256)),
    "resnet18": ("6a370c40", "4233480d", 240662.12, 0.8865, (0.4372, 0.2003, -0.4974)),
    "resnet50": ("797ba4c5", "c11ffae0", 790878.54, 0.6515, None),
    "mobilenet_v2": (
        "8d487900",
        "d6aa2c31",
        180024.42,
        0.1145,
        (-4.011e-11, -5.211e-10, -7.366e-10),
    ),
    "mobilenet_v3_small": (
        "8759961c",
        "f6b6f87b",
        98446.54,
        0.3305,
        (1.176e-10, -2.863e-10, 4.227e-10),
    ),
    "mobilenet_v3_large": (
        "2b23d7d9",
        "8e094b5a",
        230622.27,
        0.432,
        (-4.245e-11, -3.857e-11, 1.477e-10),
    ),
    "densenet121": ("e0e29783", "680a3c53", 386906.91, 0.833, None),
    "googlenet": ("1b6d428f", "13dc294b", 118747.18, 0.2659, (0.02815, -0.02673, -0.007832)),
    "inception_v3": ("933fb263", "a67a2f15", 2139769.89, 0.4452, None),
    "efficientnet_b0": (
        "6676cfd0",
        "a435bfe1",
        320276.48,
        0.7857,
        (4.948e-15, -3.317e-15, -2.254e-15),
    ),
    "shufflenet_v2_x1_0": ("5f0fd787", "8ef834c2", 75346.45, 0.0642, (0.02511, -0.02041, 0.02021)),
    "convnext_tiny": ("bca84096", "1351b0a8", 463305.58, 0.7167, None),
    "vit_b_32": ("f3ca32ec", "7bf4829d", 1769754.14, 0.6685, None),
}


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_as_torchvision(name):
    names, text, total, after, outputs = EXPECTED[name]
    torch.manual_seed(0)
    model = getattr(models, name)()
    assert torch.rand(1).item() == pytest.approx(after, abs=1e-4)
    described = "".join(f"{key}{tuple(value.shape)}" for key, value in model.state_dict().items())
    assert hashlib.md5(hashlib.md5(described.encode()).digest()).hexdigest()[:8] == names
    assert digest(repr(model)) == text
    found = sum(
        value.abs().sum(dtype=torch.float64).item() for value in model.state_dict().values()
    )
    assert found == pytest.approx(total, rel=1e-7)
    weights = models.get_model_weights(name).DEFAULT
    if name != "googlenet":  # whose published weights have no auxiliary heads
        assert sum(p.numel() for p in model.parameters()) == weights.meta["num_params"]
    if outputs:
        with torch.no_grad():
            out = model.eval()(torch.linspace(-1, 1, 224).expand(1, 3, 224, 224))[0, :3].tolist()
        assert out == pytest.approx(outputs, rel=2e-3, abs=1e-16)


def test_vgg():
    text = repr(models.vgg.make_layers(models.vgg.cfgs["A"], batch_norm=True))
    assert (
        text.count("Conv2d") == 8
        and text.count("BatchNorm2d") == 8
        and text.count("MaxPool2d") == 5
    )
    model = models.VGG(
        models.vgg.make_layers(models.vgg.cfgs["A"]), num_classes=3, init_weights=False
    )
    assert model.classifier[6].out_features == 3
    assert list(model.state_dict())[:3] == [
        "features.0.weight",
        "features.0.bias",
        "features.3.weight",
    ]
    for name, depth in (("vgg13", 10), ("vgg16", 13), ("vgg19", 16)):
        plan = models.vgg.cfgs[{"vgg13": "B", "vgg16": "D", "vgg19": "E"}[name]]
        assert sum(item != "M" for item in plan) == depth


def test_training_steps():
    model = models.resnet18(num_classes=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_auxiliary_outputs():
    assert models.inception.InceptionAux(768, 4)(torch.randn(2, 768, 17, 17)).shape == (2, 4)
    model = models.inception_v3(num_classes=4, init_weights=False)
    model.AuxLogits = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(768, 4)
    )  # for small images
    out = model(torch.randn(2, 3, 107, 107))
    assert isinstance(out, models.InceptionOutputs) and out.aux_logits.shape == (2, 4)
    assert model.eval()(torch.randn(1, 3, 75, 75)).shape == (1, 4)
    model = models.googlenet(num_classes=4, init_weights=False)
    assert [o.shape for o in model(torch.randn(2, 3, 64, 64))] == [(2, 4)] * 3
    with pytest.warns(
        FutureWarning, match="default weight initialization of GoogleNet will be changed"
    ):
        models.GoogLeNet(num_classes=1)


def test_vision_transformer():
    model = models.VisionTransformer(32, 8, 2, 2, 16, 24, num_classes=3)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    with pytest.raises(AssertionError, match="Wrong image height! Expected 32 but got 16!"):
        model(torch.randn(2, 3, 16, 32))
    state = model.state_dict()
    old = {
        re.sub(r"mlp\.(\d)", lambda m: f"mlp.linear_{1 if m[1] == '0' else 2}", k): v
        for k, v in state.items()
    }
    assert "encoder.layers.encoder_layer_0.mlp.linear_2.bias" in old
    model.load_state_dict(old)  # as the published files name them
    larger = models.vision_transformer.interpolate_embeddings(64, 8, state)
    assert larger["encoder.pos_embedding"].shape == (1, 65, 16)
    stem = [models.vision_transformer.ConvStemConfig(8, 3, 2)] * 2
    model = models.VisionTransformer(
        32, 4, 1, 2, 16, 24, conv_stem_configs=stem, representation_size=5
    )
    assert [name for name, _ in model.heads.named_children()] == ["pre_logits", "act", "head"]


def test_resnet_options():
    model = models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], zero_init_residual=True)
    assert not model.layer1[0].bn3.weight.any()
    dilated = models.resnet50(replace_stride_with_dilation=[False, True, True])
    assert dilated.layer4[2].conv2.dilation == (4, 4) and dilated.layer4[0].conv2.stride == (1, 1)
    with pytest.raises(ValueError, match="should be None or a 3-element tuple"):
        models.resnet18(replace_stride_with_dilation=[True])
    with pytest.raises(TypeError, match="foo"):
        models.resnet18(foo=3)


@pytest.fixture
def hub(monkeypatch):
    """Stands in for torch.hub: the "download" is the state dict that the test puts there."""
    module = types.ModuleType("cygrad.hub")
    module.calls, module.state = [], None

    def load_state_dict_from_url(url, **kwargs):
        module.calls.append((url, kwargs))
        return module.state

    module.load_state_dict_from_url = load_state_dict_from_url
    monkeypatch.setitem(sys.modules, "cygrad.hub", module)
    monkeypatch.setitem(vars(torch), "hub", module)
    return module


def test_weights(hub):
    hub.state = models.resnet18().state_dict()
    weights = models.ResNet18_Weights.DEFAULT
    model = models.resnet18(weights=weights, progress=False)
    url = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    assert hub.calls == [(url, {"progress": False, "check_hash": True})]
    assert all(torch.equal(value, hub.state[name]) for name, value in model.state_dict().items())
    for same in ("DEFAULT", "IMAGENET1K_V1", "ResNet18_Weights.IMAGENET1K_V1"):
        models.resnet18(weights=same)
    assert weights is models.ResNet18_Weights.IMAGENET1K_V1 and str(weights) == repr(weights)
    assert repr(weights) == "ResNet18_Weights.IMAGENET1K_V1" and weights.url == url
    assert (
        len(weights.meta["categories"]) == 1000
        and weights.meta["categories"][207] == "golden retriever"
    )
    assert weights.meta["_metrics"] == {"ImageNet-1K": {"acc@1": 69.758, "acc@5": 89.078}}
    assert pickle.loads(pickle.dumps(weights)) is weights


def test_weights_errors(hub):
    with pytest.raises(
        ValueError, match="The parameter 'num_classes' expected value 1000 but got 10 instead."
    ):
        models.resnet18(weights="DEFAULT", num_classes=10)
    with pytest.raises(
        TypeError,
        match="Invalid Weight class provided; expected ResNet18_Weights but received ResNet50_Weights.",
    ):
        models.resnet18(weights=models.ResNet50_Weights.DEFAULT)
    with pytest.raises(KeyError, match="x"):
        models.resnet18(weights="x")
    hub.state = {}
    with pytest.raises(RuntimeError, match="Error.s. in loading state_dict for ResNet"):
        models.resnet18(weights="DEFAULT")


def test_deprecated_arguments(hub):
    hub.state = models.resnet18().state_dict()
    pretrained = "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use"
    other = (
        "The current behavior is equivalent to passing `weights=ResNet18_Weights.IMAGENET1K_V1`. You can also use "
        "`weights=ResNet18_Weights.DEFAULT` to get the most up-to-date weights."
    )
    with pytest.warns(UserWarning) as caught:
        models.resnet18(pretrained=True)
    assert [str(w.message).startswith(pretrained) for w in caught] == [True, False]
    assert str(caught[1].message).endswith(other)
    with pytest.warns(UserWarning) as caught:
        models.resnet18(pretrained=False)
    assert str(caught[1].message).endswith(
        "The current behavior is equivalent to passing `weights=None`."
    )
    with pytest.warns(UserWarning, match="Using 'weights' and 'progress' as positional parameter"):
        models.resnet18(None, True)
    assert len(hub.calls) == 1


def test_old_names_in_densenet_weights(hub):
    state = models.densenet121().state_dict()
    hub.state = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", k): v for k, v in state.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in hub.state
    model = models.densenet121(weights="DEFAULT")
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_registry():
    assert models.list_models(include="resnet*", exclude="*152") == [
        "resnet101",
        "resnet18",
        "resnet34",
        "resnet50",
    ]
    assert "fcn_resnet50" in models.list_models(module=segmentation)
    assert "fcn_resnet50" not in models.list_models(module=models)
    assert models.get_model_builder("ResNet18") is models.resnet18
    assert models.resnet18.__name__ == "resnet18"
    assert isinstance(models.get_model("squeezenet1_1", num_classes=2), models.SqueezeNet)
    assert models.get_model_weights(models.resnet18) is models.ResNet18_Weights
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V2") is models.ResNet50_Weights.DEFAULT
    for call, error, message in (
        (lambda: models.get_model("nope"), ValueError, "Unknown model nope"),
        (lambda: models.get_weight("x"), ValueError, "Invalid weight name provided: 'x'."),
        (
            lambda: models.get_weight("X.Y"),
            ValueError,
            "The weight enum 'X' for the specific method couldn't be",
        ),
        (lambda: models.get_weight("ResNet18_Weights.X"), KeyError, "X"),
        (lambda: models.swin_t, AttributeError, "has no attribute 'swin_t'"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_save_and_copy():
    import copy

    model = models.squeezenet1_1(num_classes=3).eval()
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    data = io.BytesIO(pickle.dumps(model))
    assert torch.equal(pickle.load(data)(x), model(x))


# As above; digests of repr and of the names.
SEGMENTATION = {
    ("fcn_resnet50", None): ("6034eab9", "b75eb099", {"out": 0.0005}),
    ("fcn_resnet50", True): ("9c6aee3f", "a1e56d36", {"out": 0.0236, "aux": -0.0006}),
    ("deeplabv3_resnet50", None): ("b90967a2", "cc4e39b0", {"out": 0.0189}),
    ("deeplabv3_resnet50", True): ("268d69e4", "e5ae4605", {"out": -0.0069, "aux": -0.0006}),
}


@pytest.mark.parametrize("name, aux", SEGMENTATION)
def test_segmentation(name, aux):
    text, names, means = SEGMENTATION[name, aux]
    torch.manual_seed(0)
    model = getattr(segmentation, name)(weights=None, weights_backbone=None, aux_loss=aux).eval()
    assert digest(repr(model)) == text and digest(" ".join(model.state_dict())) == names
    with torch.no_grad():
        out = model(torch.linspace(-1, 1, 3 * 33 * 40).reshape(1, 3, 33, 40))
    assert {key: value.double().mean().item() for key, value in out.items()} == pytest.approx(
        means, abs=1e-4
    )
    assert all(value.shape == (1, 21, 33, 40) for value in out.values())


def test_segmentation_weights(hub):
    hub.state = segmentation.fcn_resnet50(weights_backbone=None, aux_loss=True).state_dict()
    model = segmentation.fcn_resnet50(weights="DEFAULT")
    assert model.aux_classifier is not None and len(hub.calls) == 1
    hub.state = models.resnet50().state_dict()
    segmentation.fcn_resnet50(num_classes=2)
    assert hub.calls[1][0].endswith("resnet50-0676ba61.pth")  # the backbone's by default


def test_layers():
    model = models.resnet18()
    layers = IntermediateLayerGetter(model, {"layer1": "a", "layer3": 0})
    out = layers(torch.randn(1, 3, 32, 32))
    assert [(k, v.shape[1]) for k, v in out.items()] == [("a", 64), (0, 256)]
    assert "layer4" not in layers
    with pytest.raises(ValueError, match="return_layers are not present in model"):
        IntermediateLayerGetter(model, {"x": "y"})


def test_feature_extraction():
    torch.manual_seed(0)
    model = models.resnet18()
    create = feature_extraction.create_feature_extractor
    extractor = create(model, {"layer1": "a", "layer3.0.relu_1": "b", "avgpool": "c"}).eval()
    found = {
        k: (tuple(v.shape), v.mean().item()) for k, v in extractor(torch.ones(1, 3, 64, 64)).items()
    }
    assert list(found) == ["a", "b", "c"]
    assert found["a"] == ((1, 64, 16, 16), pytest.approx(0.3015, abs=1e-4))
    assert found["b"] == ((1, 256, 4, 4), pytest.approx(0.2989, abs=1e-4))
    assert found["c"] == ((1, 512, 1, 1), pytest.approx(0.4041, abs=1e-4))
    assert list(extractor.state_dict()) == list(model.state_dict()) and model.training
    calls = []
    model.layer4.register_forward_hook(lambda *args: calls.append(1))
    assert list(create(model, ["layer2"])(torch.ones(1, 3, 64, 64))) == ["layer2"]
    assert not calls  # what comes later is not run
    both = create(model, train_return_nodes=["layer1"], eval_return_nodes=["layer2"])
    assert list(both.train()(torch.ones(1, 3, 64, 64))) == ["layer1"]
    assert list(both.eval()(torch.ones(1, 3, 64, 64))) == ["layer2"]
    with pytest.raises(ValueError, match="node: 'nope' is not present in model."):
        create(model, ["nope"])
    with pytest.raises(
        ValueError, match="Either `return_nodes` or `train_return_nodes` and `eval_return_nodes`"
    ):
        create(model)
    with pytest.raises(ValueError, match="then both should be specified"):
        create(model, None, ["layer1"])
