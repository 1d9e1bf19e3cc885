"""The calls of C alone, by pytls' own bound functions: the least that ctypes can cost.

It has what the workloads use of `ssl`; the rest is pytls', the settings of a context too. What is
missing is what makes a module safe: locks, callbacks, checks of arguments, errors but "want read".

A descriptor blocks unless there is a timeout, and what may wait gives up the interpreter's lock.
"""

from __future__ import annotations

import io
import select
import socket
from ctypes import c_ssize_t
from functools import partial
from typing import Any, Callable

import pytls
from pytls._arguments import (
    ENCRYPTED,
    RECORD,
    RECORD_SIZE,
    SHORT,
    address,
    array,
    fresh,
    pointer,
    start,
)
from pytls._libcrypto import (
    BIO_ctrl_pending,
    BIO_new,
    BIO_read,
    BIO_s_mem,
    BIO_write,
    X509_VERIFY_PARAM_set1_host,
)
from pytls._libssl import (
    SSL_SENT_SHUTDOWN,
    SSL_do_handshake,
    SSL_free,
    SSL_get0_param,
    SSL_get1_session,
    SSL_get_error,
    SSL_new,
    SSL_read,
    SSL_read_short,
    SSL_session_reused,
    SSL_set_accept_state,
    SSL_set_bio,
    SSL_set_connect_state,
    SSL_set_fd,
    SSL_set_session,
    SSL_set_shutdown,
    SSL_set_tlsext_host_name,
    SSL_shutdown,
    SSL_write,
    SSL_write_short,
)
from pytls.session import SESSION

_WANT_READ, _ZERO_RETURN = 2, 6  # SSL_get_error(3)

_MEMORY = BIO_s_mem()

_rooms: list[tuple[Any, Any]] = []


class WantReadError(pytls.SSLWantReadError):
    """Quick to make."""

    errno = _WANT_READ


def __getattr__(name: str) -> Any:
    return getattr(pytls, name)


class SSLContext(pytls.SSLContext):
    """One of pytls that makes bare connections."""

    def wrap_socket(  # type: ignore[override]  # as much as is used
        self,
        sock: socket.socket,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: SESSION | None = None,
    ) -> Socket:
        """TLS on a blocking `sock`, after its handshake."""
        return Socket(self._handle.ptr, sock, server_hostname, session)

    def wrap_bio(  # type: ignore[override]  # as much as is used
        self,
        incoming: MemoryBIO,
        outgoing: MemoryBIO,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> Memory:
        """TLS between two BIOs."""
        return Memory(self._handle.ptr, incoming, outgoing, server_hostname)


class _Connection:
    """An `SSL*`: a client's with its peer's name, or a server's."""

    __slots__ = ("_record", "_room", "_ssl")

    def __init__(self, ctx: Any, server_hostname: str | None) -> None:
        self._record, self._room = _rooms.pop() if _rooms else array()
        self._ssl = ssl = pointer(SSL_new(ctx))
        if server_hostname is None:
            SSL_set_accept_state(ssl)
            return
        name = server_hostname.encode()
        SSL_set_tlsext_host_name(ssl, name)
        X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), name, len(name))
        SSL_set_connect_state(ssl)

    def __del__(self) -> None:
        SSL_set_shutdown(self._ssl, SSL_SENT_SHUTDOWN)  # or its session could not be resumed
        SSL_free(self._ssl)
        _rooms.append((self._record, self._room))

    def do_handshake(self) -> None:
        """SSL_do_handshake(3)"""
        ret = SSL_do_handshake(self._ssl)
        if ret != 1:
            self._must_want_read(ret)
            raise WantReadError

    def _must_want_read(self, ret: int) -> bool:
        """Whether it does; else the peer has closed, in order."""
        code = SSL_get_error(self._ssl, ret)
        if code not in (_WANT_READ, _ZERO_RETURN):
            raise RuntimeError(f"SSL_get_error: {code}")
        return bool(code == _WANT_READ)


