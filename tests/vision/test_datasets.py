"""Data sets from archives that the tests make, fetched from a local server; texts are those of torchvision 0.28."""

import bz2
import gzip
import hashlib
import io
import json
import pickle
import struct
import tarfile

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image
from vision_server import serving

import cygrad as torch
from cygrad.vision import datasets


def md5(data):
    return hashlib.md5(data).hexdigest()


def idx(array, code=8):
    array = np.asarray(array)
    sizes = b"".join(struct.pack(">i", size) for size in array.shape)
    return struct.pack(">HBB", 0, code, array.ndim) + sizes + array.tobytes()


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").mkdir()
    return tmp_path / "www"


@pytest.fixture
def server(www):
    with serving(www) as server:
        yield server


IMAGES = np.arange(3 * 28 * 28).astype(np.uint8).reshape(3, 28, 28)
FILES = {
    "train-images-idx3-ubyte": IMAGES,
    "train-labels-idx1-ubyte": np.array([1, 2, 3], np.uint8),
    "t10k-images-idx3-ubyte": IMAGES[:2],
    "t10k-labels-idx1-ubyte": np.array([4, 5], np.uint8),
}


@pytest.fixture
def mnist(www, server, monkeypatch):
    """Makes a class like MNIST read its files from the local server, where its first mirror has none."""
    resources = []
    for name, array in FILES.items():
        data = gzip.compress(idx(array), mtime=0)
        (www / f"{name}.gz").write_bytes(data)
        resources.append((f"{name}.gz", md5(data)))

    def patch(cls):
        monkeypatch.setattr(cls, "mirrors", [server.url + "gone/", server.url])
        monkeypatch.setattr(cls, "resources", resources)
        return cls

    return patch


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist(mnist, tmp_path, name):
    cls = mnist(getattr(datasets, name))
    root = str(tmp_path / "root")
    with pytest.raises(
        RuntimeError, match=r"^Dataset not found. You can use download=True to download it$"
    ):
        cls(root)
    data = cls(root, download=True)
    assert repr(data) == (
        f"Dataset {name}\n    Number of datapoints: 3\n    Root location: {root}\n    Split: Train"
    )
    image, target = data[2]
    assert (image.mode, image.size, target) == ("L", (28, 28), 3)
    assert np.array_equal(np.asarray(image), IMAGES[2])
    assert data.data.dtype == torch.uint8 and data.data.shape == (3, 28, 28)
    assert data.targets.dtype == torch.int64 and data.targets.tolist() == [1, 2, 3]
    assert (
        data.raw_folder == f"{root}/{name}/raw"
        and data.processed_folder == f"{root}/{name}/processed"
    )
    assert data.class_to_idx[cls.classes[9]] == 9 and len(cls.classes) == 10
    test = cls(root, train=False, target_transform=lambda t: t * 10)
    assert test[1][1] == 50 and repr(test).endswith(
        "\nTarget transform: " + repr(test.target_transform)
    )


def test_mnist_old_names(mnist, tmp_path):
    data = mnist(datasets.MNIST)(tmp_path, download=True)
    for old, new in (
        ("train_labels", "targets"),
        ("train_data", "data"),
        ("test_labels", "targets"),
        ("test_data", "data"),
    ):
        with pytest.warns(UserWarning, match=f"^{old} has been renamed {new}$"):
            assert getattr(data, old) is getattr(data, new)


def test_mnist_without_a_mirror(mnist, tmp_path, server, monkeypatch):
    cls = mnist(datasets.MNIST)
    monkeypatch.setattr(cls, "mirrors", [server.url + "gone/", server.url + "too/"])
    with pytest.raises(RuntimeError) as info:
        cls(tmp_path / "root", download=True)
    assert str(info.value) == "Error downloading train-images-idx3-ubyte.gz:\n" + "".join(
        f"Tried {server.url}{folder}/, got:\nHTTP Error 404: File not found\n"
        for folder in ("gone", "too")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\x08\x03\0\0",
        b"\0\0\x07\x01\0\0\0\1a",
        b"\0\0\x08\x09" + b"\0" * 40,
        idx(IMAGES)[:-5],
    ],
)
def test_mnist_broken_files(mnist, tmp_path, data):
    cls = mnist(datasets.MNIST)
    cls(tmp_path, download=True)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(
        (ValueError, RuntimeError), match="IDX file|is invalid for input of size 2347"
    ):
        cls(tmp_path)


