"""SummaryWriter, its files read back with tensorboard's own reader."""

# ruff: noqa: E501

import io
import re
import wave
from pathlib import Path

import numpy as np
import pytest

import cygrad as torch

pytest.importorskip("tensorboard", reason="needs tensorboard, of the extra cygrad[test]")

from PIL import Image  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.compat.proto.graph_pb2 import GraphDef  # noqa: E402
from tensorboard.plugins.hparams import metadata as hparams_metadata  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402

from cygrad.utils.tensorboard import FileWriter, RecordWriter, SummaryWriter  # noqa: E402

EVERYTHING = dict.fromkeys(
    ("scalars", "histograms", "images", "audio", "tensors", "compressedHistograms"), 0
)


def read(folder):
    found = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    found.Reload()
    return found


@pytest.fixture
def writer(tmp_path):
    with SummaryWriter(tmp_path / "run") as w:
        yield w


def written(writer):
    writer.close()
    return read(writer.log_dir)


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data.encoded_image_string)))


def test_scalars(writer):
    writer.add_scalar("loss", 1.5, 2)
    writer.add_scalar("loss", torch.tensor([2.5], requires_grad=True), 3, walltime=5.0)
    writer.add_scalar("numpy", np.float32(1))
    writer.add_scalar("new", 0.25, 1, new_style=True)
    writer.add_scalar("double", 1 / 3, 1, new_style=True, double_precision=True)
    writer.add_scalars("both", {"a": 1, "b": torch.tensor(2)}, 4)
    events = written(writer)
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(2, 1.5), (3, 2.5)]
    assert events.Scalars("loss")[1].wall_time == 5
    assert events.Scalars("numpy")[0].value == 1
    assert float(tensor_util.make_ndarray(events.Tensors("new")[0].tensor_proto)) == 0.25
    assert float(tensor_util.make_ndarray(events.Tensors("double")[0].tensor_proto)) == 1 / 3
    for tag, value in (("a", 1), ("b", 2)):
        other = read(Path(writer.log_dir) / f"both_{tag}")
        assert [(e.step, e.value) for e in other.Scalars("both")] == [(4, value)]


def test_histograms(writer):
    writer.add_histogram("default", torch.arange(10.0), 1)
    writer.add_histogram("auto", np.array([1, 2, 3, 3]), 1, bins="auto")
    writer.add_histogram("joined", torch.arange(10.0), 1, bins=10, max_bins=4)
    writer.add_histogram("negative", torch.tensor([-1.0, -1.0, 0.5]), 1)
    writer.add_histogram_raw("raw", 0, 2, 3, 3, 5, [1, 2], [1, 2], 1)
    events = written(writer)
    default = events.Histograms("default")[0].histogram_value
    assert (default.min, default.max, default.num, default.sum, default.sum_squares) == (
        0,
        9,
        10,
        45,
        285,
    )
    assert len(default.bucket) == len(default.bucket_limit) and sum(default.bucket) == 10
    assert default.bucket_limit[:2] == [0, 1e-12]
    auto = events.Histograms("auto")[0].histogram_value
    assert auto.bucket == [0, 1, 1, 2]
    assert auto.bucket_limit == pytest.approx([1, 5 / 3, 7 / 3, 3])
    joined = events.Histograms("joined")[0].histogram_value
    assert joined.bucket == [0, 2, 2, 2, 2, 2]
    assert joined.bucket_limit == pytest.approx([0, 1.8, 3.6, 5.4, 7.2, 9])
    negative = events.Histograms("negative")[0].histogram_value
    filled = [
        (limit, n) for limit, n in zip(negative.bucket_limit, negative.bucket, strict=True) if n
    ]
    assert (
        [n for _, n in filled] == [2, 1] and -1 <= filled[0][0] < -0.9 and 0.5 < filled[1][0] < 0.55
    )
    assert events.Histograms("raw")[0].histogram_value.bucket == [1, 2]


def test_images(writer):
    image = torch.rand(3, 4, 5)
    exact = (image * 255).byte()
    writer.add_image("float", image, 1)
    writer.add_image("bytes", exact, 1)
    writer.add_image("rows", exact.permute(1, 2, 0), 1, dataformats="HWC")
    writer.add_image("grey", exact[0], 1, dataformats="HW")
    writer.add_image("alpha", torch.rand(4, 4, 5), 1)
    writer.add_images("grid", torch.stack([exact] * 10), 1)
    writer.add_image_with_boxes(
        "box", torch.zeros(3, 20, 30), torch.tensor([[2, 3, 10, 12.0]]), 1, rescale=2
    )
    writer.add_image_with_boxes(
        "labels", torch.zeros(3, 40, 60), torch.tensor([[2, 3, 10, 32.0]]), 1, labels=["x"]
    )
    events = written(writer)
    expected = exact.permute(1, 2, 0).numpy()
    for tag in ("float", "bytes", "rows"):
        data = events.Images(tag)[0]
        assert (data.width, data.height, data.step) == (5, 4, 1)
        assert (picture(data) == expected).all()
    assert (picture(events.Images("grey")[0]) == expected[:, :, :1]).all()
    assert picture(events.Images("alpha")[0]).shape == (4, 5, 4)
    grid = picture(events.Images("grid")[0])
    assert grid.shape == (8, 40, 3)
    assert (grid[4:, 5:10] == expected).all() and not grid[4:, 10:].any()
    box = picture(events.Images("box")[0])
    assert box.shape == (40, 60, 3) and box[..., 0].any() and not box[..., 1:].any()
    assert picture(events.Images("labels")[0])[..., 0].any()


