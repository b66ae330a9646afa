"""Products of tensors by their indices: einsum, tensordot, inner, kron and chains, made of matmul.

The functions work on every device that has bmm, and differentiate as often as it does.
"""

import inspect

import cygrad
from cygrad import _core
from cygrad._core import Tensor, shown_edges, shown_node, shown_saved
from cygrad._operators import matmul as _linalg
from cygrad._operators.family import deliver as _deliver

# ---------------------------------------------------------------- einsum

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ELLIPSIS = "..."


# How the operands are put in order where there are more than two: by the package opt_einsum where it is installed,
# with the strategy "auto", "greedy" or "optimal", else from left to right.  torch.backends.opt_einsum sets it.
order = {"enabled": True, "strategy": "auto"}


def get_opt_einsum():
    """The package opt_einsum, None where it is not installed."""
    try:
        import opt_einsum
    except ImportError:
        return None
    return opt_einsum


def _pairs_in_order(pairs, output):
    """Yields the positions of the operands to contract next; what comes of it is the last one then."""
    rest = len(pairs)
    package = get_opt_einsum() if rest > 2 and order["enabled"] and order["strategy"] is not None else None
    if package is not None:
        symbols = {}
        for x in (x for _, labels in pairs for x in labels):
            symbols.setdefault(x, package.get_symbol(len(symbols)))
        terms = ["".join(symbols[x] for x in labels) for _, labels in pairs]
        equation = ",".join(terms) + "->" + "".join(symbols[x] for x in output)
        shapes = [tuple(t.shape) for t, _ in pairs]
        yield from package.contract_path(equation, *shapes, optimize=order["strategy"], shapes=True)[0]
        return
    for _ in range(rest - 1):
        yield (0, 1) if rest == len(pairs) else (len(pairs) - 1, 0)


def _check_operands(operands):
    for i, t in enumerate(operands):
        if not isinstance(t, Tensor):
            raise TypeError(f"einsum(): argument 'tensors' must be tuple of Tensors, but found element of type "
                            f"{type(t).__name__} at pos {i}")


def _split(term, what):
    """The labels of one term of an equation, with _ELLIPSIS in place of the dots."""
    labels = []
    i = 0
    while i < len(term):
        if term[i] == " ":
            i += 1
        elif term[i] == ".":
            if term[i:i + 3] != _ELLIPSIS or _ELLIPSIS in labels:
                where = "the output" if what is None else f"operand {what}"
                raise RuntimeError(f"einsum(): found '.' for {where} that is not part of any ellipsis")
            labels.append(_ELLIPSIS)
            i += 3
        else:
            if term[i] not in _LETTERS:
                where = "the output" if what is None else f"operand {what}"
                raise RuntimeError(f"einsum(): invalid subscript given at index {i} in the equation string, "
                                   "subscripts must be in [a-zA-Z]" if what is not None else
                                   f"einsum(): invalid subscript in {where}, subscripts must be in [a-zA-Z]")
            labels.append(term[i])
            i += 1
    return labels


def _parse(equation):
    left, arrow, right = equation.partition("->")
    inputs = [_split(term, i) for i, term in enumerate(left.split(","))]
    return inputs, _split(right, None) if arrow else None


def _from_sublists(args):
    """Operands and labels of einsum(op0, [0, 1], op1, [1, 2], [0, 2])."""
    def labels(sublist):
        out = []
        for label in sublist:
            if label is not Ellipsis and not 0 <= label < 52:
                raise ValueError("einsum(): expected subscript to be within the valid range [0, 52)")
            out.append(_ELLIPSIS if label is Ellipsis else _LETTERS[label])
        return out

    operands = args[0::2] if len(args) % 2 == 0 else args[0:-1:2]
    output = labels(args[-1]) if len(args) % 2 else None
    return list(operands), [labels(s) for s in args[1::2]], output


