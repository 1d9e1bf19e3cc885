"""A stream socket under the engine: its descriptor, its timeout, and the one wait loop."""

from __future__ import annotations

import os
import socket as _socket
from contextlib import suppress
from threading import TIMEOUT_MAX
from time import monotonic

from ._arguments import INT_MAX, RECORD, address, flat, is_plain, let_go, readable
from ._change import connections
from ._facts import Facts
from ._gather import WANT_WRITE
from ._queue import eof, want
from ._types import Any, TypeVar
from ._wait import Waiter, set_blocking
from .bio import renew
from .connection import NOTHING, Connection
from .errors import SSLWantWriteError

_S = TypeVar("_S", bound="Transport")
_timeout_class: Any = _socket.timeout  # TimeoutError since Python 3.10


class Transport(Facts, _socket.socket):
    """A socket whose waits stand outside of every lock.

    While an engine is attached, the descriptor does not block, whatever Python's timeout is.
    """

    # A dict for what a program adds; without one, a connection is smaller (benchmark memory)
    __slots__ = ("__dict__", "_connected", "_context", "_session", "_sslobj", "_waiter", "_writing")

    _sslobj: Connection | None
    _waiter: Waiter | None
    _connected: bool
    #: OpenSSL wants an unfinished write repeated before it takes another: one writer at a time
    _writing: Any

    def __new__(cls: type[_S], *args: Any, **kwargs: Any) -> _S:
        """Make what a half-built socket has."""
        self = super().__new__(cls, *args, **kwargs)
        self._sslobj = self._waiter = self._session = None
        self._connected = False
        return self

    def _attach(self, connection: Connection, blocking: bool = False) -> None:
        fd = self.fileno()
        if not blocking:
            set_blocking(fd, False)
        connection.attach_fd(fd)
        self._waiter = Waiter(fd)
        self._sslobj = connection

    def _detach(self) -> None:
        """Take the engine off the descriptor, which then waits as Python's timeout says."""
        connection, self._sslobj = self._sslobj, None
        if connection is not None:
            connection.detach()
            if self.fileno() >= 0:
                set_blocking(self.fileno(), super().gettimeout() is None)

    def settimeout(self, value: float | None, /) -> None:
        """Let every operation wait for `value` seconds at most; None: for ever; 0: not at all.

        Source: `socket.socket.settimeout`.
        """
        connection = self._sslobj
        if connection is None:
            super().settimeout(value)
            return
        with connection._lock:  # OpenSSL never sees a blocking descriptor
            super().settimeout(value)
            set_blocking(self.fileno(), False)

    def setblocking(self, flag: bool, /) -> None:
        """Let every operation wait for ever, or not at all.

        Source: `socket.socket.setblocking`.
        """
        self.settimeout(None if flag else 0.0)

    def _drive(
        self,
        connection: Connection,
        operation: Any,
        *arguments: Any,
        verb: str = "",
        deadline: float | None = None,
    ) -> Any:
        """The result of an engine's operation, after as many waits as it wants.

        :param verb: what times out; by default what was waited for.
        :param deadline: when the timeout is over; by default it is counted from here.
        :raises TimeoutError: Python's timeout is over.
        :raises SSLWantReadError, SSLWantWriteError: the socket is non-blocking.
        """
        result = operation(*arguments)
        if type(result) is not int or result >= 0:
            return result
        return self._go_on(result, connection, operation, *arguments, verb=verb, deadline=deadline)

    def _go_on(
        self,
        result: int,
        connection: Connection,
        operation: Any,
        *arguments: Any,
        verb: str = "",
        deadline: float | None = None,
    ) -> Any:
        """What `_drive` does after a Want, `result`."""
        timeout = self.gettimeout()
        if timeout == 0:
            raise want(-result)
        if deadline is None and timeout is not None:
            deadline = monotonic() + timeout
        waiter = self._waiter
        if verb or result == WANT_WRITE or waiter is None:
            return self._repeat(result, connection, operation, arguments, verb, deadline)
        turn = waiter.turn
        waits = not turn.acquire(False)
        if waits and not turn.acquire(
            timeout=-1 if deadline is None else min(max(deadline - monotonic(), 0), TIMEOUT_MAX)
        ):
            raise _timeout_class("The read operation timed out")
        try:
            more = waits or (connection.rest is not NOTHING and connection.left())
            if more and not waiter.ended and self._sslobj is connection:
                # Another reader has left something, or found the end
                result = operation(*arguments)
                if type(result) is not int or result >= 0:
                    return result
            return self._repeat(result, connection, operation, arguments, verb, deadline)
        finally:
            turn.release()

    def _repeat(
        self,
        result: int,
        connection: Connection,
        operation: Any,
        arguments: tuple[Any, ...],
        verb: str,
        deadline: float | None,
    ) -> Any:
        """Wait for what `result` wants and try again, until it is done."""
        while True:
            left = None if deadline is None else deadline - monotonic()
            waiter = self._waiter
            if waiter is None or self._sslobj is not connection:
                raise eof()  # another thread has closed it or shut it down
            if left is not None and left <= 0:
                if not verb:
                    verb = "write" if result == WANT_WRITE else "read"
                raise _timeout_class(f"The {verb} operation timed out")
            if not waiter.wait(result == WANT_WRITE, left):
                continue  # the time is over; or, on PyPy, a signal has come
            if waiter.ended or self._sslobj is not connection:
                raise eof()  # another thread has closed it or shut it down
            result = operation(*arguments)
            if type(result) is not int or result >= 0:
                return result

    def _read_into(self, connection: Connection, size: int, buffer: Any) -> int:
        """The short way of `_read`, for what most programs have (benchmark recv_into-8k)."""
        if type(buffer) is memoryview:  # as files give it (benchmark http)
            if not is_plain(buffer):
                return self._read(connection, size, buffer)  # type: ignore[no-any-return]  # a count
            room, most = address(buffer), buffer.nbytes
        else:
            room = address(buffer)  # before one looks how long it is: now it stays so
            most = len(buffer)
        if not 0 < size <= most:
            size = most
        if not 0 < size <= INT_MAX:
            return self._read(connection, size, buffer)  # type: ignore[no-any-return]  # a count
        try:
            count = connection.read_into(room, size)
            if count >= 0:
                return count
            return self._go_on(count, connection, connection.read_into, room, size)  # type: ignore[no-any-return]
        except BaseException:
            let_go(room)
            raise

    def _write_now(self, connection: Connection, data: Any) -> int:
        """Write record by record, so that what has gone can be told when the socket is full."""
        sent = 0
        with memoryview(data) as view, flat(view) as octets:
            while True:
                source, size = readable(octets[sent : sent + RECORD])
                try:
                    sent += self._write(connection, source, size)
                except SSLWantWriteError:
                    if not sent:
                        raise
                    return sent
                finally:
                    del source  # it keeps the caller's buffer from being resized
                if sent == len(octets):
                    return sent

    def _write(
        self, connection: Connection, source: Any, size: int, deadline: float | None = None
    ) -> int:
        writing = self._writing
        if not writing.acquire(False):
            deadline = self._await_turn(source, deadline)
        try:
            count = connection.write(source, size)
            if count >= 0:
                return count
            return self._go_on(  # type: ignore[no-any-return]  # a count
                count, connection, connection.write, source, size, verb="write", deadline=deadline
            )
        except BaseException:
            let_go(source)
            raise
        finally:
            writing.release()

    def _write_pieces(self, connection: Connection, octets: memoryview) -> None:
        """Write all of it, record by record, with nothing of another thread between."""
        timeout = self.gettimeout()
        deadline = monotonic() + timeout if timeout else None
        if not self._writing.acquire(False):
            self._await_turn(None, deadline)
        try:
            at = 0
            while at < len(octets):
                piece = readable(octets[at : at + RECORD])
                at += self._write(connection, *piece, deadline=deadline)
                del piece
        finally:
            self._writing.release()

    def _await_turn(self, source: Any, deadline: float | None) -> float | None:
        """Wait until the write of another thread is done, then be the one who writes.

        :returns: the deadline, counted from here if there was none.
        """
        timeout = self.gettimeout()
        if timeout == 0:
            let_go(source)
            raise want(-WANT_WRITE)
        left: float = -1
        if timeout is not None:
            now = monotonic()
            deadline = now + timeout if deadline is None else deadline
            left = min(max(deadline - now, 0), TIMEOUT_MAX)
        if not self._writing.acquire(timeout=left):
            let_go(source)
            raise _timeout_class("The write operation timed out")
        return deadline

    def _real_close(self) -> None:
        waiter = self._waiter
        if waiter is not None and waiter.end():
            # The kernel keeps a descriptor that somebody waits for: end the wait first
            with suppress(OSError):
                super().shutdown(_socket.SHUT_RDWR)
        connection = self._sslobj
        if connection is not None:
            connection.detach()
        super()._real_close()  # type: ignore[misc]  # `socket` keeps it private
        # Not before: another thread's send would go out in plain text
        self._sslobj = None

    def detach(self) -> int:
        """Give up the descriptor, with TLS still on it, and return it.

        Source: `socket.socket.detach`.
        """
        connection, timeout = self._sslobj, self.gettimeout()
        fd = super().detach()
        if connection is not None:
            connection.detach()
            if fd >= 0:
                set_blocking(fd, timeout is None)
        # Not before: another thread's send would go out in plain text
        self._sslobj = None
        return fd


def _after_fork() -> None:
    """In a forked child: wait for no thread that was left behind."""
    renewed: dict[Any, Any] = {}
    for connection in list(connections.values()):
        owner = connection.owner
        if isinstance(owner, Transport) and owner._waiter is not None:
            owner._waiter.forget()
            owner._waiter.turn = renew(owner._waiter.turn, renewed)
            owner._writing = renew(owner._writing, renewed)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
