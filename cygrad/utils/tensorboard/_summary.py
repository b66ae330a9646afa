"""TensorBoard's `Summary` messages, one function per kind of entry."""

import io
import json
import wave

import numpy as np
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2 as hparams_pb2
from tensorboard.plugins.mesh import metadata as mesh_metadata
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

from ..._core import Tensor
from ._arrays import as_array, as_bytes, as_hwc


def _metadata(plugin, content=b""):
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    )


def _shape(*sizes):
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in sizes])


def _one(tag, **fields):
    return Summary(value=[Summary.Value(tag=tag, **fields)])


# ---- numbers


def scalar(tag, value, new_style=False, double_precision=False):
    value = as_array(value)
    if value.size != 1:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions).             "
            f"Was given size: {value.size} and {value.ndim} dimensions."
        )
    number = float(value.reshape(-1)[0])
    if not new_style:
        return _one(tag, simple_value=number)
    tensor = TensorProto(float_val=[number], dtype="DT_FLOAT")
    if double_precision:
        tensor = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    return _one(tag, tensor=tensor, metadata=_metadata("scalars"))


def tensor(tag, value):
    array = as_array(value).astype(np.float32)
    shape = tuple(value.shape) if isinstance(value, Tensor) else array.shape
    proto = TensorProto(
        dtype="DT_FLOAT", float_val=array.reshape(-1).tolist(), tensor_shape=_shape(*shape)
    )
    return _one(tag, tensor=proto, metadata=_metadata("tensor"))


def _default_bins():
    """TensorFlow's: from 1e-12 by steps of 10 % up to 1e20, both signs, and 0."""
    edges, v = [], 1e-12
    while v < 1e20:
        edges.append(v)
        v *= 1.1
    return [-e for e in reversed(edges)] + [0] + edges


def histogram(tag, values, bins, max_bins=None):
    """`bins` is "tensorflow" or what numpy.histogram takes; neighbours are joined to have about `max_bins`."""
    values = as_array(values).astype(float).reshape(-1)
    if values.size == 0:
        raise ValueError("The input has no element.")
    counts, edges = np.histogram(values, bins=_default_bins() if bins == "tensorflow" else bins)
    joined = len(counts) // max_bins if max_bins else 1
    if joined > 1:
        padded = np.append(counts, np.zeros(-len(counts) % joined, counts.dtype))
        counts = padded.reshape(-1, joined).sum(1)
        edges = np.append(edges[:-1:joined], edges[-1])
    filled = np.nonzero(counts)[0]
    if filled.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    start, end = filled[0], filled[-1] + 1
    # The limits are upper ones: an empty bucket gives the first its lower limit.
    limits, counts = edges[start : end + 1], np.append(0, counts[start:end])
    return histogram_raw(
        tag,
        values.min(),
        values.max(),
        len(values),
        values.sum(),
        values.dot(values),
        limits,
        counts,
    )


def histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    histo = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=[float(x) for x in bucket_limits],
        bucket=[float(x) for x in bucket_counts],
    )
    return _one(tag, histo=histo)


_TINY = 1e-7  # below any count; a denominator
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision and recall at thresholds k / (num_thresholds - 1), from 0/1 labels and probabilities."""
    num_thresholds = min(num_thresholds, 127)  # what the plugin shows
    labels, predictions = as_array(labels).astype(float), as_array(predictions)
    weights = 1.0 if weights is None else as_array(weights)
    buckets = np.floor(predictions * (num_thresholds - 1)).astype(np.int32)
    spread = {"bins": num_thresholds, "range": (0, num_thresholds - 1)}
    tp, fp = (
        np.histogram(buckets, weights=w * weights, **spread)[0][::-1].cumsum()[::-1]
        for w in (labels, 1 - labels)
    )
    tn, fn = fp[0] - fp, tp[0] - tp
    precision, recall = tp / np.maximum(_TINY, tp + fp), tp / np.maximum(_TINY, tp + fn)
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds)


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127):
    rows = np.stack([np.asarray(x) for x in (tp, fp, tn, fn, precision, recall)])
    content = PrCurvePluginData(
        version=0, num_thresholds=min(num_thresholds, 127)
    ).SerializeToString()
    proto = TensorProto(
        dtype="DT_FLOAT", float_val=rows.reshape(-1).tolist(), tensor_shape=_shape(*rows.shape)
    )
    return _one(tag, tensor=proto, metadata=_metadata("pr_curves", content))


# ---- pictures, sounds, text


def _encoded(image):
    """(h, w, c) of uint8 as a PNG in a Summary.Image."""
    from PIL import Image

    height, width, channels = image.shape
    mode = _MODES[channels]
    out = io.BytesIO()
    Image.fromarray(image[:, :, 0] if channels == 1 else image, mode).save(out, format="PNG")
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=out.getvalue()
    )


def image(tag, array, layout):
    return _one(tag, image=_encoded(as_bytes(as_hwc(as_array(array), layout))))


def image_with_boxes(tag, array, boxes, rescale, layout, labels):
    """With rectangles of (x0, y0, x1, y1) drawn on it, and their labels."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(as_bytes(as_hwc(as_array(array), layout)))
    draw = ImageDraw.Draw(picture)
    for i, box in enumerate(as_array(boxes).reshape(-1, 4).tolist()):
        draw.rectangle(box, outline="red", width=2)
        if labels is not None:
            x, y = box[0], box[3]
            left, top, right, bottom = draw.textbbox((x, y), labels[i], anchor="lb")
            draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill="red")
            draw.text((x, y), labels[i], fill="black", anchor="lb")
    if rescale != 1:
        picture = picture.resize((int(picture.width * rescale), int(picture.height * rescale)))
    return _one(tag, image=_encoded(np.asarray(picture)))


