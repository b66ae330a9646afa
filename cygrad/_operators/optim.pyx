"""Steps of optimizers: one primitive for each parameter, in place.

A step takes what it was made for: contiguous float or double tensors, all of a parameter on one device, counters on the
CPU.  For anything else `sgd` and `adam` touch nothing and return False, and the caller takes the composite form
(`optim/_composite.py`); `dense`, the driver of all other formulas, returns the parameters that it left, and the caller
steps these one by one.
"""
from libc.math cimport pow, sqrt

from cygrad import _core
from cygrad._core cimport FLOAT, DOUBLE, SPARSE, Tensor, data_of, new_tensor
from cygrad._kernels.optim cimport CONSTANTS, MOMENTS, place_of, step


cdef bint suits(object x, Tensor like):
    """Whether a tensor is laid out as `like`, which is None for the parameter itself."""
    cdef Tensor t
    if not isinstance(x, Tensor):
        return False
    t = <Tensor> x
    if t.dev == SPARSE or not t.contiguous or (t.dt != FLOAT and t.dt != DOUBLE):
        return False
    return like is None or (t.dt == like.dt and t.dev == like.dev and t.count == like.count)


cdef bint is_scalar(object x):
    return suits(x, None) and (<Tensor> x).dev == 0 and (<Tensor> x).count == 1


cdef double read(Tensor t) noexcept:
    return (<float*> data_of(t))[0] if t.dt == FLOAT else (<double*> data_of(t))[0]


cdef void write(Tensor t, double x) noexcept:
    if t.dt == FLOAT:
        (<float*> data_of(t))[0] = <float> x
    else:
        (<double*> data_of(t))[0] = x
    t.storage.version += 1


cdef int run(str kind, int place, Tensor p, Tensor g, Tensor a, Tensor b, Tensor c, const double* k,
             int n) except -1:
    """One step of `p` by its gradient, its moments (or None) and the n constants k."""
    cdef char* moments[MOMENTS]
    cdef int j
    p.storage.version += 1
    for t in (a, b, c):
        if t is not None:
            (<Tensor> t).storage.version += 1
    if p.dev:
        if p.count:
            _core.backend_of(p.dev).optimizer_step(kind, p, g, [a, b, c], [k[j] for j in range(n)])
        return 0
    moments[0] = NULL if a is None else data_of(a)
    moments[1] = NULL if b is None else data_of(b)
    moments[2] = NULL if c is None else data_of(c)
    step(place, p, g, moments, k)
    return 0


cdef int one_each(list params, tuple lists) except -1:
    for x in lists:
        if len(x) != len(params):
            raise ValueError(f"{len(params)} parameters, but {len(x)} of what belongs to them")
    return 0


def sgd(list params, list grads, list bufs, lr, momentum, dampening, weight_decay, bint nesterov, bint maximize):
    """One step of SGD on `params`; a None among `bufs` becomes a new buffer that holds the gradient.

    Returns whether the step was done.
    """
    cdef Py_ssize_t i, n = len(params)
    cdef Tensor p, b
    cdef double k[CONSTANTS]
    cdef bint heavy = momentum != 0
    cdef int place = place_of("sgd")
    for x in (lr, momentum, dampening, weight_decay):
        if not isinstance(x, (int, float)):
            return False
    one_each(params, (grads, bufs) if heavy else (grads,))
    for i in range(n):
        if not suits(params[i], None) or not suits(grads[i], <Tensor> params[i]):
            return False
        if heavy and bufs[i] is not None and not suits(bufs[i], <Tensor> params[i]):
            return False
    k[0], k[1], k[2] = -1.0 if maximize else 1.0, weight_decay, 1.0
    k[3], k[4], k[5], k[7] = lr, momentum, 1.0 - dampening, nesterov
    for i in range(n):
        p, b = <Tensor> params[i], None
        k[6] = False
        if heavy:
            if bufs[i] is None:
                k[6] = True
                bufs[i] = new_tensor(p.nd, p.sizes, p.dt, p.dev)
            b = <Tensor> bufs[i]
        run("sgd", place, p, <Tensor> grads[i], b, None, None, k, 8)
    return True


