"""The files of TensorBoard's projector: vectors, their labels and pictures, and the index of all."""

import os

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

from ._arrays import as_array, as_bytes, grid


def _write_table(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write("\t".join([str(x) for x in row]) + "\n")


def _save_sprite(images, folder):
    """The pictures in a square grid, one PNG."""
    from PIL import Image

    images = as_array(images)
    side = int(np.ceil(images.shape[0] ** 0.5))
    missing = np.zeros((side * side - images.shape[0], *images.shape[1:]), images.dtype)
    Image.fromarray(as_bytes(grid(np.concatenate([images, missing]), side))).save(
        os.path.join(folder, "sprite.png")
    )


def below(log_dir, name):
    """The path of `name` within the folder; ValueError where it leads outside, as `../x` and `/x` do."""
    path = os.path.join(log_dir, name)
    if os.path.relpath(path, log_dir).partition(os.sep)[0] in (os.pardir, os.curdir):
        raise ValueError(f"{name!r} leads outside of the folder of the log")
    return path


def save(log_dir, mat, metadata, label_img, subdir, tag, header):
    """Writes the files of one embedding below `log_dir`/`subdir`; returns its entry of the index."""
    mat = as_array(mat)
    folder = below(log_dir, subdir)
    if os.path.exists(folder):
        print("warning: Embedding dir exists, did you set global_step for add_embedding()?")
    os.makedirs(folder, exist_ok=True)
    info = EmbeddingInfo(tensor_name=tag, tensor_path=f"{subdir}/tensors.tsv")
    if metadata is not None:
        if mat.shape[0] != len(metadata):
            raise AssertionError("#labels should equal with #data points")
        several = bool(header)
        _write_table(
            os.path.join(folder, "metadata.tsv"),
            [header, *metadata] if several else [[x] for x in metadata],
        )
        info.metadata_path = f"{subdir}/metadata.tsv"
    if label_img is not None:
        if mat.shape[0] != label_img.shape[0]:
            raise AssertionError("#images should equal with #data points")
        if label_img.shape[2] != label_img.shape[3]:
            raise AssertionError("Image should be square, see tensorflow/tensorboard#670")
        _save_sprite(label_img, folder)
        info.sprite.image_path = f"{subdir}/sprite.png"
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    if mat.ndim != 2:
        raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
    _write_table(os.path.join(folder, "tensors.tsv"), mat.tolist())
    return info


def write_index(log_dir, config):
    with open(os.path.join(log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(config))
