"""EuroSAT: land use in images of the Sentinel-2 satellites."""

import os

from .folder import ImageFolder, default_loader
from .utils import download_and_extract_archive


class EuroSAT(ImageFolder):
    """27,000 images of 64 x 64 in 10 classes."""

    _URL = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip"
    _MD5 = "c8fa014336c82ac7804f0398fcb19387"

    def __init__(
        self, root, transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self.root = os.path.expanduser(root)
        self._base_folder = os.path.join(self.root, "eurosat")
        self._data_folder = os.path.join(self._base_folder, "2750")
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        super().__init__(self._data_folder, transform, target_transform, loader)
        self.root = os.path.expanduser(root)

    def _check_exists(self):
        return os.path.isdir(self._data_folder)

    def download(self):
        if not self._check_exists():
            download_and_extract_archive(self._URL, self._base_folder, md5=self._MD5)