class Socket(_Connection):
    """Over a descriptor. `recv` and `recv_into` cannot be mixed."""

    __slots__ = ("_answer", "_last", "_poll", "_read_short", "_rest", "_sock", "_write_short")

    def __init__(
        self,
        ctx: Any,
        sock: socket.socket,
        server_hostname: str | None,
        session: SESSION | None,
    ) -> None:
        super().__init__(ctx, server_hostname)
        self._sock = sock
        #: how many bytes came last, and what nobody has asked for yet
        self._last = 0
        self._rest: io.BytesIO | None = None
        #: with a timeout, what waits; after a message of one's own, before OpenSSL is asked
        self._poll: Callable[[], Any] | None = None
        self._answer: Callable[[], Any] | None = None
        self._read_short, self._write_short = SSL_read, SSL_write
        SSL_set_fd(self._ssl, sock.fileno())
        if session is not None:
            SSL_set_session(self._ssl, session.ptr)
        self.do_handshake()

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes of a record, which is read whole."""
        if self._rest is not None:
            data = self._rest.read(size)
            if data:
                return data
            self._rest = None
        if self._answer is not None:
            self._answer()
            self._answer = None
        if self._last > SHORT:
            record = fresh(None, RECORD_SIZE)
            count = SSL_read(self._ssl, record, RECORD)
        else:
            record = self._record
            count = self._read_short(self._ssl, self._room, RECORD)
        if count <= 0:
            return self.recv(size) if self._more(count) else b""
        self._last = count
        if count <= size:
            return record[:count]  # type: ignore[no-any-return]  # bytes
        self._rest = io.BytesIO(record[:count])
        return self._rest.read(size)

    def recv_into(self, buffer: Any) -> int:
        """Up to ``len(buffer)`` bytes of a record into a writable buffer of bytes."""
        size = len(buffer)
        read = SSL_read if size > SHORT else self._read_short
        count: int = read(self._ssl, address(buffer), size)
        if count <= 0:
            return self.recv_into(buffer) if self._more(count) else 0
        return count

    def send(self, data: bytes) -> int:
        """Everything."""
        size = len(data)
        if (SSL_write if size > SHORT else self._write_short)(self._ssl, data, size) != size:
            raise RuntimeError("SSL_write")
        self._answer = self._poll
        return size

    sendall = send

    def _more(self, count: int) -> bool:
        """Wait, if there is a timeout, after a call that gave `count`; False: there is no more."""
        if not self._must_want_read(count):
            return False
        if self._poll is None:
            raise WantReadError
        self._poll()
        return True

    def settimeout(self, value: float | None) -> None:
        """None: the descriptor blocks; 0: nothing waits."""
        self._sock.settimeout(value)
        self._answer = self._poll = None
        self._read_short, self._write_short = SSL_read, SSL_write
        if value is not None:
            self._read_short, self._write_short = SSL_read_short, SSL_write_short
        if value:
            poller = select.poll()
            poller.register(self._sock, select.POLLIN)
            self._poll = partial(_wait, poller.poll, value * 1000)

    def setblocking(self, flag: bool) -> None:
        """Wait for ever, or not at all."""
        self.settimeout(None if flag else 0.0)

    def fileno(self) -> int:
        """The descriptor."""
        return self._sock.fileno()

    def makefile(self, mode: str) -> io.BufferedReader:
        """A file to read."""
        return io.BufferedReader(_Raw(self))

    @property
    def session(self) -> SESSION:
        """What resumes it."""
        return SESSION(SSL_get1_session(self._ssl))

    @property
    def session_reused(self) -> bool:
        """Whether a session was resumed."""
        return bool(SSL_session_reused(self._ssl))

    def close(self) -> None:
        """Close the descriptor; the rest is freed with the object."""
        self._sock.close()

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wait(poll: Callable[[float], Any], milliseconds: float) -> None:
    if not poll(milliseconds):
        raise TimeoutError


class _Raw(io.RawIOBase):
    """What is below a file."""

    def __init__(self, connection: Socket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)

    def readall(self) -> bytes:
        whole = io.BytesIO()
        whole.writelines(iter(partial(self._connection.recv, RECORD), b""))
        return whole.getvalue()


class Memory(_Connection):
    """Between two memory BIOs, which it owns."""

    __slots__ = ("_incoming", "dry", "large", "late")

    def __init__(
        self,
        ctx: Any,
        incoming: MemoryBIO,
        outgoing: MemoryBIO,
        server_hostname: str | None,
    ) -> None:
        super().__init__(ctx, server_hostname)
        self._incoming = incoming.ptr
        #: whether OpenSSL has read all that came, and whether that was more than a record
        self.dry = self.large = False
        #: whether it has written much
        self.late = False
        SSL_set_bio(self._ssl, incoming.ptr, outgoing.ptr)
        incoming.owner = outgoing.owner = self

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, which is a record's at least."""
        if self.dry:
            raise WantReadError
        if self.large:
            return self._read_records(size)
        count = SSL_read_short(self._ssl, self._room, RECORD)
        if count <= 0:
            return self._ended(count)
        self.dry = not BIO_ctrl_pending(self._incoming)
        return self._record[:count]  # type: ignore[no-any-return]  # bytes

    def _read_records(self, size: int) -> bytes:
        most = min(size, BIO_ctrl_pending(self._incoming)) // RECORD or 1
        room = fresh(None, c_ssize_t(most * RECORD))
        begin = start(room)
        got = 0
        while got <= (most - 1) * RECORD:
            count = SSL_read(self._ssl, pointer(begin + got), RECORD)
            if count <= 0:
                break
            got += count
        if not got:
            return self._ended(count)
        self.dry = count > 0 and not BIO_ctrl_pending(self._incoming)
        return room[:got]  # type: ignore[no-any-return]  # bytes

    def _ended(self, count: int) -> bytes:
        if self._must_want_read(count):
            self.dry = True
            raise WantReadError
        return b""

    def write(self, data: bytes | memoryview) -> int:
        """Everything."""
        size = len(data)
        if type(data) is not bytes:
            data = bytes(data)  # before Python 3.11, asyncio writes views
        if size > SHORT:
            self.late = True
            count = SSL_write(self._ssl, data, size)
        else:
            count = SSL_write_short(self._ssl, data, size)
        if count != size:
            raise RuntimeError("SSL_write")
        return size

    def unwrap(self) -> None:
        """SSL_shutdown(3)"""
        SSL_shutdown(self._ssl)

    def cipher(self) -> None:
        """Something for asyncio to ask."""

    getpeercert = compression = cipher


