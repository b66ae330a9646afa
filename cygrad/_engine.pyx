"""The backward pass: runs the nodes of the graph, youngest first, and adds up what they return.

Design
------
* A node is younger than every node it reads from, so a heap ordered by age gives each node all of its
  gradients before it runs; no dependencies are counted.  A leaf has the age of its oldest user and runs
  right after it.
* In a chain the heap is empty whenever a node has run: its gradient goes straight on, with no queue and no
  bookkeeping.
* What a run knows of a queued node (the gradients that have arrived) lies in a list of the run, at the
  position that the node carries; a node that another unfinished run (a backward inside a hook, another
  thread) has claimed is looked up in a dict of this run instead.
* A run owns the sums that it makes and adds to them in place; a gradient that nothing else refers to
  becomes `.grad` of a leaf as it is, any other is copied, so `.grad` never shares memory with another tensor.

The order in which things happen to a complete gradient is PyTorch's: hooks of the tensor, retain_grad,
capture for `inputs`, hooks before the node, the node, hooks after it.
"""
cimport cython
from cpython.object cimport PyObject
from libc.stdlib cimport realloc, free

from cygrad._core cimport (
    SPARSE, Tensor, Node, AutogradMeta, AccumulateGrad, current_grad_fn, empty_strided_like, gradient_edge,
    is_complex_code, need_meta, new_tensor, same_shape)
from cygrad._ops cimport Op, clone, copy_into, elementwise, fill, to_dtype
from cygrad import _core
from cygrad._ops import OPS, clone_tensor, is_dense
from cygrad._warnings import warn_once

import warnings

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o)

cdef extern from "pythread.h":
    ctypedef void* PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    int PyThread_acquire_lock(PyThread_type_lock, int mode) nogil
    void PyThread_release_lock(PyThread_type_lock)

cdef extern from *:
    """
    static __thread PyObject* cg_run = NULL;    /* the Run that this thread is in, borrowed */
    """
    PyObject* cg_run

cdef Op _add = OPS["add"]
cdef unsigned long long _runs = 0
cdef set _active = set()
# Kernels release the GIL: two threads must not add to one leaf at a time.
cdef PyThread_type_lock _accumulating = PyThread_allocate_lock()
cdef object _anomaly = None
cdef object _recorder = None            # a function that returns the profiler's recorder of this thread, or None
cdef object _watched = None             # apply_watched, if somebody watches: called as an object, it is not inlined


def set_anomaly(watcher):
    """`watcher.run(node, grads)` then takes the place of the node's own call in every backward pass."""
    global _anomaly, _watched
    _anomaly = watcher
    _watched = apply_watched if _anomaly is not None or _recorder is not None else None


def set_recorder(recorder):
    """`recorder()` then tells of the profiler that each node, and each leaf, of a backward pass is reported to."""
    global _recorder, _watched
    _recorder = recorder
    _watched = apply_watched if _anomaly is not None or _recorder is not None else None


def apply_watched(Node node not None, list grads not None, bint create_graph):
    """What the node does, with whoever watches around it; a leaf takes its one gradient."""
    cdef Tensor g
    cdef bint leaf = isinstance(node, AccumulateGrad)
    recorder = None if _recorder is None else _recorder()
    if recorder is not None:
        name = node.name()
        outer = recorder.enter(f"autograd::engine::evaluate_function: {name}", (), backward=True)
        inner = recorder.enter(name, grads, backward=True)
    try:
        if leaf:
            g = <Tensor> grads.pop()
            accumulate(<AccumulateGrad> node, g, create_graph)
            return None
        return node.apply(grads) if _anomaly is None else _anomaly.run(node, grads)
    finally:
        if recorder is not None:
            recorder.leave(inner)
            recorder.leave(outer)


def apply_node(Node node not None, list grads):
    """What `node` returns for these gradients."""
    return node.apply(grads)


cdef Tensor added(Tensor a, Tensor b, bint into):
    """a + b, stored in `a` if `into`; sparse gradients are added by their own operators."""
    if a.dev == SPARSE or b.dev == SPARSE:
        if b.dev != SPARSE:             # sparse + strided is strided
            a, b, into = b, a, False
        return <Tensor> (a.add_(b) if into else a + b)
    return elementwise(_add, (a, b), None, a if into else None, into)


