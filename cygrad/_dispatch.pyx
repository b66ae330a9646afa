"""The one place where somebody may come between a caller and an operator.

Design
------
* Every public function, method and property of Tensor is an object of a C type (`_dispatch.h`) around the function that
  does the work.  It tests one global counter, and the types of its arguments, and else calls straight on.  The objects
  stay: `from torch import relu` taken before anything interposes is covered as well.
* What interposes, from the outside in: modes (`TorchFunctionMode`), `__torch_function__` of arguments, the profiler,
  autocast.  Their state belongs to the thread; the counter `cg_interposers` alone is the process's.
* `follow_calls` is for whoever wants to know in which public function something happens; it is no interposer.
* A function that calls other public functions is seen together with them by the profiler and by autocast, but not by
  `__torch_function__`: handlers call the function with themselves out of the way.
"""
cimport cython
from cpython.object cimport PyObject, PyTypeObject

from sys import _getframe as getframe

from cygrad._core cimport (
    BFLOAT16, FLOAT, HALF, Tensor, as_dtype_code, attach, dtype_object, grad_enabled, new_view, set_history)
from cygrad._ops import to_dtype_device

cdef extern from *:
    """
    #define cg_tp_new_by(base, type, args) \\
        (((PyTypeObject* )(base))->tp_new((PyTypeObject* )(type), (args), NULL))
    """
    object cg_tp_new_by(object base, object type, object args)

cdef extern from "_dispatch.h":
    ctypedef struct cg_public:
        PyObject* inner
        PyObject* name
        PyObject* function
        PyObject* operator_name
        int looks, swapped, returns_not_implemented, keywords, policy
    int cg_interposers
    void* cg_interposed
    void* cg_explain
    PyTypeObject* cg_tensor
    PyTypeObject* cg_parameter
    PyObject* cg_disabled_impl
    PyTypeObject* cg_function_type
    PyTypeObject* cg_method_type
    PyTypeObject* cg_property_type
    int cg_make_types() except -1
    void cg_fill_slots(PyTypeObject* type)
    object cg_make_public(PyTypeObject* type, object inner, object name, object module)
    bint cg_type_overrides(PyTypeObject* type)
    bint cg_overrides(PyObject* x)
    object cg_call_inner(cg_public* self, PyObject** args, size_t nargsf, PyObject* kwnames)

cdef extern from *:
    """
    static PyObject *cg_property_inner(PyObject *inner, PyObject *const *args, Py_ssize_t n)
    {
        if (n == 1)
            return Py_TYPE(inner)->tp_descr_get(inner, args[0], (PyObject *)Py_TYPE(args[0]));
        if (Py_TYPE(inner)->tp_descr_set == NULL) {
            PyErr_SetString(PyExc_AttributeError, "attribute of 'torch.Tensor' objects is not writable");
            return NULL;
        }
        return Py_TYPE(inner)->tp_descr_set(inner, args[0], args[1]) < 0 ? NULL : Py_NewRef(Py_None);
    }
    """
    PyTypeObject* CG_TYPE "Py_TYPE" (PyObject* x)
    Py_ssize_t cg_nargs "PyVectorcall_NARGS" (size_t n)
    object cg_property_inner(PyObject* inner, PyObject** args, Py_ssize_t n)


# ------------------------------------------------------------------ the state of a thread

cdef extern from *:
    """
    typedef struct {
        int disabled;           /* 1: arguments are not asked; 2: modes are not either */
        PyObject *modes;        /* list, the innermost last; NULL before the first */
        PyObject *recorder;     /* of the profiler, or NULL; borrowed */
        PyObject *calls;        /* list of (public object, the Python frame that called it); NULL before the first */
        PyObject *casts;        /* autocast's dict of weights already cast, or NULL */
        int cast_depth;         /* how many autocast regions deep */
        int cast_off;           /* inside a function that autocast has prepared the arguments of */
        int cast_enabled[2];    /* on the CPU, on other devices */
        int cast_dtype[2];
        int no_cast_cache;
        int begun;
    } cg_thread_state;
    static __thread cg_thread_state cg_state;
    """
    ctypedef struct cg_thread_state:
        int disabled
        PyObject* modes
        PyObject* recorder
        PyObject* calls
        PyObject* casts
        int cast_depth, cast_off
        int cast_enabled[2]
        int cast_dtype[2]
        int no_cast_cache, begun
    cg_thread_state cg_state


