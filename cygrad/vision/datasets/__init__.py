"""Data sets of images, with torchvision's names and files."""

from .celeba import CelebA
from .cifar import CIFAR10, CIFAR100
from .coco import CocoCaptions, CocoDetection
from .eurosat import EuroSAT
from .fakedata import FakeData
from .flowers102 import Flowers102
from .folder import DatasetFolder, ImageFolder
from .food101 import Food101
from .imagenet import ImageNet
from .lsun import LSUN, LSUNClass
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .oxford_iiit_pet import OxfordIIITPet
from .stl10 import STL10
from .svhn import SVHN
from .usps import USPS
from .vision import VisionDataset
from .voc import VOCDetection, VOCSegmentation

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "CelebA",
    "CocoCaptions",
    "CocoDetection",
    "DatasetFolder",
    "EMNIST",
    "EuroSAT",
    "FakeData",
    "FashionMNIST",
    "Flowers102",
    "Food101",
    "ImageFolder",
    "ImageNet",
    "KMNIST",
    "LSUN",
    "LSUNClass",
    "MNIST",
    "OxfordIIITPet",
    "QMNIST",
    "STL10",
    "SVHN",
    "USPS",
    "VOCDetection",
    "VOCSegmentation",
    "VisionDataset",
]


def __getattr__(name):
    raise AttributeError(
        f"module 'torchvision.datasets' has no attribute '{name}': cygrad does not have it yet"
    )