# ------------------------------------------------------------------ the queue of a run

@cython.freelist(64)
cdef class Pending:
    """The gradients that have arrived for the outputs of one node."""
    cdef Node node
    cdef list grads
    cdef unsigned long long key     # the larger one runs first
    cdef unsigned long long owned   # bit per output: the sum is this run's own tensor and may be added to in place


@cython.binding(False)    # its methods check the type of `self`
cdef class Run:
    cdef unsigned long long id
    cdef bint create_graph
    cdef list pending               # by Node.slot
    cdef dict contested             # Node -> Pending, for nodes that another run has claimed
    cdef PyObject** heap            # Pending, borrowed from `pending` or `contested`
    cdef Py_ssize_t size, capacity
    cdef list roots                 # (node, output number)
    cdef set wanted                 # the nodes that lead to `inputs`; None: all
    cdef set reachable              # all nodes of this run, if somebody asked (see will_execute)
    cdef Run outer                  # the run of this thread, one of whose nodes or hooks began this one
    cdef list callbacks             # to be called when no node is left

    def __dealloc__(self):
        free(self.heap)

    cdef int add(self, Node node, int nr, Tensor g) except -1:
        """Adds `g` to the gradient of output `nr`; queues the node when it is the first to arrive."""
        cdef Pending p = None
        cdef Tensor before
        cdef bint claimed = False
        if node.run == self.id:
            p = <Pending> self.pending[node.slot]
        elif node.run != 0 and node.run in _active:
            claimed = True
            if self.contested is None:
                self.contested = {}
            p = <Pending> self.contested.get(node)
        if p is None:
            p = Pending.__new__(Pending)
            p.node = node
            p.key = 2 * node.sequence + (0 if isinstance(node, AccumulateGrad) else 1)
            if node.n_outputs == 1:
                p.grads = [g]
            else:
                p.grads = [None] * node.n_outputs
                p.grads[nr] = g
            if claimed:
                self.contested[node] = p
            else:
                node.run = self.id
                node.slot = len(self.pending)
                self.pending.append(p)
            return self.push(p)
        before = <Tensor> p.grads[nr]
        if before is None:
            p.grads[nr] = g
        elif nr < 64 and not self.create_graph and p.owned >> nr & 1:
            p.grads[nr] = added(before, g, True)
        else:
            p.grads[nr] = added(before, g, False)
            if nr < 64:
                p.owned |= <unsigned long long> 1 << nr
        return 0

    cdef int push(self, Pending p) except -1:
        cdef PyObject** room
        if self.size == self.capacity:
            room = <PyObject**> realloc(self.heap, (2 * self.capacity + 64) * sizeof(PyObject*))
            if room == NULL:
                raise MemoryError()
            self.heap = room
            self.capacity = 2 * self.capacity + 64
        self.size += 1
        self.raise_from(self.size - 1, p)
        return 0

    cdef void raise_from(self, Py_ssize_t i, Pending p) noexcept:
        cdef Py_ssize_t parent
        while i > 0:
            parent = (i - 1) >> 1
            if (<Pending> self.heap[parent]).key >= p.key:
                break
            self.heap[i] = self.heap[parent]
            i = parent
        self.heap[i] = <PyObject*> p

    cdef Pending pop(self):
        cdef Pending top = <Pending> self.heap[0]
        cdef Py_ssize_t i = 0, child = 2
        self.size -= 1
        # The hole sinks to the bottom and the last entry rises from there: with equal keys (leaves of one node) that is
        # the order in which PyTorch's queue gives them.
        while child < self.size:
            if (<Pending> self.heap[child]).key < (<Pending> self.heap[child - 1]).key:
                child -= 1
            self.heap[i] = self.heap[child]
            i = child
            child = 2 * i + 2
        if child == self.size:
            self.heap[i] = self.heap[child - 1]
            i = child - 1
        if i < self.size:
            self.raise_from(i, <Pending> self.heap[self.size])
        # A node runs once in a run: nothing can arrive for it from here on.
        if top.node.run == self.id:
            self.pending[top.node.slot] = None
            top.node.run = 0
        else:
            del self.contested[top.node]
        return top

    cdef void close(self):
        _active.discard(self.id)
        for p in self.pending:
            if p is not None:
                (<Pending> p).node.run = 0


# ------------------------------------------------------------------ hooks

