"""torch.utils.flop_counter: how many floating point operations the products of a program take, by module.

Products of matrices and convolutions count, a multiplication and an addition as two; all else is free. They are seen
as calls of public functions; the backward pass counts when it reaches them.
"""

import math
from collections import defaultdict

from ..nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from ..ops import _namespace
from ..overrides import TorchFunctionMode

__all__ = ["FlopCounterMode", "register_flop_formula"]

aten = _namespace("aten")


def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs):
    """Of (m, k) @ (k, n)."""
    (m, k), (k2, n) = a_shape, b_shape
    if k != k2:
        raise AssertionError(f"matmul: inner dimensions must match (k == k2), got k={k} and k2={k2}")
    return 2 * m * n * k


def addmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs):
    """Of c + (m, k) @ (k, n): the sum is free."""
    return mm_flop(a_shape, b_shape)


def bmm_flop(a_shape, b_shape, out_shape=None, **kwargs):
    """Of (b, m, k) @ (b, k, n)."""
    return a_shape[0] * mm_flop(a_shape[1:], b_shape[1:])


def baddbmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs):
    """Of c + (b, m, k) @ (b, k, n)."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed=False):
    """Of a convolution: every weight meets every place of the output, or of the input if it is transposed."""
    places = x_shape[2:] if transposed else out_shape[2:]
    return 2 * math.prod(places) * x_shape[0] * math.prod(w_shape)


def conv_flop(x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape=None, **kwargs):
    """Of a convolution."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


flop_registry = {
    aten.mm: mm_flop,
    aten.addmm: addmm_flop,
    aten.bmm: bmm_flop,
    aten.baddbmm: baddbmm_flop,
    aten.convolution: conv_flop,
}


def register_flop_formula(targets, get_raw=False):
    """A decorator that replaces the formula of products that are counted; NotImplementedError for other operators."""
    targets = targets if isinstance(targets, list | tuple) else [targets]

    def register(formula):
        for target in targets:
            if target not in flop_registry:
                raise NotImplementedError(
                    f"register_flop_formula: calls of {target} are not seen by cygrad's FlopCounterMode"
                )
            flop_registry[target] = formula
        return formula

    return register


