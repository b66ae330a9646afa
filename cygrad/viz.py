"""Pictures for a notebook and a shell: the graph of a tensor, a module's table of layers, images of filters and of
activations, training curves.  Everything also has a text, and needs no other package for it.

    import cygrad as torch
    from cygrad import viz

    print(viz.graph(loss, net))                 # as text; .save("graph.svg") where graphviz's `dot` is installed
    print(viz.summary(net, torch.rand(1, 3, 32, 32)))
    viz.images(net[0].weight).save("filters.png")
    viz.curves("runs/first")                    # {tag: (steps, values)} of a TensorBoard folder
"""

import base64
import html
import math
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import cygrad as torch

__all__ = ["Graph", "Images", "Summary", "activations", "curves", "graph", "images", "summary"]


# ---------------------------------------------------------------- the graph of a tensor


class Graph:
    """The graph that a tensor was computed by, as `graph` makes it.

    ``nodes``: {id: (kind, label)} with the kinds "operator" and "variable"; ``edges``: (from, to) pairs of ids in the
    direction of the computation. In a notebook it shows as a drawing where graphviz is installed.
    """

    def __init__(self, nodes, edges, root):
        self.nodes, self.edges, self.root = nodes, edges, root

    @property
    def dot(self):
        """The graph in graphviz's language: operators are rectangles, variables ellipses."""
        lines = ["digraph {", '  rankdir=BT; node [fontname="sans-serif", fontsize=11]; edge [arrowsize=0.7];']
        for key, (kind, label) in self.nodes.items():
            shape = "box, style=filled, fillcolor=gray92" if kind == "operator" else "ellipse"
            text = label.replace('"', r"\"").replace("\n", r"\n")
            lines.append(f'  n{key} [label="{text}", shape={shape}];')
        lines += [f"  n{a} -> n{b};" for a, b in self.edges]
        return "\n".join([*lines, "}"])

    def __str__(self):
        """The graph as an indented text, from the result to what it was computed of; (...) marks what stands above."""
        inputs = {}
        for a, b in self.edges:
            inputs.setdefault(b, []).append(a)
        lines, seen, waiting = [], set(), [(self.root, 0)]
        while waiting:  # no recursion: graphs are deep
            key, depth = waiting.pop()
            label = self.nodes[key][1].replace("\n", " ")
            again = key in seen and key in inputs
            lines.append("  " * depth + label + " (...)" * again)
            if key not in seen:
                seen.add(key)
                waiting += [(k, depth + 1) for k in reversed(inputs.get(key, []))]
        return "\n".join(lines)

    def render(self, format="svg"):
        """The drawing as bytes, in a format of graphviz: "svg", "png", "pdf", ...

        Raises RuntimeError where graphviz's program `dot` is not installed.
        """
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError("drawing a graph needs graphviz's program dot (Debian: apt-get install graphviz); "
                               "print(graph) needs nothing")  # fmt: skip
        return subprocess.run([program, f"-T{format}"], input=self.dot.encode(), capture_output=True, check=True).stdout

    def save(self, path):
        """Writes the drawing to a file; its suffix says the format, ".dot" and ".txt" need no graphviz."""
        path = Path(path)
        texts = {".dot": lambda: self.dot, ".gv": lambda: self.dot, ".txt": lambda: str(self)}
        if path.suffix in texts:
            path.write_text(texts[path.suffix]())
        else:
            path.write_bytes(self.render(path.suffix[1:]))

    def _repr_svg_(self):
        return self.render("svg").decode() if shutil.which("dot") else None

    def __repr__(self):
        kinds = [kind for kind, _ in self.nodes.values()]
        return f"<graph of {kinds.count('operator')} operators and {kinds.count('variable')} variables>"


def _sizes(tensor):
    return "×".join(map(str, tensor.shape)) or "scalar"


