"""Steps of optimizers: one compiled pass over all parameters, in place.

A step takes what it was made for: contiguous float or double tensors on the CPU.  For anything else `sgd` and `adam`
touch nothing and return False, and the caller takes the composite form (`optim/_composite.py`); `dense`, the driver of
all other loops, returns the parameters that it left, and the caller steps these one by one.
"""
from cython.parallel cimport prange
from libc.math cimport pow, sqrt

from cygrad._core cimport FLOAT, DOUBLE, Tensor, data_of, new_tensor
from cygrad._ops cimport num_threads

cdef extern from "_kernels/optim.h" nogil:
    void cg_sgd_f32(Py_ssize_t, float*, const float*, float*, int, float, float, float, float, int, int)
    void cg_sgd_f64(Py_ssize_t, double*, const double*, double*, int, double, double, double, double, int, int)
    void cg_adam_f32(Py_ssize_t, float*, const float*, float*, float*, float*, float, float, float, float, float,
                     float, float, float, int)
    void cg_adam_f64(Py_ssize_t, double*, const double*, double*, double*, double*, double, double, double, double,
                     double, double, double, double, int)
    ctypedef void (*cg_dense)(Py_ssize_t, void*, const void*, void* const*, const double*)
    ctypedef struct Dense "__typeof__(*cg_denses)":
        const char* name
        cg_dense loops[2]
    const Dense cg_denses[]
    const int CG_DENSE_COUNT

cdef enum:
    GRAIN = 65536           # elements below which a second thread costs more than it saves


cdef struct Sgd:
    double lr, momentum, damp, decay
    int first, nesterov, maximize


cdef struct Adam:
    double step_size, root, one_beta1, beta2, one_beta2, eps, decay, shrink
    int maximize


cdef bint suits(object x, Tensor like):
    """Whether a tensor is laid out as `like`, which is None for the parameter itself."""
    cdef Tensor t
    if not isinstance(x, Tensor):
        return False
    t = <Tensor> x
    if t.dev != 0 or not t.contiguous or (t.dt != FLOAT and t.dt != DOUBLE):
        return False
    return like is None or (t.dt == like.dt and t.count == like.count)


