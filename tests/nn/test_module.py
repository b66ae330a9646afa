"""Module's bookkeeping, with what it must print and hold written out; needs no PyTorch."""

import copy
import pickle
from collections import OrderedDict

import pytest

import cygrad as torch
from cygrad import nn
from cygrad.nn import functional as F
from cygrad.nn.modules import module as module_hooks

pytestmark = pytest.mark.usefixtures("everywhere")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Dropout(0.25))
        self.heads = nn.ModuleList([nn.Linear(3, 2) for _ in range(3)])
        self.register_buffer("steps", torch.zeros(2))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.conv(x), 1).flatten(1)
        x = self.body(x)
        return sum(head(x) for head in self.heads) * self.scale


PRINTED = """Net(
  (conv): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
  (body): Sequential(
    (0): Linear(in_features=4, out_features=3, bias=True)
    (1): ReLU(inplace=True)
    (2): Dropout(p=0.25, inplace=False)
  )
  (heads): ModuleList(
    (0-2): 3 x Linear(in_features=3, out_features=2, bias=True)
  )
)"""

KEYS = [
    "scale", "steps", "conv.weight", "conv.bias", "body.0.weight", "body.0.bias",
    "heads.0.weight", "heads.0.bias", "heads.1.weight", "heads.1.bias", "heads.2.weight",
    "heads.2.bias",
]


def test_print():
    assert repr(Net()) == PRINTED


def test_names():
    net = Net()
    assert list(net.state_dict()) == KEYS
    assert [n for n, _ in net.named_parameters()] == [k for k in KEYS if k != "steps"]
    assert [n for n, _ in net.named_buffers()] == ["steps", "scratch"]
    assert [n for n, _ in net.named_children()] == ["conv", "body", "heads"]
    assert [n for n, _ in net.body.named_modules(prefix="b")] == ["b", "b.0", "b.1", "b.2"]
    assert sum(p.numel() for p in net.parameters()) == 80
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_parameter("heads.1.bias") is net.heads[1].bias
    assert net.get_buffer("steps") is net.steps


@pytest.mark.cpu_only  # other devices draw other numbers
def test_seeded_weights():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    expected = torch.tensor([[-0.0043, 0.3097, -0.4752], [-0.4249, -0.2224, 0.1548]])
    assert torch.allclose(layer.weight, expected, atol=5e-5)
    assert torch.allclose(layer.bias, torch.tensor([-0.0114, 0.4578]), atol=5e-5)
    assert repr(layer.bias) == (
        "Parameter containing:\ntensor([-0.0114,  0.4578], requires_grad=True)"
    )


def test_forward_and_backward():
    torch.manual_seed(0)
    net = Net()
    out = net(torch.randn(5, 1, 6, 6))
    assert out.shape == (5, 2)
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(float(p.grad.abs().sum()) == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_modes():
    net = Net()
    assert net.eval() is net and not net.body[2].training
    net.train()
    assert net.body[2].training
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Conv2d", "Linear", "ReLU", "Dropout", "Sequential", "Linear", "Linear",
                    "Linear", "ModuleList", "Net"]


def test_conversion_keeps_parameters():
    net = Net()
    weight = net.conv.weight
    net.double()
    assert net.conv.weight is weight and weight.dtype == torch.float64
    assert net.steps.dtype == torch.float64
    net.to(torch.float32)
    assert weight.dtype == torch.float32
    net.half()
    assert net.scale.dtype == torch.float16
    assert net.float().scale.dtype == torch.float32


def test_state_dict_round_trip():
    a, b = Net(), Net()
    state = a.state_dict()
    assert not state["scale"].requires_grad
    assert a.state_dict(keep_vars=True)["scale"] is a.scale
    assert state._metadata["body.0"] == {"version": 1}
    assert repr(b.load_state_dict(state)) == "<All keys matched successfully>"
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    del state["scale"]
    state["extra"] = torch.zeros(1)
    result = b.load_state_dict(state, strict=False)
    assert result.missing_keys == ["scale"] and result.unexpected_keys == ["extra"]
    with pytest.raises(RuntimeError) as error:
        b.load_state_dict(state)
    assert str(error.value) == (
        'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "scale". \n\t'
        'Unexpected key(s) in state_dict: "extra". '
    )


