"""Convolutions of one, two and three dimensions, and transposed ones: arguments, shapes, gradients.

Three bilinear maps close under differentiation: the product y = F(x, w), its adjoint in the input x = I(y, w), which is
also the transposed convolution, and its adjoint in the weight w = W(x, y).  The derivative of each is the others, so
every order of gradient exists.  Each is a primitive: convolve, convolve_input, convolve_weight.
"""
from cygrad import _core
from cygrad._operators import complex as _complex
from cygrad._core cimport DOUBLE, FLOAT, Tensor, attach, grad_enabled, is_complex_code, raw_view
from cygrad._kernels.conv cimport channel_sum, convolve, convolve_input, convolve_weight
from cygrad._kernels.copies cimport plain, shaped, vector
from cygrad._kernels.matmul cimport linear
from cygrad._operators.family cimport as_matrix, as_rows, format_of, in_format, new_in_format, one_device, wants


cdef class Geometry:
    """A convolution from x_shape = (n, c, size...) with w_shape = (o, c / groups, kernel...) to y_shape."""
    cdef tuple x_shape, w_shape, y_shape, stride, padding, dilation
    cdef Py_ssize_t groups


cdef Geometry geometry(tuple x_shape, tuple w_shape, tuple y_shape, tuple stride, tuple padding, tuple dilation,
                       Py_ssize_t groups):
    cdef Geometry g = Geometry.__new__(Geometry)
    cdef Py_ssize_t i
    for i in range(len(stride)):
        if <Py_ssize_t> y_shape[i + 2] == 1 and <Py_ssize_t> stride[i] != 1:     # the only window is nowhere moved to
            stride = stride[:i] + (1,) + stride[i + 1:]
    g.x_shape, g.w_shape, g.y_shape, g.groups = x_shape, w_shape, y_shape, groups
    g.stride, g.padding, g.dilation = stride, padding, dilation
    return g


# ------------------------------------------------------------------ the three maps, differentiable

cdef object bias_gradient(node, int i, Tensor g):
    cdef Tensor r
    if not node.needs(i):
        return None
    others = [d for d in range(g.nd) if d != 1]
    if grad_enabled():
        return g.sum(others)
    r = vector(g.sizes[1], g.dt, g.dev)
    if r.count == 0:
        return r
    if r.dev:
        _core.backend_of(r.dev).reduce("sum", r, g, tuple(others), [])
    else:
        channel_sum(r, g)
    return r


cdef bint is_pointwise(Geometry g):
    """Whether each output is of one pixel: 1 x 1 kernels at every place."""
    cdef int i, n = <int> len(g.stride)
    if g.groups != 1:
        return False
    for i in range(n):
        if <int> g.w_shape[i + 2] != 1 or <int> g.stride[i] != 1 or <int> g.padding[i] != 0:
            return False
    return True


cdef Tensor as_weights(Tensor w):
    """The kernels (o, c, 1...) as a matrix, outside the graph."""
    cdef Py_ssize_t[2] sizes
    cdef Py_ssize_t[2] strides
    w = plain(w)
    sizes[0], sizes[1] = w.sizes[0], w.sizes[1]
    strides[0], strides[1] = w.sizes[1], 1
    return raw_view(w, 2, sizes, strides, w.offset)


cdef Tensor forward(Tensor x, Tensor w, Tensor bias, Geometry g, str name):
    cdef bint wx = wants(x), ww = wants(w)
    cdef Tensor y = shaped(g.y_shape, x.dt, x.dev), rows = as_rows(x) if x.dev == 0 and is_pointwise(g) else None
    if rows is not None and y.count and x.dt in (FLOAT, DOUBLE):
        y = new_in_format(y.nd, y.sizes, y.dt, 0, format_of(x))     # a product of matrices as it lies
        linear(as_matrix(y), rows, as_weights(w), bias)
    elif y.count:
        if y.dev:
            _core.backend_of(y.dev).convolve(y, x, w, bias, g.stride, g.padding, g.dilation, g.groups)
        else:
            convolve(y, x, w, bias, g.stride, g.padding, g.dilation, g.groups)
    if rows is None:
        y = in_format(y, max(format_of(x), format_of(w)))
    return attach(y, name, (x, w, bias), _forward_backward, (x if ww else None, w if wx else None), (g,))