def graph(tensor, names=None):
    """The graph of operators and variables that a tensor was computed by.

    tensor: a tensor with a ``grad_fn``, or a tuple or list of them.
    names: what variables are called: a module, whose parameters' names are taken, or {name: tensor}.
    Returns a `Graph`. Raises ValueError where nothing was recorded.

    >>> x = torch.ones(3, requires_grad=True)
    >>> print(viz.graph((x * 2).sum(), {"x": x}))
    result scalar
      sum
        mul
          x 3
    """
    tensors = tensor if isinstance(tensor, (list, tuple)) else [tensor]
    if isinstance(names, torch.nn.Module):
        names = dict(names.named_parameters())
    named = {id(value): name for name, value in (names or {}).items()}
    if not all(t.grad_fn is not None for t in tensors):
        raise ValueError("the tensor has no graph: it was not computed of anything that requires a gradient")
    nodes, edges, ids = {}, [], {}

    def number(thing):
        return ids.setdefault(thing, len(ids))

    waiting = []
    root = None
    for i, t in enumerate(tensors):
        key = number(("result", i))
        root = key if root is None else root
        nodes[key] = ("variable", f"{named.get(id(t), 'result')}\n{_sizes(t)}")
        edges.append((number(t.grad_fn), key))
        waiting.append(t.grad_fn)
    while waiting:
        node = waiting.pop()
        key = number(node)
        if key in nodes:
            continue
        variable = getattr(node, "variable", None)
        if variable is not None:
            nodes[key] = ("variable", f"{named.get(id(variable), 'leaf')}\n{_sizes(variable)}")
            continue
        operator = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
        nodes[key] = ("operator", re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\dD)(?=[A-Z])", "_", operator).lower())
        for following, _ in node.next_functions:
            if following is not None:
                edges.append((number(following), key))
                waiting.append(following)
    return Graph(nodes, edges, root)


# ---------------------------------------------------------------- a module's table


def _operations(module, inputs, output):
    """Multiplications and additions of a layer's forward pass; None for layers without a count of their own."""
    if not isinstance(output, torch.Tensor):
        return None
    name = type(module).__name__
    weight = getattr(module, "weight", None)
    if name.startswith("Conv") and weight is not None:
        positions = inputs[0] if "Transpose" in name else output
        each = weight.numel() // weight.shape[1 if "Transpose" in name else 0]
        groups = module.groups if "Transpose" in name else 1
        return 2 * each * positions.numel() // groups
    if name == "Linear":
        return 2 * weight.numel() * (output.numel() // output.shape[-1])
    if name in ("Flatten", "Identity", "Dropout", "Unflatten"):
        return 0
    return output.numel()


class Summary:
    """A module's layers, as `summary` finds them; prints as a table.

    ``layers``: a list of dicts with name, kind, shape (of the output), parameters, operations, bytes (of the output).
    """

    COLUMNS = ("layer", "kind", "output", "parameters", "operations", "memory")

    def __init__(self, layers, parameters, trainable, size):
        self.layers, self.parameters, self.trainable, self.size = layers, parameters, trainable, size

    @property
    def operations(self):
        """Additions and multiplications of one forward pass, as far as layers were counted."""
        return sum(layer["operations"] or 0 for layer in self.layers)

    @property
    def memory(self):
        """Bytes of all outputs, which training keeps."""
        return sum(layer["bytes"] for layer in self.layers)

    def rows(self):
        """The table's cells as texts."""
        for layer in self.layers:
            operations = layer["operations"]
            yield (layer["name"], layer["kind"], str(layer["shape"]), f"{layer['parameters']:,}",
                   "" if operations is None else f"{operations:,}", _bytes(layer["bytes"]))  # fmt: skip

    def _total(self):
        return (f"{self.parameters:,} parameters ({self.trainable:,} trainable) in {_bytes(self.size)}; forward pass: "
                f"{self.operations:,} operations, outputs of {_bytes(self.memory)}")  # fmt: skip

    def __str__(self):
        table = [self.COLUMNS, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table)]
        sides = [str.ljust] * 3 + [str.rjust] * 3
        lines = ["  ".join(side(*pair) for side, *pair in zip(sides, row, widths)).rstrip() for row in table]
        lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
        return "\n".join([*lines, lines[1], self._total()])

    __repr__ = __str__

    def _repr_html_(self):
        head = "".join(f"<th>{name}</th>" for name in self.COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{self._total()}</p>"


def _bytes(n):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024 or unit == "GiB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024


def summary(module, *inputs, **named):
    """The table of a module's layers: shapes, parameters, operations and memory of one forward pass.

    module: a ``torch.nn.Module``; it is run once, in evaluation mode and without recording, and left as it was.
    inputs, named: what its ``forward`` takes.
    Returns a `Summary`. Operations count a multiplication and an addition as two; layers of other kinds than
    convolutions and linear ones count one per element of their output.

    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU())
    >>> viz.summary(net, torch.ones(2, 4)).parameters
    40
    """
    layers, handles = [], []

    def hook(name):
        def note(layer, given, output):
            first = next((t for t in (output if isinstance(output, tuple) else (output,))
                          if isinstance(t, torch.Tensor)), None)  # fmt: skip
            layers.append({
                "name": name, "kind": type(layer).__name__, "shape": tuple(first.shape) if first is not None else (),
                "parameters": sum(p.numel() for p in layer.parameters()),
                "operations": _operations(layer, given, output),
                "bytes": first.numel() * first.element_size() if first is not None else 0,
            })  # fmt: skip

        return note

    modes = {m: m.training for m in module.modules()}
    try:
        for name, layer in module.named_modules():
            if not any(True for _ in layer.children()):
                handles.append(layer.register_forward_hook(hook(name or "(itself)")))
        module.eval()
        with torch.no_grad():
            module(*inputs, **named)
    finally:
        for handle in handles:
            handle.remove()
        for layer, training in modes.items():
            layer.training = training
    parameters = list(module.parameters())
    return Summary(layers, sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad),
                   sum(p.numel() * p.element_size() for p in parameters))  # fmt: skip


