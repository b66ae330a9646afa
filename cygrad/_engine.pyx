"""The backward pass: runs the nodes of the graph, youngest first, and adds up what they return.

A node is younger than every node it reads from, so a heap ordered by age gives each node all of its gradients before
it runs; no dependencies are counted.  What a run knows of a node (the gradients that have arrived) lies in a list of
the run, at the position that the node carries; a node that another unfinished run (a backward inside a hook, another
thread) has claimed is looked up in a dict of this run instead.
"""
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_DECREF
from libc.stdlib cimport malloc, realloc, free

from cygrad._core cimport (
    HALF, Tensor, Node, Storage, AccumulateGrad, CopySlices, grad_required, gradient_edge, need_meta, new_tensor, shallow,
    make_size, same_shape)
from cygrad._ops cimport to_dtype, clone, elementwise, Op, sum_to
from cygrad import _core
from cygrad._ops import OPS, full

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o)

cdef Op _add = OPS["add"]
cdef unsigned long long _runs = 0
cdef set _active = set()


cdef class Pending:
    """The gradients that have arrived for the outputs of one node."""
    cdef Node node
    cdef list grads
    cdef unsigned int owned         # bit per output: the sum is this run's own tensor and may be added to in place


cdef class Run:
    cdef unsigned long long id
    cdef list pending               # by Node.slot
    cdef dict contested             # Node -> Pending, for nodes that another run has claimed
    cdef PyObject** heap            # Pending, borrowed from `pending` or `contested`
    cdef Py_ssize_t size, capacity

    def __dealloc__(self):
        free(self.heap)

    cdef Pending entry(self, Node node):
        """The entry of a node, made and queued when its first gradient arrives."""
        cdef Pending p
        if node.run == self.id:
            return <Pending> self.pending[node.slot]
        if node.run != 0 and node.run in _active:
            p = <Pending> self.contested.get(node)
            if p is not None:
                return p
        p = Pending.__new__(Pending)
        p.node = node
        p.grads = [None] * node.n_outputs
        if node.run != 0 and node.run in _active:
            self.contested[node] = p
        else:
            node.run = self.id
            node.slot = len(self.pending)
            self.pending.append(p)
        self.push(p)
        return p

    cdef void push(self, Pending p):
        cdef Py_ssize_t i, parent
        cdef unsigned long long age = p.node.sequence
        if self.size == self.capacity:
            self.capacity = 2 * self.capacity if self.capacity else 64
            self.heap = <PyObject**> realloc(self.heap, self.capacity * sizeof(PyObject*))
        i = self.size
        self.size += 1
        while i > 0:
            parent = (i - 1) >> 1
            if (<Pending> self.heap[parent]).node.sequence >= age:
                break
            self.heap[i] = self.heap[parent]
            i = parent
        self.heap[i] = <PyObject*> p

    cdef Pending pop(self):
        cdef Pending top = <Pending> self.heap[0]
        cdef PyObject* last
        cdef Py_ssize_t i = 0, child
        cdef unsigned long long age
        self.size -= 1
        if self.size:
            last = self.heap[self.size]
            age = (<Pending> last).node.sequence
            while True:
                child = 2 * i + 1
                if child >= self.size:
                    break
                if child + 1 < self.size and \
                        (<Pending> self.heap[child + 1]).node.sequence > (<Pending> self.heap[child]).node.sequence:
                    child += 1
                if (<Pending> self.heap[child]).node.sequence <= age:
                    break
                self.heap[i] = self.heap[child]
                i = child
            self.heap[i] = last
        # A node can run once in a run: what it is given afterwards would be lost.
        if top.node.run == self.id:
            self.pending[top.node.slot] = None
            top.node.run = 0
        else:
            self.contested.pop(top.node, None)
        return top

    cdef int add(self, Node node, int nr, Tensor g, bint create_graph) except -1:
        cdef Pending p = self.entry(node)
        cdef Tensor before = <Tensor> p.grads[nr]
        if before is None:
            p.grads[nr] = g
        elif create_graph or not (p.owned >> nr & 1):
            p.grads[nr] = elementwise(_add, (before, g), None, None, False)
            p.owned |= 1 << nr
        else:
            elementwise(_add, (before, g), None, before, True)
        return 0