cdef Tensor adjoint(Tensor y, Tensor w, Tensor bias, Geometry g, str name):
    cdef bint wy = wants(y), ww = wants(w)
    cdef Tensor x = shaped(g.x_shape, y.dt, y.dev)
    if x.count:
        if x.dev:
            _core.backend_of(x.dev).convolve_input(x, y, w, bias, g.stride, g.padding, g.dilation, g.groups)
        else:
            convolve_input(x, y, w, bias, g.stride, g.padding, g.dilation, g.groups)
    x = in_format(x, max(format_of(y), format_of(w)))
    return attach(x, name, (y, w, bias), _adjoint_backward, (y if ww else None, w if wy else None), (g,))


cdef Tensor correlation(Tensor x, Tensor y, Geometry g):
    cdef bint wx = wants(x), wy = wants(y)
    cdef Tensor w = shaped(g.w_shape, x.dt, x.dev)
    if w.count:
        if w.dev:
            _core.backend_of(w.dev).convolve_weight(w, x, y, g.stride, g.padding, g.dilation, g.groups)
        else:
            convolve_weight(w, x, y, g.stride, g.padding, g.dilation, g.groups)
    return attach(w, "ConvolutionBackwardBackward0", (x, y), _correlation_backward,
                  (x if wy else None, y if wx else None), (g,))


def _forward_backward(node, Tensor g):
    geo = node.args[0]
    x, w = node.saved()
    return (adjoint(g, <Tensor> w, None, <Geometry> geo, "ConvolutionBackwardBackward0") if node.needs(0) else None,
            correlation(<Tensor> x, g, <Geometry> geo) if node.needs(1) else None,
            bias_gradient(node, 2, g))


def _adjoint_backward(node, Tensor g):
    geo = node.args[0]
    y, w = node.saved()
    return (forward(g, <Tensor> w, None, <Geometry> geo, "ConvolutionBackwardBackward0") if node.needs(0) else None,
            correlation(g, <Tensor> y, <Geometry> geo) if node.needs(1) else None,
            bias_gradient(node, 2, g))


def _correlation_backward(node, Tensor g):
    geo = node.args[0]
    x, y = node.saved()
    return (adjoint(<Tensor> y, g, None, <Geometry> geo, "ConvolutionBackwardBackward0") if node.needs(0) else None,
            forward(<Tensor> x, g, None, <Geometry> geo, "ConvolutionBackwardBackward0") if node.needs(1) else None)


# ------------------------------------------------------------------ arguments

cdef tuple listed(str name, object value, int nd):
    if isinstance(value, int):
        return (value,) * nd
    value = tuple(value)
    if len(value) == 1:
        return value * nd
    if len(value) != nd:
        raise RuntimeError(f"expected {name} to be a single integer value or a list of {nd} values to match the "
                           f"convolution dimensions, but got {name}={list(value)}")
    return value


cdef int check_operands(Tensor x, Tensor w, Tensor bias, bint transposed, Py_ssize_t groups) except -1:
    cdef list shape = list(w.shape)
    cdef Py_ssize_t channels
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if x.dt != w.dt:
        kinds = _core.SCALAR_TYPE_NAMES
        if x.dt == FLOAT:
            raise RuntimeError(f"Input type (torch.{kinds[x.dt]}Tensor) and weight type (torch.{kinds[w.dt]}Tensor) "
                               "should be the same or input should be a MKLDNN tensor and weight is a dense tensor")
        raise RuntimeError(f"expected scalar type {kinds[x.dt]} but found {kinds[w.dt]}")
    if bias is not None and bias.dt != x.dt:
        kinds = _core.C_TYPE_NAMES
        raise RuntimeError(f"Input type ({kinds[x.dt]}) and bias type ({kinds[bias.dt]}) should be the same")
    if w.sizes[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got "
                           f"weight of size {shape} instead")
    if w.sizes[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but "
                           f"got weight of size [{shape}] instead")
    if not transposed:
        channels = w.sizes[1] * groups
        if x.sizes[1] != channels:
            raise RuntimeError(f"Given groups={groups}, weight of size {shape}, expected input{list(x.shape)} to have "
                               f"{channels} channels, but got {x.sizes[1]} channels instead")
        channels = w.sizes[0]
    else:
        if x.sizes[1] != w.sizes[0]:
            raise RuntimeError(f"Given transposed=1, weight of size {shape}, expected input{list(x.shape)} to have "
                               f"{w.sizes[0]} channels, but got {x.sizes[1]} channels instead")
        channels = w.sizes[1] * groups
    if bias is not None and (bias.nd != 1 or bias.sizes[0] != channels):
        raise RuntimeError(f"Given {'transposed=1, ' if transposed else ''}weight of size {shape}, expected bias to be "
                           f"1-dimensional with {channels} elements, but got bias of size {list(bias.shape)} instead")
    return 0