def adam(list params, list grads, list exp_avgs, list exp_avg_sqs, list max_exp_avg_sqs, list steps, lr, beta1, beta2,
         eps, weight_decay, bint amsgrad, bint maximize, bint decoupled):
    """One step of Adam (https://arxiv.org/abs/1412.6980) on `params`; counts up `steps`, which are 0-d floats.

    Returns whether the step was done.
    """
    cdef Py_ssize_t i, n = len(params)
    cdef Tensor p
    cdef double k[CONSTANTS]
    cdef double count
    cdef int place = place_of("adam")
    for x in (lr, beta1, beta2, eps, weight_decay):
        if not isinstance(x, (int, float)):
            return False
    one_each(params, (grads, exp_avgs, exp_avg_sqs, steps) + ((max_exp_avg_sqs,) if amsgrad else ()))
    for i in range(n):
        if not suits(params[i], None):
            return False
        p = <Tensor> params[i]
        if not (suits(grads[i], p) and suits(exp_avgs[i], p) and suits(exp_avg_sqs[i], p) and is_scalar(steps[i])):
            return False
        if amsgrad and not suits(max_exp_avg_sqs[i], p):
            return False
    k[0], k[1], k[2] = -1.0 if maximize else 1.0, weight_decay, 1.0
    if decoupled:
        k[1], k[2] = 0.0, 1.0 - lr * weight_decay
    k[3], k[4], k[5], k[8] = 1.0 - beta1, beta2, 1.0 - beta2, eps
    for i in range(n):
        count = read(<Tensor> steps[i]) + 1
        write(<Tensor> steps[i], count)
        k[6] = lr / (1.0 - pow(beta1, count))
        k[7] = sqrt(1.0 - pow(beta2, count))
        run("adam", place, <Tensor> params[i], <Tensor> grads[i], <Tensor> exp_avgs[i], <Tensor> exp_avg_sqs[i],
            <Tensor> max_exp_avg_sqs[i] if amsgrad else None, k, 9)
    return True


def dense(optimizer, dict group):
    """One step of a `_DenseOptimizer` on the parameters of `group` that have gradients.

    The constants of the formula are computed anew where the counters differ from those of the parameter before.
    Returns the list of the parameters that were left: not contiguous floats or doubles in all tensors.
    """
    cdef str name, kind = optimizer._loop
    cdef tuple names = optimizer._moments(group), kept = optimizer._kept
    cdef object states = optimizer.state, grad
    cdef dict state
    cdef list left = [], scalars, values, moments, last = None
    cdef tuple constants = ()
    cdef Tensor p
    cdef double k[CONSTANTS]
    cdef Py_ssize_t n_kept = len(kept)
    cdef int j, n = 3, place = place_of(kind)
    cdef bint fits
    k[0], k[1], k[2] = -1.0 if group["maximize"] else 1.0, group.get("weight_decay", 0), 1.0
    if group.get("decoupled_weight_decay"):
        k[1], k[2] = 0.0, 1.0 - group["lr"] * group["weight_decay"]
    for x in group["params"]:
        grad = x.grad
        if grad is None:
            continue
        if not suits(x, None) or not suits(grad, <Tensor> x):
            left.append(x)
            continue
        p = x
        state = states[x]
        if not state:
            optimizer._start(state, x, group)
        scalars = [state["step"]]
        for name in kept:
            scalars.append(state[name])
        moments = [None] * MOMENTS
        fits = all([is_scalar(y) for y in scalars])
        for j in range(len(names)):
            if names[j] is not None:
                moments[j] = state[names[j]]
                fits = fits and suits(moments[j], p)
        if not fits:
            left.append(x)
            continue
        values = [read(y) for y in scalars]
        values[0] += 1
        if values != last:
            constants = optimizer._constants(group, *values)
            n = <int> (len(constants) - n_kept + 3)
            if n > CONSTANTS:
                raise ValueError(f"{type(optimizer).__name__} gives its loop too many constants")
            for j in range(3, n):
                k[j] = constants[n_kept + j - 3]
            last = values
        write(<Tensor> scalars[0], values[0])
        for j in range(n_kept):
            write(<Tensor> scalars[1 + j], constants[j])
        run(kind, place, p, <Tensor> grad, <Tensor> moments[0], <Tensor> moments[1], <Tensor> moments[2], k, n)
    return left
