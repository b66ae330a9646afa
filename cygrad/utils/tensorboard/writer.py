"""SummaryWriter and the file under it."""

import os
import socket
import time

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from . import _summary
from ._embedding import below, save, write_index

__all__ = ["FileWriter", "SummaryWriter"]


class FileWriter:
    """Writes events to a file below `log_dir`, from a thread of its own."""

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self):
        return self.event_writer.get_logdir()

    def add_event(self, event, step=None, walltime=None):
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary, global_step=None, walltime=None):
        self.add_event(event_pb2.Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile, walltime=None):
        """(GraphDef, RunMetadata)"""
        graph, metadata = graph_profile
        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)
        tagged = TaggedRunMetadata(tag="step1", run_metadata=metadata.SerializeToString())
        self.add_event(Event(tagged_run_metadata=tagged), None, walltime)

    def flush(self):
        self.event_writer.flush()

    def close(self):
        self.event_writer.close()

    def reopen(self):
        self.event_writer.reopen()


class SummaryWriter:
    """Writes what training logs for TensorBoard to show.

    log_dir: the folder, by default runs/<date and time>_<host><comment>.
    purge_step: after a crash, events from this step on are hidden.
    max_queue, flush_secs: how many events may wait, and for how long.
    filename_suffix: at the end of the files' names.
    Every method takes `global_step` and `walltime` (seconds since the epoch; now by default).
    """

    def __init__(
        self,
        log_dir=None,
        comment="",
        purge_step=None,
        max_queue=10,
        flush_secs=120,
        filename_suffix="",
    ):
        if not log_dir:
            name = f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
            log_dir = os.path.join("runs", name)
        self.log_dir = log_dir
        self.purge_step = purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = (
            max_queue,
            flush_secs,
            filename_suffix,
        )
        self.file_writer = self.all_writers = None
        self._projector = ProjectorConfig()
        self._get_file_writer()

    def _new_file(self, log_dir):
        return FileWriter(log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self):
        """The open file; after `close`, a new one."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._new_file(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step = self.purge_step
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                session = SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=step, session_log=session))
                self.purge_step = None
        return self.file_writer

    def _write(self, summary, global_step, walltime):
        self._get_file_writer().add_summary(summary, global_step, walltime)

    def get_logdir(self):
        return self.log_dir

    def add_scalar(
        self,
        tag,
        scalar_value,
        global_step=None,
        walltime=None,
        new_style=False,
        double_precision=False,
    ):
        """A number, or a tensor of one element."""
        summary = _summary.scalar(tag, scalar_value, new_style, double_precision)
        self._write(summary, global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers in one diagram; each goes to a file in a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        log_dir = self._get_file_writer().get_logdir()
        for tag, value in tag_scalar_dict.items():
            path = below(log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if path not in self.all_writers:
                self.all_writers[path] = self._new_file(path)
            self.all_writers[path].add_summary(
                _summary.scalar(main_tag, value), global_step, walltime
            )

    def add_tensor(self, tag, tensor, global_step=None, walltime=None):
        self._write(_summary.tensor(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None
    ):
        """The distribution of values; `bins` as numpy.histogram takes it, or TensorFlow's."""
        self._write(_summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None,
        walltime=None,
    ):  # fmt: skip
        """A histogram by its upper limits and counts."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        summary = _summary.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._write(summary, global_step, walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """An image: uint8, or floating in [0, 1]; `dataformats` is CHW, HWC or HW."""
        self._write(_summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Several images as one grid, eight to a row."""
        if isinstance(img_tensor, list):
            from ... import stack

            img_tensor = stack(img_tensor)
        self._write(_summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_image_with_boxes(
        self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1, dataformats="CHW",
        labels=None,
    ):  # fmt: skip
        """An image with rectangles of (x0, y0, x1, y1)."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        summary = _summary.image_with_boxes(
            tag, img_tensor, box_tensor, rescale, dataformats, labels
        )
        self._write(summary, global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A matplotlib figure, or a list of them side by side; closed afterwards unless `close` is False."""
        import matplotlib.pyplot as plt
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        def drawn(one):
            canvas = FigureCanvasAgg(one)
            canvas.draw()
            pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
            if close:
                plt.close(one)
            return pixels

        if isinstance(figure, list):
            array, layout = np.stack([drawn(f) for f in figure]), "NHWC"
        else:
            array, layout = drawn(figure), "HWC"
        self._write(_summary.image(tag, array, layout), global_step, walltime)

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """(n, t, c, h, w): the n videos side by side, as an animated GIF."""
        self._write(_summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """One channel of samples in [-1, 1]."""
        self._write(_summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """Text, shown as Markdown."""
        self._write(_summary.text(tag, text_string), global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The operations that autograd records in model(*input_to_model), as a tree of modules.

        `use_strict_trace` is accepted, and makes no difference: nothing is traced beyond that one call.
        """
        from ._graph import graph

        if input_to_model is None:
            raise RuntimeError("add_graph needs input_to_model, which the model is called with")
        self._get_file_writer().add_graph(graph(model, input_to_model, verbose))

    def add_onnx_graph(self, prototxt):
        raise NotImplementedError("cygrad: add_onnx_graph is not implemented")

    def add_embedding(
        self,
        mat,
        metadata=None,
        label_img=None,
        global_step=None,
        tag="default",
        metadata_header=None,
    ):
        """Vectors (n, d) for the projector, with labels (or rows of them under a header) and pictures (n, c, h, h)."""
        step = str(0 if global_step is None else global_step).zfill(5)
        log_dir = self._get_file_writer().get_logdir()
        info = save(
            log_dir, mat, metadata, label_img, f"{step}/{tag}", f"{tag}:{step}", metadata_header
        )
        self._projector.embeddings.append(info)
        write_index(log_dir, self._projector)

    def add_pr_curve(
        self,
        tag,
        labels,
        predictions,
        global_step=None,
        num_thresholds=127,
        weights=None,
        walltime=None,
    ):
        """The precision-recall curve of binary labels and predicted probabilities."""
        summary = _summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._write(summary, global_step, walltime)

    def add_pr_curve_raw(
        self, tag, true_positive_counts, false_positive_counts, true_negative_counts,
        false_negative_counts, precision, recall, global_step=None, num_thresholds=127, weights=None,
        walltime=None,
    ):  # fmt: skip
        """A precision-recall curve by its values at the thresholds."""
        summary = _summary.pr_curve_raw(
            tag, true_positive_counts, false_positive_counts, true_negative_counts,
            false_negative_counts, precision, recall, num_thresholds,
        )  # fmt: skip
        self._write(summary, global_step, walltime)

    def add_custom_scalars_multilinechart(self, tags, category="default", title="untitled"):
        """One diagram of the given scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags, category="default", title="untitled"):
        """A diagram of a scalar between two others: tags of value, lower, upper."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout):
        """{category: {title: ["Multiline" or "Margin", tags]}}"""
        self._write(_summary.custom_scalars(layout), None, None)

    def add_mesh(
        self,
        tag,
        vertices,
        colors=None,
        faces=None,
        config_dict=None,
        global_step=None,
        walltime=None,
    ):
        """Points (b, n, 3), their colours, and triangles of their indices."""
        self._write(_summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_hparams(
        self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None
    ):
        """Hyperparameters and the metrics that they led to, as a run of its own below the folder."""
        entries = list(_summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete))
        log_dir = below(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=log_dir) as writer:
            for entry in entries:
                writer.file_writer.add_summary(entry, global_step)
            for name, value in metric_dict.items():
                writer.add_scalar(name, value, global_step)

    def flush(self):
        """Writes what waits to the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self):
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()
