"""Sparse tensors: COO, with dense dimensions, and CSR.

A `SparseTensor` is a Tensor subclass that holds the indices and values of its elements.  What it has as a method here
works as a method, as an operator and as a function (`__torch_function__` finds it by name); all else refuses.
To kernels for strided tensors it lies on a device of which they know nothing.  History belongs to the values: what is
done with a sparse tensor is done with them, by operators that differentiate any number of times.
"""

import cygrad
from cygrad import _core, _dispatch
from cygrad._tensor_str import _contents, _has_default_dtype, _with_suffixes
from cygrad._utils import _rebuild_sparse_tensor

Tensor = cygrad.Tensor
_ABOUT = frozenset(  # what is asked of the tensor itself, whatever holds its elements
    """shape size dim ndim ndimension numel nelement dtype device is_floating_point is_complex is_signed element_size
    itemsize is_cuda is_cpu is_meta get_device __len__ __hash__ stride storage_offset _version is_inference""".split()
)
# f(0) = 0, so that they act on the values alone.
_ZERO_TO_ZERO = """abs absolute asin asinh arcsin arcsinh atan atanh arctan arctanh ceil conj_physical deg2rad erf
    erfinv expm1 floor frac isinf isnan log1p neg negative positive rad2deg relu round sgn sign signbit sin sinh sqrt
    square tan tanh trunc nan_to_num""".split()


def refusal(name):
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend. cygrad does not have it for sparse "
        "tensors; to_dense() gives a strided one"
    )


def is_sparse(x):
    return isinstance(x, SparseTensor)


def _flat(indices, sizes):
    """The place of each column of indices in the row-major order of `sizes`."""
    flat = cygrad.zeros(indices.shape[1], dtype=cygrad.int64)
    for row, size in zip(indices, sizes):
        flat = flat * size + row
    return flat


def _unflat(flat, sizes):
    """The indices of places in row-major order."""
    rows = []
    for size in reversed(sizes):
        rows.append(flat % size)
        flat = flat // size
    return cygrad.stack(rows[::-1]) if rows else cygrad.zeros(0, len(flat), dtype=cygrad.int64)


