"""`torch.opencl.strict`: who computes on the host for a device's tensor is named; what the program asks for works."""

import copy
import io
import os
import subprocess
import sys

import pytest

import cygrad as torch
from cygrad import _dispatch, cl

if not cl.device_count("opencl"):
    pytest.skip("no OpenCL device (the extra cygrad[pocl] makes one)", allow_module_level=True)
pytestmark = pytest.mark.usefixtures("strict")
DEVICE = torch.device("opencl:0")


def operator_of_the_library(text):
    """A public operator `hidden` with this text, as if it stood in the library."""
    made = {"__name__": "cygrad._fronts.hidden", "torch": torch}
    exec(f"def hidden(x):\n    return {text}", made)
    return _dispatch.function("hidden", made["hidden"])


@pytest.mark.parametrize(
    "text", ["(x.cpu() * 2).to(x.device)", "torch.tensor(x.tolist(), device=x.device)", "x.cpu().numpy().sum()",
             "torch.ones(3).to(x.device) * x"]
)  # fmt: skip
def test_an_operator_that_computes_on_the_host_is_named(text):
    hidden = operator_of_the_library(text)
    x = torch.ones(3, device=DEVICE)
    with pytest.raises(RuntimeError, match="torch.hidden copies 3 elements .* host"):
        hidden(x)
    with torch.opencl.strict(False):
        hidden(x)
    with pytest.raises(RuntimeError, match="torch.hidden copies"):
        hidden(x)


def test_a_function_of_the_library_outside_operators_is_named():
    from cygrad.vision.ops import nms

    with pytest.raises(RuntimeError, match=r"cygrad.vision.ops.boxes.nms copies 8 elements to host memory"):
        nms(torch.rand(2, 4, device=DEVICE), torch.rand(2, device=DEVICE), 0.5)


def test_what_the_program_asks_for_is_no_hidden_computation():
    x = torch.rand(3, 3).to(DEVICE).requires_grad_()
    told = []
    x.register_hook(lambda g: told.append(g.cpu()))  # a program's own copy, within an operator
    (x.cpu() * 2 + torch.linalg.inv(x).cpu()).sum().backward()
    assert len(told) == 1 and x.grad.device == DEVICE
    repr(x), x.tolist(), x.detach().cpu().numpy(), copy.deepcopy(x.detach())
    torch.fft.fft(x), x[[0, 2]], x[torch.tensor([0, 1])], x.sort(), x.unique(), torch.nonzero(x), x.median()
    net = torch.nn.Linear(3, 3).to(DEVICE)
    repr(net.weight), net.cpu()
    torch.save(net.to(DEVICE).state_dict(), io.BytesIO())


COMPOSITES = {
    "istft": lambda x: torch.istft(torch.stft(x.flatten(), 8, return_complex=True), 8, window=x.new_ones(8)),
    "antialias": lambda x: torch.nn.functional.interpolate(x[None], size=(3, 7), mode="bicubic", antialias=True),
    "combinations": lambda x: torch.combinations(x[0, 0], 3),
    "take_along_dim": lambda x: torch.take_along_dim(x, x.argsort(1)[:, :2] - 4, 1),
}


@pytest.mark.filterwarnings("ignore:A window was not provided")
@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_stay_on_the_device(name):
    x = ((torch.arange(60) * 7 % 31 - 15) / 4).reshape(3, 4, 5)
    ours = COMPOSITES[name](x.to(DEVICE))
    assert ours.device == DEVICE
    torch.testing.assert_close(ours.cpu(), COMPOSITES[name](x))


def test_the_environment_forbids_it_from_the_start():
    program = (
        "import cygrad as torch\nfrom cygrad.vision.ops import nms\n"
        "x = torch.rand(2, 4, device='opencl')\nnms(x, x[:, 0], 0.5)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | {"CYGRAD_CL_STRICT": "1"}, text=True,
                          capture_output=True)  # fmt: skip
    assert "RuntimeError: cygrad.vision.ops.boxes.nms copies 8 elements" in done.stderr


def test_the_list_of_operators_that_go_through_the_host():
    names = torch.opencl.host_operators()
    assert "torch.linalg.svd" in names and "torch.fft.rfft" in names
    for name in names:
        assert callable(eval(name)), name