cdef void sgd_part(int dt, const Sgd* s, char* p, char* g, char* b, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    if dt == FLOAT:
        cg_sgd_f32(hi - lo, <float*> p + lo, <float*> g + lo, NULL if b == NULL else <float*> b + lo, s.first,
                   <float> s.lr, <float> s.momentum, <float> s.damp, <float> s.decay, s.nesterov, s.maximize)
    else:
        cg_sgd_f64(hi - lo, <double*> p + lo, <double*> g + lo, NULL if b == NULL else <double*> b + lo, s.first,
                   s.lr, s.momentum, s.damp, s.decay, s.nesterov, s.maximize)


cdef void adam_part(int dt, const Adam* a, char* p, char* g, char* m, char* v, char* top, Py_ssize_t lo,
                    Py_ssize_t hi) noexcept nogil:
    if dt == FLOAT:
        cg_adam_f32(hi - lo, <float*> p + lo, <float*> g + lo, <float*> m + lo, <float*> v + lo,
                    NULL if top == NULL else <float*> top + lo, <float> a.step_size, <float> a.root,
                    <float> a.one_beta1, <float> a.beta2, <float> a.one_beta2, <float> a.eps, <float> a.decay,
                    <float> a.shrink, a.maximize)
    else:
        cg_adam_f64(hi - lo, <double*> p + lo, <double*> g + lo, <double*> m + lo, <double*> v + lo,
                    NULL if top == NULL else <double*> top + lo, a.step_size, a.root, a.one_beta1, a.beta2,
                    a.one_beta2, a.eps, a.decay, a.shrink, a.maximize)


def sgd(list params, list grads, list bufs, lr, momentum, dampening, weight_decay, bint nesterov, bint maximize):
    """One step of SGD on `params`; a None among `bufs` becomes a new buffer that holds the gradient.

    Returns whether the step was done.
    """
    cdef Py_ssize_t i, n = len(params)
    cdef Tensor p, g, b
    cdef Sgd s
    cdef bint heavy = momentum != 0
    cdef int t, nt, dt
    cdef char* pp
    cdef char* pg
    cdef char* pb
    cdef Py_ssize_t count
    for x in (lr, momentum, dampening, weight_decay):
        if not isinstance(x, (int, float)):
            return False
    for i in range(n):
        if not suits(params[i], None) or not suits(grads[i], <Tensor> params[i]):
            return False
        if heavy and bufs[i] is not None and not suits(bufs[i], <Tensor> params[i]):
            return False
    s.lr, s.momentum, s.damp, s.decay = lr, momentum, 1.0 - dampening, weight_decay
    s.nesterov, s.maximize = nesterov, maximize
    for i in range(n):
        p, g = <Tensor> params[i], <Tensor> grads[i]
        s.first = False
        pb = NULL
        if heavy:
            if bufs[i] is None:
                s.first = True
                bufs[i] = new_tensor(p.nd, p.sizes, p.dt, 0)
            b = <Tensor> bufs[i]
            b.storage.version += 1
            pb = data_of(b)
        p.storage.version += 1
        pp, pg, dt, count = data_of(p), data_of(g), p.dt, p.count
        nt = 1 if count < GRAIN else num_threads()
        if nt == 1:
            sgd_part(dt, &s, pp, pg, pb, 0, count)
        else:
            with nogil:
                for t in prange(nt, num_threads=nt, schedule="static"):
                    sgd_part(dt, &s, pp, pg, pb, count * t // nt, count * (t + 1) // nt)
    return True


def adam(list params, list grads, list exp_avgs, list exp_avg_sqs, list max_exp_avg_sqs, list steps, lr, beta1, beta2,
         eps, weight_decay, bint amsgrad, bint maximize, bint decoupled):
    """One step of Adam (https://arxiv.org/abs/1412.6980) on `params`; counts up `steps`, which are 0-d floats.

    Returns whether the step was done.
    """
    cdef Py_ssize_t i, n = len(params), count
    cdef Tensor p, g, m, v, top, step
    cdef Adam a
    cdef double k
    cdef int t, nt, dt
    cdef char* pp
    cdef char* pg
    cdef char* pm
    cdef char* pv
    cdef char* pt
    for x in (lr, beta1, beta2, eps, weight_decay):
        if not isinstance(x, (int, float)):
            return False
    for i in range(n):
        if not suits(params[i], None):
            return False
        p = <Tensor> params[i]
        if not (suits(grads[i], p) and suits(exp_avgs[i], p) and suits(exp_avg_sqs[i], p) and suits(steps[i], None)):
            return False
        if (<Tensor> steps[i]).count != 1 or (amsgrad and not suits(max_exp_avg_sqs[i], p)):
            return False
    a.one_beta1, a.beta2, a.one_beta2, a.eps, a.maximize = 1.0 - beta1, beta2, 1.0 - beta2, eps, maximize
    a.decay = 0.0 if decoupled else weight_decay
    a.shrink = 1.0 - lr * weight_decay if decoupled else 1.0
    for i in range(n):
        p, g, m, v, step = params[i], grads[i], exp_avgs[i], exp_avg_sqs[i], steps[i]
        top = max_exp_avg_sqs[i] if amsgrad else None
        if step.dt == FLOAT:
            (<float*> data_of(step))[0] += 1
            k = (<float*> data_of(step))[0]
        else:
            (<double*> data_of(step))[0] += 1
            k = (<double*> data_of(step))[0]
        a.step_size = lr / (1.0 - pow(beta1, k))
        a.root = sqrt(1.0 - pow(beta2, k))
        pp, pg, pm, pv = data_of(p), data_of(g), data_of(m), data_of(v)
        pt = NULL if top is None else data_of(top)
        dt, count = p.dt, p.count
        nt = 1 if count < GRAIN else num_threads()
        if nt == 1:
            adam_part(dt, &a, pp, pg, pm, pv, pt, 0, count)
        else:
            with nogil:
                for t in prange(nt, num_threads=nt, schedule="static"):
                    adam_part(dt, &a, pp, pg, pm, pv, pt, count * t // nt, count * (t + 1) // nt)
        for x in (p, m, v, step):
            (<Tensor> x).storage.version += 1
        if top is not None:
            top.storage.version += 1
    return True


cdef enum:
    MOMENTS = 3
    CONSTANTS = 10

cdef dict places = {(<bytes> cg_denses[i].name).decode(): i for i in range(CG_DENSE_COUNT)}


cdef bint is_scalar(object x):
    return suits(x, None) and (<Tensor> x).count == 1


cdef double read(Tensor t) noexcept:
    return (<float*> data_of(t))[0] if t.dt == FLOAT else (<double*> data_of(t))[0]


cdef void write(Tensor t, double x) noexcept:
    if t.dt == FLOAT:
        (<float*> data_of(t))[0] = <float> x
    else:
        (<double*> data_of(t))[0] = x
    t.storage.version += 1


cdef void dense_part(cg_dense loop, Py_ssize_t size, char* p, char* g, char** moments, const double* k, Py_ssize_t lo,
                     Py_ssize_t hi) noexcept nogil:
    cdef void* part[MOMENTS]
    cdef int j
    for j in range(MOMENTS):
        part[j] = NULL if moments[j] == NULL else moments[j] + lo * size
    loop(hi - lo, p + lo * size, g + lo * size, part, k)


def dense(optimizer, dict group):
    """One step of a `_DenseOptimizer` on the parameters of `group` that have gradients.

    The constants of the loop are computed anew where the counters differ from those of the parameter before.
    Returns the list of the parameters that were left: not contiguous floats or doubles on the CPU in all tensors.
    """
    cdef str name = optimizer._loop
    cdef tuple names = optimizer._moments(group), kept = optimizer._kept
    cdef object states = optimizer.state, grad
    cdef dict state
    cdef list left = [], scalars, values, last = None
    cdef tuple constants = ()
    cdef Tensor p, g, m
    cdef double k[CONSTANTS]
    cdef char* moments[MOMENTS]
    cdef const Dense* loops = &cg_denses[<int> places[name]]
    cdef cg_dense loop
    cdef char* pp
    cdef char* pg
    cdef Py_ssize_t count, size, n_kept = len(kept)
    cdef int j, t, nt
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
        p, g = x, grad
        state = states[x]
        if not state:
            optimizer._start(state, x, group)
        scalars = [state["step"]]
        for name in kept:
            scalars.append(state[name])
        fits = all([is_scalar(y) for y in scalars])
        for j in range(MOMENTS):
            moments[j] = NULL
            if j < len(names) and names[j] is not None:
                m = state[names[j]] if fits and suits(state[names[j]], p) else None
                if m is None:
                    fits = False
                else:
                    moments[j] = data_of(m)
        if not fits:
            left.append(x)
            continue
        values = [read(y) for y in scalars]
        values[0] += 1
        if values != last:
            constants = optimizer._constants(group, *values)
            if len(constants) - n_kept + 3 > CONSTANTS:
                raise ValueError(f"{type(optimizer).__name__} gives its loop too many constants")
            for j in range(len(constants) - n_kept):
                k[3 + j] = constants[n_kept + j]
            last = values
        write(<Tensor> scalars[0], values[0])
        for j in range(n_kept):
            write(<Tensor> scalars[1 + j], constants[j])
        pp, pg, count = data_of(p), data_of(g), p.count
        loop, size = loops.loops[p.dt == DOUBLE], 8 if p.dt == DOUBLE else 4
        nt = 1 if count < GRAIN else num_threads()
        if nt == 1:
            dense_part(loop, size, pp, pg, moments, k, 0, count)
        else:
            with nogil:
                for t in prange(nt, num_threads=nt, schedule="static"):
                    dense_part(loop, size, pp, pg, moments, k, count * t // nt, count * (t + 1) // nt)
        p.storage.version += 1
        for key in names:
            if key is not None:
                (<Tensor> state[key]).storage.version += 1
    return left
