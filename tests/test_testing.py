"""torch.testing: the texts of assert_close are PyTorch's, to the letter."""

# ruff: noqa: E501

import collections  # noqa: F401

import numpy as np
import pytest

import cygrad as torch
from cygrad import testing as T
from cygrad.testing._internal.common_utils import TestCase

n, inf = float("nan"), float("inf")
x = torch.arange(6.0).reshape(2, 3)

CLOSE = """
T.assert_close(x, x+1e-8)
T.assert_close(1, 1.0, check_dtype=False)
T.assert_close(1.0, 1.0+1e-9)
T.assert_close(None, None)
T.assert_close((x,), [x])
T.assert_close(torch.tensor([n,1.]), torch.tensor([n,1.]), equal_nan=True)
T.assert_close(n, n, equal_nan=True)
T.assert_close(torch.tensor([inf,1.]), torch.tensor([inf,1.]))
T.assert_close(x, torch.nn.Parameter(x.clone()))
T.assert_close(torch.zeros(0), torch.zeros(0))
T.assert_close(x.bfloat16(), (x+1.0e-2*x).bfloat16())
T.assert_close(x.half(), x.float(), check_dtype=False)
T.assert_close(torch.tensor([1,2,3]), torch.tensor([1.,2.,3.]), check_dtype=False)
T.assert_close(collections.OrderedDict(a=1), {'a':1})
T.assert_close(torch.tensor([0.]), torch.tensor([1e-9]))
T.assert_allclose(x, [[0,1,2],[3,4,5]])
"""

