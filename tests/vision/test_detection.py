"""Detectors; the numbers were printed by torchvision 0.28 for the same seeds."""

import hashlib

import pytest

import cygrad as torch
from cygrad.vision import models, ops
from cygrad.vision.models import detection
from cygrad.vision.models.detection import FasterRCNN, _utils, rpn, transform
from cygrad.vision.models.detection.faster_rcnn import FastRCNNPredictor
from cygrad.vision.models.detection.mask_rcnn import MaskRCNNPredictor
from cygrad.vision.models.detection.roi_heads import paste_masks_in_image

# Digests of the repr and of the state dict's names, sum of absolute values, and the losses of `batch` in their order.
EXPECTED = {
    "fasterrcnn_resnet50_fpn": ("508ab438", "908347f8", 915227.1, [1.3386, 0.1845, 0.7214, 0.0264]),
    "maskrcnn_resnet50_fpn": (
        "b061fcad",
        "c0165fab",
        980461.5,
        [0.9169, 0.6652, 7.7651, 0.7516, 0.0132],
    ),
}


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()[:8]


def batch():
    images = [
        torch.linspace(-1, 1, 3 * 40 * 50).reshape(3, 40, 50).sin(),
        torch.linspace(-3, 4, 3 * 60 * 50).reshape(3, 60, 50).cos(),
    ]
    first = torch.zeros(2, 40, 50, dtype=torch.uint8)
    first[:, 5:20, 10:30] = 1
    targets = [
        {
            "boxes": torch.tensor([[5, 5, 27, 29.0], [10, 3, 33, 20]]),
            "labels": torch.tensor([1, 2]),
            "masks": first,
        },
        {
            "boxes": torch.tensor([[5, 5, 47, 29.0]]),
            "labels": torch.tensor([2]),
            "masks": torch.ones(1, 60, 50, dtype=torch.uint8),
        },
    ]
    return images, targets


@pytest.mark.parametrize("name", EXPECTED)
def test_as_torchvision(name):
    text, names, total, losses = EXPECTED[name]
    torch.manual_seed(0)
    model = getattr(detection, name)(
        weights=None,
        weights_backbone=None,
        num_classes=3,
        min_size=48,
        max_size=64,
        rpn_post_nms_top_n_train=64,
        box_batch_size_per_image=32,
        rpn_post_nms_top_n_test=20,
    )
    assert digest(repr(model)) == text and digest(" ".join(model.state_dict())) == names
    found = sum(
        value.abs().sum(dtype=torch.float64).item() for value in model.state_dict().values()
    )
    assert found == pytest.approx(total, rel=1e-6)
    images, targets = batch()
    torch.manual_seed(1)
    found = model(images, targets)
    names = ["loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"]
    assert list(found) == [name for name in names if len(losses) == 5 or name != "loss_mask"]
    assert [value.item() for value in found.values()] == pytest.approx(losses, abs=2e-3)
    with torch.no_grad():
        results = model.eval()(images[:1])
    assert {"boxes", "labels", "scores"} <= set(results[0])
    if len(losses) == 5:
        assert results[0]["masks"].shape[1:] == (1, 40, 50)
    assert (results[0]["boxes"][:, 2] <= 50).all() and (results[0]["labels"] > 0).all()


def small(**kwargs):
    """The shape of the tutorial on fine-tuning: another backbone, its own anchors and pooling."""
    backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=4, padding=1), torch.nn.ReLU())
    backbone.out_channels = 8
    return FasterRCNN(
        backbone,
        num_classes=2,
        rpn_anchor_generator=rpn.AnchorGenerator(
            sizes=((8, 16),), aspect_ratios=((0.5, 1.0, 2.0),)
        ),
        box_roi_pool=ops.MultiScaleRoIAlign(featmap_names=["0"], output_size=2, sampling_ratio=2),
        min_size=32,
        box_batch_size_per_image=32,
        rpn_post_nms_top_n_train=50,
        **kwargs,
    )


