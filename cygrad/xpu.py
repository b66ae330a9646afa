"""torch.xpu: Intel's GPUs, of which there are none; as in a PyTorch that was built without them."""

from ._standins import answer

is_available = answer(False)
device_count = answer(0)
is_initialized = answer(False)
empty_cache = manual_seed = manual_seed_all = answer(None)
memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = answer(0)


def _missing(*args, **kwargs):
    raise AssertionError("Torch not compiled with XPU enabled")


current_device = synchronize = get_device_name = get_device_properties = set_device = current_stream = init = _missing
get_device_capability = mem_get_info = get_rng_state = set_rng_state = device = _missing
get_rng_state_all, set_rng_state_all = answer([]), answer(None)
is_bf16_supported = is_current_stream_capturing = answer(False)
reset_peak_memory_stats = answer(None)