def test_figures(writer):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figures = [plt.figure(figsize=(2, 1), dpi=50) for _ in range(3)]
    writer.add_figure("one", figures[0], 1)
    writer.add_figure("kept", figures[1], 1, close=False)
    assert not plt.fignum_exists(figures[0].number) and plt.fignum_exists(figures[1].number)
    writer.add_figure("two", figures[1:], 1)
    assert not plt.get_fignums()
    events = written(writer)
    assert picture(events.Images("one")[0]).shape == (50, 100, 3)
    assert picture(events.Images("two")[0]).shape == (50, 200, 3)


def test_sound_video_and_text(writer):
    writer.add_audio("sound", torch.tensor([[0.0, 0.5, -1.0]]), 1, sample_rate=8000)
    writer.add_video("video", torch.rand(2, 3, 3, 4, 5), 1, fps=10)
    writer.add_text("note", "hello **ü**", 1)
    events = written(writer)
    sound = events.Audio("sound")[0]
    assert (sound.sample_rate, sound.length_frames, sound.content_type) == (8000, 3, "audio/wav")
    with wave.open(io.BytesIO(sound.encoded_audio_string)) as file:
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [0, 16383, -32767]
    video = Image.open(io.BytesIO(events.Images("video")[0].encoded_image_string))
    assert (video.format, video.n_frames, video.size, video.info["duration"]) == (
        "GIF",
        3,
        (10, 4),
        100,
    )
    note = events.Tensors("note/text_summary")[0].tensor_proto
    assert note.string_val[0].decode() == "hello **ü**"
    assert "note/text_summary" in events.PluginTagToContent("text")


def test_precision_and_recall(writer):
    writer.add_pr_curve(
        "pr", torch.tensor([0, 1, 1, 0]), torch.tensor([0.1, 0.9, 0.6, 0.4]), 1, num_thresholds=5
    )
    writer.add_pr_curve_raw(
        "raw", [1, 2], [1, 2], [1, 2], [1, 2], [0.1, 0.2], [0.3, 0.4], 1, num_thresholds=2
    )
    events = written(writer)
    tp, fp, tn, fn, precision, recall = tensor_util.make_ndarray(
        events.Tensors("pr")[0].tensor_proto
    ).tolist()
    assert (
        tp == [2, 2, 2, 1, 0]
        and fp == [2, 1, 0, 0, 0]
        and tn == [0, 1, 2, 2, 2]
        and fn == [0, 0, 0, 1, 2]
    )
    assert precision == pytest.approx([0.5, 2 / 3, 1, 1, 0]) and recall == [1, 1, 1, 0.5, 0]
    assert tensor_util.make_ndarray(events.Tensors("raw")[0].tensor_proto).shape == (6, 2)
    assert "pr" in events.PluginTagToContent("pr_curves")


def test_meshes_and_layouts(writer):
    points, colors = torch.rand(1, 4, 3), torch.randint(0, 255, (1, 4, 3))
    writer.add_mesh(
        "mesh",
        points,
        colors,
        torch.tensor([[[0, 1, 2], [1, 2, 3]]]),
        {"lights": []},
        global_step=1,
    )
    writer.add_custom_scalars(
        {"Page": {"both": ["Multiline", ["a", "b"]], "band": ["Margin", ["v", "l", "u"]]}}
    )
    events = written(writer)
    found = tensor_util.make_ndarray(events.Tensors("mesh_VERTEX")[0].tensor_proto)
    assert np.allclose(found, points.numpy())
    assert tensor_util.make_ndarray(events.Tensors("mesh_FACE")[0].tensor_proto).shape == (1, 2, 3)
    assert (
        tensor_util.make_ndarray(events.Tensors("mesh_COLOR")[0].tensor_proto) == colors.numpy()
    ).all()
    layout = events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"both" in layout and b"band" in layout