cdef str hook_name(hook):
    return getattr(hook, "__name__", None) or type(hook).__name__


cdef Tensor checked_value(Tensor before, object after, object hook):
    """What a hook put in place of `before`."""
    cdef Tensor t
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    t = <Tensor> after
    if t.dt != before.dt:
        raise RuntimeError(f"hook '{hook_name(hook)}' has changed the type of value (was {_core.type_name(before)} got "
                           f"{_core.type_name(t)})")
    if t.dev != before.dev:
        raise RuntimeError(f"hook '{hook_name(hook)}' has changed the device of value (was {before.device} got "
                           f"{t.device})")
    if not same_shape(before, t):
        raise RuntimeError(f"hook '{hook_name(hook)}' has changed the size of value")
    return t


cdef list checked_values(before, object after, object hook):
    """What a hook put in place of the tuple `before`."""
    if not isinstance(after, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(after).__name__}'")
    if len(after) != len(before):
        raise RuntimeError(f"hook '{hook_name(hook)}' has returned an incorrect number of values (got {len(after)}, "
                           f"but expected {len(before)})")
    values = []
    for old, new in zip(before, after):
        if old is None:
            if new is not None:
                raise RuntimeError("can't replace a None gradient with a non-None value")
        elif new is not None:
            new = checked_value(<Tensor> old, new, hook)
        values.append(new)
    return values


cdef int run_tensor_hooks(Node node, list grads) except -1:
    cdef int nr
    for key, hooks in node.pre_hooks.items():
        nr = key
        if nr < 0 or grads[nr] is None:
            continue
        for hook in list(hooks.values()):
            after = hook(grads[nr])
            if after is not None:
                grads[nr] = checked_value(<Tensor> grads[nr], after, hook)
    return 0


cdef list run_pre_hooks(Node node, list grads):
    for hook in list(node.pre_hooks.get(-1, {}).values()):
        after = hook(tuple(grads))
        if after is not None:
            grads = checked_values(grads, after, hook)
    return grads


cdef object run_post_hooks(Node node, object results, list grads):
    if isinstance(results, Tensor) or results is None:
        results = (results,) if len(node.nexts) else ()
    results = tuple(results)
    for hook in list(node.post_hooks.values()):
        after = hook(results, tuple(grads))
        if after is not None:
            results = tuple(checked_values(results, after, hook))
    return results


cdef int retain(Node node, list grads, bint create_graph) except -1:
    """Fills `.grad` of the tensors of `retain_grad()`."""
    cdef Tensor t, g
    cdef AutogradMeta meta
    for nr, ref in node.retained.items():
        t = ref()
        g = <Tensor> grads[nr]
        if t is None or g is None or t.history is not node or t.output_nr != nr:
            continue                    # gone, or written in place since
        meta = need_meta(t)
        if meta.grad is not None:
            meta.grad = added(meta.grad, g, False)
        elif g.dev == SPARSE:
            meta.grad = g
        else:
            meta.grad = <Tensor> clone_tensor(g) if create_graph else clone(g)
    return 0


# ------------------------------------------------------------------ leaves

cdef bint laid_out_as(Tensor g, Tensor leaf):
    """Whether `g` has the strides that the gradient of `leaf` is to have: the leaf's, or contiguous ones."""
    cdef int i
    if leaf.contiguous:
        return g.contiguous
    if not is_dense(leaf):
        return g.contiguous
    for i in range(leaf.nd):
        if leaf.sizes[i] != 1 and leaf.strides[i] != g.strides[i]:
            return False
    return True


cdef Tensor gradient_copy(Tensor g, Tensor leaf):
    cdef Tensor r
    if leaf.contiguous or not is_dense(leaf):
        r = new_tensor(g.nd, g.sizes, g.dt, g.dev)
    else:
        r = empty_strided_like(g.nd, g.sizes, leaf.strides, g.dt, g.dev)
    copy_into(r, g)
    return r


def _copy_backward(node, g):
    return g


