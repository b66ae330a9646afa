"""torch.profiler: profiles with steps, a schedule and a handler of finished traces."""

from ..autograd.profiler import record_function
from . import itt
from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = ["profile", "schedule", "supported_activities", "tensorboard_trace_handler", "ProfilerAction",
           "ProfilerActivity", "record_function", "itt"]  # fmt: skip
