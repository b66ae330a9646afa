"""torch.cuda's streams and events, where PyTorch has them."""

from . import functions

Event, Stream, StreamContext = functions.Event, functions.Stream, functions.published()["StreamContext"]
current_stream, default_stream = functions.current_stream, functions.default_stream
set_stream, stream = functions.set_stream, functions.stream

__all__ = ["Event", "Stream", "StreamContext", "current_stream", "default_stream", "set_stream", "stream"]
