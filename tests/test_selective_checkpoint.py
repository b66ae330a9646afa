"""Checkpoints that keep some results: the same gradients, and what is kept does not run again."""

from functools import partial

import pytest

import cygrad as torch
from cygrad.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)


def program(x, w):
    return torch.relu(torch.nn.functional.linear(x, w)).sin().matmul(w).softmax(1)


def gradients(run):
    x = torch.arange(6.0).reshape(2, 3).sin().requires_grad_()
    w = torch.arange(9.0).reshape(3, 3).cos().requires_grad_()
    y = run(x, w)
    (y * torch.arange(6.0).reshape(2, 3)).sum().backward()
    return y.detach(), x.grad, w.grad


def selective(policy):
    def run(x, w):
        context = partial(create_selective_checkpoint_contexts, policy)
        return checkpoint(program, x, w, use_reentrant=False, context_fn=context)

    return run


def recomputed(policy):
    """The operators that run in the recomputation of a program under this policy."""
    ran = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            ran.append(func.__name__)
            return func(*args, **(kwargs or {}))

    def contexts():
        forward, again = create_selective_checkpoint_contexts(policy)

        class Both:
            def __enter__(self):  # the watcher last in: what the policy passes on comes to it
                self.watch = Watch()
                self.watch.__enter__()
                again.__enter__()

            def __exit__(self, *exc):
                again.__exit__(*exc)
                self.watch.__exit__(*exc)

        return forward, Both()

    def run(x, w):
        return checkpoint(program, x, w, use_reentrant=False, context_fn=contexts)

    return gradients(run), ran


POLICIES = {
    "list": [torch.ops.aten.mm.default, torch.ops.aten.addmm.default],
    "nothing": lambda ctx, op, *args, **kwargs: CheckpointPolicy.PREFER_RECOMPUTE,
    "everything": lambda ctx, op, *args, **kwargs: CheckpointPolicy.MUST_SAVE,
    "offload": lambda ctx, op, *args, **kwargs: CheckpointPolicy.MUST_CPU_OFFLOAD,
    "bool": lambda ctx, op, *args, **kwargs: op.__name__ == "sin",
}


@pytest.mark.parametrize("name", POLICIES)
def test_gradients_are_the_same(name):
    for a, b in zip(gradients(selective(POLICIES[name])), gradients(program), strict=True):
        assert torch.equal(a, b)


def test_what_is_kept_does_not_run_again():
    results, ran = recomputed([torch.ops.aten.mm.default])
    assert "relu" in ran and "sin" in ran and "linear" not in ran and "matmul" not in ran
    for a, b in zip(results, gradients(program), strict=True):
        assert torch.equal(a, b)


def test_a_policy_sees_results():
    seen = []

    def policy(ctx, op, *args, **kwargs):
        seen.append((ctx.is_recompute, op.__name__, ctx.op_output.shape))
        return CheckpointPolicy.PREFER_RECOMPUTE

    gradients(selective(policy))
    assert seen[0] == (False, "linear", (2, 3)) and len(seen) == 5


def test_a_kept_result_must_not_be_written():
    def changing(x, w):
        y = torch.mm(x, w)
        z = y.sin()
        with torch.no_grad():
            y.zero_()
        return z

    def run(allow):
        x = torch.ones(2, 2, requires_grad=True)
        w = torch.ones(2, 2)
        context = partial(create_selective_checkpoint_contexts, [torch.ops.aten.mm.default], allow)
        checkpoint(changing, x, w, use_reentrant=False, context_fn=context).sum().backward()
        return x.grad

    with pytest.raises(RuntimeError, match="has been mutated"):
        run(False)


def test_bad_policies():
    with pytest.raises(TypeError, match="policy_fn_or_list"):
        create_selective_checkpoint_contexts(3)
    with pytest.raises(ValueError, match="OpOverloadPacket"):
        create_selective_checkpoint_contexts([torch.ops.aten.mm])