def _spread(values, like):
    """A vector with dimensions of size one for the dense dimensions of `like`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


class SparseTensor(Tensor):
    """A tensor of which `indices` (sparse_dim x nnz, int64) and `values` (nnz x dense sizes) are stored; others are 0.

    Places that occur twice count with their sum; `coalesce()` adds them up and sorts.
    """

    is_sparse = True
    layout = cygrad.sparse_coo

    @staticmethod
    def _make(indices, values, size, coalesced=False, cls=None):
        self = _core.shell(cls or SparseTensor, tuple(size), values.dtype)
        self._i, self._v, self._ordered = indices, values, coalesced
        return self

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        owner = getattr(func, "__self__", None)
        name = (
            owner.__name__
            if func.__name__ in ("__get__", "__set__") and owner is not None
            else func.__name__
        )
        with _dispatch.DisableTorchFunctionSubclass():
            if name in _ABOUT:
                return func(*args, **(kwargs or {}))
            own = next(
                (
                    c.__dict__[name]
                    for c in cls.__mro__
                    if name in c.__dict__ and issubclass(c, SparseTensor)
                ),
                None,
            )
            if own is None and owner is None and name.endswith("_") and not name.endswith("__"):
                raise refusal(name)
        if own is None:
            raise refusal(name)
        if isinstance(own, property):
            return own.fget(*args) if func.__name__ == "__get__" else own.fset(*args)
        return own(*args, **(kwargs or {}))

    # ---- what it is made of

    def _indices(self):
        return self._i

    def _values(self):
        return self._v

    def indices(self):
        """The indices of a coalesced tensor, sparse_dim x nnz."""
        if not self._ordered:
            raise RuntimeError(
                "Cannot get indices on an uncoalesced tensor, please call .coalesce() first"
            )
        return self._i

    def values(self):
        """The values of a coalesced tensor, nnz first."""
        if not self._ordered:
            raise RuntimeError(
                "Cannot get values on an uncoalesced tensor, please call .coalesce() first"
            )
        return self._v

    def is_coalesced(self):
        return self._ordered

    def _nnz(self):
        return self._v.shape[0]

    def sparse_dim(self):
        return self._i.shape[0]

    def dense_dim(self):
        return self._v.dim() - 1

    def _like(self, values, coalesced=None):
        """A tensor of the same indices with other values."""
        return SparseTensor._make(
            self._i, values, self.shape, self._ordered if coalesced is None else coalesced
        )

    def _sparse_sizes(self):
        return tuple(self.shape[: self._i.shape[0]])

    def coalesce(self):
        """This tensor with its indices sorted and each place once."""
        if self._ordered:
            return self
        sizes = self._sparse_sizes()
        flat, inverse = cygrad.unique(_flat(self._i, sizes), return_inverse=True)
        summed = self._v.new_zeros((len(flat), *self._v.shape[1:])).index_add(0, inverse, self._v)
        return SparseTensor._make(_unflat(flat, sizes), summed, self.shape, True)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The strided tensor."""
        sizes, flat, shape = self._sparse_sizes(), _flat(self._i, self._sparse_sizes()), self.shape
        dense = self._v.shape[1:]
        with cygrad.no_grad():
            rows = cygrad.Size(sizes).numel()
            out = self._v.new_zeros((rows, *dense)).index_add(0, flat, self._v).reshape(shape)

        def backward(node, g):
            return g.reshape(rows, *dense).index_select(0, flat)

        out = _core.record(out, "ToDenseBackward0", (self._v,), backward)
        return out if dtype is None else out.to(dtype)

    # ---- autograd: all of it is the values'

    @property
    def requires_grad(self):
        return self._v.requires_grad

    @requires_grad.setter
    def requires_grad(self, value):
        self._v.requires_grad = value

    def requires_grad_(self, requires_grad=True):
        self._v.requires_grad_(requires_grad)
        return self

    @property
    def grad_fn(self):
        return self._v.grad_fn

    @property
    def is_leaf(self):
        return self._v.is_leaf

    @property
    def grad(self):
        return None if self._v.grad is None else self._like(self._v.grad)

    @grad.setter
    def grad(self, value):
        self._v.grad = None if value is None else value._v

    def retain_grad(self):
        self._v.retain_grad()

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        given = gradient.coalesce()._v if is_sparse(gradient) else gradient
        self._v.backward(given, retain_graph, create_graph, inputs)

    def detach(self):
        return self._like(self._v.detach())

    @property
    def data(self):
        return self.detach()

    def detach_(self):
        self._v = self._v.detach()
        return self

    # ---- copies and conversions

    def clone(self, *, memory_format=None):
        return SparseTensor._make(self._i.clone(), self._v.clone(), self.shape, self._ordered)

    def to(self, *args, **kwargs):
        values = self._v.to(*args, **kwargs)
        return self if values is self._v else self._like(values)

    def cpu(self):
        return self

    def contiguous(self, memory_format=None):
        return self

    def is_contiguous(self, memory_format=None):
        return True

    def numpy(self, *, force=False):
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    __array__ = numpy

    def tolist(self):
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def untyped_storage(self):
        raise NotImplementedError("Cannot access storage of SparseTensorImpl")

    data_ptr = storage = untyped_storage

    def item(self):
        return self.to_dense().item()

    def zero_(self):
        self._i, self._v, self._ordered = self._i[:, :0], self._v.detach()[:0], True
        return self

    def copy_(self, src, non_blocking=False):
        if not is_sparse(src):
            raise RuntimeError(
                "copy_() between dense and sparse Tensors is not implemented! Found self type = "
                f"torch.sparse.{_type(self)} and src type = torch.{_type(src)}"
            )
        self._i, self._v, self._ordered = (
            src._i.clone(),
            src._v.to(self.dtype).clone(),
            src._ordered,
        )
        return self

    def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
        if layout is cygrad.sparse_csr:
            return self.to_sparse_csr()
        return self

    to_sparse_coo = to_sparse

    def to_sparse_csr(self, dense_dim=None):
        """The matrix with compressed rows."""
        if self.dim() != 2 or self.dense_dim():
            raise RuntimeError("cygrad has CSR tensors of matrices of numbers alone")
        c = self.coalesce()
        counts = cygrad.bincount(c._i[0], minlength=self.shape[0])
        crow = cygrad.cat([counts.new_zeros(1), counts.cumsum(0)])
        return SparseCsrTensor._of(crow, c._i[1], c._v, self.shape)

    def __reduce_ex__(self, protocol):
        args = (self._i, self._v, self.shape, self._ordered)
        return _rebuild_sparse_tensor, (self.layout, args)

    def __deepcopy__(self, memo):
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol "
                "at the moment."
            )
        memo[id(self)] = copy = self.detach().clone().requires_grad_(self.requires_grad)
        return copy

    # ---- elementwise

    def _with(self, other, alpha=1):
        """self + alpha * other, both sparse; not added up yet unless both are coalesced."""
        if self.shape != other.shape:
            raise RuntimeError(
                f"add: expected sizes of 'self' and 'other' to match, but {list(self.shape)} != "
                f"{list(other.shape)}"
            )
        if self.sparse_dim() != other.sparse_dim():
            raise RuntimeError(
                "add: expected 'self' and 'other' to have same number of sparse dimensions, but "
                f"{self.sparse_dim()} != {other.sparse_dim()}"
            )
        dtype = cygrad.result_type(self._v, other._v)
        if self._i is other._i:
            return self._like(self._v + alpha * other._v)
        values = [self._v.to(dtype), (other._v if alpha == 1 else other._v * alpha).to(dtype)]
        both = SparseTensor._make(
            cygrad.cat([self._i, other._i], 1), cygrad.cat(values), self.shape
        )
        return both.coalesce() if self._ordered and other._ordered else both

    def add(self, other, *, alpha=1):
        if is_sparse(self):
            if not is_sparse(other):
                raise RuntimeError(
                    "add(sparse, dense) is not supported. Use add(dense, sparse) instead."
                )
            return self._with(other, alpha)
        flat = _flat(other._i, other._sparse_sizes())
        sizes, dense = other._sparse_sizes(), other._v.shape[1:]
        base = cygrad.broadcast_to(self, other.shape).reshape(cygrad.Size(sizes).numel(), *dense)
        return base.index_add(0, flat, other._v.to(self.dtype), alpha=alpha).reshape(other.shape)

    def add_(self, other, *, alpha=1):
        if is_sparse(self):
            sum_ = SparseTensor.add(self, other, alpha=alpha)
            self._i, self._v, self._ordered = sum_._i, sum_._v, sum_._ordered
            return self
        if self.shape != other.shape:
            raise RuntimeError(
                f"add: Expected 'self' to have the same size as 'other', but self has size {list(self.shape)} "
                f"while other has size {list(other.shape)} (FYI: op2-sparse addition does not currently "
                "support broadcasting)"
            )
        rows = tuple(other._i)
        return self.index_put_(rows, (other._v * alpha).to(self.dtype), accumulate=True)

    def sub(self, other, *, alpha=1):
        return SparseTensor.add(self, other, alpha=-alpha)

    def sub_(self, other, *, alpha=1):
        return SparseTensor.add_(self, other, alpha=-alpha)

    def mul(self, other):
        if not is_sparse(self):
            return SparseTensor.mul(other, self)
        if not isinstance(other, Tensor) or not is_sparse(other) and other.dim() == 0:
            return self._like(self._v * other)
        if is_sparse(other):
            a, b = self.coalesce(), other.coalesce()
            if a.shape != b.shape:
                raise RuntimeError(
                    f"mul operands have incompatible sizes: {list(a.shape)} vs {list(b.shape)}"
                )
            sizes = a._sparse_sizes()
            first, second = _flat(a._i, sizes), _flat(b._i, sizes)
            kept = cygrad.isin(first, second)
            at = cygrad.searchsorted(second, first[kept])
            return SparseTensor._make(a._i[:, kept], a._v[kept] * b._v[at], a.shape, True)
        dense = cygrad.broadcast_to(other, self.shape)
        return self._like(self._v * dense[tuple(self._i)])

    multiply = mul

    def mul_(self, other):
        product = SparseTensor.mul(self, other)
        self._i, self._v, self._ordered = product._i, product._v, product._ordered
        return self

    def div(self, other, *, rounding_mode=None):
        if is_sparse(other) or isinstance(other, Tensor) and other.dim():
            raise RuntimeError(
                "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
                f"{list(other.shape)} for divisor)"
            )
        c = self.coalesce() if rounding_mode else self
        return c._like(cygrad.div(c._v, other, rounding_mode=rounding_mode))

    divide = true_divide = div

    def div_(self, other):
        self._v = self._v / other
        return self

    def pow(self, exponent):
        if isinstance(exponent, Tensor) or exponent == 0:
            raise RuntimeError("pow: the exponent of a sparse tensor must be a number other than 0")
        c = self.coalesce()
        return c._like(c._v**exponent)

    def any(self):
        return self._v.any()

    # ---- shapes

    def transpose(self, dim0, dim1):
        order = list(range(self.dim()))
        d0, d1 = dim0 % self.dim(), dim1 % self.dim()
        order[d0], order[d1] = order[d1], order[d0]
        return self.permute(order)

    def permute(self, *dims):
        dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        order, sparse = [d % self.dim() for d in dims], self.sparse_dim()
        if any((d < sparse) != (i < sparse) for i, d in enumerate(order)):
            raise RuntimeError("transpose: can not transpose a sparse with a dense dimension")
        shape = [self.shape[d] for d in order]
        values = self._v.permute(0, *[d - sparse + 1 for d in order[sparse:]])
        return SparseTensor._make(self._i[order[:sparse]], values, shape)

    def t(self):
        if self.dim() > 2:
            raise RuntimeError(
                f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {self.sparse_dim()} "
                f"sparse and {self.dense_dim()} dense dimensions"
            )
        return self.transpose(0, 1) if self.dim() == 2 else self

    T = property(t)

    def unsqueeze(self, dim):
        d = dim % (self.dim() + 1)
        if d > self.sparse_dim():
            raise refusal("unsqueeze")
        row = cygrad.zeros(1, self._nnz(), dtype=cygrad.int64)
        shape = [*self.shape[:d], 1, *self.shape[d:]]
        return SparseTensor._make(
            cygrad.cat([self._i[:d], row, self._i[d:]]), self._v, shape, self._ordered
        )

    def index_select(self, dim, index):
        d = dim % self.dim()
        if d >= self.sparse_dim():
            return SparseTensor._make(
                self._i,
                self._v.index_select(d - self.sparse_dim() + 1, index),
                [*self.shape[:d], len(index), *self.shape[d + 1 :]],
                self._ordered,
            )
        place, element = (index.unsqueeze(1) == self._i[d]).nonzero(as_tuple=True)
        indices = self._i[:, element]
        indices[d] = place
        shape = [*self.shape[:d], len(index), *self.shape[d + 1 :]]
        return SparseTensor._make(indices, self._v[element], shape, self._ordered and d == 0)

    def select(self, dim, index):
        d, n = dim % self.dim(), self.shape[dim]
        if not -n <= index < n:
            raise IndexError(
                f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {d}"
            )
        shape = [*self.shape[:d], *self.shape[d + 1 :]]
        if d >= self.sparse_dim():
            return SparseTensor._make(
                self._i, self._v.select(d - self.sparse_dim() + 1, index), shape, self._ordered
            )
        kept = self._i[d] == index % n
        indices = cygrad.cat([self._i[:d], self._i[d + 1 :]])[:, kept]
        if not len(indices):
            return self._v[kept].sum(0)
        return SparseTensor._make(indices, self._v[kept], shape, self._ordered)

    def __getitem__(self, index):
        result = self
        for i in index if isinstance(index, tuple) else (index,):
            if isinstance(i, bool) or not hasattr(i, "__index__"):
                raise refusal("index")
            result = result.select(0, i.__index__())
        return result

    def __iter__(self):
        return iter([self.select(0, i) for i in range(self.shape[0])])

    # ---- sums and products

    def sum(self, dim=None, keepdim=False, *, dtype=None):
        if dim is None:
            return self._v.sum(dtype=dtype)
        return sum_sparse(self, dim, dtype)

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        if dim is not None:
            raise RuntimeError("norm_sparse currently does not support 'dim'")
        return self.coalesce()._v.norm(p)

    def mm(self, mat2):
        return multiply_matrices(self, mat2)

    def matmul(self, other):
        if other.dim() == 1 and not is_sparse(other):
            return SparseTensor.mv(self, other)
        return multiply_matrices(self, other)

    def mv(self, vec):
        return multiply_matrices(self, vec.unsqueeze(1)).squeeze(1)

    def addmm(self, mat1, mat2, *, beta=1, alpha=1):
        product = multiply_matrices(mat1, mat2)
        if is_sparse(self) or is_sparse(product):
            return SparseTensor.add(self * beta, product * alpha)
        return beta * self + alpha * product

    def smm(self, mat):
        return multiply_matrices(self, mat).to_sparse()

    spmm = hspmm = mm

    def linear(self, weight, bias=None):
        out = multiply_matrices(self, weight.t())
        return out if bias is None else out + bias

    def cat(tensors, dim=0):
        first = tensors[0]
        d, parts, shift = dim % first.dim(), [], 0
        if d >= first.sparse_dim():
            raise refusal("cat")
        for t in tensors:
            indices = t._i.clone()
            indices[d] += shift
            shift += t.shape[d]
            parts.append(indices)
        shape = [*first.shape[:d], shift, *first.shape[d + 1 :]]
        return SparseTensor._make(cygrad.cat(parts, 1), cygrad.cat([t._v for t in tensors]), shape)

    def stack(tensors, dim=0):
        return SparseTensor.cat([t.unsqueeze(dim) for t in tensors], dim)

    # ---- text

    def _parts(self):
        return {"indices": self._i, "values": self._v}

    def __repr__(self, *, tensor_contents=None):
        parts = []
        for name, part in self._parts().items():
            opening = f"{'tensor(' if not parts else ' ' * 7}{name}=tensor("
            shape = f", size={tuple(part.shape)}" if not part.numel() and part.shape != (0,) else ""
            if part.shape == (0,):
                shape = ", size=(0,)"
            contents = _contents(part.detach(), len(opening)) if part.numel() else "[]"
            parts.append(f"{opening}{contents}{shape})")
        suffixes = [f"size={tuple(self.shape)}", f"nnz={self._nnz()}"]
        if not _has_default_dtype(self._v):
            suffixes.append(f"dtype={self.dtype}")
        suffixes.append(f"layout={self.layout}")
        if self.grad_fn is not None:
            suffixes.append(f"grad_fn=<{type(self.grad_fn).__name__}>")
        elif self.requires_grad:
            suffixes.append("requires_grad=True")
        return _with_suffixes(
            "", ",\n".join(parts), suffixes, ")", 7, self.layout is cygrad.sparse_coo
        )

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)


