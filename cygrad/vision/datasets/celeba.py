"""CelebA: faces with attributes."""

import csv
import os
from collections import namedtuple

from PIL import Image

import cygrad

from .utils import check_integrity, download_file_from_google_drive, extract_archive, verify_str_arg
from .vision import VisionDataset

CSV = namedtuple("CSV", ["header", "index", "data"])


class CelebA(VisionDataset):
    """Aligned faces; ``split`` is "train", "valid", "test" or "all".

    ``target_type`` is "attr" (40 ints of 0 or 1), "identity" (an int), "bbox" (4 ints), "landmarks" (10 ints), or a
    list of these for a tuple.  Downloads come by the package gdown.
    """

    base_folder = "celeba"
    file_list = [
        (
            "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
            "00d2c5bc6d35e252742224ab0c1e8fcb",
            "img_align_celeba.zip",
        ),
        (
            "0B7EVK8r0v71pblRyaVFSWGxPY0U",
            "75e246fa4810816ffd6ee81facbd244c",
            "list_attr_celeba.txt",
        ),
        (
            "1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
            "32bd1bd63d3c78cd57e08160ec5ed1e2",
            "identity_CelebA.txt",
        ),
        (
            "0B7EVK8r0v71pbThiMVRxWXZ4dU0",
            "00566efa6fedff7a56946cd1c10f1c16",
            "list_bbox_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pd0FJY3Blby1HUTQ",
            "cc24ecafdb5b50baae59b03474781f8c",
            "list_landmarks_align_celeba.txt",
        ),
        (
            "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
            "d32c9cbf5e040fd4025c592c306e6668",
            "list_eval_partition.txt",
        ),
    ]

    def __init__(
        self,
        root,
        split="train",
        target_type="attr",
        transform=None,
        target_transform=None,
        download=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        parts = {"train": 0, "valid": 1, "test": 2, "all": None}
        part = parts[verify_str_arg(split.lower(), "split", tuple(parts))]
        partition = self._load_csv("list_eval_partition.txt")
        attributes = self._load_csv("list_attr_celeba.txt", header=1)
        chosen = slice(None) if part is None else (partition.data == part).squeeze()
        if part is None:
            self.filename = partition.index
        else:
            self.filename = [partition.index[i] for i in chosen.nonzero().flatten().tolist()]
        self.identity = self._load_csv("identity_CelebA.txt").data[chosen]
        self.bbox = self._load_csv("list_bbox_celeba.txt", header=1).data[chosen]
        self.landmarks_align = self._load_csv("list_landmarks_align_celeba.txt", header=1).data[
            chosen
        ]
        self.attr = (attributes.data[chosen] + 1) // 2  # the file has -1 and 1
        self.attr_names = attributes.header

    def _load_csv(self, filename, header=None):
        """The lines after `header` as (names, first column, int64 tensor of the others)."""
        with open(os.path.join(self.root, self.base_folder, filename)) as file:
            rows = list(csv.reader(file, delimiter=" ", skipinitialspace=True))
        names = []
        if header is not None:
            names = rows[header]
            rows = rows[header + 1 :]
        numbers = [[int(field) for field in row[1:]] for row in rows]
        return CSV(names, [row[0] for row in rows], cygrad.tensor(numbers))

    def _check_integrity(self):
        folder = os.path.join(self.root, self.base_folder)
        # The images, once unpacked, need no archive any more.
        tables = (
            (name, md5) for _, md5, name in self.file_list if not name.endswith((".zip", ".7z"))
        )
        return all(
            check_integrity(os.path.join(folder, name), md5) for name, md5 in tables
        ) and os.path.isdir(os.path.join(folder, "img_align_celeba"))

    def download(self):
        if self._check_integrity():
            return
        folder = os.path.join(self.root, self.base_folder)
        for file_id, md5, filename in self.file_list:
            download_file_from_google_drive(file_id, folder, filename, md5)
        extract_archive(os.path.join(folder, "img_align_celeba.zip"))

    def _target(self, kind, index):
        if kind == "identity":
            return self.identity[index, 0]
        tables = {"attr": self.attr, "bbox": self.bbox, "landmarks": self.landmarks_align}
        if kind not in tables:
            raise ValueError(f'Target type "{kind}" is not recognized.')
        return tables[kind][index]

    def __getitem__(self, index):
        path = os.path.join(self.root, self.base_folder, "img_align_celeba", self.filename[index])
        image = Image.open(path)
        if self.transform is not None:
            image = self.transform(image)
        if not self.target_type:
            return image, None
        target = tuple(self._target(kind, index) for kind in self.target_type)
        target = target if len(target) > 1 else target[0]
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return len(self.attr)

    def extra_repr(self):
        return f"Target type: {self.target_type}\nSplit: {self.split}"
