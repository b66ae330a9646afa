"""torch.cond and torch.while_loop: branches and loops that depend on tensors, run as they stand."""

from cygrad import _core

__all__ = ["cond", "while_loop"]


def cond(pred, true_fn, false_fn, operands=()):
    """What one of two functions gives, by the value of a predicate.

    Gradients are those of the branch that was taken.

    pred: a bool or a tensor with one element
    true_fn, false_fn: called as ``function(*operands)``
    operands: a tuple of tensors, or of nested tuples, lists and dicts of them
    RuntimeError: `pred` has several elements

    >>> x = torch.tensor([1.0, -4.0])
    >>> torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x / 2, (x,))
    tensor([ 0.5000, -2.0000])
    """
    if isinstance(pred, _core.Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    return (true_fn if pred else false_fn)(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """Calls ``body_fn`` on what it gave last, as long as ``cond_fn`` says so; gives the last values.

    carried_inputs: the tuple that both are first called with, as ``function(*carried_inputs)``
    RuntimeError: one of them is not a function

    >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(2)))
    (tensor(3), tensor([8., 8.]))
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    values = tuple(carried_inputs)
    while cond_fn(*values):
        values = body_fn(*values)
        if not isinstance(values, (tuple, list)):
            values = (values,)
        values = tuple(values)
    return values