def _elementwise_method(name):
    def method(self, *args, **kwargs):
        c = self.coalesce()
        return c._like(getattr(cygrad, name)(c._v, *args, **kwargs))

    method.__name__ = method.__qualname__ = name
    return method


def _conversion(name):
    def method(self):
        return self._like(getattr(self._v, name)())

    method.__name__ = method.__qualname__ = name
    return method


for _name in _ZERO_TO_ZERO:
    setattr(SparseTensor, _name, _elementwise_method(_name))
for _name in "bool byte char short int long half bfloat16 float double".split():
    setattr(SparseTensor, _name, _conversion(_name))


class SparseCsrTensor(SparseTensor):
    """A sparse matrix with compressed rows: `crow_indices` says where in `col_indices` and `values` each row begins."""

    is_sparse = False
    is_sparse_csr = True
    layout = cygrad.sparse_csr

    @staticmethod
    def _of(crow, col, values, size, later=None):
        """`later`: a list for the function that finds the rows, where the memory of `crow` is not filled yet."""

        def places():
            rows = cygrad.repeat_interleave(
                cygrad.arange(len(crow) - 1), crow.diff().to(cygrad.int64)
            )
            return cygrad.stack([rows, col.to(cygrad.int64)])

        if later is None:
            indices = places()
        else:
            indices = cygrad.zeros(2, len(col), dtype=cygrad.int64)
            later.append(lambda: indices.copy_(places()))
        self = SparseTensor._make(indices, values, size, True, SparseCsrTensor)
        self._crow, self._col = crow, col
        return self

    def crow_indices(self):
        return self._crow

    def col_indices(self):
        return self._col

    def indices(self):
        raise RuntimeError("indices expected sparse coordinate tensor layout but got SparseCsr")

    def _like(self, values, coalesced=None):
        return SparseCsrTensor._of(self._crow, self._col, values, self.shape)

    def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
        if layout is cygrad.sparse_csr:
            return self
        return SparseTensor._make(self._i, self._v, self.shape, True)

    to_sparse_coo = to_sparse

    def to_sparse_csr(self, dense_dim=None):
        return self

    def coalesce(self):
        return self

    def __reduce_ex__(self, protocol):
        return _rebuild_sparse_tensor, (self.layout, (self._crow, self._col, self._v, self.shape))

    def _parts(self):
        return {"crow_indices": self._crow, "col_indices": self._col, "values": self._v}