# The statement, and what it raises: recorded from PyTorch 2.13.
DIFFERENT = r"""
>>> T.assert_close(x, x+1)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)
>>> T.assert_close(x, x.clone().index_put_((torch.tensor(1),torch.tensor(2)), torch.tensor(7.)))
AssertionError: Tensor-likes are not close!

Mismatched elements: 1 / 6 (16.7%)
Greatest absolute difference: 2.0 at index (1, 2) (up to 1e-05 allowed)
Greatest relative difference: 0.2857142984867096 at index (1, 2) (up to 1.3e-06 allowed)
>>> T.assert_close(x.int(), x.int()+torch.tensor([[0,0,3],[0,0,-4]]).int())
AssertionError: Tensor-likes are not equal!

Mismatched elements: 2 / 6 (33.3%)
Greatest absolute difference: 4 at index (1, 2)
Greatest relative difference: 4.0 at index (1, 2)
>>> T.assert_close(x, x.double())
AssertionError: The values for attribute 'dtype' do not match: torch.float32 != torch.float64.
>>> T.assert_close(x, x[:1])
AssertionError: The values for attribute 'shape' do not match: torch.Size([2, 3]) != torch.Size([1, 3]).
>>> T.assert_close(x, x.double()+1, check_dtype=False)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)
>>> T.assert_close(x, x.t().contiguous().t(), check_stride=True)
AssertionError: The values for attribute 'stride()' do not match: (3, 1) != (1, 2).
>>> T.assert_close(torch.tensor(1.), torch.tensor(2.))
AssertionError: Scalars are not close!

Expected 2.0 but got 1.0.
Absolute difference: 1.0 (up to 1e-05 allowed)
Relative difference: 0.5 (up to 1.3e-06 allowed)
>>> T.assert_close(torch.tensor(1), torch.tensor(2))
AssertionError: Scalars are not equal!

Expected 2 but got 1.
Absolute difference: 1
Relative difference: 0.5
>>> T.assert_close(torch.tensor([1]), torch.tensor([2]))
AssertionError: Tensor-likes are not equal!

Mismatched elements: 1 / 1 (100.0%)
Greatest absolute difference: 1 at index (0,)
Greatest relative difference: 0.5 at index (0,)
>>> T.assert_close(1.0, 2.0)
AssertionError: Scalars are not close!

Expected 2.0 but got 1.0.
Absolute difference: 1.0 (up to 1e-07 allowed)
Relative difference: 0.5 (up to 1e-07 allowed)
>>> T.assert_close(1, 2)
AssertionError: Scalars are not equal!

Expected 2 but got 1.
Absolute difference: 1
Relative difference: 0.5
>>> T.assert_close(1, 1.0)
AssertionError: The (d)types do not match: <class 'int'> != <class 'float'>.
>>> T.assert_close(1j, 2j)
AssertionError: Scalars are not close!

Expected 2j but got 1j.
Absolute difference: 1.0 (up to 1e-07 allowed)
Relative difference: 0.5 (up to 1e-07 allowed)
>>> T.assert_close(True, False)
AssertionError: Booleans mismatch: True is not False
>>> T.assert_close('a', 'b')
TypeError: No comparison pair was able to handle inputs of type <class 'str'> and <class 'str'>.
>>> T.assert_close(None, 1)
AssertionError: None mismatch: None is not 1
>>> T.assert_close(object(), object())
TypeError: No comparison pair was able to handle inputs of type <class 'object'> and <class 'object'>.
>>> T.assert_close([x, x], [x, x+1])
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)

The failure occurred for item [1]
>>> T.assert_close([x], [x, x])
AssertionError: The length of the sequences mismatch: 1 != 2
>>> T.assert_close({'a':x}, {'a':x+1})
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)

The failure occurred for item ['a']
>>> T.assert_close({'a':x}, {'b':x})
AssertionError: The keys of the mappings do not match:
Missing keys in the actual mapping: ['b']
Additional keys in the actual mapping: ['a']
>>> T.assert_close({'a':x,'b':x}, {'b':x})
AssertionError: The keys of the mappings do not match:
Missing keys in the actual mapping: []
Additional keys in the actual mapping: ['a']
>>> T.assert_close({'a':[x,{'c':1.}]}, {'a':[x,{'c':2.}]})
AssertionError: Scalars are not close!

Expected 2.0 but got 1.0.
Absolute difference: 1.0 (up to 1e-07 allowed)
Relative difference: 0.5 (up to 1e-07 allowed)

The failure occurred for item ['a'][1]['c']
>>> T.assert_close({'a':{}}, {'a':3})
TypeError: No comparison pair was able to handle inputs of type <class 'dict'> and <class 'int'>.

The failure occurred for item ['a']
>>> T.assert_close(torch.tensor([n,1.]), torch.tensor([n,1.]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: nan at index (0,) (up to 1e-05 allowed)
Greatest relative difference: nan at index (0,) (up to 1.3e-06 allowed)
>>> T.assert_close(n, n)
AssertionError: Scalars are not close!

Expected nan but got nan.
Absolute difference: nan (up to 1e-07 allowed)
Relative difference: nan (up to 1e-07 allowed)
>>> T.assert_close(torch.tensor([inf,1.]), torch.tensor([-inf,1.]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: inf at index (0,) (up to 1e-05 allowed)
Greatest relative difference: nan at index (0,) (up to 1.3e-06 allowed)
>>> T.assert_close(torch.tensor([n,5.]), torch.tensor([1.,1.]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 2 / 2 (100.0%)
Greatest absolute difference: nan at index (0,) (up to 1e-05 allowed)
Greatest relative difference: nan at index (0,) (up to 1.3e-06 allowed)
>>> T.assert_close(torch.tensor([True,False]), torch.tensor([True,True]))
AssertionError: Tensor-likes are not equal!

Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: 1 at index (1,)
Greatest relative difference: 1.0 at index (1,)
>>> T.assert_close(x, x+1, rtol=0.1)
ValueError: Both 'rtol' and 'atol' must be either specified or omitted, but got no atol.
>>> T.assert_close(x, x+1, atol=0.1)
ValueError: Both 'rtol' and 'atol' must be either specified or omitted, but got no rtol.
>>> T.assert_close(x, x+1, rtol=0.1, atol=0.1)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 0.1 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 0.1 allowed)
>>> T.assert_close(x, x+1, rtol=0, atol=0)
AssertionError: Tensor-likes are not equal!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0)
Greatest relative difference: 1.0 at index (0, 0)
>>> T.assert_close(x, x+1, msg='mine')
AssertionError: mine
>>> T.assert_close(x, x+1, msg=lambda m: 'Header\n\n'+m)
AssertionError: Header

Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)
>>> T.assert_close([x,x], [x,x+1], msg=lambda m: 'Header\n\n'+m)
AssertionError: Header

Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)

The failure occurred for item [1]
>>> T.assert_close(x, [1,2])
TypeError: No comparison pair was able to handle inputs of type <class 'torch.Tensor'> and <class 'list'>.
>>> T.assert_close(x, x.numpy())
TypeError: No comparison pair was able to handle inputs of type <class 'torch.Tensor'> and <class 'numpy.ndarray'>.
>>> T.assert_close(x.numpy(), x.numpy()+1)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)
>>> T.assert_close(x, torch.nn.Parameter(x.clone()), allow_subclasses=False)
TypeError: No comparison pair was able to handle inputs of type <class 'torch.Tensor'> and <class 'torch.nn.parameter.Parameter'>.
>>> T.assert_close(x.half(), x.half()+1)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 0.001 allowed)
>>> T.assert_close(x.half(), (x+1.5e-3*x).half())
AssertionError: Tensor-likes are not close!

Mismatched elements: 5 / 6 (83.3%)
Greatest absolute difference: 0.0078125 at index (1, 1) (up to 1e-05 allowed)
Greatest relative difference: 0.001949310302734375 at index (0, 1) (up to 0.001 allowed)
>>> T.assert_close(1.0, torch.tensor(1.0))
TypeError: No comparison pair was able to handle inputs of type <class 'float'> and <class 'torch.Tensor'>.
>>> T.assert_close(torch.tensor(1.0), 1.0)
TypeError: No comparison pair was able to handle inputs of type <class 'torch.Tensor'> and <class 'float'>.
>>> T.assert_close(1.0, torch.tensor(1.0), check_dtype=False)
TypeError: No comparison pair was able to handle inputs of type <class 'float'> and <class 'torch.Tensor'>.
>>> T.assert_close(torch.ones(2,dtype=torch.uint8)*2, torch.zeros(2,dtype=torch.uint8))
AssertionError: Tensor-likes are not equal!

Mismatched elements: 2 / 2 (100.0%)
Greatest absolute difference: 2 at index (0,)
Greatest relative difference: inf at index (0,)
>>> T.assert_close(torch.rand(3,2,4)*0, torch.rand(3,2,4)*0+torch.tensor([0,0,0,1e-4]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 24 (25.0%)
Greatest absolute difference: 9.999999747378752e-05 at index (0, 0, 3) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0, 3) (up to 1.3e-06 allowed)
>>> T.assert_close([1,'a'],[1,'b'])
TypeError: No comparison pair was able to handle inputs of type <class 'str'> and <class 'str'>.

The failure occurred for item [1]
>>> T.assert_close(x, 3)
TypeError: No comparison pair was able to handle inputs of type <class 'torch.Tensor'> and <class 'int'>.
>>> T.assert_close(torch.tensor([1e10]), torch.tensor([1e10+1e5]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 1 / 1 (100.0%)
Greatest absolute difference: 100352.0 at index (0,) (up to 1e-05 allowed)
Greatest relative difference: 1.0035098966909572e-05 at index (0,) (up to 1.3e-06 allowed)
>>> T.assert_close(torch.tensor([1.,0.]), torch.tensor([0.,0.]))
AssertionError: Tensor-likes are not close!

Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: 1.0 at index (0,) (up to 1e-05 allowed)
Greatest relative difference: inf at index (0,) (up to 1.3e-06 allowed)
>>> T.assert_close([[x]], [[x+1]])
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)

The failure occurred for item [0][0]
>>> T.assert_close(torch.zeros(3,3),torch.eye(3))
AssertionError: Tensor-likes are not close!

Mismatched elements: 3 / 9 (33.3%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 1.3e-06 allowed)
>>> T.assert_allclose(x, x+1)
AssertionError: Tensor-likes are not close!

Mismatched elements: 6 / 6 (100.0%)
Greatest absolute difference: 1.0 at index (0, 0) (up to 1e-05 allowed)
Greatest relative difference: 1.0 at index (0, 0) (up to 0.0001 allowed)
>>> T.assert_allclose(x, x+1, msg='oo')
AssertionError: oo
"""


