/* The objects that public functions, methods and properties are: each holds an inner callable and passes calls straight
 * on to it, unless somebody interposes.  They have to be C types: only a type of its own can have both a vectorcall and
 * Py_TPFLAGS_METHOD_DESCRIPTOR, with which `x.add(y)` and `x + y` make no bound method. */
#pragma once
#include <Python.h>
#include <frameobject.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    vectorcallfunc inner_call;
    PyObject *inner;
    PyObject *name;         /* the public one: `divide` although the inner function is `div` */
    PyObject *module;
    PyObject *weakrefs;
    PyObject *dict;
    PyObject *function;     /* what `__torch_function__` is told: Tensor.add for `a + b`; borrowed, or NULL for itself */
    PyObject *operator_name;/* what the profiler calls it: "aten::add"; None: no operator; NULL: not yet asked for */
    int looks;              /* whether the arguments may override it (they may not for torch.zeros) */
    int swapped;            /* a reflected operator: `function` takes the operands the other way round */
    int returns_not_implemented;    /* a Python operator */
    int keywords;           /* PyTorch's own is written in Python: handlers get {} instead of None for no keywords */
    int policy;             /* of autocast, or -1 before it was first asked for */
} cg_public;

static int cg_interposers = 0;      /* modes, autocast regions and profilers under way, in all threads */
static PyTypeObject *cg_tensor = NULL, *cg_parameter = NULL;
static PyTypeObject *cg_function_type, *cg_method_type, *cg_property_type;
static PyObject *cg_disabled_impl = NULL;   /* `__torch_function__` of those that take no part, such as Parameter */
static PyObject *cg_hook_name;              /* "__torch_function__" */
/* What takes the calls that somebody interposes on. */
static PyObject *(*cg_interposed)(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Whether values of this type override operators. */
static inline int cg_type_overrides(PyTypeObject *type)
{
    if (type == cg_tensor || type == cg_parameter || type == &PyFloat_Type || type == &PyBool_Type ||
        type == Py_TYPE(Py_None) || (type->tp_flags & (Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS |
                                                       Py_TPFLAGS_DICT_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS)))
        return 0;
    PyObject *hook = _PyType_Lookup(type, cg_hook_name);
    return hook != NULL && hook != cg_disabled_impl;
}

/* Whether an argument overrides operators, or an item of it where it is a list or tuple. */
static inline int cg_overrides(PyObject *x)
{
    PyTypeObject *type = Py_TYPE(x);
    if (type == cg_tensor)
        return 0;
    if (type->tp_flags & (Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_TUPLE_SUBCLASS)) {
        Py_ssize_t n = PySequence_Fast_GET_SIZE(x);
        for (Py_ssize_t i = 0; i < n; i++)
            if (cg_type_overrides(Py_TYPE(PySequence_Fast_GET_ITEM(x, i))))
                return 1;
        return 0;
    }
    return cg_type_overrides(type);
}

static int cg_full_tracebacks = 0;      /* CYGRAD_TRACEBACKS=full: with the lines of compiled modules */
static PyObject *cg_pyx, *cg_generated; /* what their file names end in; the file name of generated functions */

/* A traceback without the frames that have no source to show, so that it ends in a line of Python that somebody wrote. */
static PyObject *cg_readable_traceback(PyObject *traceback)
{
    PyTracebackObject *kept = NULL, *next;
    PyObject *first = NULL;
    for (PyTracebackObject *tb = (PyTracebackObject *)traceback; tb != NULL; tb = next) {
        next = tb->tb_next;
        PyCodeObject *code = PyFrame_GetCode(tb->tb_frame);
        int hidden = PyUnicode_Tailmatch(code->co_filename, cg_pyx, 0, PY_SSIZE_T_MAX, 1) == 1 ||
                     PyUnicode_Compare(code->co_filename, cg_generated) == 0;
        Py_DECREF(code);
        if (hidden)
            continue;
        if (kept == NULL)
            first = Py_NewRef((PyObject *)tb);
        else if (kept->tb_next != tb)
            Py_XSETREF(kept->tb_next, (PyTracebackObject *)Py_NewRef((PyObject *)tb));
        kept = tb;
    }
    if (kept != NULL)
        Py_CLEAR(kept->tb_next);
    Py_DECREF(traceback);
    return first;
}

/* NULL, with the pending error's traceback as a user reads it. */
static PyObject *cg_readable(void)
{
    PyObject *type, *error, *traceback;
    if (cg_full_tracebacks)
        return NULL;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL)
        traceback = cg_readable_traceback(traceback);
    PyErr_Restore(type, error, traceback);
    return NULL;
}

