"""COCO: objects in photographs, read by pycocotools."""

import os

from PIL import Image

from .vision import VisionDataset


class CocoDetection(VisionDataset):
    """Images of the folder ``root`` with their annotations (a list of dicts) of the JSON file ``annFile``."""

    def __init__(self, root, annFile, transform=None, target_transform=None, transforms=None):
        super().__init__(root, transforms, transform, target_transform)
        from pycocotools.coco import COCO

        self.coco = COCO(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id):
        name = self.coco.loadImgs(id)[0]["file_name"]
        return Image.open(os.path.join(self.root, name)).convert("RGB")

    def _load_target(self, id):
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index):
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        id = self.ids[index]
        image, target = self._load_image(id), self._load_target(id)
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Images with their captions, a list of strings."""

    def _load_target(self, id):
        return [annotation["caption"] for annotation in super()._load_target(id)]