cdef list modes_of_thread():
    """The modes of this thread.  The list is never freed: a few bytes per thread that used one."""
    if cg_state.modes == NULL:
        made = []
        incref(made)
        cg_state.modes = <PyObject*> made
    return <list> cg_state.modes


cdef extern from "Python.h":
    void incref "Py_INCREF"(object o)
    void decref "Py_DECREF"(object o)


def push_mode(mode):
    """Puts a mode on the stack of this thread."""
    global cg_interposers
    modes_of_thread().append(mode)
    cg_interposers += 1


def pop_mode():
    """Takes the innermost mode off the stack of this thread."""
    global cg_interposers
    cg_interposers -= 1
    return modes_of_thread().pop()


def mode_stack():
    """The modes of this thread, the innermost last."""
    return list(modes_of_thread())


def modes_enabled():
    """Whether a mode of this thread is on."""
    return cg_state.disabled < 2 and cg_state.modes != NULL and len(<list> cg_state.modes) > 0


def is_disabled():
    """Whether `__torch_function__` of arguments is off in this thread."""
    return cg_state.disabled != 0


def set_disabled(int level):
    """0: all are asked; 1: modes alone; 2: nobody.  Returns the former level."""
    before = cg_state.disabled
    cg_state.disabled = level
    return before


def quietly(f):
    """A function that runs with nobody asked."""
    def quiet(*args, **kwargs):
        before = set_disabled(2)
        try:
            return f(*args, **kwargs)
        finally:
            set_disabled(before)
    quiet.__name__, quiet.__qualname__, quiet.__doc__, quiet.__wrapped__ = f.__name__, f.__qualname__, f.__doc__, f
    return quiet


@cython.binding(False)    # its methods check the type of `self`
cdef class _Disable:
    cdef int level, before

    def __enter__(self):
        self.before = cg_state.disabled
        cg_state.disabled = max(self.before, self.level)

    def __exit__(self, *exc):
        cg_state.disabled = self.before


cdef class DisableTorchFunctionSubclass(_Disable):
    """A context in which `__torch_function__` of arguments is not called; modes still are."""

    def __cinit__(self):
        self.level = 1


cdef class DisableTorchFunction(_Disable):
    """A context in which neither `__torch_function__` of arguments nor modes are called."""

    def __cinit__(self):
        self.level = 2


# ------------------------------------------------------------------ who overrides

cdef int collect(object x, list found) except -1:
    """Adds `x` to the overriding arguments: one of each type, subclasses before their base classes."""
    cdef Py_ssize_t i
    if not cg_type_overrides(CG_TYPE(<PyObject*> x)):
        return 0
    kind = type(x)
    for i in range(len(found)):
        if type(found[i]) is kind:
            return 0
    for i in range(len(found)):
        if issubclass(kind, type(found[i])):
            found.insert(i, x)
            return 0
    found.append(x)
    return 0


def overloaded(args):
    """Of the arguments, one of each type that overrides operators, in the order in which they are asked."""
    cdef list found = []
    for x in args:
        collect(x, found)
    return found


def overrides(x):
    """Whether the type of `x` has a `__torch_function__` of its own."""
    return cg_state.disabled == 0 and cg_type_overrides(CG_TYPE(<PyObject*> x))


cdef list overloaded_in(PyObject** args, Py_ssize_t n):
    cdef list found = []
    cdef Py_ssize_t i
    for i in range(n):
        x = <object> args[i]
        if isinstance(x, (list, tuple)) and not cg_type_overrides(CG_TYPE(args[i])):
            for item in x:
                collect(item, found)
        else:
            collect(x, found)
    return found


# ------------------------------------------------------------------ a call that somebody may interpose on

cdef bint _following = False


def follow_calls(bint on):
    """Whether each thread keeps a list of the public functions that it is in."""
    global cg_interposers, _following
    cg_interposers += on - _following
    _following = on


def calls():
    """The public functions that this thread is in, the outermost first, each with the Python frame that called it."""
    return [] if cg_state.calls == NULL else list(<list> cg_state.calls)