def test_assign():
    a, b = nn.Linear(2, 3), nn.Linear(2, 3)
    state = a.state_dict()
    b.load_state_dict(state, assign=True)
    assert isinstance(b.weight, nn.Parameter) and b.weight.requires_grad
    assert b.weight.data_ptr() == a.weight.data_ptr()


def test_copy_and_pickle():
    net = Net()
    net.note = "kept"
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net.body))):
        for name, p in other.named_parameters():
            source = net.body if isinstance(other, nn.Sequential) else net
            original = source.get_parameter(name)
            assert p is not original and torch.equal(p, original)
            assert type(p) is nn.Parameter and p.requires_grad
    assert copy.deepcopy(net).note == "kept"


def test_hooks():
    calls = []
    layer = nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda m, a: calls.append("pre"))
    layer.register_forward_hook(lambda m, a, o: calls.append("post"))
    first = layer.register_forward_hook(lambda m, a, o: calls.append("first"), prepend=True)
    layer.register_full_backward_hook(lambda m, gi, go: calls.append((len(gi), len(go))))
    layer.register_full_backward_pre_hook(lambda m, go: calls.append("back"))
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert calls == ["pre", "first", "post", "back", (1, 1)]
    first.remove()
    calls.clear()
    layer(x)
    assert calls == ["pre", "post"]
    with module_hooks.register_module_forward_hook(lambda m, a, o: calls.append(type(m))):
        nn.ReLU()(x)
    nn.ReLU()(x)
    assert calls[2:] == [nn.ReLU]


def test_always_called_hook():
    seen = []
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda m, a, o: seen.append(o), always_call=True)
    with pytest.raises(RuntimeError):
        layer(torch.ones(1, 3))
    assert seen == [None]


def test_attributes_move_between_kinds():
    m = nn.Module()
    m.a = nn.Parameter(torch.ones(1))
    m.a = None
    assert m._parameters == {"a": None} and list(m.parameters()) == []
    m.b = nn.Buffer(torch.ones(1), persistent=False)
    assert list(m.state_dict()) == [] and "b" in m._buffers
    m.b = nn.Parameter(torch.ones(1))
    assert "b" not in m._buffers and "b" in m._parameters
    m.c = nn.ReLU()
    del m.c
    assert not hasattr(m, "c")
    with pytest.raises(TypeError, match="cannot assign 'int' as parameter 'b'"):
        m.b = 3


def test_containers():
    seq = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.GELU()))
    assert repr(seq[1:]) == "Sequential(\n  (b): Tanh()\n  (c): GELU(approximate='none')\n)"
    assert seq.a is seq[0] and len(seq + nn.Sequential(nn.ReLU())) == 4
    del seq[1]
    assert list(seq._modules) == ["0", "1"]
    modules = nn.ModuleList([nn.ReLU()])
    modules.insert(0, nn.Tanh())
    assert [type(m).__name__ for m in modules] == ["Tanh", "ReLU"]
    table = nn.ModuleDict({"x": nn.ReLU()})
    table["y"] = nn.Tanh()
    assert list(table) == ["x", "y"] and "x" in table
    plist = nn.ParameterList([torch.ones(2), torch.zeros(1, 3)])
    assert [n for n, _ in plist.named_parameters()] == ["0", "1"]
    named = nn.ParameterDict({"k": torch.ones(2, device="cpu")})
    assert repr(named) == "ParameterDict(  (k): Parameter containing: [torch.FloatTensor of size 2])"


def test_lazy():
    lazy = nn.LazyLinear(3)
    assert repr(lazy.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = lazy.weight.shape
    assert lazy(torch.ones(2, 5)).shape == (2, 3)
    assert type(lazy) is nn.Linear and type(lazy.weight) is nn.Parameter
    assert repr(lazy) == "Linear(in_features=5, out_features=3, bias=True)"


def test_missing_pieces_say_so():
    with pytest.raises(NotImplementedError, match="compile"):
        nn.ReLU().compile()
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        nn.Module()(1)
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.ReLU())


def test_import_paths():
    assert nn.modules.module.Module is nn.Module
    assert nn.modules.linear.Linear is nn.Linear
    assert nn.modules.rnn.LSTM is nn.LSTM
    assert nn.modules.transformer.TransformerEncoderLayer is nn.TransformerEncoderLayer
    assert nn.parameter.Parameter is nn.Parameter
    assert nn.modules.linear.NonDynamicallyQuantizableLinear.__mro__[1] is nn.Linear