def video(tag, array, fps):
    """(n, t, c, h, w), the n side by side, as an animated GIF."""
    from PIL import Image

    array = as_bytes(as_array(array))
    frames = [Image.fromarray(as_hwc(array[:, i], "NCHW")) for i in range(array.shape[1])]
    out = io.BytesIO()
    frames[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / fps),
        loop=0,
    )
    return _one(
        tag,
        image=Summary.Image(
            height=frames[0].height,
            width=frames[0].width,
            colorspace=3,
            encoded_image_string=out.getvalue(),
        ),
    )


def audio(tag, array, sample_rate=44100):
    """One channel of samples in [-1, 1], as a WAV file of 16 bits."""
    array = as_array(array).squeeze()
    if np.abs(array).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        array = array.clip(-1, 1)
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((array * np.iinfo(np.int16).max).astype("<i2").tobytes())
    return _one(
        tag,
        audio=Summary.Audio(
            sample_rate=sample_rate,
            num_channels=1,
            length_frames=len(array),
            encoded_audio_string=out.getvalue(),
            content_type="audio/wav",
        ),
    )


def text(tag, string):
    proto = TensorProto(
        dtype="DT_STRING", string_val=[string.encode(encoding="utf_8")], tensor_shape=_shape(1)
    )
    return _one(tag + "/text_summary", tensor=proto, metadata=_metadata("text"))


# ---- meshes, layouts, hyperparameters


def mesh(tag, vertices, colors, faces, config_dict):
    """Batches (b, n, 3) of points, of their colours (0 to 255), and of triangles of their indices."""
    parts = [
        (vertices, MeshPluginData.VERTEX),
        (faces, MeshPluginData.FACE),
        (colors, MeshPluginData.COLOR),
    ]
    parts = [(as_array(x), kind) for x, kind in parts if x is not None]
    components = mesh_metadata.get_components_bitmask([kind for _, kind in parts])
    summary = Summary()
    for array, kind in parts:
        if array.ndim != 3 or array.shape[-1] != 3:
            raise ValueError(f"Tensor shape should be of shape BxNx3, but got {array.shape}.")
        metadata = mesh_metadata.create_summary_metadata(
            tag,
            None,
            kind,
            components,
            array.shape,
            json_config=json.dumps(config_dict, sort_keys=True),
        )
        summary.value.add(
            tag=mesh_metadata.get_instance_name(tag, kind),
            tensor=TensorProto(
                dtype="DT_FLOAT",
                float_val=array.astype(float).reshape(-1).tolist(),
                tensor_shape=_shape(*array.shape),
            ),
            metadata=metadata,
        )
    return summary


def custom_scalars(layout):
    """{category: {title: [kind, tags]}} for kind "Multiline" or "Margin" (value, lower, upper)."""
    categories = []
    for category, charts in layout.items():
        made = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError("a margin chart takes three tags: value, lower, upper")
                series = layout_pb2.MarginChartContent.Series(
                    value=tags[0], lower=tags[1], upper=tags[2]
                )
                made.append(
                    layout_pb2.Chart(
                        title=title, margin=layout_pb2.MarginChartContent(series=[series])
                    )
                )
            else:
                made.append(
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                )
        categories.append(layout_pb2.Category(title=category, chart=made))
    proto = TensorProto(
        dtype="DT_STRING",
        string_val=[layout_pb2.Layout(category=categories).SerializeToString()],
        tensor_shape=TensorShapeProto(),
    )
    return _one("custom_scalars__config__", tensor=proto, metadata=_metadata("custom_scalars"))


def _hparam(value):
    """(its type, the field of a protobuf Value that holds it, it); a bool counts as a number, as PyTorch has it."""
    if isinstance(value, (int, float)):
        return api_pb2.DATA_TYPE_FLOAT64, "number_value", float(value)
    if isinstance(value, str):
        return api_pb2.DATA_TYPE_STRING, "string_value", value
    if isinstance(value, Tensor):
        return api_pb2.DATA_TYPE_FLOAT64, "number_value", float(as_array(value)[0])
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def _check_domain(domain, hparams):
    if not isinstance(domain, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for name, values in domain.items():
        fits = (
            name in hparams
            and isinstance(values, list)
            and all(type(v) is type(hparams[name]) for v in values)
        )
        if not fits:
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )


def hparams(hparam_dict, metric_dict, domain):
    """The three entries that make a run one of an experiment: what may vary, its values, and that it has ended."""
    if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
        raise TypeError("hparam_dict and metric_dict should be dictionary.")
    domain = domain or {}
    _check_domain(domain, hparam_dict)
    start, infos = hparams_pb2.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        kind, field, value = _hparam(value)
        setattr(start.hparams[name], field, value)
        info = api_pb2.HParamInfo(name=name, type=kind)
        for choice in domain.get(name, ()):
            setattr(info.domain_discrete.values.add(), field, choice)
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metric_dict]
    end = hparams_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    for tag, data in (
        (
            "experiment",
            {"experiment": api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)},
        ),
        ("session_start_info", {"session_start_info": start}),
        ("session_end_info", {"session_end_info": end}),
    ):
        content = hparams_pb2.HParamsPluginData(**data).SerializeToString()
        yield _one("_hparams_/" + tag, metadata=_metadata("hparams", content))