# ------------------------------------------------------------------ functions


def _type(t):
    return _core.type_name(t).rpartition(".")[2]


def multiply_matrices(a, b):
    """a @ b of matrices of which one at least is sparse: strided, or sparse where both are."""
    for m in (a, b):
        if m.dim() != 2 or is_sparse(m) and m.dense_dim():
            raise RuntimeError(
                f"mm: expected matrices, got tensors of {a.dim()} and {b.dim()} dimensions"
            )
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
            f"{b.shape[0]}x{b.shape[1]})"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}"
        )
    if not is_sparse(a):
        return multiply_matrices(b.t(), a.t()).t() if is_sparse(b) else cygrad.mm(a, b)
    (rows, cols), v, shape = a._i, a._v, (a.shape[0], b.shape[1])
    if is_sparse(b):
        return _multiply_sparse(a, b)

    def backward(node, g):
        v, b = node.saved()
        dv = (g.index_select(0, rows) * b.index_select(0, cols)).sum(1) if node.needs(0) else None
        db = (
            b.new_zeros(b.shape).index_add(0, cols, v.unsqueeze(1) * g.index_select(0, rows))
            if node.needs(1)
            else None
        )
        return dv, db

    with cygrad.no_grad():
        out = v.new_zeros(shape).index_add(0, rows, v.unsqueeze(1) * b.index_select(0, cols))
    return _core.record(out, "SparseAddmmBackward0", (v, b), backward, (v, b))


