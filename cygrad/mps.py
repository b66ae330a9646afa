"""torch.mps: Apple's GPUs, of which there are none; as in a PyTorch that was built without them."""

from ._standins import answer

is_available = answer(False)
device_count = answer(0)
manual_seed = answer(None)


def _missing(task):
    def function(*args, **kwargs):
        raise RuntimeError(f"Cannot execute {task}() without MPS backend.")

    return function


synchronize = _missing("deviceSynchronize")
empty_cache = _missing("emptyCache")
seed = get_rng_state = set_rng_state = _missing("getDefaultGenerator")
current_allocated_memory = _missing("getCurrentAllocatedMemory")
driver_allocated_memory = _missing("getDriverAllocatedMemory")
recommended_max_memory = _missing("getRecommendedMaxMemory")
set_per_process_memory_fraction = _missing("setMemoryFraction")