def _diagonalised(t, labels):
    """Repeated labels of one operand become one dimension, the diagonal."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if t.shape[first] != t.shape[second]:
                raise RuntimeError(f"einsum(): subscript {label} is repeated for operand but the sizes don't match, "
                                   f"{t.shape[second]} != {t.shape[first]}")
            t = t.diagonal(0, first, second)
            labels = [x for i, x in enumerate(labels) if i not in (first, second)] + [label]
    return t, labels


def _contract(a, b, la, lb, kept):
    """The product of a and b with labels la, lb; labels that are not in `kept` are summed over."""
    for t, labels, other in ((a, la, lb), (b, lb, la)):
        alone = [i for i, x in enumerate(labels) if x not in other and x not in kept]
        if alone:
            summed = t.sum(alone)
            rest = [x for x in labels if x in other or x in kept]
            if t is a:
                a, la = summed, rest
            else:
                b, lb = summed, rest
    shared = [x for x in la if x in lb]
    batch = [x for x in shared if x in kept]
    inner = [x for x in shared if x not in kept]
    rows = [x for x in la if x not in lb]
    cols = [x for x in lb if x not in la]
    sizes = dict(zip(la, a.shape, strict=True))
    for x, n in zip(lb, b.shape, strict=True):
        if sizes.get(x, 1) == 1:        # a size of 1 broadcasts
            sizes[x] = n

    def arranged(t, labels, *parts):
        order = [x for part in parts for x in part]
        t = t.permute([labels.index(x) for x in order])
        t = t.expand([sizes[x] for x in order])
        shape = []
        for part in parts:
            n = 1
            for x in part:
                n *= sizes[x]
            shape.append(n)
        return t.reshape(shape)

    product = cygrad.bmm(arranged(a, la, batch, rows, inner), arranged(b, lb, batch, inner, cols))
    labels = batch + rows + cols
    return product.reshape([sizes[x] for x in labels]), labels


def einsum(*args):
    """The sum of products that an equation such as "bij,bjk->bik" says (Einstein's convention).

    A label in several operands and not in the output is summed over; `...` stands for dimensions that broadcast;
    without `->` the output has the labels that occur once, in order.  Operands follow the equation, or alternate with
    lists of label numbers.  Contracts from left to right.
    """
    if not args:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand "
                         "and its subscripts list")
    if isinstance(args[0], str):
        operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
        inputs, output = _parse(args[0])
    else:
        operands, inputs, output = _from_sublists(args)
    _check_operands(operands)
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    if len(inputs) != len(operands):
        few = "fewer" if len(inputs) > len(operands) else "more"
        raise RuntimeError(f"einsum(): {few} operands were provided than specified in the equation")
    # Ellipsis dimensions get labels of their own, numbered from the right so that they broadcast.
    ellipsis = 0
    for i, (t, labels) in enumerate(zip(operands, inputs, strict=True)):
        n = t.dim() - (len(labels) - (_ELLIPSIS in labels))
        if n < 0 or (n and _ELLIPSIS not in labels):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels) - (_ELLIPSIS in labels)}) "
                + ("is more than" if n < 0 and _ELLIPSIS in labels else "does not match")
                + f" the number of dimensions ({t.dim()}) for operand {i}"
                + ("" if _ELLIPSIS in labels else " and no ellipsis was given"))
        if _ELLIPSIS in labels:
            at = labels.index(_ELLIPSIS)
            inputs[i] = labels[:at] + list(range(n - 1, -1, -1)) + labels[at + 1:]
            ellipsis = max(ellipsis, n)
    dots = list(range(ellipsis - 1, -1, -1))
    if output is None:
        seen = [x for labels in inputs for x in labels]
        output = dots + sorted(x for x in set(seen) if isinstance(x, str) and seen.count(x) == 1)
    else:
        if _ELLIPSIS in output:
            at = output.index(_ELLIPSIS)
            output = output[:at] + dots + output[at + 1:]
        for x in output:
            if output.count(x) > 1:
                raise RuntimeError(f"einsum(): output subscript {x} appears more than once in the output")
            if isinstance(x, str) and not any(x in labels for labels in inputs):
                raise RuntimeError(f"einsum(): output subscript {x} does not appear in the equation for any input "
                                   "operand")
    sizes = {}
    for i, (t, labels) in enumerate(zip(operands, inputs, strict=True)):
        for x, n in zip(labels, t.shape, strict=True):
            if n != 1 and sizes.setdefault(x, n) != n:
                raise RuntimeError(f"einsum(): subscript {x} has size {n} for operand {i} which does not broadcast "
                                   f"with previously seen size {sizes[x]}")
    pairs = [_diagonalised(t, labels) for t, labels in zip(operands, inputs, strict=True)]
    for chosen in _pairs_in_order(pairs, output):
        taken = [pairs[i] for i in chosen]
        pairs[:] = [p for i, p in enumerate(pairs) if i not in chosen]
        result, labels = taken[0]
        for i, (t, more) in enumerate(taken[1:], 2):
            kept = set(output).union(*(x for _, x in pairs + taken[i:]))
            result, labels = _contract(result, t, labels, more, kept)
        pairs.append((result, labels))
    result, labels = pairs[0]
    alone = [i for i, x in enumerate(labels) if x not in output]
    result = result.permute([labels.index(x) for x in output] + alone)
    if alone:
        result = result.sum(list(range(len(output), len(labels))))
    return result


# ---------------------------------------------------------------- the others


def tensordot(a, b, dims=2, out=None):
    """Contracts the last `dims` dimensions of a with the first of b, or the pairs (dims[0][i], dims[1][i])."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, (list, tuple)):
        of_a, of_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        of_a, of_b = list(range(-dims, 0)), list(range(dims))
    if len(of_a) != len(of_b):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(of_a, of_b, strict=True):
        n, m = a.shape[i], b.shape[j]
        if n != m and n != 1 and m != 1:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {n} in dim {i} and second has "
                               f"size {m} in dim {j}")
        if n != m:                      # a size of 1 is summed with the other's sum
            a, b = (a.sum(i, keepdim=True), b) if m == 1 else (a, b.sum(j, keepdim=True))
    of_a, of_b = [d % a.dim() for d in of_a], [d % b.dim() for d in of_b]
    rest_a = [d for d in range(a.dim()) if d not in of_a]
    rest_b = [d for d in range(b.dim()) if d not in of_b]
    inner = 1
    for d in of_a:
        inner *= a.shape[d]
    shape = [a.shape[d] for d in rest_a] + [b.shape[d] for d in rest_b]
    rows = cols = 1
    for d in rest_a:
        rows *= a.shape[d]
    for d in rest_b:
        cols *= b.shape[d]
    result = cygrad.mm(a.permute(rest_a + of_a).reshape(rows, inner), b.permute(of_b + rest_b).reshape(inner, cols))
    return _deliver(out, result.reshape(shape), "tensordot")