cdef int accumulate(AccumulateGrad node, Tensor g, bint create_graph) except -1:
    """Adds `g` to the leaf's gradient.  The caller holds the one reference to `g` that is not somebody else's."""
    cdef Tensor leaf = node.variable
    cdef AutogradMeta meta = need_meta(leaf)
    if not PyThread_acquire_lock(_accumulating, 0):
        with nogil:
            PyThread_acquire_lock(_accumulating, 1)
    try:
        if meta.grad is not None:
            meta.grad = added(meta.grad, g, not create_graph)
        elif g.dev == SPARSE:
            meta.grad = g
        elif create_graph:
            meta.grad = <Tensor> _core.record(gradient_copy(g, leaf), "CopyBackwards", (g,), _copy_backward)
        elif Py_REFCNT(<PyObject*> g) == 1 and Py_REFCNT(<PyObject*> g.storage) == 1 and g.history is None and \
                not g.needs_grad and laid_out_as(g, leaf):
            meta.grad = g
        else:
            meta.grad = gradient_copy(g, leaf)
    finally:
        PyThread_release_lock(_accumulating)
    if meta.post_accumulate_hooks is not None:
        for hook in list(meta.post_accumulate_hooks.values()):
            after = hook(leaf)
            if after is not None and not isinstance(after, Tensor):
                raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    return 0


# ------------------------------------------------------------------ the run

cdef set reaching(list roots, dict targets):
    """The nodes from which a target can be reached; only these need to run."""
    cdef set found = set(targets), seen = set()
    cdef list stack = list(roots), path = []
    cdef Node node
    cdef unsigned long long oldest = -1
    for node in targets:
        if node.sequence < oldest:
            oldest = node.sequence
    # `path` holds the nodes whose successors are on the stack above the marker None.
    while stack:
        x = stack.pop()
        if x is None:
            node = <Node> path.pop()
            if node not in found:
                for x in node.nexts:
                    if x is not None and x in found:
                        found.add(node)
                        break
            continue
        node = <Node> x
        if node.sequence < oldest or node in seen:
            continue
        seen.add(node)
        path.append(node)
        stack.append(None)
        for x in node.nexts:
            if x is not None and x not in seen:
                stack.append(x)
    return found


cdef tuple edge_of(object x):
    """(node, output number) of a tensor or a GradientEdge; the node is None where no gradient is wanted."""
    cdef Node node
    if isinstance(x, Tensor):
        node = gradient_edge(<Tensor> x)    # may give a view a new history, and so a new output number
        return node, (<Tensor> x).output_nr
    first, nr = x[0], x[1]
    return (<Node?> first), nr


cdef Tensor root_gradient(object x, object g, int index):
    cdef Tensor t, given
    if g is not None and not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if not isinstance(x, Tensor):
        if g is None:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return <Tensor> g
    t = <Tensor> x
    if g is None:
        if t.count != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if is_complex_code(t.dt):
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype}")
        given = new_tensor(t.nd, t.sizes, t.dt, t.dev)
        fill(given, 1)
        return given
    given = <Tensor> g
    if not same_shape(given, t):
        raise RuntimeError(f"Mismatch in shape: grad_output[{index}] has a shape of {given.shape} and "
                           f"output[{index}] has a shape of {t.shape}.")
    if is_complex_code(given.dt) != is_complex_code(t.dt):
        raise RuntimeError("For complex Tensors, both grad_output and output are required to have the same dtype. "
                           f"Mismatch in dtype: grad_output[{index}] has a dtype of {given.dtype} and "
                           f"output[{index}] has a dtype of {t.dtype}.")
    if given.dev != t.dev:
        raise RuntimeError(f"grad_output[{index}] is on {given.device} but output[{index}] is on {t.device}")
    return to_dtype(given, t.dt)


