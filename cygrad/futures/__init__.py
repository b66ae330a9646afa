"""torch.futures: results that come later, set by another thread or by a callback."""

import threading

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result that is set once, by `set_result` or `set_exception`, and may be waited for in any thread."""

    def __init__(self, *, devices=None):
        for device in devices or ():
            raise ValueError(f"Expected devices to have indices, got {device}")
        self._ready = threading.Condition()
        self._done = False
        self._value = self._error = None
        self._callbacks = []

    def __class_getitem__(cls, item):
        return cls

    def done(self):
        """Whether the result, or an exception, has been set."""
        return self._done

    def wait(self):
        """The result, as soon as it is there; raises the exception if one was set."""
        with self._ready:
            self._ready.wait_for(self.done)
        return self.value()

    def value(self):
        """The result, which must be there; raises the exception if one was set."""
        if not self._done:
            raise RuntimeError("Future.value(): the future is not completed; wait() waits for that")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value, error):
        with self._ready:
            if self._done:
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can "
                    "only be marked completed once."
                )
            self._done, self._value, self._error = True, value, error
            self._ready.notify_all()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def set_result(self, result):
        """Sets the result; RuntimeError if there is one."""
        self._finish(result, None)

    def set_exception(self, result):
        """Sets the exception that `wait` and `value` shall raise."""
        assert isinstance(result, Exception), f"{result} is of type {type(result)}, not an Exception."
        self._finish(None, result)

    def add_done_callback(self, callback):
        """Calls `callback(self)` when the result is there, at once if it is."""
        with self._ready:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of what `callback(self)` will return when the result is there."""
        if not callable(callback):
            raise TypeError(f"then(): the callback must be callable, not {type(callback).__name__}")
        after = Future()

        def run(future):
            try:
                result = callback(future)
            except Exception as error:
                message = f"Got the following error when running the callback: {type(error).__name__}: {error}"
                failure = RuntimeError(message)
                failure.__cause__ = error
                after.set_exception(failure)
            else:
                after.set_result(result)

        self.add_done_callback(run)
        return after


def collect_all(futures):
    """A future of the list of futures, done when all of them are."""
    everything, left = Future(), [len(futures)]
    lock = threading.Lock()
    if not futures:
        everything.set_result([])

    def count(_):
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            everything.set_result(list(futures))

    for future in futures:
        future.add_done_callback(count)
    return everything


def wait_all(futures):
    """The results of all futures; raises the exception of the first that has one."""
    return [future.wait() for future in collect_all(futures).wait()]
