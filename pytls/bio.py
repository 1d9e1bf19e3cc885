"""`MemoryBIO`: the bytes between a TLS connection and a transport of the program's own."""

from __future__ import annotations

from collections import deque
from ctypes import c_ssize_t
from threading import RLock

from . import _libcrypto as C
from ._arguments import INT_MAX, Buffer, as_bytes, c_int, fresh
from ._handle import Handle
from ._libcrypto import BIO_ctrl_pending, BIO_read, BIO_write
from ._types import Any
from .errors import SSLError


class BIO(Handle):
    """Own a `BIO*`."""

    __slots__ = ()
    _free = staticmethod(C.BIO_free)


class MemoryBIO:
    """A buffer of bytes that grows as needed, first in, first out.

    Source: `ssl.MemoryBIO`; BIO_s_mem(3).
    """

    # What a program writes waits in Python until OpenSSL reads, and what OpenSSL writes until the
    # program does: neither waits for the other's lock (benchmark bio-64).

    __slots__ = (
        "__weakref__",
        "_dry",
        "_handle",
        "_late",
        "_lock",
        "_pieces",
        "_source",
        "_write_eof",
    )

    _dry: bool
    _handle: BIO | None
    _late: bool
    _lock: Any
    _pieces: deque[Any]
    _source: tuple[BIO, Any] | None
    _write_eof: bool

    def __new__(cls) -> MemoryBIO:
        """Empty."""
        self = super().__new__(cls)
        #: what OpenSSL has not been handed, bytes or views of them
        self._pieces = deque()
        self._write_eof = False
        #: what OpenSSL was handed, as soon as a connection reads from here
        self._handle = None
        #: of who takes bytes out; also the lock of the connection that does
        self._lock = RLock()
        #: whether OpenSSL has read all that it was handed, and will only want more
        self._dry = False
        #: what a connection writes for it, and that one's lock; whether it has left much there
        self._source = None
        self._late = False
        return self

    @property
    def pending(self) -> int:
        """How many bytes are in the buffer. Source: `ssl.MemoryBIO.pending`."""
        late = 0
        if self._late:
            # Left where it is: asyncio asks after each write (benchmark asyncio-send)
            out, lock = self._source  # type: ignore[misc]  # who leaves something has set it
            with lock:
                late = int(BIO_ctrl_pending(out.ptr))
        elif self._dry and not self._pieces:
            return 0
        with self._lock:
            handed = BIO_ctrl_pending(self._handle.ptr) if self._handle is not None else 0
            return late + int(handed) + sum(map(len, self._pieces.copy()))

    @property
    def eof(self) -> bool:
        """Whether the buffer is empty and `write_eof` was called. Source: `ssl.MemoryBIO.eof`."""
        return self._write_eof and not self.pending

    def read(self, size: int = -1, /) -> bytes:
        """Take up to `size` bytes out of the buffer; all of them when it is negative.

        :returns: the bytes; ``b""`` when there are none.

        Source: `ssl.MemoryBIO.read`; BIO_read(3).
        """
        if size != -1:
            size = c_int(size)
        if self._late:
            self._fetch()
        pieces = self._pieces
        if not pieces and (self._dry or self._handle is None):
            return b""
        with self._lock:
            if size < 0:
                if len(pieces) == 1 and self._handle is None:
                    return as_bytes(pieces.popleft())
                size = INT_MAX
            taken: list[Any] = self._take_back(size) if self._handle is not None else []
            while pieces:
                piece = pieces.popleft()
                if len(piece) > size:
                    view = memoryview(piece)
                    pieces.appendleft(view[size:])
                    taken.append(view[:size])
                    break
                taken.append(piece)
                size -= len(piece)
            return b"".join(taken)  # of one, that one

    def write(self, b: Buffer, /) -> int:
        """Append the bytes-like `b`.

        :returns: how many bytes were written: all of them.
        :raises SSLError: after `write_eof`.

        Source: `ssl.MemoryBIO.write`; BIO_write(3).
        """
        data = b if type(b) is bytes else as_bytes(b)
        size = len(data)
        if size > INT_MAX:
            raise OverflowError(f"string longer than {INT_MAX} bytes")
        if self._write_eof:
            raise SSLError("cannot write() after write_eof()")
        if size:
            self._pieces.append(data)
        return size

    def write_eof(self) -> None:
        """Say that nothing more will be written; `eof` is true once all has been read.

        Source: `ssl.MemoryBIO.write_eof`; BIO_set_mem_eof_return(3).
        """
        with self._lock:
            self._write_eof = True
            self._tell_eof()

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle '_ssl.MemoryBIO' object")

    def _fetch(self) -> None:
        """Take what a connection has left: no more copies of much than one (benchmark bio-bulk)."""
        out, lock = self._source  # type: ignore[misc]  # who leaves something has set it
        with lock:
            self._late = False
            data = drain(out.ptr, INT_MAX)
            if data:
                self._pieces.append(data)

    # --- OpenSSL's side; who calls has the lock

    def _hand_over(self) -> Any:
        """The `BIO*` that OpenSSL reads; what is written from now on is for `_feed`."""
        if self._late:
            self._fetch()
        with self._lock:
            if self._handle is None:
                self._handle = BIO(C.BIO_new(C.BIO_s_mem()))
            self._tell_eof()
            return self._handle.ptr

    def _tell_eof(self) -> None:
        self._dry = False
        if self._write_eof and self._handle is not None:
            C.BIO_set_mem_eof_return(self._handle.ptr, 0)

    def _feed(self) -> None:
        """Hand OpenSSL what was written since."""
        pieces = self._pieces
        ptr = self._handle.ptr  # type: ignore[union-attr]  # a connection reads from here
        self._dry = False
        while pieces:
            piece = as_bytes(pieces[0])
            if BIO_write(ptr, piece, len(piece)) < 0:
                raise MemoryError("BIO_write failed")
            pieces.popleft()

    def _take_back(self, size: int) -> list[bytes]:
        """What OpenSSL was handed and has not read, all or `size` bytes; `_feed` comes first."""
        self._feed()
        return [drain(self._handle.ptr, size)]  # type: ignore[union-attr]  # there is one


def drain(ptr: Any, size: int) -> bytes:
    """Up to `size` bytes out of a `BIO*`, copied once."""
    size = min(size, BIO_ctrl_pending(ptr))
    if not size:
        return b""
    room = fresh(None, c_ssize_t(size))
    data: bytes = room[: BIO_read(ptr, room, size)]
    return data


def renew(lock: Any, renewed: dict[Any, Any]) -> Any:
    """`lock` or, when a thread holds it that a fork has left behind, another in its place.

    :param renewed: what came in the place of which; the same for all that may share a lock.
    """
    if lock.acquire(blocking=False):
        lock.release()
        return lock
    return renewed.setdefault(lock, RLock())
