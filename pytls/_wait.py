"""Waiting until a socket is ready, and whether its descriptor blocks."""

from __future__ import annotations

import math
import os
import select
import sys
from _thread import RLock

from ._types import Any

_MOST_MS = 0x7FFFFFFF
_POLLS = hasattr(select, "poll")

if sys.platform == "win32":  # pragma: no cover
    import ctypes

    _FIONBIO = 0x8004667E

    def set_blocking(fd: int, blocking: bool) -> None:
        """Let the calls on `fd` wait, or not; Python's own timeout stays."""
        flag = ctypes.c_ulong(0 if blocking else 1)
        if ctypes.windll.ws2_32.ioctlsocket(ctypes.c_void_p(fd), _FIONBIO, ctypes.byref(flag)):
            raise ctypes.WinError(ctypes.get_last_error())
else:
    set_blocking = os.set_blocking


class Waiter:
    """Waits for one descriptor; any number of threads at once."""

    __slots__ = ("_fd", "_idle", "_waiting", "ended", "turn")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # A poll object serves one thread at a time. For reading: to write, one seldom waits
        self._idle: list[Any] = []
        # One entry for each thread
        self._waiting: list[None] = []
        #: whether the descriptor is being closed
        self.ended = False
        #: one reader waits, the others wait for it: what it leaves wakes nobody who polls
        self.turn = RLock()

    def end(self) -> bool:
        """Let nobody begin to wait any more; whether a thread is waiting."""
        self.ended = True
        return bool(self._waiting)

    def forget(self) -> None:
        """In a forked child: the other threads were left behind."""
        self._waiting.clear()

    def wait(self, for_writing: bool, timeout: float | None) -> bool:
        """Wait until the descriptor is ready, closed or broken.

        :param for_writing: whether it is to be writable instead of readable.
        :param timeout: seconds; None: for ever.
        :returns: False when the time is over.
        """
        self._waiting.append(None)
        try:
            if self.ended:  # in this order: whoever ends it has seen us or is seen
                return True
            if not _POLLS:
                return self._select(for_writing, timeout)
            idle: list[Any] = [] if for_writing else self._idle
            try:
                poller = idle.pop()
            except IndexError:
                poller = select.poll()
                poller.register(self._fd, select.POLLOUT if for_writing else select.POLLIN)
            try:
                if timeout is None:
                    return bool(poller.poll())
                # Never shorter than asked for
                return bool(poller.poll(min(math.ceil(max(timeout, 0) * 1000), _MOST_MS)))
            finally:
                idle.append(poller)
        finally:
            del self._waiting[-1:]  # `forget` may have been here

    def _select(self, for_writing: bool, timeout: float | None) -> bool:
        ready = [self._fd]
        if for_writing:
            return any(select.select([], ready, ready, timeout))
        return any(select.select(ready, [], ready, timeout))