/* After a TypeError: the call once more where only the arguments' spelling was foreign, else the error in PyTorch's words. */
static PyObject *(*cg_explain)(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames, PyObject *error);

/* The error that an inner function raised as one of the public function. */
static __attribute__((noinline, cold)) PyObject *cg_failed(cg_public *self, PyObject *const *args, size_t nargsf,
                                                           PyObject *kwnames)
{
    PyObject *type, *error, *traceback;
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Fetch(&type, &error, &traceback);
        PyErr_NormalizeException(&type, &error, &traceback);
        if (traceback != NULL)
            PyException_SetTraceback(error, traceback);
        PyObject *result = cg_explain((PyObject *)self, args, nargsf, kwnames, error);
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
        if (result != NULL)
            return result;
    }
    return cg_readable();
}

static inline PyObject *cg_call_inner(cg_public *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyObject *result = self->inner_call(self->inner, args, nargsf, kwnames);
    return __builtin_expect(result != NULL, 1) ? result : cg_failed(self, args, nargsf, kwnames);
}

/* The call in full: keywords, lists, foreign types, interposers. */
static __attribute__((noinline)) PyObject *cg_public_call_rest(PyObject *callable, PyObject *const *args, size_t nargsf,
                                                               PyObject *kwnames)
{
    cg_public *self = (cg_public *)callable;
    int looks = cg_interposers;
    if (!looks && self->looks) {
        Py_ssize_t n = PyVectorcall_NARGS(nargsf) + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
        for (Py_ssize_t i = 0; i < n; i++)
            looks |= cg_overrides(args[i]);
    }
    if (looks) {
        PyObject *result = cg_interposed(callable, args, nargsf, kwnames);
        return result != NULL ? result : cg_readable();
    }
    return cg_call_inner(self, args, nargsf, kwnames);
}

/* Tensors and numbers by position go straight on.  Nothing is called here but what takes over, so that no stack frame is
 * made. */
static PyObject *cg_public_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (cg_interposers || kwnames)
        return cg_public_call_rest(callable, args, nargsf, kwnames);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyTypeObject *type = Py_TYPE(args[i]);
        if (type != cg_tensor && type != cg_parameter && type != &PyLong_Type && type != &PyFloat_Type)
            return cg_public_call_rest(callable, args, nargsf, kwnames);
    }
    return cg_call_inner((cg_public *)callable, args, nargsf, kwnames);
}

static int cg_public_traverse(PyObject *o, visitproc visit, void *arg)
{
    cg_public *self = (cg_public *)o;
    Py_VISIT(Py_TYPE(o));
    Py_VISIT(self->inner);
    Py_VISIT(self->dict);
    return 0;
}

static int cg_public_clear(PyObject *o)
{
    Py_CLEAR(((cg_public *)o)->dict);
    return 0;
}

static void cg_public_dealloc(PyObject *o)
{
    cg_public *self = (cg_public *)o;
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_UnTrack(o);
    if (self->weakrefs)
        PyObject_ClearWeakRefs(o);
    Py_XDECREF(self->inner);
    Py_XDECREF(self->name);
    Py_XDECREF(self->module);
    Py_XDECREF(self->operator_name);
    Py_XDECREF(self->dict);
    type->tp_free(o);
    Py_DECREF(type);
}