def test_idx_dtypes(tmp_path):
    from cygrad.vision.datasets.mnist import read_sn3_pascalvincent_tensor

    dtypes = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    wanted = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.float64]
    for (code, dtype), want in zip(dtypes.items(), wanted):
        (tmp_path / "f").write_bytes(idx(np.array([[1, 2, 100]], dtype), code))
        found = read_sn3_pascalvincent_tensor(tmp_path / "f")
        assert found.dtype == want and found.tolist() == [[1, 2, 100]]


def test_emnist(tmp_path):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "test"):
        (raw / f"emnist-letters-{part}-images-idx3-ubyte").write_bytes(idx(IMAGES))
        (raw / f"emnist-letters-{part}-labels-idx1-ubyte").write_bytes(idx(np.uint8([1, 2, 26])))
    data = datasets.EMNIST(tmp_path, split="letters", train=False)
    assert data.classes[:3] == ["N/A", "a", "b"] and data[2][1] == 26
    assert len(datasets.EMNIST.classes_split_dict["byclass"]) == 62
    assert "".join(datasets.EMNIST.classes_split_dict["balanced"][36:]) == "abdefghnqrt"
    with pytest.raises(
        ValueError, match="Unknown value 'x' for argument split. Valid values are {'byclass', "
    ):
        datasets.EMNIST(tmp_path, split="x")


