"""STL-10: a few labelled and many unlabelled colour images."""

import os

import numpy as np
from PIL import Image

from .utils import check_integrity, download_and_extract_archive, verify_str_arg
from .vision import VisionDataset


class STL10(VisionDataset):
    """Colour images of 96 x 96; ``split`` is "train", "test", "unlabeled" or "train+unlabeled".

    ``folds`` from 0 to 9 is one of the ten parts of the training images.  An unlabelled image has the target -1.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root,
        split="train",
        folds=None,
        transform=None,
        target_transform=None,
        download=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        self.folds = self._verify_folds(folds)
        if download:
            self.download()
        elif not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        images, labels = [], []
        for part in split.split("+"):
            data = np.fromfile(self._path(f"{part}_X.bin"), np.uint8).reshape(-1, 3, 96, 96)
            if part == "unlabeled":
                target = np.full(len(data), -1)
            else:
                target = np.fromfile(self._path(f"{part}_y.bin"), np.uint8) - 1  # from 0 on
            if part == "train" and self.folds is not None:
                with open(self._path(self.folds_list_file)) as file:
                    chosen = np.array(file.read().splitlines()[self.folds].split(), np.int64)
                data, target = data[chosen], target[chosen]
            images.append(data.transpose(0, 1, 3, 2))  # the file goes down columns
            labels.append(target)
        self.data = np.concatenate(images)
        self.labels = np.concatenate(labels)
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            with open(names) as file:
                self.classes = file.read().splitlines()

    def _verify_folds(self, folds):
        if folds is None or (isinstance(folds, int) and folds in range(10)):
            return folds
        if isinstance(folds, int):
            raise ValueError(
                f"Value for argument folds should be in the range [0, 10), but got {folds}."
            )
        raise ValueError(
            f"Expected type None or int for argument folds, but got type {type(folds)}."
        )

    def _path(self, name):
        return os.path.join(self.root, self.base_folder, name)

    def __getitem__(self, index):
        image = Image.fromarray(np.transpose(self.data[index], (1, 2, 0)))
        return self._transformed(image, int(self.labels[index]))

    def __len__(self):
        return len(self.data)

    def _check_integrity(self):
        files = self.train_list + self.test_list
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self):
        if not self._check_integrity():
            download_and_extract_archive(
                self.url, self.root, filename=self.filename, md5=self.tgz_md5
            )
            if not self._check_integrity():
                raise RuntimeError(
                    "Dataset not found or corrupted. You can use download=True to download it"
                )

    def extra_repr(self):
        return f"Split: {self.split}"
