"""Food-101: photographs of dishes."""

import json
from pathlib import Path

from .folder import default_loader
from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset


class Food101(VisionDataset):
    """101,000 photographs of 101 dishes; ``split`` is "train" or "test"."""

    _URL = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
    _MD5 = "85eeb15f3717b99a5da872d97d918f87"

    def __init__(
        self,
        root,
        split="train",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", ("train", "test"))
        self._base_folder = Path(self.root) / "food-101"
        self._meta_folder = self._base_folder / "meta"
        self._images_folder = self._base_folder / "images"
        self.loader = loader
        if download:
            self._download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        with open(self._meta_folder / f"{split}.json") as file:
            images = json.load(file)
        self.classes = sorted(images)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self._labels = [self.class_to_idx[name] for name, files in images.items() for _ in files]
        self._image_files = [
            self._images_folder.joinpath(*f"{file}.jpg".split("/"))
            for files in images.values()
            for file in files
        ]

    def __getitem__(self, index):
        return self._transformed(self.loader(self._image_files[index]), self._labels[index])

    def __len__(self):
        return len(self._image_files)

    def extra_repr(self):
        return f"split={self._split}"

    def _check_exists(self):
        return self._meta_folder.is_dir() and self._images_folder.is_dir()

    def _download(self):
        if not self._check_exists():
            download_and_extract_archive(self._URL, self.root, md5=self._MD5)
