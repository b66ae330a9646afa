"""How operators are written as ONNX: each handler(recorder, result, arguments, first argument) adds nodes and returns
the name of the result, or the names of several.
"""

import cygrad as torch

HANDLERS = {}


def writes(*names):
    """Registers a handler for functions of these names."""

    def register(handler):
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def _pair(value, n):
    return list(value) if isinstance(value, (tuple, list)) else [value] * n


def _unary(kind):
    return lambda r, result, a, x: r.node(kind, [r.name(x)])


for _name, _kind in {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs",
    "neg": "Neg", "floor": "Floor", "ceil": "Ceil", "erf": "Erf", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "reciprocal": "Reciprocal", "sign": "Sign", "round": "Round", "softsign": "Softsign", "selu": "Selu",
    "hardswish": "HardSwish", "mish": "Mish", "clone": "Identity", "detach": "Identity", "contiguous": "Identity",
    "dropout": "Identity", "dropout1d": "Identity", "dropout2d": "Identity", "dropout3d": "Identity",
    "alpha_dropout": "Identity", "feature_alpha_dropout": "Identity", "isnan": "IsNaN", "logical_not": "Not",
}.items():  # fmt: skip
    HANDLERS[_name] = HANDLERS[_name + "_"] = _unary(_kind)


def _binary(kind, swapped=False):
    def handler(r, result, a, x):
        other = a["other"] if "other" in a else a.get("exponent")
        if a.get("alpha", 1) != 1 or a.get("rounding_mode") is not None:
            raise NotImplementedError(f"torch.onnx.export: {kind} with alpha or rounding_mode is not written yet")
        tensors = [t for t in (x, other) if isinstance(t, torch.Tensor)]
        like = torch.empty(0, dtype=torch.result_type(x, other)) if kind not in ("MatMul",) else tensors[0]
        names = []
        for t in (x, other):
            name = r.constant(t, like)
            if isinstance(t, torch.Tensor) and t.dtype != like.dtype:
                name = r.node("Cast", [name], to=_onnx_dtype(r, like.dtype))
            names.append(name)
        return r.node(kind, names[::-1] if swapped else names)

    return handler


for _name, _kind in {
    "add": "Add", "sub": "Sub", "subtract": "Sub", "mul": "Mul", "multiply": "Mul", "div": "Div", "divide": "Div",
    "true_divide": "Div", "pow": "Pow", "matmul": "MatMul", "bmm": "MatMul", "mm": "MatMul", "eq": "Equal",
    "gt": "Greater", "lt": "Less", "ge": "GreaterOrEqual", "le": "LessOrEqual", "logical_and": "And",
    "logical_or": "Or", "maximum": "Max", "minimum": "Min",
}.items():  # fmt: skip
    HANDLERS[_name] = HANDLERS[_name + "_"] = _binary(_kind)
for _name, _kind in {
    "__rsub__": "Sub", "rsub": "Sub", "__rdiv__": "Div", "__rtruediv__": "Div", "__rpow__": "Pow"
}.items():  # fmt: skip
    HANDLERS[_name] = _binary(_kind, swapped=True)


def _onnx_dtype(r, dtype):
    return r.onnx.helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=dtype).numpy().dtype)


@writes("elu", "leaky_relu", "elu_", "leaky_relu_")
def _slopes(r, result, a, x):
    if "negative_slope" in a:
        return r.node("LeakyRelu", [r.name(x)], alpha=float(a["negative_slope"]))
    return r.node("Elu", [r.name(x)], alpha=float(a["alpha"]))


@writes("prelu")
def _prelu(r, result, a, x):
    weight = a["weight"]
    name = r.name(weight)
    if weight.numel() > 1 and x.dim() > 2:
        name = r.node("Reshape", [name, r.constant([-1, *[1] * (x.dim() - 2)])])
    return r.node("PRelu", [r.name(x), name])