def run_backward(tuple tensors, tuple gradients, bint retain_graph, bint create_graph, object inputs=None,
                 bint accumulates=True, bint allow_unused=True):
    """Propagates `gradients` from `tensors` to the leaves, or to `inputs` alone if they are given.

    With `accumulates` the results are added to `.grad`; else they are returned, one per input.
    """
    global _runs, cg_run
    cdef Run run = Run.__new__(Run)
    cdef list roots = [], first = []
    cdef PyObject* outer = cg_run
    cdef dict targets = None, captured = None
    cdef list edges = None
    cdef set wanted = None
    cdef int i
    cdef bint mode

    for i, x in enumerate(tensors):
        edge = edge_of(x)
        if edge[0] is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        first.append(root_gradient(x, gradients[i], i))
        roots.append(edge)
    if inputs is not None:
        targets, captured, edges = {}, {}, []
        for x in inputs:
            edge = edge_of(x)
            if edge[0] is None:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            edges.append(edge)
            targets.setdefault(edge[0], []).append(edge[1])
        wanted = reaching([edge[0] for edge in roots], targets)

    _runs += 1
    run.id = _runs
    run.create_graph = create_graph
    run.roots, run.wanted = roots, wanted
    run.pending = []
    run.outer = None if outer == NULL else <Run> outer
    _active.add(run.id)
    cg_run = <PyObject*> run
    mode = _core.set_grad_mode(create_graph)
    try:
        for i in range(len(roots) - 1, -1, -1):
            if wanted is None or roots[i][0] in wanted:
                run.add(<Node> roots[i][0], roots[i][1], <Tensor> first.pop())
            else:
                first.pop()
        propagate(run, retain_graph, targets, wanted, captured, accumulates)
        if run.callbacks is not None:
            for x in run.callbacks:     # one may queue others
                x()
    finally:
        _core.set_grad_mode(mode)
        cg_run = outer
        run.close()
    if inputs is None or accumulates:
        return None
    out = []
    for i, edge in enumerate(edges):
        got = captured.get(edge)
        if got is None and not allow_unused:
            raise RuntimeError(f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
                               "Set allow_unused=True if this is the desired behavior.")
        out.append(got)
    return tuple(out)


cdef int propagate(Run run, bint retain_graph, dict targets, set wanted, dict captured, bint accumulates) except -1:
    """Runs what is queued until nothing is."""
    cdef Node node = None, nxt, onward = None
    cdef Pending p
    cdef Tensor g = None
    cdef list grads
    cdef object results, single
    cdef Py_ssize_t k, n
    cdef int nr = 0
    while True:
        # --- the next node and its gradients
        if onward is not None:
            node, onward = onward, None
            grads = [g]
            g = None
        elif run.size:
            p = run.pop()
            node, grads = p.node, p.grads
            p = None
        else:
            return 0
        if node.pre_hooks is not None:
            run_tensor_hooks(node, grads)
        if node.retained is not None:
            retain(node, grads, run.create_graph)
        if targets is not None and node in targets:
            if not accumulates:
                for x in <list> targets[node]:
                    captured[node, x] = grads[<int> x]
            if not isinstance(node, AccumulateGrad):
                for x in node.nexts:
                    if x is not None and x in wanted:
                        break
                else:
                    continue
            elif not accumulates:
                continue
        if node.pre_hooks is not None:
            grads = run_pre_hooks(node, grads)
        # --- a leaf
        n = len(node.nexts)
        if n == 0 and isinstance(node, AccumulateGrad):
            g = <Tensor> grads[0]
            grads = None
            if g is not None:
                if _watched is None:
                    accumulate(<AccumulateGrad> node, g, run.create_graph)
                else:
                    _watched(node, [g], run.create_graph)
            if node.post_hooks is not None:
                run_post_hooks(node, (), [g])
            g = None
            continue
        # --- an operation
        if node.n_outputs == 1 and grads[0] is None:
            continue                    # a hook took the gradient away
        if _watched is None:
            results = node.apply(grads)
        else:
            results = _watched(node, grads, run.create_graph)
        if node.post_hooks is not None:
            results = run_post_hooks(node, results, grads)
        if not retain_graph:
            node.release()
        grads = None
        # --- where its results go
        if results is None:
            continue
        if isinstance(results, Tensor):
            if n:
                nxt = <Node> node.nexts[0]
                if nxt is not None and (wanted is None or nxt in wanted):
                    g = <Tensor> results
                    results = None
                    if run.size == 0 and nxt.n_outputs == 1:
                        onward = nxt
                    else:
                        run.add(nxt, node.nrs[0], g)
                        g = None
            continue
        if len(results) < n:
            raise RuntimeError(f"{node.name()} returned an incorrect number of gradients (expected {n}, got "
                               f"{len(results)})")
        for k in range(n):
            nxt = <Node> node.nexts[k]
            if nxt is None or (wanted is not None and nxt not in wanted):
                continue
            single = results[k]
            if single is None:
                continue
            if onward is not None:
                run.add(onward, nr, g)
                onward = None
            g = <Tensor?> single
            nr = node.nrs[k]
            single = None
            if run.size == 0 and nxt.n_outputs == 1:
                onward = nxt
            else:
                run.add(nxt, nr, g)
                g = None
        results = None


