"""Random images, for trying programs out."""

from PIL import Image

import cygrad

from .vision import VisionDataset


class FakeData(VisionDataset):
    """``size`` random Pillow images of ``image_size`` = (channels, height, width), each the same whenever it is read.

    Image and class come from the default generator at the seed index + ``random_offset``; its state is then put back.
    """

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = cygrad.get_rng_state()
        cygrad.manual_seed(index + self.random_offset)
        image = cygrad.randn(*self.image_size)
        target = cygrad.randint(0, self.num_classes, size=(1,), dtype=cygrad.long)[0]
        cygrad.set_rng_state(state)
        pixels = image.mul(255).byte().permute(1, 2, 0).numpy()
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        image, target = self._transformed(image, target)
        return image, target.item() if isinstance(target, cygrad.Tensor) else target

    def __len__(self):
        return self.size