@writes("silu", "silu_")
def _silu(r, result, a, x):
    return r.node("Mul", [r.name(x), r.node("Sigmoid", [r.name(x)])])


@writes("hardsigmoid", "hardsigmoid_")
def _hardsigmoid(r, result, a, x):
    return r.node("HardSigmoid", [r.name(x)], alpha=1 / 6, beta=0.5)


@writes("gelu")
def _gelu(r, result, a, x):
    return r.node("Gelu", [r.name(x)], approximate=a.get("approximate", "none"))


@writes("softplus")
def _softplus(r, result, a, x):
    if a["beta"] != 1:
        raise NotImplementedError("torch.onnx.export: softplus with beta is not written as ONNX yet")
    return r.node("Softplus", [r.name(x)])


@writes("clamp", "clamp_", "clip", "clip_", "hardtanh", "hardtanh_", "relu6")
def _clip(r, result, a, x):
    low, high = a.get("min", a.get("min_val")), a.get("max", a.get("max_val"))
    if "min" not in a and "min_val" not in a:
        low, high = 0, 6
    return r.node("Clip", [r.name(x), *("" if v is None else r.constant(v, x) for v in (low, high))])


HANDLERS["softmax"] = lambda r, result, a, x: r.node("Softmax", [r.name(x)], axis=a["dim"])
HANDLERS["log_softmax"] = lambda r, result, a, x: r.node("LogSoftmax", [r.name(x)], axis=a["dim"])


# ---- layers


@writes("linear")
def _linear(r, result, a, x):
    weight, bias = r.name(a["weight"]), a["bias"]
    if x.dim() == 2:
        return r.node("Gemm", [r.name(x), weight, *([r.name(bias)] if bias is not None else [])], transB=1)
    product = r.node("MatMul", [r.name(x), r.node("Transpose", [weight], perm=[1, 0])])
    return product if bias is None else r.node("Add", [product, r.name(bias)])