/* Attributes of its own, then the inner callable's: `__text_signature__`, `__defaults__`... */
static PyObject *cg_public_getattro(PyObject *o, PyObject *name)
{
    cg_public *self = (cg_public *)o;
    if (PyUnicode_Check(name)) {
        if (PyUnicode_CompareWithASCIIString(name, "__module__") == 0) {
            PyObject *renamed = self->dict ? PyDict_GetItemWithError(self->dict, name) : NULL;
            return Py_NewRef(renamed ? renamed : self->module);
        }
    }
    PyObject *found = PyObject_GenericGetAttr(o, name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return PyObject_GetAttr(self->inner, name);
    }
    return found;
}

static PyObject *cg_public_qualname(PyObject *o, void *unused)
{
    cg_public *self = (cg_public *)o;
    return Py_TYPE(o) == cg_function_type ? Py_NewRef(self->name) : PyUnicode_FromFormat("Tensor.%U", self->name);
}

static PyObject *cg_documentation;      /* text = cg_documentation(name, inner, is a method), or NULL */

static PyObject *cg_public_doc(PyObject *o, void *unused)    /* inspect and pydoc read it past `getattro` */
{
    cg_public *self = (cg_public *)o;
    if (cg_documentation == NULL || Py_TYPE(o) == cg_property_type)
        return PyObject_GetAttrString(self->inner, "__doc__");
    return PyObject_CallFunction(cg_documentation, "OOO", self->name, self->inner,
                                 Py_TYPE(o) == cg_method_type ? Py_True : Py_False);
}

static PyObject *cg_public_reduce(PyObject *o, PyObject *unused)
{
    return cg_public_qualname(o, NULL);     /* a name: pickled, and copied, as a global of its module */
}

static PyObject *cg_function_repr(PyObject *o)
{
    return PyUnicode_FromFormat("<built-in function %U>", ((cg_public *)o)->name);
}

static PyObject *cg_method_repr(PyObject *o)
{
    return PyUnicode_FromFormat("<method '%U' of 'torch.Tensor' objects>", ((cg_public *)o)->name);
}

static PyObject *cg_property_repr(PyObject *o)
{
    return PyUnicode_FromFormat("<attribute '%U' of 'torch.Tensor' objects>", ((cg_public *)o)->name);
}

/* A function in a class stays what it is, as PyTorch's do; that it has a `__get__` tells inspect, and so help() and
 * pydoc, that it is a routine. */
static PyObject *cg_function_get(PyObject *self, PyObject *object, PyObject *type)
{
    return Py_NewRef(self);
}

static PyObject *cg_method_get(PyObject *self, PyObject *object, PyObject *type)
{
    return object == NULL ? Py_NewRef(self) : PyMethod_New(self, object);
}

static inline int cg_property_open(PyObject *object)
{
    return cg_interposers || (Py_TYPE(object) != cg_tensor && cg_type_overrides(Py_TYPE(object)));
}

static PyObject *cg_property_get(PyObject *o, PyObject *object, PyObject *type)
{
    PyObject *inner = ((cg_public *)o)->inner;
    if (object == NULL || object == Py_None)
        return Py_NewRef(o);
    if (cg_property_open(object))
        return cg_interposed(o, &object, 1, NULL);
    return Py_TYPE(inner)->tp_descr_get(inner, object, type);
}

static int cg_property_set(PyObject *o, PyObject *object, PyObject *value)
{
    PyObject *inner = ((cg_public *)o)->inner;
    if (value != NULL && cg_property_open(object)) {
        PyObject *args[2] = {object, value};
        PyObject *done = cg_interposed(o, args, 2, NULL);
        Py_XDECREF(done);
        return done == NULL ? -1 : 0;
    }
    if (Py_TYPE(inner)->tp_descr_set == NULL) {
        PyErr_Format(PyExc_AttributeError, "attribute '%U' of 'torch.Tensor' objects is not writable",
                     ((cg_public *)o)->name);
        return -1;
    }
    return Py_TYPE(inner)->tp_descr_set(inner, object, value);
}