# ---------------------------------------------------------------- images


class Images:
    """A picture of many small images in a grid: uint8 ``pixels`` of shape (height, width, 3).

    In a notebook it shows as the picture; `save` writes a PNG.
    """

    def __init__(self, pixels):
        self.pixels = pixels

    def png(self):
        """The picture as the bytes of a PNG file."""
        height, width, _ = self.pixels.shape
        array = self.pixels.cpu().numpy()
        lines = b"".join(b"\0" + array[y].tobytes() for y in range(height))

        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9))
                + chunk(b"IEND", b""))  # fmt: skip

    def save(self, path):
        """Writes a PNG file."""
        Path(path).write_bytes(self.png())

    def _repr_png_(self):
        return self.png()

    def _repr_html_(self):
        return f'<img src="data:image/png;base64,{base64.b64encode(self.png()).decode()}">'

    def __repr__(self):
        return f"<picture of {self.pixels.shape[1]} x {self.pixels.shape[0]} pixels>"


def images(tensor, columns=None, scale=None, each=True):
    """A grid of images: a batch, the filters of a convolution, or a layer's activations.

    tensor: (H, W) one image; (N, H, W) N grey ones; (N, C, H, W) N in colour where C is 3, else N * C grey ones.
    columns: images in a row (default: as square as it gets).
    scale: how many pixels wide and high a pixel is drawn (default: until images are 32 pixels high).
    each: every image has its own black and white; False: all have the same.
    Returns an `Images`. Raises ValueError for other numbers of dimensions and for no image at all.

    >>> viz.images(torch.rand(6, 1, 8, 8), columns=3)
    <picture of 103 x 69 pixels>
    """
    x = tensor.detach().cpu().float()
    if x.dim() == 2:
        x = x[None]
    if x.dim() == 4 and x.shape[1] != 3:
        x = x.flatten(0, 1)
    if x.dim() == 3:
        x = x[:, None].expand(-1, 3, -1, -1)
    if x.dim() != 4 or x.numel() == 0:
        sizes = tuple(tensor.shape)
        raise ValueError(f"images takes a tensor of 2, 3 or 4 dimensions that is not empty, not one of {sizes}")
    low, high = (x.amin((1, 2, 3), True), x.amax((1, 2, 3), True)) if each else (x.min(), x.max())
    x = (x - low) / torch.where(high > low, high - low, torch.ones_like(high))
    n, _, h, w = x.shape
    scale = scale or max(1, -(-32 // h))
    x = x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    h, w = h * scale, w * scale
    columns = columns or math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    if n == 1:
        canvas = x[0]
    else:
        canvas = torch.full((3, rows * (h + 2) + 1, columns * (w + 2) + 1), 0.5)
        for i in range(n):
            top, left = 1 + i // columns * (h + 2), 1 + i % columns * (w + 2)
            canvas[:, top : top + h, left : left + w] = x[i]
    return Images((canvas * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous())


def activations(module, *inputs):
    """The outputs of a module's layers for an input, by name: {name: tensor}; `images` draws those of convolutions.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
    >>> {name: tuple(x.shape) for name, x in viz.activations(net, torch.ones(1, 1, 8, 8)).items()}
    {'0': (1, 4, 6, 6), '1': (1, 4, 6, 6)}
    """
    found, handles = {}, []
    try:
        for name, layer in module.named_modules():
            if not any(True for _ in layer.children()):
                handles.append(layer.register_forward_hook(
                    lambda layer, given, output, name=name: found.__setitem__(name, output)))  # fmt: skip
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


# ---------------------------------------------------------------- training curves


def curves(folder, path=None):
    """The numbers that a `SummaryWriter` wrote into a folder: {tag: (steps, values)}; draws them too where asked.

    path: a picture's file; matplotlib draws it. Raises ImportError without the package tensorboard (and matplotlib).
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = events.Scalars(tag)
        found[tag] = [p.step for p in points], [p.value for p in points]
    if path is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = figure.subplots()
        for tag, (steps, values) in found.items():
            axes.plot(steps, values, label=tag)
        axes.set_xlabel("step")
        axes.legend()
        figure.savefig(path)
    return found