def get_suffix_str(number):
    """The suffix that a number reads best with."""
    return ["", "K", "M", "B", "T"][max(0, min(4, (len(str(number)) - 2) // 3))]


def convert_num_with_suffix(number, suffix):
    """12345 as "12.345K"."""
    power = ["", "K", "M", "B", "T"].index(suffix)
    return f"{number / 1000**power:.3f}{suffix}"


def convert_to_percent_str(num, denom):
    """The share in percent."""
    return f"{num / denom:.2%}" if denom else "0%"


def _named(func):
    return getattr(func, "__name__", "")


class _LookInside(TorchFunctionMode):
    """Shows a counter, which is off while it is being asked, the calls within a function."""

    def __init__(self, counter):
        super().__init__()
        self._counter = counter

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return self._counter.__torch_function__(func, types, args, kwargs)


class FlopCounterMode(TorchFunctionMode):
    """Counts the floating point operations of a `with` block, by module and operator.

    `display` prints the table at the end; `depth` is how deep it looks into modules; `custom_mapping` holds formulas
    by operator.
    """

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        super().__init__()
        self.depth, self.display = depth, display
        self.formulas = {**flop_registry, **(custom_mapping or {})}
        self.flop_counts = defaultdict(lambda: defaultdict(int))
        self._names, self._inside = {}, []

    # ---- modules

    def __enter__(self):
        self.flop_counts.clear()
        self._names, self._inside = {}, []
        self._handles = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        return super().__enter__()

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for handle in self._handles:
            handle.remove()
        if self.display:
            print(self.get_table(self.depth))

    def _enter_module(self, module, inputs):
        if module not in self._names:
            root = type(module).__name__
            for name, part in module.named_modules():
                self._names[part] = f"{root}.{name}" if name else root
        self._inside.append(self._names[module])

    def _leave_module(self, module, inputs, output):
        self._inside.pop()

    # ---- operators

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = _named(func)
        seen = getattr(self, f"_see_{name.strip('_')}", None) if name else None
        if seen is None and name.startswith("conv") and name.rstrip("d123").removesuffix("_transpose") == "conv":
            seen = self._see_convolution
        if seen is None:
            inner = getattr(func, "__wrapped__", None)
            if inner is None:
                return func(*args, **kwargs)
            with _LookInside(self):  # for the products that it is made of
                return inner(*args, **kwargs)
        result = func(*args, **kwargs)
        seen(result, name, *args, **kwargs)
        return result

    def _count(self, operator, *args, modules=None, **kwargs):
        flops = self.formulas[operator](*args, **kwargs)
        for module in {"Global", *(self._inside if modules is None else modules)}:
            self.flop_counts[module][operator] += flops

    def _product(self, result, operator, a, b, *added):
        """Counts a @ b, and the products of its backward pass when a gradient comes to `result`."""
        self._count(operator, *added, a.shape, b.shape)
        if result.grad_fn is None:
            return
        modules = tuple(self._inside)
        back = aten.mm if len(a.shape) == 2 else aten.bmm
        shapes, wanted = (tuple(a.shape), tuple(b.shape)), (a.wanted, b.wanted)

        def count_backward(grad):
            (sa, sb), g = shapes, (*shapes[0][:-1], shapes[1][-1])
            if wanted[1]:
                self._count(back, _turned(sa), g, modules=modules)
            if wanted[0]:
                self._count(back, g, _turned(sb), modules=modules)

        result.register_hook(count_backward)

    def _see_linear(self, result, name, input, weight, bias=None):
        rows = _Factor(input, (input.numel() // max(input.shape[-1], 1), input.shape[-1]))
        columns = _Factor(weight, _turned(weight.shape))
        if bias is None:
            self._product(result, aten.mm, rows, columns)
        else:
            self._product(result, aten.addmm, rows, columns, bias.shape)

    def _see_mm(self, result, name, input, mat2, **kwargs):
        self._product(result, aten.mm, _Factor(input), _Factor(mat2))

    def _see_bmm(self, result, name, input, mat2, **kwargs):
        self._product(result, aten.bmm, _Factor(input), _Factor(mat2))

    def _see_addmm(self, result, name, input, mat1, mat2, **kwargs):
        self._product(result, aten.addmm, _Factor(mat1), _Factor(mat2), input.shape)

    def _see_baddbmm(self, result, name, input, batch1, batch2, **kwargs):
        self._product(result, aten.baddbmm, _Factor(batch1), _Factor(batch2), input.shape)

    def _see_addbmm(self, result, name, input, batch1, batch2, **kwargs):
        self._product(result, aten.bmm, _Factor(batch1), _Factor(batch2))

    def _see_matmul(self, result, name, input, other, **kwargs):
        if other.ndim < 2 or (input.ndim < 2 and other.ndim > 2):
            return  # dot and mv are free, as in PyTorch
        if other.ndim == 2:
            rows = _Factor(input, (math.prod(input.shape[:-1]), input.shape[-1]))
            self._product(result, aten.mm, rows, _Factor(other))
            return
        batch = math.prod(result.shape[:-2])
        factors = (_Factor(t, (batch, *t.shape[-2:])) for t in (input, other))
        self._product(result, aten.bmm, *factors)

    def _see_rmatmul(self, result, name, input, other):
        self._see_matmul(result, name, other, input)

    def _see_convolution(self, result, name, input, weight, *args, **kwargs):
        transposed = "transpose" in name
        dims = weight.ndim - 2
        x, out = (t.shape if t.ndim > dims + 1 else (1, *t.shape) for t in (input, result))
        shape = (x, weight.shape, None, None, None, None, transposed)
        self._count(aten.convolution, *shape, out_shape=out)
        if result.grad_fn is None:
            return
        modules = tuple(self._inside)
        passes = sum(t.requires_grad for t in (input, weight))
        flops = conv_flop_count(x, weight.shape, out, transposed)

        def count_backward(grad):
            for module in {"Global", *modules}:
                self.flop_counts[module][aten.convolution_backward] += passes * flops

        result.register_hook(count_backward)

    # ---- results

    def get_total_flops(self):
        """The number of floating point operations."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self):
        """{module: {operator: number}}"""
        return {module: dict(counts) for module, counts in self.flop_counts.items()}

    def get_table(self, depth=None):
        """The table: modules down to `depth`, and their operators."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        suffix = get_suffix_str(total)
        rows = []

        def add(module, indent):
            counts = self.flop_counts[module]
            amount = sum(counts.values())
            rows.append((indent + module, convert_num_with_suffix(amount, suffix) if suffix else str(amount),
                         convert_to_percent_str(amount, total)))  # fmt: skip
            for operator, n in counts.items():
                number = convert_num_with_suffix(n, suffix) if suffix else str(n)
                rows.append((f"{indent}- {operator}", number, convert_to_percent_str(n, total)))

        shown = sorted(name for name in self.flop_counts if name != "Global" and name.count(".") < depth)
        # The whole is a row of its own where it is not that of one module.
        if not any(sum(self.flop_counts[name].values()) == total for name in shown):
            add("Global", "")
        for name in shown:
            add(name, "")
        return _table(("Module", "FLOP", "% Total"), rows)


class _Factor:
    """A factor of a product as a matrix, and whether it wants a gradient."""

    def __init__(self, tensor, shape=None):
        self.shape = tuple(tensor.shape if shape is None else shape)
        self.wanted = tensor.requires_grad


def _turned(shape):
    return (*shape[:-2], shape[-1], shape[-2])


def _table(heads, rows):
    widths = [max(len(head) + 2, *(len(row[i]) for row in rows)) for i, head in enumerate(heads)]
    lines = ["  ".join((heads[0].ljust(widths[0]), *(heads[i].rjust(widths[i]) for i in (1, 2))))]
    lines.append("  ".join("-" * width for width in widths))
    lines += ["  ".join((row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]))) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