cdef object interposed(PyObject* o, PyObject** args, size_t nargsf, PyObject* kwnames):
    if not _following:
        return asked(o, args, nargsf, kwnames)
    if cg_state.calls == NULL:          # never freed, as the list of modes
        made = []
        incref(made)
        cg_state.calls = <PyObject*> made
    (<list> cg_state.calls).append((<object> o, getframe()))
    try:
        return asked(o, args, nargsf, kwnames)
    finally:
        (<list> cg_state.calls).pop()


cdef object asked(PyObject* o, PyObject** args, size_t nargsf, PyObject* kwnames):
    cdef cg_public* f = <cg_public*> o
    cdef Py_ssize_t n = cg_nargs(nargsf), m = n + (0 if kwnames == NULL else len(<tuple> kwnames))
    cdef bint overridden = False, by_modes
    cdef Py_ssize_t i
    if cg_state.disabled < 2:
        by_modes = cg_state.modes != NULL and len(<list> cg_state.modes) > 0
        if f.looks and cg_state.disabled == 0:
            for i in range(m):
                overridden = overridden or cg_overrides(args[i])
        if by_modes or overridden:
            return ask(f, args, n, kwnames, overloaded_in(args, m) if overridden else [], by_modes)
    if CG_TYPE(o) == cg_property_type:
        return cg_property_inner(f.inner, args, n)
    if cg_state.recorder == NULL:
        return cast_and_call(f, args, nargsf, kwnames)
    if f.operator_name == NULL:
        name = (<object> cg_state.recorder).operator_name(public_name(<object> o))
        incref(name)
        f.operator_name = <PyObject*> name
    if f.operator_name == <PyObject*> None:
        return cast_and_call(f, args, nargsf, kwnames)
    recorder = <object> cg_state.recorder
    event = recorder.enter(<object> f.operator_name, tuple([<object> args[i] for i in range(m)]))
    result = None
    try:
        result = cast_and_call(f, args, nargsf, kwnames)
        return result
    finally:
        recorder.leave(event, result)


cdef object _explain = None     # what is to be made of a TypeError: `set_explainer`


def set_explainer(explainer):
    """Has `explainer(public, args, kwargs, error)` asked after a TypeError.

    It returns (args, kwargs) to call the function with instead, or the exception to raise.
    """
    global _explain
    _explain = explainer


cdef object explained(PyObject* o, PyObject** args, size_t nargsf, PyObject* kwnames, object error):
    cdef Py_ssize_t i, n = cg_nargs(nargsf)
    kwargs = {}
    if kwnames != NULL:
        kwargs = {(<tuple> kwnames)[i]: <object> args[n + i] for i in range(len(<tuple> kwnames))}
    return call_again(<object> o, tuple([<object> args[i] for i in range(n)]), kwargs, error)


cdef object call_again(object public, tuple args, dict kwargs, object error):
    instead = error if _explain is None else _explain(public, args, kwargs, error)
    if isinstance(instead, TypeError):
        raise instead from error.__cause__
    try:
        return (<object> (<cg_public*> <PyObject*> public).inner)(*instead[0], **instead[1])
    except TypeError as second:
        return call_again(public, instead[0], instead[1], second.with_traceback(second.__traceback__.tb_next))


def is_written_in_python(f):
    """Whether PyTorch's own function is: its messages are Python's, and it takes no other spellings."""
    return (<cg_public*> <PyObject*> f).keywords != 0


cdef object ask(cg_public* f, PyObject** args, Py_ssize_t n, PyObject* kwnames, list found, bint by_modes):
    """Calls the handlers in their order; the first that does not return NotImplemented has it."""
    cdef Py_ssize_t i
    cdef dict kwargs = {} if f.keywords else None
    positional = tuple([<object> args[i] for i in range(n)])
    if f.swapped:
        positional = positional[::-1]
    if kwnames != NULL:
        kwargs = {(<tuple> kwnames)[i]: <object> args[n + i] for i in range(len(<tuple> kwnames))}
    public = <object> f if f.function == NULL else <object> f.function
    if CG_TYPE(<PyObject*> f) == cg_property_type:
        public = public.__get__ if n == 1 else public.__set__
    types = tuple([type(x) for x in found])
    if f.returns_not_implemented:
        try:
            return ask_in_order(f, public, types, positional, kwargs, found, by_modes)
        except TypeError:
            return NotImplemented
    return ask_in_order(f, public, types, positional, kwargs, found, by_modes)


