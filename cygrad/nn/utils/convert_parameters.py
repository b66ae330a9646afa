"""All parameters as one vector and back."""

import math

import cygrad
from cygrad import Tensor


def parameters_to_vector(parameters):
    """The parameters, flattened and joined.

    parameters: an iterable of parameters, or one
    """
    return cygrad.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Make the pieces of ``vec`` the data of the parameters, in order.

    vec: a vector
    parameters: an iterable of parameters, or one
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {cygrad.typename(vec)}")
    start = 0
    for p in parameters:
        count = math.prod(p.shape)
        p.data = vec[start:start + count].view_as(p).data
        start += count