def test_hyperparameters(writer):
    values = {"lr": 0.1, "layers": 3, "name": "adam", "flag": True, "none": None}
    writer.add_hparams(
        values, {"accuracy": 0.5}, {"name": ["adam", "sgd"]}, run_name="trial", global_step=2
    )
    events = read(Path(writer.log_dir) / "trial")
    assert events.Scalars("accuracy")[0].value == 0.5
    content = events.PluginTagToContent("hparams")
    experiment = hparams_metadata.parse_experiment_plugin_data(content["_hparams_/experiment"])
    assert [i.name for i in experiment.hparam_infos] == ["lr", "layers", "name", "flag"]
    assert [v.string_value for v in experiment.hparam_infos[2].domain_discrete.values] == [
        "adam",
        "sgd",
    ]
    assert experiment.metric_infos[0].name.tag == "accuracy"
    start = hparams_metadata.parse_session_start_info_plugin_data(
        content["_hparams_/session_start_info"]
    )
    assert start.hparams["lr"].number_value == 0.1 and start.hparams["name"].string_value == "adam"
    for bad, text in (
        (({"a": [1]}, {}), "value should be one of int, float, str, bool, or torch.Tensor"),
        ((3, {}), "hparam_dict and metric_dict should be dictionary."),
        (
            ({"a": 1}, {}, {"a": ["x"]}),
            "parameter: hparam_domain_discrete[a] should be a list of same type as",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=re.escape(text)):
            writer.add_hparams(*bad)


def test_embeddings(writer, capsys):
    vectors = torch.rand(3, 2)
    writer.add_embedding(
        vectors, ["a", "b", "c"], torch.rand(3, 3, 4, 4), global_step=7, tag="words"
    )
    writer.add_embedding(
        vectors, [["a", 1], ["b", 2], ["c", 3]], metadata_header=["letter", "number"]
    )
    folder = Path(writer.log_dir)
    rows = [
        [float(x) for x in line.split("\t")]
        for line in (folder / "00007/words/tensors.tsv").read_text().splitlines()
    ]
    assert rows == vectors.tolist()
    assert (folder / "00007/words/metadata.tsv").read_text() == "a\nb\nc\n"
    assert (
        folder / "00000/default/metadata.tsv"
    ).read_text() == "letter\tnumber\na\t1\nb\t2\nc\t3\n"
    assert Image.open(folder / "00007/words/sprite.png").size == (8, 8)
    index = (folder / "projector_config.pbtxt").read_text()
    assert index.count("embeddings {") == 2 and "single_image_dim: 4" in index
    with pytest.raises(AssertionError, match="#labels should equal with #data points"):
        writer.add_embedding(vectors, ["a"])
    assert "did you set global_step" in capsys.readouterr().out


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x, y):
        h = self.body(x) * y
        return self.head(h), h.sum()


def test_graphs(writer):
    net = Net()
    writer.add_graph(net, (torch.rand(5, 3), torch.rand(5, 4)))
    assert all(p.grad is None for p in net.parameters())
    graph = written(writer).Graph()
    assert isinstance(graph, GraphDef)
    nodes = {n.name: n for n in graph.node}
    for n in graph.node:
        assert all(i in nodes for i in n.input)
    assert [n for n in nodes if n.startswith("input/")] == ["input/input.1", "input/input.2"]
    relu = nodes["Net/Sequential[body]/ReLU[1]/Relu"]
    (linear,) = relu.input
    assert linear.startswith("Net/Sequential[body]/Linear[0]/")
    assert set(nodes[linear].input) >= {"input/input.1", "Net/Sequential[body]/Linear[0]/bias"}
    assert set(nodes["Net/Mul"].input) == {relu.name, "input/input.2"}
    assert nodes["output/output.1"].input[0].startswith("Net/Linear[head]/")
    assert list(nodes["output/output.2"].input) == ["Net/Sum"]
    shape = nodes["output/output.1"].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [5, 2]


def test_folders_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_x") as w:
        assert (
            re.fullmatch(r"runs.[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_.+_x", w.log_dir)
            and w.get_logdir() == w.log_dir
        )
    with SummaryWriter("again", purge_step=3, filename_suffix=".part") as w:
        w.add_scalar("x", 1, 3)
        w.flush()
        assert read("again").Scalars("x")[0].value == 1
        w.close()
        w.add_scalar("x", 2, 4)  # opens another file
    assert len(list(Path("again").glob("events.out.tfevents.*.part"))) == 2
    assert issubclass(FileWriter, object) and RecordWriter.__name__ == "RecordWriter"


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda w: w.add_scalar("a", torch.rand(2)), AssertionError, "Tensor should contain one element (0 dimensions)."),
        (lambda w: w.add_scalar("a", [1]), NotImplementedError, "Got <class 'list'>, but numpy array or torch tensor are expected."),
        (lambda w: w.add_histogram("a", np.array([])), ValueError, "The input has no element."),
        (lambda w: w.add_image("a", torch.rand(2, 3)), AssertionError, "tensor shape: (2, 3), input_format: CHW"),
        (lambda w: w.add_image("a", torch.rand(2, 3, 4), dataformats="CHH"), AssertionError, "You can not use the same dimension shorthand twice."),
        (lambda w: w.add_audio("a", torch.rand(2, 10)), AssertionError, "input tensor should be 1 dimensional."),
        (lambda w: w.add_graph(torch.nn.Linear(2, 2)), RuntimeError, "add_graph needs input_to_model"),
    ],
)  # fmt: skip
def test_messages(writer, call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call(writer)
