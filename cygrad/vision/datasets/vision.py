"""What the datasets of images share."""

import os

from ...utils.data import Dataset


class VisionDataset(Dataset):
    """A dataset with a root folder and transforms.

    Either ``transforms``, which takes and returns (image, target), or ``transform`` and ``target_transform``; both
    raises ValueError.
    """

    _repr_indent = 4

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def _transformed(self, image, target):
        """The sample after the two separate transforms."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self):
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            body.append(repr(self.transforms))
        return "\n".join(
            ["Dataset " + type(self).__name__, *(" " * self._repr_indent + line for line in body)]
        )

    def _format_transform_repr(self, transform, head):
        return _lines_after(head, transform)

    def extra_repr(self):
        return ""


def _lines_after(head, transform):
    """The lines of a transform's repr, the first after `head` and the others under it."""
    first, *rest = repr(transform).splitlines()
    return [head + first, *(" " * len(head) + line for line in rest)]


class StandardTransform:
    """Applies ``transform`` to the image and ``target_transform`` to the target."""

    def __init__(self, transform=None, target_transform=None):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self):
        body = [type(self).__name__]
        if self.transform is not None:
            body += _lines_after("Transform: ", self.transform)
        if self.target_transform is not None:
            body += _lines_after("Target transform: ", self.target_transform)
        return "\n".join(body)
