"""torch.profiler.itt: marks for Intel's tools, which cygrad does not make."""


def is_available():
    """False."""
    return False


def _missing(*args, **kwargs):
    raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")


range_push = range_pop = mark = range = _missing
