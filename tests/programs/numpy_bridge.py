"""NumPy arrays and tensors: shared memory, dtypes, scalars, copies, what refuses."""

import numpy as np
import torch

array = np.ones((2, 3))
tensor = torch.from_numpy(array)
array[1, 1] = 23
tensor[0, 0] = -4
print(array, tensor, sep="\n")
rand = torch.tensor([[0.25, 0.5], [0.75, 1.0]])
view = rand.numpy()
rand[1, 1] = 17
view[0] = 0
print(view, rand, view.dtype, view.base is not None, sep="\n")
np.add(array, 1, out=array)
tensor.mul_(10)
print(tensor, array, sep="\n")
print(torch.tensor(array) is tensor, torch.tensor(array).data_ptr() == tensor.data_ptr())
print(
    torch.as_tensor(array).data_ptr() == tensor.data_ptr(),
    torch.as_tensor(array, dtype=torch.float32),
)
for dtype in ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bool"):
    there = torch.from_numpy(np.array([0, 1, 2]).astype(dtype))
    print(dtype, there.dtype, there.numpy().dtype, there.tolist())
print(
    torch.tensor([np.float32(1.5), 2]),
    torch.tensor(np.float64(2.5)),
    torch.tensor(np.int8(3)),
    torch.tensor([np.array([1, 2])][0]),
)
print(
    np.array(torch.arange(3)),
    np.asarray(torch.ones(2)).dtype,
    np.sum(torch.ones(3).numpy()),
    np.array([torch.tensor(1.0), torch.tensor(2.0)]),
)
print(
    torch.from_numpy(np.arange(6).reshape(2, 3).T),
    torch.from_numpy(np.arange(10)[::3]),
    torch.from_numpy(np.arange(3))[1],
)
print(
    torch.arange(6).view(2, 3).t().numpy().strides,
    torch.ones(2, 2)[:, 0].numpy(),
    torch.tensor(5).numpy(),
    torch.tensor(5).numpy().shape,
)
print(
    torch.ones(2) + np.array([1.0, 2.0]),
    torch.tensor([1, 2]) * np.int64(3),
    torch.ones(2) * np.float32(0.5),
)
print(
    torch.ones(3).tolist(),
    torch.ones(2, requires_grad=True).detach().numpy(),
    torch.ones(2).cpu().numpy(),
)
print(np.transpose(torch.zeros(3, 4, 5).numpy(), (1, 2, 0)).shape, np.allclose(torch.ones(2), 1.0))
print(
    torch.zeros(np.int64(2), 3).shape,
    torch.arange(np.int64(3)),
    torch.ones(tuple(np.array([2, 1]))).shape,
    torch.zeros(3)[np.array([0, 2])],
)
print(
    torch.from_numpy(np.zeros(0)), torch.from_numpy(np.array(3.0)), torch.tensor(np.zeros((0, 2)))
)
print(
    torch.Tensor(np.array([1, 2])),
    torch.FloatTensor([1, 2]),
    torch.LongTensor([1, 2]),
    torch.Tensor(2, 0),
    torch.Tensor([[1], [2]]).shape,
)


def attempt(title, call):
    try:
        print(title, call())
    except Exception as error:
        print(f"{title}: {type(error).__name__}: {error}")


attempt("negative strides", lambda: torch.from_numpy(np.arange(3)[::-1]))
attempt("a list", lambda: torch.from_numpy([1, 2]))
attempt("bfloat16", lambda: torch.ones(2, dtype=torch.bfloat16).numpy())
attempt("tracked", lambda: torch.ones(2, requires_grad=True).numpy())
attempt("tracked array", lambda: np.array(torch.ones(2, requires_grad=True)))
attempt("forced", lambda: torch.ones(2, requires_grad=True).numpy(force=True))