static PyMemberDef cg_public_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(cg_public, vectorcall), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(cg_public, weakrefs), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(cg_public, dict), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(cg_public, inner), READONLY, NULL},
    {"__name__", T_OBJECT_EX, offsetof(cg_public, name), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyGetSetDef cg_public_getset[] = {
    {"__qualname__", cg_public_qualname, NULL, NULL, NULL},
    {"__doc__", cg_public_doc, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef cg_public_methods[] = {
    {"__reduce__", cg_public_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

#define CG_PUBLIC_SLOTS(repr) \
    {Py_tp_traverse, cg_public_traverse}, {Py_tp_clear, cg_public_clear}, {Py_tp_dealloc, cg_public_dealloc}, \
    {Py_tp_getattro, cg_public_getattro}, {Py_tp_members, cg_public_members}, {Py_tp_getset, cg_public_getset}, \
    {Py_tp_methods, cg_public_methods}, {Py_tp_repr, repr}
#define CG_PUBLIC_FLAGS \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION)

static PyType_Slot cg_function_slots[] = {
    CG_PUBLIC_SLOTS(cg_function_repr), {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, cg_function_get}, {0, NULL}};
static PyType_Slot cg_method_slots[] = {
    CG_PUBLIC_SLOTS(cg_method_repr), {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, cg_method_get}, {0, NULL}};
static PyType_Slot cg_property_slots[] = {
    CG_PUBLIC_SLOTS(cg_property_repr), {Py_tp_descr_get, cg_property_get}, {Py_tp_descr_set, cg_property_set},
    {0, NULL}};

static PyType_Spec cg_function_spec = {
    "torch.builtin_function", sizeof(cg_public), 0, CG_PUBLIC_FLAGS | Py_TPFLAGS_HAVE_VECTORCALL, cg_function_slots};
static PyType_Spec cg_method_spec = {
    "torch.method_descriptor", sizeof(cg_public), 0,
    CG_PUBLIC_FLAGS | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR, cg_method_slots};
static PyType_Spec cg_property_spec = {
    "torch.getset_descriptor", sizeof(cg_public), 0, CG_PUBLIC_FLAGS, cg_property_slots};

static int cg_make_types(void)
{
    cg_hook_name = PyUnicode_InternFromString("__torch_function__");
    cg_function_type = (PyTypeObject *)PyType_FromSpec(&cg_function_spec);
    cg_method_type = (PyTypeObject *)PyType_FromSpec(&cg_method_spec);
    cg_property_type = (PyTypeObject *)PyType_FromSpec(&cg_property_spec);
    cg_pyx = PyUnicode_InternFromString(".pyx");
    cg_generated = PyUnicode_InternFromString("<row>");   /* `_fronts/from_rows.py` compiles them */
    const char *tracebacks = getenv("CYGRAD_TRACEBACKS");
    cg_full_tracebacks = tracebacks != NULL && strcmp(tracebacks, "full") == 0;
    return cg_pyx && cg_generated && cg_hook_name && cg_function_type && cg_method_type && cg_property_type ? 0 : -1;
}

/* A public object around `inner`, of one of the three types. */
static PyObject *cg_make_public(PyTypeObject *type, PyObject *inner, PyObject *name, PyObject *module)
{
    cg_public *self = (cg_public *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->vectorcall = cg_public_call;
    self->inner_call = PyVectorcall_Function(inner);
    if (self->inner_call == NULL)
        self->inner_call = PyObject_Vectorcall;
    self->inner = Py_NewRef(inner);
    self->name = Py_NewRef(name);
    self->module = Py_NewRef(module);
    self->looks = 1;
    self->policy = -1;
    return (PyObject *)self;
}

/* Python's binary operators, straight to the inner function: the slots that Python itself fills in look `__add__` up by
 * name for each call.  Tensor and those of its subclasses that do not override an operator share a slot; whoever sets
 * `Tensor.__add__` later has Python put its own back. */
static inline int cg_operands_plain(PyObject *a, PyObject *b)
{
    return !cg_interposers && (Py_TYPE(a) == cg_tensor || Py_TYPE(a) == cg_parameter) &&
           (Py_TYPE(b) == cg_tensor || Py_TYPE(b) == cg_parameter || PyFloat_CheckExact(b) || PyLong_CheckExact(b));
}

#define CG_BINARY_SLOTS(DO) \
    DO(nb_add, "__add__", "__radd__") DO(nb_subtract, "__sub__", "__rsub__") DO(nb_multiply, "__mul__", "__rmul__") \
    DO(nb_true_divide, "__truediv__", "__rtruediv__") DO(nb_matrix_multiply, "__matmul__", "__rmatmul__")

#define CG_DEFINE_SLOT(slot, method, method_reflected) \
    static cg_public *cg_##slot, *cg_##slot##_reflected; \
    static PyObject *cg_##slot##_call(PyObject *a, PyObject *b); \
    static inline int cg_##slot##_of(PyTypeObject *type) \
    { \
        return type->tp_as_number != NULL && type->tp_as_number->slot == cg_##slot##_call; \
    } \
    static PyObject *cg_##slot##_call(PyObject *a, PyObject *b) \
    { \
        PyObject *args[2] = {a, b}, *swapped[2] = {b, a}; \
        if (cg_operands_plain(a, b)) \
            return cg_call_inner(cg_##slot, args, 2, NULL); \
        if (cg_##slot##_of(Py_TYPE(a))) { \
            PyObject *result = cg_public_call((PyObject *)cg_##slot, args, 2, NULL); \
            if (result != Py_NotImplemented || Py_TYPE(a) == Py_TYPE(b) || !cg_##slot##_of(Py_TYPE(b))) \
                return result; \
            Py_DECREF(result); \
        } \
        return cg_public_call((PyObject *)cg_##slot##_reflected, swapped, 2, NULL); \
    }
#define CG_FILL_SLOT(slot, method, method_reflected) \
    if (type == cg_tensor) { \
        cg_##slot = (cg_public *)PyDict_GetItemString(type->tp_dict, method); \
        cg_##slot##_reflected = (cg_public *)PyDict_GetItemString(type->tp_dict, method_reflected); \
        type->tp_as_number->slot = cg_##slot##_call; \
    } else if (_PyType_Lookup(type, cg_##slot->name) == (PyObject *)cg_##slot && \
               _PyType_Lookup(type, cg_##slot##_reflected->name) == (PyObject *)cg_##slot##_reflected && \
               cg_##slot##_of(cg_tensor)) \
        type->tp_as_number->slot = cg_##slot##_call;

CG_BINARY_SLOTS(CG_DEFINE_SLOT)

/* The comparisons of Tensor itself likewise. */
static cg_public *cg_comparison[6];     /* by Py_LT ... Py_GE */
static richcmpfunc cg_compare_else;

static PyObject *cg_compare(PyObject *a, PyObject *b, int op)
{
    PyObject *args[2] = {a, b};
    return cg_operands_plain(a, b) ? cg_call_inner(cg_comparison[op], args, 2, NULL) : cg_compare_else(a, b, op);
}

static void cg_fill_slots(PyTypeObject *type)
{
    static const char *const names[6] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
    CG_BINARY_SLOTS(CG_FILL_SLOT)
    if (type == cg_tensor) {
        for (int op = 0; op < 6; op++)
            cg_comparison[op] = (cg_public *)PyDict_GetItemString(type->tp_dict, names[op]);
        cg_compare_else = type->tp_richcompare;
        type->tp_richcompare = cg_compare;
    }
}