def _multiply_sparse(a, b):
    """Each element (i, k) of `a` meets the elements of row k of `b`, which lie together once `b` is coalesced."""
    a, b = a.coalesce(), b.coalesce()
    counts = cygrad.bincount(b._i[0], minlength=b.shape[0])
    starts = counts.cumsum(0) - counts
    meets = counts[a._i[1]]
    first = cygrad.repeat_interleave(cygrad.arange(len(meets)), meets)
    begins = meets.cumsum(0) - meets
    second = cygrad.arange(len(first)) - begins[first] + starts[a._i[1]][first]
    indices = cygrad.stack([a._i[0][first], b._i[1][second]])
    return SparseTensor._make(
        indices, a._v[first] * b._v[second], (a.shape[0], b.shape[1])
    ).coalesce()


def sum_sparse(input, dim=None, dtype=None):
    """The sum of all elements, or over some dimensions: sparse as long as a sparse dimension is left."""
    if not is_sparse(input):
        raise refusal("_sparse_sum")
    values = input._v if dtype is None else input._v.to(dtype)
    if dim is None:
        return values.sum()
    sparse = input.sparse_dim()
    dims = {d % input.dim() for d in ([dim] if isinstance(dim, int) else dim)}
    dense = [d - sparse + 1 for d in dims if d >= sparse]
    if dense:
        values = values.sum(dense)
    left = [d for d in range(sparse) if d not in dims]
    if not left:
        return values.sum(0)
    shape = [n for d, n in enumerate(input.shape) if d not in dims]
    return SparseTensor._make(input._i[left], values, shape).coalesce()


def softmax(input, dim, *, dtype=None, log=False):
    """Softmax over the stored elements along `dim`; the others count as minus infinity."""
    c = input.coalesce() if dtype is None else input.coalesce().to(dtype)
    d = dim % c.dim()
    if d >= c.sparse_dim():
        f = cygrad.log_softmax if log else cygrad.softmax
        return c._like(f(c._v, d - c.sparse_dim() + 1))
    others = [k for k in range(c.sparse_dim()) if k != d]
    groups, group = cygrad.unique(
        _flat(c._i[others], [c.shape[k] for k in others]), return_inverse=True
    )
    shape = (len(groups), *c._v.shape[1:])
    top = c._v.new_full(shape, -cygrad.inf).index_reduce(0, group, c._v.detach(), "amax")
    shifted = c._v - top[group]
    total = c._v.new_zeros(shape).index_add(0, group, shifted.exp())[group]
    return c._like(shifted - total.log() if log else shifted.exp() / total)
