"""Pascal VOC: objects in photographs, as boxes and as masks."""

import os
import xml.etree.ElementTree as ElementTree

from PIL import Image

from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

_URL = "https://thor.robots.ox.ac.uk/pascal/VOC/"


def _year(path, md5, base_dir, filename=None):
    return {
        "url": _URL + path,
        "filename": filename or os.path.basename(path),
        "md5": md5,
        "base_dir": os.path.join(*base_dir.split("/")),
    }


DATASET_YEAR_DICT = {
    "2012": _year(
        "voc2012/VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        "VOCdevkit/VOC2012",
    ),
    "2011": _year(
        "voc2011/VOCtrainval_25-May-2011.tar",
        "6c3384ef61512963050cb5d687e5bf1e",
        "TrainVal/VOCdevkit/VOC2011",
    ),
    "2010": _year(
        "voc2010/VOCtrainval_03-May-2010.tar",
        "da459979d0c395079b5c75ee67908abb",
        "VOCdevkit/VOC2010",
    ),
    "2009": _year(
        "voc2009/VOCtrainval_11-May-2009.tar",
        "a3e00b113cfcfebf17e343f59da3caa1",
        "VOCdevkit/VOC2009",
    ),
    "2008": _year(
        "voc2008/VOCtrainval_14-Jul-2008.tar",
        "2629fa636546599198acfcfbfcf1904a",
        "VOCdevkit/VOC2008",
    ),
    "2007": _year(
        "voc2007/VOCtrainval_06-Nov-2007.tar",
        "c52e279531787c972589f7e41ab4ae64",
        "VOCdevkit/VOC2007",
    ),
    "2007-test": _year(
        "voc2007/VOCtest_06-Nov-2007.tar",
        "b6e924de25625d8de591ea690078ad9f",
        "VOCdevkit/VOC2007",
    ),
}


class _VOCBase(VisionDataset):
    """The images that `ImageSets/<split>/<image_set>.txt` of a year's archive lists."""

    def __init__(
        self,
        root,
        year="2012",
        image_set="train",
        download=False,
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", [str(y) for y in range(2007, 2013)])
        image_sets = ["train", "trainval", "val"] + (["test"] if year == "2007" else [])
        self.image_set = verify_str_arg(image_set, "image_set", image_sets)
        source = DATASET_YEAR_DICT["2007-test" if (year, image_set) == ("2007", "test") else year]
        self.url, self.filename, self.md5 = source["url"], source["filename"], source["md5"]
        voc_root = os.path.join(self.root, source["base_dir"])
        if download:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.md5)
        if not os.path.isdir(voc_root):
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        with open(
            os.path.join(voc_root, "ImageSets", self._SPLITS_DIR, image_set + ".txt")
        ) as file:
            names = [line.strip() for line in file]
        images, targets = (
            os.path.join(voc_root, "JPEGImages"),
            os.path.join(voc_root, self._TARGET_DIR),
        )
        self.images = [os.path.join(images, name + ".jpg") for name in names]
        self.targets = [os.path.join(targets, name + self._TARGET_FILE_EXT) for name in names]

    def _sample(self, index, target):
        image = Image.open(self.images[index]).convert("RGB")
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self.images)


class VOCSegmentation(_VOCBase):
    """Images with masks of classes, both as Pillow images."""

    _SPLITS_DIR = "Segmentation"
    _TARGET_DIR = "SegmentationClass"
    _TARGET_FILE_EXT = ".png"

    @property
    def masks(self):
        return self.targets

    def __getitem__(self, index):
        return self._sample(index, Image.open(self.masks[index]))


class VOCDetection(_VOCBase):
    """Images with what their XML annotation says, as nested dicts."""

    _SPLITS_DIR = "Main"
    _TARGET_DIR = "Annotations"
    _TARGET_FILE_EXT = ".xml"

    @property
    def annotations(self):
        return self.targets

    def __getitem__(self, index):
        root = ElementTree.parse(self.annotations[index]).getroot()
        return self._sample(index, self.parse_voc_xml(root))

    @staticmethod
    def parse_voc_xml(node):
        """{tag: text, or the dict of its children}; a list where a tag repeats, and always for objects."""
        children = [VOCDetection.parse_voc_xml(child) for child in node]
        if not children:
            return {node.tag: node.text.strip()} if node.text else {}
        found = {}
        for child in children:
            for tag, value in child.items():
                found.setdefault(tag, []).append(value)
        if node.tag == "annotation" and "object" in found:
            found["object"] = [found["object"]]
        return {node.tag: {t: v[0] if len(v) == 1 else v for t, v in found.items()}}
