"""Oxford 102 Flower: flowers that are common in the United Kingdom."""

from pathlib import Path

from .folder import default_loader
from .utils import check_integrity, download_and_extract_archive, download_url, verify_str_arg
from .vision import VisionDataset

_CLASSES = """
pink primrose; hard-leaved pocket orchid; canterbury bells; sweet pea; english marigold; tiger lily; moon
orchid; bird of paradise; monkshood; globe thistle; snapdragon; colt's foot; king protea; spear thistle; yellow
iris; globe-flower; purple coneflower; peruvian lily; balloon flower; giant white arum lily; fire lily;
pincushion flower; fritillary; red ginger; grape hyacinth; corn poppy; prince of wales feathers; stemless
gentian; artichoke; sweet william; carnation; garden phlox; love in the mist; mexican aster; alpine sea holly;
ruby-lipped cattleya; cape flower; great masterwort; siam tulip; lenten rose; barbeton daisy; daffodil; sword
lily; poinsettia; bolero deep blue; wallflower; marigold; buttercup; oxeye daisy; common dandelion; petunia;
wild pansy; primula; sunflower; pelargonium; bishop of llandaff; gaura; geranium; orange dahlia; pink-yellow
dahlia?; cautleya spicata; japanese anemone; black-eyed susan; silverbush; californian poppy; osteospermum;
spring crocus; bearded iris; windflower; tree poppy; gazania; azalea; water lily; rose; thorn apple; morning
glory; passion flower; lotus; toad lily; anthurium; frangipani; clematis; hibiscus; columbine; desert-rose; tree
mallow; magnolia; cyclamen; watercress; canna lily; hippeastrum; bee balm; ball moss; foxglove; bougainvillea;
camellia; mallow; mexican petunia; bromelia; blanket flower; trumpet creeper; blackberry lily
"""


class Flowers102(VisionDataset):
    """Flowers of 102 kinds; ``split`` is "train", "val" or "test".  The labels are read by SciPy."""

    _download_url_prefix = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    _file_dict = {
        "image": ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        "label": ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }
    _splits_map = {"train": "trnid", "val": "valid", "test": "tstid"}
    classes = " ".join(_CLASSES.split()).split("; ")

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
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        self._base_folder = Path(self.root) / "flowers-102"
        self._images_folder = self._base_folder / "jpg"
        self.loader = loader
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        from scipy.io import loadmat

        ids = loadmat(self._base_folder / self._file_dict["setid"][0])[self._splits_map[split]]
        labels = loadmat(self._base_folder / self._file_dict["label"][0])["labels"].ravel()
        ids = ids.ravel().tolist()
        self._labels = [int(labels[i - 1]) - 1 for i in ids]  # the files count from 1 on
        self._image_files = [self._images_folder / f"image_{i:05d}.jpg" for i in ids]

    def __getitem__(self, index):
        return self._transformed(self.loader(self._image_files[index]), self._labels[index])

    def __len__(self):
        return len(self._image_files)

    def extra_repr(self):
        return f"split={self._split}"

    def _check_integrity(self):
        files = (self._file_dict[kind] for kind in ("label", "setid"))
        return self._images_folder.is_dir() and all(
            check_integrity(self._base_folder / name, md5) for name, md5 in files
        )

    def download(self):
        if self._check_integrity():
            return
        for kind, (name, md5) in self._file_dict.items():
            fetch = download_and_extract_archive if kind == "image" else download_url
            fetch(self._download_url_prefix + name, str(self._base_folder), md5=md5)