def inner(input, other, *, out=None):
    """The sums of products over the last dimensions of both; of a number, the product."""
    if input.dim() == 0 or other.dim() == 0:
        return _deliver(out, input * other, "inner")
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError("inner() the last dimension must match on both input tensors but got shapes "
                           f"{list(input.shape)} and {list(other.shape)}")
    return tensordot(input, other, [[-1], [-1]], out)


def outer(input, vec2, *, out=None):
    """The products of every element of one vector with every element of another."""
    for t, name in ((input, "self"), (vec2, "vec2")):
        if t.dim() != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.dim()}-D")
    return _deliver(out, input.view(-1, 1) * vec2, "outer")



def kron(input, other, *, out=None):
    """Kronecker's product: every element of input times all of other."""
    n = max(input.dim(), other.dim())
    a = (1,) * (n - input.dim()) + tuple(input.shape)
    b = (1,) * (n - other.dim()) + tuple(other.shape)
    product = (input.reshape([s for x in a for s in (x, 1)]) * other.reshape([s for y in b for s in (1, y)]))
    return _deliver(out, product.reshape([x * y for x, y in zip(a, b, strict=True)]), "kron")


def _best_order(sizes):
    """Where to cut a chain of matrices sizes[i] x sizes[i + 1] at least cost (Cormen et al., 15.2)."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j))
    return cut


def multi_dot(tensors, *, out=None):
    """The product of a chain of matrices in the cheapest order; the first and last may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0].dim() == 1, tensors[-1].dim() == 1
    for i, t in enumerate(tensors):
        ends = i in (0, len(tensors) - 1)
        if t.dim() != 2 and not (ends and t.dim() == 1):
            what = "1D or 2D" if ends else "2D"
            name = "the first tensor" if i == 0 else "the last tensor" if ends else f"tensor {i}"
            raise RuntimeError(f"multi_dot(): {name} must be {what} but got {t.dim()}D")
    for i, t in enumerate(tensors):
        if t.dtype != tensors[0].dtype:
            named = [_core.C_TYPE_NAMES[x.dtype.code] for x in (tensors[0], t)]
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {named[0]} and "
                               f"tensor {i} {named[1]}")
    if first:
        tensors[0] = tensors[0].unsqueeze(0)
    if last:
        tensors[-1] = tensors[-1].unsqueeze(1)
    for i in range(len(tensors) - 1):
        if tensors[i].shape[1] != tensors[i + 1].shape[0]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                               f"{list(tensors[i + 1].shape)} cannot be multiplied")
    cut = _best_order([t.shape[0] for t in tensors] + [tensors[-1].shape[1]])

    def product(i, j):
        if i == j:
            return tensors[i]
        return cygrad.mm(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    result = product(0, len(tensors) - 1)
    if first:
        result = result.squeeze(0)
    if last:
        result = result.squeeze(-1)
    return _deliver(out, result, "linalg_multi_dot")


def chain_matmul(*matrices, out=None):
    """As multi_dot; PyTorch's older name."""
    import warnings

    warnings.warn("torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
                  "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than multiple "
                  "parameters.", UserWarning, stacklevel=2)
    return _deliver(out, matrices[0]) if len(matrices) == 1 else multi_dot(matrices, out=out)


def _argument(name, argument, position, x):
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}")


