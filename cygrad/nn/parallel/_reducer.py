"""Gradients in buckets, each reduced over the ranks as soon as it is full, while the backward pass goes on."""

import cygrad
from cygrad import _engine, distributed as dist
from cygrad.distributed import GradBucket

_MIB = 1024 * 1024


def buckets_of(params, first, later, alone=()):
    """Parameters in the reverse of their order, which is about that of their gradients, as lists of up to
    `first`, then `later`, bytes and of one dtype and device each; those in `alone` by themselves."""
    found, open_ = [], {}
    for param in reversed(params):
        if param in alone:
            found.append([param])
            continue
        kind = (param.dtype, param.device)
        current, size = open_.get(kind, ([], 0))
        current.append(param)
        size += param.nbytes
        open_[kind] = current, size
        if size >= (later if found else first):
            found.append(open_.pop(kind)[0])
    return found + [current for current, _ in open_.values()]


class Reducer:
    """The buckets of a model, and the hooks on its parameters that fill them.

    `sparse` are the parameters whose gradients are sparse. With `static_graph` the first backward pass counts how
    often each parameter's gradient comes, and reduces at its end; in the others a gradient is ready when it has come
    as often.
    """

    def __init__(self, params, names, group, first_mb, later_mb, find_unused, bucket_view, static_graph, sparse):
        self._group, self._names = group, names
        self._find_unused, self._bucket_view, self.static_graph = find_unused, bucket_view, static_graph
        lists = buckets_of(params, first_mb * _MIB, later_mb * _MIB, sparse)
        self.buckets = [
            GradBucket(i, some, i == len(lists) - 1, some[0] in sparse) for i, some in enumerate(lists)
        ]
        self._place = {p: (b, i) for b in self.buckets for i, p in enumerate(b._params)}
        self.params = params
        self.hook = None  # (state, function)
        self.divisor = group.size()
        self.enabled = False  # whether gradients are to be reduced, or kept on this rank
        self._ready, self._used = set(), set()
        self._launched = 0
        self._finished = True
        self._counts, self._expected, self._left = {}, None, {}  # of a static graph, by parameter
        self._used_in_graph = None
        self._handles = [p.register_post_accumulate_grad_hook(self._on_gradient) for p in params]

    # --- before the backward pass ---

    def prepare(self, outputs=None):
        """Makes ready for a backward pass; with the outputs of the model, parameters that they do not need count as
        ready at once."""
        if not self._finished and self._used:
            raise RuntimeError(self._unfinished())
        self._ready.clear()
        self._used.clear()
        self._launched, self._finished = 0, False
        for bucket in self.buckets:
            bucket._start()
        if self.static_graph:
            self._counts.clear()
            if self._expected is not None:
                self._left = dict(self._expected)
                self._mark_all([p for p in self.params if p not in self._expected])
        elif outputs is not None:
            needed = reachable(outputs)
            unused = [p for p in self.params if p not in needed]
            if len(unused) < len(self.params):  # with none there may be no backward pass at all
                self._mark_all(unused)

    def _mark_all(self, unused):
        """Notes that these parameters will have no gradient."""
        for param in unused:
            self._mark(param, None)

    def _unfinished(self):
        missing = [i for i, p in enumerate(self.params) if p not in self._ready]
        text = (
            "Expected to have finished reduction in the prior iteration before starting a new one. This error "
            "indicates that your module has parameters that were not used in producing loss. "
        )
        if self._find_unused:
            text += (
                "Since `find_unused_parameters=True` is enabled, this likely  means that not all `forward` outputs "
                "participate in computing loss. You can fix this by \nmaking sure all `forward` function outputs "
                "participate in calculating loss. "
            )
        else:
            text += (
                "You can enable unused parameter detection by passing the keyword argument "
                "`find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`, and by \n"
                "making sure all `forward` function outputs participate in calculating loss. "
            )
        text += (
            "\nIf you already have done the above, then the distributed data parallel module wasn't able to locate the "
            "output tensors in the return value of your module's `forward` function. Please include the loss function "
            "and the structure of the return value of `forward` of your module when reporting this issue (e.g. list, "
            f"dict, iterable).\nParameter indices which did not receive grad for rank {self._group.rank()}: "
            f"{' '.join(map(str, missing))}"
        )
        if dist.get_debug_level() == dist.DebugLevel.OFF:
            return text + (
                "\n In addition, you can set the environment variable TORCH_DISTRIBUTED_DEBUG to either INFO or DETAIL "
                "to print out information about which particular parameters did not receive gradient on this rank as "
                "part of this error"
            )
        names = ", ".join(self._names[self.params[i]] for i in missing)
        return text + f"\nParameters which did not receive grad for rank {self._group.rank()}: {names}"

    # --- in the backward pass ---

    def _on_gradient(self, param):
        if not self.enabled or self._finished:
            return
        if self.static_graph:
            self._used.add(param)
            if self._expected is None:
                if not self._counts:
                    _engine.queue_callback(self._end_of_first_pass, outermost=True)
                self._counts[param] = self._counts.get(param, 0) + 1
                return
            self._left[param] = self._left.get(param, 1) - 1
            if self._left[param] > 0:
                return
        if param in self._ready:
            index = next(i for i, p in enumerate(self.params) if p is param)
            raise RuntimeError(
                "Expected to mark a variable ready only once. This error is caused by one of the following reasons: "
                "1) Use of a module parameter outside the `forward` function. Please make sure model parameters are "
                "not shared across multiple concurrent forward-backward passes. or try to use _set_static_graph() as a "
                "workaround if this module graph does not change during training loop."
                "2) Reused parameters in multiple reentrant backward passes. For example, if you use multiple "
                "`checkpoint` functions to wrap the same part of your model, it would result in the same set of "
                "parameters been used by different reentrant backward passes multiple times, and hence marking a "
                "variable ready multiple times. DDP does not support such use cases in default. You can try to use "
                "_set_static_graph() as a workaround if your module graph does not change over iterations.\n"
                f"Parameter at index {index} with name {self._names[param]} has been marked as ready twice. This means "
                "that multiple autograd engine  hooks have fired for this particular parameter during this iteration."
            )
        self._used.add(param)
        self._mark(param, param.grad)

    def _mark(self, param, grad):
        """Notes that the gradient, or that there is none, has come."""
        self._ready.add(param)
        bucket, i = self._place[param]
        with cygrad.no_grad():
            if bucket._put(i, grad) and self._bucket_view:
                param.grad = bucket._views[i]
        bucket._waiting -= 1
        while self._launched < len(self.buckets) and not self.buckets[self._launched]._waiting:
            self._launch(self.buckets[self._launched])
        if self._launched == len(self.buckets):
            # Not here: a hook would hold up the rest of the pass, and other hooks of this parameter are still to come.
            _engine.queue_callback(self._finish)

    def _end_of_first_pass(self):
        """The graph is known: reduces all that the first pass has left."""
        self._expected = dict(self._counts)
        for param in self.params:
            self._mark(param, param.grad if param in self._used else None)

    def _launch(self, bucket):
        self._launched += 1
        with cygrad.no_grad():
            if self.hook is not None:
                bucket._pending = self.hook[1](self.hook[0], bucket)
                return
            if self.divisor != 1:
                bucket._flat.div_(self.divisor)
            if self._launched < len(self.buckets):
                bucket._pending = dist.all_reduce(bucket._flat, group=self._group, async_op=True)
            # The last one has nothing to overlap with: `_wait` reduces it, without a detour by another thread.

    def _wait(self, bucket):
        """Waits until the bucket is reduced."""
        if self.hook is None:
            if bucket._pending is None:
                dist.all_reduce(bucket._flat, group=self._group)
            else:
                bucket._pending.wait()
            return
        result = bucket._pending.wait()
        if isinstance(result, list | tuple):
            result = result[0]
        if result is not bucket._flat:
            bucket._flat.copy_(result)
        bucket._buffer = bucket._flat

    @cygrad.no_grad()
    def _finish(self):
        """The last gradient has come: waits for all buckets and writes the gradients back."""
        self._finished = True
        used = self._used_anywhere()
        for bucket in self.buckets:
            self._wait(bucket)
            for i, param in enumerate(bucket._params):
                if used is not None and not used[param]:
                    continue
                reduced = bucket._gradient(i)
                if self._bucket_view or bucket._sparse:
                    param.grad = reduced
                elif param.grad is None:
                    param.grad = reduced.clone()
                else:
                    param.grad.copy_(reduced)

    def _used_anywhere(self):
        """{parameter: whether a rank used it}, or None where all are used."""
        if not self._find_unused and not self.static_graph:
            return None
        if self._used_in_graph is not None:
            return self._used_in_graph
        flags = cygrad.tensor([int(p in self._used) for p in self.params], dtype=cygrad.int32)
        dist.all_reduce(flags, group=self._group)
        used = {p: bool(f) for p, f in zip(self.params, flags.tolist(), strict=True)}
        if self.static_graph:
            self._used_in_graph = used
        return used

    # --- for ranks that have joined ---

    def shadow(self):
        """Takes part in a backward pass of other ranks, with gradients of 0."""
        if self.static_graph and self._expected is None:
            raise RuntimeError(
                "DistributedDataParallel with static_graph=True: a rank joined before its first backward pass"
            )
        self.prepare()
        for bucket in self.buckets[self._launched :]:
            for i in range(len(bucket._params)):
                bucket._put(i, None)
            self._launch(bucket)
        self._finished = True
        self._used_anywhere()
        for bucket in self.buckets:
            self._wait(bucket)

    def remove(self):
        """Takes the hooks off the parameters."""
        for handle in self._handles:
            handle.remove()


def tensors_in(value):
    """The tensors in nested lists, tuples, dicts and data classes."""
    if isinstance(value, cygrad.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name))


def reachable(outputs):
    """The leaves that the outputs depend on."""
    leaves, seen, left = set(), set(), []
    for output in tensors_in(outputs):
        if output.grad_fn is not None:
            left.append(output.grad_fn)
        elif output.requires_grad:
            leaves.add(output)
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves.add(variable)
        left += [after for after, _ in node.next_functions if after is not None]
    return leaves
