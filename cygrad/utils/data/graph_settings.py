"""Settings of all data pipes of a graph at once: shares, shuffling, seeds."""

import inspect

from .datapipes.datapipe import IterDataPipe, MapDataPipe
from .graph import traverse_dps

__all__ = [
    "apply_random_seed", "apply_sharding", "apply_shuffle_seed", "apply_shuffle_settings", "get_all_graph_pipes",
]  # fmt: skip


def get_all_graph_pipes(graph):
    """The pipes of a graph, each once."""
    found = {}
    for key, (pipe, below) in graph.items():
        found[key] = pipe
        found.update((id(p), p) for p in get_all_graph_pipes(below))
    return list(found.values())


def apply_sharding(datapipe, num_of_instances, instance_id, sharding_group=None):
    """Tells the pipes that can take a share which one; RuntimeError where two lie in one branch."""

    def apply(graph, above):
        for pipe, below in graph.values():
            here = above
            if hasattr(pipe, "is_shardable") and pipe.is_shardable() and hasattr(pipe, "apply_sharding"):
                if above is not None:
                    raise RuntimeError(
                        "Sharding twice on a single pipeline is likely unintended and will cause data loss. "
                        f"Sharding already applied to {above} while trying to apply to {pipe}"
                    )
                takes_group = len(inspect.signature(pipe.apply_sharding).parameters) >= 3
                pipe.apply_sharding(num_of_instances, instance_id, *((sharding_group,) if takes_group else ()))
                here = pipe
            apply(below, here)

    apply(traverse_dps(datapipe), None)
    return datapipe


def share_data_pipe(dataset, count, index, seed):
    """What a DataLoader tells a data pipe before each pass: its share, and a seed that is the same in all workers."""
    from ... import Generator

    if isinstance(dataset, (IterDataPipe, MapDataPipe)):
        apply_random_seed(dataset, Generator().manual_seed(seed))
        apply_sharding(dataset, count, index)


def apply_shuffle_settings(datapipe, shuffle=None):
    """Turns shuffling on or off; None leaves it as it is."""
    if shuffle is None:
        return datapipe
    shufflers = [p for p in get_all_graph_pipes(traverse_dps(datapipe)) if hasattr(p, "set_shuffle")]
    if shuffle and not shufflers:
        import warnings

        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end. Be aware "
            "that the default buffer size might not be sufficient for your task.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for pipe in shufflers:
        pipe.set_shuffle(shuffle)
    return datapipe


def apply_shuffle_seed(datapipe, rng):
    """`apply_random_seed`."""
    return apply_random_seed(datapipe, rng)


def apply_random_seed(datapipe, rng):
    """Gives each pipe that draws a seed from a generator."""
    import cygrad

    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if hasattr(pipe, "set_seed"):
            pipe.set_seed(int(cygrad.empty((), dtype=cygrad.int64).random_(generator=rng)))
    return datapipe