def cifar_archive(www, name, batches, meta, labels):
    """An archive of pickled batches; returns its MD5 and those of the files."""
    sums = {}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for file in batches + [meta]:
            rng = np.random.RandomState(len(sums))
            pixels = rng.randint(0, 256, (2, 3072)).astype(np.uint8)
            content = {"data": pixels, labels: [len(sums), 1]}
            if file is meta:
                content = {
                    "label_names": list("abcdefghij"),
                    "fine_label_names": list("abcdefghij"),
                }
            data = pickle.dumps(content)
            sums[file] = md5(data)
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    (www / "cifar.tgz").write_bytes(buffer.getvalue())
    return md5(buffer.getvalue()), sums


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar(www, server, tmp_path, monkeypatch, name):
    cls = getattr(datasets, name)
    ten = name == "CIFAR10"
    batches = [file for file, _ in cls.train_list + cls.test_list]
    archive, sums = cifar_archive(
        www, cls.base_folder, batches, cls.meta["filename"], "labels" if ten else "fine_labels"
    )
    monkeypatch.setattr(cls, "url", server.url + "cifar.tgz")
    monkeypatch.setattr(cls, "tgz_md5", archive)
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(cls, part, [[file, sums[file]] for file, _ in getattr(cls, part)])
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": sums[cls.meta["filename"]]})
    root = str(tmp_path / "root")
    with pytest.raises(
        RuntimeError,
        match="^Dataset not found or corrupted. You can use download=True to download it$",
    ):
        cls(root)
    data = cls(root, download=True)
    count = 10 if ten else 2
    assert repr(data) == (
        f"Dataset {name}\n    Number of datapoints: {count}\n    Root location: {root}\n    Split: Train"
    )
    assert data.data.shape == (count, 32, 32, 3) and data.data.dtype == np.uint8
    first = np.random.RandomState(0).randint(0, 256, (2, 3072)).astype(np.uint8)
    image, target = data[1]
    assert np.array_equal(np.asarray(image), first[1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert target == 1 and data.targets[0] == 0 and data.classes == list("abcdefghij")
    assert len(cls(root, train=False)) == 2
    requests = len(server.requests)
    cls(root, download=True)
    assert len(server.requests) == requests
    batch = tmp_path / "root" / cls.base_folder / batches[0]
    batch.write_bytes(pickle.dumps({"data": 0}))  # not what the list says: not unpickled
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        cls(root)


def test_svhn(www, server, tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    pixels = np.random.RandomState(0).randint(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    scipy_io.savemat(www / "t.mat", {"X": pixels, "y": np.array([[1], [10], [9], [10]], np.uint8)})
    sums = {"test": [server.url + "t.mat", "t.mat", md5((www / "t.mat").read_bytes())]}
    monkeypatch.setattr(datasets.SVHN, "split_list", sums)
    data = datasets.SVHN(tmp_path / "root", split="test", download=True)
    assert data.labels.tolist() == [1, 0, 9, 0] and data.data.shape == (4, 3, 32, 32)
    image, target = data[3]
    assert np.array_equal(np.asarray(image), pixels[..., 3]) and target == 0
    assert repr(data).endswith("\n    Split: test")
    with pytest.raises(ValueError, match="Unknown value 'x' for argument split"):
        datasets.SVHN(tmp_path, split="x")


def test_usps(tmp_path, monkeypatch):
    line = " ".join(f"{i + 1}:{i / 128 - 1:.4f}" for i in range(256))
    data = bz2.compress("".join(f"{label} {line}\n" for label in (1, 10)).encode())
    (tmp_path / "usps.bz2").write_bytes(data)
    usps = datasets.USPS(tmp_path)
    assert usps.targets == [0, 9] and usps.data.shape == (2, 16, 16)
    assert usps.data[0, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]


@pytest.fixture
def folder(tmp_path):
    for name, mode in (("cat/a.png", "RGB"), ("dog/sub/b.PNG", "L"), ("dog/a.txt", None)):
        path = tmp_path / "f" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if mode:
            Image.new(mode, (4, 6)).save(path)
        else:
            path.write_text("no image")
    return tmp_path / "f"


class Show:
    def __call__(self, image):
        return np.asarray(image).shape

    def __repr__(self):
        return "Show(\n    twice\n)"


def test_image_folder(folder):
    data = datasets.ImageFolder(str(folder), transform=Show())
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert data.samples == [(f"{folder}/cat/a.png", 0), (f"{folder}/dog/sub/b.PNG", 1)]
    assert data.imgs == data.samples and data.targets == [0, 1]
    assert data[1] == ((6, 4, 3), 1)  # as RGB
    assert repr(data) == (
        f"Dataset ImageFolder\n    Number of datapoints: 2\n    Root location: {folder}\n    StandardTransform\n"
        "Transform: Show(\n               twice\n           )"
    )
    texts = datasets.ImageFolder(
        str(folder), is_valid_file=lambda p: p.endswith(".txt"), allow_empty=True
    )
    assert [target for _, target in texts.samples] == [1]


def test_image_folder_errors(folder):
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in"):
        datasets.ImageFolder(folder / "cat")
    (folder / "ant").mkdir()
    with pytest.raises(FileNotFoundError) as info:
        datasets.ImageFolder(folder)
    assert str(info.value) == (
        "Found no valid file for the classes ant. Supported extensions are: .jpg, .jpeg, .png, .ppm, .bmp, .pgm, "
        ".tif, .tiff, .webp"
    )
    with pytest.raises(
        ValueError, match="Both extensions and is_valid_file cannot be None or not None"
    ):
        datasets.DatasetFolder(folder, None)
    with pytest.raises(
        ValueError, match="'class_to_index' must have at least one entry to collect any samples."
    ):
        datasets.folder.make_dataset(str(folder), {}, ".png")


def test_vision_dataset():
    with pytest.raises(
        ValueError, match="Only transforms or transform/target_transform can be passed as argument"
    ):
        datasets.VisionDataset("x", transforms=Show(), transform=Show())
    with pytest.raises(NotImplementedError):
        datasets.VisionDataset("x")[0]
    with pytest.raises(AttributeError, match="Kinetics"):
        datasets.Kinetics  # noqa: B018


def test_fake_data_is_torchvisions():
    data = datasets.FakeData(2, image_size=(3, 2, 2))
    image, target = data[0]
    assert np.asarray(image).tolist() == [
        [[136, 236, 73], [182, 156, 154]],
        [[213, 102, 104], [144, 213, 46]],
    ]
    assert target == 4
    assert [datasets.FakeData()[i][1] for i in range(9)] == [7, 4, 6, 8, 9, 6, 5, 8, 4]
    assert datasets.FakeData(image_size=(1, 3, 5))[0][0].mode == "L"
    torch.manual_seed(3)
    data[1]
    assert torch.rand(1).item() == pytest.approx(0.0043, abs=1e-4)  # the generator is as it was
    with pytest.raises(IndexError, match="FakeData index out of range"):
        data[2]
    assert repr(data) == "Dataset FakeData\n    Number of datapoints: 2"


def test_stl10(tmp_path, monkeypatch):
    base = tmp_path / "stl10_binary"
    base.mkdir()
    pixels = np.random.RandomState(0).randint(0, 256, (3, 3, 96, 96)).astype(np.uint8)
    for part in ("train", "test", "unlabeled"):
        pixels.tofile(base / f"{part}_X.bin")
        np.uint8([1, 2, 10]).tofile(base / f"{part}_y.bin")
    (base / "fold_indices.txt").write_text("0 2\n1 2\n")
    (base / "class_names.txt").write_text("airplane\nbird\n")
    for part in ("train_list", "test_list"):
        names = [name for name, _ in getattr(datasets.STL10, part)]
        sums = [[name, md5((base / name).read_bytes())] for name in names]
        monkeypatch.setattr(datasets.STL10, part, sums)
    data = datasets.STL10(tmp_path, split="train+unlabeled", folds=1)
    assert data.labels.tolist() == [1, 9, -1, -1, -1] and data.classes == ["airplane", "bird"]
    assert np.array_equal(np.asarray(data[0][0]), pixels[1].transpose(2, 1, 0))
    with pytest.raises(ValueError, match=r"should be in the range \[0, 10\), but got 20"):
        datasets.STL10(tmp_path, folds=20)


def test_celeba(tmp_path, monkeypatch):
    base = tmp_path / "celeba"
    (base / "img_align_celeba").mkdir(parents=True)
    tables = {
        "list_attr_celeba.txt": "3\nA B\n1.jpg -1  1\n2.jpg  1  1\n3.jpg -1 -1\n",
        "identity_CelebA.txt": "1.jpg 7\n2.jpg 8\n3.jpg 9\n",
        "list_bbox_celeba.txt": "3\nid x y w h\n1.jpg 1 2 3 4\n2.jpg 5 6 7 8\n3.jpg 9 10 11 12\n",
        "list_landmarks_align_celeba.txt": "3\na b\n1.jpg 1 2\n2.jpg 3 4\n3.jpg 5 6\n",
        "list_eval_partition.txt": "1.jpg 0\n2.jpg 1\n3.jpg 0\n",
    }
    for name, text in tables.items():
        (base / name).write_text(text)
    for i in (1, 2, 3):
        Image.new("RGB", (i, 5)).save(base / "img_align_celeba" / f"{i}.jpg")
    files = [("", md5(text.encode()), name) for name, text in tables.items()]
    monkeypatch.setattr(datasets.CelebA, "file_list", [*files, ("", "", "img_align_celeba.zip")])
    data = datasets.CelebA(tmp_path, target_type=["attr", "identity", "bbox", "landmarks"])
    assert len(data) == 2 and data.attr_names == ["A", "B"] and data.filename == ["1.jpg", "3.jpg"]
    image, (attr, identity, bbox, landmarks) = data[1]
    assert image.size == (3, 5) and attr.tolist() == [0, 0] and identity.item() == 9
    assert bbox.tolist() == [9, 10, 11, 12] and landmarks.tolist() == [5, 6]
    assert len(datasets.CelebA(tmp_path, split="all")) == 3
    assert datasets.CelebA(tmp_path, split="valid", target_type="identity")[0][1].item() == 8
    assert repr(data).endswith(
        "Target type: ['attr', 'identity', 'bbox', 'landmarks']\n    Split: train"
    )


def test_food101(tmp_path):
    (tmp_path / "food-101" / "meta").mkdir(parents=True)
    (tmp_path / "food-101" / "images" / "pie").mkdir(parents=True)
    Image.new("RGB", (3, 2)).save(tmp_path / "food-101" / "images" / "pie" / "1.jpg")
    (tmp_path / "food-101" / "meta" / "train.json").write_text(
        json.dumps({"pie": ["pie/1"], "cake": []})
    )
    data = datasets.Food101(tmp_path)
    assert len(data) == 1 and data[0][0].size == (3, 2) and data[0][1] == 1
    assert data.classes == ["cake", "pie"] and repr(data).endswith("split=train")


def test_voc(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for name in (
        "ImageSets/Main",
        "ImageSets/Segmentation",
        "JPEGImages",
        "Annotations",
        "SegmentationClass",
    ):
        (base / name).mkdir(parents=True)
    for kind in ("Main", "Segmentation"):
        (base / "ImageSets" / kind / "train.txt").write_text("one\n")
    Image.new("RGB", (3, 2)).save(base / "JPEGImages" / "one.jpg")
    Image.new("P", (3, 2)).save(base / "SegmentationClass" / "one.png")
    (base / "Annotations" / "one.xml").write_text(
        "<annotation><folder>a</folder><object><name>dog</name><part>x</part><part>y</part></object></annotation>"
    )
    image, target = datasets.VOCDetection(tmp_path)[0]
    assert image.size == (3, 2)
    assert target == {
        "annotation": {"folder": "a", "object": [{"name": "dog", "part": ["x", "y"]}]}
    }
    image, mask = datasets.VOCSegmentation(tmp_path, transforms=lambda i, m: (i.size, m.mode))[0]
    assert (image, mask) == ((3, 2), "P")
    with pytest.raises(ValueError, match="Unknown value 'test' for argument image_set"):
        datasets.VOCDetection(tmp_path, image_set="test")


def test_flowers102(tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    base = tmp_path / "flowers-102"
    (base / "jpg").mkdir(parents=True)
    for i in (1, 2, 3):
        Image.new("RGB", (i, 4)).save(base / "jpg" / f"image_0000{i}.jpg")
    scipy_io.savemat(base / "imagelabels.mat", {"labels": [[5, 1, 102]]})
    scipy_io.savemat(base / "setid.mat", {"trnid": [[3, 1]], "valid": [[2, 1]], "tstid": [[1]]})
    sums = {
        kind: (name, md5((base / name).read_bytes()))
        for kind, name in (("label", "imagelabels.mat"), ("setid", "setid.mat"))
    }
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", sums)
    data = datasets.Flowers102(tmp_path)
    assert [(image.size, target) for image, target in data] == [((3, 4), 101), ((1, 4), 4)]
    assert len(data.classes) == 102 and data.classes[101] == "blackberry lily"
    assert (
        repr(data).endswith("split=train") and datasets.Flowers102(tmp_path, split="val")[0][1] == 0
    )
    with pytest.raises(
        ValueError, match="Unknown value 'x' for argument split. Valid values are {'train', 'val', "
    ):
        datasets.Flowers102(tmp_path, split="x")


def test_pets(tmp_path):
    base = tmp_path / "oxford-iiit-pet"
    (base / "images").mkdir(parents=True)
    (base / "annotations" / "trimaps").mkdir(parents=True)
    lines = ["Abyssinian_1 1 1 1", "yorkshire_terrier_10 37 2 25", "american_bulldog_3 2 2 1"]
    (base / "annotations" / "trainval.txt").write_text("\n".join(lines) + "\n")
    for line in lines:
        Image.new("RGB", (3, 4)).save(base / "images" / f"{line.split()[0]}.jpg")
        Image.new("L", (3, 4)).save(base / "annotations" / "trimaps" / f"{line.split()[0]}.png")
    data = datasets.OxfordIIITPet(
        tmp_path, target_types=["category", "binary-category", "segmentation"]
    )
    image, (breed, kind, trimap) = data[1]
    assert (image.size, breed, kind, trimap.mode) == ((3, 4), 36, 1, "L")
    assert data.class_to_idx == {"Abyssinian": 0, "American Bulldog": 1, "Yorkshire Terrier": 2}
    assert datasets.OxfordIIITPet(tmp_path)[0][1] == 0
    assert datasets.OxfordIIITPet(tmp_path, target_types=[])[0][1] is None


def test_eurosat(tmp_path):
    with pytest.raises(
        RuntimeError, match="Dataset not found. You can use download=True to download it"
    ):
        datasets.EuroSAT(tmp_path)
    (tmp_path / "eurosat" / "2750" / "Forest").mkdir(parents=True)
    Image.new("RGB", (3, 4)).save(tmp_path / "eurosat" / "2750" / "Forest" / "a.jpg")
    data = datasets.EuroSAT(str(tmp_path))
    assert len(data) == 1 and data.classes == ["Forest"] and data.root == str(tmp_path)


def test_imagenet_wants_its_archives(tmp_path):
    with pytest.raises(
        RuntimeError, match="The archive ILSVRC2012_devkit_t12.tar.gz is not present in the root"
    ):
        datasets.ImageNet(tmp_path)


def test_in_a_data_loader(folder):
    loader = torch.utils.data.DataLoader(
        datasets.FakeData(6, (1, 4, 4), transform=lambda i: torch.from_numpy(np.array(i))),
        batch_size=4,
    )
    assert [batch.shape for batch, _ in loader] == [(4, 4, 4), (2, 4, 4)]
