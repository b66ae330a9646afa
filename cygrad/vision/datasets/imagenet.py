"""ImageNet 2012, from archives that the user has fetched."""

import os
import shutil
import tempfile

import cygrad

from .folder import ImageFolder
from .utils import check_integrity, extract_archive, verify_str_arg

ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}
META_FILE = "meta.bin"


class ImageNet(ImageFolder):
    """The images of ``split`` "train" or "val", which are unpacked at first use.

    ``root`` holds ILSVRC2012_devkit_t12.tar.gz and ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar.  `classes` are
    tuples of names, `wnids` the WordNet names of the classes.
    """

    def __init__(self, root, split="train", **kwargs):
        root = self.root = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        wnid_to_classes = load_meta_file(self.root)[0]
        super().__init__(self.split_folder, **kwargs)
        self.root = root
        self.wnids = self.classes
        self.wnid_to_idx = self.class_to_idx
        self.classes = [wnid_to_classes[wnid] for wnid in self.wnids]
        self.class_to_idx = {
            name: index for index, names in enumerate(self.classes) for name in names
        }

    def parse_archives(self):
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            (parse_train_archive if self.split == "train" else parse_val_archive)(self.root)

    @property
    def split_folder(self):
        return os.path.join(self.root, self.split)

    def extra_repr(self):
        return f"Split: {self.split}"


def load_meta_file(root, file=None):
    """(names of the classes by WordNet name, WordNet name of each validation image)."""
    path = os.path.join(root, file or META_FILE)
    if not check_integrity(path):
        raise RuntimeError(
            f"The meta file {file or META_FILE} is not present in the root directory or is corrupted. This file is "
            "automatically created by the ImageNet dataset."
        )
    return cygrad.load(path, weights_only=True)


def _verify_archive(root, file, md5):
    if not check_integrity(os.path.join(root, file), md5):
        raise RuntimeError(
            f"The archive {file} is not present in the root directory or is corrupted. You need to download it "
            f"externally and place it in {root}."
        )


def _archive(root, file, kind):
    name, md5 = ARCHIVE_META[kind]
    file = file or name
    _verify_archive(root, file, md5)
    return os.path.join(root, file)


def parse_devkit_archive(root, file=None):
    """Reads the development kit (with SciPy) and keeps what `load_meta_file` returns."""
    archive = _archive(root, file, "devkit")
    from scipy.io import loadmat

    with tempfile.TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        data = os.path.join(folder, "ILSVRC2012_devkit_t12", "data")
        synsets = loadmat(os.path.join(data, "meta.mat"), squeeze_me=True)["synsets"]
        with open(os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")) as lines:
            truth = [int(line) for line in lines]
    leaves = [entry for entry in synsets.tolist() if entry[4] == 0]  # the others have children
    names = {wnid: tuple(words.split(", ")) for _, wnid, words, *_ in leaves}
    wnids = {number: wnid for number, wnid, *_ in leaves}
    cygrad.save((names, [wnids[number] for number in truth]), os.path.join(root, META_FILE))


def parse_train_archive(root, file=None, folder="train"):
    """Unpacks the training images, one archive per class, into `root/folder/<class>`."""
    archive = _archive(root, file, "train")
    folder = os.path.join(root, folder)
    extract_archive(archive, folder)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        extract_archive(path, os.path.splitext(path)[0], remove_finished=True)


def parse_val_archive(root, file=None, wnids=None, folder="val"):
    """Unpacks the validation images and moves each into the folder of its class."""
    archive = _archive(root, file, "val")
    if wnids is None:
        wnids = load_meta_file(root)[1]
    folder = os.path.join(root, folder)
    extract_archive(archive, folder)
    for name, wnid in zip(sorted(os.listdir(folder)), wnids):
        os.makedirs(os.path.join(folder, wnid), exist_ok=True)
        shutil.move(os.path.join(folder, name), os.path.join(folder, wnid, name))
