"""L-BFGS, with the strong Wolfe line search of minFunc."""

import math
from typing import NamedTuple

import cygrad

from .optimizer import Optimizer, _check_lr

__all__ = ["LBFGS"]


class _Point(NamedTuple):
    """A point of a line search: the step, the loss, the gradient and its slope along the line."""

    t: float
    loss: float
    grad: object
    slope: float


def _minimizer_of_cubic(a: _Point, b: _Point, low: float, high: float) -> float:
    """The step in [low, high] at the minimum of the cubic through losses and slopes of a and b.

    The middle of the interval where the cubic has none (Nocedal and Wright, equation 3.59).
    """
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square) if not isinstance(square, cygrad.Tensor) else square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, low), high)


def _strong_wolfe(evaluate, direction, start: _Point, t, tolerance: float, max_steps: int):
    """A point along `direction` that satisfies the strong Wolfe conditions, where one is found.

    evaluate(t) gives the _Point at step t. First the step grows until two points bracket an
    acceptable one, then cubic interpolation narrows the bracket (minFunc's WolfeLineSearch).
    At most max_steps evaluations follow the first one. Returns the best point and the number of
    evaluations.
    """
    decrease, curvature = 1e-4, 0.9
    size = direction.abs().max()

    def too_high(point):
        return point.loss > start.loss + decrease * point.t * start.slope

    def accepted(point):
        return abs(point.slope) <= -curvature * start.slope

    previous, new = start, evaluate(t)
    evaluations, steps = 1, 0
    bracket = None
    while steps < max_steps:
        if too_high(new) or (steps > 1 and new.loss >= previous.loss):
            bracket = [previous, new]
            break
        if accepted(new):
            return new, evaluations
        if new.slope >= 0:
            bracket = [previous, new]
            break
        low, high = new.t + 0.01 * (new.t - previous.t), new.t * 10
        previous, new = new, evaluate(_minimizer_of_cubic(previous, new, low, high))
        evaluations += 1
        steps += 1
    if bracket is None:
        bracket = [start, new]

    # bracket[0] is the better end from here on.
    best, other = sorted(bracket, key=lambda point: point.loss)
    stuck = False
    while steps < max_steps and abs(best.t - other.t) * size >= tolerance:
        low, high = min(best.t, other.t), max(best.t, other.t)
        t = _minimizer_of_cubic(best, other, low, high)
        # A step close to an end of the bracket brings little: the second one in a row, or one
        # at the end itself, is moved inwards.
        margin = 0.1 * (high - low)
        if min(high - t, t - low) < margin:
            if stuck or t >= high or t <= low:
                t = high - margin if abs(t - high) < abs(t - low) else low + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = evaluate(t)
        evaluations += 1
        steps += 1
        if too_high(new) or new.loss >= best.loss:
            other = new
            if other.loss < best.loss:
                best, other = other, best
            continue
        if accepted(new):
            return new, evaluations
        if new.slope * (other.t - best.t) >= 0:
            other = best
        best = new
    return best, evaluations


