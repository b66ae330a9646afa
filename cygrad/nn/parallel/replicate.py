"""Copies of a module for each device."""

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """Replicas of a module that share its parameters, one for each device."""
    if len(devices) > 1:
        raise NotImplementedError("replicate onto several devices is not available in cygrad")
    return [network._replicate_for_data_parallel() for _ in devices]
