"""Writing event files for TensorBoard, by the `tensorboard` package, which is needed here (ModuleNotFoundError)."""

from tensorboard.summary.writer.record_writer import RecordWriter

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
