"""Timing what torch.compile makes of a model: here the model itself."""

import time

import cygrad

__all__ = ["bench_all", "benchmark_compile"]


def benchmark_compile(model, sample_input, num_iters=5, backend=None, mode="default", optimizer=None, loss_fn=None):
    """(seconds of the first call, the average of later ones), of `torch.compile(model)` where there is a backend."""
    if backend:
        model = cygrad.compile(model, backend=backend, mode=mode)

    def once():
        started = time.perf_counter()
        result = model(sample_input)
        if optimizer is not None:
            optimizer.zero_grad(True)
            loss = result.sum() if loss_fn is None else loss_fn(result)
            loss.backward()
            optimizer.step()
        return time.perf_counter() - started

    first = once() if backend else None
    return first, sum(once() for _ in range(num_iters)) / num_iters


def bench_all(model, sample_input, num_iters=5, optimizer=None, loss_fn=None):
    """A table of the times: training if there is an optimizer, else inference."""
    _, plain = benchmark_compile(model, sample_input, num_iters, None, None, optimizer, loss_fn)
    first, later = benchmark_compile(model, sample_input, num_iters, "inductor", None, optimizer, loss_fn)
    rows = [
        ("Train" if optimizer else "Inference", "Backend", "Mode", "Compilation Time", "Average Running Time"),
        ("", "Eager", "-", "-", f"{plain * 1e3:.3f} ms"),
        ("", "inductor", "-", f"{first * 1e3:.3f} ms", f"{later * 1e3:.3f} ms"),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
