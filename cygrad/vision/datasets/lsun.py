"""LSUN: scenes and rooms, in LMDB databases."""

import io
import os
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from PIL import Image

from .utils import iterable_to_str, verify_str_arg
from .vision import VisionDataset

_CATEGORIES = (
    "bedroom bridge church_outdoor classroom conference_room dining_room kitchen living_room restaurant tower"
).split()
_SPLITS = ["train", "val", "test"]


class LSUNClass(VisionDataset):
    """The images of one database, without targets; read by the package lmdb."""

    def __init__(self, root, transform=None, target_transform=None):
        import lmdb

        super().__init__(root, transform=transform, target_transform=target_transform)
        self.env = lmdb.open(
            root, max_readers=1, readonly=True, lock=False, readahead=False, meminit=False
        )
        with self.env.begin(write=False) as transaction:
            self.length = transaction.stat()["entries"]
            self.keys = list(transaction.cursor().iternext(keys=True, values=False))

    def __getitem__(self, index):
        with self.env.begin(write=False) as transaction:
            data = transaction.get(self.keys[index])
        return self._transformed(Image.open(io.BytesIO(data)).convert("RGB"), None)

    def __len__(self):
        return self.length


class LSUN(VisionDataset):
    """The images of several databases; ``classes`` is "train", "val", "test" or a list like ["bedroom_train"].

    A target is the index of the image's class in the list.
    """

    def __init__(self, root, classes="train", transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes = self._verify_classes(classes)
        self.dbs = [
            LSUNClass(os.path.join(self.root, f"{name}_lmdb"), transform) for name in self.classes
        ]
        self.indices = list(accumulate(len(db) for db in self.dbs))
        self.length = self.indices[-1] if self.indices else 0

    def _verify_classes(self, classes):
        if isinstance(classes, str) and classes in _SPLITS:
            return [classes] if classes == "test" else [f"{c}_{classes}" for c in _CATEGORIES]
        if not isinstance(classes, Iterable):
            raise ValueError(
                f"Expected type str or Iterable for argument classes, but got type {type(classes)}."
            )
        classes = list(classes)
        for name in classes:
            verify_str_arg(name)
            category, _, split = name.rpartition("_")
            unknown = "Unknown value '{}' for {}. Valid values are {{{}}}."
            verify_str_arg(
                category,
                valid_values=_CATEGORIES,
                custom_msg=unknown.format(category, "LSUN class", iterable_to_str(_CATEGORIES)),
            )
            verify_str_arg(
                split,
                valid_values=_SPLITS,
                custom_msg=unknown.format(split, "postfix", iterable_to_str(_SPLITS)),
            )
        return classes

    def __getitem__(self, index):
        target = bisect_right(self.indices, index)
        before = self.indices[target - 1] if target else 0
        image, _ = self.dbs[target][index - before]
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return self.length

    def extra_repr(self):
        return f"Classes: {self.classes}"