def _careful(kernel, argument, input, other, out):
    """A product whose arguments are not plainly two tensors and no `out`."""
    _argument(kernel.__name__, "input", 1, input)
    _argument(kernel.__name__, argument, 2, other)
    return _deliver(out, kernel(input, other))


def mm(input, mat2, *, out=None):
    """The matrix product of input (n, m) and mat2 (m, p)."""
    if out is None and isinstance(input, Tensor) and isinstance(mat2, Tensor):
        return _linalg.mm(input, mat2)
    return _careful(_linalg.mm, "mat2", input, mat2, out)


def bmm(input, mat2, *, out=None):
    """The matrix products of input (b, n, m) and mat2 (b, m, p), one per batch entry."""
    if out is None and isinstance(input, Tensor) and isinstance(mat2, Tensor):
        return _linalg.bmm(input, mat2)
    return _careful(_linalg.bmm, "mat2", input, mat2, out)


def mv(input, vec, *, out=None):
    """The product of a matrix (n, m) and a vector (m)."""
    if out is None and isinstance(input, Tensor) and isinstance(vec, Tensor):
        return _linalg.mv(input, vec)
    return _careful(_linalg.mv, "vec", input, vec, out)


def dot(input, tensor, *, out=None):
    """The sum of the products of two vectors of one length."""
    return _careful(_linalg.dot, "tensor", input, tensor, out)


def vdot(input, other, *, out=None):
    """As dot, with the conjugate of the first vector: the same for real numbers."""
    return _careful(_linalg.vdot, "other", input, other, out)


def matmul(input, other, *, out=None):
    """The product of vectors, matrices or batches of matrices; batch dimensions broadcast."""
    if out is None and isinstance(input, Tensor) and isinstance(other, Tensor):
        return _linalg.matmul(input, other)
    return _careful(_linalg.matmul, "other", input, other, out)