def test_it_learns():
    torch.manual_seed(0)
    model = small()
    image = torch.zeros(3, 32, 32)
    image[:, 8:24, 8:24] = 1
    target = {"boxes": torch.tensor([[8.0, 8, 24, 24]]), "labels": torch.tensor([1])}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = sum(model([image], [target]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = model.eval()([image])[0]
    assert (
        found["scores"][0] > 0.5 and ops.box_iou(found["boxes"][:1], target["boxes"]).item() > 0.6
    )


def test_images_without_objects():
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    losses = small()([torch.rand(3, 32, 32)], [empty])
    assert losses["loss_box_reg"].item() == 0 and torch.isfinite(sum(losses.values()))


def test_other_predictors():
    model = small()
    features = model.roi_heads.box_predictor.cls_score.in_features
    model.roi_heads.box_predictor = FastRCNNPredictor(features, 5)
    assert model.roi_heads.box_predictor.bbox_pred.out_features == 20
    predictor = MaskRCNNPredictor(8, 6, 3)
    assert [name for name, _ in predictor.named_children()] == [
        "conv5_mask",
        "relu",
        "mask_fcn_logits",
    ]
    assert predictor(torch.rand(2, 8, 7, 7)).shape == (2, 3, 14, 14)


def test_errors():
    model = small()
    image = [torch.rand(3, 32, 32)]
    label = torch.tensor([1])
    box = torch.tensor([[5.0, 5, 9, 9]])
    for targets, error, message in (
        (None, AssertionError, "targets should not be none when in training mode"),
        (
            [{"boxes": [[1]], "labels": label}],
            AssertionError,
            "Expected target boxes to be of type Tensor, got",
        ),
        (
            [{"boxes": box[:, :3], "labels": label}],
            AssertionError,
            r"Expected target boxes to be a tensor of shape \[N, 4\], got torch.Size\(\[1, 3\]\).",
        ),
        (
            [{"boxes": box[:, [2, 1, 0, 3]], "labels": label}],
            AssertionError,
            "All bounding boxes should have positive height and width. Found invalid box .* for target at index 0.",
        ),
        (
            [{"boxes": box, "labels": label.float()}],
            TypeError,
            "target labels must of int64 type, instead got torch.float32",
        ),
    ):
        with pytest.raises(error, match=message):
            model(image, targets)
    with pytest.raises(ValueError, match="images is expected to be a list of 3d tensors"):
        model([torch.rand(2, 3, 4, 4)], [{"boxes": box, "labels": label}])
    backbone = torch.nn.Conv2d(3, 8, 3)
    with pytest.raises(ValueError, match="backbone should contain an attribute out_channels"):
        FasterRCNN(torch.nn.ReLU(), 2)
    backbone.out_channels = 8
    for arguments, error, message in (
        ({}, ValueError, "num_classes should not be None when box_predictor is not specified"),
        (
            {"num_classes": 2, "box_predictor": backbone},
            ValueError,
            "num_classes should be None when box_predictor is specified",
        ),
        (
            {"num_classes": 2, "rpn_anchor_generator": 3},
            TypeError,
            "rpn_anchor_generator should be of type AnchorGenerator or None instead of <class 'int'>",
        ),
        (
            {"num_classes": 2, "box_roi_pool": 3},
            TypeError,
            "box_roi_pool should be of type MultiScaleRoIAlign",
        ),
    ):
        with pytest.raises(error, match=message):
            FasterRCNN(backbone, **arguments)
    with pytest.raises(AttributeError, match="retinanet_resnet50_fpn"):
        detection.retinanet_resnet50_fpn  # noqa: B018


def test_anchors():
    anchors = rpn.AnchorGenerator(sizes=((32,), (64,)), aspect_ratios=((0.5, 1.0, 2.0),) * 2)
    assert anchors.cell_anchors[0].tolist() == [
        [-23, -11, 23, 11],
        [-16, -16, 16, 16],
        [-11, -23, 11, 23],
    ]
    assert anchors.num_anchors_per_location() == [3, 3]
    images = detection.image_list.ImageList(torch.zeros(1, 3, 64, 64), [(64, 64)])
    grid = anchors(images, [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)])[0]
    assert grid.shape == (15, 4) and grid[5].tolist() == [21, -23, 43, 23]


def test_coder_and_matcher():
    boxes = torch.tensor([[5, 5, 27, 29.0], [10, 3, 33, 20]])
    coder = _utils.BoxCoder((10.0, 10.0, 5.0, 5.0))
    codes = coder.encode([boxes], [boxes + 3])[0]
    assert torch.allclose(coder.decode(codes, [boxes + 3])[:, 0], boxes)
    overlaps = torch.tensor([[0.1, 0.6, 0.35, 0.2], [0.2, 0.1, 0.4, 0.2]])
    assert _utils.Matcher(0.5, 0.3)(overlaps).tolist() == [-1, 0, -2, -1]
    assert _utils.Matcher(0.5, 0.3, allow_low_quality_matches=True)(overlaps).tolist() == [
        -1,
        0,
        1,
        -1,
    ]


def test_transform():
    resize = transform.GeneralizedRCNNTransform(40, 60, [0.0] * 3, [1.0] * 3)
    images, targets = batch()
    out, scaled = resize.eval()(images, targets)
    assert out.tensors.shape == (2, 3, 64, 64) and out.image_sizes == [(40, 50), (48, 40)]
    assert scaled[1]["boxes"].tolist() == [[4, 4, pytest.approx(37.6), pytest.approx(23.2)]]
    assert scaled[1]["masks"].shape == (1, 48, 40) and targets[1]["boxes"][0, 0] == 5
    with pytest.raises(TypeError, match="Expected input images to be of floating type"):
        resize([torch.zeros(3, 4, 4, dtype=torch.uint8)])


@pytest.mark.parametrize("sampling_ratio, aligned", [(2, False), (-1, True)])
def test_gradients_of_regions(sampling_ratio, aligned):
    image = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor(
        [[0, 0.3, 0.2, 4.1, 3.9], [1, -3, 1, 9, 2.5], [1, 2, 2, 2, 2]], dtype=torch.float64
    )

    def align(x):
        return ops.roi_align(x, rois, (2, 3), 0.9, sampling_ratio, aligned)

    def pool(x):
        return ops.roi_pool(x, rois, 2, 0.9)

    for function in (align, pool):
        assert torch.autograd.gradcheck(function, image)
        assert torch.autograd.gradgradcheck(lambda x, f=function: f(x).sin(), image)


def test_masks_in_the_image():
    masks = paste_masks_in_image(
        torch.ones(2, 1, 4, 4), torch.tensor([[2.0, 1, 6, 5], [-3, -3, 20, 20]]), (8, 10)
    )
    assert masks.shape == (2, 1, 8, 10)
    assert masks[0, 0, 3, 4] == 1 and masks[0, 0, 7, 9] == 0 and masks[1].min() > 0.9


def test_frozen_layers_and_old_names():
    backbone = detection.backbone_utils.resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, trainable_layers=2
    )
    learning = {
        name.split(".")[1]
        for name, p in backbone.body.named_parameters(prefix="b")
        if p.requires_grad
    }
    assert learning == {"layer3", "layer4"}
    state = backbone.fpn.state_dict()
    old = {
        name.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): v
        for name, v in state.items()
    }
    assert "inner_blocks.0.weight" in old
    backbone.fpn.load_state_dict(old)
    with pytest.raises(ValueError, match=r"Trainable layers should be in the range \[0,5\], got 6"):
        detection.backbone_utils.resnet_fpn_backbone(
            backbone_name="resnet18", weights=None, trainable_layers=6
        )
    assert "maskrcnn_resnet50_fpn" in models.list_models(module=detection)