class LBFGS(Optimizer):
    """L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5), after minFunc.

    `step(closure)` runs up to max_iter iterations; the closure clears the gradients, computes
    the loss, calls backward and returns the loss. line_search_fn: None (steps of lr) or
    "strong_wolfe". One parameter group only; parameters must be real.

    params: an iterable of parameters, or of dicts with parameters and options of their own
    lr: the learning rate
    """

    def __init__(
        self,
        params,
        lr: float = 1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        _check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _flat_grad(self):
        """The gradients of all parameters in one vector; real views of complex ones."""
        parts = []
        for p in self._params:
            if p.grad is None:
                part = cygrad.zeros_like(p)
            elif p.grad.layout != cygrad.strided:
                part = p.grad.to_dense()
            else:
                part = p.grad
            if cygrad.is_complex(part):
                part = cygrad.view_as_real(part)
            parts.append(part.reshape(-1))
        return cygrad.cat(parts, 0)

    def _move(self, direction, t) -> None:
        """Add t * direction to the parameters."""
        offset = 0
        for p in self._params:
            view = cygrad.view_as_real(p) if cygrad.is_complex(p) else p
            n = view.numel()
            view.add_(direction[offset : offset + n].view_as(view), alpha=float(t))
            offset += n

    def _direction(self, state, grad):
        """Minus the approximate inverse Hessian times `grad`: the two-loop recursion."""
        dirs, steps, rho = state["old_dirs"], state["old_stps"], state["ro"]
        q = grad.neg()
        alpha = [None] * len(dirs)
        for i in range(len(dirs) - 1, -1, -1):
            alpha[i] = steps[i].dot(q) * rho[i]
            q.add_(dirs[i], alpha=-float(alpha[i]))
        state["al"] = alpha
        r = q.mul(state["H_diag"])
        for i in range(len(dirs)):
            beta = dirs[i].dot(r) * rho[i]
            r.add_(steps[i], alpha=float(alpha[i] - beta))
        return r

    def _remember(self, state, y, s, history_size: int) -> None:
        """Take the last change of the gradient, y, and of the parameters, s, into the history."""
        ys = y.dot(s)
        if ys > 1e-10:  # else the approximation would not stay positive definite
            for name, item in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / ys)):
                if len(state[name]) == history_size:
                    state[name].pop(0)
                state[name].append(item)
            state["H_diag"] = ys / y.dot(y)

    def step(self, closure):
        """Run the iterations of one step; returns the loss before them."""
        with cygrad.no_grad():
            return self._iterate(closure)

    def _iterate(self, closure):
        group = self.param_groups[0]
        lr, max_iter = group["lr"], group["max_iter"]
        if isinstance(lr, cygrad.Tensor):
            lr = lr.item()
        search = group["line_search_fn"]
        tolerance_change = group["tolerance_change"]

        def evaluate():
            with cygrad.enable_grad():
                loss = closure()
            evaluate.count += 1
            return loss

        evaluate.count = 0
        # The state of the whole vector is kept with the first parameter.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss = float(first_loss)
        grad = self._flat_grad()
        state["func_evals"] += 1
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, max_iter + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = grad.neg()
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
                t = min(1.0, 1.0 / grad.abs().sum()) * lr
            else:
                y, s = grad.sub(state["prev_flat_grad"]), state["d"].mul(state["t"])
                self._remember(state, y, s, group["history_size"])
                direction = self._direction(state, grad)
                t = lr
            previous_loss = loss
            state.update(d=direction, t=t, prev_flat_grad=grad.clone(), prev_loss=loss)

            slope = grad.dot(direction)
            if slope > -tolerance_change:
                break
            evaluations = 0
            if search is None:
                self._move(direction, t)
                if iteration != max_iter:
                    loss = float(evaluate())
                    grad = self._flat_grad()
                    evaluations = 1
            elif search != "strong_wolfe":
                raise RuntimeError("only 'strong_wolfe' is supported")
            else:
                origin = [p.clone() for p in self._params]

                def at(t, direction=direction, origin=origin):
                    self._move(direction, t)
                    value = float(evaluate())
                    gradient = self._flat_grad()
                    for p, start in zip(self._params, origin):
                        p.copy_(start)
                    return _Point(t, value, gradient, gradient.dot(direction))

                start = _Point(0, loss, grad, slope)
                left = min(25, group["max_eval"] - evaluate.count)
                point, evaluations = _strong_wolfe(at, direction, start, t, tolerance_change, left)
                loss, grad, t = point.loss, point.grad, point.t
                state["t"] = t
                self._move(direction, t)
            state["func_evals"] += evaluations

            if (
                evaluate.count >= group["max_eval"]
                or grad.abs().max() <= group["tolerance_grad"]
                or direction.mul(t).abs().max() <= tolerance_change
                or abs(loss - previous_loss) < tolerance_change
            ):
                break
        return first_loss
