"""Texts on the functions that tutorials use most, with examples that the tests run.  Each begins with `== names`;
a method of the same name has the same text.
"""

_ALL = '''
== tensor
A new tensor with a copy of the data.

data: numbers, nested sequences of equal lengths, an array or a tensor
dtype: default: float32 (the default dtype) for floats, int64 for integers, bool, or the array's own
Returns a leaf of the graph. Raises ValueError for sequences of unequal lengths, TypeError for what are no numbers.

>>> torch.tensor([[1, 2], [3, 4]])
tensor([[1, 2],
        [3, 4]])
>>> torch.tensor(0.5, dtype=torch.float64)
tensor(0.5000, dtype=torch.float64)

== zeros
A tensor of zeros.

size: the sizes, as numbers or in a tuple
Returns a tensor of the default dtype unless another is given.

>>> torch.zeros(2, 3)
tensor([[0., 0., 0.],
        [0., 0., 0.]])

== ones
A tensor of ones.

size: the sizes, as numbers or in a tuple
Returns a tensor of the default dtype unless another is given.

>>> torch.ones(2, dtype=torch.int64)
tensor([1, 1])

== full
A tensor whose elements are all one value.

size: the sizes, in a tuple
fill_value: the value; it says the dtype too, where none is given
Returns a new tensor.

>>> torch.full((2, 2), 7)
tensor([[7, 7],
        [7, 7]])

== empty
A tensor whose elements are whatever lies in its memory: to be written before it is read.

size: the sizes, as numbers or in a tuple
Returns a tensor of the default dtype unless another is given.

>>> torch.empty(2, 0, 3).shape
torch.Size([2, 0, 3])

== arange
Numbers from start (default: 0) up to end, which is left out, by step (default: 1).

start, end, step: numbers; where all are integers the dtype is int64, else the default dtype
Returns a tensor of one dimension. Raises RuntimeError where step is 0 or leads away from end.

>>> torch.arange(4)
tensor([0, 1, 2, 3])
>>> torch.arange(1, 2, 0.5)
tensor([1.0000, 1.5000])

== linspace
Equally spaced numbers from start to end, both among them.

start, end: numbers, or tensors without dimensions
steps: how many
Returns a tensor of one dimension.

>>> torch.linspace(0, 1, 5)
tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])

== eye
A matrix with ones on the diagonal and zeros elsewhere.

n: rows
m: columns; default: as many as rows
Returns a tensor of shape (n, m).

>>> torch.eye(2)
tensor([[1., 0.],
        [0., 1.]])

== rand
Numbers drawn evenly from 0 up to 1, which is left out.

size: the sizes, as numbers or in a tuple
Returns a tensor of the default dtype. After `manual_seed` the numbers are PyTorch's.

>>> _ = torch.manual_seed(1729)
>>> torch.rand(2)
tensor([0.3126, 0.3791])

== randn
Numbers of the standard normal distribution.

size: the sizes, as numbers or in a tuple
Returns a tensor of the default dtype. After `manual_seed` the numbers are PyTorch's.

>>> torch.randn(2, 3).shape
torch.Size([2, 3])

== randint
Integers drawn evenly from low (default: 0) up to high, which is left out.

low, high: integers
size: the sizes, in a tuple
Returns a tensor of int64. Raises RuntimeError unless low < high.

>>> x = torch.randint(3, 6, (100,))
>>> x.min() >= 3, x.max() <= 5
(tensor(True), tensor(True))

== randperm
The integers from 0 up to n in an order by chance.

n: how many
Returns a tensor of int64.

>>> torch.randperm(4).sort().values
tensor([0, 1, 2, 3])

== manual_seed
Begins the default random numbers of all devices anew.

seed: an integer
Returns the CPU's `Generator`.

>>> _ = torch.manual_seed(0)
>>> a = torch.rand(1)
>>> _ = torch.manual_seed(0)
>>> torch.equal(a, torch.rand(1))
True

== cat concat concatenate
Joins tensors along a dimension that they have.

tensors: a sequence of tensors, whose sizes are equal but in `dim`; their dtypes are promoted
dim: the dimension
Returns a new tensor, whose size in `dim` is the sum. Raises RuntimeError where other sizes differ.

>>> torch.cat([torch.tensor([1, 2]), torch.tensor([3])])
tensor([1, 2, 3])

== stack
Joins tensors along a new dimension.

tensors: a sequence of tensors of one shape
dim: where the new dimension stands
Returns a new tensor. Raises RuntimeError where shapes differ or there are no tensors.

>>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
tensor([[1, 3],
        [2, 4]])

== split
Cuts a tensor into parts along a dimension; the parts are views.

split_size_or_sections: the size of each part (the last may be smaller), or a list of sizes
Returns a tuple of tensors. Raises RuntimeError where a list does not add up to the size.

>>> torch.arange(5).split(2)
(tensor([0, 1]), tensor([2, 3]), tensor([4]))

== chunk
Cuts a tensor into a number of parts of nearly equal size, which are views; there may be fewer.

Returns a tuple of tensors.

>>> torch.arange(5).chunk(2)
(tensor([0, 1, 2]), tensor([3, 4]))

== reshape
The same elements in another shape: a view where memory allows it, else a copy.

shape: the new sizes; one of them may be -1, and is found out
Returns a tensor. Raises RuntimeError where the numbers of elements differ.

>>> torch.arange(6).reshape(2, -1)
tensor([[0, 1, 2],
        [3, 4, 5]])

== view
The same elements in another shape, or the same bytes as another dtype, without a copy.

shape: the new sizes; one of them may be -1, and is found out
dtype: the dtype to read the bytes as
Returns a view. Raises RuntimeError where that takes a copy: use `reshape`.

>>> torch.arange(4).view(2, 2)
tensor([[0, 1],
        [2, 3]])

== flatten
Joins dimensions into one.

Returns a view where memory allows it, else a copy.

>>> torch.zeros(2, 3, 4).flatten(1).shape
torch.Size([2, 12])

== squeeze
Leaves out dimensions of size 1: all, or those of `dim`.

Returns a view.

>>> torch.zeros(1, 3, 1).squeeze().shape
torch.Size([3])

== unsqueeze
Adds a dimension of size 1.

dim: where it stands in the result
Returns a view.

>>> torch.arange(3).unsqueeze(1).shape
torch.Size([3, 1])

== transpose
Exchanges two dimensions.

Returns a view.

>>> torch.zeros(2, 3).transpose(0, 1).shape
torch.Size([3, 2])

== permute
Puts the dimensions in another order.

dims: each dimension once
Returns a view.

>>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
torch.Size([4, 2, 3])

== expand
Repeats dimensions of size 1 without a copy; new ones may stand first.

Returns a view, whose elements share memory: not to be written into. -1 keeps a size.

>>> torch.tensor([[1], [2]]).expand(-1, 3)
tensor([[1, 1, 1],
        [2, 2, 2]])

== sum
The sum of all elements, or over dimensions. float32 is added up in double precision.

dim: a dimension or a tuple of them; default: all
Returns a tensor without `dim`; integers and bool give int64.

>>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
>>> x.sum()
tensor(10.)
>>> x.sum(dim=1, keepdim=True)
tensor([[3.],
        [7.]])

== mean
The mean of all elements, or over dimensions.

dim: a dimension or a tuple of them; default: all
Returns a tensor without `dim`. Raises RuntimeError for integers: give dtype=.

>>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(dim=0)
tensor([2., 3.])

== std
The standard deviation of all elements, or over dimensions.

dim: a dimension or a tuple of them; default: all
Returns a tensor without `dim`.

>>> torch.tensor([1.0, 2.0, 3.0]).std()
tensor(1.)

== var
The variance of all elements, or over dimensions.

dim: a dimension or a tuple of them; default: all
Returns a tensor without `dim`.

>>> torch.tensor([1.0, 2.0, 3.0]).var(correction=0)
tensor(0.6667)

== max
The greatest element; with a dimension the greatest along it and its index; with a second tensor `maximum`.

dim: a dimension
other: a second tensor
Returns a tensor, or (values, indices) where dim is given. Raises where there are no elements.

>>> x = torch.tensor([[1, 5], [7, 2]])
>>> x.max()
tensor(7)
>>> x.max(dim=1).indices
tensor([1, 0])

== min
The least element; with a dimension the least along it and its index; with a second tensor `minimum`.

dim: a dimension
other: a second tensor
Returns a tensor, or (values, indices) where dim is given. Raises where there are no elements.

>>> torch.tensor([[1, 5], [7, 2]]).min(dim=1).values
tensor([1, 2])

== argmax
The index of the greatest element: along a dimension, or among all of them in a row.

Returns a tensor of int64.

>>> torch.tensor([[1, 5], [7, 2]]).argmax(dim=1)
tensor([1, 0])

== argmin
The index of the least element: along a dimension, or among all of them in a row.

Returns a tensor of int64.

>>> torch.tensor([3, 1, 2]).argmin()
tensor(1)

== sort
Sorts along a dimension.

Returns (values, indices).

>>> values, indices = torch.tensor([3, 1, 2]).sort(descending=True)
>>> values, indices
(tensor([3, 2, 1]), tensor([0, 2, 1]))

== topk
The k greatest elements along a dimension, and their indices.

k: how many
Returns (values, indices). Raises RuntimeError where there are fewer.

>>> torch.tensor([3, 1, 4, 1, 5]).topk(2).values
tensor([5, 4])

== where
Elements of one tensor where a condition holds, and of another elsewhere; of a condition alone the indices where it
holds.

condition: a bool tensor
input, other: tensors or numbers; all are broadcast
Returns a tensor, or a tuple of index tensors.

>>> x = torch.tensor([-1.0, 2.0])
>>> torch.where(x > 0, x, 0.0)
tensor([0., 2.])

== gather
Takes elements along a dimension: result[i][j] = input[i][index[i][j]] for dim=1.

index: a tensor of int64 with as many dimensions as the input
Returns a tensor of the index's shape. Raises RuntimeError for indices out of range.

>>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]]))
tensor([[2],
        [3]])

== clamp clip
Elements below min become min, and those above max become max.

Returns a tensor. Raises RuntimeError where neither is given.

>>> torch.tensor([-2, 0, 5]).clamp(-1, 3)
tensor([-1,  0,  3])

== cumsum
The sum of each element and all before it along a dimension.

Returns a tensor of the input's shape.

>>> torch.tensor([1, 2, 3]).cumsum(0)
tensor([1, 3, 6])

== matmul
The product of matrices, vectors, or batches of matrices.

input: (n,), (n, m) or (*, n, m)
other: (m,), (m, k) or (*, m, k); batch dimensions are broadcast
Returns the product, a number for two vectors. Raises RuntimeError where inner sizes differ.

>>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]) @ torch.tensor([1.0, 1.0])
tensor([3., 7.])

== mm
The product of two matrices.

input: (n, m)
mat2: (m, k)
Returns a matrix (n, k). Raises RuntimeError where inner sizes differ.

>>> torch.eye(2).mm(torch.ones(2, 1))
tensor([[1.],
        [1.]])

== einsum
A sum of products, as the equation says by letters for dimensions; letters that the result lacks are summed over.

args: the equation, then the tensors
Returns a tensor. Raises RuntimeError where sizes of a letter differ.

>>> torch.einsum("ij,j->i", torch.ones(2, 3), torch.tensor([1.0, 2.0, 3.0]))
tensor([6., 6.])

== from_numpy
A tensor that shares the memory of a NumPy array: writing into one changes the other.

Returns a tensor of the array's shape and dtype. Raises TypeError for dtypes that tensors lack.

>>> import numpy as np
>>> torch.from_numpy(np.arange(3))
tensor([0, 1, 2])

== allclose
Whether all elements differ by at most atol + rtol * |other|.

Returns a bool.

>>> torch.allclose(torch.tensor(1.0), torch.tensor(1.0 + 1e-7))
True

== equal
Whether two tensors have the same shape and elements.

Returns a bool.

>>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
True

== save
Writes an object with its tensors into a file, in PyTorch's format.

obj: tensors, or containers of them such as a `state_dict`
f: a path, or a binary file

>>> import io
>>> file = io.BytesIO()
>>> torch.save({"x": torch.ones(2)}, file)
>>> _ = file.seek(0)
>>> torch.load(file)
{'x': tensor([1., 1.])}

== load
Reads what `save` wrote, or PyTorch.

f: a path, or a binary file
map_location: the device that tensors are put on
weights_only: tensors and plain containers alone (the default); False runs whatever the file says, so only for own files
mmap: whether the file is mapped into memory instead of read
Returns the object. Raises pickle.UnpicklingError for classes that are not allowed.

>>> import io
>>> file = io.BytesIO()
>>> torch.save(torch.arange(2), file)
>>> _ = file.seek(0)
>>> torch.load(file)
tensor([0, 1])

== softmax
exp(x) / sum(exp(x)) along a dimension: numbers between 0 and 1 that add up to 1.

Returns a tensor of the input's shape.

>>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
tensor([0.5000, 0.5000])

== log_softmax
The logarithm of softmax, exact where softmax is near 0.

Returns a tensor of the input's shape.

>>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
tensor([-0.6931, -0.6931])

== relu
max(0, x): the rectified linear unit. Its gradient at 0 is 0.

Returns a tensor of the input's shape.

>>> torch.relu(torch.tensor([-1.0, 0.0, 2.0]))
tensor([0., 0., 2.])

== backward
Adds the gradients of this tensor with respect to the leaves of its graph to their `grad`.

gradient: what the gradients are multiplied by, of the tensor's shape; not needed for a single number
retain_graph: whether the graph stays for another pass
create_graph: whether the gradients can be differentiated in turn
inputs: the leaves that gradients are added to; default: all
Raises RuntimeError where nothing was recorded, or the graph was freed.

>>> x = torch.tensor(3.0, requires_grad=True)
>>> (x * x).backward()
>>> x.grad
tensor(6.)

== item
The number that the tensor holds, as Python's.

Returns a bool, int, float or complex. Raises RuntimeError unless there is just one element.

>>> torch.tensor([2.5]).item()
2.5

== tolist
The elements as nested lists of Python's numbers; a number where there is no dimension.

Returns a list or a number.

>>> torch.tensor([[1, 2]]).tolist()
[[1, 2]]

== numpy
The tensor as a NumPy array that shares its memory.

Returns an array. Raises RuntimeError where a gradient is required, TypeError for tensors of other devices.

>>> torch.ones(2).numpy()
array([1., 1.], dtype=float32)

== to
The tensor with another dtype or on another device; itself where nothing changes.

args: a dtype, a device, both, or a tensor to be like
Returns a tensor.

>>> torch.ones(2).to(torch.int64)
tensor([1, 1])

== detach
The same elements, cut off from the graph: nothing computed of it is recorded. It shares memory.

Returns a view that requires no gradient.

>>> torch.ones(1, requires_grad=True).detach().requires_grad
False

== clone
A copy, which gradients flow through.

Returns a new tensor.

>>> x = torch.ones(2)
>>> y = x.clone().add_(1)
>>> x
tensor([1., 1.])

== size
The sizes of all dimensions, or of one.

dim: a dimension
Returns a `torch.Size`, which is a tuple, or an int.

>>> torch.zeros(2, 3).size()
torch.Size([2, 3])

== linear
input @ weight.T + bias.

input: (*, in)
weight: (out, in)
bias: (out,) or None
Returns a tensor (*, out). Raises RuntimeError where sizes do not fit.

>>> F.linear(torch.ones(1, 2), torch.ones(3, 2), torch.zeros(3))
tensor([[2., 2., 2.]])

== conv2d
The cross-correlation of images with filters.

input: (N, C, H, W) or (C, H, W)
weight: (out, C / groups, kH, kW)
bias: (out,) or None
Returns (N, out, H', W') with H' = floor((H + 2 padding - dilation (kH - 1) - 1) / stride + 1).

>>> F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
tensor([[[[4., 4.],
          [4., 4.]]]])

== max_pool2d
The greatest element of each window.

input: (N, C, H, W) or (C, H, W)
stride: default: kernel_size
Returns (N, C, H', W'), and the places of the results where return_indices is set.

>>> F.max_pool2d(torch.arange(4.0).view(1, 2, 2), 2)
tensor([[[3.]]])

== dropout
In training, elements are zeroed with probability p and the others divided by 1 - p; else the input itself.

Returns a tensor of the input's shape. Raises ValueError unless 0 <= p <= 1.

>>> F.dropout(torch.ones(2), p=0.5, training=False)
tensor([1., 1.])

== cross_entropy
The cross entropy of scores and classes: -log softmax(input)[target].

input: scores (N, C), (C,) or (N, C, d1, ...)
target: class indices of int64, (N,), () or (N, d1, ...), or probabilities of the input's shape
weight: (C,) a weight for each class, or None
Returns a number, or the losses of all samples with reduction='none'.

>>> F.cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]))
tensor(1.3863)

== mse_loss
The squares of the differences of input and target.

input, target: tensors of one shape
Returns a number, or all squares with reduction='none'.

>>> F.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
tensor(2.)

== nll_loss
-input[target]: the negative log likelihood, where the input holds log probabilities.

input: (N, C), (C,) or (N, C, d1, ...)
target: class indices of int64
Returns a number, or the losses of all samples with reduction='none'.

>>> F.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
tensor(2.)

== binary_cross_entropy_with_logits
The cross entropy of scores and labels between 0 and 1, by the logistic function.

input, target: tensors of one shape
weight: a tensor that is broadcast to them, or None
Returns a number, or all losses with reduction='none'.

>>> F.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 1.0]))
tensor(0.6931)

== one_hot
Indices as vectors of zeros with a one.

input: a tensor of int64
Returns a tensor of int64 with one dimension more, of size num_classes.

>>> F.one_hot(torch.tensor([0, 2]))
tensor([[1, 0, 0],
        [0, 0, 1]])

== pad
Adds elements at the ends of the last dimensions.

pad: how many before and after, for the last dimension, then the one before it, ...
mode: 'constant', 'reflect', 'replicate' or 'circular'
Returns a tensor.

>>> F.pad(torch.ones(2), (1, 0))
tensor([0., 1., 1.])

== layer_norm
Normalises over the last dimensions: (x - mean) / sqrt(var + eps) * weight + bias.

weight, bias: of normalized_shape, or None
Returns a tensor of the input's shape.

>>> F.layer_norm(torch.tensor([1.0, 3.0]), (2,))
tensor([-1.0000,  1.0000])

== embedding
Rows of a matrix by their indices.

input: indices, a tensor of int64
weight: (number, size)
Returns a tensor with one dimension more than the input, of the vectors' size.

>>> F.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor([[3., 4.],
        [1., 2.]])

== scaled_dot_product_attention
softmax(query @ key.T / sqrt(E)) @ value.

value: the values: (*, S, Ev)
scale: a factor instead of 1/sqrt(E)
Returns (*, L, Ev).

>>> F.scaled_dot_product_attention(torch.zeros(1, 1, 2), torch.zeros(1, 2, 2), torch.tensor([[[0.0], [2.0]]]))
tensor([[[1.]]])

== adjoint
The last two dimensions exchanged, and conjugated.

Returns a view.

== atleast_1d
The tensors with at least one dimension.

tensors: tensors
Returns a tensor, or a tuple where several are given.

== atleast_2d
The tensors with at least two dimensions; new ones stand first.

tensors: tensors
Returns a tensor, or a tuple where several are given.

== atleast_3d
The tensors with at least three dimensions; (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1).

tensors: tensors
Returns a tensor, or a tuple where several are given.

== clamp_min
Elements below min become min.

Returns a tensor of the input's shape.

>>> torch.tensor([-1, 2]).clamp_min(0)
tensor([0, 2])

== clamp_max
Elements above max become max.

Returns a tensor of the input's shape.

>>> torch.tensor([-1, 2]).clamp_max(0)
tensor([-1,  0])

== cond
Calls one of two functions, as a bool or a tensor of one bool says.

Returns what the function returns.

== hsplit vsplit dsplit
Cuts a tensor along its second (hsplit; the first where there is one), first (vsplit) or third dimension (dsplit).

Returns a tuple of views.

== tensor_split
Cuts a tensor into a number of nearly equal parts, or at places.

Returns a tuple of views.

== eig symeig solve lstsq
Taken out of PyTorch: `torch.linalg` has what replaces it.

Raises RuntimeError, which names the replacement.

== get_default_device
The device that new tensors are on.

Returns a `torch.device`.

== set_default_device
Sets the device that new tensors are on.

Returns None.

== get_autocast_cpu_dtype get_autocast_gpu_dtype
The dtype that autocast computes in.

Returns a `torch.dtype`.

== set_autocast_cpu_dtype set_autocast_gpu_dtype
Sets the dtype that autocast computes in.

Returns None.

== is_autocast_cpu_enabled
Whether autocast is on for the CPU.

Returns a bool.

== set_autocast_cpu_enabled
Turns autocast for the CPU on or off.

Returns None.

== is_inference_mode_enabled
Whether inference mode is on.

Returns a bool.

== is_signed
Whether the dtype has negative numbers.

Returns a bool.

>>> torch.tensor([1], dtype=torch.uint8).is_signed()
False

== matrix_rank
The number of singular values above a tolerance.

Returns a tensor of int64.

== moveaxis movedim
Dimensions put to other places.

source: the dimensions, a number or a tuple
destination: where they go
Returns a view.

>>> torch.zeros(2, 3, 4).movedim(0, -1).shape
torch.Size([3, 4, 2])

== narrow narrow_copy
`length` places of a dimension, from `start` on; `narrow_copy` copies them.

length: how many
Returns a view, or a copy.

>>> torch.arange(5).narrow(0, 1, 3)
tensor([1, 2, 3])

== ravel
All elements in one dimension.

Returns a view where memory allows it, else a copy.

== resize_as_
Gives the tensor the sizes of another; new elements are whatever lies in memory.

Returns the tensor itself.

== split_with_sizes unsafe_split
Cuts a tensor into parts along a dimension, of the sizes given.

Returns a tuple of tensors.

== unsafe_chunk
`chunk`, whose parts may be written into while gradients are recorded.

chunks: how many parts
Returns a tuple of tensors.

== swapaxes swapdims
Exchanges two dimensions; another name of `transpose`.

axis0, axis1: dimensions
Returns a view.

== expand_as
Expanded to the sizes of another tensor, without a copy.

Returns a view.

== reshape_as
The same elements in the shape of another tensor.

Returns a view where memory allows it, else a copy.

== view_as
The same elements in the shape of another tensor, without a copy.

Returns a view.

== element_size
Bytes of an element.

Returns an int.

>>> torch.zeros(1, dtype=torch.float64).element_size()
8

== storage_offset
Where in its storage the tensor begins, counted in elements.

Returns an int.

>>> torch.arange(5)[2:].storage_offset()
2

== untyped_storage
The bytes that the tensor lies in, with those of other tensors that share them.

Returns a `torch.UntypedStorage`.

== is_set_to
Whether another tensor has the same storage, place, sizes and strides.

Returns a bool.

== is_pinned
Whether the memory is pinned, which it never is here.

Returns a bool.

== is_coalesced
Whether the indices of a sparse tensor are in order, each once.

Returns a bool. Raises RuntimeError for dense tensors.

== coalesce
A sparse tensor whose indices are in order, each once; values of equal ones are added.

Returns a sparse tensor.

== indices
The indices of a coalesced sparse tensor.

Returns a tensor of int64, (dimensions, elements).

== values
The values of a sparse tensor.

Returns a tensor.

== crow_indices
Where each row of a CSR tensor begins among its values.

Returns a tensor of int64.

== col_indices
The columns of a CSR tensor's values.

Returns a tensor of int64.

== sparse_dim
How many dimensions of a sparse tensor have indices.

Returns an int.

== dense_dim
How many dimensions the values of a sparse tensor have of their own.

Returns an int.

== sparse_mask
The elements at the places of a sparse tensor.

mask: a sparse tensor
Returns a sparse tensor.

== to_dense
A dense tensor of the same elements.

Returns a tensor.

== to_sparse to_sparse_coo
A sparse tensor of the elements that are not 0, with their coordinates.

Returns a tensor.

>>> torch.tensor([0, 5]).to_sparse().values()
tensor([5])

== to_sparse_csr
A sparse tensor of a matrix, in compressed rows.

Returns a tensor.
'''


def _read(text):
    found = {}
    for part in text.split("\n== ")[1:]:
        names, _, body = part.partition("\n")
        found.update(dict.fromkeys(names.split(), body.strip()))
    return found


TEXTS = _read(_ALL)