# ------------------------------------------------------------------ the fronts' hot path

cdef void warn_create_graph():
    warn_once(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
        "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you "
        "have to use this function, make sure to reset the .grad fields of your parameters to None after use to break "
        "the cycle and avoid the leak.")


cdef list backward_inputs(inputs):
    """The `inputs` of backward(), those that are no leaves told to keep their gradient."""
    if isinstance(inputs, Tensor) or is_edge(inputs):
        inputs = (inputs,)
    elif len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    inputs = list(inputs)
    for x in inputs:
        check_input(x)
        if isinstance(x, Tensor) and (not x.requires_grad or current_grad_fn(<Tensor> x) is not None):
            x.retain_grad()
    return inputs


def is_edge(x):
    """Whether `x` is a GradientEdge."""
    return isinstance(x, tuple) and hasattr(x, "output_nr")


def check_input(x):
    if not isinstance(x, Tensor) and not is_edge(x):
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")


def backward(tensors, grad_tensors=None, retain_graph=None, bint create_graph=False, grad_variables=None, inputs=None):
    """Sums the gradients of `tensors` with respect to the leaves of the graph into their `.grad`.

    `grad_tensors` are the vectors of the vector-Jacobian products, one per tensor; None for a tensor of one element.
    The graph is freed unless `retain_graph` (by default `create_graph`).  With `inputs` only these gradients are
    accumulated.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                               "`backward()`. Please only use `grad_tensors`.")
        grad_tensors = grad_variables
    if inputs is not None:
        inputs = backward_inputs(inputs)
    tensors = (tensors,) if isinstance(tensors, Tensor) or is_edge(tensors) else tuple(tensors)
    if grad_tensors is None:
        grad_tensors = (None,) * len(tensors)
    else:
        grad_tensors = (grad_tensors,) if isinstance(grad_tensors, Tensor) else tuple(grad_tensors)
        if len(grad_tensors) != len(tensors):
            raise RuntimeError(f"got {len(tensors)} tensors and {len(grad_tensors)} gradients")
    if create_graph:
        warn_create_graph()
    run_backward(tensors, grad_tensors, create_graph if retain_graph is None else retain_graph, create_graph, inputs)


def tensor_backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Sums the gradient of this tensor with respect to the leaves of its graph into their `.grad`.

    `gradient` is the vector of the vector-Jacobian product, of this tensor's shape; it may be left out for one element.
    """
    if gradient is None and inputs is None and not create_graph and isinstance(self, Tensor):
        run_backward((self,), (None,), retain_graph is not None and retain_graph, False)
    else:
        backward(self, gradient, retain_graph, create_graph, None, inputs)


# ------------------------------------------------------------------ what hooks may ask

def current_run():
    """The number of the backward pass that this thread is in; -1 if it is in none."""
    return -1 if cg_run == NULL else (<Run> cg_run).id


def queue_callback(callback, bint outermost=False):
    """Has `callback()` called when the backward pass that this thread is in has run all its nodes.

    Of passes that began inside another it is the innermost, or with `outermost` the one that holds them all.
    """
    cdef Run run
    if cg_run == NULL:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    run = <Run> cg_run
    while outermost and run.outer is not None:
        run = run.outer
    if run.callbacks is None:
        run.callbacks = []
    run.callbacks.append(callback)


def is_active(run):
    """Whether the backward pass of this number is under way, in any thread."""
    return run in _active


def reaches_all_leaves():
    """Whether the backward pass under way goes to all leaves, not to chosen inputs."""
    return cg_run != NULL and (<Run> cg_run).wanted is None


def will_execute(Node node not None):
    """Whether the gradient of `node` is computed by the backward pass that this thread is in."""
    cdef Run run
    cdef set seen
    cdef list stack
    if cg_run == NULL:
        raise RuntimeError("no backward pass is under way in this thread")
    run = <Run> cg_run
    if run.wanted is not None:
        return node in run.wanted
    if run.reachable is None:
        seen = set()
        stack = [edge[0] for edge in run.roots]
        while stack:
            x = stack.pop()
            if x not in seen:
                seen.add(x)
                stack.extend([n for n in (<Node> x).nexts if n is not None and n not in seen])
        run.reachable = seen
    return node in run.reachable
