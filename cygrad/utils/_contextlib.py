"""The base of contexts that are decorators too, under the name by which libraries import it."""

from ..autograd.grad_mode import _Context as _DecoratorContextManager  # noqa: F401
