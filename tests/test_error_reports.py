"""What a user sees of an error: the public function's name, and a traceback that ends in a line of Python."""

import traceback

import pytest

import cygrad as torch

WRONG_ARGUMENTS = {
    "relu": lambda: torch.relu(torch.ones(2), 3),
    "add": lambda: torch.add(),
    "divide": lambda: torch.divide(torch.ones(2), out=None),
    "mul_": lambda: torch.ones(2).mul_(),
    "zeros": lambda: torch.zeros(2, dtpye=torch.float32),
    "softmax": lambda: torch.ones(2).softmax(nothing=1),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_wrong_arguments_name_the_public_function(name):
    with pytest.raises(TypeError, match=rf"^{name}\(\) "):
        WRONG_ARGUMENTS[name]()


MISTAKES = {
    "sizes": lambda: torch.ones(2, 3) + torch.ones(4),
    "product": lambda: torch.ones(2, 3) @ torch.ones(4),
    "method": lambda: torch.ones(2, 3).view(7),
    "backward": lambda: torch.ones(2).backward(),
    "index": lambda: torch.ones(3)[7],
    "row with parameters": lambda: torch.addcmul(torch.ones(2), torch.ones(3), torch.ones(2)),
    "comparison": lambda: torch.ones(2) < torch.ones(3),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_tracebacks_end_in_python(name):
    with pytest.raises((RuntimeError, IndexError)) as caught:
        MISTAKES[name]()
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files == [__file__, __file__]


@pytest.mark.parametrize("interposer", [lambda: torch.autocast("cpu"), torch.autograd.profiler.profile])
def test_tracebacks_under_interposers(interposer):
    with interposer(), pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) + torch.ones(4)
    assert [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)] == [__file__]


def test_errors_of_hooks_keep_their_lines():
    def refuse(gradient):
        raise ValueError("no")

    x = torch.ones(2, requires_grad=True)
    x.register_hook(refuse)
    with pytest.raises(ValueError, match="^no$") as caught:
        x.sum().backward()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "refuse" and not any(f.filename.endswith(".pyx") for f in frames)