cdef str times(values):
    return "(" + " x ".join([str(v) for v in values]) + ")"


cdef object complex_convolution(Tensor x, Tensor w, Tensor bias, stride, padding, dilation, bint transposed,
                                output_padding, Py_ssize_t groups):
    """The convolution of complex numbers by four of their parts."""
    options = (None, stride, padding, dilation, transposed, output_padding, groups)
    real = convolution(x.real, w.real, *options) - convolution(x.imag, w.imag, *options)
    imag = convolution(x.real, w.imag, *options) + convolution(x.imag, w.real, *options)
    r = _complex.complex_(real, imag)
    return r if bias is None else r + bias.reshape((-1,) + (1,) * (w.nd - 2))


def convolution(Tensor input not None, Tensor weight not None, Tensor bias, stride, padding, dilation,
                bint transposed, output_padding, Py_ssize_t groups):
    """The cross-correlation of input (n, c, ...) with weight (o, c / groups, ...) plus bias (o), or its transpose.

    An input without the batch dimension gives a result without it.
    """
    cdef int nd = weight.nd - 2, i
    cdef str called = f"conv_transpose{nd}d" if transposed else f"conv{nd}d"
    cdef Geometry g
    cdef list out = []
    if nd < 1 or nd > 3:
        raise RuntimeError(f"expected weight of 3, 4 or 5 dimensions in a convolution, but got {list(weight.shape)}")
    if is_complex_code(input.dt) and input.dt == weight.dt:
        return complex_convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    one_device("convolution", input, weight, bias)
    if input.nd == nd + 1:
        return convolution(input.unsqueeze(0), weight, bias, stride, padding, dilation, transposed, output_padding,
                           groups).squeeze(0)
    if input.nd != nd + 2:
        raise RuntimeError(f"Expected {nd + 1}D (unbatched) or {nd + 2}D (batched) input to {called}, but got input of "
                           f"size: {list(input.shape)}")
    stride, padding = listed("stride", stride, nd), listed("padding", padding, nd)
    dilation, output_padding = listed("dilation", dilation, nd), listed("output_padding", output_padding, nd)
    for i in range(nd):
        if padding[i] < 0:
            raise RuntimeError("negative padding is not supported")
        if output_padding[i] < 0:
            raise RuntimeError("negative output_padding is not supported")
        if stride[i] <= 0:
            raise RuntimeError("non-positive stride is not supported")
        if dilation[i] <= 0:
            raise RuntimeError("non-positive dilation is not supported")
    check_operands(input, weight, bias, transposed, groups)
    kernel = weight.shape[2:]
    if 0 in kernel:
        raise RuntimeError(f"kernel size should be greater than zero, but got weight of size {list(weight.shape)}")
    size = input.shape[2:]
    if not transposed:
        padded = [size[i] + 2 * padding[i] for i in range(nd)]
        spread = [dilation[i] * (kernel[i] - 1) + 1 for i in range(nd)]
        if any([padded[i] < spread[i] for i in range(nd)]):
            raise RuntimeError(f"Calculated padded input size per channel: {times(padded)}. Kernel size: "
                               f"{times(spread)}. Kernel size can't be greater than actual input size")
        out = [(padded[i] - spread[i]) // stride[i] + 1 for i in range(nd)]
        g = geometry(tuple(input.shape), tuple(weight.shape), (input.sizes[0], weight.sizes[0], *out), stride, padding,
                     dilation, groups)
        return forward(input, weight, bias, g, "ConvolutionBackward0")
    if any([output_padding[i] >= stride[i] and output_padding[i] >= dilation[i] for i in range(nd)]):
        axes = ("depth", "height", "width") if nd == 3 else ("height", "width")
        named = [("output_padding", output_padding, 0), ("stride", stride, 1), ("dilation", dilation, 1)]
        raise RuntimeError("output padding must be smaller than either stride or dilation, but got " + " ".join(
            [f"{what}_{a}: {v}" for what, values, one in named
             for a, v in zip(axes, ((one,) if nd == 1 else ()) + values, strict=True)]))
    out = [(size[i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + output_padding[i] + 1
           for i in range(nd)]
    if any([n < 0 for n in out]):
        raise RuntimeError(f"Given input size per channel: {times(size)}. Calculated output size per channel: "
                           f"{times(out)}. Output size is too small")
    g = geometry((input.sizes[0], weight.sizes[1] * groups, *out), tuple(weight.shape), tuple(input.shape), stride,
                 padding, dilation, groups)
    return adjoint(input, weight, bias, g, "ConvolutionBackward0")
