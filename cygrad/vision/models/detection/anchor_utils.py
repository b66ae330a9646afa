"""Anchors: boxes of several sizes and shapes at each place of the feature maps."""

import cygrad
from cygrad import nn


class AnchorGenerator(nn.Module):
    """For each feature map a tuple of ``sizes`` (the root of the area) and of ``aspect_ratios`` (height by width)."""

    def __init__(self, sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),)):
        super().__init__()
        if not isinstance(sizes[0], (list, tuple)):
            sizes = tuple((size,) for size in sizes)
        if not isinstance(aspect_ratios[0], (list, tuple)):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes = sizes
        self.aspect_ratios = aspect_ratios
        self.cell_anchors = [
            self.generate_anchors(size, ratios) for size, ratios in zip(sizes, aspect_ratios)
        ]

    def generate_anchors(self, scales, aspect_ratios, dtype=cygrad.float32, device="cpu"):
        """(ratios * scales, 4) boxes around the origin, with whole numbers."""
        scales = cygrad.as_tensor(scales, dtype=dtype, device=device)
        heights = cygrad.sqrt(cygrad.as_tensor(aspect_ratios, dtype=dtype, device=device))
        widths = 1 / heights
        w = (widths[:, None] * scales[None, :]).view(-1)
        h = (heights[:, None] * scales[None, :]).view(-1)
        return (cygrad.stack([-w, -h, w, h], dim=1) / 2).round()

    def num_anchors_per_location(self):
        return [len(s) * len(a) for s, a in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes, strides):
        """The anchors of each feature map, row by row."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise AssertionError(
                "Anchors should be Tuple[Tuple[int]] because each feature map could potentially have different sizes "
                "and aspect ratios. There needs to be a match between the number of feature maps passed and the number "
                "of sizes / aspect ratios specified."
            )
        anchors = []
        for (height, width), (step_y, step_x), base in zip(grid_sizes, strides, self.cell_anchors):
            x = cygrad.arange(width, dtype=cygrad.int32, device=base.device) * step_x
            y = cygrad.arange(height, dtype=cygrad.int32, device=base.device) * step_y
            y, x = (grid.reshape(-1) for grid in cygrad.meshgrid(y, x, indexing="ij"))
            shifts = cygrad.stack((x, y, x, y), dim=1)
            anchors.append((shifts.view(-1, 1, 4) + base.view(1, -1, 4)).reshape(-1, 4))
        return anchors

    def forward(self, image_list, feature_maps):
        """The anchors (A, 4) of all maps together, for each image of the list the same."""
        height, width = image_list.tensors.shape[-2:]
        grids = [tuple(each.shape[-2:]) for each in feature_maps]
        strides = [(height // rows, width // columns) for rows, columns in grids]
        first = feature_maps[0]
        self.cell_anchors = [
            each.to(dtype=first.dtype, device=first.device) for each in self.cell_anchors
        ]
        anchors = cygrad.cat(self.grid_anchors(grids, strides))
        return [anchors for _ in image_list.image_sizes]
