"""Oxford-IIIT Pet: cats and dogs, with their breeds and outlines."""

from pathlib import Path

from PIL import Image

from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset


class OxfordIIITPet(VisionDataset):
    """Photographs of 37 breeds; ``split`` is "trainval" or "test".

    ``target_types`` is "category" (an int), "binary-category" (0 for cats, 1 for dogs), "segmentation" (a Pillow
    image of 1 for the animal, 2 for the background, 3 between), or a sequence of these for a tuple.
    """

    _RESOURCES = (
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
        (
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "95a8c909bbe2e81eed6a22bccdf3f68f",
        ),
    )
    _VALID_TARGET_TYPES = ("category", "binary-category", "segmentation")

    def __init__(
        self,
        root,
        split="trainval",
        target_types="category",
        transforms=None,
        transform=None,
        target_transform=None,
        download=False,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self._split = verify_str_arg(split, "split", ("trainval", "test"))
        target_types = [target_types] if isinstance(target_types, str) else target_types
        self._target_types = [
            verify_str_arg(kind, "target_types", self._VALID_TARGET_TYPES) for kind in target_types
        ]
        self._base_folder = Path(self.root) / "oxford-iiit-pet"
        self._images_folder = self._base_folder / "images"
        self._anns_folder = self._base_folder / "annotations"
        self._segs_folder = self._anns_folder / "trimaps"
        if download:
            self._download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        with open(self._anns_folder / f"{split}.txt") as file:
            rows = [line.split() for line in file]
        ids = [row[0] for row in rows]
        self._labels = [int(row[1]) - 1 for row in rows]  # the file counts from 1 on
        self._bin_labels = [int(row[2]) - 1 for row in rows]
        names = {label: name.rpartition("_")[0] for name, label in zip(ids, self._labels)}
        self.classes = [
            " ".join(part.title() for part in names[label].split("_")) for label in sorted(names)
        ]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.bin_classes = ["Cat", "Dog"]
        self.bin_class_to_idx = {"Cat": 0, "Dog": 1}
        self._images = [self._images_folder / f"{name}.jpg" for name in ids]
        self._segs = [self._segs_folder / f"{name}.png" for name in ids]

    def _target(self, kind, index):
        if kind == "segmentation":
            return Image.open(self._segs[index])
        return (self._labels if kind == "category" else self._bin_labels)[index]

    def __getitem__(self, index):
        image = Image.open(self._images[index]).convert("RGB")
        target = tuple(self._target(kind, index) for kind in self._target_types)
        target = (target[0] if len(target) == 1 else target) if target else None
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self._images)

    def _check_exists(self):
        return self._images_folder.is_dir() and self._anns_folder.is_dir()

    def _download(self):
        if not self._check_exists():
            for url, md5 in self._RESOURCES:
                download_and_extract_archive(url, str(self._base_folder), md5=md5)
