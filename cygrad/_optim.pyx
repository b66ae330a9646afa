"""The steps of SGD and Adam: one compiled pass over all parameters, in place.

A step takes what it was made for: contiguous float or double tensors on the CPU.  For anything else it touches nothing
and returns False, and the caller takes the composite form (`optim/_composite.py`).
"""
from cython.parallel cimport prange
from libc.math cimport pow, sqrt

from cygrad._core cimport FLOAT, DOUBLE, Tensor, data_of, new_tensor
from cygrad._ops cimport num_threads

cdef extern from "_optim.h" nogil:
    void cg_sgd_f32(Py_ssize_t, float*, const float*, float*, int, float, float, float, float, int, int)
    void cg_sgd_f64(Py_ssize_t, double*, const double*, double*, int, double, double, double, double, int, int)
    void cg_adam_f32(Py_ssize_t, float*, const float*, float*, float*, float*, float, float, float, float, float,
                     float, float, float, int)
    void cg_adam_f64(Py_ssize_t, double*, const double*, double*, double*, double*, double, double, double, double,
                     double, double, double, double, int)

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