@writes("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv(r, result, a, x):
    weight = a["weight"]
    n = weight.dim() - 2
    attributes = {"strides": _pair(a["stride"], n), "dilations": _pair(a["dilation"], n), "group": a["groups"]}
    padding = a["padding"]
    if isinstance(padding, str):
        total = [0 if padding == "valid" else d * (k - 1) for d, k in zip(attributes["dilations"], weight.shape[2:])]
        attributes["pads"] = [t // 2 for t in total] + [t - t // 2 for t in total]
    else:
        attributes["pads"] = _pair(padding, n) * 2
    kind = "Conv"
    if "output_padding" in a:
        kind, attributes["output_padding"] = "ConvTranspose", _pair(a["output_padding"], n)
    batched = x.dim() == n + 2
    name = r.name(x) if batched else r.node("Unsqueeze", [r.name(x), r.constant([0])])
    inputs = [name, r.name(weight), *([r.name(a["bias"])] if a["bias"] is not None else [])]
    made = r.node(kind, inputs, kernel_shape=list(weight.shape[2:]), **attributes)
    return made if batched else r.node("Squeeze", [made, r.constant([0])])


@writes("batch_norm")
def _batch_norm(r, result, a, x):
    if a["training"] or a["running_mean"] is None:
        raise NotImplementedError("torch.onnx.export: batch_norm without running statistics is not written yet")
    mean = a["running_mean"]
    weight = torch.ones_like(mean) if a["weight"] is None else a["weight"]
    bias = torch.zeros_like(mean) if a["bias"] is None else a["bias"]
    inputs = [r.name(t) for t in (x, weight, bias, mean, a["running_var"])]
    return r.node("BatchNormalization", inputs, epsilon=a["eps"])


@writes("layer_norm")
def _layer_norm(r, result, a, x):
    shape = _pair(a["normalized_shape"], 1)
    weight = torch.ones(shape, dtype=x.dtype) if a["weight"] is None else a["weight"]
    inputs = [r.name(x), r.name(weight), *([r.name(a["bias"])] if a["bias"] is not None else [])]
    return r.node("LayerNormalization", inputs, axis=-len(shape), epsilon=a["eps"])


@writes("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d")
def _pool(r, result, a, x):
    if isinstance(result, tuple) or a.get("divisor_override") is not None:
        raise NotImplementedError("torch.onnx.export: pooling with indices or a divisor is not written as ONNX yet")
    n = x.dim() - 2
    size = _pair(a["kernel_size"], n)
    attributes = {"kernel_shape": size, "pads": _pair(a["padding"], n) * 2, "ceil_mode": int(a["ceil_mode"])}
    attributes["strides"] = size if a["stride"] in (None, [], ()) else _pair(a["stride"], n)
    if "count_include_pad" in a:
        return r.node("AveragePool", [r.name(x)], count_include_pad=int(a["count_include_pad"]), **attributes)
    return r.node("MaxPool", [r.name(x)], dilations=_pair(a["dilation"], n), **attributes)


@writes("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def _adaptive(r, result, a, x):
    n = x.dim() - 2
    before, after = x.shape[2:], result.shape[2:]
    if all(k == 1 for k in after):
        return r.node("GlobalAveragePool", [r.name(x)])
    if any(b % k for b, k in zip(before, after)):
        raise NotImplementedError("torch.onnx.export: adaptive pooling to sizes that do not divide the input's")
    size = [b // k for b, k in zip(before, after)][:n]
    return r.node("AveragePool", [r.name(x)], kernel_shape=size, strides=size)


@writes("embedding")
def _embedding(r, result, a, x):
    return r.node("Gather", [r.name(a["weight"]), r.name(x)], axis=0)


@writes("scaled_dot_product_attention")
def _attention(r, result, a, x):
    if a["attn_mask"] is not None or a["is_causal"] or a.get("enable_gqa"):
        raise NotImplementedError("torch.onnx.export: attention with a mask is not written as ONNX yet")
    key, value = a["key"], a["value"]
    order = [*range(key.dim() - 2), key.dim() - 1, key.dim() - 2]
    scale = a["scale"] or x.shape[-1] ** -0.5
    scores = r.node("MatMul", [r.name(x), r.node("Transpose", [r.name(key)], perm=order)])
    weights = r.node("Softmax", [r.node("Mul", [scores, r.constant(scale, x)])], axis=-1)
    return r.node("MatMul", [weights, r.name(value)])


# ---- shapes


@writes("flatten")
def _flatten(r, result, a, x):
    start, end = a["start_dim"] % max(x.dim(), 1), a["end_dim"] % max(x.dim(), 1)
    if start == 1 and end == x.dim() - 1:
        return r.node("Flatten", [r.name(x)], axis=1)
    return r.node("Reshape", [r.name(x), r.constant(list(result.shape))])


@writes("view", "reshape", "unflatten", "view_as", "reshape_as", "ravel")
def _reshape(r, result, a, x):
    sizes = list(result.shape)
    given = a.get("shape", ())
    given = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if len(given) == len(sizes) and -1 in given:
        sizes = list(given)
    return r.node("Reshape", [r.name(x), r.constant(sizes)])


@writes("permute", "transpose", "t", "swapaxes", "swapdims", "movedim", "moveaxis", "mT", "T")
def _permute(r, result, a, x):
    numbers = torch.arange(x.dim())
    if "dims" in a:
        dims = a["dims"]
        dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
        order = [d % x.dim() for d in dims]
    elif "dim0" in a or "axis0" in a:
        first, second = (a[k] % x.dim() for k in (("dim0", "dim1") if "dim0" in a else ("axis0", "axis1")))
        order = numbers.tolist()
        order[first], order[second] = second, first
    elif x.dim() <= 2:
        order = numbers.flip(0).tolist()
    else:
        raise NotImplementedError("torch.onnx.export: movedim is not written as ONNX yet; use permute")
    return r.node("Transpose", [r.name(x)], perm=order)


@writes("squeeze", "unsqueeze", "expand", "expand_as", "broadcast_to")
def _sizes(r, result, a, x):
    if result.numel() == x.numel():
        return r.node("Reshape", [r.name(x), r.constant(list(result.shape))])
    return r.node("Expand", [r.name(x), r.constant(list(result.shape))])


@writes("cat", "concat", "concatenate", "stack")
def _cat(r, result, a, tensors):
    names = [r.name(t) for t in tensors]
    axis = a["dim"] % result.dim()
    if result.dim() > tensors[0].dim():
        names = [r.node("Unsqueeze", [name, r.constant([axis])]) for name in names]
    return r.node("Concat", names, axis=axis)


@writes("chunk", "split", "unbind", "tensor_split")
def _split(r, result, a, x):
    axis = a.get("dim", 0) % x.dim()
    if result[0].dim() < x.dim():
        places = [r.constant([i]) for i in range(len(result))]
        return [r.node("Squeeze", [r.node("Gather", [r.name(x), i], axis=axis), r.constant([axis])]) for i in places]
    if len(result) == 1:
        return [r.node("Identity", [r.name(x)])]
    return r.node("Split", [r.name(x), r.constant([t.shape[axis] for t in result])], len(result), axis=axis)


@writes("__getitem__")
def _getitem(r, result, a, x):
    index = a.get("index", a.get("key"))
    if index is None:
        index = list(a.values())[1]
    index = index if isinstance(index, tuple) else (index,)
    added = any(i is None for i in index)
    index = tuple(i for i in index if i is not None)
    if any(not isinstance(i, (int, slice, type(Ellipsis))) for i in index):
        raise NotImplementedError("torch.onnx.export: indexing by tensors is not written as ONNX yet")
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index = index[:at] + (slice(None),) * (x.dim() - len(index) + 1) + index[at + 1 :]
    starts, ends, axes, steps = [], [], [], []
    for axis, i in enumerate(index):
        if i == slice(None):
            continue
        i = slice(i % x.shape[axis], i % x.shape[axis] + 1) if isinstance(i, int) else i
        start, end, step = i.indices(x.shape[axis])
        for values, value in zip((starts, ends, axes, steps), (start, end, axis, step)):
            values.append(value)
    name = r.node("Slice", [r.name(x), *map(r.constant, (starts, ends, axes, steps))]) if axes else r.name(x)
    gone = [axis for axis, i in enumerate(index) if isinstance(i, int)]
    if added:
        return r.node("Reshape", [name, r.constant(list(result.shape))])
    return r.node("Squeeze", [name, r.constant(gone)]) if gone else r.node("Identity", [name])


# ---- reductions and dtypes


def _reduction(kind):
    def handler(r, result, a, x):
        dim = a.get("dim")
        dims = list(range(x.dim())) if dim in (None, ()) else _pair(dim, 1)
        return r.node(kind, [r.name(x), r.constant(dims)], keepdims=int(bool(a.get("keepdim"))))

    return handler


for _name, _kind in {"sum": "ReduceSum", "mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin",
                     "logsumexp": "ReduceLogSumExp"}.items():  # fmt: skip
    HANDLERS[_name] = _reduction(_kind)


def _arg(kind):
    def handler(r, result, a, x):
        if a["dim"] is None:
            raise NotImplementedError("torch.onnx.export: argmax of all elements is not written as ONNX yet; give dim")
        return r.node(kind, [r.name(x)], axis=a["dim"], keepdims=int(a["keepdim"]))

    return handler


HANDLERS["argmax"], HANDLERS["argmin"] = _arg("ArgMax"), _arg("ArgMin")


@writes("to", "float", "double", "half", "long", "int", "bool", "type", "type_as")
def _cast(r, result, a, x):
    if result.dtype == x.dtype:
        return r.node("Identity", [r.name(x)])
    return r.node("Cast", [r.name(x)], to=_onnx_dtype(r, result.dtype))