cdef object ask_in_order(cg_public* f, object public, tuple types, tuple positional, dict kwargs, list found,
                         bint by_modes):
    cdef list modes
    if by_modes:
        modes = modes_of_thread()
        mode = modes.pop()
        try:
            result = mode.__torch_function__(public, types, positional, kwargs)
        finally:
            modes.append(mode)
        if result is not NotImplemented:
            return result
        raise TypeError(failure_text(f, f"  - mode object {mode!r}", types, f" nor in mode {mode!r}"))
    for x in found:
        result = x.__torch_function__(public, types, positional, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(failure_text(f, "\n".join([f"  - tensor subclass {t!r}" for t in types]), types, ""))


cdef str failure_text(cg_public* f, str tried, tuple types, str in_mode):
    name = public_name(<object> f)
    if f.keywords:
        return (f"no implementation found for '{name}' on types that implement __torch_function__: {list(types)}"
                f"{in_mode}")
    return (f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented:\n\n"
            f"{tried}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented")


def public_name(f):
    """The full name of a public function, method or property: "torch.Tensor.add"; None for any other object."""
    if not is_public(f):
        bound = getattr(f, "__self__", None)
        if is_public(bound):            # the __get__ of a property
            return f"{public_name(bound)}.{f.__name__}"
        return None
    module = f.__module__.replace("cygrad", "torch", 1)
    return f"{module}.{f.__qualname__}"


@cython.binding(False)
def _disabled_torch_function_impl(func, types, args=(), kwargs=None):
    """The `__torch_function__` of classes that take no part: the function itself, its results plain tensors."""
    before = cg_state.disabled
    cg_state.disabled = max(before, 1)
    try:
        return func(*args, **(kwargs or {}))
    finally:
        cg_state.disabled = before


# The properties whose values are other tensors, not results of an operator.
cdef tuple _unconverted = ("_base", "grad")


def torch_function(cls, func, types, args=(), kwargs=None):
    """What Tensor's subclasses do with an operator by default: run it, and make its results instances of `cls`.

    NotImplemented if another overriding type is no base class of `cls`.
    """
    if not all([issubclass(cls, t) for t in types]):
        return NotImplemented
    result = _disabled_torch_function_impl(func, types, args, kwargs)
    owner = getattr(func, "__self__", None)
    if owner is not None and is_public(owner) and owner.__name__ in _unconverted:
        return result
    return converted(result, cls)


cdef object converted(object x, object cls):
    if cls is Tensor:
        return x
    if isinstance(x, Tensor):
        return x if isinstance(x, cls) else as_subclass(<Tensor> x, cls)
    if type(x) is tuple or type(x) is list or (isinstance(x, tuple) and type(x).__module__.endswith("return_types")):
        return type(x)([converted(item, cls) for item in x])
    return x


def _alias_backward(node, g):
    return g


def as_subclass(Tensor self not None, cls):
    """This tensor as an instance of `cls`, a subclass of Tensor: the same data and history."""
    if not issubclass(cls, Tensor):
        raise TypeError("Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. "
                        "Make sure your class inherits from Tensor.")
    cdef Tensor view = new_view(self, self.nd, self.sizes, self.strides, self.offset)
    attach(view, "AliasBackward0", (self,), _alias_backward, None, ())
    cdef Tensor t = <Tensor> Tensor._make_subclass(cls, view)
    t.meta = view.meta
    if view.history is not None:
        set_history(t, view.history, view.output_nr)
    return t


def _make_wrapper_subclass(cls, size, *args, **kwargs):
    """Not there: a tensor without data of its own would need `__torch_dispatch__`."""
    if not hasattr(cls, "__torch_dispatch__"):
        raise TypeError(f"{cls.__name__} must define __torch_dispatch__")
    raise NotImplementedError("cygrad has no __torch_dispatch__, and so no Tensor._make_wrapper_subclass")


# ------------------------------------------------------------------ autocast

# What autocast does with the arguments of a function: bits, those of devices other than the CPU shifted by GPU_SHIFT.
cdef enum:
    CAST_DOWN = 1           # to the dtype of the region
    CAST_FLOAT32 = 2
    CAST_WIDEST = 4         # to the widest floating point dtype among them
    CAST_NONE_INSIDE = 8    # the function runs without autocast
    GPU_SHIFT = 4


cdef object _policy = None      # what autocast does with a public function, by its full name


def set_policy(policy):
    global _policy
    _policy = policy


cdef void begin_casts() noexcept:
    if not cg_state.begun:
        cg_state.begun = True
        cg_state.cast_dtype[0] = BFLOAT16
        cg_state.cast_dtype[1] = HALF


cdef object cast_and_call(cg_public* f, PyObject** args, size_t nargsf, PyObject* kwnames):
    """The function itself, with what autocast makes of its arguments."""
    cdef int policy, to = -1, device = -1
    cdef Tensor t
    cdef Py_ssize_t i, n = cg_nargs(nargsf), m
    if f.policy == 0 or cg_state.cast_off or not (cg_state.cast_enabled[0] or cg_state.cast_enabled[1]):
        return cg_call_inner(f, args, nargsf, kwnames)
    if f.policy < 0:
        f.policy = _policy(public_name(<object> f))
    if f.policy == 0:
        return cg_call_inner(f, args, nargsf, kwnames)
    keywords = () if kwnames == NULL else <tuple> kwnames
    if "out" in keywords:
        return cg_call_inner(f, args, nargsf, kwnames)
    m = n + len(keywords)
    values = [<object> args[i] for i in range(m)]
    tensors = []
    for x in values:
        if isinstance(x, Tensor):
            tensors.append(x)
        elif isinstance(x, (list, tuple)):
            tensors += [item for item in x if isinstance(item, Tensor)]
    if tensors:
        device = 1 if (<Tensor> tensors[0]).dev else 0
    policy = f.policy >> GPU_SHIFT if device == 1 else f.policy & ((1 << GPU_SHIFT) - 1)
    if device < 0 or not cg_state.cast_enabled[device] or policy == 0:
        return cg_call_inner(f, args, nargsf, kwnames)
    if policy == CAST_DOWN:
        to = cg_state.cast_dtype[device]
    elif policy == CAST_FLOAT32:
        to = FLOAT
    elif policy == CAST_WIDEST:
        for t in tensors:
            if is_castable(t) and (to < 0 or t.dt != to):
                to = t.dt if to < 0 else FLOAT
    if to >= 0:
        values = [cast(x, to) for x in values]
    cg_state.cast_off = True
    kwargs = {keywords[i]: values[n + i] for i in range(m - n)}
    try:
        return (<object> f.inner)(*values[:n], **kwargs)
    except TypeError as error:
        return call_again(<object> f, tuple(values[:n]), kwargs, error.with_traceback(error.__traceback__.tb_next))
    finally:
        cg_state.cast_off = False


cdef bint is_castable(Tensor t):
    return t.dt == HALF or t.dt == BFLOAT16 or t.dt == FLOAT


cdef object cast(object x, int to):
    cdef Tensor t
    cdef bint keep
    if isinstance(x, (list, tuple)):
        return type(x)([cast(item, to) for item in x]) if type(x) is list or type(x) is tuple else x
    if not isinstance(x, Tensor):
        return x
    t = <Tensor> x
    if t.dt == to or not is_castable(t):
        return x
    # Weights are cast once in a region, and their gradients meet before the cast's backward.
    keep = to != FLOAT and t.dt == FLOAT and t.needs_grad and t.history is None and not cg_state.no_cast_cache \
        and cg_state.cast_depth > 0 and grad_enabled() and (t.meta is None or t.meta.base is None)
    if not keep:
        return to_dtype_device(t, to, t.dev)
    if cg_state.casts == NULL:
        made = {}
        incref(made)
        cg_state.casts = <PyObject*> made
    found = (<dict> cg_state.casts).get((id(t), to))
    if found is None:
        found = (t, to_dtype_device(t, to, t.dev))
        (<dict> cg_state.casts)[id(t), to] = found
    return found[1]


def get_autocast(int device):
    """(whether autocast is on for the kind of device, its dtype)"""
    begin_casts()
    return bool(cg_state.cast_enabled[device]) and not cg_state.cast_off, dtype_object(cg_state.cast_dtype[device])


def set_autocast(int device, bint enabled, dtype=None):
    """Turns autocast on or off for the CPU (0) or other devices (1) in this thread."""
    global cg_interposers
    begin_casts()
    cg_interposers += enabled - cg_state.cast_enabled[device]
    cg_state.cast_enabled[device] = enabled
    if dtype is not None:
        cg_state.cast_dtype[device] = as_dtype_code(dtype, 0)


def set_autocast_inside(bint off):
    """Whether autocast is off because a function runs that it prepared; returns the former answer."""
    before = cg_state.cast_off
    cg_state.cast_off = off
    return bool(before)


def get_autocast_cache():
    return not cg_state.no_cast_cache


def set_autocast_cache(bint enabled):
    cg_state.no_cast_cache = not enabled


def clear_autocast_cache():
    """Forgets the weights that were cast."""
    if cg_state.casts != NULL:
        (<dict> cg_state.casts).clear()


def add_autocast_depth(int step):
    """Counts the autocast regions of this thread; returns how many it is in."""
    cg_state.cast_depth += step
    return cg_state.cast_depth


# ------------------------------------------------------------------ the profiler

def set_recorder(recorder):
    """Makes `recorder.enter(name, args)` and `recorder.leave(event)` be called around operators of this thread.

    `recorder.operator_name` gives the name for that of a public function, or None for one that is not reported.  None
    as recorder ends that.  Returns the former one.
    """
    global cg_interposers
    before = None if cg_state.recorder == NULL else <object> cg_state.recorder
    cg_interposers += (recorder is not None) - (before is not None)
    cg_state.recorder = NULL
    if before is not None:
        decref(before)
    if recorder is not None:
        incref(recorder)
        cg_state.recorder = <PyObject*> recorder
    return before


def get_recorder():
    """What `set_recorder` was called with in this thread."""
    return None if cg_state.recorder == NULL else <object> cg_state.recorder


# ------------------------------------------------------------------ making things public

# The operators of Python by the methods that handlers are told of, as PyTorch tells them.
_TOLD = {
    "__add__": "add", "__sub__": "sub", "__mul__": "mul", "__truediv__": "div", "__mod__": "remainder",
    "__matmul__": "matmul", "__pow__": "pow", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt",
    "__ge__": "ge", "__radd__": "add", "__rmul__": "mul", "__rmatmul__": "matmul", "__iadd__": "add_",
    "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_", "__neg__": "neg",
    "__abs__": "abs", "__pos__": "positive", "__rtruediv__": "__rdiv__"}
_OPERATORS = frozenset(_TOLD) - {"__neg__", "__abs__", "__pos__"} | frozenset(
    f"__{prefix}{name}__" for name in "sub truediv floordiv mod pow and or xor lshift rshift".split()
    for prefix in ("", "r", "i")) | {"__eq__"}
_UNCOMMUTED = frozenset({"__rmatmul__"})
# Tensor's own machinery; `__iter__` calls unbind, which is seen.
_INTERNAL = frozenset(
    """__new__ __init__ __hash__ __getattribute__ __getattr__ __setattr__ __delattr__ __init_subclass__ __doc__
    __module__ __torch_function__ __iter__ __reduce__ __setstate__ __array_priority__ __weakref__ __dict__
    __class_getitem__ _make_subclass _make_wrapper_subclass as_subclass _assign _rebase __copy__ __reduce_cython__
    __setstate_cython__ __pyx_vtable__""".split())
# Nothing in the arguments of these overrides them.
_FACTORIES = frozenset(
    """arange as_tensor asarray bartlett_window blackman_window can_cast empty empty_permuted empty_strided eye
    frombuffer full hamming_window hann_window kaiser_window linspace logspace normal ones promote_types rand
    randint randn randperm range scalar_tensor tensor tril_indices triu_indices zeros""".split())
# Functions about the library itself: nobody is told of them.
UNSEEN = frozenset("is_tensor is_storage typename from_dlpack from_file from_numpy to_dlpack".split())
# Written in Python there, so that handlers get {} for no keywords: these, and of nn.functional all but the second set.
_PYTHON = frozenset(
    """__array__ __contains__ __deepcopy__ __dlpack__ __dlpack_device__ __floordiv__ __format__ __ipow__ __len__ __pow__
    __rdiv__ __reduce_ex__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmod__ __rpow__ __rrshift__ __rsub__
    __rtruediv__ pow pow_ backward dim_order is_shared istft lu norm register_hook register_post_accumulate_grad_hook
    resize resize_as share_memory_ split stft storage unflatten unique unique_consecutive atleast_1d atleast_2d
    atleast_3d block_diag broadcast_tensors cartesian_prod cdist chain_matmul einsum meshgrid tensordot""".split())
_BUILTIN_FUNCTIONAL = frozenset(
    """adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity elu_ gelu hardshrink hardtanh_ leaky_relu_
    linear logsigmoid native_channel_shuffle one_hot pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_
    rrelu_ scaled_dot_product_attention selu_ softplus softshrink threshold_""".split())


def is_public(x):
    """Whether `x` is one of the objects that this module makes."""
    cdef PyTypeObject* kind = CG_TYPE(<PyObject*> x)
    return kind == cg_function_type or kind == cg_method_type or kind == cg_property_type


def is_overridable(f):
    """Whether arguments of this public object may override it."""
    return is_public(f) and (<cg_public*> <PyObject*> f).looks != 0


def call_without_asking(f, args, kwargs):
    """Calls a public function although its arguments override it."""
    if not is_public(f):
        return _disabled_torch_function_impl(f, (), args, kwargs)
    before = set_disabled(0)
    try:
        return (<object> (<cg_public*> <PyObject*> f).inner)(*args, **kwargs)
    finally:
        set_disabled(before)


def function(str name not None, inner, str module="cygrad"):
    """The public function of this name around `inner`, or `inner` itself if nobody may interpose on it."""
    if is_public(inner) or not callable(inner) or isinstance(inner, type) or name in UNSEEN:
        return inner
    made = cg_make_public(cg_function_type, inner, name, module)
    (<cg_public*> <PyObject*> made).looks = name not in _FACTORIES
    (<cg_public*> <PyObject*> made).keywords = (
        name not in _BUILTIN_FUNCTIONAL if module == "cygrad.nn.functional"
        else module == "cygrad" and name in _PYTHON and name != "pow")
    return made


def publish(dict namespace not None, names=None):
    """Makes the functions of a module public: those that the package defines, or those of these names."""
    module = namespace["__name__"]
    for name in list(names or namespace):
        value = namespace[name]
        own = str(getattr(value, "__module__", None)).startswith(("cygrad", "torch"))
        if names or (own and not name.startswith("_")):
            namespace[name] = function(name, value, module)


def publish_tensor():
    """Makes the methods and properties of Tensor public."""
    cdef cg_public* f
    cdef dict made = {}
    for name, value in list(vars(Tensor).items()):
        if name in _INTERNAL or is_public(value) or isinstance(value, (type, staticmethod, classmethod)):
            continue
        if isinstance(value, property) or type(value).__name__ == "getset_descriptor":
            made[name] = cg_make_public(cg_property_type, value, name, "cygrad")
        elif callable(value):
            made[name] = cg_make_public(cg_method_type, value, name, "cygrad")
    for name, value in made.items():
        setattr(Tensor, name, value)
        f = <cg_public*> <PyObject*> value
        f.returns_not_implemented = name in _OPERATORS
        f.swapped = name in _UNCOMMUTED
        f.keywords = _TOLD.get(name, name) in _PYTHON
        if _TOLD.get(name) in made:
            f.function = <PyObject*> made[_TOLD[name]]
    cg_fill_slots(cg_tensor)
    Tensor.__init_subclass__ = classmethod(_init_subclass)


def _init_subclass(cls, **kwargs):
    super(Tensor, cls).__init_subclass__(**kwargs)
    cg_fill_slots(<PyTypeObject*> cls)


def set_parameter_type(cls):
    """Tells of the class that is to be passed over at once, Parameter."""
    global cg_parameter
    cg_parameter = <PyTypeObject*> cls


incref(_disabled_torch_function_impl)
cg_disabled_impl = <PyObject*> _disabled_torch_function_impl
cg_tensor = <PyTypeObject*> Tensor
cg_interposed = <void*> interposed
cg_explain = <void*> explained
cg_make_types()
Tensor.__torch_function__ = classmethod(torch_function)
Tensor.as_subclass = as_subclass
Tensor._make_wrapper_subclass = staticmethod(_make_wrapper_subclass)