class MemoryBIO:
    """A `BIO*`, good as long as its connection, which it keeps."""

    __slots__ = ("owner", "ptr")

    owner: Memory

    def __init__(self) -> None:
        self.ptr = pointer(BIO_new(_MEMORY))

    @property
    def pending(self) -> int:
        """BIO_ctrl_pending(3)"""
        return int(BIO_ctrl_pending(self.ptr))

    def write(self, data: bytes | memoryview) -> int:
        """What came from the peer."""
        size = len(data)
        owner = self.owner
        owner.dry = False
        owner.large = size > SHORT
        if type(data) is memoryview:
            return int(BIO_write(self.ptr, address(data) if size > SHORT else data.tobytes(), size))
        return int(BIO_write(self.ptr, data, size))

    def read(self) -> bytes:
        """All that is for the peer."""
        owner = self.owner
        if owner.late:
            owner.late = False
            size = BIO_ctrl_pending(self.ptr)
            room = fresh(None, c_ssize_t(size))
            return room[: BIO_read(self.ptr, room, size)]  # type: ignore[no-any-return]  # bytes
        count = BIO_read(self.ptr, owner._room, ENCRYPTED)
        if count <= 0:
            return b""
        data: bytes = owner._record[:count]
        return data if count < ENCRYPTED else data + self.read()
