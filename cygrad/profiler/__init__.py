"""torch.profiler: profiles with steps, a schedule and a handler of finished traces."""

from .._standins import stand_in
from ..autograd.profiler import DeviceType, record_function
from . import itt
from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = ["DeviceType", "ExecutionTraceObserver", "kineto_available", "profile", "schedule", "supported_activities",
           "tensorboard_trace_handler", "ProfilerAction", "ProfilerActivity", "record_function", "itt"]  # fmt: skip

ExecutionTraceObserver = stand_in("profiler.ExecutionTraceObserver()", "cygrad's profiler writes Chrome's traces alone")


def kineto_available():
    """Whether the profiler is Kineto's: it is cygrad's own."""
    return False
