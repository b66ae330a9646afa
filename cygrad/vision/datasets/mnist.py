"""MNIST and the data sets that come in its format."""

import glob
import math
import os
import shutil
import string
import warnings
from urllib.error import URLError

import numpy as np
from PIL import Image

import cygrad

from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_url,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset

_DTYPES = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}  # by the third byte of a file


def get_int(b):
    """Bytes as an unsigned number, the highest first."""
    return int.from_bytes(b, "big")


def read_sn3_pascalvincent_tensor(path, strict=True):
    """The tensor in an IDX file: two zero bytes, dtype, number of dimensions, the sizes, the numbers; big-endian.

    With ``strict`` the file must hold exactly that many numbers.
    """
    with open(path, "rb") as file:
        data = file.read()
    ndim = data[3] if len(data) > 3 else 0
    start = 4 * (ndim + 1)
    if len(data) < start or data[:2] != b"\0\0" or data[2] not in _DTYPES or not 1 <= ndim <= 3:
        raise ValueError(f"{os.fspath(path)} is not an IDX file, or it is cut off")
    shape = [get_int(data[i : i + 4]) for i in range(4, start, 4)]
    dtype = np.dtype(_DTYPES[data[2]])
    count = (len(data) - start) // dtype.itemsize
    if not strict:
        count = min(count, math.prod(shape))
    numbers = np.frombuffer(data, dtype.newbyteorder(">"), offset=start, count=count)
    return cygrad.from_numpy(numbers.astype(dtype)).view(*shape)


def _read(path, ndim):
    tensor = read_sn3_pascalvincent_tensor(path, strict=False)
    if tensor.dtype != cygrad.uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {tensor.dtype}")
    if tensor.ndim != ndim:
        raise ValueError(f"x should have {ndim} dimension instead of {tensor.ndim}")
    return tensor


def read_label_file(path):
    """Labels as int64 of shape (N,)."""
    return _read(path, 1).long()


def read_image_file(path):
    """Images as uint8 of shape (N, height, width)."""
    return _read(path, 3)


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 images of 28 x 28 for training and 10,000 for tests.

    The files lie in `root/MNIST/raw`, or come there with ``download=True``.  `data` is uint8 of (N, 28, 28), `targets`
    int64 of (N,); a sample is a Pillow image and an int, before the transforms.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = (
        "0 - zero,1 - one,2 - two,3 - three,4 - four,5 - five,6 - six,7 - seven,8 - eight,9 - nine"
    ).split(",")

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if self._check_legacy_exist():
            self.data, self.targets = self._load_legacy_data()
            return
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    def _renamed(self, old, new):
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)

    @property
    def train_labels(self):
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self):
        return self._renamed("test_labels", "targets")

    @property
    def train_data(self):
        return self._renamed("train_data", "data")

    @property
    def test_data(self):
        return self._renamed("test_data", "data")

    @property
    def raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: index for index, name in enumerate(self.classes)}

    def _check_legacy_exist(self):
        """Whether the files are there that torchvision wrote before version 0.9."""
        names = (self.training_file, self.test_file)
        return all(check_integrity(os.path.join(self.processed_folder, name)) for name in names)

    def _load_legacy_data(self):
        name = self.training_file if self.train else self.test_file
        return cygrad.load(os.path.join(self.processed_folder, name), weights_only=True)

    def _load_data(self):
        prefix = os.path.join(self.raw_folder, "train" if self.train else "t10k")
        return (
            read_image_file(f"{prefix}-images-idx3-ubyte"),
            read_label_file(f"{prefix}-labels-idx1-ubyte"),
        )

    def __getitem__(self, index):
        return self._transformed(
            Image.fromarray(self.data[index].numpy()), int(self.targets[index])
        )

    def __len__(self):
        return len(self.data)

    def _check_exists(self):
        names = (os.path.splitext(os.path.basename(url))[0] for url, _ in self.resources)
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in names)

    def download(self):
        """Fetches and unpacks the files that are missing, each from the first of `mirrors` that has it."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for filename, md5 in self.resources:
            errors = []
            for mirror in self.mirrors:
                try:
                    download_and_extract_archive(
                        f"{mirror}{filename}", self.raw_folder, filename=filename, md5=md5
                    )
                    break
                except (URLError, RuntimeError) as error:
                    errors.append(f"Tried {mirror}, got:\n{error}\n")
            else:
                raise RuntimeError(f"Error downloading {filename}:\n" + "".join(errors))

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(
        ","
    )


class KMNIST(MNIST):
    """Cursive Japanese characters in MNIST's format."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = "o ki su tsu na ha ma ya re wo".split()