cdef Tensor checked_hook_result(Tensor before, object after):
    if after is None:
        return before
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if not same_shape(before, <Tensor> after):
        raise RuntimeError("hook '<unknown>' has changed the size of value")
    return <Tensor> after


cdef list run_pre_hooks(Node node, list grads):
    cdef int nr
    for key, hooks in node.pre_hooks.items():
        nr = key
        if nr < 0:
            for hook in list(hooks.values()):
                after = hook(tuple(grads))
                if after is not None:
                    grads = list(after) if isinstance(after, tuple) else [after]
        elif grads[nr] is not None:
            for hook in list(hooks.values()):
                grads[nr] = checked_hook_result(<Tensor> grads[nr], hook(grads[nr]))
    return grads


cdef object run_post_hooks(Node node, object results, list grads):
    results = tuple(results) if isinstance(results, (tuple, list)) else (results,)
    for hook in list(node.post_hooks.values()):
        after = hook(results, tuple(grads))
        if after is not None:
            results = after if isinstance(after, tuple) else (after,)
    return results


cdef int accumulate(AccumulateGrad node, Tensor g, bint create_graph) except -1:
    """Adds `g` to the leaf's gradient: keeps `g` itself where nobody else has it."""
    cdef Tensor leaf = node.variable
    cdef Tensor before
    meta = need_meta(leaf)
    before = meta.grad
    if before is None:
        if create_graph:
            meta.grad = g
        elif Py_REFCNT(<PyObject*> g) <= 3 and Py_REFCNT(<PyObject*> g.storage) == 1 and g.contiguous and \
                g.history is None:
            meta.grad = g
        else:
            meta.grad = clone(shallow(g))
    elif create_graph:
        meta.grad = elementwise(_add, (before, g), None, None, False)
    else:
        elementwise(_add, (before, g), None, before, True)
    if meta.post_accumulate_hooks is not None:
        for hook in list(meta.post_accumulate_hooks.values()):
            hook(leaf)
    return 0


cdef set reaching(list roots, dict targets):
    """The nodes from which a target can be reached; only these need to run."""
    cdef set found = set(targets), seen = set()
    cdef list stack = [(node, False) for node in roots]
    cdef Node node
    while stack:
        node, done = stack.pop()
        if done:
            if node not in found:
                for nxt in node.nexts:
                    if nxt is not None and nxt in found:
                        found.add(node)
                        break
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.append((node, True))
        for nxt in node.nexts:
            if nxt is not None and nxt not in seen:
                stack.append((nxt, False))
    return found


cdef object invalid_gradient(Node node, int i, str what):
    return RuntimeError(f"Function {node.name()} returned an invalid gradient at index {i} - {what}")


cdef Tensor root_gradient(Tensor t, object g, int index):
    if g is None:
        if t.count != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if t.dt < HALF:
            raise RuntimeError("grad can be implicitly created only for real scalar outputs but got "
                               f"{t.dtype}")
        return full(t.shape, 1, t.dt, t.dev)
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if not same_shape(<Tensor> g, t):
        raise RuntimeError(f"Mismatch in shape: grad_output[{index}] has a shape of {(<Tensor> g).shape} and "
                           f"output[{index}] has a shape of {t.shape}.")
    return <Tensor> g