@pytest.mark.filterwarnings("ignore:.*assert_allclose:FutureWarning")
@pytest.mark.parametrize("statement", CLOSE.strip().splitlines())
def test_close(statement):
    assert eval(statement) is None


@pytest.mark.filterwarnings("ignore:.*assert_allclose:FutureWarning")
@pytest.mark.parametrize("record", DIFFERENT.strip().removeprefix(">>> ").split("\n>>> "))
def test_different(record):
    statement, _, expected = record.partition("\n")
    try:
        eval(statement)
    except Exception as error:
        found = f"{type(error).__name__}: {error}".replace("cygrad.nn", "torch.nn")
    else:
        found = "nothing raised"
    assert found == expected.rstrip("\n")


def test_allclose_is_deprecated():
    with pytest.warns(FutureWarning, match="deprecated since 1.12"):
        T.assert_allclose(x, x)


def test_make_tensor():
    """Values for seed 0, as PyTorch makes them."""

    def made(*shape, **kw):
        torch.manual_seed(0)
        return T.make_tensor(*shape, device="cpu", **kw)

    expected = torch.tensor([[-0.0674, 4.8280, -7.4074], [-6.6235, -3.4664, 2.4134]])
    torch.testing.assert_close(made((2, 3), dtype=torch.float32), expected, rtol=0, atol=5e-5)
    assert made(2, 3, dtype=torch.int64).tolist() == [[6, -5, -9], [-9, 2, -2]]
    assert made((2,), dtype=torch.bool).tolist() == [False, True]
    assert made((3,), dtype=torch.uint8).tolist() == [4, 9, 3]
    assert made((3,), dtype=torch.int8, low=-500, high=500).tolist() == [44, -81, -11]
    assert made((8,), dtype=torch.int64, low=0, high=2, exclude_zero=True).tolist() == [1] * 8
    assert made((3, 2), dtype=torch.float64, noncontiguous=True).stride() == (4, 2)
    assert made((2, 3, 1, 2), dtype=torch.float32, memory_format=torch.channels_last).stride() == (6, 1, 6, 3)
    t = made((3,), dtype=torch.float64, low=0, high=1, requires_grad=True)
    assert t.requires_grad and t.is_leaf and bool((t >= 0).all()) and bool((t < 1).all())


@pytest.mark.parametrize(
    "kw, message",
    [
        ({"low": 3, "high": 2}, "`low` must be less than `high`, but got 3 >= 2"),
        ({"low": n, "high": 2}, "`low` and `high` cannot be NaN, but got low=nan and high=2"),
        (
            {"dtype": torch.int32, "requires_grad": True},
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype=torch.int32",
        ),
    ],
)
def test_make_tensor_errors(kw, message):
    with pytest.raises(ValueError) as raised:
        T.make_tensor((2,), **{"dtype": torch.float32, "device": "cpu", **kw})
    assert str(raised.value) == message


class _Case(TestCase):
    def runTest(self):
        self.assertEqual([torch.ones(2), 1.0], [torch.ones(2), 1.0])
        self.assertEqual("a", "a")
        self.assertEqual(np.ones(2), np.ones(2) + 1e-9)
        with self.assertRaises(AssertionError):
            self.assertEqual(torch.ones(2), torch.zeros(2))
        with self.assertRaises(AssertionError):
            self.assertEqual("a", "b")


def test_test_case():
    _Case().debug()