class EMNIST(MNIST):
    """Handwritten characters in MNIST's format, as one of the six ``split``."""

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _all_classes = set(string.digits + string.ascii_letters)
    # Capital and small letter count as one class in two splits.
    _merged_classes = set("cijklmopsuvwxyz")
    classes_split_dict = {
        "byclass": sorted(_all_classes),
        "bymerge": sorted(_all_classes - _merged_classes),
        "balanced": sorted(_all_classes - _merged_classes),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root, split, **kwargs):
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file = f"training_{split}.pt"
        self.test_file = f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    @property
    def _file_prefix(self):
        return f"emnist-{self.split}-{'train' if self.train else 'test'}"

    @property
    def images_file(self):
        return os.path.join(self.raw_folder, f"{self._file_prefix}-images-idx3-ubyte")

    @property
    def labels_file(self):
        return os.path.join(self.raw_folder, f"{self._file_prefix}-labels-idx1-ubyte")

    def _load_data(self):
        return read_image_file(self.images_file), read_label_file(self.labels_file)

    def _check_exists(self):
        return all(check_integrity(file) for file in (self.images_file, self.labels_file))

    def download(self):
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        unpacked = os.path.join(self.raw_folder, "gzip")
        for file in glob.glob(os.path.join(glob.escape(unpacked), "*.gz")):
            extract_archive(file, self.raw_folder)
        shutil.rmtree(unpacked)


class QMNIST(MNIST):
    """MNIST with the rest of its test set and what is known of each digit.

    ``what`` is "train", "test", "test10k", "test50k" or "nist"; by default ``train`` decides.  Without ``compat`` a
    target is the row of eight numbers of the digit instead of its class.
    """

    subsets = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    _base = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    resources = {
        "train": [
            (f"{_base}qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (f"{_base}qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (f"{_base}qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (f"{_base}qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (f"{_base}xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (f"{_base}xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(self, root, what=None, compat=True, train=True, **kwargs):
        if what is None:
            what = "train" if train else "test"
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        self.data_file = self.training_file = self.test_file = f"{what}.pt"
        super().__init__(root, train, **kwargs)

    def _files(self):
        names = (os.path.basename(url) for url, _ in self.resources[self.subsets[self.what]])
        return [os.path.join(self.raw_folder, os.path.splitext(name)[0]) for name in names]

    @property
    def images_file(self):
        return self._files()[0]

    @property
    def labels_file(self):
        return self._files()[1]

    def _check_exists(self):
        return all(check_integrity(file) for file in self._files())

    def _load_data(self):
        data = read_image_file(self.images_file)
        targets = read_sn3_pascalvincent_tensor(self.labels_file)
        if targets.ndim != 2:
            raise ValueError(
                f"{self.labels_file} should have 2 dimensions instead of {targets.ndim}"
            )
        part = {"test10k": slice(10000), "test50k": slice(10000, None)}.get(self.what, slice(None))
        return data[part].clone(), targets[part].long()

    def download(self):
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for url, md5 in self.resources[self.subsets[self.what]]:
            download_url(url, self.raw_folder, md5=md5)
            extract_archive(os.path.join(self.raw_folder, os.path.basename(url)), self.raw_folder)

    def __getitem__(self, index):
        target = self.targets[index]
        return self._transformed(
            Image.fromarray(self.data[index].numpy()), int(target[0]) if self.compat else target
        )

    def extra_repr(self):
        return f"Split: {self.what}"
