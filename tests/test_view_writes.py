"""Writes in place through views, held against the same program written out of place."""

import pytest
from hypothesis import given, settings, strategies as st

import cygrad as torch

LAYOUTS = {
    "row-major": lambda x: x * 1,
    "transposed": lambda x: (x * 1).transpose(0, -1).contiguous().transpose(0, -1),
    "clone of a permuted one": lambda x: x.permute(2, 0, 1).clone().permute(1, 2, 0),
    "clone that stays permuted": lambda x: x.permute(1, 2, 0).clone(),
    "product of transposed ones": lambda x: x.transpose(0, 2) * x.transpose(0, 2),
    "metadata changed in place": lambda x: (x * 1).transpose_(0, 2),
    "with gaps": lambda x: torch.stack((x, -x), -1)[..., 0],
}
VIEWS = {
    "select": lambda t: t.select(t.dim() - 1, 0) if t.dim() > 1 else t[:1],
    "slice": lambda t: t[..., ::2],
    "rows": lambda t: t[1:] if t.shape[0] > 1 else t,
    "transpose": lambda t: t.transpose(0, -1),
    "unsqueeze": lambda t: t.unsqueeze(0),
    "diagonal": lambda t: t.diagonal(0, 0, t.dim() - 1) if t.dim() > 1 else t,
}
WRITES = {
    "mul_": (lambda v: v.mul_(3), lambda v: v * 3),
    "square": (lambda v: v.mul_(v.clone()), lambda v: v * v),
    "exp_": (lambda v: v.exp_(), lambda v: v.exp()),
    "fill_": (lambda v: v.fill_(2), lambda v: torch.full_like(v, 2)),
}


def written_out_of_place(base, views, write):
    """`base` with the elements that the views show replaced, without a view of it being written."""
    places = torch.arange(base.numel()).reshape(base.shape)
    for view in views:
        places = view(places)
    flat = base.reshape(-1)
    return flat.index_put((places.reshape(-1),), write(flat[places]).reshape(-1)).reshape(base.shape)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
    layout=st.sampled_from(sorted(LAYOUTS)),
    views=st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=3),
    write=st.sampled_from(sorted(WRITES)),
    late=st.booleans(),
)
def test_a_written_view_sends_gradients_where_its_elements_are(shape, layout, views, write, late):
    in_place, out_of_place = WRITES[write]
    views = [VIEWS[name] for name in views]

    def gradients(written):
        x = (torch.arange(1, 1 + shape[0] * shape[1] * shape[2], dtype=torch.float64) / 10).reshape(shape)
        x.requires_grad_()
        y = written(LAYOUTS[layout](x))
        weights = torch.linspace(-1, 2, y.numel(), dtype=torch.float64).reshape(y.shape)
        (first,) = torch.autograd.grad((y * y * weights).sum(), x, create_graph=True)
        second = None
        if first.requires_grad:  # where all was overwritten, nothing of x is left
            second = torch.autograd.grad(first.sum(), x, allow_unused=True)[0]
        return y.detach(), first.detach(), torch.zeros_like(x) if second is None else second

    def through_views(base):
        view = base
        for v in views:
            view = v(view)
        if late:  # the view's history is found anew after the base was written
            base.mul_(2)
        in_place(view)
        return base

    def without_views(base):
        return written_out_of_place(base * 2 if late else base, views, out_of_place)

    for a, b in zip(gradients(through_views), gradients(without_views), strict=True):
        torch.testing.assert_close(a, b)


def test_elements_that_are_one_place_share_its_gradient():
    x = torch.arange(3.0, requires_grad=True)
    y = x.expand(2, 3).as_strided((2, 3), (0, 1), 0)
    (y * torch.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.grad.tolist() == [3, 5, 7]


def test_views_made_without_recording_are_not_written_while_recording():
    x = torch.ones(2, 3, requires_grad=True) * 1
    with torch.no_grad():
        view = x[0]
    assert view.requires_grad and view.is_leaf
    for write in (lambda: view.mul_(2), lambda: view.fill_(1), view.zero_):
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
            write()
    with torch.no_grad():
        view.mul_(2)
    assert "grad_fn=<Invalid>" in repr(view)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified inplace"):
        view.grad_fn  # noqa: B018