def run_backward(tuple tensors, tuple gradients, bint retain_graph, bint create_graph, object inputs, bint accumulates,
                 bint allow_unused):
    """Propagates `gradients` from `tensors` to the leaves, or to `inputs` alone if they are given.

    With `accumulates` the results are added to `.grad`; else they are returned, one per input.
    """
    global _runs
    cdef Run run = Run.__new__(Run)
    cdef Node node, nxt
    cdef Tensor t, g
    cdef Pending p
    cdef list grads, roots = []
    cdef dict targets = None
    cdef dict captured = {}
    cdef set wanted = None
    cdef int i
    cdef Py_ssize_t k, n
    cdef object results
    cdef bint mode

    for i, x in enumerate(tensors):
        t = <Tensor?> x
        if gradient_edge(t) is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    first_grads = [root_gradient(<Tensor> x, gradients[k], k) for k, x in enumerate(tensors)]
    if inputs is not None:
        targets = {}
        edges = []
        for x in inputs:
            t = <Tensor?> x
            if not grad_required(t):
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            node = gradient_edge(t)
            edges.append((node, t.output_nr))
            targets.setdefault(node, []).append(t.output_nr)
        roots = [gradient_edge(<Tensor> x) for x in tensors]
        wanted = reaching(roots, targets)

    _runs += 1
    run.id = _runs
    run.pending = []
    run.contested = {}
    _active.add(run.id)
    mode = _core.set_grad_mode(create_graph)
    try:
        for k, x in enumerate(tensors):
            t = <Tensor> x
            node = gradient_edge(t)
            if wanted is None or node in wanted:
                run.add(node, t.output_nr, <Tensor> first_grads[k], create_graph)
        first_grads = None
        while run.size:
            p = run.pop()
            node = p.node
            grads = p.grads
            p.grads = None
            p = None
            if node.pre_hooks is not None:
                grads = run_pre_hooks(node, grads)
            if node.retained is not None:
                for nr, ref in node.retained.items():
                    t = ref()
                    if t is not None and grads[nr] is not None:
                        g = <Tensor> grads[nr]
                        if need_meta(t).grad is None:
                            t.meta.grad = g if create_graph else clone(shallow(g))
                        else:
                            t.meta.grad = elementwise(_add, (t.meta.grad, g), None, None, False)
            if targets is not None and node in targets:
                for nr in targets[node]:
                    captured[node, nr] = grads[nr]
                if isinstance(node, AccumulateGrad):
                    if accumulates and grads[0] is not None:
                        g = <Tensor> grads[0]
                        captured.clear()
                        grads = None
                        accumulate(<AccumulateGrad> node, g, create_graph)
                    continue
                for nxt in node.nexts:
                    if nxt is not None and nxt in wanted:
                        break
                else:
                    continue
            if isinstance(node, AccumulateGrad):
                g = <Tensor> grads[0]
                grads = None
                if g is not None:
                    accumulate(<AccumulateGrad> node, g, create_graph)
                    if node.post_hooks is not None:
                        run_post_hooks(node, (), [g])
                continue
            n = len(node.nexts)
            results = node.apply(grads)
            if node.post_hooks is not None:
                results = run_post_hooks(node, results, grads)
            if not retain_graph:
                node.release()
            grads = None
            if isinstance(results, Tensor) or results is None:
                if n > 0 and node.nexts[0] is not None and results is not None:
                    nxt = <Node> node.nexts[0]
                    g = <Tensor> results
                    results = None
                    if wanted is None or nxt in wanted:
                        run.add(nxt, node.nrs[0], g, create_graph)
                    g = None
                continue
            if len(results) < n:
                raise RuntimeError(f"{node.name()} returned an incorrect number of gradients (expected {n}, got "
                                   f"{len(results)})")
            for k in range(n):
                nxt = <Node> node.nexts[k]
                if nxt is None or results[k] is None:
                    continue
                if wanted is not None and nxt not in wanted:
                    continue
                g = <Tensor?> results[k]
                run.add(nxt, node.nrs[k], g, create_graph)
            g = None
            results = None
    finally:
        _core.set_grad_mode(mode)
        _active.discard(run.id)
        for x in run.pending:
            if x is not None:
                (<Pending> x).node.run = 0
    if inputs is None:
        return None
    if accumulates:
        for k, x in enumerate(inputs):
            t = <Tensor> x
            if t.history is not None and (edges[k] in captured) and captured[edges[k]] is not None:
                g = <Tensor> captured[edges[k]]
                meta = need_meta(t)
                meta.grad = g if meta.grad is None else elementwise(_add, (meta.grad, g), None, None, False)
        return None
    out = []
    for k, edge in enumerate(edges):
        got = captured.get(edge)
        if got is None and not allow_unused:
            raise RuntimeError(f"The differentiated Tensor at index {k} appears to not have been used in the graph. "
                               "Set allow_unused=True if this is the desired behavior.")
        out.append(got)
    return tuple(out)