def _scaled_in_place(name):
    function = globals()[name]

    def method(self, a, b, *, beta=1, alpha=1):
        result = function(self, a, b, beta=beta, alpha=alpha)
        if result.shape != self.shape:
            raise RuntimeError(f"Bad in-place call: input tensor size {list(self.shape)} and output tensor size "
                               f"{list(result.shape)} should match")
        return self.copy_(result)

    method.__name__ = name + "_"
    method.__doc__ = f"`{name}` in place."
    method.__signature__ = _named(method, *list(inspect.signature(function).parameters)[1:3])
    return method


def _scaled(name, first, second):
    """The public function of beta * input + alpha * product."""
    kernel = getattr(_linalg, name)

    def function(input, a, b, *, beta=1, alpha=1, out=None):
        for i, (x, argument) in enumerate(((input, "input"), (a, first), (b, second))):
            _argument(name, argument, i + 1, x)
        if isinstance(alpha, complex):  # the kernels scale by real numbers
            a, alpha = a * alpha, 1
        if isinstance(beta, complex):
            input, beta = (input * beta, 1) if beta else (input, 0)
        result = kernel(input, a, b, beta, alpha)
        return result if out is None else _deliver(out, result)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = kernel.__doc__
    function.__signature__ = _named(function, first, second)
    return function


def _named(function, first, second):
    """The signature with PyTorch's names for `a` and `b`."""
    names = {"a": first, "b": second}
    shown = inspect.signature(function)
    return shown.replace(parameters=[p.replace(name=names.get(p.name, p.name)) for p in shown.parameters.values()])


addmm = _scaled("addmm", "mat1", "mat2")
addmv = _scaled("addmv", "mat", "vec")
addbmm = _scaled("addbmm", "batch1", "batch2")
baddbmm = _scaled("baddbmm", "batch1", "batch2")


def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2)."""
    for t, name in ((vec1, "vec1"), (vec2, "vec2")):
        if t.dim() != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {t.dim()}-D")
    shape = (vec1.numel(), vec2.numel())
    product = vec1.unsqueeze(1) * vec2
    dtype = cygrad.result_type(input, product)
    for scale, name in ((alpha, "alpha"), (beta, "beta")):
        if isinstance(scale, bool) and dtype != cygrad.bool:
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
        if isinstance(scale, float) and not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    if dtype == cygrad.bool:
        alpha, beta = bool(alpha), bool(beta)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return _deliver(out, product, "addr")
    input = input.expand(shape)
    return _deliver(out, (input if beta == 1 else input * beta) + product, "addr")


_BOTH = (mm, bmm, mv, dot, vdot, matmul, addmm, addmv, addbmm, baddbmm, addr, outer, inner, kron)
def _unfused_linear(node, edges):
    """The edges of PyTorch's graph of `linear`: the weight transposed, the input made a matrix."""
    *bias, x, weight = edges
    transposed = shown_node("TBackward0", [weight])
    name = node.name()
    if name in ("AddmmBackward0", "MmBackward0"):
        return (*bias, x, transposed)
    rows = shown_node("UnsqueezeBackward0" if name == "SqueezeBackward4" else "ViewBackward0", [x])
    if name == "ViewBackward0":
        return (shown_node("AddmmBackward0", [*bias, rows, transposed]),)
    return (shown_node("MmBackward0", [rows, transposed]),)


def _saved_of_linear(name, saved):
    return saved.t() if name == "_saved_mat2" else saved


for _backward in (_linalg._linear_backward, _linalg._linear_without_bias_backward):
    shown_edges[_backward] = _unfused_linear
    shown_saved[_backward] = _saved_of_linear


FUNCTIONS = {f.__name__: f for f in (*_BOTH, tensordot, einsum, chain_matmul)} | {"ger": outer}
METHODS = {f.__name__: f for f in _BOTH} | {
    name + "_": _scaled_in_place(name) for name in ("addmm", "addmv", "addbmm", "baddbmm", "addr")
} | {"ger": outer, "__matmul__": _linalg.operator_matmul, "__rmatmul__": _linalg.operator_rmatmul}
